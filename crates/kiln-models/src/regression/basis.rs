//! Columns of a design: which of them depend on others, and an orthonormal basis of the rest.

use super::{dependence::Dependence, host};

/// The residual of a dependent column, relative to the column: that of R's `glm`.
const TOLERANCE: f64 = 1e-11;

/// Finds the columns of rows `[n, features]`, in row-major order, that depend linearly on an intercept and the columns before them.
///
/// A column depends on others if what they leave of it, after its mean is subtracted, is at most 1e-11 of it, the tolerance of R's
/// `glm`. Constant columns depend on the intercept. The other columns are independent.
///
/// # References
/// Golub and Van Loan, *Matrix Computations* (2013), section 5.2.8: modified Gram-Schmidt, made twice.
pub fn dependent_columns(inputs: &[f64], features: usize) -> Vec<Dependence> {
    if features == 0 || inputs.is_empty() {
        return Vec::new();
    }
    if host::are_clearly_independent(inputs, features) {
        return Vec::new();
    }
    Columns::new(inputs, features, true).basis().dependences
}

/// An orthonormal basis of the columns that do not depend on others.
pub(crate) struct Basis {
    /// The columns that depend on others.
    pub(crate) dependences: Vec<Dependence>,
    /// The other columns.
    pub(crate) independent: Vec<usize>,
    /// The basis: a vector of length 1 per independent column.
    pub(crate) vectors: Vec<Vec<f64>>,
    /// Independent column j, less its mean and divided by its length, as a sum of the first j + 1 vectors.
    pub(crate) triangle: Vec<Vec<f64>>,
}

/// Columns less their means, each of length 1. A constant column is 0. Without an intercept no mean is subtracted.
pub(crate) struct Columns {
    values: Vec<Vec<f64>>,
    pub(crate) means: Vec<f64>,
    pub(crate) lengths: Vec<f64>,
}

impl Columns {
    pub(crate) fn new(inputs: &[f64], features: usize, intercept: bool) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let n = (inputs.len() / features) as f64;
        let (mut values, mut means, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for f in 0..features {
            let column = || inputs.iter().skip(f).step_by(features);
            let first = if intercept { inputs[f] } else { 0.0 };
            // Relative to a value of the column, so that a large offset costs no digits.
            let shift = if intercept { column().map(|x| x - first).sum::<f64>() / n } else { 0.0 };
            let mut centred: Vec<f64> = column().map(|x| (x - first) - shift).collect();
            // In units of the largest entry, so that no square overflows.
            let scale = centred.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
            let (low, high) = column().fold((inputs[f], inputs[f]), |(low, high), x| (low.min(*x), high.max(*x)));
            let length = if (intercept && low >= high) || scale == 0.0 {
                0.0
            } else {
                scale * centred.iter().map(|x| (x / scale).powi(2)).sum::<f64>().sqrt()
            };
            centred.iter_mut().for_each(|x| *x = if length > 0.0 { *x / length } else { 0.0 });
            values.push(centred);
            means.push(first + shift);
            lengths.push(length);
        }
        Self { values, means, lengths }
    }

