//! Tables: files of named columns, in memory.

#[cfg(feature = "arrow")]
mod arrow;
mod builder;
mod bytes;
mod chunks;
mod column;
mod cursor;
mod delimited;
mod dictionary;
mod format;
mod layout;
mod lines;
mod magic;
mod note;
mod numpy;
mod options;
mod parallel;
#[cfg(feature = "parquet")]
mod parquet;
mod pieces;
mod schema;
mod select;
mod several;
mod share;
mod sniff;
mod typed;

pub(crate) use self::{
    numpy::{Tensors, Values},
    several::is_table,
};

use std::path::Path;

pub(crate) use self::bytes::{Origin, Text};
pub(crate) use self::{builder::truth, options::number};
pub use self::{
    chunks::TableChunks,
    column::{Column, ColumnKind},
    note::Note,
    options::{Dates, MISSING_MARKS, TableOptions},
    several::tables_sha256,
};
use self::{
    delimited::{Outcome, Parsed, Rows},
    lines::Lines,
    pieces::Pace,
};
use crate::{DataError, shown, suggest};

/// A table in memory: named columns with equal numbers of cells.
///
/// [`read`](Self::read) takes text files as spreadsheets, R and pandas write them. The cells are separated by commas,
/// semicolons, tabs or `|`, whichever fits the first lines. A cell that contains one is in quotes (`"`). The file can be
/// compressed by gzip or zstd. Its first line has the names of the columns, which are distinct. Spaces around names and cells
/// are removed, and blank lines are skipped. If the first column has no name, it is an index of the rows and is left out.
/// A cell is missing if it is empty or one of [`MISSING_MARKS`]. [`read_with`](Self::read_with) takes other
/// [`TableOptions`]. Both also take files of Parquet, Arrow and NumPy, and [`read_all`](Self::read_all) takes several files.
///
/// # Example
///
/// ```
/// use kiln_data::{ColumnKind, Table};
///
/// let table = Table::parse("pets.csv", "weight,kind\n4,cat\n20,dog\n")?;
/// assert_eq!((table.len(), table.columns().len()), (2, 2));
/// assert_eq!(table.columns()[0].kind(), ColumnKind::Numeric);
/// assert_eq!(table.column("kind").and_then(|column| column.text(1)).as_deref(), Some("dog"));
///
/// let error = Table::parse("pets.csv", "weight,kind\n4\n").unwrap_err();
/// assert!(error.to_string().starts_with("pets.csv, line 2: 1 cells, expected 2"));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    file: String,
    /// The files, if there are several.
    files: Vec<String>,
    sha256: String,
    columns: Vec<Column>,
    lines: Lines,
    notes: Vec<Note>,
    delimiter: char,
}

