//! Where rows come from: a table, images or built-in data.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use kiln::data::{BREAST_CANCER_TARGET, DataError, Encoder, Shown, Table, TableOptions, breast_cancer};

use crate::{
    base::{Failure, Result},
    settings::{RowsData, TEST_FRACTION, TableSettings, TabularData, is_builtin},
};

/// Which rows, and how they are split.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) data_dir: Option<PathBuf>,
    pub(super) target: Option<String>,
    pub(super) drop: Vec<String>,
    pub(super) sample_weight: Option<String>,
    pub(super) test_fraction: f64,
    pub(super) standardize: bool,
    pub(super) table: TableSettings,
    pub(super) seed: u64,
}

impl Source {
    /// Learns the encoding of some rows.
    pub(crate) fn encoder(&self, table: &Table, target: &str, rows: &[usize]) -> Result<Encoder> {
        let encoder = self.table.encoder(self.standardize).fit(table, Some(target), rows, None)?;
        Ok(encoder.with_unseen(self.table.unseen))
    }

    /// How the table is read.
    pub(crate) fn options(&self) -> Result<TableOptions> {
        self.table.options()
    }

    pub(crate) fn of_table(data: &TabularData, table: &TableSettings, seed: u64) -> Self {
        let TabularData { name, data_dir, target, drop, sample_weight, test_fraction, standardize } = data.clone();
        let test_fraction = test_fraction.unwrap_or(TEST_FRACTION);
        Self { name, data_dir, target, drop, sample_weight, test_fraction, standardize, table: table.clone(), seed }
    }

    pub(crate) fn of_rows(data: &RowsData, table: &TableSettings, seed: u64) -> Self {
        let RowsData { name, data_dir, target, drop, test_fraction, standardize } = data.clone();
        let data = TabularData { name, data_dir, target, drop, sample_weight: None, test_fraction, standardize };
        Self::of_table(&data, table, seed)
    }
}

/// The name of data that come through a pipe.
const STANDARD_INPUT: &str = "-";

/// Returns whether a file has rows of LIBSVM or SVMlight, by its name.
pub(crate) fn is_libsvm(name: &str) -> bool {
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["svm", "libsvm", "svmlight"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn holds_something(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Reads the table that comes through a pipe.
fn piped(settings: &TableSettings) -> Result<Table> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|e| Failure::usage(format!("cannot read standard input: {e}")))?;
    Ok(Table::parse_with("standard input", bytes, &settings.options()?)?)
}

/// Reads a file, the files of a folder, or what comes through a pipe.
pub(crate) fn read_file(path: &Path, settings: &TableSettings) -> Result<Table> {
    if path == Path::new(STANDARD_INPUT) {
        return piped(settings);
    }
    Ok(Table::read_all(&[path.into()], &settings.options()?)?)
}

/// Reads the table, with the column that is its target by default. There is none if the data are images.
pub(crate) fn read(source: &Source) -> Result<Option<(Table, Option<&'static str>)>> {
    let (name, path) = (source.name.as_str(), Path::new(&source.name));
    if name == "breast-cancer" {
        return Ok(Some((breast_cancer(), Some(BREAST_CANCER_TARGET))));
    }
    if name == STANDARD_INPUT {
        return Ok(Some((piped(&source.table)?, None)));
    }
    if is_libsvm(name) {
        return Err(Failure::usage(format!(
            "{} is a LIBSVM file by its name, which `kiln train glm` reads; this command needs a table",
            Shown(name)
        )));
    }
    let is_file_name = path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
    if path.is_file() || (is_file_name && !path.is_dir()) {
        return Ok(Some((Table::read_with(path, &source.table.options()?)?, None)));
    }
    if path.is_dir() && !is_builtin(name) {
        // A folder without tables may hold images.
        match Table::read_all(&[path.into()], &source.table.options()?) {
            Err(DataError::NoTableFiles { .. }) if holds_something(path) => {}
            table => return Ok(Some((table?, None))),
        }
    }
    if source.sample_weight.is_some() || !source.drop.is_empty() {
        return Err(Failure::usage("--sample-weight and --drop name columns of a table, and images have none"));
    }
    Ok(None)
}
