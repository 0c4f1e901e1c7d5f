//! The flags of `kiln vi`.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum, builder::PossibleValuesParser, builder::TypedValueParser};
use kiln::train::vi::Estimator;
use serde::Serialize;

use crate::base::{Failure, Result, count};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModelName {
    /// Logistic regression with N(0, s²) priors, on a table with two classes
    Logistic,
    /// Rubin's eight schools (1981)
    EightSchools,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GuideName {
    /// Independent normal distributions
    MeanField,
    /// Normal with a diagonal plus low-rank covariance (--rank)
    LowRank,
    /// Normal with a full covariance matrix, initialized at Laplace's approximation
    FullRank,
    /// Laplace's approximation: the mode and its curvature
    Laplace,
    /// The mode alone (maximum a posteriori)
    Delta,
}

/// A learning rate, or auto.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StepSize(pub(crate) Option<f64>);

impl FromStr for StepSize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        text.parse().map(|lr| Self(Some(lr))).map_err(|_| "expected a number or auto".to_owned())
    }
}

fn estimators() -> impl TypedValueParser<Value = Estimator> {
    PossibleValuesParser::new(Estimator::ALL.map(Estimator::name))
        .map(|name| Estimator::ALL.into_iter().find(|estimator| estimator.name() == name).expect("a possible value"))
}

#[derive(Args, Debug)]
pub(crate) struct ViFlags {
    /// Built-in model
    #[arg(value_enum, required_unless_present = "compare_estimators")]
    pub(crate) model: Option<ModelName>,
    /// Measure bias and variance of each gradient estimator; fit nothing
    #[arg(long, conflicts_with_all = ["model", "PriorFlags", "InferenceFlags"])]
    pub(crate) compare_estimators: bool,
    /// Folder for the results [default: not written]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace existing files in that folder
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) logistic: PriorFlags,
    #[command(flatten)]
    pub(crate) inference: InferenceFlags,
    /// Number of draws from the posterior, or per estimator [default: 4000; --compare-estimators: 100000]
    #[arg(long, value_name = "N", value_parser = count::<usize>(), help_heading = "Inference")]
    pub(crate) draws: Option<usize>,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Computation")]
    pub(crate) seed: u64,
    /// Device: auto, cpu, gpu, or a name from `kiln devices`
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Computation")]
    pub(crate) device: String,
    /// Number of CPU threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = count::<usize>(), help_heading = "Computation")]
    pub(crate) threads: Option<usize>,
}

/// Options of the model logistic.
#[derive(Args, Debug)]
#[command(next_help_heading = "Model logistic")]
pub(crate) struct PriorFlags {
    /// CSV file whose other columns are the features, or breast-cancer [default: breast-cancer]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// Name of the column to predict; required for a CSV file
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Scale numeric columns to mean 0 and standard deviation 1 [default: true]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
    /// Standard deviation of the prior of each coefficient and the intercept [default: 1]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) prior_scale: Option<f64>,
}

impl PriorFlags {
    /// Refuses these options for a model with built-in data.
    pub(crate) fn refuse(&self, model: &str) -> Result<()> {
        let given = [
            ("--data", self.data.is_some()),
            ("--target", self.target.is_some()),
            ("--standardize", self.standardize.is_some()),
            ("--prior-scale", self.prior_scale.is_some()),
        ];
        refuse(&given, format_args!("{model} has built-in data"))
    }
}

/// The approximation of the posterior.
#[derive(Args, Debug)]
#[command(next_help_heading = "Inference")]
pub(crate) struct InferenceFlags {
    /// Variational family [default: full-rank]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) guide: Option<GuideName>,
    /// low-rank only: rank of the low-rank part of the covariance [default: 3]
    #[arg(long, value_name = "R", value_parser = count::<usize>())]
    pub(crate) rank: Option<usize>,
    /// Gradient estimator [default: sticking-the-landing]
    #[arg(long, value_name = "NAME", value_parser = estimators())]
    pub(crate) estimator: Option<Estimator>,
    /// Number of draws per gradient [default: 16]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) particles: Option<usize>,
    /// Maximum number of Adam steps [default: 3000, and up to 90000 more while the ELBO is not at its maximum]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) steps: Option<u64>,
    /// Adam's initial learning rate, with cosine decay to 1%, or auto [default: 0.1]
    #[arg(long, value_name = "LR|auto", allow_negative_numbers = true)]
    pub(crate) lr: Option<StepSize>,
    /// Stop when the median relative change of the ELBO is below TOL; 0 never stops early [default: 0]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) tol_rel: Option<f64>,
    /// Maximize the ELBO of N fixed draws by L-BFGS, instead of Adam [default: off]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) fixed_draws: Option<usize>,
}

impl InferenceFlags {
    pub(crate) fn guide(&self) -> GuideName {
        self.guide.unwrap_or(GuideName::FullRank)
    }

    /// Refuses options that the guide or fixed draws do not use.
    pub(crate) fn refuse_unused(&self) -> Result<()> {
        let of_adam = [
            ("--estimator", self.estimator.is_some()),
            ("--particles", self.particles.is_some()),
            ("--steps", self.steps.is_some()),
            ("--lr", self.lr.is_some()),
            ("--tol-rel", self.tol_rel.is_some()),
        ];
        if self.guide() != GuideName::LowRank {
            refuse(&[("--rank", self.rank.is_some())], "it needs --guide low-rank")?;
        }
        if self.guide() == GuideName::Laplace {
            refuse(&[("--fixed-draws", self.fixed_draws.is_some())], "Laplace's approximation takes no steps")?;
            refuse(&of_adam, "Laplace's approximation takes no steps")?;
        }
        if self.fixed_draws.is_some() {
            refuse(&of_adam, "--fixed-draws uses L-BFGS")?;
        }
        Ok(())
    }
}

fn refuse(given: &[(&str, bool)], why: impl std::fmt::Display) -> Result<()> {
    match given.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::usage(format!("{flag} cannot be used here: {why}"))),
        None => Ok(()),
    }
}
