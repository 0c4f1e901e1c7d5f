//! Separable classes, for which the likelihood has no maximum.

use burn::tensor::Tensor;
use kiln_tensor::linalg::Symmetric;
use serde::{Deserialize, Serialize};

use super::{
    linear_programme::{Growth, most_growing},
    loss::{RegressionLoss, Scaling},
};

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
fn compensated(b: f64, w: &[f64], x: &[f64]) -> f64 {
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

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Returns z_y − z_c for each class c other than y. A single z stands for two classes with scores 0 and z.
fn rivals(z: &[f64], y: usize) -> Vec<f64> {
    match z {
        [z] => vec![if y == 1 { *z } else { -z }],
        z => z.iter().enumerate().filter(|(c, _)| *c != y).map(|(_, other)| z[y] - other).collect(),
    }
}

/// The rows with positive weight, on the host in f64.
struct Rows {
    /// The inputs `[n, d]`, rescaled as the loss has them.
    inputs: Vec<f64>,
    targets: Vec<usize>,
    d: usize,
    k: usize,
    /// The means and the scales of the rescaling.
    scaling: Option<(Vec<f64>, Vec<f64>)>,
}

impl RegressionLoss {
    /// Looks for a separation of the classes, starting from `x`, where a fit without penalty ended.
    ///
    /// If the classes are separable, the parameters diverge along a separation. All log-odds then grow, except those of examples on
    /// a plane. The method projects `x` on the directions that leave the small log-odds unchanged, and checks the result on the
    /// data. If that finds nothing, a linear programme decides (Konis, 2007). [`has_maximum_near`](Self::has_maximum_near) is
    /// cheaper, and spares the search after a good fit.
    pub fn separation(&self, x: &Tensor<1>) -> Option<Separation> {
        let (rows, z) = self.rows_that_count(x);
        let odds: Vec<Vec<f64>> = z.chunks_exact(rows.k).zip(&rows.targets).map(|(z, &y)| rivals(z, y)).collect();
        let largest = odds.iter().flatten().fold(0.0, |largest: f64, odds| largest.max(odds.abs()));
        let x: Vec<f64> = x.to_data().try_into_vec_as().expect("a float tensor converts to f64");
        rows.along(&x, &odds, largest).or_else(|| rows.by_linear_programme())
    }

    /// Returns whether a loss without penalty proves separation by its `value`: if Σ −ln p < ln 2, each example has p > ½.
    pub fn is_separated(&self, value: f64) -> bool {
        self.l2 == 0.0 && value * self.total < std::f64::consts::LN_2 && self.weighs_all()
    }

    fn weighs_all(&self) -> bool {
        let smallest = self.shares.clone().min().into_scalar::<f64>() * self.total;
        smallest >= 1.0 - 1e-6
    }

    /// Returns the rows with positive weight and their log-odds at `x`.
    fn rows_that_count(&self, x: &Tensor<1>) -> (Rows, Vec<f64>) {
        let ([n, d], k) = (self.inputs.dims(), self.columns());
        let shares = numbers(&self.shares);
        let counts: Vec<usize> = (0..n).filter(|&row| shares[row] > 0.0).collect();
        let of = |all: &[f64], width: usize| -> Vec<f64> {
            counts.iter().flat_map(|&row| all[row * width..(row + 1) * width].iter().copied()).collect()
        };
        let class =
            |t: &[f64]| if k == 1 { usize::from(t[0] > 0.5) } else { (0..k).find(|&c| t[c] > 0.5).unwrap_or(0) };
        let targets = of(&numbers(&self.targets), k).chunks_exact(k).map(class).collect();
        let scaling = self.scaling.as_ref().map(|Scaling { mean, scale }| (numbers(mean), numbers(scale)));
        let rows = Rows { inputs: of(&numbers(&self.inputs), d), targets, d, k, scaling };
        (rows, of(&numbers(&self.product(x)), k))
    }
}

fn numbers(tensor: &Tensor<2>) -> Vec<f64> {
    tensor.to_data().try_into_vec_as().expect("a float tensor converts to f64")
}

impl Rows {
    /// Looks for a separation along the parameters `x`, which have these log-odds. They are projected on the directions that leave
    /// small log-odds unchanged.
    fn along(&self, x: &[f64], odds: &[Vec<f64>], largest: f64) -> Option<Separation> {
        // Limits below which log-odds count as on a plane; 0 stands for none on a plane.
        [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0].into_iter().filter(|limit| *limit < largest).find_map(|limit| {
            let on = |odds: &f64| limit > 0.0 && odds.abs() <= limit;
            let none = !odds.iter().flatten().any(on);
            let direction = if none { x.to_vec() } else { self.orthogonal_part(x, |row, rival| on(&odds[row][rival])) };
            self.checked(direction)
        })
    }

    /// Looks for a separation by a linear programme, which has one for every separable set of data: along its solution as many
    /// log-odds grow as can grow together.
    fn by_linear_programme(&self) -> Option<Separation> {
        let (d, k) = (self.d, self.k);
        // With more than two classes, the parameters of the first are 0.
        let free = if k == 1 { 1 } else { k - 1 };
        let rivals = k.max(2) - 1;
        let mut rows = Vec::with_capacity(self.targets.len() * rivals);
        for (row, &y) in self.inputs.chunks_exact(d.max(1)).zip(&self.targets) {
            for rival in 0..rivals {
                let c = rival + usize::from(rival >= y);
                let mut entries = Vec::new();
                let mut add = |class: usize, sign: f64| {
                    let column = if k == 1 { 0 } else { class - 1 };
                    let values = row.iter().copied().take(d).chain([1.0]).enumerate();
                    entries.extend(values.filter(|(_, x)| *x != 0.0).map(|(f, x)| (f * free + column, sign * x)));
                };
                match (k, y) {
                    (1, _) => add(0, if y == 1 { 1.0 } else { -1.0 }),
                    _ => {
                        if y > 0 {
                            add(y, 1.0);
                        }
                        if c > 0 {
                            add(c, -1.0);
                        }
                    }
                }
                rows.push(entries);
            }
        }
        let Growth { direction, grows } = most_growing(&rows, (d + 1) * free)?;
        let place = |f: usize, c: usize| if f < d { f * k + c } else { d * k + c };
        let mut full = vec![0.0; (d + 1) * k];
        for (i, value) in direction.into_iter().enumerate() {
            full[place(i / free, i % free + usize::from(k > 1))] = value;
        }
        let cleaned = self.orthogonal_part(&full, |row, rival| !grows[row * rivals + rival]);
        self.checked(cleaned).or_else(|| self.checked(full))
    }

    /// Converts a direction to a separation of length 1 in the units of the data, if it separates the data.
    fn checked(&self, mut direction: Vec<f64>) -> Option<Separation> {
        let (d, k) = (self.d, self.k);
        let (mut inputs, mut intercepts) = (self.inputs.clone(), direction.split_off(d * k));
        let mut weights = direction;
        if let Some((mean, scale)) = &self.scaling {
            for (x, f) in inputs.iter_mut().zip((0..d).cycle()) {
                *x = *x * scale[f] + mean[f];
            }
            weights.iter_mut().enumerate().for_each(|(i, w)| *w /= scale[i / k]);
            for (class, intercept) in intercepts.iter_mut().enumerate() {
                let own: Vec<f64> = weights.iter().skip(class).step_by(k).map(|w| -w).collect();
                *intercept = compensated(*intercept, &own, mean);
            }
        }
        // A negligible part is rounding error, but would decide the side of a row in which the other parts are zero.
        let reach = |f: usize| inputs.iter().skip(f).step_by(d.max(1)).fold(0.0, |most: f64, x| most.max(x.abs()));
        let reaches: Vec<f64> = (0..d).map(reach).chain([1.0]).collect();
        let part = |i: usize, w: f64| w.abs() * reaches[i / k];
        let all = || weights.iter().chain(&intercepts).enumerate();
        let largest = all().map(|(i, w)| part(i, *w)).fold(0.0, f64::max);
        let nothing: Vec<bool> = all().map(|(i, w)| part(i, *w) < Separation::ROUNDING * largest).collect();
        weights
            .iter_mut()
            .chain(&mut intercepts)
            .zip(nothing)
            .filter(|(_, nothing)| *nothing)
            .for_each(|(w, _)| *w = 0.0);
        let length = norm(&weights).hypot(norm(&intercepts));
        weights.iter_mut().chain(&mut intercepts).for_each(|w| *w /= length);
        let mut found = Separation { weights, intercepts, complete: false, on_the_plane: 0 };
        let sides = found.sides(&inputs, &self.targets).expect("the direction has the sizes of these data");
        found.on_the_plane = sides.on_the_plane;
        found.complete = sides.complete;
        sides.separates.then_some(found)
    }

    /// Returns the part of the parameters `v` that leaves the log-odds `on` a plane unchanged. `on` takes a row and a rival class.
    fn orthogonal_part(&self, v: &[f64], on: impl Fn(usize, usize) -> bool) -> Vec<f64> {
        let (n, gram) = (v.len(), self.gram(on));
        let Some(eigen) = gram.eigen() else { return v.to_vec() };
        let largest = eigen.values[n - 1];
        let mut part = vec![0.0; n];
        for index in (0..n).take_while(|&i| eigen.values[i] <= 1e-12 * largest || largest == 0.0) {
            let basis = eigen.vector(index);
            let along: f64 = basis.iter().zip(v).map(|(b, v)| b * v).sum();
            part.iter_mut().zip(&basis).for_each(|(part, b)| *part += along * b);
        }
        part
    }

    /// Returns Σ a·aᵀ over the log-odds `on` a plane, where a holds their coefficients in the parameters.
    ///
    /// For a row x of class y and a rival c, a·aᵀ is (e_y − e_c)·(e_y − e_c)ᵀ times x·xᵀ, x having a last entry of 1.
    fn gram(&self, on: impl Fn(usize, usize) -> bool) -> Symmetric {
        let (d, k) = (self.d, self.k);
        let with_one = |row: &[f64], f: usize| row.get(f).copied().unwrap_or(1.0);
        let mut blocks = vec![vec![0.0; (d + 1) * (d + 1)]; k * k];
        for (index, (row, &y)) in self.inputs.chunks_exact(d.max(1)).zip(&self.targets).enumerate() {
            let mut times = vec![0.0; k * k];
            for rival in (0..k.max(2) - 1).filter(|&rival| on(index, rival)) {
                if k == 1 {
                    times[0] = 1.0;
                    continue;
                }
                let c = rival + usize::from(rival >= y);
                times[y * k + y] += 1.0;
                times[c * k + c] += 1.0;
                times[y * k + c] -= 1.0;
                times[c * k + y] -= 1.0;
            }
            for (block, times) in blocks.iter_mut().zip(times).filter(|(_, times)| *times != 0.0) {
                for f in 0..=d {
                    let x = times * with_one(row, f);
                    let target = &mut block[f * (d + 1)..=f * (d + 1) + f];
                    target.iter_mut().enumerate().for_each(|(g, sum)| *sum += x * with_one(row, g));
                }
            }
        }
        let place = RegressionLoss::places(d, k);
        Symmetric::from_fn((d + 1) * k, |i, j| {
            let ((f, a), (g, b)) = (place(i), place(j));
            blocks[a * k + b][f.max(g) * (d + 1) + f.min(g)]
        })
    }
}
