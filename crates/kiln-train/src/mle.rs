//! Maximum likelihood fits of families of distributions.

mod discrete;
mod draws;
mod numbers;
mod vectors;

use kiln_dist::DistError;
use kiln_optim::solver::SolverError;

/// Why a family cannot be fitted to data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MleError {
    /// There are no data.
    #[error("there are no data; give at least one draw")]
    Empty,
    /// A value is outside the support of the family.
    #[error("{value} is outside the support of {family}; values must be {support}")]
    Support {
        /// The family.
        family: &'static str,
        /// The value.
        value: f64,
        /// The support, in words.
        support: &'static str,
    },
    /// The likelihood has no maximum in the family: it is unbounded or approached in a limit only.
    #[error("the likelihood of {family} has no maximum: {reason}")]
    NoMaximum {
        /// The family.
        family: &'static str,
        /// The property of the data that causes it.
        reason: &'static str,
    },
    /// The solver refused the problem.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The solver did not reach a maximum.
    #[error("the fit of {family} did not converge: {message}")]
    NotConverged {
        /// The family.
        family: &'static str,
        /// The solver's message.
        message: String,
    },
    /// The estimates are not valid parameters.
    #[error(transparent)]
    Parameters(#[from] DistError),
}

/// Families that can be fitted to independent draws by maximum likelihood.
///
/// The fit has a closed form if the family allows it. Otherwise Newton's method minimises the mean negative log-likelihood with its
/// exact Hessian.
///
/// # Example
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
    /// The draws, `[n]` numbers or `[n, k]` vectors. Some families also take a known number, such as the number of trials.
    type Data;

    /// Returns the distribution with the maximum likelihood. Its parameters have shape `[1]`, or `[1, k]` for vectors.
    ///
    /// # Errors
    /// Returns [`MleError`] if there are no data, if a value is outside the support, or if the likelihood has no maximum.
    fn fit_mle(data: Self::Data) -> Result<Self, MleError>;
}
