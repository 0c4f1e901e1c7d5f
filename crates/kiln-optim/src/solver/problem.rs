//! The function as a solver sees it: evaluated at points, and counted.

use std::cell::Cell;

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, HessianProduct, Objective},
    device::machine_epsilon,
    linalg::Symmetric,
};
use serde::{Deserialize, Serialize};

/// Numbers of evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluations {
    /// Number of values.
    #[serde(rename = "nfev")]
    pub values: usize,
    /// Number of gradients.
    #[serde(rename = "njev")]
    pub gradients: usize,
    /// Number of Hessians, and of products with one.
    #[serde(rename = "nhev")]
    pub hessians: usize,
}

/// A point with the value and the gradient of the function.
#[derive(Clone, Debug)]
pub struct Point {
    /// The point x, `[n]`.
    pub x: Tensor<1>,
    /// The value f(x).
    pub value: f64,
    /// The gradient ∇f(x), `[n]`.
    pub gradient: Tensor<1>,
    /// The largest absolute entry of ∇f(x).
    pub gradient_max: f64,
    /// The Euclidean norm of ∇f(x).
    pub gradient_norm: f64,
}

impl Point {
    /// Takes the sum of squares of the gradient, which may have overflowed.
    fn new(x: Tensor<1>, value: f64, gradient: Tensor<1>, gradient_max: f64, square: f64) -> Self {
        let gradient_norm = if gradient_max.is_finite() && !square.is_finite() {
            scaled_dot(&gradient, &gradient).sqrt()
        } else {
            square.sqrt()
        };
        Self { x, value, gradient, gradient_max, gradient_norm }
    }

    /// Returns whether the value and the gradient are finite.
    pub fn is_finite(&self) -> bool {
        self.value.is_finite() && self.gradient_norm.is_finite()
    }
}

/// An objective that counts its evaluations.
#[derive(Debug)]
pub struct Counted<'a, P> {
    problem: &'a P,
    counts: Cell<Evaluations>,
}

impl<'a, P: Objective> Counted<'a, P> {
    pub(super) fn new(problem: &'a P, counts: Evaluations) -> Self {
        Self { problem, counts: Cell::new(counts) }
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> Evaluations {
        self.counts.get()
    }

    /// Returns the rounding error of a value of f.
    pub(super) fn rounding(&self, at: &Point) -> f64 {
        self.rounding_of(at, at.value.abs())
    }

    /// Returns the rounding error of a sum of terms of this size.
    pub(super) fn rounding_of(&self, at: &Point, size: f64) -> f64 {
        self.problem.rounding_units() * epsilon(&at.x) * size.max(self.problem.scale())
    }

    fn count(&self, add: impl FnOnce(&mut Evaluations)) {
        let mut counts = self.counts.get();
        add(&mut counts);
        self.counts.set(counts);
    }

    /// Computes f and ∇f at x, and the slope ∇f·d, with one read from the device.
    pub(super) fn along(&self, x: Tensor<1>, d: &Tensor<1>) -> Result<(Point, f64), EvaluationError> {
        let (value, gradient) = self.evaluate(&x)?;
        let slope = dot(&gradient, d);
        let numbers = [value, gradient.clone().abs().max(), dot(&gradient, &gradient), slope];
        let [value, gradient_max, square, slope] = read(numbers);
        let point = Point::new(x, value, gradient, gradient_max, square);
        let slope = if point.is_finite() && !slope.is_finite() { scaled_dot(&point.gradient, d) } else { slope };
        Ok((point, slope))
    }

    /// Computes f and ∇f at x.
    pub(super) fn at(&self, x: Tensor<1>) -> Result<Point, EvaluationError> {
        self.penalised(x, None)
    }

    /// Computes f and ∇f at x, with a penalty `[1]` added to f alone.
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

    /// Computes f(x) alone.
    pub(super) fn value(&self, x: &Tensor<1>) -> Result<f64, EvaluationError> {
        self.count(|counts| counts.values += 1);
        let [value] = read([self.problem.value(x)?]);
        Ok(value)
    }
}

impl<P: Objective> Counted<'_, P> {
    /// Returns whether the objective computes products with its Hessian.
    pub(super) fn has_products(&self, x: &Tensor<1>) -> bool {
        self.problem.product(x, &x.zeros_like()).is_some_and(|product| product.is_ok())
    }

    /// Computes f(x), uncounted.
    pub(super) fn plain_value(&self, x: &Tensor<1>) -> Result<f64, EvaluationError> {
        let [value] = read([self.problem.value(x)?]);
        Ok(value)
    }

    /// Computes H(x)·v, uncounted: exactly, or by central differences of gradients.
    pub(super) fn product_or_difference(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        if let Some(Ok(product)) = self.problem.product(x, v) {
            return Ok(product);
        }
        let [length, size] = dots([[v, v], [x, x]]).map(f64::sqrt);
        let h = epsilon(x).cbrt() * (1.0 + size) / length;
        let slope = |t: f64| Ok::<_, EvaluationError>(self.problem.value_and_grad(&(x.clone() + v.clone() * t))?.1);
        Ok((slope(h)? - slope(-h)?) * (0.5 / h))
    }
}

impl<P: HessianProduct> Counted<'_, P> {
    /// Computes H(x)·v.
    pub(super) fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.count(|counts| counts.hessians += 1);
        self.problem.hvp(x, v)
    }
}

impl<P: Hessian> Counted<'_, P> {
    /// Computes H(x).
    pub(super) fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        self.count(|counts| counts.hessians += 1);
        self.problem.hessian(x)
    }
}

/// a·b, left on the device.
pub(super) fn dot(a: &Tensor<1>, b: &Tensor<1>) -> Tensor<1> {
    (a.clone() * b.clone()).sum()
}

/// Several products a·b, with one read from the device. One that overflows its float type is computed from scaled vectors.
pub(super) fn dots<const N: usize>(pairs: [[&Tensor<1>; 2]; N]) -> [f64; N] {
    let mut products = read(pairs.map(|[a, b]| dot(a, b)));
    for (product, [a, b]) in products.iter_mut().zip(pairs) {
        if !product.is_finite() {
            *product = scaled_dot(a, b);
        }
    }
    products
}

/// a·b in f64, of vectors that are first divided by their largest entries.
fn scaled_dot(a: &Tensor<1>, b: &Tensor<1>) -> f64 {
    let [of_a, of_b] = read([a.clone().abs().max(), b.clone().abs().max()]);
    if !(of_a.is_finite() && of_b.is_finite() && of_a > 0.0 && of_b > 0.0) {
        return of_a * of_b;
    }
    let [product] = read([dot(&(a.clone() / of_a), &(b.clone() / of_b))]);
    product * of_a * of_b
}

#[cfg(test)]
thread_local! {
    /// Number of reads from the device.
    pub(super) static READS: Cell<usize> = const { Cell::new(0) };
}

/// Reads several tensors of one number at once. Solvers without a dense matrix read from the device only through this function.
pub(super) fn read<const N: usize>(numbers: [Tensor<1>; N]) -> [f64; N] {
    read_all(numbers.to_vec()).try_into().expect("as many as went in")
}

/// As [`read`], for any number of tensors.
pub(super) fn read_all(numbers: Vec<Tensor<1>>) -> Vec<f64> {
    #[cfg(test)]
    READS.set(READS.get() + 1);
    Tensor::cat(numbers, 0).into_data().try_into_vec_as().expect("floats")
}

/// The machine epsilon of a vector's float type.
pub(super) fn epsilon(x: &Tensor<1>) -> f64 {
    machine_epsilon(x.dtype())
}
