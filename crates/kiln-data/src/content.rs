//! The content of a file, compressed or not, and its digest.

use crate::DataError;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

/// The first two bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file opened for reading, decompressed on the way when it is a gzip file, whatever its name.
pub(crate) struct Content {
    path: PathBuf,
    reader: Box<dyn Read>,
    compressed: bool,
}

impl Content {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => DataError::MissingFile { path: path.into() },
            _ => DataError::Io { action: "open", path: path.into(), cause },
        };
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let compressed = file.fill_buf().map_err(failed)?.starts_with(&GZIP_MAGIC);
        let reader: Box<dyn Read> = if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { path: path.into(), reader, compressed })
    }

    /// The next `limit` bytes, or all that are left when they are fewer. Memory grows with what comes, not with
    /// `limit`.
    pub(crate) fn take(&mut self, limit: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        self.reader
            .by_ref()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|cause| failure(&self.path, self.compressed, cause))?;
        Ok(bytes)
    }

    /// The SHA-256 of at most `limit` bytes.
    pub(crate) fn sha256(&mut self, limit: u64) -> Result<String, DataError> {
        let (mut digest, mut left) = (Sha256::new(), limit);
        while left > 0 {
            let chunk = self.take(left.min(1 << 20))?;
            if chunk.is_empty() {
                break;
            }
            digest.update(&chunk);
            left -= chunk.len() as u64;
        }
        Ok(hex(&digest.finalize()))
    }
}

fn failure(path: &Path, compressed: bool, cause: io::Error) -> DataError {
    let path = path.into();
    match cause.kind() {
        io::ErrorKind::UnexpectedEof if compressed => DataError::TruncatedGzip { path },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if compressed => {
            DataError::CorruptGzip { path, cause }
        }
        _ => DataError::Io { action: "read", path, cause },
    }
}

/// Lower-case hexadecimal digits, two a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::{fs, io::Write};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn take(file: &[u8], limit: u64) -> Result<Vec<u8>, DataError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, file).unwrap();
        Content::open(&path)?.take(limit)
    }

    #[test]
    fn compression_is_seen_in_the_bytes() {
        assert_eq!(take(b"plain text", 100).unwrap(), b"plain text");
        assert_eq!(take(&gzip(b"packed text"), 100).unwrap(), b"packed text");
        assert_eq!(take(&gzip(b"packed text"), 6).unwrap(), b"packed");
        // Two members in a row, as `cat a.gz b.gz` makes them.
        assert_eq!(take(&[gzip(b"one"), gzip(b"two")].concat(), 100).unwrap(), b"onetwo");
        assert_eq!(take(b"", 100).unwrap(), b"");
        assert_eq!(take(b"\x1f", 100).unwrap(), b"\x1f");
    }

    #[test]
    fn truncated_and_damaged_gzip_differ() {
        let text: Vec<u8> = (0..4000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let packed = gzip(&text);
        for cut in [5, 40, packed.len() / 2, packed.len() - 1] {
            let result = take(&packed[..cut], 1 << 20);
            assert!(matches!(result, Err(DataError::TruncatedGzip { .. })), "cut at {cut}: {result:?}");
        }
        let mut damaged = packed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(matches!(take(&damaged, 1 << 20), Err(DataError::CorruptGzip { .. })));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Content::open(Path::new("no/such/file")).err().unwrap();
        assert!(matches!(&error, DataError::MissingFile { .. }));
        assert!(error.to_string().contains("no/such/file"));
    }

    #[test]
    fn the_digest_is_sha_256_of_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc.gz");
        fs::write(&path, gzip(b"abc")).unwrap();
        // FIPS 180-4, the example "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Content::open(&path).unwrap().sha256(1 << 20).unwrap(), expected);
        assert_ne!(Content::open(&path).unwrap().sha256(2).unwrap(), expected);
    }
}
