//! Minimisation under constraints, with Lagrange multipliers, and certificates that anyone can check.
//!
//! A [`Problem`] is
//!
//! > minimise f(x) subject to h(x) = 0, g(x) ≤ 0, lower ≤ x ≤ upper,
//!
//! each of f, h and g a function on tensors, of a vector or of a module's parameters. Its Lagrangian is, throughout Kiln,
//!
//! > L(x, λ, μ, ν) = f(x) + λᵀ·h(x) + μᵀ·g(x) + ν₋ᵀ·(lower − x) + ν₊ᵀ·(x − upper),
//!
//! so a multiplier μ or ν of an inequality is at least 0, and a multiplier is how much f's minimum falls when its constraint is relaxed
//! by one unit: by −∂f*/∂ε for h(x) = ε or g(x) ≤ ε (Nocedal and Wright, Numerical Optimization, 2006, ch. 12). A constraint c(x) ≥ b is
//! written g = b − c.
//!
//! | solver | for | needs |
//! |---|---|---|
//! | [`Sqp`] | some hundred unknowns, curved constraints, all digits | gradients, with [`LagrangianHessian::Exact`] second derivatives |
//! | [`AugmentedLagrangian`] | any number of unknowns: a module's parameters | what its inner solver needs |
//! | [`DualAscent`] | training by minibatches, with multipliers that move in the loop | gradients |
//! | [`ProjectedGradient`](crate::solver::ProjectedGradient) | sets onto which one can project: simplex, balls, boxes | gradients |
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_optim::constrained::{Certificate, Problem, Sqp, Stop, minimize};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The point of the disc x² + y² ≤ 2 at which x + y is smallest.
//! let start = Tensor::<1>::from_data([-2.0, -0.5], &Device::default());
//! let problem = Problem::of_vector(start.clone(), |x: Tensor<1>| x.sum())
//!     .inequality("disc", |x: Tensor<1>| x.square().sum() - 2.0)
//!     .convex();
//! let solution = minimize(&problem, start, &Sqp::default(), &Stop::default())?;
//! assert!(solution.outcome.success, "{}", solution.outcome.message);
//! assert!((solution.outcome.value + 2.0).abs() < 1e-4);
//! assert!((solution.multipliers.inequality[0] - 0.5).abs() < 1e-4);
//!
//! let certificate = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers)?;
//! assert!(certificate.residuals.largest() < 1e-3 && certificate.duality_gap.unwrap().abs() < 1e-3);
//! certificate.verify(&problem, &Device::default())?; // every number again, from the problem alone
//! # Ok(())
//! # }
//! ```

mod augmented;
mod bounded;
mod certifiable;
mod certificate;
mod dual_ascent;
mod evaluated;
mod feasibility;
mod host;
mod kkt;
mod problem;
mod progress;
mod quadratic;
mod split;
mod sqp;
mod stop;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::derivative::Inputs;
use serde::Serialize;

pub use self::{
    augmented::{Augmented, AugmentedLagrangian, Free, Inner, WithinBounds},
    bounded::Bounded,
    certifiable::Certifiable,
    certificate::{Certificate, CertificateError, SecondOrder, Side},
    dual_ascent::DualAscent,
    evaluated::{Evaluated, Slopes, Values},
    kkt::{Multipliers, Residuals},
    problem::{Problem, ProblemError},
    split::{Split, joined, split},
    sqp::{LagrangianHessian, Sqp},
    stop::Stop,
};
use crate::solver::{Iteration, Outcome, SolverError};

/// A solver for problems with constraints.
pub trait ConstrainedSolver<M: Module, I: Inputs> {
    /// Minimises from `start` `[n]`, with a word to `callback` after each iteration, which may end it.
    ///
    /// # Errors
    /// As [`minimize`].
    fn solve(
        &self,
        problem: &Problem<'_, M, I>,
        start: Tensor<1>,
        stop: &Stop,
        callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    ) -> Result<Solution, SolverError>;
}

/// Where a constrained minimisation ended.
#[derive(Clone, Debug, Serialize)]
pub struct Solution {
    /// The point, and why it is the last. Its [`grad_norm`](Outcome::grad_norm), and the history's, is the largest of the four
    /// residuals, and its gradient that of the Lagrangian. Where the status is [`Infeasible`](crate::solver::Status::Infeasible), or no
    /// start with finite values was found, x is the point that violates the constraints least, in the sum of squares.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The Lagrange multipliers, by the sign convention of the [module](self).
    pub multipliers: Multipliers,
    /// How far the point is from the conditions of Karush, Kuhn and Tucker.
    pub residuals: Residuals,
}

/// Minimises `problem` from `start`, which need not be feasible.
///
/// # Errors
/// When an option is out of its range, the start does not fit the problem, or a function cannot be evaluated at all; whatever else
/// happens is a [`Status`](crate::solver::Status).
pub fn minimize<M: Module, I: Inputs, S: ConstrainedSolver<M, I>>(
    problem: &Problem<'_, M, I>,
    start: Tensor<1>,
    solver: &S,
    stop: &Stop,
) -> Result<Solution, SolverError> {
    solver.solve(problem, start, stop, &mut |_| ControlFlow::Continue(()))
}
