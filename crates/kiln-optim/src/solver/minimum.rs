//! Whether a stationary point is a minimum.

use burn::tensor::{DType, Tensor, TensorData};
use kiln_tensor::linalg::{Matrix, Symmetric};
use serde::{Deserialize, Serialize};

use super::{
    EvaluationError, Objective,
    cone::{self, Curvature},
    problem::{Counted, Point, dots, epsilon},
};

/// Whether the point of a converged minimisation is tested for being a minimum.
///
/// The test computes the Hessian in the directions that bounds and penalties leave free, and looks for one of negative curvature along
/// which the function falls. It takes one product with the Hessian per variable, which the outcome does not count.
///
/// # Example
/// A saddle of x² − y² + y⁴/4, at which the gradient is 0:
///
/// ```
/// use kiln_optim::solver::{CheckMinimum, Status, Stop, lbfgs, minimize_fn};
///
/// let saddle = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * x[0];
///     g[1] = x[1].powi(3) - 2.0 * x[1];
///     x[0] * x[0] - x[1] * x[1] + x[1].powi(4) / 4.0
/// };
/// let stop = Stop { check_minimum: CheckMinimum::Always, ..Stop::default() };
/// let outcome = minimize_fn(saddle, &[1.0, 0.0], &lbfgs(), &stop)?;
/// assert_eq!(outcome.status, Status::StationaryNotMinimum);
/// let downhill = outcome.downhill.unwrap();
/// assert!(downhill.direction[1].abs() > 0.999 && (downhill.curvature + 2.0).abs() < 1e-5);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckMinimum {
    /// By solvers that use products with the Hessian, for up to 200 variables in f64, if the objective has such products. They leave a
    /// point that is no minimum, and go on. The default.
    #[default]
    Auto,
    /// By all solvers, for up to 1000 variables in f64, by differences of gradients if the objective has no products.
    Always,
    /// By none.
    Never,
}

impl CheckMinimum {
    /// Whether a point is tested.
    pub(super) fn applies(self, has_curvature: bool, has_products: bool, x: &Tensor<1>) -> bool {
        let [n] = x.dims();
        x.dtype() == DType::F64
            && match self {
                Self::Auto => has_curvature && has_products && n <= 200,
                Self::Always => n <= MAX_DENSE,
                Self::Never => false,
            }
    }
}

/// A direction along which a stationary point is no minimum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Downhill {
    /// The direction d `[n]`, of length 1.
    pub direction: Vec<f64>,
    /// The curvature dᵀ·H·d, below 0. Under constraints, H is the Hessian of the Lagrangian.
    pub curvature: f64,
}

/// The directions in which a stationary point may be left without a slope.
///
/// # Example
/// ```
/// use kiln_optim::solver::Cone;
///
/// // The first variable is held, and the second may only grow.
/// let corner = Cone { held: vec![0], sides: vec![(1, 1.0)] };
/// assert!(Cone::default().held.is_empty() && corner.sides.len() == 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cone {
    /// The variables that a slope holds at a bound.
    pub held: Vec<usize>,
    /// The variables at a bound without a slope, with the sign of the direction that leaves it.
    pub sides: Vec<(usize, f64)>,
}

/// A point that is no minimum, and one at which the function is lower.
pub(super) struct Lower {
    pub(super) downhill: Downhill,
    pub(super) x: Tensor<1>,
}

/// What a solver adds to the function.
pub(super) struct Moves<'s> {
    /// Projects a point on the bounds.
    pub(super) within: &'s dyn Fn(Tensor<1>) -> Tensor<1>,
    /// Returns the penalty of a point.
    pub(super) penalty: &'s dyn Fn(&Tensor<1>) -> f64,
}

/// Curvatures above −this fraction of the largest entry of the Hessian count as 0: the point is stationary up to a tolerance only.
pub(crate) const FLOOR: f64 = 1e-6;
/// Maximum number of variables for which the dense test is made.
pub(crate) const MAX_DENSE: usize = 1000;

