//! The loop.

use std::ops::ControlFlow;

use burn::tensor::Tensor;

use super::{
    Objective, SolverError,
    outcome::{Iteration, Outcome, Status},
    problem::{Counted, Evaluations, Point, dot, read},
    stop::Stop,
};

/// A way to get from a point to a better one.
pub trait Solver<P: Objective> {
    /// What it remembers from step to step.
    type State;

    /// What it knows at the start.
    ///
    /// # Errors
    /// [`SolverError::Option`].
    fn start(&self, at: &Point) -> Result<Self::State, SolverError>;

    /// The nearest point at which the solver may start. `x` itself, but where there are bounds.
    fn feasible(&self, x: Tensor<1>) -> Tensor<1> {
        x
    }

    /// What must become as small as `gtol` at a solution: the largest absolute value in ∇f, but where there are bounds.
    fn stationarity(&self, at: &Point) -> f64 {
        at.gradient_max
    }

    /// One step from `at`.
    ///
    /// # Errors
    /// [`SolverError::Evaluation`].
    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Self::State) -> Result<Move, SolverError>;
}

/// What one step comes to.
#[derive(Clone, Debug)]
pub enum Move {
    /// A point that is accepted.
    To(Box<Point>),
    /// The step is refused, and the solver has learnt from it: it tries a smaller region.
    Refused,
    /// There is no better point to be found.
    Stuck,
}

/// Minimises `problem` from `start`.
///
/// # Errors
/// When an option is out of its range, or the function cannot be evaluated; whatever else happens is a [`Status`].
pub fn minimize<P: Objective, S: Solver<P>>(
    problem: &P,
    start: Tensor<1>,
    solver: &S,
    stop: &Stop,
) -> Result<Outcome, SolverError> {
    Minimization::new(problem, start, solver, *stop)?.run(|_, _| ControlFlow::Continue(()))
}

/// A minimisation under way.
pub struct Minimization<'a, P, S: Solver<P>>
where
    P: Objective,
{
    problem: Counted<'a, P>,
    solver: &'a S,
    stop: Stop,
    state: S::State,
    at: Point,
    stationarity: f64,
    iterations: usize,
    history: Vec<Iteration>,
    status: Option<Status>,
}

impl<'a, P: Objective, S: Solver<P>> Minimization<'a, P, S> {
    /// Evaluates the function at `start`, with one value and one gradient.
    ///
    /// # Errors
    /// As [`minimize`].
    pub fn new(problem: &'a P, start: Tensor<1>, solver: &'a S, stop: Stop) -> Result<Self, SolverError> {
        stop.validate()?;
        let problem = Counted::new(problem, Evaluations::default());
        let at = problem.at(solver.feasible(start.without_autodiff()))?;
        let state = solver.start(&at)?;
        let stationarity = solver.stationarity(&at);
        let status = if !at.is_finite() {
            Some(Status::NotFinite)
        } else if stationarity <= stop.gtol {
            Some(Status::GradientSmall)
        } else {
            stop.exhausted(&at, 0, problem.counts())
        };
        let history = vec![record(0, &at, stationarity, 0.0, problem.counts())];
        Ok(Self { problem, solver, stop, state, at, stationarity, iterations: 0, history, status })
    }

    /// The point that is reached.
    pub fn point(&self) -> &Point {
        &self.at
    }

    /// Why it ended, once it has.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// One step, unless it has ended. A step that is refused counts as an iteration, as in SciPy.
    ///
    /// # Errors
    /// [`SolverError::Evaluation`].
    pub fn step(&mut self) -> Result<Option<Status>, SolverError> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let next = match self.solver.step(&self.problem, &self.at, &mut self.state)? {
            Move::Stuck => {
                self.status = Some(Status::LineSearchFailed);
                return Ok(self.status);
            }
            Move::Refused => None,
            Move::To(next) => Some(next),
        };
        self.iterations += 1;
        let mut step = 0.0;
        if let Some(next) = next {
            let difference = next.x.clone() - self.at.x.clone();
            let [square, length] = read([dot(&difference, &difference), dot(&next.x, &next.x)]);
            step = square.sqrt();
            self.stationarity = self.solver.stationarity(&next);
            self.status = self.stop.converged(&self.at, &next, self.stationarity, step, length.sqrt());
            self.at = *next;
        }
        self.history.push(record(self.iterations, &self.at, self.stationarity, step, self.problem.counts()));
        if self.status.is_none() {
            self.status = self.stop.exhausted(&self.at, self.iterations, self.problem.counts());
        }
        Ok(self.status)
    }

    /// Steps until it ends, with a word to `callback` after each, the last too, which may end it.
    ///
    /// # Errors
    /// [`SolverError::Evaluation`].
    pub fn run(
        mut self,
        mut callback: impl FnMut(&Iteration, &Point) -> ControlFlow<()>,
    ) -> Result<Outcome, SolverError> {
        while self.status.is_none() {
            let before = self.history.len();
            self.step()?;
            let [.., last] = &self.history[before..] else { continue };
            if callback(last, &self.at).is_break() {
                self.status.get_or_insert(Status::Stopped);
            }
        }
        Ok(self.outcome())
    }

    fn outcome(self) -> Outcome {
        let status = self.status.expect("it has ended");
        Outcome {
            value: self.at.value,
            grad_norm: self.stationarity,
            x: self.at.x,
            gradient: self.at.gradient,
            status,
            success: status.is_success(),
            message: status.message().to_owned(),
            iterations: self.iterations,
            evaluations: self.problem.counts(),
            history: self.history,
        }
    }
}

fn record(iteration: usize, at: &Point, grad_norm: f64, step: f64, counts: Evaluations) -> Iteration {
    Iteration { iteration, value: at.value, grad_norm, step, values: counts.values }
}
