//! The text files of LIBSVM and SVMlight.

use std::{io::Read, path::Path};

use super::options::{SparseOptions, ZeroBased};
use crate::{
    DataError,
    table::{Origin, Text},
};

/// Bytes that are read at a time, if a line has fewer.
const BUFFER: usize = 1 << 20;
/// The longest piece of a line in a message, in bytes.
const LONGEST: usize = 60;

/// The rows of a file, with the indices as they are there.
pub(super) struct Parsed {
    pub(super) sha256: String,
    pub(super) indptr: Vec<usize>,
    pub(super) indices: Vec<u32>,
    pub(super) values: Vec<f64>,
    pub(super) targets: Vec<f64>,
    /// One for each row if a row has one.
    pub(super) queries: Option<Vec<u64>>,
    pub(super) highest: Option<u32>,
}

pub(super) fn read(path: &Path, options: &SparseOptions) -> Result<Parsed, DataError> {
    parse_text(Text::open(path, None)?, &path.display().to_string(), options)
}

pub(super) fn parse(file: &str, bytes: &[u8], options: &SparseOptions) -> Result<Parsed, DataError> {
    parse_text(Text::of_bytes(bytes.to_vec(), Path::new(file), None)?, file, options)
}

fn parse_text(text: Text, file: &str, options: &SparseOptions) -> Result<Parsed, DataError> {
    let Text { rest: mut reader, origin, .. } = text;
    let mut rows = Rows::new(options);
    let (mut buffer, mut filled, mut lines) = (vec![0; BUFFER], 0, 0);
    loop {
        let read = reader.read(&mut buffer[filled..]).map_err(|cause| origin.failed(cause))?;
        if read == 0 {
            // The last line ends as all others do.
            break;
        }
        filled += read;
        let mut start = 0;
        while let Some(length) = memchr::memchr(b'\n', &buffer[start..filled]) {
            lines += 1;
            let line = &buffer[start..start + length];
            rows.add(line).map_err(|wrong| wrong.named(file, lines, line))?;
            start += length + 1;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
        if filled == buffer.len() {
            grow(&mut buffer, &origin)?;
        }
    }
    rows.finish(origin.sha256()?)
}

/// Makes room for a line that is longer than the buffer.
fn grow(buffer: &mut Vec<u8>, origin: &Origin) -> Result<(), DataError> {
    let more = buffer.len();
    buffer.try_reserve_exact(more).map_err(|_| origin.failed(std::io::ErrorKind::OutOfMemory.into()))?;
    buffer.resize(2 * more, 0);
    Ok(())
}

/// A place in a line that is not what it should be.
struct Wrong {
    place: usize,
    expected: &'static str,
}

impl Wrong {
    fn named(self, file: &str, line: u64, text: &[u8]) -> DataError {
        let Self { place, expected } = self;
        let rest = text.get(place..).unwrap_or_default();
        let end = rest.iter().skip(1).position(u8::is_ascii_whitespace).map_or(rest.len(), |end| end + 1);
        let found = String::from_utf8_lossy(&rest[..end.min(LONGEST)]).into_owned();
        DataError::SparseText { file: file.into(), line, place: place as u64 + 1, found, expected }
    }
}

struct Rows {
    parsed: Parsed,
    /// The lowest index that is allowed.
    lowest: u32,
}

impl Rows {
    fn new(options: &SparseOptions) -> Self {
        let parsed = Parsed {
            sha256: String::new(),
            indptr: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
            targets: Vec::new(),
            queries: None,
            highest: None,
        };
        Self { parsed, lowest: u32::from(options.zero_based == ZeroBased::No) }
    }

    /// Adds the row in a line, if it has one.
    fn add(&mut self, line: &[u8]) -> Result<(), Wrong> {
        let Parsed { indptr, indices, values, targets, queries, highest, .. } = &mut self.parsed;
        let mut cursor = Cursor { line, at: 0 };
        if !cursor.has_more() {
            return Ok(());
        }
        let label = cursor.number("a label, which is a finite number; several labels of one row are not read")?;
        cursor.must_end("a label, and a space after it; several labels of one row are not read")?;
        if cursor.has_more() && line[cursor.at..].starts_with(b"qid:") {
            cursor.at += 4;
            let query = cursor.whole("the number of a query after 'qid:'")?;
            cursor.must_end("the number of a query after 'qid:'")?;
            let queries = queries.get_or_insert_default();
            queries.resize(targets.len(), 0);
            queries.push(query);
        } else if let Some(queries) = queries {
            queries.push(0);
        }
        let mut next = self.lowest;
        let mut is_full = false;
        while cursor.has_more() {
            let start = cursor.at;
            let wrong = |expected| Wrong { place: start, expected };
            let index = cursor.whole("index:value")?;
            let index = u32::try_from(index).map_err(|_| wrong("an index below 4294967296"))?;
            if index < next || is_full {
                let is_low = index < self.lowest;
                let order =
                    "a larger index than the one before it: sort the indices of each row, and write each one once";
                return Err(wrong(if is_low { "an index of at least 1" } else { order }));
            }
            (next, is_full) = (index.saturating_add(1), index == u32::MAX);
            if line.get(cursor.at) != Some(&b':') {
                return Err(wrong("index:value"));
            }
            cursor.at += 1;
            values.push(cursor.number("a finite number after the ':'")?);
            cursor.must_end("a space after the value")?;
            indices.push(index);
        }
        if indptr.last() < Some(&indices.len()) {
            *highest = (*highest).max(indices.last().copied());
        }
        indptr.push(indices.len());
        targets.push(label);
        Ok(())
    }

    fn finish(self, sha256: String) -> Result<Parsed, DataError> {
        let mut parsed = Parsed { sha256, ..self.parsed };
        parsed.indices.shrink_to_fit();
        parsed.values.shrink_to_fit();
        Ok(parsed)
    }
}

/// A place in a line.
struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// Skips blanks, and returns whether something other than a comment follows.
    fn has_more(&mut self) -> bool {
        while self.line.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.line.get(self.at).is_some_and(|byte| *byte != b'#')
    }

    /// Checks that a number ends here.
    fn must_end(&self, expected: &'static str) -> Result<(), Wrong> {
        match self.line.get(self.at) {
            None | Some(b' ' | b'\t' | b'#') => Ok(()),
            Some(_) => Err(Wrong { place: self.at, expected }),
        }
    }

    /// Reads a whole number without a sign.
    fn whole(&mut self, expected: &'static str) -> Result<u64, Wrong> {
        let (start, mut value) = (self.at, 0_u64);
        while let Some(digit) = self.line.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            let more = value.checked_mul(10).and_then(|value| value.checked_add(digit.into()));
            value = more.ok_or(Wrong { place: start, expected })?;
            self.at += 1;
        }
        if self.at == start { Err(Wrong { place: start, expected }) } else { Ok(value) }
    }

    /// Reads a finite number.
    fn number(&mut self, expected: &'static str) -> Result<f64, Wrong> {
        let wrong = Wrong { place: self.at, expected };
        match fast_float2::parse_partial::<f64, _>(&self.line[self.at..]) {
            Ok((value, length)) if value.is_finite() => {
                self.at += length;
                Ok(value)
            }
            _ => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_auto(text: &str) -> Result<Parsed, DataError> {
        parse("t.svm", text.as_bytes(), &SparseOptions::default())
    }

    #[test]
    fn lines_are_read_as_libsvm_writes_them() {
        let text = "# a comment\n\n+1 qid:7  1:.5 3:-2e-3\t4:1. # 5:1\r\n -1.5\r\n2 qid:8 0:+4#x\n   \n3 2:1";
        let parsed = parse_auto(text).unwrap();
        assert_eq!(parsed.targets, [1.0, -1.5, 2.0, 3.0]);
        assert_eq!(parsed.indptr, [0, 3, 3, 4, 5]);
        assert_eq!(
            (&parsed.indices[..], &parsed.values[..]),
            (&[1, 3, 4, 0, 2][..], &[0.5, -0.002, 1.0, 4.0, 1.0][..])
        );
        assert_eq!((parsed.queries.as_deref(), parsed.highest), (Some(&[7, 0, 8, 0][..]), Some(4)));
    }

    #[test]
    fn a_wrong_place_is_named() {
        for (line, place, found) in [
            ("x 1:1", 1, "x"),
            ("1,2 1:1", 2, ",2"),
            ("nan 1:1", 1, "nan"),
            ("1 1", 3, "1"),
            ("1 1:", 5, ""),
            ("1 1:1 1:2", 7, "1:2"),
            ("1 3:1 2:2 4:1", 7, "2:2"),
            ("1 1:inf", 5, "inf"),
            ("1 1:1e999", 5, "1e999"),
            ("1 1:2x 2:1", 6, "x"),
            ("1 -1:2", 3, "-1:2"),
            ("1 4294967296:1", 3, "4294967296:1"),
            ("1 99999999999999999999:1", 3, "99999999999999999999:1"),
            ("1 4294967295:1 4294967295:1", 16, "4294967295:1"),
            ("1 qid:x 1:1", 7, "x"),
            ("1 1:1 qid:2", 7, "qid:2"),
            ("1 1 :2", 3, "1"),
            ("é 1:1", 1, "é"),
        ] {
            let Err(error) = parse_auto(&format!("1 1:1\n# c\n{line}\n")) else { panic!("{line}") };
            let DataError::SparseText { line: 3, place: at, found: text, .. } = &error else { panic!("{error}") };
            assert_eq!((*at, text.as_str()), (place, found), "{line}: {error}");
            assert!(error.to_string().starts_with("t.svm, line 3, character "), "{error}");
        }
    }

    #[test]
    fn lines_can_be_longer_than_the_buffer() {
        let pairs: String = (1..400_000).map(|i| format!(" {i}:1")).collect();
        let parsed = parse_auto(&format!("0 1:3\n1{pairs}\n0 2:5")).unwrap();
        assert_eq!((parsed.indptr, parsed.highest), (vec![0, 1, 400_000, 400_001], Some(399_999)));
        assert_eq!(parsed.values.last(), Some(&5.0));
    }
}
