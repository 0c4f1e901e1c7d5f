//! CSV files as columns of text, of which some hold numbers.

use crate::{
    DataError,
    content::{hex, read_regular},
    shown, suggest,
};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, path::Path};

/// The largest CSV file that is read. A table in memory takes several times its size.
const MAX_BYTES: u64 = 4 << 30;

/// The kind of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Every cell that is not missing is a finite number.
    Numeric,
    /// Some cell is text.
    Categorical,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: String,
    kind: ColumnKind,
    cells: Vec<String>,
}

/// A CSV file in memory: named columns with equal numbers of cells.
///
/// The file is UTF-8 text with commas between the cells, quotes (`"`) around cells that contain commas or line ends, and a
/// header line of distinct names. Spaces around names and cells are removed, and blank lines are skipped. A cell is missing
/// if it is empty, `NA`, `NaN` or `?`, in upper or lower case.
///
/// # Example
///
/// ```
/// use kiln_data::{ColumnKind, Table};
///
/// let table = Table::parse("pets.csv", "weight,kind\n4,cat\n20,dog\n")?;
/// assert_eq!((table.len(), table.columns().len()), (2, 2));
/// assert_eq!(table.columns()[0].kind(), ColumnKind::Numeric);
/// assert_eq!(table.column("kind").map(|column| column.cells().to_vec()), Some(vec!["cat".into(), "dog".into()]));
///
/// let error = Table::parse("pets.csv", "weight,kind\n4\n").unwrap_err();
/// assert!(error.to_string().starts_with("pets.csv, line 2: 1 cells, expected 2"));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    file: String,
    sha256: String,
    columns: Vec<Column>,
    /// The line of the file on which each row begins, counted from 1.
    lines: Vec<u64>,
}

impl Column {
    /// Returns the name in the header.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the cells are numbers or text.
    pub fn kind(&self) -> ColumnKind {
        self.kind
    }

    /// Returns the texts of the cells, without spaces around them.
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    /// Returns the first row whose cell is text, if at least 90% of the cells that are not missing are numbers.
    ///
    /// Such a column is a numeric one with errors.
    pub fn stray_text(&self) -> Option<usize> {
        let present = self.cells.iter().filter(|cell| !is_missing(cell)).count();
        let numbers = self.cells.iter().filter(|cell| number(cell).is_some()).count();
        let text = |cell: &String| !is_missing(cell) && number(cell).is_none();
        if numbers * 10 >= present * 9 { self.cells.iter().position(text) } else { None }
    }
}

impl Table {
    /// Reads a CSV file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file does not exist, is not a regular file, is larger than 4 GiB or cannot be read; if it
    /// is not UTF-8 text or has no header or no rows; if a column has no name or the name of another column; if the first
    /// line has only numbers; and if a line has too few or too many cells.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let bytes = read_regular(path, MAX_BYTES)?;
        let file = path.display().to_string();
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(&file, text),
            Err(wrong) => Err(DataError::NotUtf8 { file, line: 1 + line_ends(&bytes[..wrong.valid_up_to()]) }),
        }
    }

    /// Parses the text of a CSV file. Messages call it `file`.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), without those of the file system.
    pub fn parse(file: &str, text: &str) -> Result<Self, DataError> {
        let sha256 = hex(&Sha256::digest(text));
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file = file.to_string();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut records = reader.records();
        let names = match records.next() {
            Some(Ok(names)) if names.iter().any(|name| !name.trim().is_empty()) => names,
            Some(Err(cause)) => return Err(DataError::Csv { file, cause }),
            _ => return Err(DataError::NoHeader { file }),
        };
        let names: Vec<String> = names.iter().map(|name| name.trim().to_string()).collect();
        check_names(&file, &names)?;

        let mut cells: Vec<Vec<String>> = vec![Vec::new(); names.len()];
        let mut lines = Vec::new();
        let mut counter = LineCounter { text: text.as_bytes(), at: 0, line: 1 };
        for record in records {
            let record = record.map_err(|cause| DataError::Csv { file: file.clone(), cause })?;
            // A line of spaces is skipped like an empty line.
            if record.len() == 1 && names.len() > 1 && record[0].trim().is_empty() {
                continue;
            }
            let line = counter.line_of(record.position().map_or(0, |position| position.byte() as usize));
            if record.len() != names.len() {
                return Err(DataError::Ragged { file, line, expected: names.len(), found: record.len() });
            }
            lines.push(line);
            cells.iter_mut().zip(&record).for_each(|(column, cell)| column.push(cell.trim().to_string()));
        }
        if lines.is_empty() {
            return Err(DataError::NoRows { file });
        }
        let columns = names.into_iter().zip(cells).map(|(name, cells)| Column { name, kind: kind(&cells), cells });
        Ok(Self { file, sha256, columns: columns.collect(), lines })
    }

    /// Returns the name of the file, as in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the SHA-256 of the file.
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
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the line of the file on which a row begins, counted from 1.
    ///
    /// # Panics
    ///
    /// If `row` is not below [`len`](Self::len).
    pub fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    /// Returns the table without the column called `name`, and the numbers of that column as weights of the rows.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`], and [`DataError::Weight`] for a cell that is not a finite number of at least 0.
    pub fn split_weights(mut self, name: &str) -> Result<(Self, Vec<f64>), DataError> {
        let column = self.required(name)?;
        let weight = |(row, cell): (usize, &String)| {
            number(cell).filter(|weight| *weight >= 0.0).ok_or_else(|| DataError::Weight {
                file: self.file.clone(),
                line: self.lines[row],
                column: name.into(),
                cell: cell.clone(),
            })
        };
        let weights = column.cells.iter().enumerate().map(weight).collect::<Result<_, _>>()?;
        self.columns.retain(|column| column.name != name);
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
        self.columns.retain(|column| !names.contains(&column.name.as_str()));
        Ok(self)
    }

    /// Returns the column called `name`, or an error.
    pub(crate) fn required(&self, name: &str) -> Result<&Column, DataError> {
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

/// Returns whether a cell stands for a missing value.
pub(crate) fn is_missing(cell: &str) -> bool {
    ["", "na", "nan", "?"].iter().any(|mark| cell.eq_ignore_ascii_case(mark))
}

/// Returns the finite number in a cell.
pub(crate) fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|value: &f64| value.is_finite())
}

