//! Rows from tables, images or built-in data: read, split and encoded.

use std::path::{Path, PathBuf};

use kiln::data::{
    BREAST_CANCER_TARGET, DataError, Dataset, Encoder, Examples, HoldOut, Locate, Split, Table, breast_cancer,
    load_images, stratified_split,
};

use super::record::DataRecord;
use crate::{
    base::{Console, Failure, Result},
    settings::{RowsData, TabularData},
};

/// Which rows, and how they are split.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) data_dir: Option<PathBuf>,
    target: Option<String>,
    drop: Vec<String>,
    sample_weight: Option<String>,
    test_fraction: f64,
    standardize: bool,
    seed: u64,
}

impl Source {
    pub(crate) fn of_table(data: &TabularData, seed: u64) -> Self {
        let TabularData { name, data_dir, target, drop, sample_weight, test_fraction, standardize } = data.clone();
        Self { name, data_dir, target, drop, sample_weight, test_fraction, standardize, seed }
    }

    pub(crate) fn of_rows(data: &RowsData, seed: u64) -> Self {
        let RowsData { name, data_dir, target, drop, test_fraction, standardize } = data.clone();
        Self { name, data_dir, target, drop, sample_weight: None, test_fraction, standardize, seed }
    }
}

/// Encoded rows.
pub(crate) struct Loaded {
    pub(crate) encoder: Encoder,
    pub(crate) train: Examples,
    pub(crate) test: Examples,
    pub(crate) record: DataRecord,
    /// The weights of the training rows, all above 0. Absent if each row counts once.
    pub(crate) weights: Option<Vec<f64>>,
}

/// Whether the rows have classes to predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// They have classes.
    Classes,
    /// They have none. A target is a column that is left out.
    Rows,
}

/// Which rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All, split into a training part and a test part.
    Split,
    /// All, as a test part: data that the run was not trained on.
    Whole,
}

/// Reads the rows. The encoder is fitted to the training part unless one is given.
pub(crate) fn load(
    source: &Source,
    (purpose, part): (Purpose, Part),
    encoder: Option<Encoder>,
    console: Console,
) -> Result<Loaded> {
    let (name, path) = (source.name.as_str(), Path::new(&source.name));
    if name == "breast-cancer" {
        return of_table(source, purpose, part, breast_cancer(), Some(BREAST_CANCER_TARGET), encoder);
    }
    let is_file_name = path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
    if path.is_file() || (is_file_name && !path.is_dir()) {
        return of_table(source, purpose, part, Table::read(path)?, None, encoder);
    }
    if source.sample_weight.is_some() || !source.drop.is_empty() {
        return Err(Failure::usage("--sample-weight and --drop name columns of a table, and images have none"));
    }
    of_images(source, encoder, console)
}

fn of_images(source: &Source, encoder: Option<Encoder>, console: Console) -> Result<Loaded> {
    let name = source.name.as_str();
    let locate = Locate { data_dir: source.data_dir.clone(), offline: false };
    let hold_out = HoldOut { test_fraction: source.test_fraction, seed: source.seed };
    let images = load_images(name, &locate, hold_out, &mut console.download()).map_err(|error| match error {
        DataError::UnknownDataset { .. } => Failure::usage(format!(
            "there is no dataset and no file named '{}': give breast-cancer, digits, mnist, fashion-mnist, a CSV file, or a \
             folder with four IDX files",
            kiln::data::Shown(name)
        )),
        other => other.into(),
    })?;
    let rows: Vec<usize> = (0..images.train.len()).collect();
    let encoder = encoder.unwrap_or_else(|| Encoder::fit_pixels(&images.train, &rows, source.standardize));
    let (train, test) = (encoder.encode_images(&images.train)?, encoder.encode_images(&images.test)?);
    Ok(Loaded { record: record(source, &images.sha256, &train, &test), train, test, encoder, weights: None })
}

fn record(source: &Source, sha256: &str, train: &Examples, test: &Examples) -> DataRecord {
    DataRecord {
        name: source.name.clone(),
        sha256: sha256.to_owned(),
        n_train: train.len(),
        n_test: test.len(),
        image_size: None,
    }
}

fn of_table(
    source: &Source,
    purpose: Purpose,
    part: Part,
    table: Table,
    default_target: Option<&str>,
    encoder: Option<Encoder>,
) -> Result<Loaded> {
    let sha256 = table.sha256().to_owned();
    // Another file need not have the columns that training ignored.
    let drop: Vec<&str> = source.drop.iter().map(String::as_str).collect();
    let drop: Vec<&str> = match part {
        Part::Split => drop,
        Part::Whole => drop.into_iter().filter(|name| table.column(name).is_some()).collect(),
    };
    let table = table.without(&drop)?;
    let target = source.target.as_deref().or(default_target);
    let (examples, split, encoder, weights) = match (purpose, target) {
        (Purpose::Classes, Some(target)) => with_classes(source, part, table, target, encoder)?,
        (Purpose::Classes, None) => {
            let columns: Vec<&str> = table.columns().iter().map(|column| column.name()).collect();
            return Err(Failure::usage(format!(
                "--target is required: the column of {} to predict, one of {}",
                source.name,
                columns.join(", ")
            )));
        }
        (Purpose::Rows, target) => without_classes(source, part, table, target, encoder)?,
    };
    let (train, test) = (examples.subset(&split.train), examples.subset(&split.test));
    Ok(Loaded { record: record(source, &sha256, &train, &test), encoder, train, test, weights })
}

