//! Tables that are read part by part.

use std::{io::Read, path::Path};

use super::{
    Table,
    bytes::Text,
    delimited::{Outcome, Rows},
    options::TableOptions,
};
use crate::DataError;

/// The rows of a text file, as tables of some rows each: one table is in memory at a time.
///
/// Each part finds out by itself what its columns hold. Name columns of text in
/// [`TableOptions::categorical`](crate::TableOptions::categorical), so that they are texts in every part.
///
/// # Example
/// ```
/// use kiln_data::{TableChunks, TableOptions};
///
/// let text = "x\n1\n2\n3\n4\n5\n";
/// let chunks = TableChunks::of_reader(text.as_bytes(), "numbers.csv", &TableOptions::default(), 2)?;
/// let sizes = chunks.map(|chunk| chunk.map(|table| table.len())).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(sizes, [2, 2, 1]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
pub struct TableChunks {
    file: String,
    rows: Rows,
    most: usize,
    ended: bool,
}

impl TableChunks {
    /// Opens a text file, whose rows come in tables of `rows` rows; the last one may have fewer.
    ///
    /// # Errors
    ///
    /// Those of [`Table::read_with`].
    ///
    /// # Panics
    ///
    /// If `rows` is 0.
    pub fn open(path: &Path, options: &TableOptions, rows: usize) -> Result<Self, DataError> {
        options.check()?;
        let text = Text::open(path, options.encoding.as_deref())?;
        Self::new(text, &path.display().to_string(), options, rows)
    }

    /// Takes the text of a reader, such as standard input. Messages call it `name`.
    ///
    /// # Errors
    ///
    /// Those of [`Table::read_with`].
    ///
    /// # Panics
    ///
    /// If `rows` is 0.
    pub fn of_reader(
        reader: impl Read + 'static,
        name: &str,
        options: &TableOptions,
        rows: usize,
    ) -> Result<Self, DataError> {
        options.check()?;
        let text = Text::of_reader(Box::new(reader), Path::new(name), options.encoding.as_deref())?;
        Self::new(text, name, options, rows)
    }

    fn new(text: Text, file: &str, options: &TableOptions, most: usize) -> Result<Self, DataError> {
        assert!(most > 0, "a table has at least one row");
        let rows = Rows::open(text, file, options, &[])?;
        Ok(Self { file: file.into(), rows, most, ended: false })
    }

    fn read(&mut self) -> Result<Option<Table>, DataError> {
        match self.rows.read(self.most)? {
            Some(Outcome::Table(parsed)) => Ok(Some(Table::new(&self.file, String::new(), parsed))),
            None => Ok(None),
            Some(Outcome::Again { as_text }) => Err(DataError::MixedColumn {
                file: self.file.clone(),
                column: as_text.into_iter().next().unwrap_or_default(),
            }),
        }
    }
}

impl Iterator for TableChunks {
    type Item = Result<Table, DataError>;

    /// Reads the next rows. After an error there are none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let table = self.read().transpose();
        self.ended = !matches!(table, Some(Ok(_)));
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_whole() {
        let rows: String = (0..1000).map(|i| format!("{},g{},\"a\n{i}\"\n", i as f64 * 0.5, i % 7)).collect();
        let text = format!("x,group,note\n{rows}");
        let whole = Table::parse("t", &text).unwrap();
        let mut row = 0;
        let chunks = TableChunks::of_reader(std::io::Cursor::new(text), "t", &TableOptions::default(), 64).unwrap();
        for chunk in chunks.map(Result::unwrap) {
            for at in 0..chunk.len() {
                assert_eq!(chunk.line(at), whole.line(row));
                for (part, all) in chunk.columns().iter().zip(whole.columns()) {
                    assert_eq!(part.text(at), all.text(row));
                }
                row += 1;
            }
        }
        assert_eq!(row, 1000);
    }

    #[test]
    fn an_error_ends_the_rows() {
        let text = "x,y\n1,2\n3,4\n5\n6,7\n";
        let mut chunks = TableChunks::of_reader(text.as_bytes(), "t", &TableOptions::default(), 1).unwrap();
        assert!(chunks.next().unwrap().is_ok() && chunks.next().unwrap().is_ok());
        assert!(matches!(chunks.next(), Some(Err(DataError::Ragged { line: 4, .. }))));
        assert!(chunks.next().is_none());
    }
}