fn kind(cells: &[String]) -> ColumnKind {
    match cells.iter().all(|cell| is_missing(cell) || number(cell).is_some()) {
        true => ColumnKind::Numeric,
        false => ColumnKind::Categorical,
    }
}

fn check_names(file: &str, names: &[String]) -> Result<(), DataError> {
    let file = file.to_string();
    if let Some(unnamed) = names.iter().position(String::is_empty) {
        return Err(DataError::UnnamedColumn { file, position: unnamed + 1 });
    }
    if names.iter().all(|name| number(name).is_some()) {
        return Err(DataError::NumericHeader { file, first: names[0].clone() });
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(DataError::DuplicateColumn { file, column: twice.clone() }),
        None => Ok(()),
    }
}

/// Finds the lines of records, which must come in order. The CSV reader's own line numbers count the blank lines before a
/// record as part of it.
struct LineCounter<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    fn line_of(&mut self, offset: usize) -> u64 {
        let skipped = self.text[offset..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let start = offset + skipped;
        self.line += line_ends(&self.text[self.at..start]);
        self.at = start;
        self.line
    }
}

/// Counts line ends: `\n`, `\r\n`, and a `\r` alone, as the CSV reader does.
fn line_ends(bytes: &[u8]) -> u64 {
    let alone = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    (0..bytes.len()).filter(|&at| bytes[at] == b'\n' || alone(at)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn parse(text: &str) -> Result<Table, DataError> {
        Table::parse("test.csv", text)
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
        assert_eq!(table.column("name").unwrap().cells(), ["a,b", "c", "d"]);
        assert_eq!(table.column("note").unwrap().cells()[1], "line 1\nline 2");
        assert_eq!([0, 1, 2].map(|row| table.line(row)), [2, 3, 6]);
        assert_eq!(table.file(), "test.csv");
    }

    #[test]
    fn a_few_texts_among_numbers_are_strays() {
        let column = |last: &str| format!("x\n{}{last}\n", "1\n".repeat(9));
        assert_eq!(parse(&column("abc")).unwrap().columns()[0].stray_text(), Some(9));
        assert_eq!(parse(&column("NA")).unwrap().columns()[0].stray_text(), None);
        assert_eq!(parse(&column("abc\nabc")).unwrap().columns()[0].stray_text(), None, "nine in eleven are too few");
        assert_eq!(parse("x\nNA\n").unwrap().columns()[0].stray_text(), None);
    }

    #[test]
    fn headers_are_checked() {
        assert!(matches!(parse(""), Err(DataError::NoHeader { .. })));
        assert!(matches!(parse("\n \n"), Err(DataError::NoHeader { .. })));
        assert!(matches!(parse("a,b\n"), Err(DataError::NoRows { .. })));
        assert!(matches!(parse("a,,c\n1,2,3\n"), Err(DataError::UnnamedColumn { position: 2, .. })));
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
        let cell = format!("x,z\n{}\u{1b}[2J{long},1\n", "1,1\n".repeat(20));
        let weights = parse(&format!("w,x\n\"\u{1b}]0;{long}\n\",1\n")).unwrap().split_weights("w");
        for error in [
            table.required(&format!("z{long}")).unwrap_err(),
            crate::Encoder::fit(&parse(&cell).unwrap(), None, &[0], true).unwrap_err(),
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
