//! What a problem is at one point.

use kiln_tensor::{
    derivative::{EvaluationError, Hessian},
    linalg::{Matrix, Symmetric},
};

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::derivative::Inputs;

use super::{
    CertificateError, Multipliers, Problem, ProblemError,
    kkt::largest,
    problem::{Host, check_bounds, on_host},
    quadratic::Quadratic,
};
use crate::solver::SolverError;

/// The numbers of a point, on the host.
#[derive(Clone, Debug)]
pub struct Values {
    /// f.
    pub objective: f64,
    /// h.
    pub equality: Vec<f64>,
    /// g.
    pub inequality: Vec<f64>,
}

impl Values {
    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        self.objective.is_finite() && self.equality.iter().chain(&self.inequality).all(|value| value.is_finite())
    }

    /// The largest violation of h = 0 and g ≤ 0.
    pub fn violation(&self) -> f64 {
        largest(self.equality.iter().map(|h| h.abs()).chain(self.inequality.iter().copied()))
    }

    /// The sum of all violations of h = 0 and g ≤ 0.
    pub fn total_violation(&self) -> f64 {
        self.equality.iter().map(|h| h.abs()).sum::<f64>() + self.inequality.iter().map(|g| g.max(0.0)).sum::<f64>()
    }
}

/// The first derivatives of a point, on the host.
#[derive(Clone, Debug)]
pub struct Slopes {
    /// ∇f, `[n]`.
    pub gradient: Vec<f64>,
    /// The Jacobian of h, one row for each entry.
    pub equality: Matrix,
    /// The Jacobian of g.
    pub inequality: Matrix,
}

impl Slopes {
    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        self.gradient.iter().all(|x| x.is_finite()) && self.equality.is_finite() && self.inequality.is_finite()
    }

    /// Of a step d: ∇fᵀ·d, and h and g made linear.
    pub(super) fn linear(&self, d: &[f64], values: &Values) -> Values {
        let after = |matrix: &Matrix, values: &[f64]| -> Vec<f64> {
            matrix.multiply(d).iter().zip(values).map(|(change, value)| value + change).collect()
        };
        Values {
            objective: self.gradient.iter().zip(d).map(|(g, d)| g * d).sum(),
            equality: after(&self.equality, &values.equality),
            inequality: after(&self.inequality, &values.inequality),
        }
    }

    /// ∇L of f, h and g: the bounds are left out.
    pub(super) fn lagrangian(&self, equality: &[f64], inequality: &[f64]) -> Vec<f64> {
        let (h, g) = (self.equality.transpose_multiply(equality), self.inequality.transpose_multiply(inequality));
        self.gradient.iter().zip(h.iter().zip(&g)).map(|(f, (h, g))| f + h + g).collect()
    }
}

/// A point with its numbers and first derivatives.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The point, `[n]`.
    pub x: Vec<f64>,
    /// f, h and g there.
    pub values: Values,
    /// Their first derivatives.
    pub slopes: Slopes,
}

impl Evaluated {
    pub(super) fn at<'a, M: Module + 'a, I: Inputs + 'a>(
        host: &Host<'_, 'a, M, I>,
        x: Vec<f64>,
    ) -> Result<Self, SolverError> {
        Ok(Self { values: host.values(&x)?, slopes: host.slopes(&x)?, x })
    }

    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        self.values.is_finite() && self.slopes.is_finite()
    }
}

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
        let identity = Symmetric::from_fn(x.len(), |i, j| f64::from(u8::from(i == j)));
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
        Host::new(self, x).hessian(&on_host(x.clone()), 1.0, multipliers)
    }
}

/// An objective with its derivatives, such as a loss in closed form, within bounds: what a solver without constraints has minimised,
/// for a certificate.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::{constrained::{Bounded, Certifiable, Certificate}, solver::{Stop, minimize, newton}};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let start = Tensor::<1>::from_data([3.0, -1.0], &Device::default());
/// let bowl = Function::of_vector(start.clone(), |x: Tensor<1>| x.square().sum());
/// let outcome = minimize(&bowl, start, &newton(), &Stop::default())?;
/// let problem = Bounded::free(&bowl, 2).convex();
/// let certificate = Certificate::of(&problem, &outcome.x, &problem.bound_multipliers(&outcome.x, &[], &[], 1e-5)?)?;
/// assert!(certificate.holds());
/// assert!((certificate.second_order.unwrap().smallest_eigenvalue.unwrap() - 2.0).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bounded<'f, P> {
    objective: &'f P,
    lower: Vec<f64>,
    upper: Vec<f64>,
    convex: bool,
}

impl<'f, P: Hessian> Bounded<'f, P> {
    /// Of `n` unknowns without bounds.
    pub fn free(objective: &'f P, n: usize) -> Self {
        Self { objective, lower: vec![f64::NEG_INFINITY; n], upper: vec![f64::INFINITY; n], convex: false }
    }

    /// Within bounds of one length, infinite where there is none.
    ///
    /// # Errors
    /// When they are not of one length, or leave no number.
    pub fn new(objective: &'f P, lower: Vec<f64>, upper: Vec<f64>) -> Result<Self, ProblemError> {
        check_bounds(lower.len(), &lower, &upper)?;
        Ok(Self { objective, lower, upper, convex: false })
    }

    /// Says that the objective is convex.
    #[must_use]
    pub fn convex(mut self) -> Self {
        self.convex = true;
        self
    }
}

impl<P: Hessian> Certifiable for Bounded<'_, P> {
    fn unknowns(&self) -> usize {
        self.lower.len()
    }
    fn lower(&self) -> &[f64] {
        &self.lower
    }
    fn upper(&self) -> &[f64] {
        &self.upper
    }
    fn is_convex(&self) -> bool {
        self.convex
    }
    fn inequality_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn evaluate(&self, x: &Tensor<1>) -> Result<Evaluated, EvaluationError> {
        let (value, gradient) = self.objective.value_and_grad(x)?;
        let none = || Matrix::from_fn(0, self.lower.len(), |_, _| 0.0);
        Ok(Evaluated {
            x: on_host(x.clone()),
            values: Values { objective: on_host(value)[0], equality: Vec::new(), inequality: Vec::new() },
            slopes: Slopes { gradient: on_host(gradient), equality: none(), inequality: none() },
        })
    }
    fn lagrangian_hessian(&self, x: &Tensor<1>, _: &Multipliers) -> Result<Symmetric, EvaluationError> {
        self.objective.hessian(x)
    }
}
