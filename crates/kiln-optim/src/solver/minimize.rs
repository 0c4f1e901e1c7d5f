//! The loop.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};

use super::{
    EvaluationError, Objective, SolverError,
    outcome::{Iteration, Outcome, Status},
    problem::{Counted, Evaluations, Point, dot, read, rounding},
    snapshot::{Remember, Snapshot, SnapshotError, counted},
    stop::Stop,
};

/// A way to get from a point to a better one.
pub trait Solver<P: Objective> {
    /// What it remembers from step to step.
    type State: Remember;

    /// Refuses options that are out of range, or not made for vectors of `n` numbers.
    ///
    /// # Errors
    /// [`SolverError::Option`].
    fn validate(&self, n: usize) -> Result<(), SolverError>;

    /// Where it starts, which is `x` but where there are bounds, and what it knows there.
    ///
    /// # Errors
    /// When the function cannot be evaluated.
    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, Self::State), EvaluationError>;

    /// What must become as small as `gtol` at a solution: the largest absolute value in ∇f, but where there are bounds or an l1
    /// penalty.
    fn stationarity(&self, at: &Point) -> f64 {
        at.gradient_max
    }

    /// One step from `at`.
    ///
    /// # Errors
    /// When the function cannot be evaluated.
    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Self::State) -> Result<Move, EvaluationError>;
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
    Minimization::new(problem, start, solver, *stop)?.run(|_| ControlFlow::Continue(()))
}

/// A minimisation under way, which can be written down, and gone on with in another process.
///
/// ```
/// use std::ops::ControlFlow::{Break, Continue};
///
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Minimization, Snapshot, Stop, lbfgs};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::default();
/// let start = Tensor::<1>::from_data([4.0, -3.0, 2.0], &device);
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x.clone().square() * x.square().add_scalar(1.0)).sum());
/// let (solver, stop) = (lbfgs(), Stop::default());
/// let mut first = Minimization::new(&f, start, &solver, stop)?;
/// first.run(|m| if m.iterations() == 3 { Break(()) } else { Continue(()) })?;
/// let file = first.save().to_bytes();
///
/// let snapshot = Snapshot::from_bytes(&file)?;
/// let mut second = Minimization::resume(&f, &snapshot, &solver, stop, &device)?;
/// let outcome = second.run(|_| Continue(()))?;
/// assert!(outcome.success && outcome.iterations > 3);
/// # Ok(())
/// # }
/// ```
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
    best: Best,
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
        let [n] = start.dims();
        if n == 0 {
            return Err(SolverError::Option { name: "start", expected: "a vector of at least 1 number", got: 0.0 });
        }
        solver.validate(n)?;
        let problem = Counted::new(problem, Evaluations::default());
        let (at, state) = solver.start(&problem, start.without_autodiff())?;
        let stationarity = solver.stationarity(&at);
        let history = vec![record(0, &at, stationarity, 0.0, problem.counts())];
        let best = Best::of(&history);
        Ok(Self { problem, solver, stop, state, at, stationarity, best, history, status: None }.looked_at())
    }

    /// Goes on from a snapshot, on `device`, with the solver that made it; its options, and when to stop, may be others. The function is
    /// evaluated once, which does not count, to see that it is the one that the snapshot was made with.
    ///
    /// # Errors
    /// As [`minimize`], and [`SolverError::Snapshot`].
    pub fn resume(
        problem: &'a P,
        snapshot: &Snapshot,
        solver: &'a S,
        stop: Stop,
        device: &Device,
    ) -> Result<Self, SolverError> {
        stop.validate()?;
        let x = snapshot.point(device)?;
        solver.validate(x.dims()[0])?;
        let at = Point {
            value: snapshot.number("value")?,
            gradient: snapshot.vector("gradient", &x)?,
            gradient_max: snapshot.number("gradient.max")?,
            gradient_norm: snapshot.number("gradient.norm")?,
            x,
        };
        let (now, _) = solver.start(&Counted::new(problem, Evaluations::default()), at.x.clone())?;
        let history = snapshot.history()?;
        is_the_same(&at, &now, history.first())?;
        let counts = Evaluations {
            values: snapshot.count("evaluations.values")?,
            gradients: snapshot.count("evaluations.gradients")?,
            hessians: snapshot.count("evaluations.hessians")?,
        };
        Ok(Self {
            problem: Counted::new(problem, counts),
            solver,
            stop,
            state: S::State::load(snapshot, &at.x)?,
            stationarity: solver.stationarity(&at),
            at,
            best: Best::of(&history),
            history,
            status: None,
        }
        .looked_at())
    }

    /// All that [`resume`](Self::resume) needs.
    pub fn save(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let Point { x, value, gradient, gradient_max, gradient_norm } = &self.at;
        snapshot.put("x", x);
        snapshot.put("gradient", gradient);
        for (name, number) in [("value", *value), ("gradient.max", *gradient_max), ("gradient.norm", *gradient_norm)] {
            snapshot.put_number(name, number);
        }
        let Evaluations { values, gradients, hessians } = self.problem.counts();
        snapshot.put_number("evaluations.values", counted(values));
        snapshot.put_number("evaluations.gradients", counted(gradients));
        snapshot.put_number("evaluations.hessians", counted(hessians));
        snapshot.put_history(&self.history);
        self.state.save(&mut snapshot);
        snapshot
    }

    /// With the status of a point that no step has led to.
    fn looked_at(mut self) -> Self {
        self.status = if !self.at.is_finite() {
            Some(Status::NotFinite)
        } else if self.stationarity <= self.stop.gtol {
            Some(Status::GradientSmall)
        } else {
            self.stop.exhausted(&self.at, self.iterations(), self.since_best(), self.problem.counts())
        };
        self
    }

    /// The point that is reached.
    pub fn point(&self) -> &Point {
        &self.at
    }

    /// The start and every step, those before a resume included.
    pub fn history(&self) -> &[Iteration] {
        &self.history
    }

    /// The last of the history.
    pub fn last(&self) -> &Iteration {
        self.history.last().expect("it begins with the start")
    }

    /// Steps taken.
    pub fn iterations(&self) -> usize {
        self.last().iteration
    }

    /// Steps since the value or the gradient was last smaller than ever before.
    fn since_best(&self) -> usize {
        self.iterations() - self.best.iteration
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
        let iteration = self.iterations() + 1;
        let mut step = 0.0;
        if let Some(next) = next {
            let difference = next.x.clone() - self.at.x.clone();
            let [square, length] = read([dot(&difference, &difference), dot(&next.x, &next.x)]);
            step = square.sqrt();
            self.stationarity = self.solver.stationarity(&next);
            self.status = self.stop.converged(&self.at, &next, self.stationarity, step, length.sqrt());
            self.at = *next;
        }
        self.history.push(record(iteration, &self.at, self.stationarity, step, self.problem.counts()));
        let last = *self.last();
        self.best.look_at(&last);
        if self.status.is_none() {
            self.status = self.stop.exhausted(&self.at, iteration, self.since_best(), self.problem.counts());
        }
        Ok(self.status)
    }

    /// Steps until it ends, with a word to `callback` after each, the last too, which may end it.
    ///
    /// # Errors
    /// [`SolverError::Evaluation`].
    pub fn run(&mut self, mut callback: impl FnMut(&Self) -> ControlFlow<()>) -> Result<Outcome, SolverError> {
        loop {
            if let Some(status) = self.status {
                return Ok(self.outcome(status));
            }
            let before = self.history.len();
            self.step()?;
            if self.history.len() > before && callback(self).is_break() {
                self.status.get_or_insert(Status::Stopped);
            }
        }
    }

    fn outcome(&self, status: Status) -> Outcome {
        Outcome {
            x: self.at.x.clone(),
            gradient: self.at.gradient.clone(),
            value: self.at.value,
            grad_norm: self.stationarity,
            status,
            success: status.is_success(),
            message: status.message().to_owned(),
            iterations: self.iterations(),
            evaluations: self.problem.counts(),
            history: self.history.clone(),
        }
    }
}

