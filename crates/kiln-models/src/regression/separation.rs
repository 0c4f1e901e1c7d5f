//! Separable classes, for which the likelihood has no maximum.

use serde::{Deserialize, Serialize};

/// A certificate that the classes are separable, so that the likelihood has no maximum.
///
/// It is a direction of the parameters along which no example becomes less likely and some become more likely. The likelihood
/// increases along it without limit. [`sides`](Self::sides) checks the certificate on the data.
///
/// # Example
/// ```
/// use kiln_models::Separation;
///
/// // A threshold at 0 separates the two classes.
/// let separation = Separation { weights: vec![1.0], intercepts: vec![0.0], complete: true, on_the_plane: 0 };
/// assert!(separation.sides(&[-1.0, 2.0], &[0, 1])?.separates);
/// # Ok::<(), kiln_models::SeparationMismatch>(())
/// ```
///
/// # References
/// Albert and Anderson (1984), *On the existence of maximum likelihood estimates in logistic regression models*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// The weights `[d, k]` in row-major order. With two classes k is 1: the weight of the second class.
    pub weights: Vec<f64>,
    /// The intercepts, `[k]`.
    pub intercepts: Vec<f64>,
    /// Whether the separation is complete: each example is on its side of each plane between its class and another. Otherwise
    /// some examples lie on some plane, which is quasi-complete separation.
    pub complete: bool,
    /// Number of examples with positive weight that lie on all planes between their class and another: they are as likely as before
    /// along the direction.
    pub on_the_plane: usize,
}

/// Counts of examples by side of a [`Separation`]. Made by [`Separation::sides`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// Examples on the correct side of a plane, and on the wrong side of none. They become more likely.
    pub right: usize,
    /// Examples on all planes between their class and another.
    pub on_the_plane: usize,
    /// Examples on the wrong side of a plane.
    pub wrong: usize,
    /// Whether each example is on the correct side of each plane.
    pub complete: bool,
    /// Whether no example is on a wrong side, and the margin of at least one is above [`Separation::STRICT`]. Otherwise the
    /// direction could be one along which nothing changes but rounding.
    pub separates: bool,
}

/// A [`Separation`] does not fit the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the separation has {features} features and {columns} columns of weights, but the data have {inputs} values in {rows} rows and classes up to {largest}"
)]
pub struct SeparationMismatch {
    /// Features of the separation.
    pub features: usize,
    /// Columns of weights: 1 for two classes, otherwise one per class.
    pub columns: usize,
    /// Values in the data.
    pub inputs: usize,
    /// Rows of the data.
    pub rows: usize,
    /// The largest class index.
    pub largest: usize,
}

impl Separation {
    /// The margin, in the units of [`margins`](Self::margins), below which a value counts as zero.
    pub const ROUNDING: f64 = 1e-9;
    /// The margin, in the same units, that some example of separable classes must exceed.
    pub const STRICT: f64 = 1e-6;

    /// Returns the relative margin of each example against each class other than its own, `[n, classes − 1]`.
    ///
    /// The margin of an example of class y against class c is (w_y − w_c)·x + b_y − b_c, divided by its size. The size is
    /// Σ |w·x| + |b| over both classes, or the same for columns whose means are subtracted, if that is smaller, and at least 1e-4 of
    /// its mean over all rows, and so large that rounding errors stay below [`ROUNDING`](Self::ROUNDING). (The mean over all classes is
    /// subtracted from their weights before.) The margin is positive on the correct side of the plane. `inputs` is
    /// `[n, d]` in row-major order.
    ///
    /// # Errors
    /// Returns [`SeparationMismatch`] if the data have other sizes than the separation.
    pub fn margins(&self, inputs: &[f64], targets: &[usize]) -> Result<Vec<f64>, SeparationMismatch> {
        let (k, rows) = (self.intercepts.len(), targets.len());
        let features = self.weights.len().checked_div(k).unwrap_or(0);
        let largest = targets.iter().copied().max().unwrap_or(0);
        let fits = k > 0 && self.weights.len() == features * k && inputs.len() == features * rows && largest < k.max(2);
        if !fits {
            return Err(SeparationMismatch { features, columns: k, inputs: inputs.len(), rows, largest });
        }
        let means = means(inputs, features, rows);
        let scores = self.scores(&means);
        let values = |index: usize| {
            let row = &inputs[index * features..(index + 1) * features];
            scores.iter().map(|score| score.of(row, &means)).collect::<Vec<Value>>()
        };
        let centred: f64 = (0..rows).flat_map(values).map(|value| value.centred).filter(|size| size.is_finite()).sum();
        #[allow(clippy::cast_precision_loss, reason = "a number of scores")]
        let floor = SMALLEST * centred / (rows * scores.len()).max(1) as f64;
        let mut margins = Vec::with_capacity(rows * (scores.len() - 1));
        for (index, &class) in targets.iter().enumerate() {
            let values = values(index);
            let own = &values[class];
            for other in values.iter().enumerate().filter(|(other, _)| *other != class).map(|(_, other)| other) {
                let z = own.z - other.z;
                // What rounding of the terms can make must stay below `ROUNDING`.
                let by_rounding = 4.0 * f64::EPSILON / Self::ROUNDING * (own.size + other.size);
                let size = (own.size + other.size).min(own.centred + other.centred).max(floor).max(by_rounding);
                // 0/0 counts as on the plane. NaN stays NaN.
                margins.push(if z == 0.0 { 0.0 } else { z / size });
            }
        }
        Ok(margins)
    }

