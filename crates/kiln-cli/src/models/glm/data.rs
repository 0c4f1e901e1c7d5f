//! The rows of a generalised linear model: read, split and encoded.

use std::{borrow::Cow, path::Path};

use kiln::{
    data::{DataError, Role, Shown, Split, Table, stratified_split},
    models::glm::Values,
};

use super::{
    encoder::{GlmEncoder, Response, numbers},
    rows::{GlmData, GlmRows, Keep},
    settings::{GlmSettings, Storage},
};
use crate::{
    base::{Failure, Result},
    context::{DataRecord, Source, read, used_columns},
    settings::MissingValues,
};

/// Reads and splits the rows of a run.
pub(super) fn load(settings: &GlmSettings, encoder: Option<GlmEncoder>) -> Result<GlmData> {
    let source = source(settings);
    let mut notes = Vec::new();
    let (table, default_target) = table_of(&source)?;
    let (sha256, file) = (table.sha256().to_owned(), table.file().to_owned());
    let chosen = Chosen::new(settings, default_target, table, &mut notes)?;
    let split = chosen.split(settings)?;
    let part = |rows: &[usize]| match rows.len() == chosen.table.len() {
        true => Cow::Borrowed(&chosen.table),
        false => Cow::Owned(chosen.table.subset(rows)),
    };
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => chosen.encoder(settings, &part(&split.train))?,
    };
    let train = chosen.encode(settings, &encoder, &part(&split.train))?;
    let test = match split.test.is_empty() {
        true => None,
        false => Some(chosen.encode(settings, &encoder, &part(&split.test))?),
    };
    let record = DataRecord {
        name: source.name.clone(),
        sha256,
        n_train: train.len(),
        n_test: test.as_ref().map_or(0, GlmRows::len),
        ..DataRecord::default()
    };
    Ok(GlmData { encoder, train, test, file, record, notes })
}

/// All rows of a table, for a run that exists.
pub(super) fn whole(settings: &GlmSettings, encoder: &GlmEncoder) -> Result<(GlmRows, DataRecord)> {
    let (table, default_target) = table_of(&source(settings))?;
    let sha256 = table.sha256().to_owned();
    let chosen = Chosen::new(settings, default_target, table, &mut Vec::new())?;
    let rows = chosen.encode(settings, encoder, &chosen.table)?;
    let (name, n) = (settings.data.name.clone(), rows.len());
    Ok((rows, DataRecord { name, sha256, n_test: n, ..DataRecord::default() }))
}

pub(super) fn source(settings: &GlmSettings) -> Source {
    Source::of_table(&settings.data, &settings.table, settings.run.seed)
}

/// Reads the table, with the column that is its target by default.
fn table_of(source: &Source) -> Result<(Table, Option<&'static str>)> {
    read(source)?.ok_or_else(|| {
        if Path::new(&source.name).is_dir() {
            return DataError::NoTableFiles { folder: source.name.clone() }.into();
        }
        Failure::usage(format!("{} is not a table: give a file with a header, or breast-cancer", Shown(&source.name)))
    })
}

/// The rows without missing values, with the columns that have a use.
pub(super) struct Chosen {
    pub(super) table: Table,
    target: String,
    features: Vec<String>,
}

impl Chosen {
    /// Reads the table of a run, and chooses. `others` are columns that are no features. What is left out unasked is noted.
    pub(super) fn read(settings: &GlmSettings, others: &[&String], notes: &mut Vec<String>) -> Result<(Table, Self)> {
        let (table, default_target) = table_of(&source(settings))?;
        let others: Vec<String> = others.iter().map(|name| (*name).clone()).collect();
        let without: Vec<&str> = others.iter().map(String::as_str).collect();
        let chosen = Self::new(settings, default_target, table.clone().without(&without)?, notes)?;
        Ok((table, chosen))
    }

    /// Learns the encoding from some rows.
    pub(super) fn encoder(&self, settings: &GlmSettings, table: &Table) -> Result<GlmEncoder> {
        let features: Vec<&str> = self.features.iter().map(String::as_str).collect();
        GlmEncoder::fit(settings, table, (&self.target, &features))
    }

