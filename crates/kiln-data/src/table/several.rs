//! Tables from several files with the same columns.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    Table,
    column::{Column, ColumnKind},
    lines::Lines,
    note::Note,
    options::{CellRules, Dates, TableOptions},
    schema,
};
use crate::{
    DataError,
    content::{hex, open_regular},
};

/// How the names of table files end, besides `.gz` and `.zst`.
const EXTENSIONS: [&str; 13] =
    ["csv", "tsv", "tab", "psv", "txt", "dat", "parquet", "arrow", "arrows", "feather", "ipc", "npy", "npz"];

impl Table {
    /// Reads several files with the same columns as one table: the rows of the first file, then those of the second one, and so on.
    ///
    /// A folder stands for the table files in it, sorted by name: those that end with `.csv`, `.tsv`, `.tab`, `.psv`, `.txt`, `.dat`,
    /// `.parquet`, `.arrow`, `.arrows`, `.feather`, `.ipc`, `.npy` or `.npz`, also with `.gz` or `.zst`. Its subfolders, and files
    /// whose names begin with a dot or `_`, are left out.
    ///
    /// The columns have the order of the first file. A column that holds texts in one file holds texts in all. The
    /// [`sha256`](Self::sha256) is that of the lines `digest  name` of all files, as `sha256sum` writes them. [`place`](Self::place) has
    /// the file of a row. One path that is a file is read as [`read_with`](Self::read_with) does.
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with), [`DataError::OtherColumns`] for a file with other columns than the first one, and
    /// [`DataError::NoTableFiles`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_data::{Table, TableOptions};
    ///
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("2023.csv"), "x,y\n1,a\n")?;
    /// std::fs::write(folder.path().join("2024.csv"), "y,x\nb,2\nb,3\n")?;
    /// let table = Table::read_all(&[folder.path().into()], &TableOptions::default())?;
    /// assert_eq!(table.columns()[0].numbers(), Some(&[1.0, 2.0, 3.0][..]));
    /// assert!(table.place(1).0.ends_with("2024.csv") && table.place(1).1 == 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_all(paths: &[PathBuf], options: &TableOptions) -> Result<Self, DataError> {
        let files = files_of(paths)?;
        if let ([path], [file]) = (paths, &files[..])
            && path == file
        {
            return Self::read_with(path, options);
        }
        // Whether a column has dates is known when all files are read.
        let keep = TableOptions { dates: Dates::Keep, ..options.clone() };
        let mut tables = files.iter().map(|file| Self::read_as(file, &keep, &[])).collect::<Result<Vec<_>, _>>()?;
        let (first, names) = (tables[0].file.clone(), names(&tables[0]));
        for table in &mut tables {
            table.columns = schema::in_order(&first, &names, &table.file, std::mem::take(&mut table.columns))?;
        }
        // Texts among numbers can be slips. Texts of a format with types are none.
        let is_mixed = |at: usize| tables.iter().any(|table| schema::has_numbers(&table.columns[at]));
        let may_slip: Vec<bool> = (0..names.len()).map(is_mixed).collect();
        read_texts_again(&mut tables, &files, &keep)?;
        let (sha256, lines) = (digest(&tables, &files), Lines::joined(tables.iter().map(|table| &table.lines)));
        let mut notes: Vec<Note> = Vec::new();
        tables.iter().flat_map(|table| &table.notes).for_each(|note| {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        });
        let (delimiter, files) = (tables[0].delimiter, tables.iter().map(|table| table.file.clone()).collect());
        let rules = CellRules::new(options);
        let mut rest: Vec<_> = tables.into_iter().map(|table| table.columns.into_iter()).collect();
        // The parts of a column are dropped before the next one is joined.
        let columns = names.iter().zip(may_slip).map(|(name, may_slip)| {
            let parts: Vec<Column> = rest.iter_mut().filter_map(Iterator::next).collect();
            schema::join(&parts, &rules, may_slip && !options.categorical.contains(name))
        });
        let columns = columns.collect();
        Ok(Self { file: listed(paths), files, sha256, columns, lines, notes, delimiter })
    }
}

