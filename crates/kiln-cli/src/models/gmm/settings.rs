//! The settings of a mixture.

use kiln::models::{CovarianceType, GmmConfig};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Result, require},
    settings::{RowsData, RunSettings, TableSettings},
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GmmSettings {
    pub(super) data: RowsData,
    pub(super) table: TableSettings,
    pub(super) model: GmmModel,
    pub(super) run: RunSettings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct GmmModel {
    pub(super) components: usize,
    pub(super) covariance: CovarianceType,
    pub(super) reg_covar: f64,
    pub(super) tol: f64,
    pub(super) max_iter: usize,
    pub(super) n_init: usize,
}

impl Default for GmmModel {
    fn default() -> Self {
        Self {
            components: 2,
            covariance: CovarianceType::Full,
            reg_covar: 1e-6,
            tol: 1e-6,
            max_iter: 1000,
            n_init: GmmConfig::N_INIT,
        }
    }
}

impl GmmSettings {
    pub(super) fn check(&self) -> Result<()> {
        self.table.check()?;
        let GmmModel { components, reg_covar, tol, max_iter, n_init, .. } = self.model;
        require(n_init >= 1, "n-init", "at least 1", n_init)?;
        require(components >= 1, "components", "at least 1", components)?;
        require(reg_covar >= 0.0 && reg_covar.is_finite(), "reg-covar", "finite and not negative", reg_covar)?;
        require(tol >= 0.0 && tol.is_finite(), "tol", "finite and not negative", tol)?;
        require(max_iter >= 1, "max-iter", "at least 1", max_iter)
    }
}
