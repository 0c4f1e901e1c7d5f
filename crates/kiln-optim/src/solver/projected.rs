//! L-BFGS where some coordinates are held: at bounds, or at zero by an l1 penalty.

mod bounds;
mod l1;

use burn::tensor::Tensor;

pub use self::{bounds::Bounds, l1::L1};
use super::{
    EvaluationError, Objective, SolverError,
    descent::Memory,
    minimize::{Move, Solver},
    problem::{Counted, Point, dot, read, rounding},
    search::{at_least_one, within},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// Where a solver may look, or what it pays for looking there.
pub trait Region {
    /// Refuses vectors of `n` numbers that it is not made for.
    ///
    /// # Errors
    /// [`SolverError::Option`].
    fn validate(&self, n: usize) -> Result<(), SolverError>;

    /// The nearest point to `x` at which the solver may start.
    fn nearest(&self, x: Tensor<1>) -> Tensor<1>;

    /// What is added to the function, `[1]`; none for nothing.
    fn penalty(&self, x: &Tensor<1>) -> Option<Tensor<1>>;

    /// The box around `at` in which the function and its penalty are smooth.
    fn piece(&self, at: &Point) -> Piece;

    /// What must become small, [`Solver::stationarity`].
    fn stationarity(&self, at: &Point) -> f64;
}

/// A box, lower ≤ x ≤ upper, with the gradient that holds in it, each `[n]`.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Lower bounds, −∞ where there is none.
    pub lower: Tensor<1>,
    /// Upper bounds, ∞ where there is none.
    pub upper: Tensor<1>,
    /// The gradient of the function and its penalty.
    pub gradient: Tensor<1>,
}

impl Piece {
    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        between(x, &self.lower, &self.upper)
    }

    /// 1 where a coordinate may move, 0 where it is at a bound to which the gradient pulls it, or that the gradient leaves it at.
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
    /// How long the last step was, 0 before the first.
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

/// Minimises within [`Bounds`], or with an [`L1`] penalty, by projection in two metrics (Bertsekas, 1982; Schmidt, Kim and Sra,
/// 2011): coordinates that are held at a bound, or at zero, stay there; the others take the step of L-BFGS among themselves;
/// and the step is projected on the bounds, or on the orthant, and halved until the value falls by `c1` of what the gradient promises.
/// These are the problems of L-BFGS-B (Byrd, Lu, Nocedal and Zhu, 1995) and of OWL-QN (Andrew and Gao, 2007).
#[derive(Clone, Debug)]
pub struct ProjectedLbfgs<R> {
    /// The bounds or the penalty.
    pub region: R,
    /// How many steps are remembered, at least 1. Default 10.
    pub history_size: usize,
    /// Which part of the promised decrease must be won, in (0, ½). Default 1e-4.
    pub c1: f64,
    /// Points tried along one direction. Default 40.
    pub max_trials: usize,
}

impl<R> ProjectedLbfgs<R> {
    /// With the defaults.
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
        // Where the difference of two values is lost in rounding, the gradient must say which is better. Function and penalty may cancel, and
        // the function may be a sum of terms that do: of terms of the size of 1 at least.
        let penalty = self.region.penalty(&at.x).map_or(0.0, |penalty| read([penalty])[0]);
        let noise = 10.0 * rounding(&at.x) * ((at.value - penalty).abs() + penalty).max(1.0);
        for attempt in 0..2 {
            let (direction, mut t) = if memory.is_empty() {
                let [square] = read([dot(&gradient, &gradient)]);
                // Of length 1 at first, and then twice as long as the last.
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
                    // What is not confirmed is not kept for ever.
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

#[allow(clippy::cast_precision_loss, reason = "a length, for a message")]
fn length(vector: &Tensor<1>) -> f64 {
    vector.dims()[0] as f64
}

fn fits(name: &'static str, vector: &Tensor<1>, n: usize) -> Result<(), SolverError> {
    if vector.dims() == [n] {
        return Ok(());
    }
    Err(SolverError::Option { name, expected: "as long as the start", got: length(vector) })
}