    /// Orthonormalises the columns, and finds those that depend on the ones before them.
    pub(crate) fn basis(&self) -> Basis {
        let (mut basis, mut independent): (Vec<Vec<f64>>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut triangle: Vec<Vec<f64>> = Vec::new();
        let mut found = Vec::new();
        for (f, column) in self.values.iter().enumerate() {
            if self.lengths[f] == 0.0 {
                found.push(Dependence { column: f, on: Vec::new(), constant: self.means[f] });
                continue;
            }
            let mut rest = column.clone();
            let mut parts = vec![0.0; basis.len()];
            for _ in 0..2 {
                for (part, direction) in parts.iter_mut().zip(&basis) {
                    let along = dot(&rest, direction);
                    *part += along;
                    rest.iter_mut().zip(direction).for_each(|(x, q)| *x -= along * q);
                }
            }
            let length = dot(&rest, &rest).sqrt();
            if length > TOLERANCE {
                rest.iter_mut().for_each(|x| *x /= length);
                parts.push(length);
                basis.push(rest);
                triangle.push(parts);
                independent.push(f);
            } else {
                found.push(self.dependence(f, parts, &triangle, &independent));
            }
        }
        Basis { dependences: found, independent, vectors: basis, triangle }
    }

    /// Solves for the factors of the independent columns by back substitution.
    fn dependence(&self, f: usize, mut parts: Vec<f64>, triangle: &[Vec<f64>], independent: &[usize]) -> Dependence {
        for j in (0..parts.len()).rev() {
            parts[j] /= triangle[j][j];
            let factor = parts[j];
            for (i, part) in parts.iter_mut().enumerate().take(j) {
                *part -= factor * triangle[j][i];
            }
        }
        let largest = parts.iter().fold(0.0, |largest: f64, part| largest.max(part.abs()));
        let kept = parts.iter().zip(independent).filter(|(part, _)| part.abs() > 1e-8 * largest);
        let on: Vec<(usize, f64)> =
            kept.map(|(part, &column)| (column, part * self.lengths[f] / self.lengths[column])).collect();
        let constant = self.means[f] - on.iter().map(|(column, factor)| factor * self.means[*column]).sum::<f64>();
        let size =
            self.means[f].abs() + on.iter().map(|(column, factor)| (factor * self.means[*column]).abs()).sum::<f64>();
        let constant = if constant.abs() <= 1e-9 * (size + self.lengths[f]) { 0.0 } else { constant };
        Dependence { column: f, on, constant }
    }
}

/// The inner product of two vectors.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums, which the compiler keeps in vectors.
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a.zip(b) {
        for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns as rows.
    fn inputs(columns: &[Vec<f64>]) -> Vec<f64> {
        (0..columns[0].len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect()
    }

    #[test]
    fn sums_constants_and_multiples_are_found() {
        let n = 40;
        let a: Vec<f64> = (0..n).map(|i| f64::from(i * 7 % 11)).collect();
        let b: Vec<f64> = (0..n).map(|i| 2000.0 + f64::from(i * 5 % 13)).collect();
        let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.1 * a - 2.0 * b + 7.0).collect();
        let alone: Vec<f64> = (0..n).map(|i| f64::from(i * i % 17)).collect();
        let columns = [a.clone(), vec![5.0; 40], b.clone(), sum, alone, a.iter().map(|a| 1e9 * a).collect()];
        let found = dependent_columns(&inputs(&columns), 6);
        let names = ["a", "five", "b", "sum", "alone", "billion"];
        let texts: Vec<String> = found.iter().map(|d| d.named(&names).to_string()).collect();
        assert_eq!(texts, ["five = 5", "sum = 7 + 0.1·a − 2·b", "billion = 1000000000·a"]);
    }

    /// Columns that are nearly the same are not the same.
    #[test]
    fn almost_dependent_columns_are_independent() {
        let n = 60;
        let a: Vec<f64> = (0..n).map(|i| f64::from(i * 7 % 59)).collect();
        let near: Vec<f64> = a.iter().enumerate().map(|(i, a)| a + 1e-7 * f64::from(u8::from(i % 3 == 0))).collect();
        assert!(dependent_columns(&inputs(&[a.clone(), near]), 2).is_empty());
        // Powers up to the tenth of numbers from −9 to −3, as in NIST's data set Filip.
        let x: Vec<f64> = (0..82).map(|i| -9.0 + 6.0 * f64::from(i) / 81.0).collect();
        let powers: Vec<Vec<f64>> = (1..=10).map(|p| x.iter().map(|x| x.powi(p)).collect()).collect();
        assert!(dependent_columns(&inputs(&powers), 10).is_empty());
        let one_hot: Vec<Vec<f64>> =
            (0..3).map(|c| (0..n).map(|i| f64::from(u8::from(i % 3 == c))).collect()).collect();
        let found = dependent_columns(&inputs(&one_hot), 3);
        assert_eq!(found[0].named(&["x", "y", "z"]).to_string(), "z = 1 − x − y");
        assert!(dependent_columns(&[], 3).is_empty() && dependent_columns(&[1.0, 2.0], 0).is_empty());
        assert_eq!(dependent_columns(&[1.0, 2.0, 3.0], 3).len(), 3, "one row");
    }
}
