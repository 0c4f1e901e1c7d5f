//! The first pass over a table: kinds and categories of its columns.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use kiln::{
    data::{Column, ColumnKind, DataError, Formula, Shown, Table, TableChunks, TableOptions},
    models::glm::Family,
};

use serde::{Deserialize, Serialize};

use super::super::settings::GlmSettings;
use crate::{
    base::{
        Console, Exit, Failure, Result,
        ranks::{agree, world},
    },
    context::is_interrupted,
};

/// Rows that are in memory at a time.
pub(super) const ROWS: usize = 65_536;
/// Categories of a column beyond which it is no category.
const MOST_LEVELS: usize = 100_000;
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

#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) kind: Option<ColumnKind>,
    /// Whether it has categories also if these are numbers.
    is_category: bool,
    /// The number of some row without missing values.
    pub(super) sample: Option<f64>,
    /// The lowest and the highest number.
    pub(super) range: Option<[f64; 2]>,
    /// The categories, and how many rows have each.
    pub(super) levels: BTreeMap<String, usize>,
    /// Rows that have a text.
    pub(super) present: usize,
    /// Why the column is no feature.
    pub(super) left_out: Option<Cow<'static, str>>,
    /// What is said of a text among numbers.
    pub(super) stray: Option<String>,
    /// Where the first text is, in a column of texts.
    pub(super) text_at: Option<String>,
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
                let empty = |column: &Column| Found {
                    name: column.name().to_owned(),
                    kind: None,
                    is_category: categories.iter().any(|name| name == column.name()),
                    sample: None,
                    range: None,
                    levels: BTreeMap::new(),
                    present: 0,
                    left_out: None,
                    stray: None,
                    text_at: None,
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

impl Found {
    /// Adds the cells of a chunk. A column that was `is_chosen` is not left out.
    fn add(&mut self, table: &Table, column: &Column, is_chosen: bool) -> Result<()> {
        if column.missing() == column.len() {
            return Ok(());
        }
        let kind = column.kind();
        match self.kind {
            None => {
                self.kind = Some(kind);
                self.text_at = self.first_text(table, column);
            }
            Some(own) if own != kind => return Err(self.mixed(table, column)),
            Some(_) => {}
        }
        if let Some(numbers) = column.numbers() {
            self.sample = self.sample.or_else(|| numbers.iter().copied().find(|number| number.is_finite()));
            if !self.is_category {
                return Ok(());
            }
            for number in numbers.iter().filter(|number| number.is_finite()) {
                self.extend([*number; 2]);
            }
            // So many different numbers are measurements, such as shares.
            if self.levels.len() > MOST_LEVELS / 10 {
                return Ok(());
            }
        }
        if let (None, Some(row)) = (&self.stray, column.stray_text()) {
            let error = DataError::TextInNumeric {
                file: table.place(row).0.to_owned(),
                line: table.line(row),
                column: self.name.clone(),
                cell: column.text(row).unwrap_or_default().into_owned(),
            };
            self.stray = Some(error.to_string());
        }
        let (levels, codes) = column.levels();
        let mut counts = vec![0; levels.len()];
        // Missing cells have no level.
        for code in codes.iter() {
            if let Some(count) = counts.get_mut(*code as usize) {
                *count += 1;
            }
        }
        for (level, count) in levels.iter().zip(counts).filter(|(_, count)| *count > 0) {
            *self.levels.entry(level.clone()).or_default() += count;
            self.present += count;
        }
        self.limit(table.file(), is_chosen)
    }

    /// Leaves out a column of too many categories, or returns an error if it was chosen.
    pub(super) fn limit(&mut self, file: &str, is_chosen: bool) -> Result<()> {
        if self.levels.len() > MOST_LEVELS && !is_chosen {
            self.left_out = Some("it has more than 100000 different texts, too many for categories".into());
            self.levels.clear();
        } else if self.levels.len() > MOST_LEVELS {
            return Err(Failure::usage(format!(
                "column '{}' of {} has more than {MOST_LEVELS} different texts, too many for categories: choose other \
                 features",
                Shown(&self.name),
                file,
            )));
        }
        Ok(())
    }

    pub(super) fn extend(&mut self, range: [f64; 2]) {
        let [low, high] = self.range.get_or_insert(range);
        (*low, *high) = (low.min(range[0]), high.max(range[1]));
    }

    fn mixed(&self, table: &Table, column: &Column) -> Failure {
        let own = if self.kind == Some(ColumnKind::Numeric) { self.first_text(table, column) } else { None };
        self.differs(&own.unwrap_or_else(|| format!("{}: column '{}'", table.file(), Shown(&self.name))))
    }

    /// The place of the first cell of a chunk that is no number.
    fn first_text(&self, table: &Table, column: &Column) -> Option<String> {
        if column.numbers().is_some() {
            return None;
        }
        let row = (0..column.len()).find(|row| column.text(*row).is_some_and(|text| text.parse::<f64>().is_err()))?;
        let (text, name) = (column.text(row).unwrap_or_default().into_owned(), Shown(&self.name));
        Some(format!("{}, line {}: '{}' in column '{name}'", table.place(row).0, table.line(row), Shown(&text)))
    }

    /// The failure of a column that has two kinds.
    pub(super) fn differs(&self, where_it_is: &str) -> Failure {
        let name = Shown(&self.name);
        Failure::usage(format!(
            "{where_it_is} does not fit the rows before it: correct it, list a text that means a missing value with --na, or give \
             --categorical '{name}'"
        ))
    }

    /// A cell per category, with the most frequent twice; or a number.
    fn cells(&self) -> Vec<String> {
        let is_numeric = self.kind == Some(ColumnKind::Numeric);
        if is_numeric && self.is_category && self.levels.len() > MOST_LEVELS / 10 {
            return self.range.iter().flatten().map(f64::to_string).collect();
        }
        if is_numeric && !self.is_category {
            return self.sample.map(|number| number.to_string()).into_iter().collect();
        }
        let mut cells: Vec<String> = self.levels.keys().cloned().collect();
        let most = self.levels.iter().max_by_key(|(level, count)| (**count, std::cmp::Reverse(*level)));
        cells.extend(most.map(|(level, _)| level.clone()));
        cells
    }
}
