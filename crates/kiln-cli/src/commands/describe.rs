//! `kiln describe`: what a table holds, and what training makes of it.

use std::path::PathBuf;

use clap::Args;
use kiln::data::{ColumnKind, ColumnSummary, EncodedColumn, Reason, Role, Shown, Table, Target};
use serde::Serialize;

use crate::{
    base::{Console, Exit, Failure, Result, table},
    flags::ReadingFlags,
    settings::{CodingName, MissingValues, TableSettings},
};

#[derive(Args, Debug)]
pub(crate) struct DescribeFlags {
    /// Table: text with a header row (CSV, TSV, …; also .gz and .zst), Parquet, Arrow or NumPy file, or folder with such files
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name of the column to predict
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Column with row weights
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sample_weight: Option<String>,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) drop: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: ReadingFlags,
}

/// A column in the output of `--json`.
#[derive(Debug, Serialize)]
struct Described {
    #[serde(flatten)]
    summary: ColumnSummary,
    /// What training makes of it.
    training: String,
}

pub(crate) fn describe(flags: &DescribeFlags, console: Console) -> Result<Exit> {
    let settings = toml::Table::try_from(&flags.reading)
        .and_then(|table| table.try_into::<TableSettings>().map_err(serde::ser::Error::custom));
    let mut settings = settings.map_err(Failure::usage)?;
    settings.check()?;
    settings.coding.get_or_insert(CodingName::Reference);
    let table = Table::read_all(std::slice::from_ref(&flags.file), &settings.options()?)?;
    settings.categorical.iter().try_for_each(|name| table.required(name).map(drop))?;
    let columns = settings.columns(flags.target.as_deref(), flags.sample_weight.as_deref(), &flags.drop);
    let roles = columns.roles(&table)?;
    let describe = |(summary, role): (ColumnSummary, &Role)| {
        let training = training(&table, &summary, role, &settings);
        Described { summary, training }
    };
    let described: Vec<Described> = table.describe().into_iter().zip(&roles).map(describe).collect();
    let used = table
        .columns()
        .iter()
        .zip(&roles)
        .filter(|(_, role)| matches!(role, Role::Feature | Role::Target | Role::Weight));
    let incomplete = (0..table.len()).filter(|row| used.clone().any(|(column, _)| column.is_missing(*row))).count();
    let result = serde_json::json!({
        "file": table.file(), "sha256": table.sha256(), "rows": table.len(), "incomplete_rows": incomplete,
        "delimiter": table.delimiter(), "notes": table.notes().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "columns": described,
    });
    console.result(&result, || text(&table, &described, incomplete, &settings))?;
    Ok(Exit::Done)
}

fn text(read: &Table, described: &[Described], incomplete: usize, settings: &TableSettings) -> String {
    let delimiter = match read.delimiter() {
        ',' => "comma".to_owned(),
        ';' => "semicolon".to_owned(),
        '\t' => "tab".to_owned(),
        '|' => "pipe".to_owned(),
        other => format!("'{other}'"),
    };
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut text = format!(
        "{}: {}, {}, delimiter {delimiter}\n",
        read.file(),
        count(read.len(), "row"),
        count(described.len(), "column")
    );
    for note in read.notes() {
        text += &format!("{note}\n");
    }
    if incomplete > 0 {
        let what = match settings.missing {
            MissingValues::Drop => "they are dropped (--missing)",
            MissingValues::Error => "they are an error (--missing)",
            _ => "features get stand-ins (--missing)",
        };
        text += &format!("{incomplete} of {} rows have a missing value: {what}\n", read.len());
    }
    let row = |Described { summary, training }: &Described| {
        let ColumnSummary { name, kind, missing, distinct, range, most } = summary;
        let kind = match kind {
            ColumnKind::Numeric => "numbers",
            ColumnKind::Boolean => "true/false",
            ColumnKind::Date => "dates",
            ColumnKind::Categorical => "text",
        };
        let list = |most: &[(String, usize)]| {
            let texts: Vec<String> = most.iter().map(|(text, count)| format!("{} ({count})", short(text))).collect();
            texts.join(", ") + if *distinct > most.len() { ", …" } else { "" }
        };
        let values = match range {
            Some([low, mean, high]) => format!("{} to {}, mean {}", number(*low), number(*high), number(*mean)),
            None => list(most),
        };
        [short(name), kind.to_owned(), missing.to_string(), distinct.to_string(), values, training.clone()]
    };
    text + "\n"
        + &table(
            ["column", "type", "missing", "distinct", "values", "in training"],
            described.iter().map(row).collect(),
        )
}

/// Returns what training makes of a column.
fn training(table: &Table, summary: &ColumnSummary, role: &Role, settings: &TableSettings) -> String {
    match role {
        Role::Target => match Target::fit(table, &summary.name) {
            Ok(target) => format!("target with {} classes", target.classes.len()),
            Err(error) => format!("target: {}", without_file(table, &error.to_string())),
        },
        Role::Weight => "weight of the row".to_owned(),
        Role::Id => "copied into predictions".to_owned(),
        Role::LeftOut(reason @ (Reason::Empty | Reason::Names)) => format!("left out: {reason}"),
        Role::LeftOut(reason) => reason.to_string(),
        Role::Feature => feature(table, summary, settings),
    }
}

fn feature(table: &Table, summary: &ColumnSummary, settings: &TableSettings) -> String {
    let fitted = table.clone().with_only(&[&summary.name]).and_then(|column| {
        let column =
            if settings.missing == MissingValues::Drop { column.without_missing(&[&summary.name])?.0 } else { column };
        settings.encoder(false).fit_all(&column, None)
    });
    match fitted.as_ref().map(|encoder| &encoder.columns()[0]) {
        Ok(column @ EncodedColumn::Categorical { categories, reference, .. }) => {
            let count = column.width();
            let features = if count == 1 { "1 feature".to_owned() } else { format!("{count} features") };
            match reference {
                Some(reference) if summary.kind != ColumnKind::Boolean => {
                    format!("{features}, reference {}", short(&categories[*reference]))
                }
                _ => features,
            }
        }
        Ok(EncodedColumn::Numeric { indicator: true, .. }) => "2 features: value, missing".to_owned(),
        Ok(EncodedColumn::Numeric { .. }) if summary.distinct == 1 => "1 feature, constant".to_owned(),
        Ok(EncodedColumn::Numeric { .. }) => "1 feature".to_owned(),
        Err(error) => format!("refused: {}", without_file(table, &error.to_string())),
    }
}

/// A message about the table, whose name stands above.
fn without_file(table: &Table, message: &str) -> String {
    message.strip_prefix(table.file()).map_or(message, |rest| rest.trim_start_matches([':', ',', ' '])).to_owned()
}

fn short(text: &str) -> String {
    const MOST: usize = 24;
    let shown = Shown(text).to_string();
    if shown.chars().count() <= MOST { shown } else { shown.chars().take(MOST - 1).chain(['…']).collect() }
}

/// A number with up to six digits.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-4..1e9).contains(&rounded.abs()) { format!("{rounded:e}") } else { rounded.to_string() }
}
