//! Deterministic minimisation of a function of a vector, such as a loss over all data as a function of a module's parameters.
//!
//! A solver combines a *search* (along a line or within a region) with a *descent* (which chooses the direction) and its knowledge
//! of the *curvature*. [`minimize`] is the one loop that runs them all. Each useful combination is a type:
//!
//! | solver | search | descent | needs |
//! |---|---|---|---|
//! | [`LineSearch`]`<`[`Steepest`]`, _>` | any | −∇f | [`Objective`] |
//! | [`LineSearch`]`<`[`NonlinearCg`]`, _>` | any | conjugate directions | [`Objective`] |
//! | [`LineSearch`]`<`[`Bfgs`]`, _>`, [`LineSearch`]`<`[`Lbfgs`]`, _>` | any | −B·∇f, with B estimated from gradients | [`Objective`] |
//! | [`LineSearch`]`<`[`Newton`]`, _>` | any | −(H + αI)⁻¹·∇f | [`Hessian`] |
//! | [`LineSearch`]`<`[`NewtonCg`]`, _>` | any | −H⁻¹·∇f by truncated conjugate gradients | [`HessianProduct`] |
//! | [`TrustRegion`]`<`[`Steihaug`]`>`, [`TrustRegion`]`<`[`Krylov`]`>` | the region | conjugate gradients, or Lanczos's method | [`HessianProduct`] |
//! | [`TrustRegion`]`<`[`Exact`]`>` | the region | the exact minimum of the model | [`Hessian`] |
//! | [`BoundedTrustRegion`]`<_>` | the region and bounds | the same three, on the free variables | as above |
//! | [`ProjectedLbfgs`]`<`[`Bounds`]`>`, [`ProjectedLbfgs`]`<`[`L1`]`>` | projected backtracking | L-BFGS on the free variables | [`Objective`] |
//! | [`ProjectedGradient`]`<S>` with a [`Projection`] S: [`Simplex`], [`L1Ball`], [`L2Ball`], [`Hyperplane`], [`Halfspace`], [`Bounds`] | halving | −∇f and a projection, with momentum | [`Objective`] |
//!
//! The constructors [`gradient_descent`], [`nonlinear_cg`], [`bfgs`], [`lbfgs`], [`lbfgs_b`], [`owlqn`], [`newton`], [`newton_cg`],
//! [`trust_ncg`], [`trust_krylov`], [`trust_exact`] and [`tron`] return the usual combinations. [`minimize_fn`] minimises a closure on slices of `f64`, without tensors.
//!
//! # Example
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

pub use kiln_tensor::derivative::{EvaluationError, Hessian, HessianProduct, Objective, TwiceDifferentiable};

mod best;
pub(crate) mod cone;
mod descent;
mod error;
mod line;
mod line_search;
mod linear_cg;
mod method;
mod minimize;
pub(crate) mod minimum;
mod outcome;
mod problem;
mod projected;
mod projected_gradient;
mod projection;
mod search;
mod slices;
mod snapshot;
mod stop;
mod stuck;
mod trust_region;
mod vector;

pub(crate) use self::error::{at_least_one, tolerance, within};
pub use self::{
    descent::{Bfgs, CgFormula, Descent, Heading, Lbfgs, Memory, Newton, NewtonCg, NonlinearCg, Steepest},
    error::SolverError,
    line::{Line, Trial},
    line_search::LineSearch,
    linear_cg::{LinearCg, LinearSolution, conjugate_gradient},
    method::{Move, Solver},
    minimize::{Minimization, minimize},
    minimum::{CheckMinimum, Cone, Downhill},
    outcome::{Iteration, Outcome, Status},
    problem::{Counted, Evaluations, Point},
    projected::{Bounds, L1, ProjectedLbfgs, Region, SmoothBox},
    projected_gradient::{Inertia, ProjectedGradient},
    projection::{Halfspace, Hyperplane, L1Ball, L2Ball, Projection, Simplex},
    search::{Armijo, Fixed, HagerZhang, Search, StrongWolfe},
    slices::{SliceObjective, minimize_fn},
    snapshot::{Remember, Snapshot, SnapshotError},
    stop::Stop,
    trust_region::{BoundedTrustRegion, Exact, Krylov, Quadratic, RegionStep, Steihaug, Subproblem, TrustRegion},
    vector::IntoVector,
};

/// Returns steepest descent with a strong Wolfe line search.
pub fn gradient_descent() -> LineSearch<Steepest, StrongWolfe> {
    LineSearch::new(Steepest, StrongWolfe::default())
}

/// Returns nonlinear conjugate gradients (Polak–Ribière+) with a nearly exact line search (c2 = 0.4).
pub fn nonlinear_cg() -> LineSearch<NonlinearCg, StrongWolfe> {
    LineSearch::new(NonlinearCg::default(), StrongWolfe { c2: 0.4, ..StrongWolfe::default() })
}

/// Returns BFGS with a dense inverse Hessian and a strong Wolfe line search.
pub fn bfgs() -> LineSearch<Bfgs, StrongWolfe> {
    LineSearch::new(Bfgs::default(), StrongWolfe::default())
}

/// Returns L-BFGS with a history of ten steps and a strong Wolfe line search.
pub fn lbfgs() -> LineSearch<Lbfgs, StrongWolfe> {
    LineSearch::new(Lbfgs::default(), StrongWolfe::default())
}

/// Returns projected L-BFGS within bounds, for problems that SciPy solves with L-BFGS-B.
///
/// The algorithm is not that of L-BFGS-B: see [`ProjectedLbfgs`].
pub fn lbfgs_b(bounds: Bounds) -> ProjectedLbfgs<Bounds> {
    ProjectedLbfgs::new(bounds)
}

/// Returns projected L-BFGS with an ℓ1 penalty, for problems that OWL-QN solves.
///
/// The algorithm is not that of OWL-QN: see [`ProjectedLbfgs`].
pub fn owlqn(penalty: L1) -> ProjectedLbfgs<L1> {
    ProjectedLbfgs::new(penalty)
}

/// Returns Newton's method with the dense Hessian, which is shifted if it is not positive definite.
pub fn newton() -> LineSearch<Newton, StrongWolfe> {
    LineSearch::new(Newton::default(), StrongWolfe::default())
}

/// Returns Newton's method with truncated conjugate gradients, which needs products H·v only.
pub fn newton_cg() -> LineSearch<NewtonCg, StrongWolfe> {
    LineSearch::new(NewtonCg::default(), StrongWolfe::default())
}

/// Returns Newton's method in a trust region, by Steihaug's conjugate gradients.
pub fn trust_ncg() -> TrustRegion<Steihaug> {
    TrustRegion::default()
}

/// Returns Newton's method in a trust region, by Lanczos's method, which is nearly exact and needs products H·v only.
pub fn trust_krylov() -> TrustRegion<Krylov> {
    TrustRegion::default()
}

/// Returns Newton's method in a trust region, by the exact minimum of the model, from the dense Hessian.
pub fn trust_exact() -> TrustRegion<Exact> {
    TrustRegion::default()
}

/// Returns Newton's method in a trust region within bounds, by conjugate gradients on the free variables.
pub fn tron(bounds: Bounds) -> BoundedTrustRegion {
    BoundedTrustRegion::new(bounds, Steihaug)
}
