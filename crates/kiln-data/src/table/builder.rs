//! Columns that grow cell by cell, and find out what they hold.

use super::{
    column::{Cells, Column, ColumnKind, MISSING, Texts},
    dictionary::Dictionary,
    options::{CellRules, Dates, days},
};

/// The number of different texts up to which the texts of a column of numbers are kept.
pub(super) const FEW: usize = 1024;

/// A column that grows.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    pub(super) name: String,
    take: Take,
    state: State,
}

/// What a column is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// What its cells turn out to be.
    Found,
    /// One of texts, as an earlier reading found.
    Texts,
    /// Categories, as the user says.
    Categories,
}

#[derive(Debug)]
enum State {
    /// So far there are few different texts, or some of them are no numbers.
    Texts {
        codes: Vec<u32>,
        dictionary: Dictionary,
        /// The number in each text; `None` if it is not one.
        values: Vec<Option<f64>>,
        only_numbers: bool,
    },
    /// Many different numbers.
    Numbers {
        values: Vec<f64>,
        /// The first cell that was no number.
        text: Option<FirstText>,
    },
}

/// The first text among numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FirstText {
    /// Counted from where the column, or its part, begins.
    pub(super) row: usize,
    pub(super) cell: Box<str>,
}

/// What is certain about a column before all of it is read. It stays certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    /// Some cells are texts, so the texts of all are kept.
    Texts,
    /// It has many different numbers, so no texts are kept.
    Numbers,
}

/// What a column turned out to be.
#[derive(Debug)]
pub(super) enum Built {
    Column(Column),
    /// It began with many numbers and is one of texts: it must be read again as such.
    MustBeText(FirstText),
}

impl ColumnBuilder {
    pub(super) fn new(name: String, take: Take) -> Self {
        let known = if take == Take::Found { Known::Nothing } else { Known::Texts };
        Self { name, take, state: State::new(known) }
    }

    /// Begins a part of a column, which will be appended to it and may have `rows` rows.
    pub(super) fn part(known: Known, rows: usize) -> Self {
        let mut part = Self { name: String::new(), take: Take::Found, state: State::new(known) };
        part.reserve(rows);
        part
    }

    /// Makes room for more rows, if there is memory for them. They need not come.
    pub(super) fn reserve(&mut self, rows: usize) {
        // Without room, the column grows step by step.
        let _ = match &mut self.state {
            State::Texts { codes, .. } => codes.try_reserve_exact(rows),
            State::Numbers { values, .. } => values.try_reserve_exact(rows),
        };
    }

    /// Returns what is certain about the column.
    pub(super) fn known(&self) -> Known {
        match self.state {
            State::Numbers { .. } => Known::Numbers,
            State::Texts { only_numbers: true, .. } => Known::Nothing,
            State::Texts { only_numbers: false, .. } => Known::Texts,
        }
    }

    /// Returns the numbers of a column that keeps no texts.
    pub(super) fn numbers(&mut self) -> Option<&mut Vec<f64>> {
        match &mut self.state {
            State::Numbers { values, .. } => Some(values),
            State::Texts { .. } => None,
        }
    }

    /// Adds a cell, which has no spaces around it.
    pub(super) fn push(&mut self, cell: &str, rules: &CellRules) {
        match &mut self.state {
            State::Numbers { values, text } => {
                let value = rules.number(cell).unwrap_or_else(|| {
                    if text.is_none() && !rules.is_missing(cell) {
                        *text = Some(FirstText { row: values.len(), cell: cell.into() });
                    }
                    f64::NAN
                });
                values.push(value);
            }
            State::Texts { codes, dictionary, values, only_numbers } => {
                let code = dictionary.find(cell).unwrap_or_else(|| {
                    if rules.is_missing(cell) {
                        return MISSING;
                    }
                    let value = rules.number(cell);
                    *only_numbers &= value.is_some();
                    values.push(value);
                    dictionary.code(cell)
                });
                codes.push(code);
                if *only_numbers && values.len() > FEW {
                    self.keep_numbers_only();
                }
            }
        }
    }

