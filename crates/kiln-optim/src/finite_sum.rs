//! Minimisation of sums of many terms, such as a loss over examples, by gradients of a few terms at a time.
//!
//! The function is f(x) = 1/N·Σ fᵢ(x), a [`FiniteSum`]. Stochastic gradient descent with a fixed step size ends in a region around the
//! minimum. These methods can end at the minimum:
//!
//! - [`svrg`] and [`saga`] correct the gradient of a minibatch so that its variance goes to 0. For a strongly convex sum they converge linearly, and
//!   often take fewer passes over the terms than a method that uses all of them for each step.
//! - [`sgd_line_search`] chooses the step size of each minibatch by Armijo's rule on that minibatch. It converges linearly where one x minimises
//!   all terms (interpolation), as in an over-parameterised model.
//!
//! They return an [`Outcome`](crate::solver::Outcome). An iteration is an epoch, and evaluations count passes over all terms. Of
//! [`Stop`](crate::solver::Stop), `ftol`, `xtol` and `check_minimum` do not count.
//!
//! # Example
//! Least squares with 100 observations:
//!
//! ```
//! use kiln_optim::{finite_sum::{SliceSum, Svrg, svrg}, solver::Stop};
//!
//! let rows: Vec<[f64; 3]> = (0..100).map(|i| f64::from(i) / 50.0 - 1.0).map(|x| [1.0, x, 2.0 - 3.0 * x]).collect();
//! // The value of the mean over some terms; the closure writes its gradient.
//! let sum = SliceSum::new(100, |terms: &[usize], x: &[f64], gradient: &mut [f64]| {
//!     let share = 1.0 / terms.len() as f64;
//!     terms.iter().map(|&i| {
//!         let [a, b, y] = rows[i];
//!         let r = a * x[0] + b * x[1] - y;
//!         gradient[0] += share * r * a;
//!         gradient[1] += share * r * b;
//!         share * 0.5 * r * r
//!     }).sum()
//! });
//! let outcome = svrg(&sum, [0.0, 0.0], &Svrg::default(), &Stop { gtol: 1e-10, ..Stop::default() })?;
//! assert!(outcome.success, "{}", outcome.message);
//! assert!((outcome.to_vec()[1] + 3.0).abs() < 1e-8);
//! # Ok::<(), kiln_optim::solver::SolverError>(())
//! ```

mod line_search;
mod run;
mod saga;
mod step;
mod sum;
mod svrg;

pub use self::{
    line_search::{SgdLineSearch, sgd_line_search},
    saga::{Saga, saga},
    sum::{FiniteSum, SliceSum, TensorSum},
    svrg::{Svrg, svrg},
};
