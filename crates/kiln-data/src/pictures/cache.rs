//! Decoded pictures that are kept for the next time.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{found::Found, how::How, store::kept};
use crate::{BadPicture, Dataset, ImageShape, Images, content::hex};

/// It changes whenever the same files would give other images.
const VERSION: u32 = 1;
/// Fewer bytes are decoded again.
const LEAST: usize = 1 << 24;

/// The place of some pictures in the cache: a file of their pixels, and one of what else was found. A cache that cannot be read or written
/// is none.
pub(super) struct Cache {
    folder: PathBuf,
    key: String,
}

/// The second file, which is written last.
#[derive(Serialize, Deserialize)]
struct Record {
    shape: ImageShape,
    files: Vec<String>,
    bad: Vec<BadPicture>,
    sizes: Vec<([usize; 2], usize)>,
}

impl Cache {
    pub(super) fn new(folder: &Path, sha256: &str, how: &How) -> Option<Self> {
        fs::create_dir_all(folder).ok()?;
        let How { size, fit, color } = how;
        let key = Sha256::digest(format!("{VERSION} {sha256} {size:?} {fit} {color}"));
        Some(Self { folder: folder.to_owned(), key: hex(&key[..16]) })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn pixels(&self) -> PathBuf {
        self.folder.join(format!("{}.pixels", self.key))
    }

    fn record(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.key))
    }

    pub(super) fn load(&self) -> Option<Found> {
        let Record { shape, files, bad, sizes } = serde_json::from_slice(&fs::read(self.record()).ok()?).ok()?;
        let images = kept(&self.pixels(), files.len(), shape)?;
        Some(Found { files, bad, sizes, images: Some(images) })
    }

    pub(super) fn save(&self, found: &Found) {
        let Some(images) = &found.images else { return };
        if images.is_in_memory() && images.len() * images.dims() >= LEAST && self.write_pixels(images).is_none() {
            return;
        }
        if images.len() * images.dims() >= LEAST {
            let Found { files, bad, sizes, .. } = found;
            let record = Record { shape: images.shape(), files: files.clone(), bad: bad.clone(), sizes: sizes.clone() };
            if let Ok(text) = serde_json::to_vec(&record) {
                let _ = self.write(&self.record(), |file| file.write_all(&text).ok());
            }
        }
    }

    fn write_pixels(&self, images: &Images) -> Option<()> {
        self.write(&self.pixels(), |file| file.write_all(&images.bytes()).ok())
    }

    /// Writes a file as a whole or not at all.
    fn write(&self, path: &Path, write: impl FnOnce(&mut BufWriter<&File>) -> Option<()>) -> Option<()> {
        let file = NamedTempFile::new_in(&self.folder).ok()?;
        let mut buffered = BufWriter::new(file.as_file());
        write(&mut buffered)?;
        buffered.flush().ok()?;
        drop(buffered);
        file.persist(path).ok().map(drop)
    }
}
