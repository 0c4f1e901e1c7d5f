//! IDX files and their archives.

use flate2::{Compression, write::GzEncoder};
use kiln::data::idx;
use kiln_fuzz::{Check, Session, session::scratch};
use tempfile::TempDir;

use crate::{ensure, file, variant};

/// Both kinds of IDX files.
fn read_idx(folder: &TempDir, input: &[u8]) -> Check {
    let path = file(folder, "idx", input);
    let images = match idx::read_images(&path) {
        Ok(images) => {
            let pixels = images.count * images.height * images.width;
            ensure(pixels > 0 && images.pixels.len() == pixels, || {
                "the number of pixels is not that of the sizes".into()
            })?;
            "images".to_owned()
        }
        Err(error) => variant(&error),
    };
    let labels = match idx::read_labels(&path) {
        Ok(labels) => format!("labels{}", labels.is_empty()),
        Err(error) => variant(&error),
    };
    if let Err(error) = idx::read(&path, &path) {
        ensure(!error.to_string().is_empty(), || "an error without a message".into())?;
    }
    Ok(format!("{images} {labels}"))
}

/// Big-endian words, then bytes.
fn idx_file(words: &[u32], bytes: &[u8]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).chain(bytes.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[test]
fn idx_files() {
    let folder = scratch();
    Session::new("idx_files")
        .seed(idx_file(&[0x803, 2, 3, 2], &[7; 12]))
        .seed(idx_file(&[0x801, 5], &[0, 1, 2, 3, 4]))
        .seed(idx_file(&[0x803, u32::MAX, u32::MAX, u32::MAX], &[0; 4]))
        .run(|input| read_idx(&folder, input));
}

#[test]
fn gzip_files() {
    let folder = scratch();
    let noise: Vec<u8> = (0..600u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    // 64 MB of zeros behind the header of 40 labels.
    let bomb = gzip(&idx_file(&[0x801, 40], &vec![0; 64 << 20]));
    Session::new("gzip_files")
        .seed(gzip(&idx_file(&[0x803, 6, 10, 10], &noise)))
        .seed([gzip(&idx_file(&[0x801, 600], &noise[..300])), gzip(&noise[300..])].concat())
        .seed(bomb)
        .run(|input| read_idx(&folder, input));
}
