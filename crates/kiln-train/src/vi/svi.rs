//! Stochastic gradients of the evidence lower bound, and the loop that follows them.

use burn::{optim::GradientsParams, tensor::Tensor};
use kiln_dist::DistError;
use kiln_optim::{AdamConfig, FirstOrder, StepError, solver::SolverError};
use kiln_tensor::{Stream, fused::in_pool};
use serde::{Deserialize, Serialize};

use super::{Guide, LogJoint};

/// How the gradient of the bound is estimated. All have the exact gradient as their mean; they differ in variance, and in what they
/// ask of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// Through the draws, with the guide's entropy in closed form (Kucukelbir et al., 2017). The default.
    #[default]
    Reparameterized,
    /// Through the draws, with ln q at fixed parameters: its variance goes to zero as the guide becomes the posterior (Roeder, Wu and
    /// Duvenaud, 2017).
    StickingTheLanding,
    /// (ln p − ln q)·∇ln q (Ranganath, Gerrish and Blei, 2014): the model need not be differentiable, and the variance is large.
    ScoreFunction,
    /// The same less the mean of the other particles' ln p − ln q (Mnih and Rezende, 2016; Kool, van Hoof and Welling, 2019): at least two.
    LeaveOneOut,
}

/// Why inference cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViError {
    /// The guide has another number of dimensions than the model.
    #[error("the model has {expected} dimensions, and {got} came")]
    Dims {
        /// The model's.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// A setting out of its range.
    #[error("{name} must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// A step could not be taken.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The solver refused.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The Hessian at the mode is not positive definite: there is no peak there.
    #[error("the log-density is not curved down in every direction at its mode: there is no Laplace approximation")]
    NotAPeak,
    /// The approximation is no distribution.
    #[error(transparent)]
    Parameters(#[from] DistError),
}

/// Stochastic variational inference by Adam, with steps that decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Svi {
    /// How gradients are estimated. Default reparameterised.
    pub estimator: Estimator,
    /// Draws a gradient, at least 1, and for leave-one-out 2. Default 8.
    pub particles: usize,
    /// Steps at the most, at least 1. Default 5000.
    pub steps: u64,
    /// Adam's step size at the start, positive; it falls to a hundredth along half a cosine. Default 0.05.
    pub lr: f64,
    /// Converged when the mean bound of a hundred steps changes by less than this part of itself, as in Stan's ADVI; 0 never. Default 0.
    pub tol_rel: f64,
    /// Draws of the bound that is told at the end. Default 1000.
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
            lr: 0.05,
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
    /// A bound was not finite, and the guide is that of the step before.
    Diverged,
}

/// A fitted guide.
#[derive(Clone, Debug)]
pub struct SviFit<G> {
    /// The guide.
    pub guide: G,
    /// Its evidence lower bound, in nats, by `evaluation` draws.
    pub elbo: f64,
    /// The standard error of that.
    pub standard_error: f64,
    /// The bound as each step saw it.
    pub trace: Vec<f64>,
    /// Why it ended.
    pub status: SviStatus,
}

/// WINDOW steps are compared with the WINDOW before.
const WINDOW: usize = 100;

