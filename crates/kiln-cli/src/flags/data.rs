//! Where the rows of a table come from, and how a table is read.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::{
    base::{Failure, Result},
    settings::TableSettings,
};

/// What every model of a table has.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct TableFlags {
    /// Table: text with a header row (CSV, TSV, …; also .gz and .zst), Parquet, Arrow or NumPy file, folder with such files, '-' for standard input, folder with IDX files, or dataset name [default: breast-cancer]
    #[arg(long = "data", value_name = "NAME|FILE")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder with the files of the named datasets [default: $KILN_DATA_DIR, then the cache]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) drop: Option<Vec<String>>,
    /// Fraction of rows to hold out for testing; 0 trains on all rows [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Scale numeric columns to mean 0 and standard deviation 1 [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
}

/// For a model that predicts a column.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct TabularDataFlags {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) table: TableFlags,
    /// Name of the column to predict; required for a CSV file
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Column with row weights, not a feature; weight 2 equals two copies of the row
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sample_weight: Option<String>,
}

/// For a model of the rows themselves.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct RowsFlags {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) table: TableFlags,
    /// Name of the class column, which is not a feature
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
}

/// How a table is read, and how its columns become features.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Table")]
pub(crate) struct ReadingFlags {
    /// Columns to use as features; if omitted, all others
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) features: Option<Vec<String>>,
    /// Columns that name the rows: no features, but copied into predictions
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) id: Option<Vec<String>>,
    /// What to do with missing values: drop the row, error, mean, median, or indicator (mean and a 0/1 feature) [default: drop]
    #[arg(long, value_name = "HOW", value_parser = ["drop", "error", "mean", "median", "indicator"], hide_possible_values = true)]
    pub(crate) missing: Option<String>,
    /// Columns of numbers that are categories
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) categorical: Option<Vec<String>>,
    /// Features of a text column: all categories but a reference, or one-hot [default: automatic]
    #[arg(long, value_name = "HOW", value_parser = ["reference", "one-hot"], hide_possible_values = true)]
    pub(crate) coding: Option<String>,
    /// Reference category: first (if omitted), most-frequent, or that of one column
    #[arg(long, value_name = "COLUMN=CATEGORY,…", value_delimiter = ',')]
    pub(crate) reference: Option<Vec<String>>,
    /// What to do with a category that training did not have: error, or reference [default: error]
    #[arg(long, value_name = "HOW", value_parser = ["error", "reference"], hide_possible_values = true)]
    pub(crate) unseen: Option<String>,
    /// What to do with columns of dates: keep (refused as features), or days since 1970-01-01 [default: keep]
    #[arg(long, value_name = "HOW", value_parser = ["keep", "days"], hide_possible_values = true)]
    pub(crate) dates: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) format: FormatFlags,
}

/// How the text of a table is read.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Table")]
pub(crate) struct FormatFlags {
    /// Texts that stand for a missing value [default: empty,NA,N/A,NaN,null,?,.]
    #[arg(long, value_name = "TEXT,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) na: Option<Vec<String>>,
    /// Character between cells: comma, semicolon, tab, pipe, or any other [default: automatic]
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) delimiter: Option<String>,
    /// Encoding of the text, such as latin1 [default: utf-8]
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// Numbers have a decimal comma, as in 1,5 [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) decimal_comma: Option<bool>,
}

impl FormatFlags {
    /// Refuses the flags where they have no meaning.
    pub(crate) fn refuse(&self, reason: &str) -> Result<()> {
        let Self { na, delimiter, encoding, decimal_comma } = self;
        let given = [
            ("--na", na.is_some()),
            ("--delimiter", delimiter.is_some()),
            ("--encoding", encoding.is_some()),
            ("--decimal-comma", decimal_comma.is_some()),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(Failure::usage(format!("{flag} {reason}"))),
            None => Ok(()),
        }
    }

    /// Returns the settings of a run with the flags that are given in place of its own.
    pub(crate) fn over(&self, table: &TableSettings) -> Result<TableSettings> {
        let Self { na, delimiter, encoding, decimal_comma } = self.clone();
        let settings = TableSettings {
            na: na.or_else(|| table.na.clone()),
            delimiter: delimiter.or_else(|| table.delimiter.clone()),
            encoding: encoding.or_else(|| table.encoding.clone()),
            decimal_comma: decimal_comma.unwrap_or(table.decimal_comma),
            ..table.clone()
        };
        settings.check()?;
        Ok(settings)
    }
}
