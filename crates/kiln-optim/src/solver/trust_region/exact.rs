//! The nearly exact minimum of the model, from the dense Hessian.

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::linalg::Symmetric;

use super::{
    more_sorensen::{Minimum, minimum},
    subproblem::{Quadratic, RegionStep, Subproblem},
};
use crate::solver::{
    EvaluationError, Hessian,
    descent::squares,
    problem::{Counted, Point},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// The exact minimum of the model within the region, by factorisations of the dense Hessian on the host in f64.
///
/// It needs the Hessian, and the memory of three matrices. An iteration takes a Cholesky factorisation if the Hessian is positive
/// definite and the step is short enough, up to some more at the boundary, and an eigenvalue decomposition if it is indefinite.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Stop, minimize, trust_exact};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::from_data([0.0, 0.0], &Device::default());
/// // The gradient is 0 at the start, which is a saddle point.
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| {
///     let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
///     x.square() - y.clone().square() + y.square().square() * 0.25 + 1.0
/// });
/// let outcome = minimize(&f, start + 1e-3, &trust_exact(), &Stop::default())?;
/// assert!(outcome.success && outcome.value.abs() < 1e-6, "{outcome:?}");
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Moré and Sorensen, *Computing a trust region step* (1983). Conn, Gould and Toint, *Trust-Region Methods* (2000), chapter 7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact;

/// The Hessian at the current point.
#[derive(Clone, Debug, Default)]
pub struct State {
    hessian: Option<Symmetric>,
}

impl Remember for State {
    fn save(&self, snapshot: &mut Snapshot) {
        if let Some(hessian) = &self.hessian {
            let n = hessian.rows();
            let entries = (0..n * n).map(|k| hessian.at(k / n, k % n)).collect();
            snapshot.put_numbers("trust-region.hessian", entries, [n, n]);
        }
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        if !snapshot.has("trust-region.hessian") {
            return Ok(Self::default());
        }
        let ([n], entries) = (x.dims(), snapshot.numbers("trust-region.hessian")?);
        if entries.len() != n * n {
            let reason = format!("'trust-region.hessian' has {} numbers, expected {}", entries.len(), n * n);
            return Err(SnapshotError::Damaged(reason));
        }
        Ok(Self { hessian: Some(Symmetric::from_fn(n, |i, j| entries[i * n + j])) })
    }
}

impl<P: Hessian> Subproblem<P> for Exact {
    type Known = State;
    type Model<'m>
        = Dense<'m>
    where
        P: 'm;

    /// The Hessian, its factor and its eigenvectors.
    fn memory(&self, n: usize, number: usize) -> u64 {
        squares(n, 24 + number)
    }

    fn model<'m>(
        &'m self,
        problem: &'m Counted<'m, P>,
        at: &'m Point,
        known: &'m mut State,
    ) -> Result<Dense<'m>, EvaluationError> {
        let hessian = match known.hessian.take() {
            Some(hessian) => hessian,
            None => problem.hessian(&at.x)?,
        };
        Ok(Dense { hessian: known.hessian.insert(hessian) })
    }
}

/// The model by a dense Hessian.
pub struct Dense<'m> {
    hessian: &'m Symmetric,
}

impl Quadratic for Dense<'_> {
    fn product(&self, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(like(v, self.hessian.multiply(&numbers(v)?)))
    }

    fn minimise(
        &self,
        gradient: &Tensor<1>,
        free: Option<&Tensor<1>>,
        radius: f64,
    ) -> Result<RegionStep, EvaluationError> {
        let g = numbers(gradient)?;
        let free: Vec<usize> = match free {
            Some(free) => numbers(free)?.iter().enumerate().filter(|(_, free)| **free > 0.0).map(|(j, _)| j).collect(),
            None => (0..g.len()).collect(),
        };
        let hessian = self.hessian;
        let reduced: Vec<f64> = free.iter().map(|&j| g[j]).collect();
        let found = if free.len() == g.len() {
            minimum(hessian, &reduced, radius)
        } else {
            minimum(&Symmetric::from_fn(free.len(), |i, j| hessian.at(free[i], free[j])), &reduced, radius)
        };
        // Without a Hessian, the gradient's direction.
        let Minimum { p, at_rim } = found.unwrap_or_else(|| {
            let length = reduced.iter().map(|g| g * g).sum::<f64>().sqrt();
            Minimum { p: reduced.iter().map(|g| -g * radius / length).collect(), at_rim: true }
        });
        let mut step = vec![0.0; g.len()];
        free.iter().zip(p).for_each(|(&j, p)| step[j] = p);
        let hp = hessian.multiply(&step);
        let promise = -step.iter().zip(&g).zip(&hp).map(|((p, g), hp)| p * (g + 0.5 * hp)).sum::<f64>();
        let promise = if hessian.is_finite() { promise } else { -step.iter().zip(&g).map(|(p, g)| p * g).sum::<f64>() };
        Ok(RegionStep { p: like(gradient, step), hp: like(gradient, hp), promise, at_rim })
    }
}

fn numbers(vector: &Tensor<1>) -> Result<Vec<f64>, EvaluationError> {
    Ok(vector.to_data().try_into_vec_as()?)
}

fn like(vector: &Tensor<1>, numbers: Vec<f64>) -> Tensor<1> {
    let data = TensorData::new(numbers, vector.dims());
    Tensor::from_data(data, (&vector.device(), vector.dtype()))
}