/// Looks for a lower point along a direction of negative curvature. Its decrease must be what the curvature promises, and the slope there
/// more than `gtol` explains.
pub(super) fn lower<P: Objective>(
    problem: &Counted<'_, P>,
    at: &Point,
    cone: &Cone,
    gtol: f64,
    moves: &Moves<'_>,
) -> Result<Option<Lower>, EvaluationError> {
    let [n] = at.x.dims();
    let free: Vec<usize> = (0..n).filter(|j| !cone.held.contains(j)).collect();
    let Some(hessian) = hessian(problem, at, &free)? else { return Ok(None) };
    let sides: Vec<(usize, f64)> =
        cone.sides.iter().filter_map(|(j, sign)| Some((free.iter().position(|k| k == j)?, *sign))).collect();
    let rows = Matrix::from_fn(sides.len(), free.len(), |i, j| if sides[i].0 == j { -sides[i].1 } else { 0.0 });
    let floor = FLOOR * hessian.largest();
    let Curvature::Negative { direction: reduced, value } = cone::along(&hessian, &rows, floor) else {
        return Ok(None);
    };
    let mut direction = vec![0.0; n];
    free.iter().zip(&reduced).for_each(|(&j, d)| direction[j] = *d);
    let tensor = |numbers: &[f64]| {
        Tensor::<1>::from_data(TensorData::new(numbers.to_vec(), [n]), (&at.x.device(), at.x.dtype()))
    };
    let d = tensor(&direction);
    let signs: &[f64] = if sides.is_empty() { &[1.0, -1.0] } else { &[1.0] };
    let [size] = dots([[&at.x, &at.x]]).map(f64::sqrt);
    // A shorter step is rounding, also if gtol is 0.
    let shortest = (10.0 * gtol / -value).max(epsilon(&at.x).sqrt() * (1.0 + size));
    let noise = problem.rounding(at);
    for &sign in signs {
        let mut best: Option<(f64, Tensor<1>)> = None;
        // From a long step to a short one, and back to longer ones while the value falls.
        let mut t = 1.0;
        while t >= shortest {
            let x = (moves.within)(at.x.clone() + d.clone() * (sign * t));
            let value_there = problem.plain_value(&x)? + (moves.penalty)(&x);
            let promised = 0.125 * value * t * t;
            let falls = value_there <= at.value + promised && at.value - value_there > noise;
            match &best {
                Some((lowest, _)) if value_there >= *lowest => break,
                Some(_) => {}
                None if !falls => {
                    t *= 0.5;
                    continue;
                }
                None => {}
            }
            best = Some((value_there, x));
            t *= 2.0;
            if t > 1e6 {
                break;
            }
        }
        if let Some((_, x)) = best {
            let direction = direction.iter().map(|d| sign * d).collect();
            return Ok(Some(Lower { downhill: Downhill { direction, curvature: value }, x }));
        }
    }
    Ok(None)
}

/// The Hessian of the free variables. None if it is not finite.
fn hessian<P: Objective>(
    problem: &Counted<'_, P>,
    at: &Point,
    free: &[usize],
) -> Result<Option<Symmetric>, EvaluationError> {
    let [n] = at.x.dims();
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(free.len());
    for &j in free {
        let unit: Vec<f64> = (0..n).map(|k| if j == k { 1.0 } else { 0.0 }).collect();
        let unit = Tensor::from_data(TensorData::new(unit, [n]), (&at.x.device(), at.x.dtype()));
        let product = problem.product_or_difference(&at.x, &unit)?;
        rows.push(product.try_into_vec_as()?);
    }
    let matrix = Symmetric::from_fn(free.len(), |i, j| 0.5 * (rows[i][free[j]] + rows[j][free[i]]));
    Ok(matrix.is_finite().then_some(matrix))
}
