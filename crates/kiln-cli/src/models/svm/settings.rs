//! The settings of a support vector machine.

use kiln::models::SvmConfig;
use serde::{Deserialize, Serialize};

use crate::{
    base::{Failure, Result, require},
    settings::{RunSettings, TableSettings, TabularData},
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SvmSettings {
    pub(crate) data: TabularData,
    pub(crate) table: TableSettings,
    pub(crate) model: SvmModel,
    pub(crate) run: RunSettings,
}

impl SvmSettings {
    pub(super) fn check(&self) -> Result<()> {
        self.table.check()?;
        let model = &self.model;
        let above_zero =
            |flag, value: f64| require(value > 0.0 && value.is_finite(), flag, "a finite number above 0", value);
        above_zero("c", model.c)?;
        above_zero("tol", model.tol)?;
        above_zero("cache-mb", model.cache_mb)?;
        if let Gamma::Number(gamma) = model.gamma {
            above_zero("gamma", gamma)?;
            if model.kernel == KernelName::Linear {
                return Err(Failure::usage("--gamma is for --kernel rbf"));
            }
        }
        require(model.max_iter >= 1, "max-iter", "at least 1", model.max_iter)
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
            c: SvmConfig::C,
            tol: SvmConfig::TOL,
            max_iter: SvmConfig::MAX_ITER,
            cache_mb: SvmConfig::CACHE_MB,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KernelName {
    Linear,
    Rbf,
}

/// γ of the radial kernel: a number, or a rule for the data.
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

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "scale" => Ok(Self::Rule(GammaRule::Scale)),
            "auto" => Ok(Self::Rule(GammaRule::Auto)),
            number => number.parse().map(Self::Number).map_err(|_| "a number, scale or auto".to_owned()),
        }
    }
}
