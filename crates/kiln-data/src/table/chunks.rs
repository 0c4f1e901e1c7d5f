//! Tables that are read part by part.

use std::{
    collections::VecDeque,
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    Table,
    bytes::Text,
    delimited::{Mixed, Outcome, Rows},
    options::TableOptions,
    pieces::Pace,
    schema,
    several::files_of,
};
use crate::DataError;

/// The rows of files, as tables of some rows each. Of a text file, one table is in memory at a time; a binary file is read as a whole.
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
    source: Source,
    options: TableOptions,
    most: usize,
    ended: bool,
    /// The files that come after this one.
    rest: VecDeque<PathBuf>,
    /// The first file, and the names of its columns.
    first: Option<(String, Vec<String>)>,
}

/// What is read at the moment.
enum Source {
    Text { file: String, rows: Box<Rows> },
    Whole { table: Box<Table>, next: usize },
}

impl Source {
    fn open(path: &Path, options: &TableOptions) -> Result<Self, DataError> {
        if let Some(table) = Table::read_binary(path, options)? {
            return Ok(Self::Whole { table: Box::new(table), next: 0 });
        }
        let text = Text::open(path, options.encoding.as_deref())?;
        Self::of_text(text, &path.display().to_string(), options)
    }

    fn of_text(text: Text, file: &str, options: &TableOptions) -> Result<Self, DataError> {
        Ok(Self::Text { file: file.into(), rows: Box::new(Rows::open(text, file, options, &[], Pace::PROMPT)?) })
    }

    /// Reads at most `most` rows. There is no table at the end.
    fn read(&mut self, most: usize) -> Result<Option<Table>, DataError> {
        match self {
            Self::Text { file, rows } => match rows.read(most)? {
                Some(Outcome::Table(parsed)) => Ok(Some(Table::new(file, String::new(), parsed))),
                None => Ok(None),
                Some(Outcome::Again { as_text }) => {
                    let first = as_text.into_iter().min_by_key(|mixed| mixed.line).expect("at least one column");
                    let Mixed { column, line, cell } = first;
                    Err(DataError::TextInNumeric { file: file.clone(), line, column, cell })
                }
            },
            Self::Whole { table, next } => {
                let rows: Vec<usize> = (*next..table.len()).take(most).collect();
                *next += rows.len();
                Ok((!rows.is_empty()).then(|| Table { sha256: String::new(), ..table.subset(&rows) }))
            }
        }
    }
}

impl TableChunks {
    /// Opens a file, whose rows come in tables of `rows` rows; the last one may have fewer.
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
        Ok(Self::new(Source::open(path, options)?, options, rows))
    }

    /// Opens several files, or the table files of a folder, as [`Table::read_all`] does. Every table has rows of one file, and the
    /// columns in the order of the first file.
    ///
    /// # Errors
    ///
    /// Those of [`Table::read_all`], for the first file; those of the others come when they are read.
    ///
    /// # Panics
    ///
    /// If `rows` is 0.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_data::{TableChunks, TableOptions};
    ///
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("a.csv"), "x,y\n1,2\n3,4\n")?;
    /// std::fs::write(folder.path().join("b.csv"), "y,x\n6,5\n")?;
    /// let chunks = TableChunks::open_all(&[folder.path().into()], &TableOptions::default(), 10)?;
    /// let first = chunks.map(|table| Ok(table?.columns()[0].number(0))).collect::<Result<Vec<_>, kiln_data::DataError>>()?;
    /// assert_eq!(first, [Some(1.0), Some(5.0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_all(paths: &[PathBuf], options: &TableOptions, rows: usize) -> Result<Self, DataError> {
        options.check()?;
        let mut rest = VecDeque::from(files_of(paths)?);
        let first = rest.pop_front().unwrap_or_default();
        Ok(Self { rest, ..Self::new(Source::open(&first, options)?, options, rows) })
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
        Ok(Self::new(Source::of_text(text, name, options)?, options, rows))
    }

    fn new(source: Source, options: &TableOptions, most: usize) -> Self {
        assert!(most > 0, "a table has at least one row");
        Self { source, options: options.clone(), most, ended: false, rest: VecDeque::new(), first: None }
    }

    fn read(&mut self) -> Result<Option<Table>, DataError> {
        loop {
            if let Some(table) = self.source.read(self.most)? {
                return self.in_order(table).map(Some);
            }
            let Some(next) = self.rest.pop_front() else { return Ok(None) };
            self.source = Source::open(&next, &self.options)?;
        }
    }

    /// Gives a table the columns of the first file.
    fn in_order(&mut self, mut table: Table) -> Result<Table, DataError> {
        match &self.first {
            Some((first, names)) if *first != table.file => {
                table.columns = schema::in_order(first, names, &table.file, table.columns)?;
            }
            Some(_) => {}
            None => {
                let names = table.columns.iter().map(|column| column.name().to_owned()).collect();
                self.first = Some((table.file.clone(), names));
            }
        }
        Ok(table)
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
