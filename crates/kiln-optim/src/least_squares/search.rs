//! A step within bounds.

use kiln_tensor::linalg::Matrix;

use super::{
    options::Step,
    step::{Model, Scaled},
};
use crate::norms::norm;

/// A point whose linear model is known.
pub(super) struct Around<'a> {
    pub(super) x: &'a [f64],
    pub(super) residuals: &'a [f64],
    pub(super) jacobian: &'a Matrix,
    /// Jᵀ·r `[n]`.
    pub(super) gradient: &'a [f64],
    pub(super) bounds: (&'a [f64], &'a [f64]),
    /// The trust region's units: ‖D·p‖ ≤ Δ.
    pub(super) scale: &'a [f64],
}

/// A step that stays within the bounds.
pub(super) struct Proposal {
    pub(super) x: Vec<f64>,
    /// ‖D·p‖.
    pub(super) length: f64,
    /// The decrease of ½·‖r‖² that the linear model promises.
    pub(super) promise: f64,
    /// The slope of ½·‖r‖² along the step.
    pub(super) slope: f64,
    /// The parameter of Levenberg and Marquardt.
    pub(super) parameter: f64,
}

impl Around<'_> {
    /// The unknowns that are not held by a bound that the gradient points at.
    pub(super) fn free(&self) -> Vec<usize> {
        let (lower, upper) = self.bounds;
        let is_held = |j: usize| {
            let (x, g) = (self.x[j], self.gradient[j]);
            (x <= lower[j] && g >= 0.0) || (x >= upper[j] && g <= 0.0)
        };
        (0..self.x.len()).filter(|&j| !is_held(j)).collect()
    }

    /// The linear model of the free unknowns, in scaled units.
    pub(super) fn model(&self, free: &[usize]) -> Option<Model> {
        let column = |j: usize| (free[j], self.scale[free[j]]);
        let scaled = Matrix::from_fn(self.jacobian.rows(), free.len(), |i, j| {
            let (index, scale) = column(j);
            self.jacobian.at(i, index) / scale
        });
        Model::new(&scaled, self.residuals)
    }

    /// A step of at most about `radius`. A step that a bound cuts is compared with one along the projected gradient.
    pub(super) fn propose(
        &self,
        (model, free): (&Model, &[usize]),
        step: Step,
        radius: f64,
        parameter: f64,
    ) -> Proposal {
        let Scaled { q, parameter } = match step {
            Step::LevenbergMarquardt => model.levenberg_marquardt(radius, parameter),
            Step::Dogleg => model.dogleg(radius),
        };
        let mut p = vec![0.0; self.x.len()];
        free.iter().zip(q).for_each(|(&j, q)| p[j] = q / self.scale[j]);
        let proposal = Proposal { parameter, ..self.along(&p) };
        let is_cut = (0..p.len()).any(|j| self.is_cut(j, p[j]));
        if !is_cut {
            return proposal;
        }
        // Along −D⁻²·g, projected, until the model decreases by a fraction of its slope.
        let steepest: Vec<f64> = self.gradient.iter().zip(self.scale).map(|(g, d)| -g / (d * d)).collect();
        let in_units: Vec<f64> = steepest.iter().zip(self.scale).map(|(p, d)| p * d).collect();
        let mut t = radius / norm(&in_units);
        for _ in 0..60 {
            let path: Vec<f64> = steepest.iter().map(|p| t * p).collect();
            let cauchy = self.along(&path);
            if cauchy.promise >= -0.1 * cauchy.slope {
                // The projected step is good enough if it promises half as much.
                return if proposal.promise >= 0.5 * cauchy.promise { proposal } else { cauchy };
            }
            t *= 0.5;
        }
        proposal
    }

    /// Whether a bound cuts the step of an unknown.
    fn is_cut(&self, j: usize, p: f64) -> bool {
        let (lower, upper) = self.bounds;
        self.x[j] + p < lower[j] || self.x[j] + p > upper[j]
    }

    /// The step p, cut by the bounds.
    fn along(&self, p: &[f64]) -> Proposal {
        let (lower, upper) = self.bounds;
        let x: Vec<f64> = (0..p.len()).map(|j| (self.x[j] + p[j]).clamp(lower[j], upper[j])).collect();
        // Without a bound, p and not the difference of two points, which rounding has changed.
        let step: Vec<f64> = (0..p.len()).map(|j| if self.is_cut(j, p[j]) { x[j] - self.x[j] } else { p[j] }).collect();
        let slope = step.iter().zip(self.gradient).map(|(p, g)| p * g).sum::<f64>();
        let bent = norm(&self.jacobian.multiply(&step));
        let in_units: Vec<f64> = step.iter().zip(self.scale).map(|(p, d)| p * d).collect();
        Proposal { x, length: norm(&in_units), promise: -slope - 0.5 * bent * bent, slope, parameter: 0.0 }
    }
}
