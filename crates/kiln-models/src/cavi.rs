//! Mean-field variational inference by coordinate ascent, in models whose factors have closed forms.
//!
//! Given the others, each factor of q is set to its best, exp(E ln p(data, z)) over the rest, normalised (Bishop, Pattern Recognition and
//! Machine Learning, 2006, (10.9)); the evidence lower bound rises at every sweep. Where q's family holds the posterior, the bound arrives at
//! ln p(data).
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_models::cavi::{BayesianLinearRegression, Sweeps, ascend};
//!
//! let device = Device::default();
//! let x = Tensor::<2>::from_data([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]], &device);
//! let y = Tensor::<1>::from_data([0.1, 0.9, 2.1, 2.9], &device);
//! let model = BayesianLinearRegression::new(&x, &y)?;
//! let fit = ascend(&model, &Sweeps::default())?;
//! assert!(fit.converged && fit.history.is_sorted());
//! let [intercept, slope] = fit.posterior.mean()[..] else { unreachable!() };
//! assert!(intercept.abs() < 0.3 && (slope - 1.0).abs() < 0.2);
//! # Ok::<(), kiln_models::cavi::CaviError>(())
//! ```

mod divergence;
mod linear;
mod mixture;
mod normal;
mod topics;

pub use self::{
    linear::{BayesianLinearRegression, LinearPosterior, WeightPrecision},
    mixture::{BayesianMixture, MixturePosterior},
    normal::{NormalGamma, NormalPosterior, NormalSample},
    topics::{TopicModel, TopicPosterior},
};

/// Why a model cannot be made, or a bound not be raised.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CaviError {
    /// Data of another shape.
    #[error("{what}")]
    Shape {
        /// What is wanted, and what came.
        what: String,
    },
    /// A number that is infinite, or none, or a count that is negative.
    #[error("{0} has a number that is not in its range")]
    Data(&'static str),
    /// A setting out of its range.
    #[error("{name} must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// A matrix that should be positive definite.
    #[error("{0} is not positive definite")]
    Singular(String),
    /// A bound that is infinite, or none: data or settings are too extreme for the numbers' range.
    #[error("after sweep {sweep} the evidence lower bound is {bound}")]
    NotFinite {
        /// The sweep, from 1.
        sweep: usize,
        /// The bound.
        bound: f64,
    },
    /// A sweep that lowered the bound by more than rounding does: the model's formulas are wrong.
    #[error("sweep {sweep} lowered the evidence lower bound from {before} to {after}")]
    Decreased {
        /// The sweep, from 1.
        sweep: usize,
        /// The bound before it.
        before: f64,
        /// And after.
        after: f64,
    },
}

/// A model, and a family of q whose factors have closed forms.
pub trait CoordinateAscent {
    /// q.
    type Posterior: Clone;

    /// Where the sweeps begin. Only what the first sweep makes of it need have a bound.
    ///
    /// # Errors
    /// [`CaviError`].
    fn start(&self) -> Result<Self::Posterior, CaviError>;

    /// Each factor once, set to its best given the others.
    ///
    /// # Errors
    /// [`CaviError::Singular`].
    fn sweep(&self, posterior: &Self::Posterior) -> Result<Self::Posterior, CaviError>;

    /// E_q [ln p(data, z) − ln q(z)], in nats, constants included.
    fn elbo(&self, posterior: &Self::Posterior) -> f64;

    /// By what part of itself the bound may fall from rounding alone.
    fn rounding(&self) -> f64 {
        1e-10
    }
}

/// How many sweeps are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweeps {
    /// Converged when a sweep raises the bound by less than this part of it (of 1, where it is smaller), ≥ 0. Default 1e-10.
    pub tol: f64,
    /// At the most, ≥ 1. Default 1000.
    pub max: usize,
}

impl Default for Sweeps {
    fn default() -> Self {
        Self { tol: 1e-10, max: 1000 }
    }
}

/// A fitted q, and how it was found.
#[derive(Clone, Debug)]
pub struct CaviFit<P> {
    /// q.
    pub posterior: P,
    /// The evidence lower bound, in nats.
    pub elbo: f64,
    /// The bound after each sweep. It never falls but by rounding.
    pub history: Vec<f64>,
    /// Whether the last sweep gained less than `tol`.
    pub converged: bool,
}

/// Sweeps until the bound has settled.
///
/// # Errors
/// [`CaviError`]; [`CaviError::Decreased`] where a model's sweep is no ascent.
pub fn ascend<M: CoordinateAscent>(model: &M, sweeps: &Sweeps) -> Result<CaviFit<M::Posterior>, CaviError> {
    if sweeps.tol.is_nan() || sweeps.tol < 0.0 {
        return Err(CaviError::Setting { name: "tol", expected: "not negative" });
    }
    if sweeps.max == 0 {
        return Err(CaviError::Setting { name: "max", expected: "at least 1" });
    }
    let mut posterior = model.start()?;
    let mut history: Vec<f64> = Vec::new();
    let mut converged = false;
    while !converged && history.len() < sweeps.max {
        posterior = model.sweep(&posterior)?;
        let (sweep, after) = (history.len() + 1, model.elbo(&posterior));
        if !after.is_finite() {
            return Err(CaviError::NotFinite { sweep, bound: after });
        }
        if let Some(&before) = history.last() {
            let size = before.abs().max(1.0);
            if after < before - model.rounding() * size {
                return Err(CaviError::Decreased { sweep, before, after });
            }
            converged = after - before <= sweeps.tol * size;
        }
        history.push(after);
    }
    let elbo = history.last().copied().unwrap_or(f64::NEG_INFINITY);
    Ok(CaviFit { posterior, elbo, history, converged })
}
