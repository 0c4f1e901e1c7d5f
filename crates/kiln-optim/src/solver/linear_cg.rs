//! Linear conjugate gradients.

use burn::tensor::Tensor;

use super::{
    EvaluationError,
    problem::{dot, read, rounding},
};

/// How [`conjugate_gradient`] solves.
#[derive(Clone, Copy, Default)]
pub struct LinearCg<'a> {
    /// Ends when ‖b − A·x‖ ≤ max(`rtol`·‖b‖, `atol`). Both 0 by default, which asks for all that rounding gives.
    pub rtol: f64,
    /// See `rtol`.
    pub atol: f64,
    /// Iterations; 0, the default, is n.
    pub max_iter: usize,
    /// A preconditioner: v ↦ M⁻¹·v, with M symmetric and positive definite and near A. None by default.
    pub preconditioner: Option<&'a dyn Fn(&Tensor<1>) -> Tensor<1>>,
}

/// What [`conjugate_gradient`] ends with.
#[derive(Clone, Debug)]
pub struct LinearSolution {
    /// x, `[n]`.
    pub x: Tensor<1>,
    /// ‖b − A·x‖, as the iteration knows it.
    pub residual: f64,
    /// Steps taken; each is a product with A.
    pub iterations: usize,
    /// Whether the residual is as small as was asked.
    pub converged: bool,
    /// A direction v with vᵀ·A·v ≤ 0, at which it stopped: A is not positive definite.
    pub negative_curvature: Option<Tensor<1>>,
}

/// Solves A·x = b from x = 0, with A symmetric and positive definite and known by its `product` (Hestenes and
/// Stiefel, 1952; Nocedal and Wright, Numerical Optimization, 2nd ed., Algorithm 5.3): in at most n steps, or one for each
/// distinct eigenvalue, as far as rounding allows.
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
/// What `product` gives.
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
    let [mut square, mut rz] = read([dot(&r, &r), dot(&r, &z)]);
    let target = (options.rtol * square.sqrt()).max(options.atol);
    let mut iterations = 0;
    let mut negative_curvature = None;
    while square.sqrt() > target && iterations < max_iter {
        let ad = product(&d)?;
        let [curvature, dd, adad] = read([dot(&d, &ad), dot(&d, &d), dot(&ad, &ad)]);
        // Below this it is what rounding leaves of a product of such lengths.
        if curvature.is_nan() || curvature <= 3.0 * rounding(b) * (dd * adad).sqrt() {
            negative_curvature = Some(d);
            break;
        }
        let alpha = rz / curvature;
        x = x + d.clone() * alpha;
        r = r - ad * alpha;
        z = precondition(&r);
        let [next_square, next_rz] = read([dot(&r, &r), dot(&r, &z)]);
        iterations += 1;
        d = z.clone() + d * (next_rz / rz);
        (square, rz) = (next_square, next_rz);
    }
    let residual = square.sqrt();
    Ok(LinearSolution { x, residual, iterations, converged: residual <= target, negative_curvature })
}
