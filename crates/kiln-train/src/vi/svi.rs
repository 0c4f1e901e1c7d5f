//! Stochastic variational inference by Adam.

use std::fmt;

use kiln_dist::LogJoint;
use kiln_optim::{AdamConfig, FirstOrder};
use kiln_tensor::{Stream, fused::in_pool};
use serde::Serialize;

use super::{EVALUATION_DRAWS, Estimator, Guide, Importance, ViError, check, estimator::checked_gradient};

/// Stochastic variational inference: Adam on stochastic gradients of the evidence lower bound (ELBO), with a decaying learning rate.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJointOf;
/// use kiln_train::vi::{Guide, MeanField, Svi, SviStatus};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A normal posterior with mean 1.
/// let model = LogJointOf::new(1, |z: Tensor<2>| (z - 1.0).square().squeeze_dim::<1>(1) * -0.5);
/// let fit = Svi { steps: 500, lr: Some(0.05), ..Svi::default() }.fit(&model, MeanField::new(1, &Device::default()))?;
/// assert_eq!(fit.status, SviStatus::Completed);
/// assert!((fit.guide.mean().into_scalar::<f32>() - 1.0).abs() < 0.1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Svi {
    /// The gradient estimator. Default [`Estimator::StickingTheLanding`].
    pub estimator: Estimator,
    /// Number of draws per gradient: at least 1, and at least 2 for estimators with a leave-one-out baseline. Default 16.
    pub particles: usize,
    /// Maximum number of steps, at least 1. Default 3000.
    pub steps: u64,
    /// Adam's initial learning rate, positive. It decays to 1% of it along half a cosine.
    ///
    /// `None` tries 1, 0.3, 0.1, …, 0.001 for 50 steps each and takes the one with the highest bound, as Stan's ADVI does
    /// (Kucukelbir et al., 2017, section 2.6). Default 0.01.
    pub lr: Option<f64>,
    /// Relative tolerance of the bound; 0 disables the test. Default 0.
    ///
    /// The fit has converged if the median relative change between the mean bounds of successive 100-step windows is below the
    /// tolerance. The median is over the last tenth of all windows that `steps` allows, at least two.
    pub tol_rel: f64,
    /// Number of draws that estimate the fitted guide's bound, at least 2. Default 4000.
    pub evaluation_draws: usize,
    /// Seed of the draws. Default 0.
    pub seed: u64,
}

impl Svi {
    /// The default settings, also those of `kiln vi`.
    pub const DEFAULT: Self = Self {
        estimator: Estimator::StickingTheLanding,
        particles: 16,
        steps: 3000,
        lr: Some(0.01),
        tol_rel: 0.0,
        evaluation_draws: EVALUATION_DRAWS,
        seed: 0,
    };
}

impl Default for Svi {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why [`Svi::fit`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SviStatus {
    /// All steps were taken. [`optimality`](super::optimality) says whether the guide is at a maximum.
    Completed,
    /// The bound changed by less than `tol_rel`.
    Converged,
    /// A bound was not finite. The result holds the last guide with a finite bound.
    Diverged,
}

/// The result of [`Svi::fit`].
#[derive(Clone)]
pub struct SviFit<G> {
    /// The fitted guide.
    pub guide: G,
    /// Draws from the guide, with its evidence lower bound.
    pub importance: Importance,
    /// The estimate of the bound at each step, in nats.
    pub trace: Vec<f64>,
    /// The initial learning rate, given or chosen.
    pub lr: f64,
    /// Why the fit ended.
    pub status: SviStatus,
}

impl<G: fmt::Debug> fmt::Debug for SviFit<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SviFit")
            .field("status", &self.status)
            .field("steps", &self.trace.len())
            .field("lr", &self.lr)
            .field("importance", &self.importance)
            .field("guide", &self.guide)
            .finish_non_exhaustive()
    }
}

/// Steps per window of the convergence test.
const WINDOW: usize = 100;
/// The learning rates tried if none is given, the steps of each trial, and the draws that compare the results.
const LEARNING_RATES: [f64; 7] = [1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];
const TRIAL_STEPS: u64 = 50;
const TRIAL_DRAWS: usize = 100;

impl Svi {
    fn validate(&self, model: &impl LogJoint, guide: &impl Guide) -> Result<(), ViError> {
        self.estimator.check(guide, self.particles)?;
        for (holds, name, expected) in [
            (self.steps >= 1, "steps", "at least 1"),
            (self.lr.is_none_or(|lr| lr > 0.0 && lr.is_finite()), "lr", "positive and finite"),
            (self.tol_rel >= 0.0, "tol_rel", "not negative"),
            (self.evaluation_draws >= 2, "evaluation_draws", "at least 2"),
        ] {
            if !holds {
                return Err(ViError::Setting { name, expected });
            }
        }
        check::model_and_guide(model, guide, self.particles)
    }

