//! The columns of several files: the same names, and for each column one kind.

use std::collections::HashSet;

use super::{
    builder::{FEW, stray},
    column::{Cells, Column, ColumnKind, MISSING, Texts},
    dictionary::Dictionary,
    options::{CellRules, Dates, days},
};
use crate::{DataError, shown};

/// Puts the columns of a file into the order of the first file's names.
pub(super) fn in_order(
    first: &str,
    names: &[String],
    file: &str,
    mut columns: Vec<Column>,
) -> Result<Vec<Column>, DataError> {
    let known: HashSet<&str> = names.iter().map(String::as_str).collect();
    let found: HashSet<&str> = columns.iter().map(Column::name).collect();
    let missing: Vec<&str> = names.iter().map(String::as_str).filter(|name| !found.contains(name)).collect();
    let extra: Vec<&str> = columns.iter().map(Column::name).filter(|name| !known.contains(name)).collect();
    if !missing.is_empty() || !extra.is_empty() {
        let part = |what: &str, columns: &[&str]| {
            (!columns.is_empty()).then(|| format!("{what} {}", shown::list(columns.iter().copied())))
        };
        let parts: Vec<String> = [part("lacks", &missing), part("has also", &extra)].into_iter().flatten().collect();
        return Err(DataError::OtherColumns {
            file: file.into(),
            first: first.into(),
            difference: parts.join(", and "),
        });
    }
    let place = |column: &Column| names.iter().position(|name| name == column.name());
    // Files mostly have one order.
    if columns.iter().zip(names).any(|(column, name)| column.name() != name) {
        columns.sort_by_cached_key(place);
    }
    Ok(columns)
}

/// Returns the one kind of a column that has these parts: text, if they are of several kinds.
pub(super) fn kind<'c>(parts: impl Iterator<Item = &'c Column> + Clone) -> ColumnKind {
    let mut kinds = parts.clone().filter(|part| part.missing() < part.len()).map(|part| part.kind());
    let Some(first) = kinds.next() else { return parts.clone().next().map_or(ColumnKind::Numeric, Column::kind) };
    if kinds.all(|kind| kind == first) { first } else { ColumnKind::Categorical }
}

/// Puts the parts of a column one after another. `may_slip`: a few texts among numbers are mistakes.
pub(super) fn join(parts: &[Column], rules: &CellRules, may_slip: bool) -> Column {
    let name = parts.first().map(|part| part.name().to_owned()).unwrap_or_default();
    let kind = kind(parts.iter());
    let (kind, cells) = match kind {
        ColumnKind::Numeric => (kind, Cells::Numbers { values: numbers(parts), texts: few_texts(parts) }),
        ColumnKind::Date if rules.dates == Dates::Days || parts.iter().any(|part| part.typed_dates().is_some()) => {
            let kind = if rules.dates == Dates::Days { ColumnKind::Numeric } else { kind };
            let is_text = parts.iter().all(|part| part.typed_dates().is_none());
            (kind, Cells::Numbers { values: dates(parts), texts: is_text.then(|| texts(parts)) })
        }
        _ => (kind, Cells::Texts(texts(parts))),
    };
    let stray = match &cells {
        Cells::Texts(texts) if kind == ColumnKind::Categorical && may_slip => stray(texts, rules),
        _ => None,
    };
    Column::new(name, kind, cells, stray)
}

/// Returns whether a part of a column has numbers, perhaps beside a few texts.
pub(super) fn has_numbers(part: &Column) -> bool {
    part.kind() == ColumnKind::Numeric || part.stray_text().is_some()
}

/// The numbers of all parts. A part without values may have any kind.
fn numbers(parts: &[Column]) -> Vec<f64> {
    let of = |part: &Column| part.numbers().map_or_else(|| vec![f64::NAN; part.len()], <[f64]>::to_vec);
    parts.iter().flat_map(of).collect()
}

fn dates(parts: &[Column]) -> Vec<f64> {
    let of = |part: &Column| match part.typed_dates() {
        Some(days) => days.to_vec(),
        None => {
            let (levels, codes) = part.levels();
            let level: Vec<f64> = levels.iter().map(|level| days(level).unwrap_or(f64::NAN)).collect();
            codes.iter().map(|code| level.get(*code as usize).copied().unwrap_or(f64::NAN)).collect()
        }
    };
    parts.iter().flat_map(of).collect()
}

/// The texts of numbers, if every part has them and there are few different ones.
fn few_texts(parts: &[Column]) -> Option<Texts> {
    let is_few = parts.iter().all(|part| !part.has_many_values());
    is_few.then(|| texts(parts)).filter(|texts| texts.levels.len() <= FEW)
}

fn texts(parts: &[Column]) -> Texts {
    let mut dictionary = Dictionary::default();
    let mut all = Vec::with_capacity(parts.iter().map(Column::len).sum());
    for part in parts {
        let (levels, codes) = part.levels();
        let new: Vec<u32> = levels.iter().map(|level| dictionary.code(level)).collect();
        all.extend(codes.iter().map(|code| new.get(*code as usize).copied().unwrap_or(MISSING)));
    }
    Texts { codes: all, levels: dictionary.into_levels() }
}
