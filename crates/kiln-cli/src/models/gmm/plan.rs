//! The plan of a mixture's fit.

use kiln::{data::Dataset, models::GmmConfig};

use super::settings::{GmmModel, GmmSettings};
use crate::context::{Compute, Loaded, Memory};

/// A complete fit.
pub(crate) struct GmmPlan {
    pub(super) settings: GmmSettings,
    pub(super) data: Loaded,
    pub(super) compute: Compute,
    pub(super) config: GmmConfig,
}

impl GmmPlan {
    pub(super) fn new(settings: GmmSettings, data: Loaded, compute: Compute) -> Self {
        let GmmModel { components, covariance, reg_covar, tol, max_iter, n_init } = settings.model;
        let config = GmmConfig::new(components).covariance(covariance).reg_covar(reg_covar).tol(tol);
        let config = config.max_iter(max_iter).seed(settings.run.seed).n_init(n_init);
        Self { settings, data, compute, config }
    }

    pub(super) fn memory(&self) -> Memory {
        let (n, d) = (self.data.train.len() + self.data.test.len(), self.data.train.features());
        let (k, number) = (self.settings.model.components, self.compute.dtype.size());
        Memory::default().with("rows", &[n, d, 4], 8).with("responsibilities", &[n, k, 4], number).with(
            "covariances",
            &[k, d, d, 4],
            8,
        )
    }
}
