//! Least squares in double-double arithmetic: f64 loses as many digits as the condition number of the features has, and twice as many
//! where residuals are large.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number of about 32 digits: the sum of two f64.
///
/// # References
/// Dekker (1971), *A floating-point technique for extending the available precision*.
#[derive(Clone, Copy, Debug)]
struct Double(f64, f64);

impl Double {
    const ZERO: Self = Self(0.0, 0.0);

    fn value(self) -> f64 {
        self.0 + self.1
    }

    /// The sum of two numbers, of which the first is larger.
    fn quick(a: f64, b: f64) -> Self {
        let sum = a + b;
        Self(sum, b - (sum - a))
    }

    fn sum(a: f64, b: f64) -> Self {
        let sum = a + b;
        let part = sum - a;
        Self(sum, (a - (sum - part)) + (b - part))
    }

    fn product(a: f64, b: f64) -> Self {
        let split = |x: f64| {
            let large = 134_217_729.0 * x;
            let high = large - (large - x);
            (high, x - high)
        };
        let (product, (a1, a2), (b1, b2)) = (a * b, split(a), split(b));
        Self(product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)
    }

    fn sqrt(self) -> Self {
        if self.0 <= 0.0 {
            return Self::ZERO;
        }
        // A step of Newton's method doubles the digits.
        let root = Self(self.0.sqrt(), 0.0);
        root + (self - root * root) / Self(2.0 * root.0, 0.0)
    }
}

impl From<f64> for Double {
    fn from(value: f64) -> Self {
        Self(value, 0.0)
    }
}

impl Neg for Double {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

impl Add for Double {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (Self::sum(self.0, other.0), Self::sum(self.1, other.1));
        let middle = Self::quick(high.0, high.1 + low.0);
        Self::quick(middle.0, middle.1 + low.1)
    }
}

impl Sub for Double {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = Self::product(self.0, other.0);
        Self::quick(product.0, product.1 + (self.0 * other.1 + self.1 * other.0))
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self - other * Self::from(first);
        let second = rest.0 / other.0;
        let rest = rest - other * Self::from(second);
        Self::quick(first, second) + Self::from(rest.0 / other.0)
    }
}

/// The solution of a least squares problem.
#[derive(Clone, Debug)]
pub(super) struct LeastSquares {
    /// The coefficients.
    pub(super) coefficients: Vec<f64>,
    /// (XᵀWX)⁻¹, in row-major order.
    pub(super) covariance: Vec<f64>,
}

/// Solves min Σ w·(y − x·β)² for columns that are independent, by modified Gram-Schmidt.
pub(super) fn least_squares(columns: &[Vec<f64>], y: &[f64], weights: impl Fn(usize) -> f64) -> LeastSquares {
    let d = columns.len();
    let roots: Vec<Double> = (0..y.len()).map(|row| Double::from(weights(row)).sqrt()).collect();
    let scaled = |values: &[f64]| -> Vec<Double> {
        values.iter().zip(&roots).map(|(value, root)| Double::from(*value) * *root).collect()
    };
    let mut basis: Vec<Vec<Double>> = columns.iter().map(|column| scaled(column)).collect();
    let mut rest = scaled(y);
    let mut triangle = vec![vec![Double::ZERO; d]; d];
    let mut along = vec![Double::ZERO; d];
    for j in 0..d {
        let length = dot(&basis[j], &basis[j]).sqrt();
        triangle[j][j] = length;
        basis[j].iter_mut().for_each(|x| *x = *x / length);
        let (done, later) = basis.split_at_mut(j + 1);
        let direction = &done[j];
        for (k, column) in later.iter_mut().enumerate() {
            let part = dot(direction, column);
            triangle[j][j + 1 + k] = part;
            column.iter_mut().zip(direction).for_each(|(x, q)| *x = *x - part * *q);
        }
        along[j] = dot(direction, &rest);
        let part = along[j];
        rest.iter_mut().zip(direction).for_each(|(x, q)| *x = *x - part * *q);
    }
    let solve = |mut b: Vec<Double>| {
        for j in (0..d).rev() {
            b[j] = b[j] / triangle[j][j];
            let factor = b[j];
            for i in 0..j {
                b[i] = b[i] - factor * triangle[i][j];
            }
        }
        b
    };
    // R⁻¹, column by column.
    let unit = |j: usize| (0..d).map(|i| Double::from(if i == j { 1.0 } else { 0.0 })).collect::<Vec<_>>();
    let inverse: Vec<Vec<Double>> = (0..d).map(|j| solve(unit(j))).collect();
    let entry =
        |i: usize, j: usize| inverse.iter().fold(Double::ZERO, |sum, column| sum + column[i] * column[j]).value();
    LeastSquares {
        coefficients: solve(along).into_iter().map(Double::value).collect(),
        covariance: (0..d * d).map(|k| entry(k / d, k % d)).collect(),
    }
}

fn dot(a: &[Double], b: &[Double]) -> Double {
    a.iter().zip(b).fold(Double::ZERO, |sum, (a, b)| sum + *a * *b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_has_thirty_digits() {
        let third = Double::from(1.0) / Double::from(3.0);
        assert!((third * Double::from(3.0) - Double::from(1.0)).value().abs() < 1e-31);
        let root = Double::from(2.0).sqrt();
        assert!((root * root - Double::from(2.0)).value().abs() < 1e-30);
        let small = Double::from(1.0) + Double::from(1e-25) - Double::from(1.0);
        assert!((small.value() - 1e-25).abs() < 1e-40);
    }

    #[test]
    fn a_polynomial_is_found_to_the_last_digit() {
        // y = 1 + x + … + x⁵ on 0, …, 20, as NIST's Wampler 1: all numbers are integers.
        let x: Vec<f64> = (0..=20).map(f64::from).collect();
        let columns: Vec<Vec<f64>> = (0..=5).map(|p| x.iter().map(|x| x.powi(p)).collect()).collect();
        let y: Vec<f64> = (0..21).map(|row| columns.iter().map(|column| column[row]).sum()).collect();
        let found = least_squares(&columns, &y, |row| if row < 3 { 2.0 } else { 1.0 });
        assert!(found.coefficients.iter().all(|b| (b - 1.0).abs() < 1e-15), "{found:?}");
    }
}