    /// Returns whether a part has all that the column keeps: not if its texts are gone and the column is one of texts.
    pub(super) fn takes(&self, part: &Self) -> bool {
        (self.known(), part.known()) != (Known::Texts, Known::Numbers)
    }

    /// Adds the cells of a part, as if they were pushed one after another. The part must be one that the column
    /// [`takes`](Self::takes).
    pub(super) fn append(&mut self, part: Self) {
        debug_assert!(self.takes(&part));
        match (&mut self.state, part.state) {
            (State::Texts { codes, only_numbers: true, .. }, part) if codes.is_empty() => self.state = part,
            (State::Texts { .. }, State::Numbers { values, text }) => {
                // The part has many different numbers, so the column has.
                self.keep_numbers_only();
                self.append_numbers(values, text);
            }
            (State::Numbers { .. }, State::Numbers { values, text }) => self.append_numbers(values, text),
            (State::Numbers { .. }, State::Texts { codes, dictionary, values, .. }) => {
                let texts: Vec<Box<str>> = dictionary.into_texts().collect();
                self.append_numbers(numbers(&codes, &values), first_text(&codes, &values, &texts));
            }
            (State::Texts { .. }, State::Texts { codes, dictionary, values, .. }) => {
                self.append_texts(&codes, dictionary, &values);
            }
        }
    }

    fn append_numbers(&mut self, more: impl IntoIterator<Item = f64>, first: Option<FirstText>) {
        let State::Numbers { values, text } = &mut self.state else { return };
        if text.is_none() {
            *text = first.map(|first| FirstText { row: values.len() + first.row, ..first });
        }
        values.extend(more);
    }

    fn append_texts(&mut self, part_codes: &[u32], part_texts: Dictionary, part_values: &[Option<f64>]) {
        let State::Texts { codes, dictionary, values, only_numbers } = &mut self.state else { return };
        let mut new_codes = Vec::with_capacity(part_values.len());
        let part_texts: Vec<Box<str>> = part_texts.into_texts().collect();
        for (text, value) in part_texts.iter().zip(part_values) {
            let (code, is_new) = dictionary.add(text.clone());
            new_codes.push(code);
            if is_new {
                *only_numbers &= value.is_some();
                values.push(*value);
            }
            if *only_numbers && values.len() > FEW {
                self.keep_numbers_only();
                let first = first_text(part_codes, part_values, &part_texts);
                return self.append_numbers(numbers(part_codes, part_values), first);
            }
        }
        codes.extend(part_codes.iter().map(|code| new_codes.get(*code as usize).copied().unwrap_or(MISSING)));
    }

    /// Forgets the texts of numbers.
    fn keep_numbers_only(&mut self) {
        let State::Texts { codes, values, .. } = &self.state else { return };
        self.state = State::Numbers { values: numbers(codes, values).collect(), text: None };
    }

    /// Returns whether all cells so far are missing.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.state, State::Texts { dictionary, .. } if dictionary.is_empty())
    }

    pub(super) fn finish(self, rules: &CellRules) -> Built {
        let Self { name, take, state } = self;
        let (codes, dictionary, values, only_numbers) = match state {
            State::Texts { codes, dictionary, values, only_numbers } => (codes, dictionary, values, only_numbers),
            State::Numbers { text: Some(first), .. } => return Built::MustBeText(first),
            State::Numbers { mut values, .. } => {
                values.shrink_to_fit();
                let cells = Cells::Numbers { values, texts: None };
                return Built::Column(Column::new(name, ColumnKind::Numeric, cells, None));
            }
        };
        let levels = dictionary.into_levels();
        if only_numbers {
            let values = numbers(&codes, &values).collect();
            let texts = Some(Texts { codes, levels });
            let cells = Cells::Numbers { values, texts };
            return Built::Column(Column::new(name, ColumnKind::Numeric, cells, None));
        }
        let is_number = |code: &&u32| values.get(**code as usize).is_some_and(Option::is_some);
        let is_text = |code: &u32| values.get(*code as usize).is_some_and(Option::is_none);
        let (numbers, texts) =
            (codes.iter().filter(is_number).count(), codes.iter().filter(|code| is_text(code)).count());
        let others = || levels.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(level, _)| level);
        let is_slip =
            is_slip(numbers, texts) && !are_labels(levels.len(), codes.len(), others()) || are_slips(others());
        let stray = if take != Take::Categories && is_slip { codes.iter().position(is_text) } else { None };
        let as_text = take == Take::Categories;
        let days: Option<Vec<f64>> = if as_text { None } else { levels.iter().map(|level| days(level)).collect() };
        let kind = match &days {
            Some(days) if rules.dates == Dates::Days && !days.is_empty() => {
                let day = |code: &u32| days.get(*code as usize).copied().unwrap_or(f64::NAN);
                let values = codes.iter().map(day).collect();
                let texts = Some(Texts { codes, levels });
                let cells = Cells::Numbers { values, texts };
                return Built::Column(Column::new(name, ColumnKind::Numeric, cells, None));
            }
            Some(days) if !days.is_empty() => ColumnKind::Date,
            _ if !as_text && !levels.is_empty() && levels.iter().all(|level| truth(level).is_some()) => {
                ColumnKind::Boolean
            }
            _ => ColumnKind::Categorical,
        };
        Built::Column(Column::new(name, kind, Cells::Texts(Texts { codes, levels }), stray))
    }
}

