//! L-BFGS with bounds or an ℓ1 penalty.

mod bounds;
mod l1;

use burn::tensor::Tensor;

pub use self::{bounds::Bounds, l1::L1};
use super::{
    EvaluationError, Objective, SolverError,
    descent::Memory,
    error::{at_least_one, within},
    method::{Move, Solver},
    minimum::Cone,
    problem::{Counted, Point, dots, epsilon, read},
    snapshot::{Remember, Snapshot, SnapshotError},
    vector::{HostVector, IntoVector},
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
    /// How near a bound counts as active, 0 or more.
    pub near: Tensor<1>,
    /// The gradient of the function plus penalty.
    pub gradient: Tensor<1>,
}

impl SmoothBox {
    pub(in crate::solver) fn project(&self, x: Tensor<1>) -> Tensor<1> {
        between(x, &self.lower, &self.upper)
    }

    /// 0 for a variable at an active bound, 1 for others. A bound is active if the gradient pulls the variable towards it or is 0.
    fn unbound(&self, x: &Tensor<1>) -> Tensor<1> {
        self.apart(x, self.lower.clone(), self.upper.clone())
    }

    /// 0 for a variable at or near an active bound, 1 for a free one.
    fn free(&self, x: &Tensor<1>) -> Tensor<1> {
        self.apart(x, self.lower.clone() + self.near.clone(), self.upper.clone() - self.near.clone())
    }

    /// The directions in which a point that is stationary up to `gtol` may be left without a slope.
    pub(in crate::solver) fn cone(&self, x: &Tensor<1>, gtol: f64) -> Cone {
        let [x, lower, upper, slopes] =
            [x, &self.lower, &self.upper, &self.gradient].map(|vector| vector.clone().into_vector());
        let mut cone = Cone::default();
        for (j, x) in x.into_iter().enumerate() {
            let (is_low, is_high) = (x <= lower[j], x >= upper[j]);
            let is_pressed = (is_low && slopes[j] > gtol) || (is_high && slopes[j] < -gtol);
            if is_pressed || (is_low && is_high) {
                cone.held.push(j);
            } else if is_low || is_high {
                cone.sides.push((j, if is_low { 1.0 } else { -1.0 }));
            }
        }
        cone
    }

    fn apart(&self, x: &Tensor<1>, lower: Tensor<1>, upper: Tensor<1>) -> Tensor<1> {
        let low = x.clone().lower_equal(lower).bool_and(self.gradient.clone().greater_equal_scalar(0.0));
        let high = x.clone().greater_equal(upper).bool_and(self.gradient.clone().lower_equal_scalar(0.0));
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
/// Variables at an active bound, or at zero, stay there, and those near an active bound move along the gradient. The free variables
/// take an L-BFGS step, which is projected on the bounds or on the orthant of x. The step is halved until the value decreases by `c1`
/// times the predicted decrease. It is doubled as long as the value still falls steeply beyond it (a Wolfe condition along the
/// projected path). It solves the problems of L-BFGS-B (Byrd, Lu, Nocedal and Zhu, 1995) and OWL-QN (Andrew and Gao, 2007) by another
/// algorithm.
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

    fn cone(&self, at: &Point, gtol: f64) -> Option<Cone> {
        Some(self.region.piece(at).cone(&at.x, gtol))
    }

    fn within(&self, x: Tensor<1>) -> Tensor<1> {
        self.region.nearest(x)
    }

    fn penalty(&self, x: &Tensor<1>) -> f64 {
        self.region.penalty(x).map_or(0.0, |penalty| read([penalty])[0])
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut State) -> Result<Move, EvaluationError> {
        let State { memory, length } = state;
        let piece = self.region.piece(at);
        let free = piece.free(&at.x);
        // If the difference of two values is below rounding, the gradient decides. The function and the penalty may cancel.
        let penalty = Solver::<P>::penalty(self, &at.x);
        let noise = problem.rounding_of(at, (at.value - penalty).abs() + penalty);
        let path = Path { solver: self, problem, at, piece: &piece, noise };
        for attempt in 0..2 {
            let (direction, first) = if memory.is_empty() {
                let gradient = piece.gradient.clone() * piece.unbound(&at.x);
                let [square, size] = dots([[&gradient, &gradient], [&at.x, &at.x]]);
                // The first step is at most 1 long, but so long that rounding does not hide it. The next ones are twice as long as the
                // last step.
                let norm = square.sqrt();
                let first = norm.recip().min(1.0).max(epsilon(&at.x).sqrt() * size.sqrt() / norm);
                (gradient.neg(), if *length > 0.0 { 2.0 * *length / norm } else { first })
            } else {
                let masked = memory.masked(&free);
                let others = piece.gradient.clone() * (free.ones_like() - free.clone()) * masked.scale();
                ((masked.times(&(piece.gradient.clone() * free.clone())) + others).neg(), 1.0)
            };
            if let Some(found) = path.search(&direction, first)? {
                *length = found.length;
                // If a pair is rejected, drop the oldest one, so that stale curvature ages out.
                if !memory.learn(at, &found.point, self.history_size) {
                    memory.forget_oldest();
                }
                return Ok(Move::To(Box::new(found.point)));
            }
            if attempt == 0 && memory.is_empty() {
                break;
            }
            *memory = Memory::default();
        }
        Ok(Move::Stuck)
    }
}

/// The projection of a line on a box.
struct Path<'a, P, R> {
    solver: &'a ProjectedLbfgs<R>,
    problem: &'a Counted<'a, P>,
    at: &'a Point,
    piece: &'a SmoothBox,
    noise: f64,
}

