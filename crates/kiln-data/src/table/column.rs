//! The columns of a table.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::dictionary::Dictionary;

/// The kind of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// Every cell that is not missing is a finite number.
    Numeric,
    /// Every cell that is not missing is `true` or `false`, in lower case, upper case or capitalised.
    Boolean,
    /// Every cell that is not missing is a date or a time, as in `2024-05-31` or `2024-05-31T13:00:00`.
    Date,
    /// Some cell is other text.
    Categorical,
}

/// A column of a [`Table`](crate::Table).
///
/// # Example
/// ```
/// use kiln_data::{ColumnKind, Table};
///
/// let table = Table::parse("t.csv", "size,colour\n1.50,red\n2,NA\n")?;
/// let [size, colour] = table.columns() else { unreachable!() };
/// assert_eq!((size.kind(), size.number(0), size.text(0).as_deref()), (ColumnKind::Numeric, Some(1.5), Some("1.50")));
/// assert_eq!((colour.kind(), colour.text(1), colour.missing()), (ColumnKind::Categorical, None, 1));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    name: String,
    kind: ColumnKind,
    cells: Cells,
    missing: usize,
    /// The first row whose cell is a text among numbers.
    stray: Option<usize>,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cells {
    /// Numbers, NaN where a cell is missing. Their texts are kept while there are few different ones.
    Numbers { values: Vec<f64>, texts: Option<Texts> },
    /// Texts.
    Texts(Texts),
}

/// Texts as indices into the different ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Texts {
    /// [`MISSING`] where a cell is missing.
    pub(super) codes: Vec<u32>,
    /// The different texts in the order of their first appearance, or of the categories in an Arrow file.
    pub(super) levels: Vec<String>,
}

/// The code of a missing cell.
pub(super) const MISSING: u32 = u32::MAX;

impl Column {
    pub(super) fn new(name: String, kind: ColumnKind, cells: Cells, stray: Option<usize>) -> Self {
        let missing = match &cells {
            Cells::Numbers { values, .. } => values.iter().filter(|value| value.is_nan()).count(),
            Cells::Texts(texts) => texts.codes.iter().filter(|code| **code == MISSING).count(),
        };
        Self { name, kind, cells, missing, stray }
    }

    /// Returns the name in the header.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the cells hold.
    pub fn kind(&self) -> ColumnKind {
        self.kind
    }

