//! Where rows come from: tables, images, or built-in data, divided and encoded.

use std::path::Path;

use kiln::data::{
    BREAST_CANCER_TARGET, DataError, Dataset, Encoder, Examples, HoldOut, Locate, Table, breast_cancer, load_images,
    stratified_split,
};

use crate::{
    config::TabularData,
    console::Console,
    failure::{Failure, Result},
};

/// Encoded rows.
pub(crate) struct Loaded {
    pub(crate) encoder: Encoder,
    pub(crate) train: Examples,
    pub(crate) test: Examples,
    pub(crate) sha256: String,
    /// Of the training rows, none of which is 0; absent where each counts as one.
    pub(crate) weights: Option<Vec<f64>>,
}

/// Whether the rows are looked at for what their classes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// They have classes, which are to be predicted.
    Classes,
    /// They are described by themselves; a target is a column that is left out.
    Rows,
}

/// Reads the data that `data` name, divided by `seed`; the encoder is fitted to the training part unless one is given.
pub(crate) fn load(
    data: &TabularData,
    seed: u64,
    purpose: Purpose,
    encoder: Option<Encoder>,
    console: Console,
) -> Result<Loaded> {
    let (name, path) = (data.name.as_str(), Path::new(&data.name));
    if name == "breast-cancer" {
        return split_table(data, seed, purpose, (breast_cancer(), Some(BREAST_CANCER_TARGET)), encoder);
    }
    let is_file_name = path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
    if path.is_file() || (is_file_name && !path.is_dir()) {
        return split_table(data, seed, purpose, (Table::read(path)?, None), encoder);
    }
    if data.sample_weight.is_some() {
        return Err(Failure::usage("--sample-weight names a column of a table: images have none"));
    }
    let locate = Locate { data_dir: data.data_dir.clone(), offline: false };
    let hold_out = HoldOut { test_fraction: data.test_fraction, seed };
    let images = load_images(name, &locate, hold_out, &mut console.download()).map_err(|error| match error {
        DataError::UnknownDataset { .. } => Failure::usage(format!(
            "no dataset is called '{name}' and there is no such file; known: breast-cancer, digits, mnist, fashion-mnist, \
             a CSV file, or a folder with four IDX files"
        )),
        other => other.into(),
    })?;
    let rows: Vec<usize> = (0..images.train.len()).collect();
    let encoder = encoder.unwrap_or_else(|| Encoder::fit_pixels(&images.train, &rows, data.standardize));
    Ok(Loaded {
        train: encoder.encode_images(&images.train)?,
        test: encoder.encode_images(&images.test)?,
        encoder,
        sha256: images.sha256,
        weights: None,
    })
}

fn split_table(
    data: &TabularData,
    seed: u64,
    purpose: Purpose,
    (table, default_target): (Table, Option<&str>),
    encoder: Option<Encoder>,
) -> Result<Loaded> {
    let Some(target) = data.target.as_deref().or(default_target) else {
        if purpose == Purpose::Rows {
            return split_rows(data, seed, &table, encoder);
        }
        let columns: Vec<&str> = table.columns().iter().map(|c| c.name()).collect();
        return Err(Failure::usage(format!(
            "--target is needed: the column of {} to predict, one of {}",
            data.name,
            columns.join(", ")
        )));
    };
    let (table, weights) = match &data.sample_weight {
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
    let all: Vec<usize> = (0..table.len()).collect();
    let fitted = encoder.is_none();
    // The classes are those of the whole table; what is standardised is fitted to the training rows alone.
    let targets = match &encoder {
        Some(encoder) => encoder.encode(table)?,
        None => Encoder::fit(table, Some(target), &all, false)?.encode(table)?,
    };
    let mut split = stratified_split(targets.targets(), data.test_fraction, seed)?;
    if let Some(weights) = &weights {
        // What counts for nothing does not standardise the others either.
        split.train.retain(|&row| weights[row] > 0.0);
    }
    let class_names = targets.class_names();
    // Other data, for an encoder that was fitted before, need not have all.
    if let Some(missing) = (0..class_names.len())
        .find(|class| !split.train.iter().any(|&row| targets.targets()[row] == *class))
        .filter(|_| fitted)
    {
        let why = if weights.is_some() { " of a weight above 0" } else { "" };
        let name = &class_names[missing];
        return Err(Failure::usage(format!(
            "the class '{name}' has no training row{why}: lower --test-fraction, or leave the class away"
        )));
    }
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => Encoder::fit(table, Some(target), &split.train, data.standardize)?,
    };
    let examples = encoder.encode(table)?;
    Ok(Loaded {
        train: examples.subset(&split.train),
        test: examples.subset(&split.test),
        encoder,
        sha256: table.sha256().to_owned(),
        weights: weights.map(|weights| split.train.iter().map(|&row| weights[row]).collect()),
    })
}

/// Rows without classes: one that all have, which nothing looks at.
fn split_rows(data: &TabularData, seed: u64, table: &Table, encoder: Option<Encoder>) -> Result<Loaded> {
    let split = stratified_split(&vec![0; table.len()], data.test_fraction, seed)?;
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => Encoder::fit(table, None, &split.train, data.standardize)?,
    };
    let classes = vec!["all".to_owned()];
    let examples =
        Examples::new(encoder.encode_inputs(table)?, vec![0; table.len()], encoder.feature_names(), classes)?;
    Ok(Loaded {
        train: examples.subset(&split.train),
        test: examples.subset(&split.test),
        encoder,
        sha256: table.sha256().to_owned(),
        weights: None,
    })
}

/// `prediction, p_<class>, …`: the most probable class, and every class's probability.
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
