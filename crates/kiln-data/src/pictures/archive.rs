//! The files of an archive, one after the other.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};
use zip::ZipArchive;

use super::folder::is_ignored;
use crate::{DataError, content::GZIP_MAGIC};

/// The largest file in an archive, in bytes.
const LARGEST: u64 = 1 << 30;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZIP_MAGIC: [u8; 2] = *b"PK";

/// A file of an archive, or the reason why it cannot be read.
pub(super) type Content = Result<Vec<u8>, String>;

/// Hands the name and the content of each file to `take`, until it returns an error.
pub(super) fn each(
    path: &Path,
    take: &mut dyn FnMut(String, Content) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let failed = |action| move |cause| DataError::Io { action, path: path.into(), cause };
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed("open"))?);
    let start = file.fill_buf().map_err(failed("read"))?;
    let [gzip, zstd, zip] = [&GZIP_MAGIC[..], &ZSTD_MAGIC, &ZIP_MAGIC].map(|magic| start.starts_with(magic));
    if zip {
        return each_of_zip(file, take).map_err(|problem| problem.of(path));
    }
    let reader: Box<dyn Read> = match (gzip, zstd) {
        (true, _) => Box::new(MultiGzDecoder::new(file)),
        (_, true) => Box::new(zstd::Decoder::with_buffer(file).map_err(failed("read"))?),
        _ => Box::new(file),
    };
    each_of_tar(reader, take).map_err(|problem| problem.of(path))
}

/// An archive that is damaged, or an error of who takes its files.
enum Problem {
    Archive(io::Error),
    Taker(DataError),
}

impl Problem {
    fn of(self, path: &Path) -> DataError {
        match self {
            Self::Archive(cause) => DataError::Io { action: "read", path: path.into(), cause },
            Self::Taker(error) => error,
        }
    }
}

impl From<io::Error> for Problem {
    fn from(cause: io::Error) -> Self {
        Self::Archive(cause)
    }
}

fn each_of_tar(
    reader: impl Read,
    take: &mut dyn FnMut(String, Content) -> Result<(), DataError>,
) -> Result<(), Problem> {
    for entry in Archive::new(reader).entries()? {
        let mut entry = entry?;
        let Some(name) = clean(&String::from_utf8_lossy(&entry.path_bytes())) else { continue };
        let content = match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Regular | EntryType::Continuous => content(&mut entry)?,
            EntryType::Symlink | EntryType::Link => Err("is a link, which is not followed in an archive".into()),
            _ => Err("is not a regular file".into()),
        };
        take(name, content).map_err(Problem::Taker)?;
    }
    Ok(())
}

fn each_of_zip(
    file: BufReader<File>,
    take: &mut dyn FnMut(String, Content) -> Result<(), DataError>,
) -> Result<(), Problem> {
    let damaged = |error: zip::result::ZipError| Problem::Archive(io::Error::other(error));
    let mut archive = ZipArchive::new(file).map_err(damaged)?;
    for index in 0..archive.len() {
        let (name, content) = match archive.by_index(index) {
            Ok(entry) if entry.is_dir() => continue,
            Ok(mut entry) => {
                let name = entry.name().map_err(damaged)?.into_owned();
                // A file that is damaged is one file: the directory of the archive tells where the others are.
                (name, content(&mut entry).unwrap_or_else(|error| Err(format!("is damaged: {error}"))))
            }
            Err(error) => (format!("entry {}", index + 1), Err(format!("cannot be read: {error}"))),
        };
        if let Some(name) = clean(&name) {
            take(name, content).map_err(Problem::Taker)?;
        }
    }
    Ok(())
}

fn content(entry: &mut impl Read) -> io::Result<Content> {
    let mut bytes = Vec::new();
    entry.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(if bytes.len() as u64 > LARGEST { Err("has more than 1 GiB".into()) } else { Ok(bytes) })
}

/// Returns a name without `./`, or none for a file that is left out.
fn clean(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.is_empty() && !parts.iter().any(|part| is_ignored(part))).then(|| parts.join("/"))
}
