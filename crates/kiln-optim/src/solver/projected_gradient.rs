//! Gradient steps with a projection after each.

use burn::tensor::Tensor;

use super::{
    EvaluationError, Objective, SolverError,
    error::{at_least_one, within},
    method::{Move, Solver},
    minimum::Cone,
    problem::{Counted, Point, dots, epsilon, read},
    projection::Projection,
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// Projected gradient descent, x ← P(x − t·∇f(x)), where P(x) is the nearest point of a convex set.
///
/// By default it is accelerated with momentum, and restarted when the momentum points uphill. The step size t is halved until f is
/// below its quadratic bound of curvature 1/t, and grows by `growth` in each iteration. The optimality measure is the largest
/// absolute entry of [`Projection::residual`].
///
/// For a convex f whose gradient has Lipschitz constant L, the error is at most 2·L·‖x₀ − x*‖²/(k + 1)² with acceleration, and
/// L·‖x₀ − x*‖²/(2·k) without.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{ProjectedGradient, Simplex, Stop, minimize};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The most likely probabilities of a categorical that was seen 5, 2, 7 and 1 times.
/// let device = Device::default();
/// let start = Tensor::<1>::full([4], 0.25, &device);
/// let nll = Function::of_vector(start.clone(), |p: Tensor<1>| {
///     let counts = Tensor::<1>::from_data([5.0, 2.0, 7.0, 1.0], &p.device());
///     -(counts * p.log()).sum() / 15.0
/// });
/// let solver = ProjectedGradient::new(Simplex { radius: 1.0 });
/// let outcome = minimize(&nll, start, &solver, &Stop { gtol: 1e-4, ..Stop::default() })?;
/// assert!(outcome.success, "{}", outcome.message);
/// let p: Vec<f32> = outcome.x.into_data().try_into_vec()?;
/// assert!((p[2] - 7.0 / 15.0).abs() < 1e-3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ProjectedGradient<S> {
    /// The set.
    pub set: S,
    /// Whether to use momentum. Default true.
    pub accelerated: bool,
    /// The first step size to try, above 0. Default 1.
    pub step: f64,
    /// Factor by which the step size may grow per iteration, at least 1. Default 1.5.
    pub growth: f64,
    /// Maximum number of step sizes per iteration. Default 60.
    pub max_trials: usize,
}

impl<S> ProjectedGradient<S> {
    /// Returns a solver with default options.
    pub fn new(set: S) -> Self {
        Self { set, accelerated: true, step: 1.0, growth: 1.5, max_trials: 60 }
    }
}

/// What is remembered between steps.
#[derive(Clone, Debug, Default)]
pub struct Inertia {
    /// The last step size, 0 before the first step.
    step: f64,
    /// Nesterov's θ, 1 without momentum.
    theta: f64,
    /// The previous point.
    before: Option<Tensor<1>>,
}

impl Remember for Inertia {
    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put_number("projected.step", self.step);
        snapshot.put_number("projected.theta", self.theta);
        if let Some(before) = &self.before {
            snapshot.put("projected.before", before);
        }
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        let before = snapshot.has("projected.before").then(|| snapshot.vector("projected.before", x)).transpose()?;
        Ok(Self { step: snapshot.finite("projected.step")?, theta: snapshot.finite("projected.theta")?, before })
    }
}

impl<S: Projection> ProjectedGradient<S> {
    fn distance(&self, at: &Point) -> f64 {
        let [largest] = read([self.set.residual(&at.x, &at.gradient).abs().max()]);
        largest
    }

    /// The first point along halved steps at which f is below its quadratic bound.
    fn descend<P: Objective>(
        &self,
        problem: &Counted<'_, P>,
        from: &Point,
        first: f64,
    ) -> Result<Option<(Point, f64)>, EvaluationError> {
        let noise = 100.0 * problem.rounding(from);
        let mut t = first;
        for _ in 0..self.max_trials {
            let x = self.set.project(from.x.clone() - from.gradient.clone() * t);
            let moved = x.clone() - from.x.clone();
            let to = problem.at(x)?;
            let turn = to.gradient.clone() - from.gradient.clone();
            let [slope, square, bend] = dots([[&from.gradient, &moved], [&moved, &moved], [&turn, &moved]]);
            let bound = slope + square / (2.0 * t);
            // If the difference of two values is below rounding, the gradients estimate the curvature.
            let below =
                if square / (2.0 * t) > noise { to.value <= from.value + bound + noise } else { bend <= square / t };
            if to.is_finite() && below {
                return Ok(Some((to, t)));
            }
            t *= 0.5;
        }
        Ok(None)
    }
}

impl<P: Objective, S: Projection> Solver<P> for ProjectedGradient<S> {
    type State = Inertia;

    fn validate(&self, n: usize) -> Result<(), SolverError> {
        within("step", self.step, 0.0, f64::INFINITY, "finite and above 0")?;
        if !(self.growth >= 1.0 && self.growth.is_finite()) {
            return Err(SolverError::Option { name: "growth", expected: "finite and at least 1", got: self.growth });
        }
        at_least_one("max_trials", self.max_trials)?;
        self.set.validate(n)
    }

    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, Inertia), EvaluationError> {
        Ok((problem.at(self.set.project(x))?, Inertia { step: 0.0, theta: 1.0, before: None }))
    }

    fn stationarity(&self, at: &Point) -> f64 {
        self.distance(at)
    }

    /// The boundary of a set may be curved.
    fn cone(&self, _: &Point, _: f64) -> Option<Cone> {
        None
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Inertia) -> Result<Move, EvaluationError> {
        // A first step that rounding would hide is lengthened.
        let first = if state.step > 0.0 {
            state.step * self.growth
        } else {
            let [largest] = read([at.x.clone().abs().max()]);
            self.step.max(largest * epsilon(&at.x).sqrt() / at.gradient_max.max(f64::MIN_POSITIVE))
        };
        let theta = f64::midpoint(1.0, (1.0 + 4.0 * state.theta * state.theta).sqrt());
        let beta = (state.theta - 1.0) / theta;
        if let Some(before) = state.before.as_ref().filter(|_| self.accelerated && beta > 0.0) {
            // The point may lie outside of the set. If f is not defined there, the step has no momentum.
            let ahead = problem.at(at.x.clone() + (at.x.clone() - before.clone()) * beta)?;
            let found = if ahead.is_finite() { self.descend(problem, &ahead, first)? } else { None };
            // If the value rises, restart with a step without momentum.
            let noise = problem.rounding(at);
            if let Some((to, t)) = found.filter(|(to, _)| to.value <= at.value + noise) {
                let [back] = dots([[&(ahead.x.clone() - to.x.clone()), &(to.x.clone() - at.x.clone())]]);
                let theta = if back > 0.0 { 1.0 } else { theta };
                *state = Inertia { step: t, theta, before: Some(at.x.clone()) };
                return Ok(Move::To(Box::new(to)));
            }
        }
        let Some((to, t)) = self.descend(problem, at, first)? else { return Ok(Move::Stuck) };
        // The first step provides the momentum of the second.
        *state = Inertia { step: t, theta: if beta > 0.0 { 1.0 } else { theta }, before: Some(at.x.clone()) };
        Ok(Move::To(Box::new(to)))
    }
}