impl Svi {
    fn validate(&self, model: &impl LogJoint, dims: usize) -> Result<(), ViError> {
        if dims != model.dims() {
            return Err(ViError::Dims { expected: model.dims(), got: dims });
        }
        let least = if self.estimator == Estimator::LeaveOneOut { 2 } else { 1 };
        for (holds, name, expected) in [
            (self.particles >= least, "particles", "at least 1, and 2 for leave-one-out"),
            (self.steps >= 1, "steps", "at least 1"),
            (self.lr > 0.0 && self.lr.is_finite(), "lr", "positive and finite"),
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
        self.validate(model, guide.dims())?;
        let optimizer: FirstOrder = AdamConfig::new().build().expect("the defaults are in range").into();
        let settings = *self;
        in_pool(move || settings.run(model, guide, optimizer))
    }

    fn run<G: Guide>(
        &self,
        model: &impl LogJoint,
        mut guide: G,
        mut optimizer: FirstOrder,
    ) -> Result<SviFit<G>, ViError> {
        let mut trace = Vec::new();
        let mut status = SviStatus::Completed;
        for step in 0..self.steps {
            let mut stream = Stream::new(self.seed, "svi", 0, step);
            let (bound, gradients) = gradient(model, &guide, self.estimator, self.particles, &mut stream);
            if !bound.is_finite() {
                status = SviStatus::Diverged;
                break;
            }
            trace.push(bound);
            #[allow(clippy::cast_precision_loss, reason = "numbers of steps")]
            let part = step as f64 / self.steps as f64;
            let decay = 0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * part).cos());
            guide = optimizer.step(self.lr * decay, guide, gradients)?;
            if self.has_settled(&trace) {
                status = SviStatus::Converged;
                break;
            }
        }
        let (elbo, standard_error) = self.evaluate(model, &guide);
        Ok(SviFit { guide, elbo, standard_error, trace, status })
    }

    fn has_settled(&self, trace: &[f64]) -> bool {
        if self.tol_rel <= 0.0 || !trace.len().is_multiple_of(WINDOW) || trace.len() < 2 * WINDOW {
            return false;
        }
        #[allow(clippy::cast_precision_loss, reason = "a window's length")]
        let mean = |window: &[f64]| window.iter().sum::<f64>() / WINDOW as f64;
        let (before, now) = trace[trace.len() - 2 * WINDOW..].split_at(WINDOW);
        (mean(now) - mean(before)).abs() < self.tol_rel * mean(now).abs()
    }

    /// The bound and its standard error, by draws of their own.
    fn evaluate<G: Guide>(&self, model: &impl LogJoint, guide: &G) -> (f64, f64) {
        let guide = guide.valid();
        let z = guide.rsample(self.evaluation, &mut Stream::new(self.seed, "svi-evaluate", 0, 0));
        let terms = model.log_joint(z.clone()) - guide.log_prob(z);
        let terms: Vec<f64> = terms.into_data().try_into_vec_as().expect("floats");
        #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
        let n = terms.len() as f64;
        let mean = terms.iter().sum::<f64>() / n;
        let spread = terms.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, (spread / n).sqrt())
    }
}

/// An estimate of the bound by `particles` draws, and of the gradient of −bound in the guide's parameters.
pub fn gradient<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> (f64, GradientsParams) {
    let (bound, loss) = bound_and_loss(model, guide, estimator, particles, stream);
    let bound: Vec<f64> = bound.into_data().try_into_vec_as().expect("floats");
    (bound[0], GradientsParams::from_grads(loss.backward(), guide))
}

/// An estimate of the bound, without gradients, and what has the estimator's gradient of −bound as its own.
pub(super) fn bound_and_loss<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> (Tensor<1>, Tensor<1>) {
    let fixed = |tensor: &Tensor<1>| tensor.clone().without_autodiff();
    match estimator {
        Estimator::Reparameterized => {
            let z = guide.rsample(particles, stream);
            let bound = model.log_joint(z).mean() + guide.entropy();
            (fixed(&bound), -bound)
        }
        Estimator::StickingTheLanding => {
            let z = guide.rsample(particles, stream);
            let log_q = guide.clone().no_grad().log_prob(z.clone());
            let bound = (model.log_joint(z) - log_q).mean();
            (fixed(&bound), -bound)
        }
        Estimator::ScoreFunction | Estimator::LeaveOneOut => {
            let z = guide.valid().rsample(particles, stream);
            let log_q = guide.log_prob(z.clone());
            let gain = model.log_joint(z).without_autodiff() - fixed(&log_q);
            #[allow(clippy::cast_precision_loss, reason = "a number of particles")]
            let n = particles as f64;
            let advantage = if estimator == Estimator::LeaveOneOut {
                // A particle less the mean of the others is its distance from the mean of all, enlarged.
                (gain.clone() - gain.clone().mean()) * (n / (n - 1.0))
            } else {
                gain.clone()
            };
            (gain.mean(), -(advantage * log_q).mean())
        }
    }
}
