//! Minimisation without gradients: the simplex of Nelder and Mead, and CMA-ES.
//!
//! [`nelder_mead`] suits functions of up to about ten variables that are not smooth, or whose gradient is not known. [`cma_es`] suits
//! functions with many local minima, noise or bad scaling, of up to some hundreds of variables; it takes more evaluations. The simplex may
//! shrink at a point that is no minimum: start again from there, with another `edge`, to see whether it moves. If there is a
//! gradient, a solver of [`solver`](crate::solver) takes far fewer.
//!
//! The function is a [`Values`]: a closure on slices with [`SliceValues`], or a [`Function`](kiln_tensor::derivative::Function) of
//! tensors. Both methods return an [`Outcome`](crate::solver::Outcome). Its gradient and `grad_norm` are NaN: they are not computed.
//!
//! # Example
//! The sum of absolute values has no gradient at its minimum:
//!
//! ```
//! use kiln_optim::derivative_free::{CmaEs, NelderMead, SliceValues, cma_es, nelder_mead};
//!
//! let distance = SliceValues::new(|x: &[f64]| (x[0] - 1.0).abs() + 2.0 * (x[1] + 3.0).abs());
//! for outcome in [
//!     nelder_mead(&distance, [2.0, -1.0], &NelderMead::default())?,
//!     cma_es(&distance, [2.0, -1.0], &CmaEs::default())?,
//! ] {
//!     assert!(outcome.success, "{}", outcome.message);
//!     assert!(outcome.value < 1e-3);
//! }
//! # Ok::<(), kiln_optim::solver::SolverError>(())
//! ```

mod cma_es;
mod limits;
mod nelder_mead;
mod population;
mod values;

pub use self::{
    cma_es::{CmaEs, cma_es},
    nelder_mead::{NelderMead, nelder_mead},
    values::{SliceValues, Values},
};
