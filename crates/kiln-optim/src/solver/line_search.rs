//! Solvers that choose a direction, then a step along it.

use burn::tensor::Tensor;

use super::{
    EvaluationError, Objective, SolverError,
    descent::{Descent, Heading},
    line::Line,
    method::{Move, Solver},
    problem::{Counted, Point},
    search::Search,
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// A solver that chooses a direction by a [`Descent`], then a step along it by a [`Search`].
///
/// # Example
/// ```
/// use kiln_optim::solver::{HagerZhang, Lbfgs, LineSearch, Stop, minimize_fn};
///
/// let solver = LineSearch::new(Lbfgs { history_size: 5 }, HagerZhang::default());
/// let bowl = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * (x[0] - 1.0);
///     (x[0] - 1.0).powi(2)
/// };
/// let outcome = minimize_fn(bowl, &[3.0], &solver, &Stop::default())?;
/// assert!(outcome.success && (outcome.to_vec()[0] - 1.0).abs() < 1e-5);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineSearch<D, S> {
    /// Chooses the direction.
    pub descent: D,
    /// Chooses the step along the direction.
    pub search: S,
}

impl<D, S> LineSearch<D, S> {
    /// Returns a solver with a descent and a search.
    pub fn new(descent: D, search: S) -> Self {
        Self { descent, search }
    }
}

/// What is remembered between steps.
#[derive(Clone, Debug)]
pub struct State<D> {
    descent: D,
    /// The decrease of the value in the last step.
    gain: Option<f64>,
}

impl<D: Remember> Remember for State<D> {
    fn save(&self, snapshot: &mut Snapshot) {
        self.descent.save(snapshot);
        snapshot.put_number("line.gain", self.gain.unwrap_or(f64::NAN));
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        let gain = Some(snapshot.number("line.gain")?).filter(|gain| !gain.is_nan());
        Ok(Self { descent: D::load(snapshot, x)?, gain })
    }
}

impl<P: Objective, D: Descent<P>, S: Search> Solver<P> for LineSearch<D, S> {
    type State = State<D::State>;

    fn validate(&self, _: usize) -> Result<(), SolverError> {
        self.search.validate()?;
        self.descent.validate()
    }

    fn memory(&self, n: usize, number: usize) -> u64 {
        self.descent.memory(n, number)
    }

    fn has_curvature(&self) -> bool {
        self.descent.has_curvature()
    }

    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, Self::State), EvaluationError> {
        Ok((problem.at(x)?, State { descent: self.descent.start(), gain: None }))
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Self::State) -> Result<Move, EvaluationError> {
        // If there is no lower point along a direction, forget the curvature and try the gradient.
        for attempt in 0..2 {
            let heading = match attempt {
                0 => self.descent.heading(problem, at, &mut state.descent)?,
                _ => Heading::steepest(at),
            };
            let descends = heading.slope < 0.0 && heading.slope.is_finite();
            let heading = if descends { heading } else { Heading::steepest(at) };
            let line = Line {
                problem,
                from: at,
                direction: &heading.direction,
                value: at.value,
                slope: heading.slope,
                first: heading.first_step(at, state.gain),
                rounding: problem.rounding(at),
            };
            if let Some(trial) = self.search.search(&line)? {
                state.gain = Some(at.value - trial.value);
                self.descent.moved(&mut state.descent, &heading, at, &trial);
                return Ok(Move::To(Box::new(trial.point)));
            }
            if attempt == 0 && self.descent.is_steepest() {
                break;
            }
            state.descent = self.descent.start();
            state.gain = None;
        }
        Ok(Move::Stuck)
    }
}
