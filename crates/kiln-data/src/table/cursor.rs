//! The cells of a text, one after another.

use std::{ops::Range, str};

use memchr::{memchr, memchr_iter, memchr2};

/// A piece of a text: whole records, or the last ones with a quote that stays open.
pub(super) enum Piece {
    Utf8(String),
    /// Some cells are not in UTF-8.
    Other(Vec<u8>),
}

impl Default for Piece {
    fn default() -> Self {
        Self::Utf8(String::new())
    }
}

impl Piece {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Other(error.into_bytes()), Self::Utf8)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Utf8(text) => text.len(),
            Self::Other(bytes) => bytes.len(),
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Utf8(text) => text.into_bytes(),
            Self::Other(bytes) => bytes,
        }
    }
}

/// A place in a piece of a text, at the beginning of a cell.
///
/// Cells are those of the crate `csv`: a quote at the beginning of a cell opens it, two quotes in it are one, and what follows after the
/// closing quote is as it is. Elsewhere a quote is a character like others.
pub(super) struct Cursor<'p> {
    bytes: &'p [u8],
    /// The same, if it is in UTF-8.
    text: Option<&'p str>,
    delimiter: u8,
    at: usize,
    /// The line ends before this place.
    lines: u64,
    /// The content of a cell that is not in the text as it is.
    content: Vec<u8>,
}

/// What comes after a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Cell,
    /// The end of its record.
    Record,
    /// The end of the text: a quote stays open.
    OpenQuote,
}

/// The content of a cell.
pub(super) struct Cell {
    /// Where it is in the text; `None` if it is not there as it is.
    place: Option<Range<usize>>,
    pub(super) after: After,
}

impl<'p> Cursor<'p> {
    /// Begins at byte `at` of a piece, with `lines` line ends before it.
    pub(super) fn new(piece: &'p Piece, delimiter: u8, at: usize, lines: u64) -> Self {
        let (bytes, text) = match piece {
            Piece::Utf8(text) => (text.as_bytes(), Some(text.as_str())),
            Piece::Other(bytes) => (&bytes[..], None),
        };
        Self { bytes, text, delimiter, at, lines, content: Vec::new() }
    }

    /// Returns the byte of the piece, and the line ends before it.
    pub(super) fn place(&self) -> (usize, u64) {
        (self.at, self.lines)
    }

    /// Goes to the next line that is not empty. There is none at the end of the piece.
    pub(super) fn skip_empty_lines(&mut self) -> bool {
        while self.bytes.get(self.at) == Some(&b'\n') {
            self.at += 1;
            self.lines += 1;
        }
        self.at < self.bytes.len()
    }

    /// Passes a cell.
    pub(super) fn cell(&mut self) -> Cell {
        let start = self.at;
        if self.bytes.get(start) == Some(&b'"') {
            return self.quoted_cell();
        }
        let end = self.end_of_cell(start);
        Cell { place: Some(start..end), after: self.pass(end) }
    }

    /// Passes a cell that is a finite number and nothing else, perhaps in quotes. Where it is not, the place stays.
    pub(super) fn number(&mut self) -> Option<(f64, After)> {
        let quote = usize::from(self.bytes.get(self.at) == Some(&b'"'));
        let (value, length) = fast_float2::parse_partial::<f64, _>(&self.bytes[self.at + quote..]).ok()?;
        let mut end = self.at + quote + length;
        if quote == 1 {
            if self.bytes.get(end) != Some(&b'"') {
                return None;
            }
            end += 1;
        }
        let next = *self.bytes.get(end)?;
        if !value.is_finite() || (next != self.delimiter && next != b'\n') {
            return None;
        }
        Some((value, self.pass(end)))
    }

    /// Passes the rest of a record, and returns the number of its cells.
    pub(super) fn rest_of_record(&mut self, mut after: After) -> usize {
        let mut cells = 0;
        while after == After::Cell {
            after = self.cell().after;
            cells += 1;
        }
        cells
    }

    /// Returns the content of the cell that was passed last.
    pub(super) fn content(&self, cell: &Cell) -> &[u8] {
        cell.place.clone().map_or(&self.content, |place| &self.bytes[place])
    }

    /// Returns the content of the cell that was passed last, without spaces around it, if it is in UTF-8.
    pub(super) fn text(&self, cell: &Cell) -> Option<&str> {
        let text = match (&cell.place, self.text) {
            (Some(place), Some(text)) => &text[place.clone()],
            _ => str::from_utf8(self.content(cell)).ok()?,
        };
        // Most cells need no search for spaces outside ASCII.
        let is_bare = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
        let bytes = text.as_bytes();
        Some(if is_bare(bytes.first()) && is_bare(bytes.last()) { text } else { text.trim() })
    }

    fn quoted_cell(&mut self) -> Cell {
        let start = self.at + 1;
        let mut from = start;
        self.content.clear();
        let close = loop {
            let Some(quote) = memchr(b'"', &self.bytes[from..]).map(|quote| from + quote) else {
                break None;
            };
            if self.bytes.get(quote + 1) != Some(&b'"') {
                break Some(quote);
            }
            self.content.extend_from_slice(&self.bytes[from..=quote]);
            from = quote + 2;
        };
        let end = close.unwrap_or(self.bytes.len());
        self.lines += line_ends(&self.bytes[start..end]);
        let next = close.map_or(end, |close| self.end_of_cell(close + 1));
        let after = self.pass(next);
        let is_plain = from == start && next <= end + 1;
        if !is_plain {
            self.content.extend_from_slice(&self.bytes[from..end]);
            self.content.extend_from_slice(self.bytes.get(end + 1..next).unwrap_or_default());
        }
        Cell { place: is_plain.then_some(start..end), after }
    }

    /// Returns the first delimiter or line end.
    fn end_of_cell(&self, from: usize) -> usize {
        let rest = &self.bytes[from..];
        // As after most closing quotes.
        if rest.first().is_some_and(|byte| *byte == self.delimiter || *byte == b'\n') {
            return from;
        }
        from + memchr2(self.delimiter, b'\n', rest).unwrap_or(rest.len())
    }

    /// Passes the byte after a cell.
    fn pass(&mut self, end: usize) -> After {
        let Some(&byte) = self.bytes.get(end) else {
            self.at = end;
            return After::OpenQuote;
        };
        self.at = end + 1;
        if byte == self.delimiter {
            return After::Cell;
        }
        self.lines += 1;
        After::Record
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    let count = match bytes.len() {
        // A call costs more than a few bytes.
        ..64 => bytes.iter().filter(|byte| **byte == b'\n').count(),
        _ => memchr_iter(b'\n', bytes).count(),
    };
    count as u64
}
