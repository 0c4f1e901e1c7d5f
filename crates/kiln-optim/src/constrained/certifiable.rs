//! What a certificate is computed from.

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{
    derivative::{EvaluationError, Inputs},
    linalg::{Matrix, Symmetric},
};

use super::{
    CertificateError, Multipliers, Problem,
    evaluated::Evaluated,
    host::{Host, on_host},
    quadratic::Quadratic,
};

/// What a [`Certificate`](super::Certificate) is computed from: functions and bounds, but no solver.
pub trait Certifiable {
    /// How many numbers x has.
    fn unknowns(&self) -> usize;

    /// The lower bounds, −∞ where there is none.
    fn lower(&self) -> &[f64];

    /// The upper bounds, ∞ where there is none.
    fn upper(&self) -> &[f64];

    /// Whether f and g are convex, and h is affine.
    fn is_convex(&self) -> bool;

    /// A name for each entry of g.
    fn inequality_names(&self) -> Vec<String>;

    /// f, h, g and their first derivatives at x `[n]`.
    ///
    /// # Errors
    /// When they cannot be evaluated.
    fn evaluate(&self, x: &Tensor<1>) -> Result<Evaluated, EvaluationError>;

    /// The Hessian of the Lagrangian.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    fn lagrangian_hessian(&self, x: &Tensor<1>, multipliers: &Multipliers) -> Result<Symmetric, EvaluationError>;

    /// The multipliers of a point that a solver has found which knows of none: of those that may be above 0, where inequalities and bounds
    /// hold within `tol`, the ones that make the Lagrangian's gradient smallest. None where they cannot be computed.
    ///
    /// # Errors
    /// When the functions cannot be evaluated.
    fn multipliers(&self, x: &Tensor<1>, tol: f64) -> Result<Option<Multipliers>, EvaluationError> {
        let Evaluated { x, values, slopes } = self.evaluate(x)?;
        // The projection of −∇f on the directions that the constraints leave: its multipliers are these.
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

    /// The multipliers of the bounds at a point, given those of the other constraints, of which there may be none: what is left of the
    /// Lagrangian's gradient, where the point is within `tol` of a bound towards which it pulls.
    ///
    /// # Errors
    /// When these do not fit the problem, or the functions cannot be evaluated.
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

impl<'a, M: Module + 'a, I: Inputs + 'a> Certifiable for Problem<'a, M, I> {
    fn unknowns(&self) -> usize {
        Problem::unknowns(self)
    }
    fn lower(&self) -> &[f64] {
        Problem::lower(self)
    }
    fn upper(&self) -> &[f64] {
        Problem::upper(self)
    }
    fn is_convex(&self) -> bool {
        Problem::is_convex(self)
    }
    fn inequality_names(&self) -> Vec<String> {
        Problem::inequality_names(self)
    }
    fn evaluate(&self, x: &Tensor<1>) -> Result<Evaluated, EvaluationError> {
        let host = Host::new(self, x);
        let x = on_host(x.clone());
        Ok(Evaluated { values: host.values(&x)?, slopes: host.slopes(&x)?, x })
    }
    fn lagrangian_hessian(&self, x: &Tensor<1>, multipliers: &Multipliers) -> Result<Symmetric, EvaluationError> {
        Host::new(self, x).hessian(&on_host(x.clone()), multipliers)
    }
}