    /// Returns the number of rows.
    #[allow(clippy::len_without_is_empty, reason = "a table has at least one row")]
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::Numbers { values, .. } => values.len(),
            Cells::Texts(texts) => texts.codes.len(),
        }
    }

    /// Returns the number of missing cells.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Returns whether a cell is missing.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.cells {
            Cells::Numbers { values, .. } => values[row].is_nan(),
            Cells::Texts(texts) => texts.codes[row] == MISSING,
        }
    }

    /// Returns all cells of a numeric column, NaN where one is missing, and `None` for other columns.
    pub fn numbers(&self) -> Option<&[f64]> {
        match &self.cells {
            Cells::Numbers { values, .. } if self.kind == ColumnKind::Numeric => Some(values),
            _ => None,
        }
    }

    /// Returns the number in a cell of a numeric column; `None` if the cell is missing or the column is not numeric.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    pub fn number(&self, row: usize) -> Option<f64> {
        self.numbers().map(|values| values[row]).filter(|value| !value.is_nan())
    }

    /// Returns the text of a cell without spaces around it, or `None` if it is missing.
    ///
    /// Numbers of a column with more than 1024 different ones come in their shortest form.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    pub fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        let of = |texts: &'_ Texts| texts.codes[row];
        match &self.cells {
            Cells::Texts(texts) | Cells::Numbers { texts: Some(texts), .. } => {
                texts.levels.get(of(texts) as usize).map(|level| Cow::Borrowed(level.as_str()))
            }
            Cells::Numbers { values, .. } => (!values[row].is_nan()).then(|| Cow::Owned(values[row].to_string())),
        }
    }

    /// Returns the different texts in the order of their first appearance, and each row's index among them, `u32::MAX` where a
    /// cell is missing. Categories of an Arrow file come in their own order.
    ///
    /// # Example
    /// ```
    /// use kiln_data::Table;
    ///
    /// let table = Table::parse("t.csv", "colour\nred\ngrey\nred\n")?;
    /// let (levels, codes) = table.columns()[0].levels();
    /// assert_eq!((levels.to_vec(), codes.to_vec()), (vec!["red".to_owned(), "grey".to_owned()], vec![0, 1, 0]));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn levels(&self) -> (Cow<'_, [String]>, Cow<'_, [u32]>) {
        match &self.cells {
            Cells::Texts(texts) | Cells::Numbers { texts: Some(texts), .. } => {
                (Cow::Borrowed(&texts.levels), Cow::Borrowed(&texts.codes))
            }
            Cells::Numbers { values, .. } => {
                let mut texts = Dictionary::default();
                let code = |value: &f64| if value.is_nan() { MISSING } else { texts.code(&value.to_string()) };
                let codes: Vec<u32> = values.iter().map(code).collect();
                (Cow::Owned(texts.into_levels()), Cow::Owned(codes))
            }
        }
    }

    /// Returns the first row with a text, if at least nine times as many cells are numbers and the column was not declared
    /// categorical. The text is probably a typing mistake, and an [`Encoder`](crate::Encoder) does not take the column.
    pub fn stray_text(&self) -> Option<usize> {
        self.stray
    }

    /// Returns the days since 1970-01-01 of a column of dates that came as numbers.
    pub(super) fn typed_dates(&self) -> Option<&[f64]> {
        match &self.cells {
            Cells::Numbers { values, .. } if self.kind == ColumnKind::Date => Some(values),
            _ => None,
        }
    }

    /// Returns whether it is a column of numbers with too many different ones to keep their texts.
    pub(crate) fn has_many_values(&self) -> bool {
        matches!(self.cells, Cells::Numbers { texts: None, .. })
    }

    /// Returns the column with the given rows only. Texts that none of them has are forgotten.
    pub(super) fn subset(&self, rows: &[usize]) -> Self {
        let of = |texts: &Texts| texts.subset(rows);
        let cells = match &self.cells {
            Cells::Texts(texts) => Cells::Texts(of(texts)),
            Cells::Numbers { values, texts } => {
                Cells::Numbers { values: rows.iter().map(|row| values[*row]).collect(), texts: texts.as_ref().map(of) }
            }
        };
        let stray = self.stray.and_then(|stray| rows.iter().position(|row| *row == stray));
        Self::new(self.name.clone(), self.kind, cells, stray)
    }
}

impl Texts {
    /// Forgets the texts that no row has. The others keep their order.
    pub(super) fn without_unused(self) -> Self {
        let mut is_used = vec![false; self.levels.len()];
        for code in &self.codes {
            if let Some(used) = is_used.get_mut(*code as usize) {
                *used = true;
            }
        }
        let number_before = |next: &mut u32, used: &bool| {
            let number = *next;
            *next += u32::from(*used);
            Some(number)
        };
        let new: Vec<u32> = is_used.iter().scan(0, number_before).collect();
        let codes = self.codes.iter().map(|code| new.get(*code as usize).copied().unwrap_or(MISSING)).collect();
        let levels = self.levels.into_iter().zip(is_used).filter_map(|(level, used)| used.then_some(level)).collect();
        Self { codes, levels }
    }

    fn subset(&self, rows: &[usize]) -> Self {
        let mut new = vec![MISSING; self.levels.len()];
        let mut levels = Vec::new();
        let code = |row: &usize| {
            let old = self.codes[*row] as usize;
            let level = self.levels.get(old)?;
            if new[old] == MISSING {
                new[old] = u32::try_from(levels.len()).expect("no more than before");
                levels.push(level.clone());
            }
            Some(new[old])
        };
        let codes = rows.iter().map(code).map(|code| code.unwrap_or(MISSING)).collect();
        Self { codes, levels }
    }
}
