//! Tables that are read in chunks, twice: those larger than memory, and those of which each rank reads its share.
//!
//! The first pass finds the kinds and categories of the columns. The encoder is learnt from a small table that has them all. The
//! second pass encodes the rows, with `--stream` into temporary files.

mod ranks;
mod summary;

use std::path::{Path, PathBuf};

use kiln::data::{Column, MissingRows, Shown, Table, TableChunks, TableOptions, tables_sha256};

use self::{
    ranks::total,
    summary::{ROWS, Summary, stop_if_interrupted},
};
use super::{
    data::{Chosen, source},
    encoder::GlmEncoder,
    rows::{GlmData, GlmRows, Keep},
    settings::{GlmSettings, Storage},
};
use crate::{
    base::{
        Console, Failure, Result,
        ranks::{agree, world},
    },
    context::DataRecord,
    settings::MissingValues,
};

/// Reads and encodes the rows of a run.
pub(super) fn load(settings: &GlmSettings, encoder: Option<GlmEncoder>, console: Console) -> Result<GlmData> {
    let source = source(settings);
    let (path, mut options) = (PathBuf::from(&source.name), source.options()?);
    if !path.exists() {
        return Err(Failure::usage(format!(
            "--stream reads a file or a folder twice, and '{}' is neither",
            Shown(&source.name)
        )));
    }
    let formula = settings.formula()?;
    if let Some(function) = formula.as_ref().and_then(|formula| formula.functions_of_all_rows().into_iter().next()) {
        return Err(Failure::usage(format!(
            "'{function}' in --formula: not with --stream, because it needs all rows at once"
        )));
    }
    let mut notes = Vec::new();
    let mut found = Summary::read(&path, &options, settings, console)?;
    options.categorical.extend(found.text_columns());
    let small = found.small_table(&options)?;
    let chosen = Chosen::new(settings, None, small, &mut notes)?;
    agree(found.check(chosen.table.columns()))?;
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => chosen.encoder(settings, &chosen.table)?,
    };
    let train = encode(&path, &options, settings, (&chosen, &encoder), (&mut notes, console))?;
    let world = world();
    let sha256 = agree(if world.is_root() { Ok(tables_sha256(&[path])?) } else { Ok(String::new()) })?;
    let sha256 = String::from_utf8(world.broadcast(sha256.into_bytes())?).map_err(Failure::internal)?;
    let record = DataRecord { name: source.name, sha256, n_train: total(train.len())?, n_test: 0, image_size: None };
    Ok(GlmData { encoder, train, test: None, file: found.file, record, notes: [found.notes, notes].concat() })
}

/// Encodes all rows of this rank.
fn encode(
    path: &Path,
    options: &TableOptions,
    settings: &GlmSettings,
    (chosen, encoder): (&Chosen, &GlmEncoder),
    (notes, console): (&mut Vec<String>, Console),
) -> Result<GlmRows> {
    let used: Vec<&str> = chosen.table.columns().iter().map(Column::name).collect();
    let mut missing = Counts::of(&used);
    let kept = agree(read(path, options, settings, (chosen, encoder), (&mut missing, console)))?;
    if let Some(found) = missing.of_all_ranks()?.found() {
        if found.incomplete == found.rows {
            return Err(Failure::usage(format!("every row of {} has a missing value", path.display())));
        }
        notes.push(found.to_string());
    }
    kept.finish()
}

/// Numbers of rows that are kept as they are read.
struct Kept {
    inputs: Keep,
    response: Keep,
    weights: Option<Keep>,
    offset: Option<Keep>,
    column: fn() -> Result<Keep>,
}

impl Kept {
    fn new(settings: &GlmSettings, features: usize) -> Result<Self> {
        let storage = match settings.rows.storage {
            Storage::Auto => Storage::F64,
            other => other,
        };
        let (inputs, column): (_, fn() -> Result<Keep>) = match settings.rows.stream {
            true => (Keep::in_file(storage, features)?, || Keep::in_file(Storage::F64, 1)),
            false => (Keep::in_memory(storage, features), || Ok(Keep::in_memory(Storage::F64, 1))),
        };
        Ok(Self { inputs, response: column()?, weights: None, offset: None, column })
    }

