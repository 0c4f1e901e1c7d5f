//! The settings of a regression.

use kiln::models::{Covariance, Separation};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Failure, Result, require},
    settings::{
        CodingName, MethodSettings, RunSettings, SolverSettings, TEST_FRACTION, TableSettings, TabularData,
        check_solver, default_solver, is_builtin,
    },
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogisticSettings {
    pub(crate) data: TabularData,
    pub(crate) table: TableSettings,
    pub(crate) model: LogisticModel,
    pub(crate) solver: SolverSettings,
    pub(crate) method: MethodSettings,
    pub(crate) train: LogisticTrain,
    pub(crate) run: RunSettings,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogisticModel {
    pub(crate) l2: f64,
    pub(crate) l1: f64,
    /// Bounds of the weights.
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) class_weight: ClassWeight,
    pub(crate) cov_type: Covariance,
}

/// How much an example of each class counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClassWeight {
    /// Each example counts once.
    #[default]
    None,
    /// Each class counts equally: an example counts n / (classes · examples of its class).
    Balanced,
}

/// Absent numbers are chosen from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogisticTrain {
    pub(crate) epochs: Option<u64>,
    pub(crate) gtol: Option<f64>,
    pub(crate) log_every: u64,
    pub(crate) keep: usize,
    /// Whether files for TensorBoard are written.
    pub(crate) tensorboard: bool,
}

impl Default for LogisticTrain {
    fn default() -> Self {
        Self { epochs: None, gtol: None, log_every: 100, keep: 2, tensorboard: false }
    }
}

impl LogisticModel {
    pub(super) fn is_penalised(&self) -> bool {
        self.l1 > 0.0 || self.l2 > 0.0
    }

    /// Returns whether the fit differs from maximum likelihood.
    pub(super) fn is_biased(&self) -> bool {
        self.is_penalised() || self.is_bounded() || self.class_weight != ClassWeight::None
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.lower.is_some() || self.upper.is_some()
    }

    /// Returns whether the bounds let the weights go along a direction without end.
    pub(super) fn is_open_to(&self, direction: &[f64]) -> bool {
        let upwards = direction.iter().any(|w| *w > Separation::ROUNDING);
        let downwards = direction.iter().any(|w| *w < -Separation::ROUNDING);
        !(upwards && self.upper.is_some() || downwards && self.lower.is_some())
    }
}

impl LogisticSettings {
    /// Completes what follows from the other settings. A maximum likelihood fit of a table by a solver is there for its
    /// coefficients: it uses all rows, and leaves a reference category out.
    pub(super) fn complete(&mut self) {
        let is_optimised = self.method != MethodSettings::default() || self.train.epochs.is_some();
        let is_for_inference = !is_optimised && !self.model.is_penalised() && !is_builtin(&self.data.name);
        self.data.test_fraction.get_or_insert(if is_for_inference { 0.0 } else { TEST_FRACTION });
        self.table.coding.get_or_insert(if is_for_inference { CodingName::Reference } else { CodingName::OneHot });
    }

    pub(super) fn check(&self) -> Result<()> {
        self.table.check()?;
        let train = &self.train;
        require(train.epochs.is_none_or(|n| n >= 1), "epochs", "at least 1", 0)?;
        require(train.log_every >= 1, "log-every", "at least 1", train.log_every)?;
        require(train.keep >= 1, "keep", "at least 1", train.keep)?;
        let LogisticModel { l1, l2, lower, upper, .. } = self.model;
        require(l2 >= 0.0 && l2.is_finite(), "l2", "finite and not negative", l2)?;
        require(l1 >= 0.0 && l1.is_finite(), "l1", "finite and not negative", l1)?;
        for (bound, flag) in [(lower, "lower"), (upper, "upper")] {
            require(!bound.is_some_and(f64::is_nan), flag, "a number", f64::NAN)?;
        }
        let (low, high) = (lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY));
        require(low <= high, "lower", &format!("at most --upper, {high}"), low)?;
        require(low < f64::INFINITY, "lower", "a number below infinity", low)?;
        require(high > f64::NEG_INFINITY, "upper", "a number above minus infinity", high)?;
        let (penalised, bounded) = (l1 > 0.0, self.model.is_bounded());
        self.solver.name.unwrap_or_else(|| default_solver((penalised, bounded), None)).suits(penalised, bounded)?;
        if self.model.cov_type != Covariance::Nonrobust && self.model.is_biased() {
            return Err(Failure::usage(
                "--cov-type is for maximum likelihood: there are no standard errors with a penalty, bounds or --class-weight",
            ));
        }
        check_solver(self.solver.max_iter, train.gtol)?;
        self.method.check()?;
        self.by_solver()?;
        Ok(())
    }

    /// Returns whether a solver fits the model. An option of the optimizer, or `--epochs`, asks for an optimizer.
    pub(super) fn by_solver(&self) -> Result<bool> {
        let optimised = self.method != MethodSettings::default() || self.train.epochs.is_some();
        if optimised && self.solver != SolverSettings::default() {
            return Err(Failure::usage(
                "--solver and --max-iter cannot be combined with --epochs or an option of an optimizer, such as --optimizer, \
                 --lr or --batch-size",
            ));
        }
        let LogisticModel { l2: _, l1, lower, upper, class_weight, cov_type } = self.model;
        let by_solvers_alone = [
            (l1 > 0.0, "--l1"),
            (lower.is_some(), "--lower"),
            (upper.is_some(), "--upper"),
            (class_weight != ClassWeight::None, "--class-weight"),
            (cov_type != Covariance::Nonrobust, "--cov-type"),
            (self.data.sample_weight.is_some(), "--sample-weight"),
        ];
        match by_solvers_alone.iter().find(|(given, _)| optimised && *given) {
            Some((_, flag)) => {
                Err(Failure::usage(format!("{flag} needs a solver: omit --epochs and the options of an optimizer")))
            }
            None if !optimised && self.train.tensorboard => {
                Err(Failure::usage("--tensorboard needs an optimizer, such as --optimizer adam"))
            }
            None => Ok(!optimised),
        }
    }
}
