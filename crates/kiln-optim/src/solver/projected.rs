//! L-BFGS with bounds or an ℓ1 penalty.

mod bounds;
mod l1;

use burn::tensor::Tensor;

pub use self::{bounds::Bounds, l1::L1};
use super::{
    EvaluationError, Objective, SolverError,
    descent::Memory,
    error::{at_least_one, within},
    minimize::{Move, Solver},
    problem::{Counted, Point, dot, epsilon, read},
    snapshot::{Remember, Snapshot, SnapshotError},
    vector::HostVector,
};

/// Bounds or a penalty for [`ProjectedLbfgs`].
pub trait Region {
    /// Checks that the region suits vectors of `n` numbers.
    ///
    /// # Errors
    /// Returns [`SolverError::Length`].
    fn validate(&self, n: usize) -> Result<(), SolverError>;

    /// Returns the point nearest to `x` at which the solver may start.
    fn nearest(&self, x: Tensor<1>) -> Tensor<1>;

    /// Returns the penalty that is added to the function, `[1]`, if there is one.
    fn penalty(&self, x: &Tensor<1>) -> Option<Tensor<1>>;

    /// Returns a box around `at` in which the function plus penalty is smooth.
    fn piece(&self, at: &Point) -> SmoothBox;

    /// Returns the optimality measure: see [`Solver::stationarity`].
    fn stationarity(&self, at: &Point) -> f64;
}

/// A box lower ≤ x ≤ upper with the gradient that is valid in it, each `[n]`.
#[derive(Clone, Debug)]
pub struct SmoothBox {
    /// Lower bounds; −∞ means no bound.
    pub lower: Tensor<1>,
    /// Upper bounds; ∞ means no bound.
    pub upper: Tensor<1>,
    /// The gradient of the function plus penalty.
    pub gradient: Tensor<1>,
}

impl SmoothBox {
    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        between(x, &self.lower, &self.upper)
    }

    /// 0 for a variable at an active bound, 1 for a free one. A bound is active if the gradient pulls the variable towards it or is
    /// 0.
    fn free(&self, x: &Tensor<1>) -> Tensor<1> {
        let low = x.clone().lower_equal(self.lower.clone()).bool_and(self.gradient.clone().greater_equal_scalar(0.0));
        let high = x.clone().greater_equal(self.upper.clone()).bool_and(self.gradient.clone().lower_equal_scalar(0.0));
        x.ones_like().mask_fill(low.bool_or(high), 0.0)
    }
}

/// What is remembered between steps.
#[derive(Clone, Debug, Default)]
pub struct State {
    memory: Memory,
    /// The length of the last step, 0 before the first one.
    length: f64,
}

impl Remember for State {
    fn save(&self, snapshot: &mut Snapshot) {
        self.memory.save(snapshot);
        snapshot.put_number("projected.length", self.length);
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        Ok(Self { length: snapshot.finite("projected.length")?, memory: Memory::load(snapshot, x)? })
    }
}

/// L-BFGS within [`Bounds`] or with an [`L1`] penalty, by projection.
///
/// Variables at an active bound, or at zero, stay there. The free variables take an L-BFGS step, which is projected on the bounds
/// or on the orthant of x. The step is halved until the value decreases by `c1` times the predicted decrease. It solves the
/// problems of L-BFGS-B (Byrd, Lu, Nocedal and Zhu, 1995) and OWL-QN (Andrew and Gao, 2007) by another algorithm.
///
/// # Example
/// ```
/// use kiln_optim::solver::{Bounds, ProjectedLbfgs, Stop, minimize_fn};
///
/// let solver = ProjectedLbfgs { history_size: 20, ..ProjectedLbfgs::new(Bounds::new([0.0], [0.5])?) };
/// let square = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * (x[0] - 1.0);
///     (x[0] - 1.0).powi(2)
/// };
/// assert_eq!(minimize_fn(square, &[0.1], &solver, &Stop::default())?.to_vec(), [0.5]);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Bertsekas, *Projected Newton methods* (1982). Schmidt, Kim and Sra, *Projected Newton-type methods in machine learning* (2011).
#[derive(Clone, Debug)]
pub struct ProjectedLbfgs<R> {
    /// The bounds or the penalty.
    pub region: R,
    /// Number of steps that L-BFGS remembers, at least 1. Default 10.
    pub history_size: usize,
    /// Fraction of the predicted decrease that a step must reach, in (0, ½). Default 1e-4.
    pub c1: f64,
    /// Maximum number of points per line search. Default 40.
    pub max_trials: usize,
}

