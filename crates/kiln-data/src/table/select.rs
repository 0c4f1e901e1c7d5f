//! Tables with only some columns or rows.

use super::{Table, options::number};
use crate::DataError;

impl Table {
    /// Returns the table without the column called `name`, and the numbers of that column as weights of the rows.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`], and [`DataError::Weight`] for a cell that is not a finite number of at least 0.
    pub fn split_weights(mut self, name: &str) -> Result<(Self, Vec<f64>), DataError> {
        let column = self.required(name)?;
        let value = |row: usize| column.number(row).or_else(|| number(&column.text(row)?));
        let weight = |row: usize| {
            value(row).filter(|weight| *weight >= 0.0).ok_or_else(|| DataError::Weight {
                file: self.place(row).0.into(),
                line: self.line(row),
                column: name.into(),
                cell: column.text(row).unwrap_or_default().into_owned(),
            })
        };
        let weights = (0..self.len()).map(weight).collect::<Result<_, _>>()?;
        self.columns.retain(|column| column.name() != name);
        Ok((self, weights))
    }

    /// Returns the table without the columns called `names`.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`] if a column does not exist.
    ///
    /// # Example
    ///
    /// ```
    /// let table = kiln_data::Table::parse("t.csv", "id,x\n7,1\n8,2\n")?.without(&["id"])?;
    /// assert_eq!(table.columns().len(), 1);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn without(mut self, names: &[&str]) -> Result<Self, DataError> {
        names.iter().try_for_each(|name| self.required(name).map(drop))?;
        self.columns.retain(|column| !names.contains(&column.name()));
        Ok(self)
    }

    /// Returns the table with only the columns called `names`, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`] if a column does not exist.
    pub fn with_only(mut self, names: &[&str]) -> Result<Self, DataError> {
        names.iter().try_for_each(|name| self.required(name).map(drop))?;
        self.columns.retain(|column| names.contains(&column.name()));
        Ok(self)
    }

    /// Returns the table with only some rows, in the order of `rows`. They keep the lines of the file.
    ///
    /// # Panics
    ///
    /// If there are no rows, or a row is not below [`len`](Self::len).
    ///
    /// # Example
    ///
    /// ```
    /// let table = kiln_data::Table::parse("t.csv", "x\n1\n2\n3\n")?.subset(&[0, 2]);
    /// assert_eq!((table.columns()[0].numbers(), table.line(1)), (Some(&[1.0, 3.0][..]), 4));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    #[must_use]
    pub fn subset(&self, rows: &[usize]) -> Self {
        assert!(!rows.is_empty(), "a table has at least one row");
        Self {
            file: self.file.clone(),
            files: self.files.clone(),
            sha256: self.sha256.clone(),
            columns: self.columns.iter().map(|column| column.subset(rows)).collect(),
            lines: self.lines.subset(rows),
            notes: self.notes.clone(),
            delimiter: self.delimiter,
        }
    }
}