impl State {
    fn new(known: Known) -> Self {
        match known {
            Known::Numbers => Self::Numbers { values: Vec::new(), text: None },
            _ => Self::Texts {
                codes: Vec::new(),
                dictionary: Dictionary::default(),
                values: Vec::new(),
                only_numbers: known == Known::Nothing,
            },
        }
    }
}

/// Returns the numbers of cells, NaN where a cell is missing or a text. `values` has those of the different texts.
fn numbers(codes: &[u32], values: &[Option<f64>]) -> impl Iterator<Item = f64> {
    codes.iter().map(|code| values.get(*code as usize).copied().flatten().unwrap_or(f64::NAN))
}

/// Returns the first cell that is no number. `values` and `texts` are of the different texts.
fn first_text(codes: &[u32], values: &[Option<f64>], texts: &[Box<str>]) -> Option<FirstText> {
    let is_text = |code: &u32| values.get(*code as usize).is_some_and(Option::is_none);
    let row = codes.iter().position(is_text)?;
    Some(FirstText { row, cell: texts[codes[row] as usize].clone() })
}

/// Returns whether so few texts among so many numbers are slips.
fn is_slip(numbers: usize, texts: usize) -> bool {
    numbers > 0 && texts > 0 && numbers >= 9 * texts
}

/// Returns whether a column holds a few labels, of which most are numbers, such as a number of cylinders that is `rotary` in one row: few
/// different texts, which come again and again, and no digits in those that are no numbers.
fn are_labels<'t>(levels: usize, rows: usize, mut texts: impl Iterator<Item = &'t String>) -> bool {
    const FEW_LEVELS: usize = 12;
    levels <= FEW_LEVELS && rows >= 4 * levels && texts.all(|text| !text.contains(|c: char| c.is_ascii_digit()))
}

/// Returns whether all texts of a column that are no numbers look like some: numbers with decimal commas, with separators of thousands,
/// with a currency or a percent sign, or infinite ones.
fn are_slips<'t>(mut texts: impl Iterator<Item = &'t String>) -> bool {
    texts.next().is_some_and(|first| looks_like_a_number(first)) && texts.all(|text| looks_like_a_number(text))
}

fn looks_like_a_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let text = text.strip_prefix(['$', '€', '£', '¥']).unwrap_or(text).trim_start();
    let text = text.strip_suffix(['%', '€']).unwrap_or(text).trim_end();
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return matches!(text.to_ascii_lowercase().as_str(), "inf" | "infinity");
    }
    let (whole, part) = text.rsplit_once(['.', ',']).unwrap_or((text, ""));
    let is_grouped = |whole: &str, separator: char| {
        let mut groups = whole.split(separator);
        let first = groups.next().is_some_and(|first| digits(first) && first.len() <= 3);
        first && groups.all(|group| digits(group) && group.len() == 3)
    };
    let has_whole = digits(whole) || is_grouped(whole, ',') || is_grouped(whole, '.');
    text.parse::<f64>().is_ok() || (has_whole && (part.is_empty() || digits(part)))
}

