//! The types of values in NumPy arrays.

use std::{borrow::Cow, io, slice::ChunksExact};

use encoding_rs::{Encoding, UTF_8};

use super::super::typed::{Content, Value};

/// Why an array cannot be read.
#[derive(Debug)]
pub(super) enum Problem {
    /// It holds Python objects.
    Objects,
    /// The text ends the sentence "… cannot be read as a NumPy file: ".
    Other(String),
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    kind: Kind,
    size: u64,
    is_big_endian: bool,
    /// As NumPy writes it.
    pub(super) code: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Signed,
    Unsigned,
    Float,
    /// Code points of four bytes.
    Unicode,
    Bytes,
    /// Units of a second, or of a day, since 1970: a factor, and what they are then.
    Time(i64, Content),
    /// Anything else of a known size.
    Void,
}

impl Scalar {
    /// Reads a type such as `<f8`.
    pub(super) fn parse(code: &str) -> Result<Self, Problem> {
        let unknown = || Problem::Other(format!("it has values of the unknown type '{}'", crate::Shown(code)));
        let bytes = code.as_bytes();
        let (order, rest) = match bytes.first() {
            Some(order @ (b'<' | b'>' | b'|' | b'=')) => (*order, &code[1..]),
            _ => (b'|', code),
        };
        let letter = rest.chars().next().filter(char::is_ascii).ok_or_else(unknown)?;
        let digits = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(&rest[1..], |end| &rest[1..=end]);
        let unit = &rest[1 + digits.len()..];
        if letter == 'O' {
            return Err(Problem::Objects);
        }
        let count: u64 = digits.parse().map_err(|_| unknown())?;
        let kind = match (letter, count) {
            ('b', 1) => Kind::Truth,
            ('i', 1 | 2 | 4 | 8) => Kind::Signed,
            ('u', 1 | 2 | 4 | 8) => Kind::Unsigned,
            ('f', 2 | 4 | 8) => Kind::Float,
            ('U', _) => Kind::Unicode,
            ('S' | 'a', _) => Kind::Bytes,
            ('M', 8) => time(unit).map_or(Kind::Void, |(factor, content)| Kind::Time(factor, content)),
            _ => Kind::Void,
        };
        let size = if letter == 'U' { count.checked_mul(4).ok_or_else(unknown)? } else { count };
        Ok(Self { kind, size, is_big_endian: order == b'>', code: code.to_owned() })
    }

    /// Returns the number of bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Returns whether the values are real numbers or truth values.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Truth | Kind::Signed | Kind::Unsigned | Kind::Float)
    }

    /// Returns whether each value is a byte from 0 to 255.
    pub(super) fn is_byte(&self) -> bool {
        (self.kind, self.size) == (Kind::Unsigned, 1)
    }

    pub(super) fn is_void(&self) -> bool {
        self.kind == Kind::Void
    }

    /// Returns what a column of such values is, if Kiln reads them.
    pub(super) fn content(&self) -> Option<Content> {
        match self.kind {
            Kind::Truth => Some(Content::Truth),
            Kind::Signed | Kind::Unsigned | Kind::Float => Some(Content::Numbers),
            Kind::Unicode | Kind::Bytes => Some(Content::Text),
            Kind::Time(_, content) => Some(content),
            Kind::Void => None,
        }
    }

    /// Passes the value in `bytes`, of which there are [`size`](Self::size), to `push`. Returns `None` if a text is not in its
    /// encoding.
    pub(super) fn value(
        &self,
        bytes: &[u8],
        encoding: Option<&'static Encoding>,
        push: impl FnOnce(Option<Value<'_>>),
    ) -> Option<()> {
        match self.kind {
            Kind::Truth => push(Some(Value::Truth(bytes.iter().any(|byte| *byte != 0)))),
            Kind::Unsigned => push(Some(Value::Whole(self.unsigned(bytes).into()))),
            Kind::Signed => push(Some(Value::Whole(self.signed(bytes).into()))),
            Kind::Float => push(Some(Value::Number(self.float(bytes)))),
            Kind::Time(factor, _) => {
                let units = self.signed(bytes);
                // "Not a time".
                push((units != i64::MIN).then(|| Value::Whole(i128::from(units) * i128::from(factor))));
            }
            Kind::Unicode => push(Some(Value::Text(&self.unicode(bytes)?))),
            Kind::Bytes => {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                let text = encoding.unwrap_or(UTF_8).decode_without_bom_handling_and_without_replacement(&bytes[..end]);
                let text: Cow<'_, str> = text?;
                push(Some(Value::Text(&text)));
            }
            Kind::Void => push(None),
        }
        Some(())
    }

    /// Appends the numbers at `offset` in each row.
    pub(super) fn extend(&self, numbers: &mut Vec<f64>, rows: ChunksExact<'_, u8>, offset: usize) {
        macro_rules! of {
            ($number:ty) => {
                numbers.extend(
                    rows.filter_map(|row| row[offset..].first_chunk())
                        .map(|bytes| f64::from(<$number>::from_le_bytes(*bytes))),
                )
            };
        }
        #[allow(clippy::cast_precision_loss, reason = "the nearest number")]
        match (self.kind, self.size, self.is_big_endian) {
            (Kind::Float, 4, false) => of!(f32),
            (Kind::Float, 8, false) => of!(f64),
            (Kind::Unsigned, 1, _) => of!(u8),
            (Kind::Signed, 2, false) => of!(i16),
            (Kind::Signed, 4, false) => of!(i32),
            _ => numbers.extend(rows.map(|row| {
                let bytes = &row[offset..][..bytes_of(self.size)];
                match self.kind {
                    Kind::Float => self.float(bytes),
                    Kind::Unsigned => self.unsigned(bytes) as f64,
                    _ => self.signed(bytes) as f64,
                }
            })),
        }
    }

    /// The bits of a number of up to eight bytes.
    fn unsigned(&self, bytes: &[u8]) -> u64 {
        let join = |bits: u64, byte: &u8| (bits << 8) | u64::from(*byte);
        if self.is_big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
    }

    fn signed(&self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len().min(8);
        (self.unsigned(bytes) << unused).cast_signed() >> unused
    }

    #[allow(clippy::cast_possible_truncation, reason = "the bits of a number of two or four bytes")]
    fn float(&self, bytes: &[u8]) -> f64 {
        let bits = self.unsigned(bytes);
        match bytes.len() {
            2 => half::f16::from_bits(bits as u16).to_f64(),
            4 => f32::from_bits(bits as u32).into(),
            _ => f64::from_bits(bits),
        }
    }

    fn unicode(&self, bytes: &[u8]) -> Option<String> {
        let code = |bytes: &[u8]| u32::try_from(self.unsigned(bytes)).ok();
        let codes = bytes.chunks_exact(4).map(code).collect::<Option<Vec<u32>>>()?;
        let end = codes.iter().rposition(|code| *code != 0).map_or(0, |last| last + 1);
        codes[..end].iter().map(|code| char::from_u32(*code)).collect()
    }
}

