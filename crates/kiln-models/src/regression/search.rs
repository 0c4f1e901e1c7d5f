//! The search for a separation of classes: along a fit, and by a linear programme.

use burn::tensor::Tensor;
use kiln_tensor::linalg::Symmetric;

use super::{
    linear_programme::{Growth, most_growing},
    loss::{RegressionLoss, Scaling},
    separation::{Separation, compensated},
};

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
