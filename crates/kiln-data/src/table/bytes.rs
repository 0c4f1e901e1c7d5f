//! The bytes of a text file: decompressed, decoded and counted, with the SHA-256 of the file.

use std::{
    cell::RefCell,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;
use memchr::memchr;
use sha2::{Digest, Sha256};

use super::magic::Format;
use crate::{
    DataError,
    content::{GZIP_MAGIC, hex, open_regular},
};

/// The first four bytes of every zstd frame.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
pub(super) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// The beginning of a text at which its delimiter is looked for.
const HEAD: usize = 1 << 16;
const BUFFER: usize = 1 << 18;
/// The largest text that is read into memory.
const MAX_BYTES: u64 = 16 << 30;

/// A text in UTF-8, if the file keeps to its encoding. Every line ends with `\n`, and the last one is empty.
pub(crate) struct Text {
    /// The first 64 KiB, which `rest` has too.
    pub(crate) head: Vec<u8>,
    /// Whether `head` is all of it.
    pub(crate) is_whole: bool,
    pub(crate) rest: Box<dyn Read>,
    pub(crate) origin: Origin,
}

/// The file that a text comes from.
pub(crate) struct Origin {
    path: PathBuf,
    compression: Compression,
    /// The size of the file, if it is known.
    size: Option<u64>,
    hashed: Rc<RefCell<Hashed>>,
}

#[derive(Clone, Copy)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Text {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path, encoding: Option<&str>) -> Result<Self, DataError> {
        let (file, size) = open_regular(path)?;
        Self::new(Box::new(file), Some(size), path, encoding)
    }

    /// Takes what a reader gives. `path` is its name in messages.
    pub(crate) fn of_reader(reader: Box<dyn Read>, path: &Path, encoding: Option<&str>) -> Result<Self, DataError> {
        Self::new(reader, None, path, encoding)
    }

    /// Takes the bytes of a file. `path` is its name in messages.
    pub(crate) fn of_bytes(bytes: Vec<u8>, path: &Path, encoding: Option<&str>) -> Result<Self, DataError> {
        let size = bytes.len() as u64;
        Self::new(Box::new(Cursor::new(bytes)), Some(size), path, encoding)
    }

    fn new(file: Box<dyn Read>, size: Option<u64>, path: &Path, encoding: Option<&str>) -> Result<Self, DataError> {
        let hashed = Rc::new(RefCell::new(Hashed { file, digest: Sha256::new() }));
        let mut raw = BufReader::with_capacity(BUFFER, Shared(Rc::clone(&hashed)));
        let mut origin = Origin { path: path.into(), compression: Compression::None, size, hashed };
        let start = raw.fill_buf().map_err(|cause| origin.failed(cause))?;
        if Format::of(start) == Format::Workbook {
            return Err(DataError::Workbook { file: path.display().to_string() });
        }
        if let Some(format) = Format::of(start).name() {
            return Err(DataError::NotText { file: path.display().to_string(), format });
        }
        origin.compression = match start {
            _ if start.starts_with(&GZIP_MAGIC) => Compression::Gzip,
            _ if start.starts_with(&ZSTD_MAGIC) => Compression::Zstd,
            _ => Compression::None,
        };
        let plain: Box<dyn Read> = match origin.compression {
            Compression::Gzip => Box::new(MultiGzDecoder::new(raw)),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(raw).map_err(|cause| origin.failed(cause))?),
            Compression::None => Box::new(raw),
        };
        let encoding = encoding.and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()));
        let text = DecodeReaderBytesBuilder::new()
            .encoding(encoding)
            .utf8_passthru(true)
            .strip_bom(true)
            .bom_override(true)
            .build(Limited { inner: plain, left: MAX_BYTES });
        // The last line ends as all others do, and an empty line tells whether a quote is still open at the end.
        let mut text = UnixLineEnds { inner: text, after_return: false }.chain(&b"\n\n"[..]);
        let mut head = Vec::with_capacity(HEAD);
        text.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(|cause| origin.failed(cause))?;
        let is_whole = head.len() < HEAD;
        // The decoder removes one byte order mark, but some programs write a second one.
        if head.starts_with(&BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        let rest = Box::new(Cursor::new(head.clone()).chain(text));
        Ok(Self { head, is_whole, rest, origin })
    }
}

impl Origin {
    /// A failure while the file is read.
    pub(crate) fn failed(&self, cause: io::Error) -> DataError {
        let path = self.path.clone();
        match (self.compression, cause.kind()) {
            (_, io::ErrorKind::FileTooLarge) => DataError::TooLarge { path, limit: MAX_BYTES },
            (Compression::Gzip, io::ErrorKind::UnexpectedEof) => DataError::TruncatedGzip { path },
            (Compression::Gzip, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                DataError::CorruptGzip { path, cause }
            }
            (Compression::Zstd, _) => DataError::CorruptZstd { path, cause },
            _ => DataError::Io { action: "read", path, cause },
        }
    }

    /// Returns the bytes of the text, or about as many, if they are known before it is read.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.size.filter(|_| matches!(self.compression, Compression::None))
    }

    /// Returns the SHA-256 of the file, whose text was read.
    pub(crate) fn sha256(&self) -> Result<String, DataError> {
        let mut hashed = self.hashed.borrow_mut();
        // What comes after the text in a compressed file.
        io::copy(&mut *hashed, &mut io::sink()).map_err(|cause| self.failed(cause))?;
        Ok(hex(&hashed.digest.clone().finalize()))
    }
}

/// A file whose bytes are hashed while they are read.
struct Hashed {
    file: Box<dyn Read>,
    digest: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

struct Shared(Rc<RefCell<Hashed>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// A reader that fails beyond a number of bytes, because a small compressed file can hold a text without end.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

/// A text whose lines end with `\n` in place of `\r\n` or `\r`.
struct UnixLineEnds<R> {
    inner: R,
    /// Whether the last byte was `\r`, so that a `\n` belongs to it.
    after_return: bool,
}

impl<R: Read> Read for UnixLineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.inner.read(buffer)?;
            let bytes = &mut buffer[..count];
            if count == 0 || (!self.after_return && memchr(b'\r', bytes).is_none()) {
                return Ok(count);
            }
            let mut kept = 0;
            for at in 0..count {
                let byte = bytes[at];
                if byte == b'\n' && self.after_return {
                    self.after_return = false;
                    continue;
                }
                self.after_return = byte == b'\r';
                bytes[kept] = if self.after_return { b'\n' } else { byte };
                kept += 1;
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let few = buffer.len().min(self.1);
            self.0.read(&mut buffer[..few])
        }
    }

    #[test]
    fn line_ends_of_every_system_become_one() {
        let text = b"a\r\nb\rc\n\r\r\n\n\r";
        for pace in 1..text.len() {
            let mut found = Vec::new();
            UnixLineEnds { inner: Slowly(text, pace), after_return: false }.read_to_end(&mut found).unwrap();
            assert_eq!(found, b"a\nb\nc\n\n\n\n\n", "{pace} bytes at a time");
        }
    }
}