/// A point on the path.
struct Found {
    point: Point,
    length: f64,
    /// Whether the function still falls steeply along the path.
    falls: bool,
}

impl<P: Objective, R: Region> Path<'_, P, R> {
    /// Halves the step until it is good enough, or doubles it as long as it gets better.
    fn search(&self, direction: &Tensor<1>, first: f64) -> Result<Option<Found>, EvaluationError> {
        let mut t = first;
        for trial in 0..self.solver.max_trials {
            match self.point(direction, t)? {
                Some(found) if trial == 0 && found.falls => return self.extend(direction, t, found).map(Some),
                Some(found) => return Ok(Some(found)),
                None => t *= 0.5,
            }
        }
        Ok(None)
    }

    fn extend(&self, direction: &Tensor<1>, first: f64, found: Found) -> Result<Found, EvaluationError> {
        let (mut t, mut best) = (first, found);
        for _ in 1..self.solver.max_trials {
            t *= 2.0;
            let Some(next) = self.point(direction, t)?.filter(|next| next.point.value < best.point.value) else {
                break;
            };
            // The path ends at a corner of the box.
            let is_longer = next.length > best.length;
            best = next;
            if !(best.falls && is_longer) {
                break;
            }
        }
        Ok(best)
    }

    /// The point of the path for a step t, if it is good enough.
    fn point(&self, direction: &Tensor<1>, t: f64) -> Result<Option<Found>, EvaluationError> {
        /// The slope at a step that is long enough, relative to that at its start.
        const C2: f64 = 0.9;
        let Self { solver, problem, at, piece, noise } = self;
        let x = piece.project(at.x.clone() + direction.clone() * t);
        let step = x.clone() - at.x.clone();
        let point = solver.at(problem, x)?;
        let gradient = point.gradient.clone() - at.gradient.clone() + piece.gradient.clone();
        let [promise, square, slope] = dots([[&piece.gradient, &step], [&step, &step], [&gradient, &step]]);
        let lower = point.value < at.value && point.value <= at.value + solver.c1 * promise;
        let lost = -promise <= *noise && point.value <= at.value + noise;
        let flatter = || solver.region.stationarity(&point) < solver.region.stationarity(at);
        let is_good = point.is_finite() && promise < 0.0 && (lower || (lost && flatter()));
        Ok(is_good.then_some(Found { point, length: square.sqrt(), falls: slope < C2 * promise }))
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
