//! Binary tables, read by the reader of their format.

use std::{collections::HashSet, io::Read, path::Path};

#[cfg(feature = "arrow")]
use super::arrow;
#[cfg(feature = "parquet")]
use super::parquet;
use super::{column::Column, delimited::Parsed, magic::Format, numpy, options::TableOptions};
use crate::{
    DataError,
    content::{Content, open_regular},
};

/// Returns the format of a file.
pub(super) fn of_file(path: &Path) -> Result<Format, DataError> {
    let (file, _) = open_regular(path)?;
    let mut start = Vec::new();
    let read = file.take(Format::BYTES).read_to_end(&mut start);
    read.map_err(|cause| DataError::Io { action: "read", path: path.into(), cause })?;
    // A stream of an older version begins with a length.
    let is_stream = path.extension().is_some_and(|extension| extension == "arrows");
    Ok(match Format::of(&start) {
        Format::FeatherOne | Format::Array | Format::Archive | Format::Text if is_stream => Format::ArrowStream,
        format => format,
    })
}

/// Reads a file that is not a text, and its SHA-256. There is nothing if it is one.
pub(super) fn read_binary(path: &Path, options: &TableOptions) -> Result<Option<(Parsed, String)>, DataError> {
    let read: fn(&Path, &TableOptions) -> Result<Parsed, DataError> = match of_file(path)? {
        Format::Parquet => read_parquet,
        Format::ArrowFile => |path, options| read_arrow(path, options, false),
        Format::ArrowStream => |path, options| read_arrow(path, options, true),
        Format::FeatherOne => {
            let cause = "it has version 1 of the Feather format; write it again with a newer library, as in \
                         `pyarrow.feather.write_feather(table, file)`";
            return Err(DataError::Arrow { path: path.into(), cause: cause.into() });
        }
        Format::Workbook => return Err(DataError::Workbook { file: path.display().to_string() }),
        Format::Array => numpy::read_array,
        Format::Archive => numpy::read_archive,
        Format::Text => return Ok(None),
    };
    let (parsed, sha256) =
        rayon::join(|| read(path, options), || Content::open(path).and_then(|mut content| content.sha256(u64::MAX)));
    let parsed = parsed?;
    check_names(path, &parsed.columns)?;
    Ok(Some((parsed, sha256?)))
}

/// Returns an error if two columns of a binary file have one name.
fn check_names(path: &Path, columns: &[Column]) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    match columns.iter().find(|column| !seen.insert(column.name())) {
        Some(twice) => {
            Err(DataError::DuplicateColumn { file: path.display().to_string(), column: twice.name().into() })
        }
        None => Ok(()),
    }
}

#[cfg(feature = "parquet")]
fn read_parquet(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    parquet::read(path, options)
}

#[cfg(not(feature = "parquet"))]
fn read_parquet(path: &Path, _: &TableOptions) -> Result<Parsed, DataError> {
    Err(DataError::NotCompiledIn { path: path.into(), format: "Parquet", feature: "parquet" })
}

#[cfg(feature = "arrow")]
fn read_arrow(path: &Path, options: &TableOptions, is_stream: bool) -> Result<Parsed, DataError> {
    if is_stream { arrow::read_stream(path, options) } else { arrow::read_file(path, options) }
}

#[cfg(not(feature = "arrow"))]
fn read_arrow(path: &Path, _: &TableOptions, _: bool) -> Result<Parsed, DataError> {
    Err(DataError::NotCompiledIn { path: path.into(), format: "Arrow", feature: "arrow" })
}
