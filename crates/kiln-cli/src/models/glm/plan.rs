//! The plan of a generalised linear model's fit.

use kiln::{
    models::{
        GlmConfig,
        glm::{CovarianceEstimator, Information},
    },
    tensor::World,
};

use super::{
    encoder::GlmEncoder,
    rows::{GlmData, GlmRows},
    settings::{CovType, GlmSettings, InformationName},
};
use crate::{
    base::{Result, ranks::world},
    context::{Compute, Memory},
};

/// A complete fit.
pub(crate) struct GlmPlan {
    pub(super) settings: GlmSettings,
    pub(super) data: GlmData,
    pub(super) config: GlmConfig,
}

impl GlmPlan {
    pub(super) fn new(mut settings: GlmSettings, data: GlmData, _compute: Compute) -> Result<Self> {
        settings.model.link = Some(settings.link()?.to_string());
        settings.data.test_fraction = Some(settings.data.test_fraction.unwrap_or(0.0));
        let names = data.encoder.feature_names();
        let config = config(&settings, (&data.encoder, &data.train), &names)?;
        Ok(Self { settings, data, config })
    }

    /// The settings of the fit of some rows.
    pub(super) fn config_of(&self, rows: &GlmRows) -> Result<GlmConfig> {
        config(&self.settings, (&self.data.encoder, rows), &self.data.encoder.feature_names())
    }

    /// The settings of a fit with another number of features, without their names.
    pub(super) fn config(&self, features: usize) -> Result<GlmConfig> {
        config(&self.settings, (&self.data.encoder, &self.data.train), &vec![String::new(); features])
    }

    pub(super) fn memory(&self) -> Memory {
        let (rows, features) = (self.data.train.response.len(), self.data.encoder.feature_names().len());
        let parts = self.data.encoder.class_names().len().max(2) - 1;
        let parameters = (features + 1).saturating_mul(parts);
        let kept = &self.data.train.inputs;
        let memory = match () {
            () if self.data.train.response.is_in_file() => Memory::default(),
            () if kept.as_slice().is_none() => Memory::default().with("rows", &[rows, 16], 8),
            () => Memory::default().with("rows", &[rows, features + 8, 3], 8),
        };
        // Larger models have no information matrix.
        let in_matrix = if parameters <= GlmConfig::MOST_WITH_COVARIANCE { parameters } else { 0 };
        memory.with("information matrices", &[in_matrix, in_matrix, 12], 8).with("coefficients", &[parameters, 100], 8)
    }
}

/// Returns the settings of the fit, with the training rows' weights and offsets.
pub(super) fn config(
    settings: &GlmSettings,
    (encoder, train): (&GlmEncoder, &GlmRows),
    names: &[String],
) -> Result<GlmConfig> {
    let inference = &settings.inference;
    let covariance = match inference.cov_type {
        CovType::Nonrobust => CovarianceEstimator::Nonrobust,
        CovType::Hc0 => CovarianceEstimator::Hc0,
        CovType::Hc1 => CovarianceEstimator::Hc1,
        CovType::Hc2 => CovarianceEstimator::Hc2,
        CovType::Hc3 => CovarianceEstimator::Hc3,
        CovType::Cluster => CovarianceEstimator::Clustered(train.clusters.clone().unwrap_or_default()),
    };
    let (inflation, classes) = (encoder.inflation_names(), encoder.class_names());
    fn refs(names: &[String]) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }
    let world = if train.is_share { world() } else { World::alone() };
    let mut config = GlmConfig::new(settings.family()?, names.len())
        .link(settings.link()?)
        .intercept(encoder.has_intercept())
        .covariance(covariance)
        .level(inference.level)
        .influence(inference.influence)
        .firth(settings.model.firth)
        .l1(settings.model.l1)
        .l2(settings.model.l2)
        .max_iter(settings.model.max_iter)
        .names(encoder.response_name(), &refs(names), &refs(classes))
        .inflation(&train.inflation, inflation.len())
        .inflation_names(&refs(&inflation))
        .distributed(world);
    if !classes.is_empty() {
        config = config.classes(classes.len());
    }
    if let Some(gtol) = settings.model.gtol {
        config = config.gtol(gtol);
    }
    if let Some(weights) = &train.weights {
        config = config.weights(weights.clone());
    }
    if let Some(offset) = &train.offset {
        config = config.offset(offset.clone());
    }
    if let Some(which) = inference.information {
        config = config.information(match which {
            InformationName::Expected => Information::Expected,
            InformationName::Observed => Information::Observed,
        });
    }
    Ok(config)
}
