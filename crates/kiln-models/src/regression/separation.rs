//! Whether the classes can be separated, so that the likelihood has no maximum.

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::linalg::Symmetric;
use serde::{Deserialize, Serialize};

use super::RegressionLoss;

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
    /// Examples on a plane.
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

impl Separation {
    /// What is left of a zero by rounding, in the units of [`margins`](Self::margins).
    pub const ROUNDING: f64 = 1e-9;

    /// For each example, and each class c but its own y, (w_y − w_c)·x + b_y − b_c in units of ‖W‖·max ‖x‖ + ‖b‖: positive on its
    /// side of the plane between the two. `inputs` `[n, d]` row by row, a target for each row; the result is `[n, classes − 1]`.
    pub fn margins(&self, inputs: &[f64], targets: &[usize]) -> Vec<f64> {
        let k = self.intercepts.len();
        let rows = || inputs.chunks_exact((self.weights.len() / k).max(1));
        let unit = norm(&self.weights) * rows().map(norm).fold(0.0, f64::max) + norm(&self.intercepts);
        let log_odds = |row: &[f64]| {
            let mut z = self.intercepts.clone();
            row.iter()
                .zip(self.weights.chunks_exact(k))
                .for_each(|(x, w)| z.iter_mut().zip(w).for_each(|(z, w)| *z += x * w));
            z
        };
        rows()
            .zip(targets)
            .flat_map(|(row, &class)| rivals(&log_odds(row), class))
            .map(|margin| margin / unit)
            .collect()
    }

    /// Counts the examples by side.
    pub fn sides(&self, inputs: &[f64], targets: &[usize]) -> Sides {
        let margins = self.margins(inputs, targets);
        let mut sides = Sides { right: 0, on_the_plane: 0, wrong: 0, separates: false };
        for margins in margins.chunks_exact(margins.len() / targets.len().max(1)) {
            match margins.iter().copied().fold(f64::INFINITY, f64::min) {
                least if least > Self::ROUNDING => sides.right += 1,
                least if least >= -Self::ROUNDING => sides.on_the_plane += 1,
                _ => sides.wrong += 1,
            }
        }
        sides.separates = sides.wrong == 0 && margins.iter().any(|m| *m > Self::ROUNDING);
        sides
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
            let (weights, intercepts) = direction.split_at(rows.d * rows.k);
            let (weights, intercepts) = (weights.to_vec(), intercepts.to_vec());
            let found = Separation { weights, intercepts, complete: false, on_the_plane: 0 };
            let Sides { on_the_plane, separates, .. } = found.sides(&rows.inputs, &rows.targets);
            separates.then(|| self.of_the_model(&direction, on_the_plane))
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

    /// Those of positive weight, and their log-odds at `x`.
    fn rows_that_count(&self, x: &Tensor<1>) -> (Rows, Vec<f64>) {
        let read = |tensor: Tensor<2>| tensor.into_data().try_into_vec_as::<f64>().expect("floats");
        let ([n, d], k) = (self.inputs.dims(), self.columns());
        let shares = read(self.shares.clone());
        let counts: Vec<usize> = (0..n).filter(|&row| shares[row] > 0.0).collect();
        let of = |all: &[f64], width: usize| -> Vec<f64> {
            counts.iter().flat_map(|&row| all[row * width..(row + 1) * width].iter().copied()).collect()
        };
        let class =
            |t: &[f64]| if k == 1 { usize::from(t[0] > 0.5) } else { (0..k).find(|&c| t[c] > 0.5).unwrap_or(0) };
        let targets = of(&read(self.targets.clone()), k).chunks_exact(k).map(class).collect();
        let rows = Rows { inputs: of(&read(self.inputs.clone()), d), targets, d, k };
        (rows, of(&read(self.product(x)), k))
    }

    /// The direction in the units of the model's parameters, of length 1.
    fn of_the_model(&self, direction: &[f64], on_the_plane: usize) -> Separation {
        let data = TensorData::new(direction.to_vec(), [direction.len()]);
        let direction = Tensor::<1>::from_data(data, (&self.inputs.device(), self.inputs.dtype()));
        let mut weights: Vec<f64> = self.parameters(&direction).into_data().try_into_vec_as().expect("floats");
        let length = norm(&weights);
        weights.iter_mut().for_each(|w| *w /= length);
        let intercepts = weights.split_off(self.inputs.dims()[1] * self.columns());
        Separation { weights, intercepts, complete: on_the_plane == 0, on_the_plane }
    }
}

impl Rows {
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
