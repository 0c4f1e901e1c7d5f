//! Whether the classes can be separated, so that the likelihood has no maximum.

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian},
    linalg::Symmetric,
};
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
    /// A separation of the two classes, if `x`, where a fit without penalty has come to, shows one: by itself, or by the direction in which
    /// the loss is flattest there. None for more than two classes, unless the loss shows it; see
    /// [`is_separated`](Self::is_separated).
    ///
    /// # Errors
    /// When the Hessian cannot be evaluated.
    pub fn separation(&self, x: &Tensor<1>) -> Result<Option<Separation>, EvaluationError> {
        if self.columns() != 1 {
            return Ok(None);
        }
        let read = |tensor: Tensor<2>| tensor.into_data().try_into_vec_as::<f64>().expect("floats");
        let (inputs, targets) = (read(self.inputs.clone()), read(self.targets.clone()));
        let targets: Vec<usize> = targets.iter().map(|t| usize::from(*t > 0.5)).collect();
        let d = self.inputs.dims()[1];
        let own: Vec<f64> = x.to_data().try_into_vec_as().expect("floats");
        if margins(&inputs, &targets, &own[..d], own[d]).iter().all(|m| *m > ON_THE_PLANE) {
            return Ok(Some(self.separation_along(&own, true, 0)));
        }
        let Some(eigen) = self.hessian(x)?.eigen() else { return Ok(None) };
        let largest = eigen.values.last().copied().unwrap_or(0.0);
        for index in (0..=d).take_while(|&i| eigen.values[i] <= 1e-4 * largest) {
            let flat = eigen.vector(index);
            for sign in [1.0, -1.0] {
                let candidate: Vec<f64> = flat.iter().map(|v| sign * v).collect();
                let m = margins(&inputs, &targets, &candidate[..d], candidate[d]);
                let top = m.iter().fold(0.0, |top: f64, m| top.max(m.abs()));
                if m.iter().any(|m| *m < -1e-3 * top) {
                    continue;
                }
                let plane: Vec<&[f64]> =
                    inputs.chunks_exact(d).zip(&m).filter(|(_, m)| **m <= 1e-3 * top).map(|(row, _)| row).collect();
                let exact = orthogonal_to(&plane, &candidate);
                let m = margins(&inputs, &targets, &exact[..d], exact[d]);
                let on = m.iter().filter(|m| m.abs() <= ON_THE_PLANE).count();
                if m.iter().all(|m| *m >= -ON_THE_PLANE) && on < m.len() {
                    return Ok(Some(self.separation_along(&exact, on == 0, on)));
                }
            }
        }
        Ok(None)
    }

    /// Whether the loss without penalty is so small that every example must be on its side: Σ −ln p < ln 2 leaves none with p ≤ ½.
    pub fn is_separated(&self, value: f64) -> bool {
        self.l2 == 0.0 && value * self.total < std::f64::consts::LN_2 && self.weighs_all()
    }

    fn weighs_all(&self) -> bool {
        let smallest = self.shares.clone().min().into_scalar::<f64>() * self.total;
        smallest >= 1.0 - 1e-6
    }

    fn separation_along(&self, x: &[f64], complete: bool, on_the_plane: usize) -> Separation {
        let data = burn::tensor::TensorData::new(x.to_vec(), [x.len()]);
        let x = Tensor::<1>::from_data(data, (&self.inputs.device(), self.inputs.dtype()));
        let mut x: Vec<f64> = self.parameters(&x).into_data().try_into_vec_as().expect("floats");
        let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        x.iter_mut().for_each(|x| *x /= length);
        let intercept = x.pop().expect("the intercept is last");
        Separation { weights: x, intercept, complete, on_the_plane }
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
