//! Rows with missing values, counted while they are read.

use kiln::data::{Column, MissingRows, Table};

/// Rows with missing values.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) rows: usize,
    pub(super) incomplete: usize,
    pub(super) columns: Vec<(String, usize)>,
}

impl Counts {
    pub(super) fn of(names: &[&str]) -> Self {
        Self { columns: names.iter().map(|name| ((*name).to_owned(), 0)).collect(), ..Self::default() }
    }

    pub(super) fn add(&mut self, table: &Table) {
        for (name, count) in &mut self.columns {
            *count += table.required(name).map_or(0, Column::missing);
        }
        self.rows += table.len();
        let is_incomplete = |row: &usize| table.columns().iter().any(|column| column.is_missing(*row));
        self.incomplete += (0..table.len()).filter(is_incomplete).count();
    }

    pub(super) fn found(mut self) -> Option<MissingRows> {
        self.columns.retain(|(_, missing)| *missing > 0);
        self.columns.sort_by_key(|(_, missing)| std::cmp::Reverse(*missing));
        let Self { rows, incomplete, columns } = self;
        (incomplete > 0).then_some(MissingRows { rows, incomplete, columns })
    }
}
