//! The first pass over a table: kinds and categories of its columns.

use std::path::Path;

use kiln::{
    data::{Column, ColumnKind, DataError, Formula, Shown, Table, TableChunks, TableOptions},
    models::glm::Family,
};
use serde::{Deserialize, Serialize};

use super::{super::settings::GlmSettings, found::Found};
use crate::{
    base::{
        Console, Exit, Failure, Result,
        ranks::{agree, world},
    },
    context::is_interrupted,
};

/// Rows that are in memory at a time.
pub(super) const ROWS: usize = 65_536;
/// Rows up to which a column of different texts has categories.
const FEW_ROWS: usize = 100;

/// Ends the command if the user asked for it.
pub(super) fn stop_if_interrupted() -> Result<()> {
    match is_interrupted() {
        true => Err(Failure {
            message: "interrupted while the data were read; nothing was written".to_owned(),
            exit: Exit::Interrupted,
        }),
        false => Ok(()),
    }
}

/// What the rows have in each column.
#[derive(Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) file: String,
    pub(super) columns: Vec<Found>,
    pub(super) notes: Vec<String>,
    pub(super) rows: usize,
    /// Whether the samples are those of one row.
    pub(super) has_sample: bool,
}

impl Summary {
    /// Reads the rows of all ranks. Those of this one are added to `kept`, if there is such a list.
    pub(super) fn read(
        path: &Path,
        options: &TableOptions,
        settings: &GlmSettings,
        kept: &mut Option<Vec<Table>>,
        console: Console,
    ) -> Result<Self> {
        let is_chosen = settings.model.formula.is_some() || !settings.table.features.is_empty();
        let own = agree(Self::of_own_rows(path, options, (settings, is_chosen), kept, console))?;
        let mut all = own.of_all_ranks(is_chosen)?;
        if all.rows == 0 {
            return Err(DataError::NoRows { file: all.file }.into());
        }
        all.leave_out(is_chosen);
        Ok(all)
    }

    fn of_own_rows(
        path: &Path,
        options: &TableOptions,
        (settings, is_chosen): (&GlmSettings, bool),
        kept: &mut Option<Vec<Table>>,
        console: Console,
    ) -> Result<Self> {
        let (mut columns, mut file, mut notes, mut rows): (Vec<Found>, _, Vec<String>, _) =
            (Vec::new(), path.display().to_string(), Vec::new(), 0);
        let unused: Vec<&String> = settings.data.drop.iter().chain(&settings.table.id).collect();
        let (formula, family, mut has_sample) = (settings.formula()?, settings.family()?, false);
        let mut categories = formula.as_ref().map_or_else(Vec::new, Formula::category_columns);
        if family.has_classes() || family == Family::Binomial {
            let response = formula.as_ref().map_or(settings.data.target.as_deref(), Formula::response_column);
            categories.extend(response.map(str::to_owned));
        }
        let progress = console.steps(u64::MAX);
        for table in TableChunks::open_share(&[path.into()], options, ROWS, &world())? {
            stop_if_interrupted()?;
            let table = table?;
            if columns.is_empty() {
                table.file().clone_into(&mut file);
                notes.extend(table.notes().iter().map(ToString::to_string));
                let empty = |column: &Column| {
                    let is_category = categories.iter().any(|name| name == column.name());
                    Found::new(column.name(), is_category)
                };
                columns = table.columns().iter().map(empty).collect();
            }
            for (found, column) in columns.iter_mut().zip(table.columns()) {
                if !unused.contains(&&found.name) && found.left_out.is_none() {
                    found.add(&table, column, is_chosen)?;
                }
            }
            let is_complete = |row: &usize| {
                let mut used = columns.iter().zip(table.columns()).filter(|(found, _)| !unused.contains(&&found.name));
                used.all(|(_, column)| !column.is_missing(*row))
            };
            if let (false, Some(row)) = (has_sample, (0..table.len()).find(is_complete)) {
                has_sample = true;
                columns.iter_mut().zip(table.columns()).for_each(|(found, column)| found.sample = column.number(row));
            }
            rows += table.len();
            if let Some(kept) = kept {
                kept.push(table);
            }
            progress.set(rows as u64, || format!("rows read: {rows}"));
        }
        drop(progress);
        Ok(Self { file, columns, notes, rows, has_sample })
    }

    /// Leaves out columns that are no features.
    fn leave_out(&mut self, is_chosen: bool) {
        for found in &mut self.columns {
            if found.stray.is_none() && !is_chosen && found.present > FEW_ROWS && found.levels.len() == found.present {
                found.left_out = Some("every row has a different text".into());
            }
            if let Some(reason) = &found.left_out {
                let name = Shown(&found.name);
                self.notes.push(format!("column '{name}' is left out: {reason} (--features can choose it)"));
            }
        }
        self.columns.retain(|found| found.left_out.is_none());
    }

    /// Returns an error if one of the columns that are used has a text among numbers.
    pub(super) fn check(&mut self, used: &[Column]) -> Result<()> {
        let is_used = |found: &&mut Found| used.iter().any(|column| column.name() == found.name);
        match self.columns.iter_mut().filter(is_used).find_map(|found| found.stray.take()) {
            Some(stray) => Err(Failure::usage(stray)),
            None => Ok(()),
        }
    }

    /// Whether tables have the kinds of all rows. A table without values in a column of texts has not.
    pub(super) fn describes(&self, tables: &[Table]) -> bool {
        let has_kind = |column: &Column| {
            let found = self.columns.iter().find(|found| found.name == column.name());
            found.is_none_or(|found| found.kind.is_none_or(|kind| kind == column.kind()))
        };
        tables.iter().all(|table| table.columns().iter().all(has_kind))
    }

    /// The columns that every chunk must read as texts.
    pub(super) fn text_columns(&self) -> Vec<String> {
        let is_text = |found: &&Found| found.kind == Some(ColumnKind::Categorical);
        self.columns.iter().filter(is_text).map(|found| found.name.clone()).collect()
    }

    /// A table that has the kinds and categories of all rows. All its numbers are of one row, so that functions are defined.
    pub(super) fn small_table(&self, options: &TableOptions) -> Result<Table> {
        let rows = self.columns.iter().map(|found| found.levels.len() + 1).max().unwrap_or(0).max(2);
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|found| &found.name)).map_err(Failure::internal)?;
        let cells: Vec<Vec<String>> = self.columns.iter().map(Found::cells).collect();
        for row in 0..rows {
            let record = cells.iter().map(|cells| if cells.is_empty() { "" } else { &cells[row % cells.len()] });
            writer.write_record(record).map_err(Failure::internal)?;
        }
        let text = writer.into_inner().map_err(Failure::internal)?;
        let plain =
            TableOptions { delimiter: Some(','), encoding: None, decimal_comma: false, na: None, ..options.clone() };
        Ok(Table::parse_with(&self.file, text, &plain)?)
    }
}
