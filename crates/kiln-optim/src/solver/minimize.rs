//! The loop that runs every solver.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use kiln_tensor::memory;

use super::{
    Objective, SolverError,
    best::Best,
    method::{Move, Solver},
    minimum::{Downhill, Lower, Moves, lower},
    outcome::{Iteration, Outcome, Status},
    problem::{Counted, Evaluations, Point, dots, epsilon, read},
    snapshot::{Remember, Snapshot, SnapshotError, counted},
    stop::Stop,
    stuck,
};

/// Minimises `problem` from `start`.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range or the function cannot be evaluated. Everything else is a [`Status`] of
/// the outcome.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Stop, minimize, newton};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::from_data([3.0, -1.0], &Device::default());
/// let bowl = Function::of_vector(start.clone(), |x: Tensor<1>| (x.clone() - 1.0).square().sum() + x.square().square().sum());
/// let outcome = minimize(&bowl, start, &newton(), &Stop::default())?;
/// assert!(outcome.success, "{}", outcome.message);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
pub fn minimize<P: Objective, S: Solver<P>>(
    problem: &P,
    start: Tensor<1>,
    solver: &S,
    stop: &Stop,
) -> Result<Outcome, SolverError> {
    Minimization::new(problem, start, solver, *stop)?.run(|_| ControlFlow::Continue(()))
}

/// A minimisation in progress, which can be saved and continued in another process.
///
/// # Example
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
    downhill: Option<Downhill>,
    /// Number of stationary points that were left.
    left: usize,
}

/// Maximum number of stationary points that a run leaves.
const MAX_LEFT: usize = 20;

impl<'a, P: Objective, S: Solver<P>> Minimization<'a, P, S> {
    /// Evaluates the function at `start`, which counts as one value and one gradient.
    ///
    /// # Errors
    /// Those of [`minimize`].
    pub fn new(problem: &'a P, start: Tensor<1>, solver: &'a S, stop: Stop) -> Result<Self, SolverError> {
        stop.validate()?;
        let [n] = start.dims();
        if n == 0 {
            return Err(SolverError::Option { name: "start", expected: "a vector with at least 1 number", got: 0.0 });
        }
        check::<P, S>(solver, &start)?;
        let problem = Counted::new(problem, Evaluations::default());
        let (at, state) = solver.start(&problem, start.without_autodiff())?;
        let stationarity = solver.stationarity(&at);
        let history = vec![record(0, &at, stationarity, 0.0, problem.counts())];
        let best = Best::of(&history);
        let (status, downhill, left) = (None, None, 0);
        let run = Self { problem, solver, stop, state, at, stationarity, best, history, status, downhill, left };
        run.looked_at().confirmed()
    }

    /// Continues from a snapshot on `device`, with the solver that made it. The solver's options and `stop` may differ.
    ///
    /// The function is evaluated once, which is not counted, to check that it is the one of the snapshot.
    ///
    /// # Errors
    /// Those of [`minimize`], and [`SolverError::Snapshot`].
    pub fn resume(
        problem: &'a P,
        snapshot: &Snapshot,
        solver: &'a S,
        stop: Stop,
        device: &Device,
    ) -> Result<Self, SolverError> {
        stop.validate()?;
        let x = snapshot.point(device)?;
        check::<P, S>(solver, &x)?;
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
        Self {
            problem: Counted::new(problem, counts),
            solver,
            stop,
            state: S::State::load(snapshot, &at.x)?,
            stationarity: solver.stationarity(&at),
            at,
            best: Best::of(&history),
            history,
            status: None,
            downhill: None,
            left: 0,
        }
        .looked_at()
        .confirmed()
    }

    /// Returns all that [`resume`](Self::resume) needs.
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

    /// Sets the status of a point that was not reached by a step.
    fn looked_at(mut self) -> Self {
        self.look();
        self
    }

    fn look(&mut self) {
        self.status = if !self.at.is_finite() {
            Some(Status::NotFinite)
        } else if self.stationarity <= self.stop.gtol {
            Some(Status::GradientSmall)
        } else {
            self.stop.exhausted(&self.at, self.iterations(), self.since_best(), self.problem.counts())
        };
    }

    /// Tests a converged point. A solver with curvature goes on from one that is no minimum.
    fn confirmed(mut self) -> Result<Self, SolverError> {
        self.confirm()?;
        Ok(self)
    }

