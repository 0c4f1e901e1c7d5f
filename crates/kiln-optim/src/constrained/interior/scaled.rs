//! A problem in units in which its first derivatives are of a usual size.

use crate::{
    constrained::SparseProblem,
    norms::max_abs,
    solver::{Evaluations, SolverError},
};

/// A gradient above this is scaled down to it (Wächter and Biegler, 2006, section 3.8).
const USUAL: f64 = 100.0;

/// The functions times factors, with counts of evaluations.
pub(super) struct Scaled<'p> {
    problem: &'p dyn SparseProblem,
    pub(super) n: usize,
    /// The number of equalities, and of all constraints.
    pub(super) equalities: usize,
    pub(super) m: usize,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) jacobian_places: Vec<(usize, usize)>,
    pub(super) hessian_places: Vec<(usize, usize)>,
    /// The factor of the objective, and of each constraint.
    pub(super) unit: f64,
    pub(super) units: Vec<f64>,
    pub(super) counts: Evaluations,
}

/// The values at a point.
#[derive(Clone, Debug)]
pub(super) struct Values {
    pub(super) objective: f64,
    pub(super) constraints: Vec<f64>,
}

/// The first derivatives at a point.
#[derive(Clone, Debug)]
pub(super) struct Slopes {
    pub(super) gradient: Vec<f64>,
    pub(super) jacobian: Vec<f64>,
}

/// The factor that brings a derivative down to the usual size.
fn factor(largest: f64) -> f64 {
    if largest > USUAL { (USUAL / largest).max(1e-8) } else { 1.0 }
}

impl<'p> Scaled<'p> {
    /// Without second derivatives, the Hessian has places for its diagonal only.
    pub(super) fn new(problem: &'p dyn SparseProblem, is_exact: bool) -> Result<Self, SolverError> {
        let (n, equalities) = (problem.unknowns(), problem.equalities());
        let m = equalities + problem.inequalities();
        let (lower, upper) = problem.bounds();
        for (name, bounds) in [("the lower bounds", &lower), ("the upper bounds", &upper)] {
            length(name, n, bounds.len())?;
        }
        let mut pairs = lower.iter().zip(&upper);
        if let Some((&low, _)) = pairs.find(|(low, high)| low.is_nan() || high.is_nan() || low > high) {
            return Err(SolverError::Option { name: "a lower bound", expected: "at most its upper bound", got: low });
        }
        let jacobian_places = problem.jacobian_places();
        let hessian_places = if is_exact { problem.hessian_places() } else { (0..n).map(|i| (i, i)).collect() };
        let outside =
            jacobian_places.iter().find(|(row, column)| *row >= m || *column >= n).map(|place| ("Jacobian", place));
        let outside = outside.or_else(|| {
            hessian_places.iter().find(|(row, column)| *row >= n || column > row).map(|place| ("Hessian", place))
        });
        if let Some((name, &(row, column))) = outside {
            return Err(SolverError::Place { name, row, column });
        }
        Ok(Self {
            problem,
            n,
            equalities,
            m,
            lower,
            upper,
            jacobian_places,
            hessian_places,
            unit: 1.0,
            units: vec![1.0; m],
            counts: Evaluations::default(),
        })
    }

    /// Chooses the factors by the first derivatives at a point, which are returned in the new units.
    pub(super) fn scale_by(&mut self, mut slopes: Slopes) -> Slopes {
        self.unit = factor(max_abs(&slopes.gradient));
        let mut largest = vec![0.0_f64; self.m];
        for ((row, _), value) in self.jacobian_places.iter().zip(&slopes.jacobian) {
            largest[*row] = largest[*row].max(value.abs());
        }
        self.units = largest.into_iter().map(factor).collect();
        self.scale(&mut slopes);
        slopes
    }

    fn scale(&self, slopes: &mut Slopes) {
        slopes.gradient.iter_mut().for_each(|slope| *slope *= self.unit);
        for ((row, _), value) in self.jacobian_places.iter().zip(&mut slopes.jacobian) {
            *value *= self.units[*row];
        }
    }

    pub(super) fn values(&mut self, x: &[f64]) -> Values {
        self.counts.values += 1;
        let mut constraints = vec![0.0; self.m];
        self.problem.constraints(x, &mut constraints);
        constraints.iter_mut().zip(&self.units).for_each(|(value, unit)| *value *= unit);
        Values { objective: self.unit * self.problem.objective(x), constraints }
    }

    pub(super) fn slopes(&mut self, x: &[f64]) -> Slopes {
        self.counts.gradients += 1;
        let (mut gradient, mut jacobian) = (vec![0.0; self.n], vec![0.0; self.jacobian_places.len()]);
        self.problem.gradient(x, &mut gradient);
        self.problem.jacobian(x, &mut jacobian);
        let mut slopes = Slopes { gradient, jacobian };
        self.scale(&mut slopes);
        slopes
    }

    /// The Hessian of the Lagrangian, with multipliers in the units of the scaled problem.
    pub(super) fn hessian(&mut self, x: &[f64], multipliers: &[f64]) -> Vec<f64> {
        self.curvature(x, 1.0, multipliers)
    }

    /// The same with a factor for the objective.
    pub(super) fn curvature(&mut self, x: &[f64], factor: f64, multipliers: &[f64]) -> Vec<f64> {
        self.counts.hessians += 1;
        let mut values = vec![0.0; self.hessian_places.len()];
        let weights: Vec<f64> = multipliers.iter().zip(&self.units).map(|(y, unit)| y * unit).collect();
        self.problem.hessian(x, factor * self.unit, &weights, &mut values);
        values
    }

    /// Jᵀ·y.
    pub(super) fn pull(&self, jacobian: &[f64], y: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.n];
        for ((row, column), value) in self.jacobian_places.iter().zip(jacobian) {
            out[*column] += value * y[*row];
        }
        out
    }

    #[allow(clippy::float_cmp, reason = "an unknown is fixed if its bounds are the same number")]
    pub(super) fn is_fixed(&self, i: usize) -> bool {
        self.lower[i] == self.upper[i]
    }
}

impl Values {
    pub(super) fn is_finite(&self) -> bool {
        self.objective.is_finite() && self.constraints.iter().all(|value| value.is_finite())
    }
}

impl Slopes {
    pub(super) fn is_finite(&self) -> bool {
        self.gradient.iter().chain(&self.jacobian).all(|value| value.is_finite())
    }
}

pub(super) fn length(name: &'static str, expected: usize, got: usize) -> Result<(), SolverError> {
    if expected == got { Ok(()) } else { Err(SolverError::Length { name, expected, got }) }
}
