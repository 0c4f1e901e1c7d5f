//! Coordinate ascent variational inference (CAVI) in conjugate models.
//!
//! A sweep sets each factor of q to its optimum given the others, which is proportional to exp(E ln p(data, z)) over the rest. The
//! evidence lower bound (ELBO) increases in each sweep. If the family of q contains the posterior, the bound reaches ln p(data).
//!
//! A model implements [`CoordinateAscent`]; [`ascend`] runs the sweeps.
//!
//! # Example
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
//!
//! # References
//! Bishop, *Pattern Recognition and Machine Learning* (2006), equation (10.9).

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

/// Why a model cannot be built or fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CaviError {
    /// The data have a wrong shape.
    #[error("{what}")]
    Shape {
        /// The expected and the given shape.
        what: String,
    },
    /// A value is NaN, infinite, or out of its range.
    #[error("{0} has a value that is not finite or out of its range")]
    Data(&'static str),
    /// A setting is out of its range.
    #[error("`{name}` must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// A matrix is not positive definite.
    #[error("{0} is not positive definite; columns may be linearly dependent")]
    Singular(String),
    /// The bound is NaN or infinite: data or settings exceed the range of floating point numbers.
    #[error("after sweep {sweep} the evidence lower bound is {bound}; rescale the data")]
    NotFinite {
        /// The sweep, from 1.
        sweep: usize,
        /// The bound.
        bound: f64,
    },
    /// A sweep lowered the bound by more than rounding can. The model's formulas are wrong.
    #[error("sweep {sweep} lowered the evidence lower bound from {before} to {after}")]
    Decreased {
        /// The sweep, from 1.
        sweep: usize,
        /// The bound before the sweep.
        before: f64,
        /// The bound after the sweep.
        after: f64,
    },
}

/// A conjugate model with a family q whose factors have closed-form updates.
pub trait CoordinateAscent {
    /// The approximate posterior q.
    type Posterior: Clone;

    /// Returns the start of the sweeps. Its bound may be undefined.
    ///
    /// # Errors
    /// Returns [`CaviError`] if the start cannot be computed.
    fn start(&self) -> Result<Self::Posterior, CaviError>;

    /// Updates each factor once, to its optimum given the others.
    ///
    /// # Errors
    /// Returns [`CaviError::Singular`] if a matrix is not positive definite.
    fn sweep(&self, posterior: &Self::Posterior) -> Result<Self::Posterior, CaviError>;

    /// Returns the bound E_q [ln p(data, z) − ln q(z)] with all constants, in nats.
    fn elbo(&self, posterior: &Self::Posterior) -> f64;

    /// Returns the relative decrease of the bound that rounding can cause.
    fn rounding(&self) -> f64 {
        1e-10
    }
}

/// The stopping rule of [`ascend`].
///
/// # Example
/// ```
/// use kiln_models::cavi::{NormalGamma, NormalSample, Sweeps, ascend};
///
/// let prior = NormalGamma { loc: 0.0, kappa: 1.0, shape: 1.0, rate: 1.0 };
/// let model = NormalSample::new(&[1.2, 0.8, 1.1, 0.9], prior)?;
/// let fit = ascend(&model, &Sweeps { tol: 1e-6, max: 100 })?;
/// assert!(fit.converged);
/// # Ok::<(), kiln_models::cavi::CaviError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweeps {
    /// Relative tolerance of the gain per sweep, ≥ 0. It is absolute for bounds below 1. Default 1e-10.
    pub tol: f64,
    /// Maximum number of sweeps, at least 1. Default 1000.
    pub max: usize,
}

impl Default for Sweeps {
    fn default() -> Self {
        Self { tol: 1e-10, max: 1000 }
    }
}

/// A fitted approximate posterior. Made by [`ascend`].
#[derive(Clone, Debug)]
pub struct CaviFit<P> {
    /// The approximate posterior q.
    pub posterior: P,
    /// The evidence lower bound, in nats.
    pub elbo: f64,
    /// The bound after each sweep. It never decreases, except by rounding.
    pub history: Vec<f64>,
    /// Whether the last sweep gained less than `tol`.
    pub converged: bool,
}

/// Sweeps until the bound has converged.
///
/// # Errors
/// Returns [`CaviError`] if a setting is out of its range, if the bound is not finite, or if a sweep lowers the bound.
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