type Encoded = (Examples, Split, Encoder, Option<Vec<f64>>);

fn with_classes(source: &Source, part: Part, table: Table, target: &str, encoder: Option<Encoder>) -> Result<Encoded> {
    let (table, weights) = match source.sample_weight.as_deref().filter(|_| part == Part::Split) {
        Some(column) if column == target => {
            return Err(Failure::usage(format!("'{column}' cannot be both --target and --sample-weight")));
        }
        Some(column) => {
            let (table, weights) = table.split_weights(column)?;
            (table, Some(weights))
        }
        None => (table, None),
    };
    let table = &table;
    if part == Part::Whole
        && let Some(encoder) = encoder
    {
        return Ok((encoder.encode(table)?, whole(table.len()), encoder, None));
    }
    // An encoder for the classes alone. The one for the features is fitted to the training part, which depends on them.
    let all: Vec<usize> = (0..table.len()).collect();
    let known = encoder.is_some();
    let targets = match &encoder {
        Some(encoder) => encoder.encode(table)?,
        None => Encoder::fit(table, Some(target), &all, false)?.encode(table)?,
    };
    let mut split = stratified_split(targets.targets(), source.test_fraction, source.seed)?;
    if let Some(weights) = &weights {
        // A row of weight 0 counts for nothing, also not for the scale of a column.
        split.train.retain(|&row| weights[row] > 0.0);
    }
    let class_names = targets.class_names();
    let absent = |class: &usize| !split.train.iter().any(|&row| targets.targets()[row] == *class);
    if !known && let Some(missing) = (0..class_names.len()).find(absent) {
        let why = if weights.is_some() { " with a weight above 0" } else { "" };
        return Err(Failure::usage(format!(
            "the class '{}' has no training row{why}: lower --test-fraction, or remove the class",
            kiln::data::Shown(&class_names[missing])
        )));
    }
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => Encoder::fit(table, Some(target), &split.train, source.standardize)?,
    };
    let weights = weights.map(|weights| split.train.iter().map(|&row| weights[row]).collect());
    let examples = if known { targets } else { encoder.encode(table)? };
    Ok((examples, split, encoder, weights))
}

/// Rows with a dummy class that all of them share. If the target has classes, the split is stratified by them.
fn without_classes(
    source: &Source,
    part: Part,
    table: Table,
    target: Option<&str>,
    encoder: Option<Encoder>,
) -> Result<Encoded> {
    let all: Vec<usize> = (0..table.len()).collect();
    let strata = target.map(|target| Encoder::fit(&table, Some(target), &all, false)?.encode(&table));
    let split = match (part, strata) {
        (Part::Whole, _) => whole(table.len()),
        (Part::Split, Some(Ok(classes))) => stratified_split(classes.targets(), source.test_fraction, source.seed)?,
        (Part::Split, Some(Err(error @ DataError::UnknownColumn { .. }))) => return Err(error.into()),
        // Measurements or identifiers are no classes, and no features either.
        (Part::Split, _) => stratified_split(&vec![0; table.len()], source.test_fraction, source.seed)?,
    };
    let table = match target.filter(|target| table.column(target).is_some()) {
        Some(target) => table.without(&[target])?,
        None => table,
    };
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => Encoder::fit(&table, None, &split.train, source.standardize)?,
    };
    let classes = vec!["all".to_owned()];
    let examples =
        Examples::new(encoder.encode_inputs(&table)?, vec![0; table.len()], encoder.feature_names(), classes)?;
    Ok((examples, split, encoder, None))
}

fn whole(rows: usize) -> Split {
    Split { train: Vec::new(), test: (0..rows).collect() }
}

/// `prediction, p_<class>, …`: the most probable class, and each class's probability.
pub(crate) fn prediction_table(classes: &[String], probabilities: &[f64]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = classes.iter().map(|class| format!("p_{class}"));
    writer.write_record(std::iter::once("prediction".to_owned()).chain(names))?;
    for row in probabilities.chunks_exact(classes.len()) {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))).unwrap_or(0);
        let numbers = row.iter().map(f64::to_string);
        writer.write_record(std::iter::once(classes[best].clone()).chain(numbers))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}
