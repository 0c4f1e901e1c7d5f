//! The loop of a fit.

use burn::tensor::Tensor;
use kiln_tensor::{device::machine_epsilon, linalg::Matrix, memory};

use super::{
    Covariance, LeastSquares, Residuals,
    place::{Place, Sizes},
    search::Around,
};
use crate::{
    norms::norm,
    solver::{Evaluations, IntoVector, Iteration, Outcome, SolverError, Status},
};

/// The result of [`least_squares`].
#[derive(Clone, Debug)]
pub struct LeastSquaresFit {
    /// The solution x `[n]`.
    pub x: Vec<f64>,
    /// The residuals r(x) `[m]`.
    pub residuals: Vec<f64>,
    /// The Jacobian J `[m, n]` at x. With a robust loss its rows are weighed so that JᵀJ approximates the Hessian.
    pub jacobian: Matrix,
    /// The unknowns that are at a bound and held there by the gradient.
    pub held: Vec<usize>,
    /// The point, the objective ½·Σ ρ(r²), its gradient, and why the fit ended. `grad_norm` is the largest entry of the gradient of the
    /// unknowns that are not held.
    pub outcome: Outcome,
}

impl LeastSquaresFit {
    /// Returns the covariance (JᵀJ)⁻¹ of the solution for residuals of variance 1. Held unknowns count as fixed.
    pub fn covariance(&self) -> Covariance {
        Covariance::of(&self.jacobian, &self.held)
    }

    /// Returns the number of residuals minus that of the unknowns that are not held; 0 if it would be negative.
    pub fn degrees_of_freedom(&self) -> usize {
        (self.residuals.len() + self.held.len()).saturating_sub(self.x.len())
    }

    /// Returns the variance of the residuals, Σ ρ(r²) divided by the degrees of freedom; none without any.
    pub fn residual_variance(&self) -> Option<f64> {
        let df = self.degrees_of_freedom();
        #[allow(clippy::cast_precision_loss, reason = "a number of residuals")]
        let variance = 2.0 * self.outcome.value / df as f64;
        (df > 0).then_some(variance)
    }
}

/// Minimises ½·Σ ρ(rᵢ(x)²) from `start`.
///
/// The method is Levenberg and Marquardt's in a scaled trust region, as in MINPACK, or Powell's dogleg in the same region. Within bounds,
/// unknowns that the gradient presses against a bound are held, and a step that a bound cuts is compared with one along the projected
/// gradient. `start` is moved into the bounds.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range, the residuals cannot be evaluated, or the Jacobian does not fit into memory.
/// Everything else is a [`Status`] of the outcome.
///
/// # Example
/// See the [module](super).
///
/// # References
/// Moré, *The Levenberg–Marquardt algorithm: implementation and theory* (1978). Nocedal and Wright, *Numerical Optimization* (2006),
/// chapter 10. Kanzow, Yamashita and Fukushima (2004) for bounds.
pub fn least_squares<P: Residuals + ?Sized>(
    problem: &P,
    start: impl IntoVector,
    options: &LeastSquares,
) -> Result<LeastSquaresFit, SolverError> {
    let start = start.into_vector();
    let n = start.len();
    if n == 0 {
        return Err(SolverError::Option { name: "start", expected: "a vector with at least 1 number", got: 0.0 });
    }
    let (lower, upper) = options.bounds(n)?;
    let mut run = Run::new(problem, start, options, (lower, upper))?;
    while run.status.is_none() {
        run.iterate()?;
    }
    run.fit()
}

/// The fraction of the first sum of squares that counts as 0: the square of the rounding error of a square.
const NOTHING: f64 = f64::EPSILON * f64::EPSILON * f64::EPSILON * f64::EPSILON;

/// A fit in progress.
struct Run<'a, P: ?Sized> {
    problem: &'a P,
    options: &'a LeastSquares,
    bounds: (Vec<f64>, Vec<f64>),
    /// The smallest relative change that rounding does not hide.
    epsilon: f64,
    at: Place,
    /// D: the units of the trust region are 1/D.
    scale: Vec<f64>,
    radius: f64,
    parameter: f64,
    counts: Evaluations,
    history: Vec<Iteration>,
    status: Option<Status>,
}

