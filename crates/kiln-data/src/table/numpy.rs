//! NumPy's files: `.npy` with one array, and `.npz` with several.

mod array;
mod dtype;
mod header;
mod literal;
mod tensors;

use std::{fs::File, io::BufReader, path::Path};

use zip::ZipArchive;

pub(crate) use self::tensors::{Tensors, Values};
use self::{array::Array, dtype::Problem};
use super::{delimited::Parsed, lines::Lines, options::TableOptions};
use crate::{
    DataError,
    content::{MAX_RATIO, open_regular},
};

/// Reads a file of one array: `[n]`, `[n, d]`, or `[n]` structures.
pub(super) fn read_array(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    let (file, size) = open_regular(path)?;
    let array =
        Array::read(BufReader::new(file), size, None, options).map_err(|problem| failed(path, None, problem))?;
    finish(path, vec![(String::new(), array)])
}

/// Reads an archive of arrays with one number of rows.
pub(super) fn read_archive(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    let (file, size) = open_regular(path)?;
    let damaged = |cause: zip::result::ZipError| failed(path, None, Problem::Other(cause.to_string()));
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let names: Vec<String> =
        archive.file_names().map(|name| name.map(|name| name.into_owned()).unwrap_or_default()).collect();
    if !names.iter().any(|name| name.ends_with(".npy")) {
        let is_sheet = names.iter().any(|name| name == "[Content_Types].xml" || name == "mimetype");
        let cause = match is_sheet {
            true => "it is a spreadsheet or another document: save the sheet as CSV",
            false => "it is a zip archive without an array (.npy): unpack it first",
        };
        return Err(failed(path, None, cause.into()));
    }
    if ["indptr.npy", "indices.npy", "shape.npy"].iter().all(|part| names.iter().any(|name| name == part)) {
        let cause = "it is a sparse matrix of SciPy: save `matrix.toarray()`, or write it with `sklearn.datasets.dump_svmlight_file`";
        return Err(failed(path, None, cause.into()));
    }
    let mut arrays = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let Some(name) = name.strip_suffix(".npy") else { continue };
        let array = read_entry(&mut archive, index, size, name, options);
        arrays.push((name.to_owned(), array.map_err(|problem| failed(path, Some(name), problem))?));
    }
    finish(path, arrays)
}

fn read_entry(
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
    file_size: u64,
    name: &str,
    options: &TableOptions,
) -> Result<Array, Problem> {
    let entry = archive.by_index(index).map_err(|cause| Problem::Other(cause.to_string()))?;
    let (packed, size) = (entry.compressed_size(), entry.size());
    if packed > file_size || size > packed.saturating_mul(MAX_RATIO) {
        return Err("the archive is damaged: copy or download it again".into());
    }
    Array::read(BufReader::new(entry), size, Some(name), options)
}

/// Puts arrays beside one another.
fn finish(path: &Path, arrays: Vec<(String, Array)>) -> Result<Parsed, DataError> {
    let file = || path.display().to_string();
    let (first, rows) = arrays.first().map(|(name, array)| (name.clone(), array.rows)).unwrap_or_default();
    if let Some((other, array)) = arrays.iter().find(|(_, array)| array.rows != rows) {
        let (other, found) = (other.clone(), array.rows);
        return Err(DataError::ArrayRows { file: file(), first, rows, other, found });
    }
    if rows == 0 {
        return Err(DataError::NoRows { file: file() });
    }
    let (mut columns, mut notes) = (Vec::new(), Vec::new());
    for (_, array) in arrays {
        columns.extend(array.columns);
        notes.extend(array.notes);
    }
    if columns.is_empty() {
        return Err(DataError::NoFeatures { file: file() });
    }
    Ok(Parsed { columns, lines: Lines::counted(rows), notes, delimiter: ',' })
}

fn failed(path: &Path, array: Option<&str>, problem: Problem) -> DataError {
    let which = array.map(|name| format!("array '{}': ", crate::Shown(name))).unwrap_or_default();
    match problem {
        Problem::Objects => DataError::PickledArray { path: path.into(), which },
        Problem::Other(cause) => DataError::Numpy { path: path.into(), cause: which + &cause },
    }
}
