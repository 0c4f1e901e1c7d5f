//! A text in pieces that can be read independently of each other.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr, memrchr};

use super::bytes::Origin;
use crate::DataError;

/// How much of a text is read at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The bytes of a piece, unless a record has more.
    pub(super) size: usize,
    /// Whether a piece is cut as soon as it has a record, because others wait for it.
    pub(super) is_prompt: bool,
}

impl Pace {
    /// For a text that is read as a whole.
    pub(super) const WHOLE: Self = Self { size: 1 << 19, is_prompt: false };
    /// For a text that is read part by part.
    pub(super) const PROMPT: Self = Self { size: 1 << 16, is_prompt: true };
}

/// A text in pieces of whole records. Only the last one may end within a quoted cell.
pub(super) struct Pieces {
    rest: Box<dyn Read>,
    origin: Origin,
    delimiter: u8,
    pace: Pace,
    /// The beginning of the next piece.
    start: Vec<u8>,
    ended: bool,
    /// Why no more can be read.
    failed: Option<io::Error>,
    /// The memory of pieces that are not needed any more.
    spare: Vec<Vec<u8>>,
}

impl Pieces {
    /// `rest` ends with a line end.
    pub(super) fn new(rest: Box<dyn Read>, origin: Origin, delimiter: u8, mut pace: Pace) -> Self {
        // A small file needs little memory, and is one piece also if its text is longer in UTF-8.
        let whole = origin.bytes().and_then(|bytes| usize::try_from(2 * bytes.min(1 << 32) + 16).ok());
        pace.size = pace.size.min(whole.unwrap_or(usize::MAX));
        Self { rest, origin, delimiter, pace, start: Vec::new(), ended: false, failed: None, spare: Vec::new() }
    }

    /// Reads the next piece. There is none at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, DataError> {
        let mut filled = self.start.len();
        let mut bytes = self.spare.pop().unwrap_or_default();
        self.enlarge(&mut bytes, self.pace.size.max(filled + 1))?;
        bytes[..filled].copy_from_slice(&self.start);
        let mut ends = RecordEnds::new(self.delimiter);
        while !self.ended && self.failed.is_none() {
            match self.rest.read(&mut bytes[filled..]) {
                Ok(0) => self.ended = true,
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => self.failed = Some(cause),
            }
            if (self.pace.is_prompt || filled == bytes.len()) && ends.last(&bytes[..filled]) > 0 {
                break;
            }
            if filled == bytes.len() {
                let larger = 2 * filled;
                self.enlarge(&mut bytes, larger)?;
            }
        }
        let end = if self.ended { filled } else { ends.last(&bytes[..filled]) };
        if end == 0 {
            return self.failed.take().map_or(Ok(None), |cause| Err(self.origin.failed(cause)));
        }
        self.start.clear();
        self.start.extend_from_slice(&bytes[end..filled]);
        bytes.truncate(end);
        Ok(Some(bytes))
    }

    /// Takes back the memory of a piece.
    pub(super) fn recycle(&mut self, bytes: Vec<u8>) {
        // A record of many megabytes may be the only one.
        if bytes.capacity() <= 2 * self.pace.size {
            self.spare.push(bytes);
        }
    }

    /// Returns the bytes of the whole text, if they are known before it is read.
    pub(super) fn total(&self) -> Option<u64> {
        self.origin.bytes()
    }

    /// Returns the SHA-256 of the file, whose text was read.
    pub(super) fn sha256(&self) -> Result<String, DataError> {
        self.origin.sha256()
    }

    fn enlarge(&self, bytes: &mut Vec<u8>, length: usize) -> Result<(), DataError> {
        let more = length.saturating_sub(bytes.len());
        bytes.try_reserve_exact(more).map_err(|_| self.origin.failed(ErrorKind::OutOfMemory.into()))?;
        bytes.resize(length, 0);
        Ok(())
    }
}

/// The ends of records in a text that grows. It begins with a record.
struct RecordEnds {
    delimiter: u8,
    /// The bytes that were looked at.
    seen: usize,
    /// Whether the cell there is in quotes.
    is_quoted: bool,
    /// Where the last record ends.
    last: usize,
}

impl RecordEnds {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, seen: 0, is_quoted: false, last: 0 }
    }

    /// Returns where the last record ends: after a line end that is not in quotes.
    fn last(&mut self, text: &[u8]) -> usize {
        while self.seen < text.len() {
            let rest = &text[self.seen..];
            let quote = memchr(b'"', rest);
            if !self.is_quoted {
                if let Some(end) = last_line_end(&rest[..quote.unwrap_or(rest.len())]) {
                    self.last = self.seen + end + 1;
                }
                // Only a quote at the beginning of a cell opens one.
                let opens = |at: usize| at == 0 || text[at - 1] == b'\n' || text[at - 1] == self.delimiter;
                self.is_quoted = quote.is_some_and(|quote| opens(self.seen + quote));
                self.seen += quote.map_or(rest.len(), |quote| quote + 1);
                continue;
            }
            match quote.map(|quote| (quote, rest.get(quote + 1))) {
                None => self.seen = text.len(),
                Some((quote, Some(b'"'))) => self.seen += quote + 2,
                Some((quote, Some(_))) => {
                    self.is_quoted = false;
                    self.seen += quote + 1;
                }
                // The next byte decides.
                Some((quote, None)) => {
                    self.seen += quote;
                    break;
                }
            }
        }
        self.last
    }
}

fn last_line_end(bytes: &[u8]) -> Option<usize> {
    match bytes.len() {
        // As between two cells in quotes: a call costs more.
        ..8 => bytes.iter().rposition(|byte| *byte == b'\n'),
        _ => memrchr(b'\n', bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::bytes::Text;
    use std::path::Path;

    fn pieces(text: &str, pace: Pace) -> Vec<String> {
        let Text { rest, origin, .. } = Text::of_bytes(text.into(), Path::new("t"), None).unwrap();
        let mut pieces = Pieces::new(rest, origin, b',', pace);
        let next = || pieces.next().unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_text_is_cut_between_records() {
        let text = "a,\"b\n\"\n\"c\"\"\n\",d\"\ne\"f\n\n\"\"\n\"g\n";
        for is_prompt in [false, true] {
            for size in 1..2 * text.len() {
                let found = pieces(text, Pace { size, is_prompt });
                // The open quote stays within one piece.
                assert_eq!(found.concat(), format!("{text}\n\n"));
                assert!(found.last().unwrap().ends_with("\"g\n\n\n"));
                let records = ["a,\"b\n\"\n", "\"c\"\"\n\",d\"\n", "e\"f\n", "\n", "\"\"\n", "\"g\n\n\n"];
                let sums = |all: &[&str]| -> Vec<usize> { (1..=all.len()).map(|n| all[..n].concat().len()).collect() };
                let found_ends = sums(&found.iter().map(String::as_str).collect::<Vec<_>>());
                assert!(found_ends.iter().all(|end| sums(&records).contains(end)), "{found:?}");
                assert!(size > 4 || found.len() > 3, "{found:?}");
            }
        }
    }

    #[test]
    fn what_comes_before_a_failure_is_read() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let Text { origin, .. } = Text::of_bytes(Vec::new(), Path::new("t"), None).unwrap();
        let rest = Box::new((&b"a\nb\nc"[..]).chain(Fails));
        let mut pieces = Pieces::new(rest, origin, b',', Pace::WHOLE);
        assert_eq!(pieces.next().unwrap().unwrap(), b"a\nb\n");
        assert!(matches!(pieces.next(), Err(DataError::Io { .. })));
    }
}
