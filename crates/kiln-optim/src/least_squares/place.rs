//! A point of a fit.

use kiln_tensor::linalg::Matrix;

use super::{LeastSquares, Residuals};
use crate::{norms::norm, solver::SolverError};

/// A point with its derivatives.
pub(super) struct Place {
    pub(super) x: Vec<f64>,
    pub(super) residuals: Vec<f64>,
    pub(super) cost: f64,
    /// With the weights of the loss.
    pub(super) weighted: Vec<f64>,
    pub(super) jacobian: Matrix,
    pub(super) gradient: Vec<f64>,
    pub(super) sizes: Sizes,
}

/// What the gradient and the residuals are compared with: norms with the square roots of ρ′ as weights.
pub(super) struct Sizes {
    pub(super) residuals: f64,
    pub(super) columns: Vec<f64>,
    /// That of |J|·|x|: about the size of the terms that a residual is made of.
    pub(super) terms: f64,
}

impl Sizes {
    fn of(options: &LeastSquares, x: &[f64], residuals: &[f64], jacobian: &Matrix) -> Self {
        let weight = |r: &f64| options.loss.at((r / options.loss_scale).powi(2))[1].sqrt();
        let weights: Vec<f64> = residuals.iter().map(weight).collect();
        let column =
            |j: usize| -> Vec<f64> { weights.iter().zip(jacobian.column(j)).map(|(w, entry)| w * entry).collect() };
        let terms = |i: usize| weights[i] * (0..x.len()).map(|j| (jacobian.at(i, j) * x[j]).abs()).sum::<f64>();
        Self {
            residuals: norm(&weights.iter().zip(residuals).map(|(w, r)| w * r).collect::<Vec<_>>()),
            columns: (0..x.len()).map(|j| norm(&column(j))).collect(),
            terms: norm(&(0..residuals.len()).map(terms).collect::<Vec<_>>()),
        }
    }
}

impl Place {
    pub(super) fn new(
        problem: &(impl Residuals + ?Sized),
        options: &LeastSquares,
        x: Vec<f64>,
        residuals: Vec<f64>,
        cost: f64,
    ) -> Result<Self, SolverError> {
        let jacobian = problem.jacobian(&x, &residuals)?;
        let (found, expected) = ((jacobian.rows(), jacobian.columns()), (residuals.len(), x.len()));
        if found != expected {
            let name = if found.0 == expected.0 { "each row of the Jacobian" } else { "each column of the Jacobian" };
            let (expected, got) = if found.0 == expected.0 { (expected.1, found.1) } else { (expected.0, found.0) };
            return Err(SolverError::Length { name, expected, got });
        }
        let sizes = Sizes::of(options, &x, &residuals, &jacobian);
        let (weighted, jacobian) = options.loss.scaled(residuals.clone(), jacobian, options.loss_scale);
        let gradient = jacobian.transpose_multiply(&weighted);
        Ok(Self { x, residuals, cost, weighted, jacobian, gradient, sizes })
    }

    pub(super) fn is_finite(&self) -> bool {
        self.cost.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }
}
