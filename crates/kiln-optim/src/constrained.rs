//! Minimisation under constraints, with Lagrange multipliers and certificates that anyone can check.
//!
//! A [`ConstrainedProblem`] is
//!
//! > minimise f(x) subject to h(x) = 0, g(x) ≤ 0, lower ≤ x ≤ upper.
//!
//! f, h and g are functions on tensors, of a vector or of a module's parameters. Throughout Kiln, the Lagrangian is
//!
//! > L(x, λ, μ, ν) = f(x) + λᵀ·h(x) + μᵀ·g(x) + ν₋ᵀ·(lower − x) + ν₊ᵀ·(x − upper).
//!
//! So the multipliers μ and ν of inequalities and bounds are at least 0. A multiplier is the decrease of the minimum per unit by
//! which its constraint is relaxed: −∂f*/∂ε for h(x) = ε or g(x) ≤ ε (Nocedal and Wright, *Numerical Optimization*, 2006, ch. 12).
//! Write a constraint c(x) ≥ b as g = b − c.
//!
//! | solver | for | needs |
//! |---|---|---|
//! | [`Sqp`] | a few hundred unknowns, curved constraints, high accuracy | gradients; second derivatives with [`LagrangianHessian::Exact`] |
//! | [`InteriorPoint`] | thousands of unknowns and constraints with sparse derivatives ([`SparseProblem`]), or problems with dense ones | second derivatives |
//! | [`AugmentedLagrangian`] | many unknowns, such as a module's parameters | what its inner solver needs |
//! | [`DualAscent`] | training by minibatches, with multipliers that are updated in the loop | gradients |
//! | [`ProjectedGradient`](crate::solver::ProjectedGradient) | sets with a projection: simplex, balls, boxes | gradients |
//!
//! # Example
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_optim::constrained::{Certificate, ConstrainedProblem, Sqp, ConstrainedStop, minimize_constrained};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The point of the disc x² + y² ≤ 2 at which x + y is smallest.
//! let start = Tensor::<1>::from_data([-2.0, -0.5], &Device::default());
//! let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.sum())
//!     .inequality("disc", |x: Tensor<1>| x.square().sum() - 2.0)
//!     .convex();
//! let solution = minimize_constrained(&problem, start, &Sqp::default(), &ConstrainedStop::default())?;
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
mod end;
mod estimate;
mod evaluated;
mod feasibility;
mod host;
mod inner;
mod interior;
mod kkt;
mod minimize_sparse;
mod minimum;
mod problem;
mod progress;
mod quadratic;
mod quadratic_program;
mod solve;
mod sparse;
mod split;
mod sqp;
mod stop;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::derivative::Inputs;
use serde::Serialize;

pub use self::{
    augmented::{Augmented, AugmentedLagrangian},
    bounded::Bounded,
    certifiable::Certifiable,
    certificate::{Certificate, CertificateError, Proof, SecondOrder, Side},
    dual_ascent::DualAscent,
    evaluated::{Evaluated, Slopes, Values},
    inner::{Free, Inner, NewtonWithinBounds, WithinBounds},
    interior::InteriorPoint,
    kkt::{Multipliers, Residuals},
    minimize_sparse::{minimize_sparse, minimize_sparse_with},
    minimum::{minimize_constrained, minimize_constrained_with},
    problem::{ConstrainedProblem, ProblemError},
    quadratic_program::QuadraticProgram,
    sparse::SparseProblem,
    split::{Split, joined, split},
    sqp::{LagrangianHessian, Sqp},
    stop::ConstrainedStop,
};
use crate::solver::{Iteration, Outcome, SolverError};

/// A solver for problems with constraints.
pub trait ConstrainedSolver<M: Module, I: Inputs> {
    /// Finds a point that satisfies the first-order conditions from `start` `[n]`. Calls `callback` after each iteration; it stops the run by returning `Break`.
    ///
    /// # Errors
    /// Those of [`minimize_constrained`].
    fn solve(
        &self,
        problem: &ConstrainedProblem<'_, M, I>,
        start: Tensor<1>,
        stop: &ConstrainedStop,
        callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    ) -> Result<Solution, SolverError>;
}

/// The result of a constrained minimisation.
#[derive(Clone, Debug, Serialize)]
pub struct Solution {
    /// The point, and why the solver stopped.
    ///
    /// Its [`grad_norm`](Outcome::grad_norm), as in the history, is the largest of the four residuals. Its gradient is that of the
    /// Lagrangian. If the status is [`Infeasible`](crate::solver::Status::Infeasible), or if no start with finite values was found,
    /// x is the point that violates the constraints least, in the sum of squares.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The Lagrange multipliers, with the signs of the [module](self).
    pub multipliers: Multipliers,
    /// The residuals of the Karush-Kuhn-Tucker conditions.
    pub residuals: Residuals,
}
