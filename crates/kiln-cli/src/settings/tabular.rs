//! Where the rows of a table come from: the table `[data]`.

use std::path::{Path, PathBuf, absolute};

use serde::{Deserialize, Serialize};

use crate::base::{Failure, Result};

/// The fraction of rows that is held out by default. A maximum likelihood fit of a table uses all rows by default.
pub(crate) const TEST_FRACTION: f64 = 0.2;

/// Rows with a column to predict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TabularData {
    #[serde(rename = "data")]
    pub(crate) name: String,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) target: Option<String>,
    pub(crate) drop: Vec<String>,
    pub(crate) sample_weight: Option<String>,
    /// Automatic: see [`TEST_FRACTION`].
    pub(crate) test_fraction: Option<f64>,
    pub(crate) standardize: bool,
}

impl Default for TabularData {
    fn default() -> Self {
        Self {
            name: "breast-cancer".into(),
            data_dir: None,
            target: None,
            drop: Vec::new(),
            sample_weight: None,
            test_fraction: None,
            standardize: false,
        }
    }
}

/// Rows without a column to predict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RowsData {
    #[serde(rename = "data")]
    pub(crate) name: String,
    pub(crate) data_dir: Option<PathBuf>,
    /// A column that is not a feature.
    pub(crate) target: Option<String>,
    pub(crate) drop: Vec<String>,
    /// Automatic: see [`TEST_FRACTION`].
    pub(crate) test_fraction: Option<f64>,
    pub(crate) standardize: bool,
}

impl Default for RowsData {
    fn default() -> Self {
        let TabularData { name, data_dir, target, drop, test_fraction, standardize, .. } = TabularData::default();
        Self { name, data_dir, target, drop, test_fraction, standardize }
    }
}

/// Makes the paths of a run's data absolute, so that the run can be used from any folder. The name of a dataset stays.
pub(crate) fn located(name: &mut String, data_dir: &mut Option<PathBuf>) -> Result<()> {
    let absolute =
        |path: &Path| absolute(path).map_err(|e| Failure::usage(format!("cannot use {}: {e}", path.display())));
    if Path::new(name.as_str()).exists() && !is_builtin(name) {
        let path = absolute(Path::new(name.as_str()))?;
        *name = path.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::usage(format!("the path {} is not UTF-8, and config.toml cannot hold it", path.display()))
        })?;
    }
    if let Some(dir) = data_dir {
        *dir = absolute(dir)?;
        if dir.to_str().is_none() {
            return Err(Failure::usage(format!(
                "the path {} is not UTF-8, and config.toml cannot hold it",
                dir.display()
            )));
        }
    }
    Ok(())
}

/// Returns whether a name is that of a dataset of Kiln's, which wins over a file of that name.
pub(crate) fn is_builtin(name: &str) -> bool {
    ["breast-cancer", "digits", "mnist", "fashion-mnist"].contains(&name)
}