/// Reads the files again in which a column of texts has many numbers, whose texts were not kept.
fn read_texts_again(tables: &mut [Table], files: &[PathBuf], options: &TableOptions) -> Result<(), DataError> {
    let width = tables.first().map_or(0, |table| table.columns.len());
    let is_text = |at: usize, tables: &[Table]| {
        schema::kind(tables.iter().map(|table| &table.columns[at])) == ColumnKind::Categorical
    };
    let texts: Vec<bool> = (0..width).map(|at| is_text(at, tables)).collect();
    for (table, file) in tables.iter_mut().zip(files) {
        let lost = table.columns.iter().zip(&texts).filter(|(column, is_text)| **is_text && column.has_many_values());
        let lost: Vec<String> = lost.map(|(column, _)| column.name().to_owned()).collect();
        if !lost.is_empty() {
            let mut again = Table::read_as(file, options, &lost)?;
            again.columns = schema::in_order(&table.file, &names(table), &again.file, again.columns)?;
            *table = again;
        }
    }
    Ok(())
}

fn names(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name().to_owned()).collect()
}

/// Returns the files that paths stand for, at least one.
pub(super) fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    if paths.is_empty() {
        return Err(DataError::NoTableFiles { folder: "the list of files".into() });
    }
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |cause| DataError::Io { action: "read", path: path.clone(), cause };
        let entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut found: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        found.retain(|file| is_table(file) && file.is_file());
        if found.is_empty() {
            return Err(DataError::NoTableFiles { folder: path.display().to_string() });
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

pub(crate) fn is_table(file: &Path) -> bool {
    let Some(name) = file.file_name().and_then(|name| name.to_str()).map(str::to_lowercase) else { return false };
    let plain = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    let extension = plain.rsplit_once('.').map(|(_, extension)| extension);
    !name.starts_with(['.', '_']) && extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// The name of several files in messages.
fn listed(paths: &[PathBuf]) -> String {
    match paths {
        [first, rest @ ..] if !rest.is_empty() => format!("{} and {} more", first.display(), rest.len()),
        paths => paths.iter().map(|path| path.display().to_string()).collect(),
    }
}

fn digest(tables: &[Table], files: &[PathBuf]) -> String {
    of_digests(tables.iter().map(|table| table.sha256.as_str()).zip(files))
}

fn of_digests<'a>(files: impl Iterator<Item = (&'a str, &'a PathBuf)>) -> String {
    let mut digest = Sha256::new();
    for (sha256, file) in files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        digest.update(format!("{sha256}  {name}\n"));
    }
    hex(&digest.finalize())
}

/// Returns the SHA-256 that [`Table::read_all`] gives the table of these files, without reading their rows.
///
/// # Errors
///
/// Those of the file system.
///
/// # Example
/// ```
/// use kiln_data::{Table, TableOptions, tables_sha256};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("a.csv"), "x,y\n1,2\n")?;
/// let paths = [folder.path().to_owned()];
/// assert_eq!(tables_sha256(&paths)?, Table::read_all(&paths, &TableOptions::default())?.sha256());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tables_sha256(paths: &[PathBuf]) -> Result<String, DataError> {
    let files = files_of(paths)?;
    let of_file = |file: &PathBuf| {
        let (mut opened, _) = open_regular(file)?;
        let (mut digest, mut block) = (Sha256::new(), vec![0; 1 << 18]);
        loop {
            let read = opened.read(&mut block);
            match read.map_err(|cause| DataError::Io { action: "read", path: file.clone(), cause })? {
                0 => break,
                n => digest.update(&block[..n]),
            }
        }
        Ok(hex(&digest.finalize()))
    };
    if let ([path], [file]) = (paths, &files[..])
        && path == file
    {
        return of_file(file);
    }
    let digests = files.iter().map(of_file).collect::<Result<Vec<String>, DataError>>()?;
    Ok(of_digests(digests.iter().map(String::as_str).zip(&files)))
}
