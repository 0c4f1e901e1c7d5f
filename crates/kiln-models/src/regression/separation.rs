//! Whether the classes can be separated, so that the likelihood has no maximum.

use burn::tensor::Tensor;
use kiln_tensor::linalg::Symmetric;
use serde::{Deserialize, Serialize};

use super::loss::{RegressionLoss, Scaling};

/// A direction of the parameters of logistic or softmax regression along which no example becomes less likely, and some become more
/// so: the likelihood grows for ever, and has no maximum (Albert and Anderson, 1984). It is its own proof, which
/// [`sides`](Self::sides) checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// `[d, k]` row by row: for each feature the weight of each class, or of two classes that of the second.
    pub weights: Vec<f64>,
    /// `[k]`.
    pub intercepts: Vec<f64>,
    /// Whether every example is on its side of every plane between its class and another; otherwise some lie on one
    /// (quasi-complete separation).
    pub complete: bool,
    /// Examples on a plane, of those of positive weight.
    pub on_the_plane: usize,
}

/// How examples lie to a [`Separation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// Examples on the side of their class of every plane.
    pub right: usize,
    /// Examples on a plane, and on no wrong side.
    pub on_the_plane: usize,
    /// Examples on a wrong side.
    pub wrong: usize,
    /// Whether none is on a wrong side, and the direction makes one more likely.
    pub separates: bool,
}

/// A [`Separation`] that does not belong to the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the separation is of {features} features and {columns} columns of weights; the data have {inputs} numbers in {rows} rows, and classes up to {largest}"
)]
pub struct SeparationMismatch {
    /// Features of the separation.
    pub features: usize,
    /// Its columns: 1 for two classes, and otherwise one for each.
    pub columns: usize,
    /// Numbers in the data.
    pub inputs: usize,
    /// Rows of the data.
    pub rows: usize,
    /// The largest class of a row.
    pub largest: usize,
}

impl Separation {
    /// What is left of a zero by rounding, in the units of [`margins`](Self::margins).
    pub const ROUNDING: f64 = 1e-9;

    /// For each example, and each class c but its own y, (w_y − w_c)·x + b_y − b_c as a part of Σ |w·x| + |b| over both classes: positive
    /// on its side of the plane between the two, in [−1, 1], and 0 where all terms are. `inputs` `[n, d]` row by row, a target for
    /// each row; the result is `[n, classes − 1]`.
    ///
    /// # Errors
    /// [`SeparationMismatch`].
    pub fn margins(&self, inputs: &[f64], targets: &[usize]) -> Result<Vec<f64>, SeparationMismatch> {
        let (k, rows) = (self.intercepts.len(), targets.len());
        let features = self.weights.len().checked_div(k).unwrap_or(0);
        let largest = targets.iter().copied().max().unwrap_or(0);
        let fits = k > 0 && self.weights.len() == features * k && inputs.len() == features * rows && largest < k.max(2);
        if !fits {
            return Err(SeparationMismatch { features, columns: k, inputs: inputs.len(), rows, largest });
        }
        let row = |row: usize| &inputs[row * features..(row + 1) * features];
        // Log-odds, or the sum of their terms' sizes.
        let sums = |row: &[f64], term: &dyn Fn(f64) -> f64| {
            let mut z: Vec<f64> = self.intercepts.iter().map(|b| term(*b)).collect();
            for (x, weights) in row.iter().zip(self.weights.chunks_exact(k)) {
                z.iter_mut().zip(weights).for_each(|(z, w)| *z += term(x * w));
            }
            z
        };
        let of_row = |(index, &class): (usize, &usize)| {
            let (z, sizes) = (sums(row(index), &|x| x), sums(row(index), &f64::abs));
            let size = |c: usize| if k == 1 { sizes[0] } else { sizes[class] + sizes[c] };
            let others = (0..k.max(2)).filter(move |c| *c != class);
            let parts = rivals(&z, class).into_iter().zip(others);
            // Of 0/0 nothing is known but that it is on the plane; what is not a number stays so.
            parts.map(|(z, c)| if z == 0.0 { 0.0 } else { z / size(c) }).collect::<Vec<f64>>()
        };
        Ok(targets.iter().enumerate().flat_map(of_row).collect())
    }

