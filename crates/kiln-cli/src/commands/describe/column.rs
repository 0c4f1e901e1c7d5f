//! What training makes of a column.

use kiln::data::{ColumnKind, ColumnSummary, DataError, EncodedColumn, Reason, Role, Shown, Table, Target};
use serde::Serialize;

use crate::settings::{MissingValues, TableSettings};

/// A column in the output of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    #[serde(flatten)]
    pub(super) summary: ColumnSummary,
    /// What training makes of it.
    pub(super) training: String,
    /// The number of features that it becomes.
    pub(super) features: usize,
}

impl Described {
    pub(super) fn of(table: &Table, summary: ColumnSummary, role: &Role, settings: &TableSettings) -> Self {
        let (training, features) = match role {
            Role::Target => (target(table, &summary), 0),
            Role::Weight => ("weight of the row".to_owned(), 0),
            Role::Id => ("copied into predictions".to_owned(), 0),
            Role::LeftOut(Reason::Names) => ("left out: every row has a different text".to_owned(), 0),
            Role::LeftOut(reason @ Reason::Empty) => (format!("left out: {reason}"), 0),
            Role::LeftOut(reason) => (reason.to_string(), 0),
            Role::Feature => feature(table, &summary, settings),
        };
        Self { summary, training, features }
    }
}

fn target(table: &Table, summary: &ColumnSummary) -> String {
    let is_numeric = summary.kind == ColumnKind::Numeric;
    match Target::fit(table, &summary.name) {
        Ok(target) if is_numeric => format!("target with {} classes, or of numbers for glm", target.classes.len()),
        Ok(target) => format!("target with {} classes", target.classes.len()),
        Err(DataError::NotClasses { .. }) if is_numeric => "target of numbers, for glm".to_owned(),
        Err(DataError::NotClasses { .. }) => {
            format!("refused as target: {} different texts are no classes", summary.distinct)
        }
        Err(DataError::OneClass { .. }) => "refused as target: it has only one value".to_owned(),
        Err(error) => format!("refused as target: {}", without_file(table, &error.to_string())),
    }
}

/// What a feature becomes, and how many columns of numbers that are.
fn feature(table: &Table, summary: &ColumnSummary, settings: &TableSettings) -> (String, usize) {
    // A long name stands at the start of the line.
    let name = if summary.name.chars().count() > 20 { "it".to_owned() } else { Shown(&summary.name).to_string() };
    let fitted = table.clone().with_only(&[&summary.name]).and_then(|column| {
        let column =
            if settings.missing == MissingValues::Drop { column.without_missing(&[&summary.name])?.0 } else { column };
        settings.encoder(false).fit_all(&column, None)
    });
    match fitted.as_ref().map(|encoder| &encoder.columns()[0]) {
        Ok(column @ EncodedColumn::Categorical { categories, reference, .. }) => {
            let count = column.width();
            let features = if count == 1 { "1 feature".to_owned() } else { format!("{count} features") };
            // Each feature would have few rows.
            let hint = if count > 20 && count * 10 > table.len() { format!("; --drop {name}?") } else { String::new() };
            let text = match reference {
                Some(reference) if summary.kind != ColumnKind::Boolean => {
                    format!("{features}, reference {}{hint}", short(&categories[*reference], 20))
                }
                _ => format!("{features}{hint}"),
            };
            (text, count)
        }
        Ok(EncodedColumn::Numeric { indicator: true, .. }) => ("2 features: value, missing".to_owned(), 2),
        Ok(EncodedColumn::Numeric { .. }) if summary.distinct == 1 => ("1 feature, constant".to_owned(), 1),
        Ok(EncodedColumn::Numeric { .. }) if numbers_the_rows(table, summary) => {
            (format!("1 feature; it numbers the rows: --drop {name}?"), 1)
        }
        Ok(EncodedColumn::Numeric { .. }) => ("1 feature".to_owned(), 1),
        Err(DataError::DateFeature { .. }) => (format!("refused: dates; add --dates days or --drop {name}"), 0),
        Err(DataError::TooManyCategories { count, limit, .. }) => {
            (format!("refused: {count} different texts, more than {limit}; --drop {name}"), 0)
        }
        Err(DataError::TextInNumeric { cell, line, .. }) => {
            let options = if cell.contains(',') { "--decimal-comma" } else { "--na or --categorical" };
            let (cell, end) = (cell.chars().take(20).collect::<String>(), if cell.len() > 20 { "…" } else { "" });
            (format!("refused: '{}{end}' among numbers, line {line}; {options}?", Shown(&cell)), 0)
        }
        Err(error) => (format!("refused: {}", without_file(table, &error.to_string())), 0),
    }
}

/// Whether the cells are n, n + 1, … in the order of the file.
fn numbers_the_rows(table: &Table, summary: &ColumnSummary) -> bool {
    let numbers = table.column(&summary.name).and_then(|column| column.numbers()).unwrap_or_default();
    numbers.len() > 2
        && numbers[0].abs() <= 1.0
        && numbers.windows(2).all(|pair| (pair[1] - pair[0] - 1.0).abs() < 1e-9)
}

/// A message about the table, whose name stands above.
fn without_file(table: &Table, message: &str) -> String {
    message.strip_prefix(table.file()).map_or(message, |rest| rest.trim_start_matches([':', ',', ' '])).to_owned()
}

/// At most `most` characters of a text.
pub(super) fn short(text: &str, most: usize) -> String {
    let shown = Shown(text).to_string();
    if shown.chars().count() <= most { shown } else { shown.chars().take(most - 1).chain(['…']).collect() }
}
