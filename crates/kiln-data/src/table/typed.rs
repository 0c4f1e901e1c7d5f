//! Columns of files whose values have types: numbers, texts and times, not cells of text.

use super::{
    column::{Cells, Column, ColumnKind, MISSING, Texts},
    dictionary::Dictionary,
    options::{CellRules, Dates, TableOptions},
};

const DAY: f64 = 86_400.0;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Numbers,
    /// Whole numbers of 10⁻ˢ.
    #[cfg_attr(not(any(feature = "arrow", feature = "parquet")), allow(dead_code, reason = "NumPy has no decimals"))]
    Decimal(i32),
    Truth,
    Text,
    /// Days since 1970-01-01.
    Days,
    /// Units of a second since then: so many in a second.
    Instants(i64),
}

/// A value of a column.
pub(super) enum Value<'a> {
    Number(f64),
    Whole(i128),
    Truth(bool),
    Text(&'a str),
}

/// A column that grows value by value.
pub(super) struct TypedColumn {
    content: Content,
    /// Whether numbers are kept as texts.
    as_text: bool,
    rules: CellRules,
    values: Vec<f64>,
    codes: Vec<u32>,
    dictionary: Dictionary,
    /// Whether texts came before the rows that have them.
    has_levels: bool,
}

/// The rules for typed values: a text stands for a missing value only if the user says so.
pub(super) fn typed_rules(options: &TableOptions) -> CellRules {
    CellRules::new(&TableOptions { na: Some(options.na.clone().unwrap_or_default()), ..options.clone() })
}

impl TypedColumn {
    /// An empty column. `as_text`: numbers are categories.
    pub(super) fn new(content: Content, as_text: bool, rules: CellRules) -> Self {
        let (values, codes, dictionary) = (Vec::new(), Vec::new(), Dictionary::default());
        Self { content, as_text, rules, values, codes, dictionary, has_levels: false }
    }

    #[cfg(feature = "parquet")]
    pub(super) fn content(&self) -> Content {
        self.content
    }

    fn is_text(&self) -> bool {
        self.as_text || matches!(self.content, Content::Text | Content::Truth)
    }

    #[cfg(any(feature = "arrow", feature = "parquet"))]
    pub(super) fn len(&self) -> usize {
        if self.is_text() { self.codes.len() } else { self.values.len() }
    }

    /// Returns the code of a category, of which no row is yet, for [`push_code`](Self::push_code). Categories keep the order of these
    /// calls.
    #[cfg(feature = "arrow")]
    pub(super) fn level(&mut self, value: Option<Value<'_>>) -> u32 {
        self.has_levels = true;
        self.text_code(value)
    }

    /// Adds a row with a category.
    #[cfg(feature = "arrow")]
    pub(super) fn push_code(&mut self, code: Option<u32>) {
        self.codes.push(code.unwrap_or(MISSING));
    }

    /// Adds a value; `None` is a missing one.
    pub(super) fn push(&mut self, value: Option<Value<'_>>) {
        if self.is_text() {
            let code = self.text_code(value);
            return self.codes.push(code);
        }
        let number = match value {
            None | Some(Value::Text(_)) => f64::NAN,
            Some(Value::Truth(truth)) => f64::from(truth),
            Some(Value::Number(number)) => number,
            Some(Value::Whole(whole)) => self.scaled(whole),
        };
        let is_missing = self.rules.has_numeric_marks() && self.rules.is_missing(&number.to_string());
        self.values.push(if is_missing { f64::NAN } else { number });
    }

    /// Returns where numbers may be appended that need no check, if there is such a place.
    pub(super) fn plain_numbers(&mut self) -> Option<&mut Vec<f64>> {
        let is_plain = self.content == Content::Numbers && !self.as_text && !self.rules.has_numeric_marks();
        is_plain.then_some(&mut self.values)
    }

    fn text_code(&mut self, value: Option<Value<'_>>) -> u32 {
        match value {
            None => MISSING,
            Some(Value::Text(text)) => self.code(text.trim()),
            Some(Value::Truth(truth)) => self.code(if truth { "true" } else { "false" }),
            Some(Value::Number(number)) if number.is_nan() => MISSING,
            Some(Value::Number(number)) => self.code(&number.to_string()),
            Some(Value::Whole(whole)) => match self.content {
                Content::Numbers => self.code(&whole.to_string()),
                _ => self.code(&self.scaled(whole).to_string()),
            },
        }
    }

    fn code(&mut self, text: &str) -> u32 {
        if self.rules.is_missing(text) { MISSING } else { self.dictionary.code(text) }
    }

    /// A whole number in the units of the column.
    #[allow(clippy::cast_precision_loss, reason = "the nearest number")]
    fn scaled(&self, whole: i128) -> f64 {
        match self.content {
            Content::Decimal(scale) => whole as f64 / 10f64.powi(scale),
            Content::Instants(per_second) => whole as f64 / per_second as f64 / DAY,
            _ => whole as f64,
        }
    }

    pub(super) fn finish(self, name: String, dates: Dates) -> Column {
        let is_text = self.is_text();
        let kind = match self.content {
            _ if self.as_text => ColumnKind::Categorical,
            Content::Truth => ColumnKind::Boolean,
            Content::Text => ColumnKind::Categorical,
            Content::Days | Content::Instants(_) if dates == Dates::Keep => ColumnKind::Date,
            _ => ColumnKind::Numeric,
        };
        let cells = if is_text {
            let texts = Texts { codes: self.codes, levels: self.dictionary.into_levels() };
            Cells::Texts(if self.has_levels { texts.without_unused() } else { texts })
        } else {
            Cells::Numbers { values: self.values, texts: None }
        };
        Column::new(name, kind, cells, None)
    }
}
