//! What the rows have in a column: its kind, its categories, and what is wrong with it.

use std::{borrow::Cow, collections::BTreeMap};

use kiln::data::{Column, ColumnKind, DataError, Shown, Table};
use serde::{Deserialize, Serialize};

use crate::base::{Failure, Result};

/// Categories of a column beyond which it is no category.
const MOST_LEVELS: usize = 100_000;

/// What the rows have in a column.
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

impl Found {
    pub(super) fn new(name: &str, is_category: bool) -> Self {
        Self {
            name: name.to_owned(),
            kind: None,
            is_category,
            sample: None,
            range: None,
            levels: BTreeMap::new(),
            present: 0,
            left_out: None,
            stray: None,
            text_at: None,
        }
    }

    /// Adds the cells of a chunk. A column that was `is_chosen` is not left out.
    pub(super) fn add(&mut self, table: &Table, column: &Column, is_chosen: bool) -> Result<()> {
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
    pub(super) fn cells(&self) -> Vec<String> {
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
