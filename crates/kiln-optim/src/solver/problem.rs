//! The function as a solver sees it: evaluated at points, and counted.

use std::cell::Cell;

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, HessianProduct, Objective},
    device::rounding_unit,
    linalg::Symmetric,
};
use serde::{Deserialize, Serialize};

/// How often a function was evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluations {
    /// Values.
    #[serde(rename = "nfev")]
    pub values: usize,
    /// Gradients.
    #[serde(rename = "njev")]
    pub gradients: usize,
    /// Hessians, and products with one.
    #[serde(rename = "nhev")]
    pub hessians: usize,
}

/// A point, and what the function is there.
#[derive(Clone, Debug)]
pub struct Point {
    /// The point, `[n]`.
    pub x: Tensor<1>,
    /// f(x).
    pub value: f64,
    /// ∇f(x), `[n]`.
    pub gradient: Tensor<1>,
    /// The largest absolute value in ∇f(x).
    pub gradient_max: f64,
    /// The Euclidean norm of ∇f(x).
    pub gradient_norm: f64,
}

impl Point {
    /// With the largest entry of the gradient and the sum of its squares, which may have overflown.
    fn new(x: Tensor<1>, value: f64, gradient: Tensor<1>, gradient_max: f64, square: f64) -> Self {
        let gradient_norm = if gradient_max.is_finite() && !square.is_finite() {
            let small = gradient.clone() / gradient_max;
            let [square] = read([dot(&small, &small)]);
            gradient_max * square.sqrt()
        } else {
            square.sqrt()
        };
        Self { x, value, gradient, gradient_max, gradient_norm }
    }

    /// Whether the value and the gradient are finite.
    pub fn is_finite(&self) -> bool {
        self.value.is_finite() && self.gradient_norm.is_finite()
    }
}

/// An objective that counts.
#[derive(Debug)]
pub struct Counted<'a, P> {
    problem: &'a P,
    counts: Cell<Evaluations>,
}

impl<'a, P: Objective> Counted<'a, P> {
    pub(super) fn new(problem: &'a P, counts: Evaluations) -> Self {
        Self { problem, counts: Cell::new(counts) }
    }

    /// The counts so far.
    pub fn counts(&self) -> Evaluations {
        self.counts.get()
    }

    fn count(&self, add: impl FnOnce(&mut Evaluations)) {
        let mut counts = self.counts.get();
        add(&mut counts);
        self.counts.set(counts);
    }

    /// f and ∇f at x, and ∇f·d. One read from the device.
    pub(super) fn along(&self, x: Tensor<1>, d: &Tensor<1>) -> Result<(Point, f64), EvaluationError> {
        let (value, gradient) = self.evaluate(&x)?;
        let slope = dot(&gradient, d);
        let numbers = [value, gradient.clone().abs().max(), dot(&gradient, &gradient), slope];
        let [value, gradient_max, square, slope] = read(numbers);
        Ok((Point::new(x, value, gradient, gradient_max, square), slope))
    }

    /// f and ∇f at x.
    pub(super) fn at(&self, x: Tensor<1>) -> Result<Point, EvaluationError> {
        self.penalised(x, None)
    }

    /// f and ∇f at x, with a penalty `[1]` added to f alone.
    pub(super) fn penalised(&self, x: Tensor<1>, penalty: Option<Tensor<1>>) -> Result<Point, EvaluationError> {
        let (value, gradient) = self.evaluate(&x)?;
        let value = match penalty {
            Some(penalty) => value + penalty,
            None => value,
        };
        let numbers = [value, gradient.clone().abs().max(), dot(&gradient, &gradient)];
        let [value, gradient_max, square] = read(numbers);
        Ok(Point::new(x, value, gradient, gradient_max, square))
    }

    fn evaluate(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        self.count(|counts| {
            counts.values += 1;
            counts.gradients += 1;
        });
        self.problem.value_and_grad(x)
    }

    /// f(x) alone.
    pub(super) fn value(&self, x: &Tensor<1>) -> Result<f64, EvaluationError> {
        self.count(|counts| counts.values += 1);
        let [value] = read([self.problem.value(x)?]);
        Ok(value)
    }
}

impl<P: HessianProduct> Counted<'_, P> {
    /// H(x)·v.
    pub(super) fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.count(|counts| counts.hessians += 1);
        self.problem.hvp(x, v)
    }
}

impl<P: Hessian> Counted<'_, P> {
    /// H(x).
    pub(super) fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        self.count(|counts| counts.hessians += 1);
        self.problem.hessian(x)
    }
}

/// a·b, left on the device.
pub(super) fn dot(a: &Tensor<1>, b: &Tensor<1>) -> Tensor<1> {
    (a.clone() * b.clone()).sum()
}

#[cfg(test)]
thread_local! {
    /// How often a solver has waited for the device.
    pub(super) static READS: Cell<usize> = const { Cell::new(0) };
}

/// Several tensors of one number, in one read: the only way in which a solver without a dense matrix learns of its vectors.
pub(super) fn read<const N: usize>(numbers: [Tensor<1>; N]) -> [f64; N] {
    read_all(numbers.to_vec()).try_into().expect("as many as went in")
}

/// The same of any number of them.
pub(super) fn read_all(numbers: Vec<Tensor<1>>) -> Vec<f64> {
    #[cfg(test)]
    READS.set(READS.get() + 1);
    Tensor::cat(numbers, 0).into_data().try_into_vec_as().expect("floats")
}

/// The rounding unit of a vector's type.
pub(super) fn rounding(x: &Tensor<1>) -> f64 {
    rounding_unit(x.dtype())
}