/// The size of a number.
fn bytes_of(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Reads a unit of time such as `[ns]` or `[10us]`. Months and years have no fixed length.
fn time(unit: &str) -> Option<(i64, Content)> {
    let unit = unit.strip_prefix('[')?.strip_suffix(']')?;
    let letters = unit.find(|c: char| !c.is_ascii_digit())?;
    let factor: i64 = if letters == 0 { 1 } else { unit[..letters].parse().ok()? };
    let (times, content) = match &unit[letters..] {
        "W" => (7, Content::Days),
        "D" => (1, Content::Days),
        "h" => (3600, Content::Instants(1)),
        "m" => (60, Content::Instants(1)),
        "s" => (1, Content::Instants(1)),
        "ms" => (1, Content::Instants(1_000)),
        "us" => (1, Content::Instants(1_000_000)),
        "ns" => (1, Content::Instants(1_000_000_000)),
        _ => return None,
    };
    Some((factor.checked_mul(times)?, content))
}

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        Self::Other(text.into())
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl From<io::Error> for Problem {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof => "it ends too early: copy or download it again".into(),
            _ => Self::Other(cause.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_and_order() {
        let number = |code: &str, bytes: &[u8]| {
            let mut found = None;
            Scalar::parse(code).unwrap().value(bytes, None, |value| {
                found = match value {
                    Some(Value::Number(number)) => Some(number),
                    Some(Value::Whole(whole)) => Some(whole as f64),
                    _ => None,
                }
            });
            found
        };
        assert_eq!(number("|i1", &[0xff]), Some(-1.0));
        assert_eq!(number("<i2", &[0xfe, 0xff]), Some(-2.0));
        assert_eq!(number(">u4", &[0xff, 0, 0, 1]), Some(4_278_190_081.0));
        assert_eq!(number(">f4", &1.5_f32.to_be_bytes()), Some(1.5));
        assert_eq!(number("<f2", &[0x00, 0x3e]), Some(1.5));
        assert_eq!(number("<M8[D]", &i64::MIN.to_le_bytes()), None);
        assert_eq!(number("<M8[2h]", &3_i64.to_le_bytes()), Some(21_600.0));
    }

    #[test]
    fn types_are_known_or_refused() {
        assert!(matches!(Scalar::parse("|O"), Err(Problem::Objects)));
        assert!(matches!(Scalar::parse("|O8"), Err(Problem::Objects)));
        for unknown in ["", "<", "f8é", "<f", "é", "<U99999999999999999999", "<U9223372036854775807"] {
            let found = Scalar::parse(unknown);
            assert!(matches!(&found, Err(Problem::Other(_))) || found.unwrap().content().is_some(), "{unknown}");
        }
        assert_eq!(Scalar::parse("<c16").unwrap().content(), None);
        assert_eq!(Scalar::parse("<M8[Y]").unwrap().content(), None);
    }
}
