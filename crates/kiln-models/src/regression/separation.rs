//! Whether the classes can be separated, so that the likelihood has no maximum.

use burn::tensor::Tensor;
use kiln_tensor::linalg::Symmetric;
use serde::{Deserialize, Serialize};

use super::RegressionLoss;

/// A direction of the parameters of logistic regression along which no example becomes less likely, and some become more so: the
/// likelihood grows for ever, and has no maximum (Albert and Anderson, 1984). It is its own proof, which [`margins`] checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// A weight for each feature.
    pub weights: Vec<f64>,
    /// The intercept.
    pub intercept: f64,
    /// Whether every example is on its side of the plane; otherwise some lie on it (quasi-complete separation).
    pub complete: bool,
    /// Examples on the plane.
    pub on_the_plane: usize,
}

/// The distance of each example to the plane w·x + b = 0 in units of ‖w‖·max ‖x‖, positive on the side of its class, of two; `inputs`
/// row by row.
pub fn margins(inputs: &[f64], targets: &[usize], weights: &[f64], intercept: f64) -> Vec<f64> {
    let rows = || inputs.chunks_exact(weights.len().max(1));
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let unit = length(weights) * rows().map(length).fold(0.0, f64::max) + intercept.abs();
    let side = |row: &[f64]| row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() + intercept;
    rows().zip(targets).map(|(row, &class)| side(row) * if class == 1 { 1.0 } else { -1.0 } / unit).collect()
}

/// What is left of a zero by rounding, in the units of [`margins`].
pub const ON_THE_PLANE: f64 = 1e-9;

impl RegressionLoss {
    /// A separation of the two classes, if `x`, where a fit without penalty has come to, shows one. Along a separation the parameters run
    /// away, and with them the log-odds of all rows but those on the plane; so `x` is projected on the directions in which
    /// the rows of small log-odds do not change, and the result is checked. None for more than two classes; see
    /// [`is_separated`](Self::is_separated).
    pub fn separation(&self, x: &Tensor<1>) -> Option<Separation> {
        if self.columns() != 1 {
            return None;
        }
        let read = |tensor: Tensor<2>| tensor.into_data().try_into_vec_as::<f64>().expect("floats");
        let (inputs, targets) = (read(self.inputs.clone()), read(self.targets.clone()));
        let classes: Vec<usize> = targets.iter().map(|t| usize::from(*t > 0.5)).collect();
        let odds: Vec<f64> = read(self.product(x)).iter().zip(&targets).map(|(z, t)| z * (2.0 * t - 1.0)).collect();
        let d = self.inputs.dims()[1];
        let x: Vec<f64> = x.to_data().try_into_vec_as().expect("floats");
        // Nothing lies on the plane, or what has log-odds below one of these.
        [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0].into_iter().find_map(|limit| {
            let small = |odds: f64| limit > 0.0 && odds.abs() <= limit;
            let plane: Vec<&[f64]> = inputs
                .chunks_exact(d.max(1))
                .zip(&odds)
                .filter(|(_, odds)| small(**odds))
                .map(|(row, _)| row)
                .collect();
            let direction = if plane.is_empty() { x.clone() } else { orthogonal_to(&plane, &x) };
            let margins = margins(&inputs, &classes, &direction[..d], direction[d]);
            let on = margins.iter().filter(|m| m.abs() <= ON_THE_PLANE).count();
            let separates = margins.iter().all(|m| *m >= -ON_THE_PLANE) && on < margins.len();
            separates.then(|| self.separation_along(&direction, on))
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

    fn separation_along(&self, x: &[f64], on_the_plane: usize) -> Separation {
        let data = burn::tensor::TensorData::new(x.to_vec(), [x.len()]);
        let x = Tensor::<1>::from_data(data, (&self.inputs.device(), self.inputs.dtype()));
        let mut x: Vec<f64> = self.parameters(&x).into_data().try_into_vec_as().expect("floats");
        let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        x.iter_mut().for_each(|x| *x /= length);
        let intercept = x.pop().expect("the intercept is last");
        Separation { weights: x, intercept, complete: on_the_plane == 0, on_the_plane }
    }
}

/// The part of `v` that is orthogonal to all rows (each with a one appended).
fn orthogonal_to(rows: &[&[f64]], v: &[f64]) -> Vec<f64> {
    let n = v.len();
    let at = |row: &[f64], i: usize| row.get(i).copied().unwrap_or(1.0);
    let gram = Symmetric::from_fn(n, |i, j| rows.iter().map(|row| at(row, i) * at(row, j)).sum());
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
