//! Solvers that choose a direction, then a step along it.

use burn::tensor::Tensor;

use super::{
    EvaluationError, Objective, SolverError,
    descent::{Descent, Heading},
    minimize::{Move, Solver},
    problem::{Counted, Point, rounding},
    search::Search,
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// A descent with a search.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineSearch<D, S> {
    /// The direction.
    pub descent: D,
    /// The step along it.
    pub search: S,
}

impl<D, S> LineSearch<D, S> {
    /// The pair.
    pub fn new(descent: D, search: S) -> Self {
        Self { descent, search }
    }
}

/// φ(t) = f(x + t·d), for a search.
#[derive(Debug)]
pub struct Line<'a, P> {
    problem: &'a Counted<'a, P>,
    from: &'a Point,
    direction: &'a Tensor<1>,
    /// φ(0).
    pub value: f64,
    /// φ′(0), below zero.
    pub slope: f64,
    /// The step to try first.
    pub first: f64,
    /// About how far rounding moves φ.
    pub rounding: f64,
}

/// A point on the line.
#[derive(Clone, Debug)]
pub struct Trial {
    /// t.
    pub step: f64,
    /// φ(t), or +∞ where φ or φ′ is not finite.
    pub value: f64,
    /// φ′(t), or +∞ likewise.
    pub slope: f64,
    /// The point x + t·d.
    pub point: Point,
}

impl<P: Objective> Line<'_, P> {
    /// φ(t), φ′(t) and the gradient.
    ///
    /// # Errors
    /// When the function cannot be evaluated.
    pub fn at(&self, step: f64) -> Result<Trial, EvaluationError> {
        let (point, slope) = self.problem.along(self.x(step), self.direction)?;
        let finite = point.is_finite() && slope.is_finite();
        let or_infinite = |number| if finite { number } else { f64::INFINITY };
        Ok(Trial { step, value: or_infinite(point.value), slope: or_infinite(slope), point })
    }

    /// φ(t) alone; +∞ where it is not a number.
    ///
    /// # Errors
    /// When the function cannot be evaluated.
    pub fn value_at(&self, step: f64) -> Result<f64, EvaluationError> {
        let value = self.problem.value(&self.x(step))?;
        Ok(if value.is_nan() { f64::INFINITY } else { value })
    }

    /// Whether φ(t) ≤ φ(0) + c1·t·φ′(0) (Armijo), and lower at all; or, where the difference is lost in rounding, what
    /// that says of a parabola, φ′(t) ≤ (2·c1 − 1)·φ′(0) (Hager and Zhang, 2005, (4.1)), at a point that is flatter.
    pub fn decreases(&self, trial: &Trial, c1: f64) -> bool {
        let lower = trial.value < self.value && trial.value <= self.value + c1 * trial.step * self.slope;
        let flatter = trial.slope >= 0.9 * self.slope && trial.slope <= (2.0 * c1 - 1.0) * self.slope;
        lower || (flatter && trial.value <= self.value + self.rounding)
    }

    fn x(&self, step: f64) -> Tensor<1> {
        self.from.x.clone() + self.direction.clone() * step
    }
}

/// What is remembered between steps.
#[derive(Clone, Debug)]
pub struct State<D> {
    descent: D,
    /// How much the last step lowered the value.
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

    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, Self::State), EvaluationError> {
        Ok((problem.at(x)?, State { descent: self.descent.start(), gain: None }))
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Self::State) -> Result<Move, EvaluationError> {
        // Where a direction leads nowhere, what was learnt is forgotten, and the gradient tried.
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
                rounding: 10.0 * rounding(&at.x) * at.value.abs(),
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
