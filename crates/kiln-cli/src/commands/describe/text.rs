//! The description of a table for people.

use kiln::data::{ColumnKind, ColumnSummary, Table};

use super::column::{Described, short};
use crate::base::table;

/// The longest name of a column, list of values and value that are shown.
const NAME: usize = 28;
const VALUES: usize = 44;
const VALUE: usize = 18;

pub(super) fn text(read: &Table, described: &[Described], notes: &[String], is_text: bool) -> String {
    let kinds = ["numbers", "true/false", "dates", "text", "empty"].map(|kind| {
        let columns = described.iter().filter(|column| kind_of(&column.summary) == kind).count();
        let kind = if columns == 1 { kind.trim_end_matches('s') } else { kind };
        (columns > 0).then(|| format!("{columns} {kind}"))
    });
    let mut text = format!(
        "{}: {}, {} ({}){}\n",
        read.file(),
        count(read.len(), "row"),
        count(described.len(), "column"),
        kinds.into_iter().flatten().collect::<Vec<_>>().join(", "),
        if is_text { format!(", delimiter {}", delimiter(read.delimiter())) } else { String::new() },
    );
    for note in notes {
        text += &format!("{note}\n");
    }
    let row = |Described { summary, training, .. }: &Described| {
        [
            short(&summary.name, NAME),
            kind_of(summary).to_owned(),
            format!("{:>7}", summary.missing),
            format!("{:>8}", summary.distinct),
            values(summary),
            training.clone(),
        ]
    };
    let features = described.iter().map(|column| column.features).sum();
    text + "\n"
        + &table(
            ["column", "type", "missing", "distinct", "values", "in training"],
            described.iter().map(row).collect(),
        )
        + &format!("\n\nin all {}", count(features, "feature"))
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn delimiter(delimiter: char) -> String {
    match delimiter {
        ',' => "comma".to_owned(),
        ';' => "semicolon".to_owned(),
        '\t' => "tab".to_owned(),
        '|' => "pipe".to_owned(),
        other => format!("'{other}'"),
    }
}

fn kind_of(summary: &ColumnSummary) -> &'static str {
    match summary.kind {
        _ if summary.distinct == 0 => "empty",
        ColumnKind::Numeric => "numbers",
        ColumnKind::Boolean => "true/false",
        ColumnKind::Date => "dates",
        ColumnKind::Categorical => "text",
    }
}

/// The range and the mean of numbers, or the most frequent texts, as many as fit.
fn values(summary: &ColumnSummary) -> String {
    let ColumnSummary { distinct, range, most, .. } = summary;
    match range {
        Some([low, ..]) if *distinct == 1 => format!("always {}", number(*low)),
        Some([low, mean, high]) => format!("{} to {}, mean {}", number(*low), number(*high), number(*mean)),
        None => {
            let mut text = String::new();
            let mut shown = 0;
            for (value, count) in most {
                let value = format!("{} ({count})", short(value, VALUE));
                let longer = if shown == 0 { value } else { format!("{text}, {value}") };
                if shown > 0 && longer.chars().count() > VALUES {
                    break;
                }
                (text, shown) = (longer, shown + 1);
            }
            text + if *distinct > shown { ", …" } else { "" }
        }
    }
}

/// A number with up to six digits.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-4..1e9).contains(&rounded.abs()) { format!("{rounded:e}") } else { rounded.to_string() }
}