impl Table {
    /// Reads a file with the default options.
    ///
    /// # Errors
    ///
    /// Returns an error if the file does not exist, is not a regular file or cannot be read; if it is not text in its
    /// encoding, or has no header or no rows; if a column has no name or the name of another column; if the first line has
    /// only numbers; and if a line has too few or too many cells.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::read_with(path, &TableOptions::default())
    }

    /// Reads a file: a text, or a file of Parquet (feature `parquet`), Arrow (feature `arrow`) or NumPy, which is known by its first
    /// bytes. A stream of Arrow is also known by the name `*.arrows`.
    ///
    /// In a binary file, nulls and NaN are missing, and the rows are counted from 1 in place of lines. Columns of other types than
    /// numbers, booleans, texts, dates and times are left out ([`Note::Unreadable`]).
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), [`DataError::Delimiter`] and [`DataError::Encoding`]; for binary files [`DataError::Parquet`],
    /// [`DataError::Arrow`], [`DataError::Numpy`], [`DataError::PickledArray`], [`DataError::ArrayRows`] and
    /// [`DataError::NotCompiledIn`].
    pub fn read_with(path: &Path, options: &TableOptions) -> Result<Self, DataError> {
        options.check()?;
        Self::read_as(path, options, &[])
    }

    /// Reads a file. Columns of a text that are called `as_text` hold texts, whatever their cells are.
    fn read_as(path: &Path, options: &TableOptions, as_text: &[String]) -> Result<Self, DataError> {
        let file = path.display().to_string();
        match Self::read_binary(path, options)? {
            Some(table) => Ok(table),
            None => Self::from_texts(&file, options, as_text, || Text::open(path, options.encoding.as_deref())),
        }
    }

    /// Reads a file that is not a text. There is nothing if it is one.
    fn read_binary(path: &Path, options: &TableOptions) -> Result<Option<Self>, DataError> {
        let file = path.display().to_string();
        let Some((parsed, sha256)) = format::read_binary(path, options)? else { return Ok(None) };
        Ok(Some(Self::new(&file, sha256, parsed)))
    }

    /// Parses the text of a file with the default options. Messages call it `file`.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), without those of the file system.
    pub fn parse(file: &str, text: &str) -> Result<Self, DataError> {
        Self::parse_with(file, text, &TableOptions::default())
    }

    /// Parses the bytes of a file, which may be compressed. Messages call it `file`.
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with), without those of the file system.
    pub fn parse_with(file: &str, bytes: impl AsRef<[u8]>, options: &TableOptions) -> Result<Self, DataError> {
        let encoding = options.encoding.as_deref();
        Self::from_texts(file, options, &[], || Text::of_bytes(bytes.as_ref().to_vec(), Path::new(file), encoding))
    }

    /// Reads a text, and reads it once more if columns turn out to hold other things than they did at the beginning.
    fn from_texts(
        file: &str,
        options: &TableOptions,
        as_text: &[String],
        open: impl Fn() -> Result<Text, DataError>,
    ) -> Result<Self, DataError> {
        options.check()?;
        let mut as_text = as_text.to_vec();
        loop {
            let mut rows = Rows::open(open()?, file, options, &as_text, Pace::WHOLE)?;
            match rows.read_all(rayon::current_num_threads)? {
                Some(Outcome::Table(parsed)) => return Ok(Self::new(file, rows.sha256()?, parsed)),
                Some(Outcome::Again { as_text: more }) => as_text.extend(more.into_iter().map(|mixed| mixed.column)),
                None => return Err(DataError::NoRows { file: file.into() }),
            }
        }
    }

    fn new(file: &str, sha256: String, parsed: Parsed) -> Self {
        let Parsed { columns, lines, notes, delimiter } = parsed;
        Self { file: file.into(), files: Vec::new(), sha256, columns, lines, notes, delimiter }
    }

    /// Returns the name of the file, as in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the SHA-256 of the file. A part of a file, from [`TableChunks`], has none: the text is empty.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns the number of rows, at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a table has at least one row")]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns the columns in the order of the file.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name() == name)
    }

    /// Returns what the reader left out without being asked.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Returns the character between two cells of the file.
    pub fn delimiter(&self) -> char {
        self.delimiter
    }

    /// Returns the line of the file on which a row begins, counted from 1.
    ///
    /// # Panics
    ///
    /// If `row` is not below [`len`](Self::len).
    pub fn line(&self, row: usize) -> u64 {
        self.lines.of(row)
    }

    /// Returns the file and the line of a row, as [`line`](Self::line) does. The files differ in a table from several ones.
    ///
    /// # Panics
    ///
    /// If `row` is not below [`len`](Self::len).
    pub fn place(&self, row: usize) -> (&str, u64) {
        (self.files.get(self.lines.file(row)).unwrap_or(&self.file), self.lines.of(row))
    }

    /// Returns the line of a row in the words of a message about the table, with the file if there are several.
    pub(crate) fn place_in_words(&self, row: usize) -> String {
        let (file, line) = self.place(row);
        if self.files.is_empty() { format!("line {line}") } else { format!("{} line {line}", shown::whole(file)) }
    }

    /// Returns the column called `name`.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`], which names the columns that exist.
    pub fn required(&self, name: &str) -> Result<&Column, DataError> {
        self.column(name).ok_or_else(|| DataError::UnknownColumn {
            file: self.file.clone(),
            column: name.into(),
            hint: suggest::hint(name, self.columns.iter().map(Column::name)),
            columns: self.column_list(),
        })
    }

    pub(crate) fn column_list(&self) -> String {
        shown::list(self.columns.iter().map(Column::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::hex;
    use sha2::{Digest, Sha256};
    use std::fs;

    fn parse(text: &str) -> Result<Table, DataError> {
        Table::parse("test.csv", text)
    }

    fn texts(table: &Table, column: &str) -> Vec<String> {
        let column = table.column(column).unwrap();
        (0..table.len()).map(|row| column.text(row).unwrap_or_default().into_owned()).collect()
    }

    fn kinds(text: &str) -> Vec<ColumnKind> {
        parse(text).unwrap().columns().iter().map(Column::kind).collect()
    }

    #[test]
    fn columns_of_numbers_are_recognised() {
        use ColumnKind::{Categorical, Numeric};
        let text = "a,b,c,d,e\n1,x,1e3,NA,inf\n-2.5,y,?,nan,1\n.5,1,+7,,2\n";
        assert_eq!(kinds(text), [Numeric, Categorical, Numeric, Numeric, Categorical]);
    }

    #[test]
    fn quotes_blanks_and_byte_order_marks_are_understood() {
        let table =
            parse("\u{feff} name , note\r\n\"a,b\", \"x\"\r\n c ,\"line 1\nline 2\"\r\n\r\nd,e\r\n\r\n  \r\n").unwrap();
        assert_eq!(texts(&table, "name"), ["a,b", "c", "d"]);
        assert_eq!(texts(&table, "note")[1], "line 1\nline 2");
        assert_eq!([0, 1, 2].map(|row| table.line(row)), [2, 3, 6]);
        assert_eq!(table.file(), "test.csv");
    }

    /// Texts that come after more than a thousand numbers make the reader begin again.
    #[test]
    fn a_column_may_turn_out_to_be_text() {
        let numbers: String = (0..2000).map(|i| format!("0{i},{i}\n")).collect();
        let words: String = (0..500).map(|i| format!("w{i},{i}\n")).collect();
        let table = parse(&format!("x,y\n{numbers}{words}")).unwrap();
        assert_eq!(table.columns()[0].kind(), ColumnKind::Categorical);
        assert_eq!((&texts(&table, "x")[7], &texts(&table, "x")[2499]), (&"07".to_owned(), &"w499".to_owned()));
    }

    #[test]
    fn an_unnamed_first_column_is_an_index() {
        for text in [
            ",x,y\n1,2,3\n2,4,5\n",
            "x,y\nr1,2,3\nr2,4,5\n",
            "Unnamed: 0,x,y\n0,2,3\n1,4,5\n",
            "\"\",x,y\n1,2,3\n2,4,5\n",
        ] {
            let table = parse(text).unwrap();
            assert_eq!(table.columns().iter().map(Column::name).collect::<Vec<_>>(), ["x", "y"], "{text}");
            assert_eq!(table.notes(), [Note::Index]);
            assert_eq!(table.columns()[1].numbers(), Some(&[3.0, 5.0][..]));
        }
        // A delimiter at the end of each line makes a column of nothing.
        let table = parse("x,y,\n1,2,\n3,4,\n").unwrap();
        assert_eq!((table.columns().len(), table.notes().len()), (2, 0));
        assert!(matches!(parse("a,,c\n1,2,3\n"), Err(DataError::UnnamedColumn { position: 2, .. })));
    }

    #[test]
    fn delimiters_encodings_and_compressions_are_found() {
        use std::io::Write;
        let expected = parse("x,name\n1,café\n2,b\n").unwrap();
        let same = |bytes: &[u8], options: &TableOptions| {
            let table = Table::parse_with("t", bytes, options).unwrap();
            assert_eq!(table.columns(), expected.columns());
        };
        let found = TableOptions::default();
        same("x;name\n1;café\n2;b\n".as_bytes(), &found);
        same("x\tname\r\n1\tcafé\r\n2\tb\r\n".as_bytes(), &found);
        same("x|name\n1|café\n2|b\n".as_bytes(), &found);
        same("x:name\n1:café\n2:b\n".as_bytes(), &TableOptions { delimiter: Some(':'), ..found.clone() });
        let latin1 = TableOptions { encoding: Some("latin1".into()), ..found.clone() };
        same(b"x,name\n1,caf\xe9\n2,b\n", &latin1);
        let utf16: Vec<u8> = "\u{feff}x,name\n1,café\n2,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        same(&utf16, &found);
        let text = "x,name\n1,café\n2,b\n".as_bytes();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(text).unwrap();
        let gzip = gzip.finish().unwrap();
        same(&gzip, &found);
        let zstd = zstd::encode_all(text, 3).unwrap();
        same(&zstd, &found);
        // The digest is that of the file.
        assert_eq!(Table::parse_with("t", &zstd, &found).unwrap().sha256(), hex(&Sha256::digest(&zstd)));
        assert!(matches!(Table::parse_with("t", &gzip[..20], &found), Err(DataError::TruncatedGzip { .. })));
        assert!(matches!(Table::parse_with("t", &zstd[..20], &found), Err(DataError::CorruptZstd { .. })));
        for wrong in [
            TableOptions { delimiter: Some('é'), ..found.clone() },
            TableOptions { encoding: Some("klingon".into()), ..found.clone() },
        ] {
            assert!(Table::parse_with("t", text, &wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn lines_are_counted_in_files_of_every_system() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("x,y{end}1,\"a{end}b\"{end}{end}{end}2,c{end}{end}3,d");
            let table = parse(&text).unwrap();
            assert_eq!([0, 1, 2].map(|row| table.line(row)), [2, 6, 8], "{end:?}");
        }
    }

    #[test]
    fn a_quote_that_stays_open_is_found() {
        for text in ["x,y\n1,2\n3,\"4\n5,6\n", ",2\n,\n,\"", "x,y\n1,2\n3,\"4"] {
            assert!(matches!(parse(text), Err(DataError::OpenQuote { line: 3, .. })), "{text:?}");
        }
        let table = parse("x,y\n1,\"a\n\n\"").unwrap();
        assert_eq!(texts(&table, "y"), ["a"]);
    }

    #[test]
    fn headers_are_checked() {
        assert!(matches!(parse(""), Err(DataError::NoHeader { .. })));
        assert!(matches!(parse("\n \n"), Err(DataError::NoHeader { .. })));
        assert!(matches!(parse("a,b\n"), Err(DataError::NoRows { .. })));
        assert!(matches!(parse("a,b, a\n1,2,3\n"), Err(DataError::DuplicateColumn { column, .. }) if column == "a"));
        assert!(matches!(parse("1.5,2,0\n1,2,3\n"), Err(DataError::NumericHeader { first, .. }) if first == "1.5"));
    }

    #[test]
    fn ragged_lines_are_named() {
        let long = parse("a,b\n1,2\n\n3,4,5\n").unwrap_err();
        assert!(matches!(long, DataError::Ragged { line: 4, expected: 2, found: 3, .. }), "{long}");
        let short = parse("a,b\r\n1,2\r\n3\r\n");
        assert!(matches!(short, Err(DataError::Ragged { line: 3, expected: 2, found: 1, .. })));
    }

    #[test]
    fn files_are_read_and_hashed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.csv");
        fs::write(&path, "a,b\n1,x\n").unwrap();
        let table = Table::read(&path).unwrap();
        assert_eq!((table.len(), table.file()), (1, path.to_str().unwrap()));
        assert_eq!(table.sha256(), hex(&Sha256::digest("a,b\n1,x\n")));
        fs::write(&path, b"a,b\n1,x\n2,caf\xe9\n").unwrap();
        assert!(matches!(Table::read(&path), Err(DataError::NotUtf8 { line: 3, .. })));
        assert!(matches!(Table::read(&dir.path().join("none.csv")), Err(DataError::MissingFile { .. })));
        assert!(matches!(Table::read(dir.path()), Err(DataError::NotAFile { .. })));
        #[cfg(unix)]
        assert!(matches!(Table::read(Path::new("/dev/zero")), Err(DataError::NotAFile { .. })));
    }

    /// A cell of 5 MB, with an escape code and a line end, must not reach the terminal as it is.
    #[test]
    fn messages_are_short_and_safe() {
        let long = "y".repeat(5_000_000);
        let names = format!("a\u{1b}[31m,\"b\n\",{long}");
        let table = parse(&format!("{names}\n1,2,3\n")).unwrap();
        let cell = parse(&format!("x,z\n{}\u{1b}[2J{long},1\n", "1,1\n".repeat(20))).unwrap();
        let weights = parse(&format!("w,x\n\"\u{1b}]0;{long}\n\",1\n")).unwrap().split_weights("w");
        for error in [
            table.required(&format!("z{long}")).unwrap_err(),
            crate::Encoder::fit(&cell, None, &[0], true).unwrap_err(),
            weights.unwrap_err(),
            parse(&format!("{long},{long}\n1,2\n")).unwrap_err(),
        ] {
            let message = error.to_string();
            assert!(message.chars().count() < 500, "{} characters", message.chars().count());
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }

    #[test]
    fn weights_are_split_off() {
        let (table, weights) = parse("a,w,b\n1,2,x\n3,0.5,y\n5,0,x\n").unwrap().split_weights("w").unwrap();
        assert_eq!(weights, [2.0, 0.5, 0.0]);
        assert_eq!(table.columns().iter().map(Column::name).collect::<Vec<_>>(), ["a", "b"]);
        for cell in ["-1", "NA", "heavy", "inf"] {
            let error = parse(&format!("a,w\n1,1\n1,{cell}\n")).unwrap().split_weights("w").unwrap_err();
            assert!(matches!(&error, DataError::Weight { line: 3, .. }), "{error}");
        }
        assert!(matches!(parse("a,w\n1,1\n").unwrap().split_weights("v"), Err(DataError::UnknownColumn { .. })));
    }

    #[test]
    fn an_unknown_target_is_answered_with_the_nearest() {
        let message = parse("size,colour\n1,x\n").unwrap().required("color").unwrap_err().to_string();
        assert!(message.contains("did you mean 'colour'?") && message.contains("size, colour"), "{message}");
    }
}
