//! Where the rows of a table come from.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

/// What every model of a table has.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct TableFlags {
    /// CSV file with a header row, folder with IDX files, or dataset name [default: breast-cancer]
    #[arg(long = "data", value_name = "NAME|FILE")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder with the files of the named datasets [default: $KILN_DATA_DIR, then the cache]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Columns to leave out, such as row numbers
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