/// Returns the first row with a text among texts that are mostly numbers.
pub(super) fn stray(texts: &Texts, rules: &CellRules) -> Option<usize> {
    let is_number: Vec<bool> = texts.levels.iter().map(|level| rules.number(level).is_some()).collect();
    let of = |code: &u32| is_number.get(*code as usize).copied();
    let count = |what: bool| texts.codes.iter().filter(|code| of(code) == Some(what)).count();
    let others = texts.levels.iter().zip(&is_number).filter(|(_, is_number)| !**is_number).map(|(level, _)| level);
    let (levels, rows) = (texts.levels.len(), texts.codes.len());
    if is_slip(count(true), count(false)) && !are_labels(levels, rows, others.clone()) || are_slips(others) {
        texts.codes.iter().position(|code| of(code) == Some(false))
    } else {
        None
    }
}

/// Returns what a text such as `TRUE` says.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TableOptions;

    fn build(cells: impl IntoIterator<Item = String>, take: Take) -> Built {
        let rules = CellRules::new(&TableOptions::default());
        let mut builder = ColumnBuilder::new("x".into(), take);
        cells.into_iter().for_each(|cell| builder.push(&cell, &rules));
        builder.finish(&rules)
    }

    fn column(cells: &[&str]) -> Column {
        match build(cells.iter().map(|cell| (*cell).to_owned()), Take::Found) {
            Built::Column(column) => column,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn kinds_are_found() {
        assert_eq!(column(&["1", "NA", "-2.5e3"]).kind(), ColumnKind::Numeric);
        assert_eq!(column(&["TRUE", "", "FALSE"]).kind(), ColumnKind::Boolean);
        assert_eq!(column(&["2020-01-01", "2020-02-01", "."]).kind(), ColumnKind::Date);
        assert_eq!(column(&["1", "b"]).kind(), ColumnKind::Categorical);
        assert_eq!(column(&["1", "inf"]).kind(), ColumnKind::Categorical, "infinity is no number to fit");
        assert_eq!(column(&["", "NA"]).missing(), 2);
    }

    #[test]
    fn many_numbers_lose_their_texts_and_no_value() {
        let cells: Vec<String> = (0..3000).map(|i| if i % 7 == 0 { "NA".into() } else { format!("{i}.50") }).collect();
        let Built::Column(many) = build(cells.clone(), Take::Found) else { panic!() };
        for (row, cell) in cells.iter().enumerate() {
            assert_eq!(many.number(row), cell.parse().ok().filter(|v: &f64| v.is_finite()), "{row}");
        }
        assert_eq!(many.text(8).as_deref(), Some("8.5"));
        assert_eq!(many.missing(), 3000_usize.div_ceil(7));
        let Built::Column(few) = build(cells[..1000].to_vec(), Take::Found) else { panic!() };
        assert_eq!(few.text(8).as_deref(), Some("8.50"));
    }

    #[test]
    fn a_slip_is_told_from_a_column_of_texts() {
        let numbers = |n: usize| (0..n).map(|i| i.to_string());
        let stray = |cells: Vec<String>, take| match build(cells, take) {
            Built::Column(column) => column.stray_text(),
            Built::MustBeText(_) => panic!("it must be read again"),
        };
        let few: Vec<String> = numbers(18).chain(["abc".to_owned()]).collect();
        assert_eq!(stray(few.clone(), Take::Found), Some(18));
        assert_eq!(stray(few, Take::Categories), None);
        let many: Vec<String> = numbers(5000).chain(["abc".to_owned()]).collect();
        let Built::MustBeText(first) = build(many.clone(), Take::Found) else { panic!() };
        assert_eq!(first, FirstText { row: 5000, cell: "abc".into() });
        assert_eq!(stray(many, Take::Texts), Some(5000));
        let mixed: Vec<String> = numbers(5000).chain((0..5000).map(|i| format!("t{i}"))).collect();
        assert!(matches!(build(mixed.clone(), Take::Found), Built::MustBeText(_)));
        assert_eq!(stray(mixed, Take::Texts), None);
    }
}