impl<'a, P: Residuals + ?Sized> Run<'a, P> {
    fn new(
        problem: &'a P,
        start: Vec<f64>,
        options: &'a LeastSquares,
        bounds: (Vec<f64>, Vec<f64>),
    ) -> Result<Self, SolverError> {
        let n = start.len();
        let x: Vec<f64> =
            start.iter().zip(bounds.0.iter().zip(&bounds.1)).map(|(x, (low, high))| x.max(*low).min(*high)).collect();
        let residuals = problem.residuals(&x)?;
        let bytes = 8 * 4 * (residuals.len() as u64) * (n as u64);
        memory::check(&format!("the Jacobian of {} residuals and {n} unknowns", residuals.len()), bytes)?;
        let epsilon = machine_epsilon(problem.vector(&x)?.dtype());
        let cost = options.loss.cost(&residuals, options.loss_scale);
        let counts = Evaluations { values: 1, gradients: 1, hessians: 0 };
        let at = Place::new(problem, options, x, residuals, cost)?;
        let mut run = Self {
            problem,
            options,
            bounds,
            epsilon,
            scale: vec![0.0; n],
            radius: 0.0,
            parameter: 0.0,
            counts,
            history: Vec::new(),
            status: None,
            at,
        };
        if !run.at.is_finite() {
            run.status = Some(Status::NotFinite);
        }
        run.rescale();
        let size = run.size();
        run.radius = options.initial_radius * if size > 0.0 { size } else { 1.0 };
        run.record(0.0);
        Ok(run)
    }

    /// D is the largest norm so far of each column.
    fn rescale(&mut self) {
        if let Some(sizes) = &self.options.scale {
            self.scale = sizes.iter().map(|size| 1.0 / size).collect();
            return;
        }
        for (j, scale) in self.scale.iter_mut().enumerate() {
            let column = norm(&self.at.jacobian.column(j));
            *scale = if *scale == 0.0 && (column == 0.0 || !column.is_finite()) { 1.0 } else { scale.max(column) };
        }
    }

    /// ‖D·x‖.
    fn size(&self) -> f64 {
        norm(&self.at.x.iter().zip(&self.scale).map(|(x, d)| x * d).collect::<Vec<_>>())
    }

