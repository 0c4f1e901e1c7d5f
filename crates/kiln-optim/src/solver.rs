//! Deterministic minimisation of a function of a vector, such as a loss over all data of a module's parameters.
//!
//! A solver is a *search* along a line, or within a region, times a *descent* that says where to look, times what it knows of
//! the *curvature*. [`minimize`] is the one loop that runs them all. The pairs that make sense are types:
//!
//! | solver | search | descent | needs |
//! |---|---|---|---|
//! | [`LineSearch`]`<`[`Steepest`]`, _>` | any | −∇f | [`Objective`] |
//! | [`LineSearch`]`<`[`NonlinearCg`]`, _>` | any | conjugate directions | [`Objective`] |
//! | [`LineSearch`]`<`[`Bfgs`]`, _>`, [`LineSearch`]`<`[`Lbfgs`]`, _>` | any | −B⁻¹·∇f, learnt from the gradients | [`Objective`] |
//! | [`LineSearch`]`<`[`Newton`]`, _>` | any | −(H + αI)⁻¹·∇f | [`Hessian`] |
//! | [`LineSearch`]`<`[`NewtonCg`]`, _>` | any | the same by conjugate gradients, cut short | [`HessianProduct`] |
//! | [`TrustRegion`] | the region | Steihaug's conjugate gradients | [`HessianProduct`] |
//! | [`ProjectedLbfgs`]`<`[`Bounds`]`>`, [`ProjectedLbfgs`]`<`[`L1`]`>` | backtracking along the bounds | L-BFGS among what is free | [`Objective`] |
//! | [`ProjectedGradient`]`<S>`, S a [`Projection`]: [`Simplex`], [`L1Ball`], [`L2Ball`], [`Hyperplane`], [`Halfspace`], [`Bounds`] | halving | −∇f and the nearest point of the set, with momentum | [`Objective`] |
//!
//! The constructors [`gradient_descent`], [`nonlinear_cg`], [`bfgs`], [`lbfgs`], [`lbfgs_b`], [`owlqn`], [`newton`], [`newton_cg`]
//! and [`trust_ncg`] give the usual pairs.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_optim::solver::{Stop, lbfgs, minimize};
//! use kiln_tensor::derivative::Function;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Rosenbrock's valley.
//! let start = Tensor::<1>::from_data([-1.2, 1.0], &Device::default());
//! let valley = Function::of_vector(start.clone(), |x: Tensor<1>| {
//!     let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
//!     (y - x.clone().square()).square() * 100.0 + (x - 1.0).square()
//! });
//! let outcome = minimize(&valley, start, &lbfgs(), &Stop { gtol: 1e-3, ..Stop::default() })?;
//! assert!(outcome.success, "{}", outcome.message);
//! assert!(outcome.value < 1e-6 && outcome.iterations < 60);
//! # Ok(())
//! # }
//! ```

pub use kiln_tensor::derivative::{EvaluationError, Hessian, HessianProduct, Objective};

mod descent;
mod line;
mod linear_cg;
mod minimize;
mod outcome;
mod problem;
mod projected;
mod projected_gradient;
mod projection;
mod search;
mod snapshot;
mod stop;
mod trust_region;

pub(crate) use self::search::{at_least_one, within};
pub use self::{
    descent::{Bfgs, CgFormula, Descent, Heading, Lbfgs, Memory, Newton, NewtonCg, NonlinearCg, Steepest},
    line::{Line, LineSearch, Trial},
    linear_cg::{LinearCg, LinearSolution, conjugate_gradient},
    minimize::{Minimization, Move, Solver, minimize},
    outcome::{Iteration, Outcome, Status},
    problem::{Counted, Evaluations, Point},
    projected::{Bounds, L1, Piece, ProjectedLbfgs, Region},
    projected_gradient::{Inertia, ProjectedGradient},
    projection::{Halfspace, Hyperplane, L1Ball, L2Ball, Projection, Simplex},
    search::{Armijo, Fixed, HagerZhang, Search, StrongWolfe},
    snapshot::{Remember, Snapshot, SnapshotError},
    stop::Stop,
    trust_region::TrustRegion,
};

/// Why a minimisation cannot be run. What happens while it runs is a [`Status`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SolverError {
    /// An option out of its range.
    #[error("{name} must be {expected}, not {got}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// What came.
        got: f64,
    },
    /// A vector that does not fit the others.
    #[error("{name} must have {expected} numbers, not {got}")]
    Length {
        /// Which.
        name: &'static str,
        /// How many it must have.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// The function could not be evaluated.
    #[error("the function could not be evaluated: {0}")]
    Evaluation(#[from] EvaluationError),
    /// The snapshot is not one from which the solver can go on.
    #[error("the minimisation cannot go on from this snapshot: {0}")]
    Snapshot(#[from] SnapshotError),
}

/// Steepest descent with the strong Wolfe search.
pub fn gradient_descent() -> LineSearch<Steepest, StrongWolfe> {
    LineSearch::new(Steepest, StrongWolfe::default())
}

/// Conjugate directions of Polak and Ribière, as PR+, with a search that is nearly exact.
pub fn nonlinear_cg() -> LineSearch<NonlinearCg, StrongWolfe> {
    LineSearch::new(NonlinearCg::default(), StrongWolfe { c2: 0.4, ..StrongWolfe::default() })
}

/// The quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno with a dense matrix.
pub fn bfgs() -> LineSearch<Bfgs, StrongWolfe> {
    LineSearch::new(Bfgs::default(), StrongWolfe::default())
}

/// BFGS from the last ten steps.
pub fn lbfgs() -> LineSearch<Lbfgs, StrongWolfe> {
    LineSearch::new(Lbfgs::default(), StrongWolfe::default())
}

/// L-BFGS within bounds, for the problems of L-BFGS-B.
pub fn lbfgs_b(bounds: Bounds) -> ProjectedLbfgs<Bounds> {
    ProjectedLbfgs::new(bounds)
}

/// L-BFGS with an l1 penalty, for the problems of OWL-QN.
pub fn owlqn(penalty: L1) -> ProjectedLbfgs<L1> {
    ProjectedLbfgs::new(penalty)
}

/// Newton's method, damped where the Hessian is not positive definite.
pub fn newton() -> LineSearch<Newton, StrongWolfe> {
    LineSearch::new(Newton::default(), StrongWolfe::default())
}

/// Newton's method by conjugate gradients that are cut short.
pub fn newton_cg() -> LineSearch<NewtonCg, StrongWolfe> {
    LineSearch::new(NewtonCg::default(), StrongWolfe::default())
}

/// Newton's method within a trust region, by Steihaug's conjugate gradients.
pub fn trust_ncg() -> TrustRegion {
    TrustRegion::default()
}
