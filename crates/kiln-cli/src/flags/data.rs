//! Where the rows of a table come from.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct TabularDataFlags {
    /// CSV file, folder with IDX files, or a name from `kiln datasets` [default: breast-cancer]
    #[arg(long = "data", value_name = "NAME|FILE")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder with the dataset's files [default: $KILN_DATA_DIR, then the cache]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Column to predict; required for a CSV file
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Columns to ignore, such as row numbers
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) drop: Option<Vec<String>>,
    /// Column with a weight per training row; 2 counts the row twice
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sample_weight: Option<String>,
    /// Fraction of rows to hold out, stratified by class; 0 trains on all [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Scale numeric columns to mean 0 and standard deviation 1 [default: false; svm: true]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct RowsFlags {
    /// CSV file, folder with IDX files, or a name from `kiln datasets` [default: breast-cancer]
    #[arg(long = "data", value_name = "NAME|FILE")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder with the dataset's files [default: $KILN_DATA_DIR, then the cache]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Column to exclude from the features, such as the class
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Columns to ignore, such as row numbers
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) drop: Option<Vec<String>>,
    /// Fraction of rows to hold out; 0 fits all [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Scale numeric columns to mean 0 and standard deviation 1 [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
}
