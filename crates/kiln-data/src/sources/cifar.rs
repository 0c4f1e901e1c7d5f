//! The binary files of CIFAR-10 and CIFAR-100.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{labels::Labels, raw::Raw};
use crate::{
    DataError, ImageShape, Images,
    content::{hex, read_regular},
    images::interleaved,
};

/// The largest file that is read. Those of CIFAR-100 have 154 MB.
const LARGEST: u64 = 1 << 30;

/// The files of a folder, and the bytes before the pixels of an image. The last of these is the label.
struct Files {
    train: Vec<PathBuf>,
    test: PathBuf,
    labels: usize,
    names: &'static str,
}

impl Files {
    fn of(folder: &Path) -> Option<Self> {
        let at = |name: &str| folder.join(name);
        let ten: Vec<PathBuf> =
            (1..=5).map(|i| at(&format!("data_batch_{i}.bin"))).filter(|path| path.is_file()).collect();
        if !ten.is_empty() && at("test_batch.bin").is_file() {
            return Some(Self { train: ten, test: at("test_batch.bin"), labels: 1, names: "batches.meta.txt" });
        }
        let (train, test) = (at("train.bin"), at("test.bin"));
        (train.is_file() && test.is_file()).then(|| Self {
            train: vec![train],
            test,
            labels: 2,
            names: "fine_label_names.txt",
        })
    }
}

/// Returns whether a folder has the files.
pub(super) fn is_in(folder: &Path) -> bool {
    Files::of(folder).is_some()
}

/// Reads the folder.
pub(super) fn read(folder: &Path) -> Result<Raw, DataError> {
    let Some(files) = Files::of(folder) else { return Err(DataError::MissingFile { path: folder.join("test.bin") }) };
    let names = fs::read_to_string(folder.join(files.names)).ok();
    let names = names.map(|names| names.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>());
    let mut digest = Sha256::new();
    let mut parts = Vec::new();
    for paths in [&files.train[..], std::slice::from_ref(&files.test)] {
        let (mut labels, mut pixels) = (Vec::new(), Vec::new());
        for path in paths {
            let bytes = read_regular(path, LARGEST)?;
            digest.update(&bytes);
            let shape = ImageShape::rgb(32, 32);
            let record = files.labels + shape.dims();
            if bytes.is_empty() || bytes.len() % record != 0 {
                let cause = format!("it has {} bytes, and CIFAR's files have {record} for each image", bytes.len());
                return Err(DataError::NotImages { path: path.clone(), cause });
            }
            for image in bytes.chunks_exact(record) {
                labels.push(u32::from(image[files.labels - 1]));
                pixels.extend(interleaved(&image[files.labels..], shape));
            }
        }
        let most = labels.iter().max().map_or(0, |most| *most as usize + 1);
        let names = names.clone().filter(|names| names.len() >= most);
        let images = Images::of_shape(pixels, ImageShape::rgb(32, 32), u8::MAX)?;
        parts.push((images, Some(Labels { labels, names })));
    }
    Raw::of_parts(parts, hex(&digest.finalize()), Vec::new())
}
