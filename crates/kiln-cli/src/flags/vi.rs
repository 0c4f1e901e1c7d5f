//! The flags of `kiln vi`.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum, builder::PossibleValuesParser, builder::TypedValueParser};
use kiln::train::vi::Estimator;
use serde::Serialize;

use crate::failure::{Failure, Result};

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
    /// A normal vector whose covariance has --rank directions beside its diagonal
    LowRank,
    /// A normal vector with any covariance, from Laplace's approximation on
    FullRank,
    /// The mode, and the curvature there
    Laplace,
    /// The mode alone: maximum a posteriori
    Delta,
}

/// A step size, or that one is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StepSize(pub(crate) Option<f64>);

impl FromStr for StepSize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        text.parse().map(|lr| Self(Some(lr))).map_err(|_| "neither a number nor auto".to_owned())
    }
}

fn estimators() -> impl TypedValueParser<Value = Estimator> {
    PossibleValuesParser::new(Estimator::ALL.map(Estimator::name))
        .map(|name| Estimator::ALL.into_iter().find(|estimator| estimator.name() == name).expect("a possible value"))
}

#[derive(Args, Debug)]
pub(crate) struct ViFlags {
    /// The model
    #[arg(value_enum, required_unless_present = "compare_estimators")]
    pub(crate) model: Option<ModelName>,
    /// In place of a fit: each estimator's bias and variance where the gradient is known exactly
    #[arg(long, conflicts_with_all = ["model", "LogisticFlags", "InferenceFlags"])]
    pub(crate) compare_estimators: bool,
    /// Folder for posterior.json, draws.csv and diagnostics.json, or estimators.json and estimators.png [default: none is written]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logistic: LogisticFlags,
    #[command(flatten)]
    pub(crate) inference: InferenceFlags,
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

/// What only the logistic regression has.
#[derive(Args, Debug)]
#[command(next_help_heading = "The logistic regression")]
pub(crate) struct LogisticFlags {
    /// breast-cancer, or a CSV file with a header [default: breast-cancer]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// The column with the classes; needed for a CSV file
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Leave columns as they are, in place of mean 0 and standard deviation 1
    #[arg(long)]
    pub(crate) raw: bool,
    /// The coefficients' standard deviation before the data are seen [default: 1]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) prior_scale: Option<f64>,
}

impl LogisticFlags {
    /// Refuses them for a model that has its data with it.
    pub(crate) fn refuse(&self, model: &str) -> Result<()> {
        let given = [
            ("--data", self.data.is_some()),
            ("--target", self.target.is_some()),
            ("--raw", self.raw),
            ("--prior-scale", self.prior_scale.is_some()),
        ];
        refuse(&given, format_args!("{model} has its data with it"))
    }
}

/// How the posterior is approximated.
#[derive(Args, Debug)]
#[command(next_help_heading = "Inference")]
pub(crate) struct InferenceFlags {
    /// The family that is fitted [default: full-rank]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) guide: Option<GuideName>,
    /// Of low-rank: directions beside the diagonal [default: 3]
    #[arg(long, value_name = "R")]
    pub(crate) rank: Option<usize>,
    /// How gradients are estimated [default: sticking-the-landing]
    #[arg(long, value_name = "NAME", value_parser = estimators())]
    pub(crate) estimator: Option<Estimator>,
    /// Draws a gradient [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) particles: Option<usize>,
    /// Steps of Adam at the most [default: 3000]
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// First step size, which falls to a hundredth along half a cosine; auto tries several [default: 0.01]
    #[arg(long, value_name = "LR|auto", allow_negative_numbers = true)]
    pub(crate) lr: Option<StepSize>,
    /// Converged when the median of the bound's last relative changes, from a hundred steps' mean to the next, is less; 0 never [default: 0]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) tol_rel: Option<f64>,
    /// In place of Adam: fix this many draws, and climb the average over them by L-BFGS
    #[arg(long, value_name = "N")]
    pub(crate) fixed_draws: Option<usize>,
}

impl InferenceFlags {
    pub(crate) fn guide(&self) -> GuideName {
        self.guide.unwrap_or(GuideName::FullRank)
    }

    /// Refuses what the guide, or fixed draws, make no use of.
    pub(crate) fn refuse_unused(&self) -> Result<()> {
        let of_adam = [
            ("--estimator", self.estimator.is_some()),
            ("--particles", self.particles.is_some()),
            ("--steps", self.steps.is_some()),
            ("--lr", self.lr.is_some()),
            ("--tol-rel", self.tol_rel.is_some()),
        ];
        if self.guide() != GuideName::LowRank {
            refuse(&[("--rank", self.rank.is_some())], "it is of --guide low-rank")?;
        }
        if self.guide() == GuideName::Laplace {
            refuse(&[("--fixed-draws", self.fixed_draws.is_some())], "Laplace's approximation takes no steps")?;
            refuse(&of_adam, "Laplace's approximation takes no steps")?;
        }
        if self.fixed_draws.is_some() {
            refuse(&of_adam, "fixed draws are climbed by L-BFGS")?;
        }
        Ok(())
    }
}

fn refuse(given: &[(&str, bool)], why: impl std::fmt::Display) -> Result<()> {
    match given.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::usage(format!("{why}: leave {flag} away"))),
        None => Ok(()),
    }
}
