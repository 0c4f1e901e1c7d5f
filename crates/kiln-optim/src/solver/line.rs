//! The function along a line.

use burn::tensor::Tensor;

use super::{
    EvaluationError, Objective,
    problem::{Counted, Point},
};

/// The function along a line, φ(t) = f(x + t·d).
#[derive(Debug)]
pub struct Line<'a, P> {
    pub(super) problem: &'a Counted<'a, P>,
    pub(super) from: &'a Point,
    pub(super) direction: &'a Tensor<1>,
    /// φ(0).
    pub value: f64,
    /// φ′(0), below 0.
    pub slope: f64,
    /// The first step to try.
    pub first: f64,
    /// An estimate of the rounding error of φ.
    pub rounding: f64,
}

/// A point on the line.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The step t.
    pub step: f64,
    /// φ(t), or +∞ if φ or φ′ is not finite.
    pub value: f64,
    /// φ′(t), or +∞ if φ or φ′ is not finite.
    pub slope: f64,
    /// The point x + t·d.
    pub point: Point,
}

impl<P: Objective> Line<'_, P> {
    /// Computes φ(t), φ′(t) and the gradient.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    pub fn at(&self, step: f64) -> Result<Trial, EvaluationError> {
        let (point, slope) = self.problem.along(self.x(step), self.direction)?;
        let finite = point.is_finite() && slope.is_finite();
        let or_infinite = |number| if finite { number } else { f64::INFINITY };
        Ok(Trial { step, value: or_infinite(point.value), slope: or_infinite(slope), point })
    }

    /// Computes φ(t) alone, or +∞ if it is NaN.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    pub fn value_at(&self, step: f64) -> Result<f64, EvaluationError> {
        let value = self.problem.value(&self.x(step))?;
        Ok(if value.is_nan() { f64::INFINITY } else { value })
    }

    /// Returns whether a trial decreases φ enough.
    ///
    /// The test is Armijo's, φ(t) ≤ φ(0) + c1·t·φ′(0) with φ(t) < φ(0). If the difference of the values is below rounding, the
    /// slopes decide: φ′(t) ≤ (2·c1 − 1)·φ′(0), the approximate Wolfe condition (Hager and Zhang, 2005, eq. 4.1), and |φ′(t)|
    /// smaller than |φ′(0)|.
    pub fn decreases(&self, trial: &Trial, c1: f64) -> bool {
        let lower = trial.value < self.value && trial.value <= self.value + c1 * trial.step * self.slope;
        let flatter = trial.slope >= 0.9 * self.slope && trial.slope <= (2.0 * c1 - 1.0) * self.slope;
        lower || (flatter && trial.value <= self.value + self.rounding)
    }

    fn x(&self, step: f64) -> Tensor<1> {
        self.from.x.clone() + self.direction.clone() * step
    }
}
