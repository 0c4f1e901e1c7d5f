//! How the cells of a file are read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::DataError;

/// The texts that stand for a missing value unless [`TableOptions::na`] has others: an empty cell, `NA`, `N/A`, `NaN`, `null`,
/// `?` and `.`, in upper or lower case.
pub const MISSING_MARKS: [&str; 7] = ["", "NA", "N/A", "NaN", "null", "?", "."];

/// How the cells of a file are read. The default finds out what it can from the file.
///
/// # Example
/// ```
/// use kiln_data::{Table, TableOptions};
///
/// let options = TableOptions { decimal_comma: true, na: Some(vec!["-999".into()]), ..TableOptions::default() };
/// let table = Table::parse_with("t.csv", "a;b\n1,5;2\n-999;3\n", &options)?;
/// assert_eq!((table.columns()[0].number(0), table.columns()[0].missing()), (Some(1.5), 1));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TableOptions {
    /// The character between two cells: an ASCII character. By default it is found: a comma, semicolon, tab or `|`.
    pub delimiter: Option<char>,
    /// The encoding of the text, by its name on the web, such as `latin1` or `shift_jis`. Default: UTF-8, and UTF-16 for a file
    /// that begins with a byte order mark.
    pub encoding: Option<String>,
    /// Whether numbers are written with a decimal comma, as in `1,5`. Default: no.
    pub decimal_comma: bool,
    /// The texts of missing values. Default: [`MISSING_MARKS`]. An empty cell is always missing.
    pub na: Option<Vec<String>>,
    /// Columns of numbers that are categories. Names of other columns have no effect.
    pub categorical: Vec<String>,
    /// What is done with dates. Default: [`Dates::Keep`].
    pub dates: Dates,
}

/// What is done with columns of dates.
///
/// # Example
/// ```
/// use kiln_data::{Dates, Table, TableOptions};
///
/// let options = TableOptions { dates: Dates::Days, ..TableOptions::default() };
/// let table = Table::parse_with("t.csv", "day\n1970-01-02\n1969-12-31T12:00:00\n", &options)?;
/// assert_eq!(table.columns()[0].numbers(), Some(&[1.0, -0.5][..]));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dates {
    /// They stay dates, which an encoder refuses as a feature. The default.
    #[default]
    Keep,
    /// They become numbers: days since 1970-01-01.
    Days,
}

/// The options as the readers use them.
#[derive(Clone, Debug)]
pub(super) struct CellRules {
    decimal_comma: bool,
    marks: Vec<String>,
    /// Whether a mark is a number, which must be recognised before the cell is read as a number.
    numeric_marks: bool,
    pub(super) dates: Dates,
}

impl CellRules {
    pub(super) fn new(options: &TableOptions) -> Self {
        let standard = || MISSING_MARKS.map(String::from).to_vec();
        let marks = options.na.clone().unwrap_or_else(standard);
        let mut rules =
            Self { decimal_comma: options.decimal_comma, marks, numeric_marks: false, dates: options.dates };
        rules.numeric_marks = rules.marks.iter().any(|mark| rules.parse(mark).is_some());
        rules
    }

    /// Returns whether a number stands for a missing value.
    pub(super) fn has_numeric_marks(&self) -> bool {
        self.numeric_marks
    }

    /// Returns whether a cell stands for a missing value.
    pub(super) fn is_missing(&self, cell: &str) -> bool {
        cell.is_empty() || self.marks.iter().any(|mark| cell.eq_ignore_ascii_case(mark))
    }

    /// Returns the finite number in a cell that is not a mark of a missing value.
    pub(super) fn number(&self, cell: &str) -> Option<f64> {
        if self.numeric_marks && self.is_missing(cell) {
            return None;
        }
        self.parse(cell)
    }

    fn parse(&self, cell: &str) -> Option<f64> {
        if !self.decimal_comma {
            return number(cell);
        }
        if cell.contains('.') {
            return None;
        }
        match cell.find(',') {
            Some(_) => number(&cell.replacen(',', ".", 1)),
            None => number(cell),
        }
    }
}

/// Returns the finite number in a text.
pub(crate) fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Returns the days from 1970-01-01 to a date or a time, if the text is one: `YYYY-MM-DD` or `YYYY/MM/DD`, and a time of day
/// after a space or a `T`. An offset such as `Z` or `+02:00` is applied.
pub(super) fn days(cell: &str) -> Option<f64> {
    // A quick look before the parser's: no year, no date.
    let bytes = cell.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || !matches!(bytes[4], b'-' | b'/') {
        return None;
    }
    let text = if bytes[4] == b'/' { Cow::Owned(cell.replace('/', "-")) } else { Cow::Borrowed(cell) };
    const DAY: f64 = 86_400.0;
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_duration().as_secs_f64() / DAY);
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    const EPOCH: jiff::civil::DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);
    Some(civil.duration_since(EPOCH).as_secs_f64() / DAY)
}

impl TableOptions {
    /// Returns an error if the delimiter or the encoding is not valid.
    pub(super) fn check(&self) -> Result<(), DataError> {
        if let Some(delimiter) = self.delimiter
            && (!delimiter.is_ascii() || matches!(delimiter, '\n' | '\r' | '"'))
        {
            return Err(DataError::Delimiter { found: delimiter.to_string() });
        }
        match &self.encoding {
            Some(name) if encoding_rs::Encoding::for_label(name.as_bytes()).is_none() => {
                Err(DataError::Encoding { found: name.clone() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("2000/02/29", 11016.0),
            ("1969-12-31 06:00", -0.75),
            ("2024-05-31T12:00:00Z", 19874.5),
            ("2024-05-31T12:00:00+12:00", 19874.0),
        ] {
            assert_eq!(days(text), Some(expected), "{text}");
        }
        for text in ["2024", "2024-13-01", "31.05.2024", "12345678", "2024-05-31x", ""] {
            assert_eq!(days(text), None, "{text}");
        }
    }

    #[test]
    fn a_mark_can_be_a_number() {
        let options = TableOptions { na: Some(vec!["-999".into(), "NA".into()]), ..TableOptions::default() };
        let rules = CellRules::new(&options);
        assert_eq!((rules.number("-999"), rules.number("-99"), rules.number("?")), (None, Some(-99.0), None));
        assert!(rules.is_missing("na") && rules.is_missing("") && !rules.is_missing("?"));
    }

    #[test]
    fn a_decimal_comma_is_read_on_request() {
        let rules = CellRules::new(&TableOptions { decimal_comma: true, ..TableOptions::default() });
        assert_eq!((rules.number("1,5"), rules.number("-2e3"), rules.number("1.5")), (Some(1.5), Some(-2000.0), None));
        assert_eq!(CellRules::new(&TableOptions::default()).number("1,5"), None);
    }
}
