//! The settings of a support vector machine.

use serde::{Deserialize, Serialize};

use super::{RunSettings, TabularData};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SvmSettings {
    pub(crate) data: TabularData,
    pub(crate) model: SvmModel,
    pub(crate) run: RunSettings,
}

impl SvmSettings {
    /// What holds without flags and file where it is not the default of every model: a kernel adds up columns, and those of large numbers
    /// would drown the others.
    pub(crate) fn base() -> toml::Table {
        toml::toml! {
            [data]
            standardize = true
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SvmModel {
    pub(crate) kernel: KernelName,
    pub(crate) gamma: Gamma,
    pub(crate) c: f64,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
    pub(crate) cache_mb: f64,
}

impl Default for SvmModel {
    fn default() -> Self {
        Self {
            kernel: KernelName::Rbf,
            gamma: Gamma::Rule(GammaRule::Scale),
            c: 1.0,
            tol: 1e-6,
            max_iter: 10_000_000,
            cache_mb: 200.0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KernelName {
    Linear,
    Rbf,
}

/// A number, or how it follows from the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Gamma {
    Number(f64),
    Rule(GammaRule),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GammaRule {
    /// 1/(d·σ²).
    Scale,
    /// 1/d.
    Auto,
}

impl std::str::FromStr for Gamma {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "scale" => Ok(Self::Rule(GammaRule::Scale)),
            "auto" => Ok(Self::Rule(GammaRule::Auto)),
            number => number.parse().map(Self::Number).map_err(|_| "a number, scale or auto".to_owned()),
        }
    }
}