    fn push(&mut self, rows: GlmRows) -> Result<()> {
        self.inputs.push(&rows.inputs.to_cow())?;
        self.response.push(&rows.response.to_cow())?;
        for (kept, own) in [(&mut self.weights, rows.weights), (&mut self.offset, rows.offset)] {
            if let Some(own) = own {
                if kept.is_none() {
                    *kept = Some((self.column)()?);
                }
                kept.as_mut().expect("it was made").push(&own.to_cow())?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<GlmRows> {
        let world = world();
        for kept in [&mut self.weights, &mut self.offset] {
            // A rank without rows has as many columns as the others.
            if total(usize::from(kept.is_some()))? > 0 && kept.is_none() {
                *kept = Some((self.column)()?);
            }
        }
        Ok(GlmRows {
            inputs: self.inputs.finish()?,
            inflation: Vec::new(),
            offset: self.offset.map(Keep::finish).transpose()?,
            response: self.response.finish()?,
            weights: self.weights.map(Keep::finish).transpose()?,
            clusters: None,
            lines: Vec::new(),
            is_share: !world.is_alone(),
        })
    }
}

/// Reads and encodes the rows of this rank.
fn read(
    path: &Path,
    options: &TableOptions,
    settings: &GlmSettings,
    (chosen, encoder): (&Chosen, &GlmEncoder),
    (missing, console): (&mut Counts, Console),
) -> Result<Kept> {
    let mut kept = Kept::new(settings, encoder.feature_names().len())?;
    // How features are kept is decided here, and not for each chunk.
    let mut of_chunk = settings.clone();
    of_chunk.rows.storage = Storage::F64;
    let used: Vec<&str> = chosen.table.columns().iter().map(Column::name).collect();
    let progress = console.steps(u64::MAX);
    for table in TableChunks::open_share(&[path.into()], options, ROWS, &world())? {
        stop_if_interrupted()?;
        let table = table?.with_only(&used)?;
        missing.add(&table);
        let rows: Vec<usize> = match settings.table.missing {
            MissingValues::Error => (0..table.len()).collect(),
            _ => (0..table.len()).filter(|row| !table.columns().iter().any(|column| column.is_missing(*row))).collect(),
        };
        let table = if rows.len() == table.len() { table } else { table.subset(&rows) };
        if table.len() == 0 {
            continue;
        }
        kept.push(chosen.encode(&of_chunk, encoder, &table)?)?;
        progress.set(missing.rows as u64, || format!("rows encoded: {}", missing.rows));
    }
    Ok(kept)
}

/// Rows with missing values.
#[derive(Default)]
struct Counts {
    rows: usize,
    incomplete: usize,
    columns: Vec<(String, usize)>,
}

impl Counts {
    fn of(names: &[&str]) -> Self {
        Self { columns: names.iter().map(|name| ((*name).to_owned(), 0)).collect(), ..Self::default() }
    }

    fn add(&mut self, table: &Table) {
        for (name, count) in &mut self.columns {
            *count += table.required(name).map_or(0, Column::missing);
        }
        self.rows += table.len();
        let is_incomplete = |row: &usize| table.columns().iter().any(|column| column.is_missing(*row));
        self.incomplete += (0..table.len()).filter(is_incomplete).count();
    }

    fn found(mut self) -> Option<MissingRows> {
        self.columns.retain(|(_, missing)| *missing > 0);
        self.columns.sort_by_key(|(_, missing)| std::cmp::Reverse(*missing));
        let Self { rows, incomplete, columns } = self;
        (incomplete > 0).then_some(MissingRows { rows, incomplete, columns })
    }
}
