//! The content of a file, compressed or not, and its digest.

use crate::DataError;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

/// The first two bytes of every gzip file.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// No deflate stream is longer than this many times its compressed size.
pub(crate) const MAX_RATIO: u64 = 1032;

/// An open file. A gzip file is decompressed while it is read, whatever its name.
pub(crate) struct Content {
    path: PathBuf,
    reader: Box<dyn Read>,
    compressed: bool,
    /// Bytes that the content can have at most, from the size of the file.
    bound: u64,
}

/// Opens a regular file, and returns its size too. Devices and pipes have no end that can be relied on.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64), DataError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => DataError::MissingFile { path: path.into() },
        _ => DataError::Io { action: "open", path: path.into(), cause },
    };
    // Before the file is opened, since opening a pipe waits for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(DataError::NotAFile { path: path.into() });
    }
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok((file, size))
}

/// Reads a whole regular file of at most `limit` bytes.
pub(crate) fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let too_large = || DataError::TooLarge { path: path.into(), limit };
    let (file, size) = open_regular(path)?;
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    reserve(&mut bytes, path, size)?;
    // The file may have grown since.
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|cause| DataError::Io { action: "read", path: path.into(), cause })?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

impl Content {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let (file, size) = open_regular(path)?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let first = file.fill_buf().map_err(|cause| DataError::Io { action: "read", path: path.into(), cause })?;
        let compressed = first.starts_with(&GZIP_MAGIC);
        let reader: Box<dyn Read> = if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let bound = if compressed { size.saturating_mul(MAX_RATIO) } else { size };
        Ok(Self { path: path.into(), reader, compressed, bound })
    }

    /// Opens a file whose bytes are taken as they are, compressed or not.
    pub(crate) fn open_raw(path: &Path) -> Result<Self, DataError> {
        let (file, size) = open_regular(path)?;
        let reader = Box::new(BufReader::with_capacity(1 << 16, file));
        Ok(Self { path: path.into(), reader, compressed: false, bound: size })
    }

    /// Returns the size of the file, or none if it is compressed.
    pub(crate) fn plain_size(&self) -> Option<u64> {
        (!self.compressed).then_some(self.bound)
    }

    /// Returns the next `limit` bytes, or all that are left if there are fewer. It reserves no more memory than a file of
    /// this size can fill.
    pub(crate) fn take(&mut self, limit: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        reserve(&mut bytes, &self.path, limit.min(self.bound))?;
        self.reader
            .by_ref()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|cause| failure(&self.path, self.compressed, cause))?;
        Ok(bytes)
    }

    /// Returns the SHA-256 of at most `limit` bytes.
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

fn reserve(bytes: &mut Vec<u8>, path: &Path, count: u64) -> Result<(), DataError> {
    let reserved = usize::try_from(count).ok().and_then(|count| bytes.try_reserve_exact(count).ok());
    reserved.ok_or_else(|| {
        let cause = io::Error::new(io::ErrorKind::OutOfMemory, format!("there is no memory for its {count} bytes"));
        DataError::Io { action: "read", path: path.into(), cause }
    })
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

/// Returns lower-case hexadecimal digits, two per byte.
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
    fn what_is_not_a_regular_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Content::open(dir.path()).err(), Some(DataError::NotAFile { .. })));
        assert!(matches!(read_regular(dir.path(), 10), Err(DataError::NotAFile { .. })));
        #[cfg(unix)]
        for device in ["/dev/zero", "/dev/null"] {
            assert!(matches!(Content::open(Path::new(device)).err(), Some(DataError::NotAFile { .. })), "{device}");
            assert!(matches!(read_regular(Path::new(device), 10), Err(DataError::NotAFile { .. })), "{device}");
        }
    }

    #[test]
    fn a_file_above_the_limit_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_regular(&path, 5).unwrap(), b"12345");
        assert!(matches!(read_regular(&path, 4), Err(DataError::TooLarge { limit: 4, .. })));
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