/// The smallest value and gradient so far, and the step that made one of them so.
#[derive(Clone, Copy, Debug)]
struct Best {
    value: f64,
    grad_norm: f64,
    iteration: usize,
}

impl Best {
    fn of(history: &[Iteration]) -> Self {
        let mut best = Self { value: f64::INFINITY, grad_norm: f64::INFINITY, iteration: 0 };
        history.iter().for_each(|iteration| best.look_at(iteration));
        best
    }

    fn look_at(&mut self, iteration: &Iteration) {
        if iteration.value < self.value || iteration.grad_norm < self.grad_norm {
            self.iteration = iteration.iteration;
        }
        self.value = self.value.min(iteration.value);
        self.grad_norm = self.grad_norm.min(iteration.grad_norm);
    }
}

/// Refuses a point at which the function is not what it was. Half of the digits must agree, of numbers of the size that they had at the start:
/// near a minimum they are sums that cancel, and a device may add in another order.
fn is_the_same(then: &Point, now: &Point, start: Option<&Iteration>) -> Result<(), SnapshotError> {
    let (first_value, first_norm) = start.map_or((0.0, 0.0), |first| (first.value.abs(), first.grad_norm));
    let tolerance = rounding(&then.x).sqrt();
    let apart = |a: &Tensor<1>, b: &Tensor<1>| (a.clone() - b.clone()).abs().max();
    let [moved, turned] = read([apart(&then.x, &now.x), apart(&then.gradient, &now.gradient)]);
    let values = (then.value - now.value).abs() <= tolerance * then.value.abs().max(now.value.abs()).max(first_value);
    // What is not finite was the end of the run, and is so again.
    let same = moved == 0.0 && values && turned <= tolerance * then.gradient_max.max(now.gradient_max).max(first_norm);
    if same || !(then.is_finite() || now.is_finite()) {
        return Ok(());
    }
    Err(SnapshotError::Changed(format!("its value there is {}, and was {}", now.value, then.value)))
}

fn record(iteration: usize, at: &Point, grad_norm: f64, step: f64, counts: Evaluations) -> Iteration {
    Iteration { iteration, value: at.value, grad_norm, step, values: counts.values }
}
