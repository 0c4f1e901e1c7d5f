//! What a certificate is computed from.

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{
    derivative::{EvaluationError, Inputs},
    linalg::{Matrix, Symmetric},
};

use super::{
    CertificateError, ConstrainedProblem, Multipliers,
    evaluated::Evaluated,
    host::{Host, on_host},
    quadratic::Quadratic,
};

/// A problem for which a [`Certificate`](super::Certificate) can be computed: functions and bounds, without a solver.
pub trait Certifiable {
    /// Returns the number of unknowns.
    fn unknowns(&self) -> usize;

    /// Returns the lower bounds; −∞ means no bound.
    fn lower(&self) -> &[f64];

    /// Returns the upper bounds; ∞ means no bound.
    fn upper(&self) -> &[f64];

    /// Returns whether f and g are convex and h is affine.
    fn is_convex(&self) -> bool;

    /// Returns a name for each entry of g.
    fn inequality_names(&self) -> Vec<String>;

    /// Computes f, h, g and their first derivatives at x `[n]`.
    ///
    /// # Errors
    /// Returns an error if they cannot be evaluated.
    fn evaluate(&self, x: &Tensor<1>) -> Result<Evaluated, EvaluationError>;

    /// Computes the Hessian of the Lagrangian.
    ///
    /// # Errors
    /// Returns an error if it cannot be evaluated.
    fn lagrangian_hessian(&self, x: &Tensor<1>, multipliers: &Multipliers) -> Result<Symmetric, EvaluationError>;

    /// Estimates the multipliers of a point from a solver that has none.
    ///
    /// The result minimises the norm of the Lagrangian's gradient. Only equalities, and inequalities and bounds that are active
    /// within `tol`, have a multiplier. Returns none if the multipliers cannot be computed.
    ///
    /// # Errors
    /// Returns an error if the functions cannot be evaluated.
    fn multipliers(&self, x: &Tensor<1>, tol: f64) -> Result<Option<Multipliers>, EvaluationError> {
        let Evaluated { x, values, slopes } = self.evaluate(x)?;
        // Project −∇f on the directions that the active constraints allow; the multipliers of this programme are the result.
        let identity = Symmetric::identity(x.len());
        let room = |held: bool| if held { 0.0 } else { f64::INFINITY };
        let lower: Vec<f64> = x.iter().zip(self.lower()).map(|(x, low)| -room(x - low <= tol)).collect();
        let upper: Vec<f64> = x.iter().zip(self.upper()).map(|(x, high)| room(high - x <= tol)).collect();
        let held: Vec<usize> = (0..values.inequality.len()).filter(|&i| values.inequality[i] >= -tol).collect();
        let rows = Matrix::from_fn(held.len(), x.len(), |i, j| slopes.inequality.at(held[i], j));
        let (h, g) = (vec![0.0; values.equality.len()], vec![0.0; held.len()]);
        let programme = Quadratic {
            hessian: &identity,
            gradient: &slopes.gradient,
            equality: (&slopes.equality, &h),
            inequality: (&rows, &g),
            lower: &lower,
            upper: &upper,
        };
        let Ok(step) = programme.solve() else { return Ok(None) };
        let mut multipliers =
            Multipliers { inequality: vec![0.0; values.inequality.len()], ..step.multipliers.clone() };
        held.iter()
            .zip(step.multipliers.inequality)
            .for_each(|(&i, multiplier)| multipliers.inequality[i] = multiplier);
        Ok(Some(multipliers))
    }

    /// Computes the multipliers of the bounds at a point from those of the other constraints, which may be empty.
    ///
    /// A multiplier is the entry of the Lagrangian's gradient, if the point is within `tol` of the bound and the gradient pulls
    /// towards it.
    ///
    /// # Errors
    /// Returns [`CertificateError`] if the numbers do not fit the problem, or the functions cannot be evaluated.
    fn bound_multipliers(
        &self,
        x: &Tensor<1>,
        equality: &[f64],
        inequality: &[f64],
        tol: f64,
    ) -> Result<Multipliers, CertificateError> {
        let ([n], unknowns) = (x.dims(), self.unknowns());
        if n != unknowns {
            return Err(CertificateError::Length { what: "numbers in x", expected: unknowns, got: n });
        }
        let Evaluated { x, values, slopes } = self.evaluate(x)?;
        for (what, given, values) in [
            ("multipliers of equalities", equality, &values.equality),
            ("multipliers of inequalities", inequality, &values.inequality),
        ] {
            if given.len() != values.len() {
                return Err(CertificateError::Length { what, expected: values.len(), got: given.len() });
            }
        }
        let gradient = slopes.lagrangian(equality, inequality);
        let held = |room: f64, pull: f64| if room <= tol { pull.max(0.0) } else { 0.0 };
        let each = |side: &dyn Fn(usize) -> f64| (0..x.len()).map(side).collect();
        Ok(Multipliers {
            equality: equality.to_vec(),
            inequality: inequality.to_vec(),
            lower: each(&|j| held(x[j] - self.lower()[j], gradient[j])),
            upper: each(&|j| held(self.upper()[j] - x[j], -gradient[j])),
        })
    }
}

impl<'a, M: Module + 'a, I: Inputs + 'a> Certifiable for ConstrainedProblem<'a, M, I> {
    fn unknowns(&self) -> usize {
        ConstrainedProblem::unknowns(self)
    }
    fn lower(&self) -> &[f64] {
        ConstrainedProblem::lower(self)
    }
    fn upper(&self) -> &[f64] {
        ConstrainedProblem::upper(self)
    }
    fn is_convex(&self) -> bool {
        ConstrainedProblem::is_convex(self)
    }
    fn inequality_names(&self) -> Vec<String> {
        ConstrainedProblem::inequality_names(self)
    }
    fn evaluate(&self, x: &Tensor<1>) -> Result<Evaluated, EvaluationError> {
        Host::new(self, x).evaluate(on_host(x.clone()))
    }
    fn lagrangian_hessian(&self, x: &Tensor<1>, multipliers: &Multipliers) -> Result<Symmetric, EvaluationError> {
        Host::new(self, x).hessian(&on_host(x.clone()), multipliers)
    }
}
