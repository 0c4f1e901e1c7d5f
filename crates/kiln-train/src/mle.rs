//! The parameters that make data most likely, family by family.

mod discrete;
mod draws;
mod numbers;
mod vectors;

use kiln_dist::DistError;
use kiln_optim::solver::SolverError;

/// Why data have no most likely distribution of a family.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MleError {
    /// No data.
    #[error("there are no data")]
    Empty,
    /// A value that no distribution of the family has.
    #[error("{family} has no value {value}, which must be {support}")]
    Support {
        /// The family.
        family: &'static str,
        /// The value.
        value: f64,
        /// Where values are.
        support: &'static str,
    },
    /// The likelihood grows for ever, or has its maximum at no distribution of the family.
    #[error("the likelihood of {family} has no maximum: {reason}")]
    NoMaximum {
        /// The family.
        family: &'static str,
        /// What the data are like.
        reason: &'static str,
    },
    /// The solver refused.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The solver ended away from a maximum.
    #[error("the fit of {family} did not converge: {message}")]
    NotConverged {
        /// The family.
        family: &'static str,
        /// How it ended.
        message: String,
    },
    /// The estimates are no parameters.
    #[error(transparent)]
    Parameters(#[from] DistError),
}

/// A family that can be fitted to independent draws by maximum likelihood: in closed form where there is one, and elsewhere by Newton's
/// method on the mean negative log-likelihood, with its exact Hessian.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Gamma, Moments};
/// use kiln_train::FitMle;
///
/// let data = Tensor::<1>::from_data([0.4, 1.3, 2.2, 0.9, 1.7], &Device::default());
/// let fitted = Gamma::fit_mle(data)?;
/// assert!((fitted.mean().into_scalar::<f32>() - 1.3).abs() < 1e-4);
/// # Ok::<(), kiln_train::MleError>(())
/// ```
pub trait FitMle: Sized {
    /// The draws: `[n]` numbers, or `[n, k]` vectors; with them what is known beforehand.
    type Data;

    /// The most likely distribution, with parameters `[1]`, or `[1, k]` for vectors.
    ///
    /// # Errors
    /// [`MleError`].
    fn fit_mle(data: Self::Data) -> Result<Self, MleError>;
}