    fn around(&self) -> Around<'_> {
        let Place { x, weighted, jacobian, gradient, .. } = &self.at;
        let bounds = (&self.bounds.0[..], &self.bounds.1[..]);
        Around { x, residuals: weighted, jacobian, gradient, bounds, scale: &self.scale }
    }

    /// Tries steps until one is accepted, or the fit ends.
    fn iterate(&mut self) -> Result<(), SolverError> {
        let free = self.around().free();
        if self.cosine(&free) <= self.options.gtol.max(self.epsilon) {
            self.status = Some(Status::GradientSmall);
            return Ok(());
        }
        let Some(model) = self.around().model(&free) else {
            self.status = Some(Status::NotFinite);
            return Ok(());
        };
        let most = self.options.max_evaluations.unwrap_or(200 * (self.at.x.len() + 1));
        loop {
            if self.counts.values >= most {
                self.status = Some(Status::Budget);
                return Ok(());
            }
            let proposal = self.around().propose((&model, &free), self.options.step, self.radius, self.parameter);
            self.parameter = proposal.parameter;
            if self.history.len() == 1 {
                self.radius = self.radius.min(proposal.length);
            }
            let residuals = self.problem.residuals(&proposal.x)?;
            self.counts.values += 1;
            // Where the region does not cut the step, the fit is near its end.
            if proposal.parameter == 0.0 && proposal.promise <= self.noise() * self.at.cost {
                return self.polish(proposal.x, residuals, &free);
            }
            let cost = self.options.loss.cost(&residuals, self.options.loss_scale);
            let at_cost = self.at.cost;
            // Relative, as in MINPACK. A step to ten times the norm is as bad as one to infinity.
            let actual = if cost.is_finite() && cost < 100.0 * at_cost { 1.0 - cost / at_cost } else { -1.0 };
            let promise = proposal.promise / at_cost;
            let ratio = if promise > 0.0 { actual / promise } else { 0.0 };
            if ratio <= 0.25 {
                let slope = 0.5 * proposal.slope / at_cost;
                let shrink = if actual >= 0.0 { 0.5 } else { 0.5 * slope / (slope + 0.5 * actual) };
                let shrink = if cost.is_finite() && cost < 100.0 * at_cost { shrink.max(0.1) } else { 0.1 };
                self.radius = shrink * self.radius.min(10.0 * proposal.length);
                self.parameter /= shrink;
            } else if self.parameter == 0.0 || ratio >= 0.75 {
                self.radius = 2.0 * proposal.length;
                self.parameter *= 0.5;
            }
            let is_accepted = ratio >= 1e-4;
            let mut moved = 0.0;
            if is_accepted {
                let difference: Vec<f64> = proposal.x.iter().zip(&self.at.x).map(|(to, from)| to - from).collect();
                moved = norm(&difference);
                self.at = Place::new(self.problem, self.options, proposal.x, residuals, cost)?;
                self.counts.gradients += 1;
                self.rescale();
            }
            self.record(moved);
            let flat = self.options.ftol;
            if self.at.cost <= NOTHING * self.history[0].value {
                self.status = Some(Status::GradientSmall);
            } else if actual.abs() <= flat && promise <= flat && ratio <= 2.0 {
                self.status = Some(Status::ValueFlat);
            } else if self.radius <= self.options.xtol.max(self.epsilon) * self.size() {
                self.status = Some(Status::StepSmall);
            } else if is_accepted && !self.at.is_finite() {
                self.status = Some(Status::NotFinite);
            } else if self.radius < f64::MIN_POSITIVE {
                self.status = Some(Status::NoProgress);
            }
            if is_accepted || self.status.is_some() {
                return Ok(());
            }
        }
    }

    /// The relative rounding error of the sum of squares. The terms of a residual are about as large as those of |J|·|x|.
    fn noise(&self) -> f64 {
        4.0 * self.epsilon * (1.0 + self.at.sizes.terms / self.at.sizes.residuals)
    }

    /// Takes a step whose decrease rounding hides, if it turns the residuals further away from the columns of the Jacobian. Otherwise
    /// the fit has converged.
    fn polish(&mut self, x: Vec<f64>, residuals: Vec<f64>, free: &[usize]) -> Result<(), SolverError> {
        let before = self.cosine(free);
        let cost = self.options.loss.cost(&residuals, self.options.loss_scale);
        let difference: Vec<f64> = x.iter().zip(&self.at.x).map(|(to, from)| to - from).collect();
        let next = Place::new(self.problem, self.options, x, residuals, cost)?;
        self.counts.gradients += 1;
        let last = std::mem::replace(&mut self.at, next);
        let is_better = self.at.is_finite() && self.cosine(&self.around().free()) < before;
        if !is_better {
            self.at = last;
        }
        self.record(if is_better { norm(&difference) } else { 0.0 });
        if !is_better {
            self.status = Some(Status::ValueFlat);
        }
        Ok(())
    }

    /// The largest cosine of the angle between the residuals and a column of the Jacobian.
    fn cosine(&self, free: &[usize]) -> f64 {
        let Sizes { residuals, columns, .. } = &self.at.sizes;
        let of = |&j: &usize| {
            let is_some = columns[j] > 0.0 && *residuals > 0.0;
            if is_some { self.at.gradient[j].abs() / columns[j] / residuals } else { 0.0 }
        };
        free.iter().map(of).fold(0.0, f64::max)
    }

    fn record(&mut self, step: f64) {
        let free = self.around().free();
        let grad_norm = free.iter().map(|&j| self.at.gradient[j].abs()).fold(0.0, f64::max);
        let iteration = self.history.len();
        self.history.push(Iteration { iteration, value: self.at.cost, grad_norm, step, values: self.counts.values });
    }

    fn fit(self) -> Result<LeastSquaresFit, SolverError> {
        let status = self.status.unwrap_or(Status::Budget);
        let free = self.around().free();
        let held = (0..self.at.x.len()).filter(|j| !free.contains(j)).collect();
        let last = self.history.last().expect("it begins with the start");
        let tensor = |numbers: &[f64]| -> Result<Tensor<1>, SolverError> { Ok(self.problem.vector(numbers)?) };
        let outcome = Outcome {
            x: tensor(&self.at.x)?,
            gradient: tensor(&self.at.gradient)?,
            value: self.at.cost,
            grad_norm: last.grad_norm,
            status,
            success: status.is_success(),
            message: message(status).to_owned(),
            iterations: last.iteration,
            downhill: None,
            evaluations: self.counts,
            history: self.history,
        };
        let Place { x, residuals, jacobian, .. } = self.at;
        Ok(LeastSquaresFit { x, residuals, jacobian, held, outcome })
    }
}

/// The status in the words of a fit.
fn message(status: Status) -> &'static str {
    match status {
        Status::GradientSmall => "converged: the residuals are orthogonal to every column of the Jacobian within gtol",
        Status::ValueFlat => "converged: the sum of squares changed by at most ftol, or is flat to rounding",
        Status::StepSmall => "converged: the trust region is within xtol",
        Status::NotFinite => "stopped: a residual or the Jacobian is not finite",
        Status::Budget => "stopped: the maximum number of evaluations is reached",
        other => other.message(),
    }
}