    /// Counts the examples by side.
    ///
    /// # Errors
    /// [`SeparationMismatch`].
    pub fn sides(&self, inputs: &[f64], targets: &[usize]) -> Result<Sides, SeparationMismatch> {
        let margins = self.margins(inputs, targets)?;
        let mut sides = Sides { right: 0, on_the_plane: 0, wrong: 0, separates: false };
        for margins in margins.chunks_exact(self.intercepts.len().max(2) - 1) {
            if margins.iter().all(|m| *m > Self::ROUNDING) {
                sides.right += 1;
            } else if margins.iter().all(|m| *m >= -Self::ROUNDING) {
                sides.on_the_plane += 1;
            } else {
                sides.wrong += 1;
            }
        }
        sides.separates = sides.wrong == 0 && margins.iter().any(|m| *m > Self::ROUNDING);
        Ok(sides)
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// z_y − z_c for each c but y; one number z stands for two classes with 0 and z.
fn rivals(z: &[f64], y: usize) -> Vec<f64> {
    match z {
        [z] => vec![if y == 1 { *z } else { -z }],
        z => z.iter().enumerate().filter(|(c, _)| *c != y).map(|(_, other)| z[y] - other).collect(),
    }
}

/// The rows that count, on the host in f64.
struct Rows {
    /// `[n, d]`.
    inputs: Vec<f64>,
    targets: Vec<usize>,
    d: usize,
    k: usize,
    /// What was taken from the data's columns, and what they were divided by.
    scaling: Option<(Vec<f64>, Vec<f64>)>,
}

impl RegressionLoss {
    /// A separation of the classes, if `x`, where a fit without penalty has come to, shows one. Along a separation the parameters run
    /// away, and with them all log-odds but those of examples on a plane; so `x` is projected on the directions in which
    /// the small log-odds do not change, and the result is checked.
    pub fn separation(&self, x: &Tensor<1>) -> Option<Separation> {
        let (rows, z) = self.rows_that_count(x);
        let odds: Vec<Vec<f64>> = z.chunks_exact(rows.k).zip(&rows.targets).map(|(z, &y)| rivals(z, y)).collect();
        let largest = odds.iter().flatten().fold(0.0, |largest: f64, odds| largest.max(odds.abs()));
        let x: Vec<f64> = x.to_data().try_into_vec_as().expect("floats");
        // Nothing lies on a plane, or what has log-odds below one of these.
        [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0].into_iter().filter(|limit| *limit < largest).find_map(|limit| {
            let on = |odds: &f64| limit > 0.0 && odds.abs() <= limit;
            let none = !odds.iter().flatten().any(on);
            let direction = if none { x.clone() } else { rows.orthogonal_part(&x, |row, rival| on(&odds[row][rival])) };
            rows.checked(direction)
        })
    }

    /// Whether the loss without penalty is so small that every example must be on its side: Σ −ln p < ln 2 leaves none with p ≤ ½.
    pub fn is_separated(&self, value: f64) -> bool {
        self.l2 == 0.0 && value * self.total < std::f64::consts::LN_2 && self.weighs_all()
    }

    fn weighs_all(&self) -> bool {
        let smallest = self.shares.clone().min().into_scalar::<f64>() * self.total;
        smallest >= 1.0 - 1e-6
    }

    /// Those of positive weight in the units of the data, and their log-odds at `x`.
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
    tensor.to_data().try_into_vec_as().expect("floats")
}

impl Rows {
    /// The direction as a separation in the units of the data, of length 1, if it is one there.
    fn checked(&self, mut direction: Vec<f64>) -> Option<Separation> {
        let (d, k) = (self.d, self.k);
        let (mut inputs, mut intercepts) = (self.inputs.clone(), direction.split_off(d * k));
        let mut weights = direction;
        if let Some((mean, scale)) = &self.scaling {
            for (x, f) in inputs.iter_mut().zip((0..d).cycle()) {
                *x = *x * scale[f] + mean[f];
            }
            for (i, w) in weights.iter_mut().enumerate() {
                *w /= scale[i / k];
                intercepts[i % k] -= *w * mean[i / k];
            }
        }
        // A part that is nothing beside the others' is rounding, and would decide of a row in which these are zero.
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
        let sides = found.sides(&inputs, &self.targets).expect("it is of these data");
        found.on_the_plane = sides.on_the_plane;
        found.complete = sides.on_the_plane == 0;
        sides.separates.then_some(found)
    }

    /// The part of the parameters `v` that does not change the log-odds, of a row and a rival of its class, that are `on` a plane.
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

    /// Σ a·aᵀ over the log-odds that are `on` a plane, a being what multiplies the parameters in them: the row, with a one, for its
    /// class y, and its opposite for the rival c, so that a·aᵀ is (e_y − e_c)·(e_y − e_c)ᵀ times x·xᵀ.
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
