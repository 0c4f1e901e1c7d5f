//! Conjugate gradients for linear systems.

use burn::tensor::Tensor;

use super::{
    EvaluationError,
    problem::{dots, epsilon},
};

/// The options of [`conjugate_gradient`].
///
/// # Example
/// ```
/// use kiln_optim::solver::LinearCg;
///
/// let options = LinearCg { rtol: 1e-6, max_iter: 100, ..LinearCg::default() };
/// ```
#[derive(Clone, Copy, Default)]
pub struct LinearCg<'a> {
    /// The solver stops when ‖b − A·x‖ ≤ max(`rtol`·‖b‖, `atol`). Default 0: as accurate as rounding allows.
    pub rtol: f64,
    /// See `rtol`. Default 0.
    pub atol: f64,
    /// Maximum number of iterations; 0 means n. Default 0.
    pub max_iter: usize,
    /// A preconditioner v ↦ M⁻¹·v, with M symmetric, positive definite and near A. Default: none.
    pub preconditioner: Option<&'a dyn Fn(&Tensor<1>) -> Tensor<1>>,
}

/// The result of [`conjugate_gradient`].
#[derive(Clone, Debug)]
pub struct LinearSolution {
    /// The solution x, `[n]`.
    pub x: Tensor<1>,
    /// The norm ‖b − A·x‖, as the recurrence gives it.
    pub residual: f64,
    /// Number of iterations, each with one product with A.
    pub iterations: usize,
    /// Whether the residual is within the tolerance.
    pub converged: bool,
    /// A direction v with vᵀ·A·v ≤ 0, at which the solver stopped because A is not positive definite.
    pub negative_curvature: Option<Tensor<1>>,
}

/// Solves A·x = b by conjugate gradients from x = 0.
///
/// A is symmetric and positive definite, and given by its `product` with a vector. In exact arithmetic the solver needs at most n
/// steps, and one per distinct eigenvalue.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{LinearCg, conjugate_gradient};
///
/// let device = Device::default();
/// let diagonal = Tensor::<1>::from_data([1.0, 1.0, 4.0], &device);
/// let solution = conjugate_gradient(
///     |v| Ok(v.clone() * diagonal.clone()),
///     &Tensor::from_data([1.0, 2.0, 4.0], &device),
///     &LinearCg { rtol: 1e-6, ..LinearCg::default() },
/// )?;
/// assert_eq!(solution.iterations, 2);
/// # Ok::<(), kiln_optim::solver::EvaluationError>(())
/// ```
///
/// # Errors
/// Returns the error of `product`.
///
/// # References
/// Hestenes and Stiefel (1952). Nocedal and Wright, *Numerical Optimization* (2006), algorithm 5.3.
pub fn conjugate_gradient(
    product: impl Fn(&Tensor<1>) -> Result<Tensor<1>, EvaluationError>,
    b: &Tensor<1>,
    options: &LinearCg<'_>,
) -> Result<LinearSolution, EvaluationError> {
    let [n] = b.dims();
    let max_iter = if options.max_iter == 0 { n } else { options.max_iter };
    let precondition = |r: &Tensor<1>| options.preconditioner.map_or_else(|| r.clone(), |inverse| inverse(r));
    let mut x = b.zeros_like();
    let mut r = b.clone();
    let mut z = precondition(&r);
    let mut d = z.clone();
    let [mut square, mut rz] = dots([[&r, &r], [&r, &z]]);
    let target = (options.rtol * square.sqrt()).max(options.atol);
    let mut iterations = 0;
    let mut negative_curvature = None;
    while square.sqrt() > target && iterations < max_iter {
        let ad = product(&d)?;
        let [curvature, dd, adad] = dots([[&d, &ad], [&d, &d], [&ad, &ad]]);
        // A smaller curvature is rounding error of a product of such lengths.
        if curvature.is_nan() || curvature <= 3.0 * epsilon(b) * (dd * adad).sqrt() {
            negative_curvature = Some(d);
            break;
        }
        let alpha = rz / curvature;
        x = x + d.clone() * alpha;
        r = r - ad * alpha;
        z = precondition(&r);
        let [next_square, next_rz] = dots([[&r, &r], [&r, &z]]);
        iterations += 1;
        d = z.clone() + d * (next_rz / rz);
        (square, rz) = (next_square, next_rz);
    }
    let residual = square.sqrt();
    Ok(LinearSolution { x, residual, iterations, converged: residual <= target, negative_curvature })
}
