//! A step within a region in which the quadratic model is trusted.

mod bounded;
mod exact;
mod krylov;
mod more_sorensen;
mod radius;
mod steihaug;
mod subproblem;

use burn::tensor::Tensor;

use self::radius::{Radius, Trial};
pub use self::{
    bounded::BoundedTrustRegion,
    exact::Exact,
    krylov::Krylov,
    steihaug::Steihaug,
    subproblem::{Quadratic, RegionStep, Subproblem},
};
use super::{
    EvaluationError, Objective, SolverError,
    method::{Move, Solver},
    problem::{Counted, Point},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// Newton's method in a trust region.
///
/// The step p minimises the model f + ∇f·p + ½·pᵀ·H·p within ‖p‖ ≤ Δ, by a [`Subproblem`]: [`Steihaug`], [`Krylov`] or [`Exact`]. The
/// radius Δ grows if the model is good and the step reaches the boundary, and shrinks if the model is bad. Directions of negative
/// curvature are followed to the boundary, so the solver leaves saddle points.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Exact, Stop, TrustRegion, minimize};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::from_data([3.0], &Device::default());
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x - 1.0).square());
/// let solver = TrustRegion { initial_radius: 0.5, ..TrustRegion::new(Exact) };
/// assert!(minimize(&f, start, &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Nocedal and Wright, *Numerical Optimization* (2006), algorithm 4.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrustRegion<M = Steihaug> {
    /// How the model is minimised.
    pub subproblem: M,
    /// The radius Δ at the start. Default 1.
    pub initial_radius: f64,
    /// The maximum of Δ. Default 1000.
    pub max_radius: f64,
    /// A step is accepted if the value decreases by more than this fraction of the predicted decrease, in [0, ¼). Default 0.15.
    pub eta: f64,
}

impl<M> TrustRegion<M> {
    /// Returns a solver with default options.
    pub fn new(subproblem: M) -> Self {
        Self { subproblem, initial_radius: 1.0, max_radius: 1000.0, eta: 0.15 }
    }

    fn radius(&self) -> Radius {
        Radius { initial: self.initial_radius, max: self.max_radius, eta: self.eta }
    }
}

impl<M: Default> Default for TrustRegion<M> {
    fn default() -> Self {
        Self::new(M::default())
    }
}

/// The radius Δ, and what is known at the point.
#[derive(Clone, Copy, Debug)]
pub struct State<K> {
    radius: f64,
    known: K,
}

impl<K: Remember> Remember for State<K> {
    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put_number("trust-region.radius", self.radius);
        self.known.save(snapshot);
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        Ok(Self { radius: snapshot.finite("trust-region.radius")?, known: K::load(snapshot, x)? })
    }
}

impl<P: Objective, M: Subproblem<P>> Solver<P> for TrustRegion<M> {
    type State = State<M::Known>;

    fn validate(&self, _: usize) -> Result<(), SolverError> {
        self.radius().validate()?;
        self.subproblem.validate()
    }

    fn memory(&self, n: usize, number: usize) -> u64 {
        self.subproblem.memory(n, number)
    }

    fn has_curvature(&self) -> bool {
        true
    }

    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, Self::State), EvaluationError> {
        Ok((problem.at(x)?, State { radius: self.initial_radius, known: M::Known::default() }))
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Self::State) -> Result<Move, EvaluationError> {
        let State { radius, known } = state;
        let step = self.subproblem.model(problem, at, known)?.minimise(&at.gradient, None, *radius)?;
        if step.promise.is_nan() || step.promise <= 0.0 {
            return Ok(Move::Stuck);
        }
        let (point, _) = problem.along(at.x.clone() + step.p.clone(), &step.p)?;
        let flatter = point.gradient_norm < at.gradient_norm;
        let trial = Trial { promise: step.promise, at_rim: step.at_rim, flatter };
        let next = self.radius().judge(problem, at, point, &trial, radius);
        if matches!(next, Move::To(_)) {
            *known = M::Known::default();
        }
        Ok(next)
    }
}
