//! Tables that are read part by part.

use std::{
    collections::VecDeque,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

use kiln_tensor::World;

#[cfg(feature = "parquet")]
use super::parquet;
use super::{
    Table,
    bytes::Text,
    delimited::{Mixed, Outcome, Rows},
    format,
    magic::Format,
    options::TableOptions,
    pieces::Pace,
    schema,
    several::files_of,
    share::Share,
};
use crate::DataError;

/// The rows of files, as tables of some rows each. Of text and Parquet files, one table is in memory at a time; other binary files are read
/// as a whole.
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
    rest: VecDeque<Opening>,
    /// The first file, and the names of its columns.
    first: Option<(String, Vec<String>)>,
}

/// What is read at the moment.
enum Source {
    Text {
        file: String,
        rows: Box<Rows>,
    },
    #[cfg(feature = "parquet")]
    Parquet {
        file: String,
        rows: Box<parquet::Rows>,
    },
    Whole {
        table: Box<Table>,
        rows: Range<usize>,
    },
    /// A text of which every so many chunks are read.
    Some {
        of: Box<Source>,
        every: usize,
        next: usize,
    },
}

/// How a file is opened.
enum Opening {
    Whole(PathBuf),
    /// The records of a text that begin in a share of its bytes.
    Records(PathBuf, Share),
    /// A rank's part of the rows.
    Part(PathBuf, World),
}

impl Source {
    fn open(opening: &Opening, options: &TableOptions) -> Result<Self, DataError> {
        match opening {
            Opening::Whole(path) => Self::part(path, options, &World::alone()),
            Opening::Part(path, world) => Self::part(path, options, world),
            Opening::Records(path, share) => {
                let (file, delimiter) = (path.display().to_string(), Some(share.delimiter.into()));
                let options = TableOptions { delimiter, ..options.clone() };
                let mut rows = Rows::open(share.open(path)?, &file, &options, &[], Pace::PROMPT)?;
                rows.leave_out(share.lines);
                Ok(Self::Text { file, rows: Box::new(rows) })
            }
        }
    }

    /// Opens a rank's part of the rows.
    fn part(path: &Path, options: &TableOptions, world: &World) -> Result<Self, DataError> {
        #[cfg(feature = "parquet")]
        if format::of_file(path)? == Format::Parquet {
            let rows = Box::new(parquet::Rows::open(path, options, |rows| world.share_of(rows))?);
            return Ok(Self::Parquet { file: path.display().to_string(), rows });
        }
        if let Some(table) = Table::read_binary(path, options)? {
            let rows = world.share_of(table.len());
            return Ok(Self::Whole { table: Box::new(table), rows });
        }
        let text = Text::open(path, options.encoding.as_deref())?;
        let all = Self::of_text(text, &path.display().to_string(), options)?;
        match world.is_alone() {
            true => Ok(all),
            false => Ok(Self::Some { of: Box::new(all), every: world.size(), next: world.rank() }),
        }
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
            #[cfg(feature = "parquet")]
            Self::Parquet { file, rows } => Ok(rows.read(most)?.map(|parsed| Table::new(file, String::new(), parsed))),
            Self::Whole { table, rows } => {
                let chosen: Vec<usize> = rows.clone().take(most).collect();
                rows.start += chosen.len();
                Ok((!chosen.is_empty()).then(|| Table { sha256: String::new(), ..table.subset(&chosen) }))
            }
            Self::Some { of, every, next } => {
                while *next > 0 {
                    if of.read(most)?.is_none() {
                        return Ok(None);
                    }
                    *next -= 1;
                }
                *next = *every - 1;
                of.read(most)
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
        Ok(Self::new(Source::open(&Opening::Whole(path.into()), options)?, options, rows))
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
        Self::of_files(files_of(paths)?.into_iter().map(Opening::Whole).collect(), options, rows)
    }

    /// Opens the part of the rows that a rank of a world reads. All ranks call it, and every row is one of exactly one rank.
    ///
    /// A rank reads its part of the bytes of a text file in UTF-8, and its rows of a Parquet file. A compressed text or another binary file
    /// must be read from its beginning: each rank does so, and keeps its part.
    ///
    /// # Errors
    ///
    /// Those of [`open_all`](Self::open_all), and [`DataError::World`].
    ///
    /// # Panics
    ///
    /// If `rows` is 0.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_data::{TableChunks, TableOptions};
    /// use kiln_tensor::world::threads;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let files = [folder.path().join("a.csv")];
    /// std::fs::write(&files[0], "x\n1\n2\n3\n4\n5\n6\n")?;
    /// let rows = threads(2, |world| {
    ///     let chunks = TableChunks::open_share(&files, &TableOptions::default(), 10, &world)?;
    ///     Ok::<_, kiln_data::DataError>(chunks.map(|table| table.map_or(0, |table| table.len())).sum::<usize>())
    /// });
    /// assert_eq!(rows.into_iter().collect::<Result<Vec<_>, _>>()?, [3, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_share(
        paths: &[PathBuf],
        options: &TableOptions,
        rows: usize,
        world: &World,
    ) -> Result<Self, DataError> {
        if world.is_alone() {
            return Self::open_all(paths, options, rows);
        }
        options.check()?;
        let mut openings = VecDeque::new();
        for path in world.agree(files_of(paths))? {
            let is_text = world.agree(format::of_file(&path))? == Format::Text;
            let share = if is_text { Share::of(&path, options, world)? } else { None };
            openings.push_back(match share {
                Some(share) => Opening::Records(path, share),
                None => Opening::Part(path, world.clone()),
            });
        }
        Self::of_files(openings, options, rows)
    }

    fn of_files(mut rest: VecDeque<Opening>, options: &TableOptions, rows: usize) -> Result<Self, DataError> {
        let first = rest.pop_front().expect("there is at least one file");
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