    pub(super) fn new(
        settings: &GlmSettings,
        default_target: Option<&str>,
        table: Table,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        notes.extend(table.notes().iter().map(ToString::to_string));
        settings.table.categorical.iter().try_for_each(|name| table.required(name).map(drop))?;
        let formula = settings.formula()?;
        let target = settings.data.target.as_deref().or(default_target);
        let target = match (&formula, target) {
            (Some(formula), _) => formula.response().unwrap_or_default(),
            (None, Some(target)) => target.to_owned(),
            (None, None) => {
                let columns: Vec<&str> = table.columns().iter().map(kiln::data::Column::name).collect();
                return Err(Failure::usage(format!(
                    "--target or --formula is required: the column of {} to predict, one of {}",
                    settings.data.name,
                    columns.join(", ")
                )));
            }
        };
        // Columns that are neither features nor the response.
        let model = &settings.model;
        let others: Vec<&String> =
            model.offset.iter().chain(&model.exposure).chain(&settings.inference.cluster).collect();
        others.iter().try_for_each(|name| table.required(name).map(drop))?;
        let weight = settings.data.sample_weight.as_deref();
        let mut drop = settings.data.drop.clone();
        if formula.is_none() {
            drop.extend(others.iter().map(|name| (*name).clone()));
        }
        let named = formula.is_none().then_some(target.as_str());
        let roles = settings.table.columns(named, weight, &drop).roles(&table)?;
        let mut used = match &formula {
            None => used_columns(&table, &roles, notes),
            Some(formula) => {
                // '.' stands for what would be a feature without a formula. A column that is named may be any.
                let possible = used_columns(&table, &roles, &mut Vec::new());
                let names = |columns: &[String]| {
                    let names: Vec<&str> =
                        columns.iter().map(String::as_str).filter(|name| weight != Some(*name)).collect();
                    formula.columns(&table.clone().with_only(&names)?)
                };
                let all: Vec<String> = table.columns().iter().map(|column| column.name().to_owned()).collect();
                match names(&possible) {
                    Err(DataError::UnknownColumn { .. }) => names(&all)?,
                    found => found?,
                }
            }
        };
        if let Some(inflation) = settings.inflation()? {
            used.extend(inflation.columns(&table)?);
        }
        used.extend(others.into_iter().cloned());
        used.extend(weight.map(str::to_owned));
        used.sort();
        used.dedup();
        let features: Vec<String> = table
            .columns()
            .iter()
            .zip(&roles)
            .filter(|(_, role)| **role == Role::Feature)
            .map(|(column, _)| column.name().to_owned())
            .collect();
        let used: Vec<&str> = used.iter().map(String::as_str).collect();
        let table = table.with_only(&used)?;
        let is_feature = |name: &&str| formula.is_none() && features.iter().any(|feature| feature == name);
        let needed: Vec<&str> = match settings.table.missing {
            MissingValues::Error => Vec::new(),
            MissingValues::Drop => used.clone(),
            _ => used.iter().copied().filter(|name| !is_feature(name)).collect(),
        };
        let (table, found) = table.without_missing(&needed)?;
        if found.incomplete > 0 {
            notes.push(found.to_string());
        }
        let table = positive_weights(table, weight)?;
        Ok(Self { table, target, features })
    }

    fn split(&self, settings: &GlmSettings) -> Result<Split> {
        let fraction = settings.data.test_fraction.unwrap_or(0.0);
        let n = self.table.len();
        if fraction <= 0.0 {
            return Ok(Split { train: (0..n).collect(), test: Vec::new() });
        }
        Ok(stratified_split(&vec![0; n], fraction, settings.run.seed)?)
    }

    pub(super) fn encode(&self, settings: &GlmSettings, encoder: &GlmEncoder, table: &Table) -> Result<GlmRows> {
        let (inputs, inflation, offset) = design(settings, encoder, table)?;
        let weights = match &settings.data.sample_weight {
            Some(name) => Some(table.clone().split_weights(name)?.1.into()),
            None => None,
        };
        let clusters = settings.inference.cluster.as_ref().map(|name| -> Result<Vec<usize>> {
            let (_, codes) = table.required(name)?.levels();
            Ok(codes.iter().map(|code| *code as usize).collect())
        });
        let response = encoder.encode_response(table)?;
        if let (Response::Column(_) | Response::Formula(_), Some(row)) =
            (&encoder.response, response.iter().position(|y| !y.is_finite()))
        {
            return Err(Failure::usage(format!(
                "{}, line {}: the response '{}' is {}, which is not a finite number",
                table.file(),
                table.line(row),
                Shown(encoder.response_name()),
                response[row]
            )));
        }
        let lines = (0..table.len()).map(|row| table.line(row)).collect();
        Ok(GlmRows {
            inputs,
            inflation,
            offset: offset.map(Values::from),
            response: response.into(),
            weights,
            clusters: clusters.transpose()?,
            lines,
            is_share: false,
        })
    }
}

/// The encoded features, those of the inflation and the offsets of rows.
fn design(settings: &GlmSettings, encoder: &GlmEncoder, table: &Table) -> Result<(Values, Vec<f64>, Option<Vec<f64>>)> {
    let storage = settings.rows.storage;
    // A chunk of rows is kept by its reader.
    if settings.rows.stream || matches!(storage, Storage::Auto | Storage::F64) {
        let design = encoder.encode(table)?;
        return Ok((design.inputs.into(), design.inflation, design.offset));
    }
    if storage == Storage::F32
        && let Some(inputs) = encoder.encode_f32(table)?
    {
        let design = encoder.with_inputs(table, Vec::new())?;
        return Ok((inputs.into(), design.inflation, design.offset));
    }
    const ROWS: usize = 16_384;
    let mut inputs = Keep::in_memory(storage, encoder.feature_names().len());
    let (mut inflation, mut offset) = (Vec::new(), None::<Vec<f64>>);
    for start in (0..table.len()).step_by(ROWS) {
        let rows: Vec<usize> = (start..(start + ROWS).min(table.len())).collect();
        let design = encoder.encode(&table.subset(&rows))?;
        inputs.push(&design.inputs)?;
        inflation.extend(design.inflation);
        if let Some(own) = design.offset {
            offset.get_or_insert_default().extend(own);
        }
    }
    Ok((inputs.finish()?, inflation, offset))
}

/// Leaves out rows of weight 0, which count for nothing.
fn positive_weights(table: Table, weight: Option<&str>) -> Result<Table> {
    let Some(name) = weight else { return Ok(table) };
    let weights = numbers(&table, name, "a weight")?;
    let rows: Vec<usize> = (0..table.len()).filter(|row| weights[*row].abs() > 0.0).collect();
    match rows.len() {
        0 => Err(Failure::usage(format!("all weights in '{}' are 0", Shown(name)))),
        n if n == table.len() => Ok(table),
        _ => Ok(table.subset(&rows)),
    }
}