impl<R> ProjectedLbfgs<R> {
    /// Returns a solver with default options.
    pub fn new(region: R) -> Self {
        Self { region, history_size: 10, c1: 1e-4, max_trials: 40 }
    }
}

impl<R: Region> ProjectedLbfgs<R> {
    fn at<P: Objective>(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<Point, EvaluationError> {
        let penalty = self.region.penalty(&x);
        problem.penalised(x, penalty)
    }
}

impl<P: Objective, R: Region> Solver<P> for ProjectedLbfgs<R> {
    type State = State;

    fn validate(&self, n: usize) -> Result<(), SolverError> {
        within("c1", self.c1, 0.0, 0.5, "in (0, 0.5)")?;
        at_least_one("history_size", self.history_size)?;
        at_least_one("max_trials", self.max_trials)?;
        self.region.validate(n)
    }

    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, State), EvaluationError> {
        Ok((self.at(problem, self.region.nearest(x))?, State::default()))
    }

    fn stationarity(&self, at: &Point) -> f64 {
        self.region.stationarity(at)
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut State) -> Result<Move, EvaluationError> {
        let State { memory, length } = state;
        let piece = self.region.piece(at);
        let free = piece.free(&at.x);
        let gradient = piece.gradient.clone() * free.clone();
        // If the difference of two values is below rounding, the gradient decides. The function and the penalty may cancel, and the
        // function may be a sum that cancels, so terms of size 1 or more are assumed.
        let penalty = self.region.penalty(&at.x).map_or(0.0, |penalty| read([penalty])[0]);
        let noise = 10.0 * epsilon(&at.x) * ((at.value - penalty).abs() + penalty).max(1.0);
        for attempt in 0..2 {
            let (direction, mut t) = if memory.is_empty() {
                let [square] = read([dot(&gradient, &gradient)]);
                // The first step has length 1, the next ones twice the length of the last step.
                let norm = square.sqrt();
                (gradient.clone().neg(), if *length > 0.0 { 2.0 * *length / norm } else { norm.recip().min(1.0) })
            } else {
                (memory.masked(&free).times(&gradient).neg(), 1.0)
            };
            for _ in 0..self.max_trials {
                let x = piece.project(at.x.clone() + direction.clone() * t);
                let step = x.clone() - at.x.clone();
                let [promise, square] = read([dot(&gradient, &step), dot(&step, &step)]);
                let point = self.at(problem, x)?;
                let lower = point.value < at.value && point.value <= at.value + self.c1 * promise;
                let lost = -promise <= noise && point.value <= at.value + noise;
                let flatter = || self.region.stationarity(&point) < self.region.stationarity(at);
                if point.is_finite() && promise < 0.0 && (lower || (lost && flatter())) {
                    *length = square.sqrt();
                    // If a pair is rejected, drop the oldest one, so that stale curvature ages out.
                    if !memory.learn(at, &point, self.history_size) {
                        memory.forget_oldest();
                    }
                    return Ok(Move::To(Box::new(point)));
                }
                t *= 0.5;
            }
            if attempt == 0 && memory.is_empty() {
                break;
            }
            *memory = Memory::default();
        }
        Ok(Move::Stuck)
    }
}

/// The nearest point in the box.
fn between(x: Tensor<1>, lower: &Tensor<1>, upper: &Tensor<1>) -> Tensor<1> {
    x.max_pair(lower.clone()).min_pair(upper.clone())
}

fn fits(name: &'static str, vector: &HostVector, n: usize) -> Result<(), SolverError> {
    let got = vector.numbers().len();
    if got == n { Ok(()) } else { Err(SolverError::Length { name, expected: n, got }) }
}
