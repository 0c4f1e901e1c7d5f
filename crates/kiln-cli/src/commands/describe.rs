//! `kiln describe`: what a table holds, and what training makes of it.

mod column;
mod images;
mod libsvm;
mod text;

use std::path::{Path, PathBuf};

use clap::Args;
use kiln::data::{Column, ColumnKind, ColumnSummary, ImageLoader, Role, Shown, Table};

use self::{column::Described, images::ImageFlags, text::text};
use crate::{
    base::{Console, Exit, Failure, Result},
    context::{is_libsvm, read_file},
    flags::ReadingFlags,
    settings::{CodingName, MissingValues, TableSettings},
};

#[derive(Args, Debug)]
pub(crate) struct DescribeFlags {
    /// Table: text with a header row (CSV, TSV, …; also .gz and .zst), Parquet, Arrow, NumPy or LIBSVM (.svm) file, folder with tables, or - for standard input. Images: a folder or archive of pictures, NumPy, IDX or CIFAR files, or a dataset
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
    #[command(flatten)]
    pub(crate) images: ImageFlags,
}

pub(crate) fn describe(flags: &DescribeFlags, console: Console) -> Result<Exit> {
    if ImageLoader::are_images(&flags.file.to_string_lossy()) {
        return images::describe(&flags.file, &flags.images, console);
    }
    flags.images.refuse()?;
    let settings = toml::Table::try_from(&flags.reading)
        .and_then(|table| table.try_into::<TableSettings>().map_err(serde::ser::Error::custom));
    let mut settings = settings.map_err(Failure::usage)?;
    settings.check()?;
    settings.coding.get_or_insert(CodingName::Reference);
    if is_libsvm(&flags.file.to_string_lossy()) {
        return libsvm::describe(&flags.file, console);
    }
    let table = read_file(&flags.file, &settings)?;
    settings.categorical.iter().try_for_each(|name| table.required(name).map(drop))?;
    let columns = settings.columns(flags.target.as_deref(), flags.sample_weight.as_deref(), &flags.drop);
    let roles = columns.roles(&table)?;
    let describe = |(summary, role): (ColumnSummary, &Role)| Described::of(&table, summary, role, &settings);
    let described: Vec<Described> = table.describe().into_iter().zip(&roles).map(describe).collect();
    let used = table
        .columns()
        .iter()
        .zip(&roles)
        .filter(|(_, role)| matches!(role, Role::Feature | Role::Target | Role::Weight));
    let incomplete = (0..table.len()).filter(|row| used.clone().any(|(column, _)| column.is_missing(*row))).count();
    let mut notes: Vec<String> = table.notes().iter().map(ToString::to_string).collect();
    let commas = decimal_commas(&table);
    if !commas.is_empty() {
        notes.push(format!("numbers have decimal commas: add --decimal-comma ({})", listed(&commas)));
    }
    if incomplete > 0 {
        notes.push(incomplete_rows(incomplete, table.len(), settings.missing));
    }
    if flags.target.is_none() {
        notes.push("without --target COLUMN, every column is described as a feature".to_owned());
    }
    let result = serde_json::json!({
        "file": table.file(), "sha256": table.sha256(), "rows": table.len(), "incomplete_rows": incomplete,
        "delimiter": is_text(&table).then(|| table.delimiter()), "notes": notes, "columns": described,
    });
    console.result(&result, || text(&table, &described, &notes, is_text(&table)))?;
    Ok(Exit::Done)
}

/// Whether the table comes from a text file, which has a delimiter.
fn is_text(table: &Table) -> bool {
    let file = if table.len() == 0 { table.file() } else { table.place(0).0 };
    let extension = Path::new(file).extension().map(|extension| extension.to_string_lossy().to_lowercase());
    const BINARY: [&str; 8] = ["parquet", "pq", "arrow", "arrows", "feather", "ipc", "npy", "npz"];
    extension.is_none_or(|extension| !BINARY.contains(&extension.as_str()))
}

fn incomplete_rows(incomplete: usize, rows: usize, missing: MissingValues) -> String {
    let (have, they) = if incomplete == 1 { ("has", "it is") } else { ("have", "they are") };
    let what = match missing {
        MissingValues::Drop => format!("{they} dropped (--missing)"),
        MissingValues::Error => format!("{they} an error (--missing)"),
        _ => "features get stand-ins (--missing)".to_owned(),
    };
    format!("{incomplete} of {rows} rows {have} a missing value: {what}")
}

/// The first names of a list.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| Shown(name).to_string()).collect();
    shown.join(", ") + more
}

/// Numbers that are written with decimal commas are texts to a reader that is not told. Returns the names of such columns.
fn decimal_commas(table: &Table) -> Vec<String> {
    let is_number = |text: &str| {
        let (whole, part) = text.strip_prefix(['-', '+']).unwrap_or(text).split_once(',')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits(&whole.replace('.', "")) && digits(part)).then_some(part.len())
    };
    let is_written_so = |column: &&Column| {
        let (levels, _) = column.levels();
        let places: Option<Vec<usize>> = levels.iter().map(|text| is_number(text)).collect();
        // 1,234 may be a thousand.
        places.is_some_and(|places| places.iter().any(|n| *n != 3))
    };
    let texts = table.columns().iter().filter(|column| column.kind() == ColumnKind::Categorical);
    texts.filter(is_written_so).map(|column| column.name().to_owned()).collect()
}
