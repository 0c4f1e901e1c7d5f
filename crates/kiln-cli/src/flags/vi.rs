//! The flags of `kiln vi`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kiln::train::vi::Estimator;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModelName {
    /// Logistic regression with N(0, s²) coefficients, on a table with two classes
    Logistic,
    /// Rubin's eight schools
    EightSchools,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GuideName {
    /// Independent normal numbers
    MeanField,
    /// A normal vector with any covariance, from Laplace's approximation on
    FullRank,
    /// The mode, and the curvature there
    Laplace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EstimatorName {
    Reparameterized,
    StickingTheLanding,
    LeaveOneOut,
    ScoreFunction,
}

impl EstimatorName {
    pub(crate) fn estimator(self) -> Estimator {
        match self {
            Self::Reparameterized => Estimator::Reparameterized,
            Self::StickingTheLanding => Estimator::StickingTheLanding,
            Self::LeaveOneOut => Estimator::LeaveOneOut,
            Self::ScoreFunction => Estimator::ScoreFunction,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ViFlags {
    /// The model
    #[arg(value_enum, required_unless_present = "compare_estimators")]
    pub(crate) model: Option<ModelName>,
    /// In place of a fit: each estimator's bias and variance where the gradient is known exactly
    #[arg(long, conflicts_with = "model")]
    pub(crate) compare_estimators: bool,
    /// Folder for posterior.json, draws.csv and diagnostics.json, or estimators.json and estimators.png [default: none is written]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Of logistic: breast-cancer, or a CSV file with a header
    #[arg(long, value_name = "NAME|FILE", default_value = "breast-cancer", help_heading = "Data")]
    pub(crate) data: String,
    /// Of logistic: the column with the classes; needed for a CSV file
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub(crate) target: Option<String>,
    /// Of logistic: leave columns as they are, in place of mean 0 and standard deviation 1
    #[arg(long, help_heading = "Data")]
    pub(crate) raw: bool,
    /// Of logistic: the coefficients' standard deviation before the data are seen
    #[arg(long, value_name = "S", default_value_t = 1.0, allow_negative_numbers = true, help_heading = "Inference")]
    pub(crate) prior_scale: f64,
    /// The family that is fitted
    #[arg(long, value_enum, value_name = "NAME", default_value = "full-rank", help_heading = "Inference")]
    pub(crate) guide: GuideName,
    /// How gradients are estimated
    #[arg(long, value_enum, value_name = "NAME", default_value = "sticking-the-landing", help_heading = "Inference")]
    pub(crate) estimator: EstimatorName,
    /// Draws a gradient
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Inference")]
    pub(crate) particles: usize,
    /// Steps of Adam at the most
    #[arg(long, value_name = "N", default_value_t = 3000, help_heading = "Inference")]
    pub(crate) steps: u64,
    /// First step size; it falls to a hundredth along half a cosine
    #[arg(long, value_name = "LR", default_value_t = 0.01, allow_negative_numbers = true, help_heading = "Inference")]
    pub(crate) lr: f64,
    /// Converged when the mean bound of a hundred steps changes by less than this part; 0 never
    #[arg(long, value_name = "TOL", default_value_t = 0.0, allow_negative_numbers = true, help_heading = "Inference")]
    pub(crate) tol_rel: f64,
    /// Draws of the fitted guide in draws.csv, and for the bound and k̂; of --compare-estimators: draws of each estimator [default: 4000, and
    /// 100000]
    #[arg(long, value_name = "N", help_heading = "Inference")]
    pub(crate) draws: Option<usize>,
    /// Fixes the draws
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Machine")]
    pub(crate) seed: u64,
    /// auto, cpu, gpu, flex, ndarray, wgpu[:i], vulkan[:i], cuda[:i]; see `kiln devices`
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Machine")]
    pub(crate) device: String,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Machine")]
    pub(crate) threads: Option<usize>,
}
