//! Roots of systems of equations, fixed points, and their derivatives.
//!
//! [`root`] solves F(x) = 0 with as many equations as unknowns. The equations are [`Residuals`](crate::least_squares::Residuals): closures on
//! slices with [`SliceResiduals`](crate::least_squares::SliceResiduals), or a [`Function`](kiln_tensor::derivative::Function) of tensors.
//! [`fixed_point`] solves x = g(x) without derivatives.
//!
//! # Example
//! ```
//! use kiln_optim::{least_squares::SliceResiduals, root::{RootFinder, root}};
//!
//! // x·cos y = 4 and x·y − y = 5.
//! let equations = SliceResiduals::new(2, |x: &[f64], f: &mut [f64]| {
//!     f[0] = x[0] * x[1].cos() - 4.0;
//!     f[1] = x[0] * x[1] - x[1] - 5.0;
//! });
//! let found = root(&equations, [1.0, 1.0], &RootFinder::default())?;
//! assert!(found.outcome.success, "{}", found.outcome.message);
//! assert!((found.x[0] - 6.504_097_11).abs() < 1e-8 && (found.x[1] - 0.908_414_21).abs() < 1e-8);
//! # Ok::<(), kiln_optim::solver::SolverError>(())
//! ```

mod finder;
mod fixed_point;
mod newton;
mod options;
mod place;

pub use self::{
    finder::{Root, root},
    fixed_point::{FixedPoint, FixedPointResult, fixed_point},
    options::{RootFinder, RootMethod},
};
