//! How the rows of a text are read into columns.

use super::{
    builder::{ColumnBuilder, Known},
    cursor::{After, Cursor, Piece},
    lines::Lines,
    options::{CellRules, TableOptions},
};
use crate::DataError;

/// How the rows of a text are read.
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// The number of columns.
    pub(super) width: usize,
    pub(super) rules: CellRules,
    /// Whether a number ends where it can: no character of a number is a delimiter, a decimal comma or the mark of a missing value.
    has_plain_numbers: bool,
}

/// The rows of a piece.
pub(super) struct Part {
    pub(super) columns: Vec<ColumnBuilder>,
    /// Counted from where the part begins.
    pub(super) lines: Lines,
    /// The line ends in it.
    pub(super) passed: u64,
    pub(super) failure: Option<Failure>,
}

/// Why rows cannot be read, and the line on which that row begins.
#[derive(Debug)]
pub(super) struct Failure {
    line: u64,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Ragged { found: usize },
    NotUtf8,
    OpenQuote,
}

impl Layout {
    pub(super) fn new(delimiter: u8, width: usize, options: &TableOptions) -> Self {
        let rules = CellRules::new(options);
        let divides_numbers = delimiter.is_ascii_digit() || matches!(delimiter, b'+' | b'-' | b'.' | b'e' | b'E');
        let has_plain_numbers = !divides_numbers && !options.decimal_comma && !rules.has_numeric_marks();
        Self { delimiter, width, rules, has_plain_numbers }
    }

    /// Reads the rows of a piece from byte `at` on. There may be `rows` of them.
    pub(super) fn part(&self, piece: &Piece, at: usize, known: &[Known], rows: usize) -> Part {
        let mut cursor = Cursor::new(piece, self.delimiter, at, 0);
        let mut columns: Vec<ColumnBuilder> = known.iter().map(|known| ColumnBuilder::part(*known, rows)).collect();
        let mut lines = Lines::default();
        let failure = self.read(&mut cursor, &mut columns, &mut lines, usize::MAX).err();
        Part { columns, lines, passed: cursor.place().1, failure }
    }

    /// Reads rows until there are `most` `lines`, or to the end of the piece.
    pub(super) fn read(
        &self,
        cursor: &mut Cursor,
        columns: &mut [ColumnBuilder],
        lines: &mut Lines,
        most: usize,
    ) -> Result<(), Failure> {
        while lines.len() < most && cursor.skip_empty_lines() {
            let line = cursor.place().1 + 1;
            let failed = |cause| Failure { line, cause };
            let (is_row, after) = self.read_row(cursor, columns).map_err(failed)?;
            if after == After::OpenQuote {
                return Err(failed(Cause::OpenQuote));
            }
            if is_row {
                lines.push(line);
            }
        }
        Ok(())
    }

    /// Reads a record, and returns whether it is a row: a line of spaces is skipped like an empty line.
    fn read_row(&self, cursor: &mut Cursor, columns: &mut [ColumnBuilder]) -> Result<(bool, After), Cause> {
        let mut after = After::Cell;
        for (index, column) in columns.iter_mut().enumerate() {
            if after != After::Cell {
                return Err(Cause::Ragged { found: index });
            }
            if self.has_plain_numbers
                && let Some(numbers) = column.numbers()
                && let Some((number, next)) = cursor.number()
            {
                numbers.push(number);
                after = next;
                continue;
            }
            let cell = cursor.cell();
            after = cell.after;
            if index == 0 && after != After::Cell && self.width > 1 && cursor.content(&cell).trim_ascii().is_empty() {
                return Ok((false, after));
            }
            if let Some(text) = cursor.text(&cell) {
                column.push(text, &self.rules);
                continue;
            }
            // A wrong number of cells comes before what they hold.
            let found = index + 1 + cursor.rest_of_record(after);
            return Err(if found == self.width { Cause::NotUtf8 } else { Cause::Ragged { found } });
        }
        match cursor.rest_of_record(after) {
            0 => Ok((true, after)),
            more => Err(Cause::Ragged { found: self.width + more }),
        }
    }

    /// The error of a failure that comes after `passed` more lines of a file.
    pub(super) fn error(&self, failure: &Failure, passed: u64, file: &str) -> DataError {
        let (file, line) = (file.to_owned(), passed + failure.line);
        match failure.cause {
            Cause::Ragged { found } => {
                DataError::Ragged { file, line, expected: self.width, found, delimiter: in_words(self.delimiter) }
            }
            Cause::NotUtf8 => DataError::NotUtf8 { file, line },
            Cause::OpenQuote => DataError::OpenQuote { file, line },
        }
    }
}

pub(super) fn in_words(delimiter: u8) -> &'static str {
    match delimiter {
        b',' => "a comma",
        b';' => "a semicolon",
        b'\t' => "a tab",
        b'|' => "a '|'",
        _ => "the delimiter",
    }
}