    /// Maximises the evidence lower bound, starting from `guide`.
    ///
    /// # Errors
    /// Returns [`ViError`] if guide and model do not fit, or if a setting is out of its range.
    pub fn fit<G: Guide>(&self, model: &impl LogJoint, guide: G) -> Result<SviFit<G>, ViError> {
        self.validate(model, &guide)?;
        let settings = *self;
        in_pool(move || {
            let lr = match settings.lr {
                Some(lr) => lr,
                None => settings.choose(model, &guide)?,
            };
            settings.run(model, guide, lr, Vec::new())
        })
    }

    /// Continues a fit for [`steps`](Self::steps) more steps.
    ///
    /// It starts from the guide of `fit`, at its initial learning rate, which decays again. The draws are new, and the trace of the
    /// result includes that of `fit`. Use it if [`optimality`](super::optimality) says that the guide is not at a maximum.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::LogJointOf;
    /// use kiln_train::vi::{MeanField, Svi};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = LogJointOf::new(1, |z: Tensor<2>| (z - 1.0).square().squeeze_dim::<1>(1) * -0.5);
    /// let svi = Svi { steps: 200, lr: Some(0.05), ..Svi::default() };
    /// let first = svi.fit(&model, MeanField::new(1, &Device::default()))?;
    /// let fit = svi.resume(&model, first)?;
    /// assert_eq!(fit.trace.len(), 400);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume<G: Guide>(&self, model: &impl LogJoint, fit: SviFit<G>) -> Result<SviFit<G>, ViError> {
        self.validate(model, &fit.guide)?;
        let settings = *self;
        in_pool(move || settings.run(model, fit.guide, fit.lr, fit.trace))
    }

    /// Takes `steps` steps after those of `trace`.
    fn run<G: Guide>(
        &self,
        model: &impl LogJoint,
        mut guide: G,
        lr: f64,
        mut trace: Vec<f64>,
    ) -> Result<SviFit<G>, ViError> {
        let mut optimizer = adam();
        let mut last = guide.clone();
        let before = trace.len();
        let mut status = SviStatus::Completed;
        for step in 0..self.steps {
            let mut stream = Stream::new(self.seed, "svi", 0, before as u64 + step);
            let (bound, gradients) = checked_gradient(model, &guide, self.estimator, self.particles, &mut stream)?;
            if !bound.is_finite() {
                status = SviStatus::Diverged;
                guide = last;
                break;
            }
            trace.push(bound);
            #[allow(clippy::cast_precision_loss, reason = "numbers of steps")]
            let part = step as f64 / self.steps as f64;
            let decay = 0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * part).cos());
            last = guide.clone();
            guide = optimizer.step(lr * decay, guide, gradients)?;
            if self.has_settled(&trace[before..]) {
                status = SviStatus::Converged;
                break;
            }
        }
        let mut stream = Stream::new(self.seed, "svi-evaluate", 0, 0);
        let importance = Importance::new(model, &guide, self.evaluation_draws, &mut stream)?;
        Ok(SviFit { guide, importance, trace, lr, status })
    }

    /// Returns the rate of [`LEARNING_RATES`] with the highest bound. Stops at the first rate that does worse than the best.
    fn choose<G: Guide>(&self, model: &impl LogJoint, guide: &G) -> Result<f64, ViError> {
        let bound = |guide: &G| {
            let mut stream = Stream::new(self.seed, "svi-trial", 0, 0);
            Importance::new(model, guide, TRIAL_DRAWS, &mut stream).map(|importance| importance.elbo())
        };
        let start = bound(guide)?;
        let mut best = (f64::NEG_INFINITY, LEARNING_RATES[LEARNING_RATES.len() - 1]);
        for lr in LEARNING_RATES {
            let (mut tried, mut optimizer) = (guide.clone(), adam());
            for step in 0..TRIAL_STEPS.min(self.steps) {
                let mut stream = Stream::new(self.seed, "svi", 0, step);
                let (bound, gradients) = checked_gradient(model, &tried, self.estimator, self.particles, &mut stream)?;
                if !bound.is_finite() {
                    break;
                }
                tried = optimizer.step(lr, tried, gradients)?;
            }
            let reached = bound(&tried)?;
            if reached > best.0 {
                best = (reached, lr);
            } else if best.0 > start {
                break;
            }
        }
        Ok(best.1)
    }

    fn has_settled(&self, trace: &[f64]) -> bool {
        if self.tol_rel <= 0.0 || !trace.len().is_multiple_of(WINDOW) {
            return false;
        }
        #[allow(clippy::cast_precision_loss, reason = "a window's length")]
        let means: Vec<f64> = trace.chunks(WINDOW).map(|window| window.iter().sum::<f64>() / WINDOW as f64).collect();
        let last = usize::try_from(self.steps / (10 * WINDOW as u64)).unwrap_or(usize::MAX).max(2);
        if means.len() <= last {
            return false;
        }
        let mut changes: Vec<f64> =
            means[means.len() - last - 1..].windows(2).map(|two| (two[1] - two[0]).abs() / two[1].abs()).collect();
        changes.sort_by(f64::total_cmp);
        0.5 * (changes[(last - 1) / 2] + changes[last / 2]) < self.tol_rel
    }
}

fn adam() -> FirstOrder {
    AdamConfig::new().build().expect("Adam's defaults are in range").into()
}