    fn confirm(&mut self) -> Result<(), SolverError> {
        if !self.status.is_some_and(Status::is_success) {
            return Ok(());
        }
        let has_curvature = self.solver.has_curvature();
        let x = self.at.x.clone();
        // The products are asked for only where they matter.
        let could = self.stop.check_minimum.applies(has_curvature, true, &x);
        if !could || !self.stop.check_minimum.applies(has_curvature, self.problem.has_products(&x), &x) {
            return Ok(());
        }
        let Some(cone) = self.solver.cone(&self.at, self.stop.gtol) else { return Ok(()) };
        let moves = Moves { within: &|x| self.solver.within(x), penalty: &|x| self.solver.penalty(x) };
        let Some(Lower { downhill, x }) = lower(&self.problem, &self.at, &cone, self.stop.gtol, &moves)? else {
            return Ok(());
        };
        if !has_curvature || self.left == MAX_LEFT {
            self.downhill = Some(downhill);
            self.status = Some(Status::StationaryNotMinimum);
            return Ok(());
        }
        self.left += 1;
        let (at, state) = self.solver.start(&self.problem, x)?;
        let difference = at.x.clone() - self.at.x.clone();
        let [square] = dots([[&difference, &difference]]);
        self.stationarity = self.solver.stationarity(&at);
        (self.at, self.state) = (at, state);
        self.history.push(record(
            self.iterations() + 1,
            &self.at,
            self.stationarity,
            square.sqrt(),
            self.problem.counts(),
        ));
        let last = *self.last();
        self.best.look_at(&last);
        // The gradient there is larger than gtol, so that this ends.
        self.status = None;
        self.look();
        self.confirm()
    }

    /// Returns the current point.
    pub fn point(&self) -> &Point {
        &self.at
    }

    /// Returns the start and every step, including those before a resume.
    pub fn history(&self) -> &[Iteration] {
        &self.history
    }

    /// Returns the last entry of the history.
    pub fn last(&self) -> &Iteration {
        self.history.last().expect("it begins with the start")
    }

    /// Returns the number of iterations.
    pub fn iterations(&self) -> usize {
        self.last().iteration
    }

    /// Number of iterations since the value or the gradient was last a new minimum.
    fn since_best(&self) -> usize {
        self.iterations() - self.best.iteration
    }

    /// Returns why the minimisation ended, if it has.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// Takes one step, unless the minimisation has ended. A rejected step counts as an iteration, as in SciPy.
    ///
    /// # Errors
    /// Returns [`SolverError::Evaluation`].
    pub fn step(&mut self) -> Result<Option<Status>, SolverError> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let next = match self.solver.step(&self.problem, &self.at, &mut self.state)? {
            Move::Stuck => {
                self.status = Some(stuck::why(&self.problem, &self.at)?);
                return Ok(self.status);
            }
            Move::Refused => None,
            Move::To(next) => Some(next),
        };
        let iteration = self.iterations() + 1;
        let mut step = 0.0;
        if let Some(next) = next {
            let difference = next.x.clone() - self.at.x.clone();
            let [square, length] = dots([[&difference, &difference], [&next.x, &next.x]]);
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
        self.confirm()?;
        Ok(self.status)
    }

    /// Runs until the minimisation ends. Calls `callback` after each iteration; it stops the run by returning `Break`.
    ///
    /// # Errors
    /// Returns [`SolverError::Evaluation`].
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
            downhill: self.downhill.clone(),
            evaluations: self.problem.counts(),
            history: self.history.clone(),
        }
    }
}

/// Checks the solver's options and its memory.
fn check<P: Objective, S: Solver<P>>(solver: &S, x: &Tensor<1>) -> Result<(), SolverError> {
    let [n] = x.dims();
    solver.validate(n)?;
    let bytes = solver.memory(n, x.dtype().size());
    Ok(memory::check(&format!("the solver's matrices for {n} variables"), bytes)?)
}

/// Checks that the function has the value and gradient of the snapshot. Half of the digits must agree, relative to their size at
/// the start: near a minimum they are differences of large sums, and another device may sum in another order.
fn is_the_same(then: &Point, now: &Point, start: Option<&Iteration>) -> Result<(), SnapshotError> {
    let (first_value, first_norm) = start.map_or((0.0, 0.0), |first| (first.value.abs(), first.grad_norm));
    let tolerance = epsilon(&then.x).sqrt();
    let apart = |a: &Tensor<1>, b: &Tensor<1>| (a.clone() - b.clone()).abs().max();
    let [moved, turned] = read([apart(&then.x, &now.x), apart(&then.gradient, &now.gradient)]);
    let values = (then.value - now.value).abs() <= tolerance * then.value.abs().max(now.value.abs()).max(first_value);
    // A run that ended because of a number that is not finite ends in the same way again.
    let same = moved == 0.0 && values && turned <= tolerance * then.gradient_max.max(now.gradient_max).max(first_norm);
    if same || !(then.is_finite() || now.is_finite()) {
        return Ok(());
    }
    Err(SnapshotError::Changed(format!("the value at its point is {}, but was {}", now.value, then.value)))
}

fn record(iteration: usize, at: &Point, grad_norm: f64, step: f64, counts: Evaluations) -> Iteration {
    Iteration { iteration, value: at.value, grad_norm, step, values: counts.values }
}
