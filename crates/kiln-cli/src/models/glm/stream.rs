//! Tables that are read in chunks, twice: those larger than memory, and those of which each rank reads its share.
//!
//! The first pass finds the kinds and categories of the columns. The encoder is learnt from a small table that has them all. The
//! second pass encodes the rows, with `--stream` into temporary files.

mod counts;
mod found;
mod kept;
mod ranks;
mod summary;

use std::{
    panic::resume_unwind,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use kiln::data::{Column, DataError, Shown, Table, TableChunks, TableOptions, tables_sha256};

use self::{
    counts::Counts,
    kept::Kept,
    ranks::total,
    summary::{ROWS, Summary, stop_if_interrupted},
};
use super::{
    data::{Chosen, source},
    encoder::GlmEncoder,
    rows::{GlmData, GlmRows},
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
    let hash = Hash::start(&path);
    // Rows that stay in memory are read once.
    let mut tables = (!settings.rows.stream).then(Vec::new);
    let mut found = Summary::read(&path, &options, settings, &mut tables, console)?;
    options.categorical.extend(found.text_columns());
    let small = found.small_table(&options)?;
    let chosen = Chosen::new(settings, None, small, &mut notes)?;
    agree(found.check(chosen.table.columns()))?;
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => chosen.encoder(settings, &chosen.table)?,
    };
    let fit = tables.as_ref().is_some_and(|tables| found.describes(tables));
    let tables = tables.filter(|_| fit);
    // If one rank reads its rows again, all do.
    let tables = if total(usize::from(!fit))? == 0 { tables } else { None };
    let train = encode((&path, tables), &options, settings, (&chosen, &encoder), (&mut notes, console))?;
    let sha256 = hash.end()?;
    let record =
        DataRecord { name: source.name, sha256, n_train: total(train.len())?, n_test: 0, ..DataRecord::default() };
    Ok(GlmData { encoder, train, test: None, file: found.file, record, notes: [found.notes, notes].concat() })
}

/// The SHA-256 of the data, which rank 0 computes beside its other work.
struct Hash(Option<JoinHandle<Result<String>>>);

impl Hash {
    fn start(path: &Path) -> Self {
        let paths = [path.to_owned()];
        Self(world().is_root().then(|| thread::spawn(move || Ok(tables_sha256(&paths)?))))
    }

    /// Returns it to all ranks.
    fn end(self) -> Result<String> {
        let own = match self.0 {
            Some(hash) => hash.join().unwrap_or_else(|panic| resume_unwind(panic)),
            None => Ok(String::new()),
        };
        let told = world().broadcast(agree(own)?.into_bytes())?;
        String::from_utf8(told).map_err(Failure::internal)
    }
}

/// Encodes all rows of this rank: those of the tables, or of the files.
fn encode(
    (path, tables): (&Path, Option<Vec<Table>>),
    options: &TableOptions,
    settings: &GlmSettings,
    (chosen, encoder): (&Chosen, &GlmEncoder),
    (notes, console): (&mut Vec<String>, Console),
) -> Result<GlmRows> {
    let used: Vec<&str> = chosen.table.columns().iter().map(Column::name).collect();
    let mut missing = Counts::of(&used);
    let kept = agree(read((path, tables), options, settings, (chosen, encoder), (&mut missing, console)))?;
    if let Some(found) = missing.of_all_ranks()?.found() {
        if found.incomplete == found.rows {
            return Err(Failure::usage(format!("every row of {} has a missing value", path.display())));
        }
        notes.push(found.to_string());
    }
    kept.finish()
}

/// Numbers that are encoded at a time.
const PART: usize = 1 << 19;

/// Reads and encodes the rows of this rank.
fn read(
    (path, tables): (&Path, Option<Vec<Table>>),
    options: &TableOptions,
    settings: &GlmSettings,
    (chosen, encoder): (&Chosen, &GlmEncoder),
    (missing, console): (&mut Counts, Console),
) -> Result<Kept> {
    let mut kept = Kept::new(settings, encoder.feature_names().len())?;
    let tables: Box<dyn Iterator<Item = std::result::Result<Table, DataError>>> = match tables {
        Some(tables) => {
            kept.reserve(tables.iter().map(Table::len).sum());
            Box::new(tables.into_iter().map(Ok))
        }
        None => Box::new(TableChunks::open_share(&[path.into()], options, ROWS, &world())?),
    };
    // How features are kept is decided here, and not for each chunk.
    let mut of_chunk = settings.clone();
    of_chunk.rows.storage = Storage::F64;
    let used: Vec<&str> = chosen.table.columns().iter().map(Column::name).collect();
    let progress = console.steps(u64::MAX);
    for table in tables {
        stop_if_interrupted()?;
        let table = table?.with_only(&used)?;
        missing.add(&table);
        let rows: Vec<usize> = match settings.table.missing {
            MissingValues::Error => (0..table.len()).collect(),
            _ => (0..table.len()).filter(|row| !table.columns().iter().any(|column| column.is_missing(*row))).collect(),
        };
        let table = if rows.len() == table.len() { table } else { table.subset(&rows) };
        // Small parts stay in memory that the allocator keeps.
        let most = (PART / encoder.feature_names().len().max(1)).max(1);
        if table.len() <= most {
            if table.len() > 0 {
                kept.push(chosen.encode(&of_chunk, encoder, &table)?)?;
            }
        } else {
            for start in (0..table.len()).step_by(most) {
                let part: Vec<usize> = (start..(start + most).min(table.len())).collect();
                kept.push(chosen.encode(&of_chunk, encoder, &table.subset(&part))?)?;
            }
        }
        progress.set(missing.rows as u64, || format!("rows encoded: {}", missing.rows));
    }
    Ok(kept)
}
