//! Nonlinear least squares: the minimum of a sum of squared residuals, within bounds, by a robust loss, with a covariance.
//!
//! [`least_squares`] minimises ½·Σ ρ(rᵢ(x)²) for residuals r of x. With the default loss, ρ(z) = z. [`curve_fit`] fits a curve to data,
//! and returns the parameters with standard errors and intervals.
//!
//! | residuals | how |
//! |---|---|
//! | a closure on slices of `f64` | [`SliceResiduals::new`]; the Jacobian is by differences, or a second closure's |
//! | a function of tensors | [`Function::of_vector`](kiln_tensor::derivative::Function::of_vector), whose value has one entry per residual; the Jacobian is exact |
//! | anything else | implement [`Residuals`] |
//!
//! For sums of squares of many parameters, such as those of a network, use [`GaussNewton`](kiln_tensor::derivative::GaussNewton) with
//! [`trust_ncg`](crate::solver::trust_ncg), which needs products with the Jacobian only.
//!
//! # Example
//!
//! ```
//! use kiln_optim::least_squares::{LeastSquares, SliceResiduals, least_squares};
//!
//! // Rosenbrock's valley as two residuals.
//! let valley = SliceResiduals::new(2, |x, r| {
//!     r[0] = 10.0 * (x[1] - x[0] * x[0]);
//!     r[1] = 1.0 - x[0];
//! });
//! let fit = least_squares(&valley, &[-1.2, 1.0], &LeastSquares::default())?;
//! assert!(fit.outcome.success, "{}", fit.outcome.message);
//! assert!(fit.x.iter().all(|x| (x - 1.0).abs() < 1e-10));
//! # Ok::<(), kiln_optim::solver::SolverError>(())
//! ```

mod covariance;
mod curve;
mod fit;
mod loss;
mod options;
mod place;
mod residuals;
mod search;
mod step;

pub use self::{
    covariance::Covariance,
    curve::{Curve, CurveFit, CurvePoint, curve_fit},
    fit::{LeastSquaresFit, least_squares},
    loss::Loss,
    options::{LeastSquares, Step},
    residuals::{NoJacobian, Residuals, SliceResiduals},
};
