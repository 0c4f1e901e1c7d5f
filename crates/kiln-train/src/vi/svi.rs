//! The loop that follows stochastic gradients of the bound.

use kiln_optim::{AdamConfig, FirstOrder};
use kiln_tensor::{Stream, fused::in_pool};
use serde::Serialize;

use super::{Estimator, Guide, Importance, LogJoint, ViError, estimator::checked_gradient};

/// Stochastic variational inference by Adam, with steps that decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Svi {
    /// How gradients are estimated. Default reparameterised.
    pub estimator: Estimator,
    /// Draws a gradient, at least 1, and 2 for a baseline made of the others. Default 8.
    pub particles: usize,
    /// Steps at the most, at least 1. Default 5000.
    pub steps: u64,
    /// Adam's step size at the start, positive; it falls to a hundredth along half a cosine. None tries 1, 0.3, 0.1, and on to 0.001, for 50 steps each,
    /// and takes that with the highest bound, as Stan's ADVI does (Kucukelbir et al., 2017, section 2.6). Default 0.05.
    pub lr: Option<f64>,
    /// Converged when, of the last changes of the bound from one hundred steps' mean to the next, the median is less than this part of the bound, as in
    /// Stan's ADVI; 0 never. The last ones are a tenth of all that `steps` allows, and at least two. Default 0.
    pub tol_rel: f64,
    /// Draws of the guide that the fit ends with, at least 2. Default 1000.
    pub evaluation: usize,
    /// Fixes the draws. Default 0.
    pub seed: u64,
}

impl Default for Svi {
    fn default() -> Self {
        Self {
            estimator: Estimator::default(),
            particles: 8,
            steps: 5000,
            lr: Some(0.05),
            tol_rel: 0.0,
            evaluation: 1000,
            seed: 0,
        }
    }
}

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SviStatus {
    /// The steps are taken.
    Completed,
    /// The bound changes by less than `tol_rel`.
    Converged,
    /// A bound was not finite: the guide is the last one whose bound was.
    Diverged,
}

/// A fitted guide.
#[derive(Clone, Debug)]
pub struct SviFit<G> {
    /// The guide.
    pub guide: G,
    /// Draws of it, with its evidence lower bound.
    pub importance: Importance,
    /// The estimator's bound as each step saw it.
    pub trace: Vec<f64>,
    /// The step size at the start, given or chosen.
    pub lr: f64,
    /// Why it ended.
    pub status: SviStatus,
}

/// Steps whose mean bound is compared with the next ones'.
const WINDOW: usize = 100;
/// What is tried where no step size is given, for how long, and by how many draws they are compared.
const STEP_SIZES: [f64; 7] = [1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];
const TRIAL_STEPS: u64 = 50;
const TRIAL_DRAWS: usize = 100;

impl Svi {
    fn validate(&self, model: &impl LogJoint, guide: &impl Guide) -> Result<(), ViError> {
        let got = guide.dims();
        if got != model.dims() {
            return Err(ViError::Dims { expected: model.dims(), got });
        }
        self.estimator.check(guide, self.particles)?;
        for (holds, name, expected) in [
            (self.steps >= 1, "steps", "at least 1"),
            (self.lr.is_none_or(|lr| lr > 0.0 && lr.is_finite()), "lr", "positive and finite"),
            (self.tol_rel >= 0.0, "tol_rel", "not negative"),
            (self.evaluation >= 2, "evaluation", "at least 2"),
        ] {
            if !holds {
                return Err(ViError::Setting { name, expected });
            }
        }
        Ok(())
    }

    /// Raises the bound from where `guide` is.
    ///
    /// # Errors
    /// [`ViError`].
    pub fn fit<G: Guide>(&self, model: &impl LogJoint, guide: G) -> Result<SviFit<G>, ViError> {
        self.validate(model, &guide)?;
        let settings = *self;
        in_pool(move || {
            let lr = match settings.lr {
                Some(lr) => lr,
                None => settings.choose(model, &guide)?,
            };
            settings.run(model, guide, lr)
        })
    }

    fn run<G: Guide>(&self, model: &impl LogJoint, mut guide: G, lr: f64) -> Result<SviFit<G>, ViError> {
        let mut optimizer = adam();
        let mut last = guide.clone();
        let mut trace = Vec::new();
        let mut status = SviStatus::Completed;
        for step in 0..self.steps {
            let mut stream = Stream::new(self.seed, "svi", 0, step);
            let (bound, gradients) = checked_gradient(model, &guide, self.estimator, self.particles, &mut stream);
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
            if self.has_settled(&trace) {
                status = SviStatus::Converged;
                break;
            }
        }
        let mut stream = Stream::new(self.seed, "svi-evaluate", 0, 0);
        let importance = Importance::new(model, &guide, self.evaluation, &mut stream);
        Ok(SviFit { guide, importance, trace, lr, status })
    }

    /// The step size of [`STEP_SIZES`] with the highest bound; from where they fall again, the rest is left out.
    fn choose<G: Guide>(&self, model: &impl LogJoint, guide: &G) -> Result<f64, ViError> {
        let bound = |guide: &G| {
            Importance::new(model, guide, TRIAL_DRAWS, &mut Stream::new(self.seed, "svi-trial", 0, 0)).elbo()
        };
        let start = bound(guide);
        let mut best = (f64::NEG_INFINITY, STEP_SIZES[STEP_SIZES.len() - 1]);
        for lr in STEP_SIZES {
            let (mut tried, mut optimizer) = (guide.clone(), adam());
            for step in 0..TRIAL_STEPS.min(self.steps) {
                let mut stream = Stream::new(self.seed, "svi", 0, step);
                let (bound, gradients) = checked_gradient(model, &tried, self.estimator, self.particles, &mut stream);
                if !bound.is_finite() {
                    break;
                }
                tried = optimizer.step(lr, tried, gradients)?;
            }
            let reached = bound(&tried);
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
    AdamConfig::new().build().expect("the defaults are in range").into()
}