    /// Returns the score of each class, less the mean over all classes. With two classes, that of the first is 0.
    fn scores(&self, means: &[f64]) -> Vec<Score> {
        let k = self.intercepts.len();
        #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
        let of = |values: &[f64], class: usize| match k {
            1 if class == 0 => 0.0,
            1 => values[0],
            _ => values[class] - values.iter().sum::<f64>() / k as f64,
        };
        let score = |class: usize| {
            let weights: Vec<f64> = self.weights.chunks_exact(k).map(|weights| of(weights, class)).collect();
            let intercept = of(&self.intercepts, class);
            let centre = compensated(intercept, &weights, means);
            Score { weights, intercept, centre }
        };
        (0..k.max(2)).map(score).collect()
    }

    /// Returns the pairs of classes a < b between which some example is on the correct side of the plane.
    ///
    /// # Errors
    /// Returns [`SeparationMismatch`] if the data have other sizes than the separation.
    pub fn separated_pairs(
        &self,
        inputs: &[f64],
        targets: &[usize],
    ) -> Result<Vec<(usize, usize)>, SeparationMismatch> {
        let classes = self.intercepts.len().max(2);
        let margins = self.margins(inputs, targets)?;
        let mut found = vec![false; classes * classes];
        for (&class, margins) in targets.iter().zip(margins.chunks_exact(classes - 1)) {
            let others = (0..classes).filter(|other| *other != class);
            for (other, _) in others.zip(margins).filter(|(_, margin)| **margin > Self::ROUNDING) {
                found[class.min(other) * classes + class.max(other)] = true;
            }
        }
        let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
        Ok(pairs.filter(|(a, b)| found[a * classes + b]).collect())
    }

    /// Counts the examples by side.
    ///
    /// # Errors
    /// Returns [`SeparationMismatch`] if the data have other sizes than the separation.
    pub fn sides(&self, inputs: &[f64], targets: &[usize]) -> Result<Sides, SeparationMismatch> {
        let margins = self.margins(inputs, targets)?;
        let mut sides = Sides { right: 0, on_the_plane: 0, wrong: 0, complete: false, separates: false };
        for margins in margins.chunks_exact(self.intercepts.len().max(2) - 1) {
            if !margins.iter().all(|m| *m >= -Self::ROUNDING) {
                sides.wrong += 1;
            } else if margins.iter().any(|m| *m > Self::ROUNDING) {
                sides.right += 1;
            } else {
                sides.on_the_plane += 1;
            }
        }
        sides.complete = !margins.is_empty() && margins.iter().all(|m| *m > Self::ROUNDING);
        sides.separates = sides.wrong == 0 && margins.iter().any(|m| *m > Self::STRICT);
        Ok(sides)
    }
}

/// The smallest size of a score relative to the mean size. A row of zeros has a score of rounding errors.
const SMALLEST: f64 = 1e-4;

/// The score of a class, w·x + b.
struct Score {
    weights: Vec<f64>,
    intercept: f64,
    /// The score at the mean of the rows.
    centre: f64,
}

/// A score of a row.
struct Value {
    z: f64,
    /// The sum of the sizes of its terms.
    size: f64,
    /// The same for columns less their means.
    centred: f64,
}

impl Score {
    fn of(&self, row: &[f64], means: &[f64]) -> Value {
        let mut value = Value { z: self.centre, size: self.intercept.abs(), centred: self.centre.abs() };
        for ((w, x), mean) in self.weights.iter().zip(row).zip(means) {
            // Relative to the mean, beside which the differences of rows can be tiny.
            value.z += w * (x - mean);
            value.size += (w * x).abs();
            value.centred += (w * (x - mean)).abs();
        }
        value
    }
}

/// Returns b + Σ w·x with the rounding errors of its terms added up: large terms can cancel.
///
/// # References
/// Ogita, Rump and Oishi (2005), *Accurate sum and dot product*, algorithm 5.3.
pub(super) fn compensated(b: f64, w: &[f64], x: &[f64]) -> f64 {
    let (mut sum, mut errors) = (b, 0.0);
    for (w, x) in w.iter().zip(x) {
        let product = w * x;
        let next = sum + product;
        let part = next - sum;
        errors += w.mul_add(*x, -product) + ((sum - (next - part)) + (product - part));
        sum = next;
    }
    sum + errors
}

/// The means of the columns. What is not a number has no part in them.
fn means(inputs: &[f64], features: usize, rows: usize) -> Vec<f64> {
    let mut sums = vec![0.0; features];
    for row in inputs.chunks_exact(features.max(1)) {
        sums.iter_mut().zip(row).filter(|(_, x)| x.is_finite()).for_each(|(sum, x)| *sum += x);
    }
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    sums.iter_mut().for_each(|sum| *sum /= rows as f64);
    sums
}
