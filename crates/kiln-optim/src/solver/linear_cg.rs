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
        let [curvature, length] = read([dot(&d, &ad), dot(&d, &d)]);
        if curvature.is_nan() || curvature <= 3.0 * rounding(b) * length {
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

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_tensor::{Stream, linalg::Symmetric};
    use kiln_testkit::{assert_close, f64_device, tensor, values};

    /// Q·diag(d)·Qᵀ with a reflection Q.
    fn matrix(d: &[f64]) -> Tensor<2> {
        let (n, device) = (d.len(), f64_device());
        let u = Stream::new(1, "test", 0, 0).normal::<2>([n, 1], &device);
        let length = u.clone().square().sum().into_scalar::<f64>();
        let q = Tensor::<2>::eye(n, &device) - u.clone().matmul(u.transpose()) * (2.0 / length);
        q.clone().matmul(tensor(d, [n, 1], &device) * q.transpose())
    }

    fn solve(a: &Tensor<2>, options: &LinearCg<'_>) -> (Tensor<1>, LinearSolution) {
        let [n, _] = a.dims();
        let b = Stream::new(2, "test", 0, 0).normal::<1>([n], &f64_device());
        let product = |v: &Tensor<1>| Ok(a.clone().matmul(v.clone().unsqueeze_dim(1)).squeeze_dim(1));
        (b.clone(), conjugate_gradient(product, &b, options).unwrap())
    }

    #[test]
    fn it_ends_after_as_many_steps_as_there_are_eigenvalues() {
        let distinct: Vec<f64> = (1..=12).map(f64::from).collect();
        let three: Vec<f64> = (0..30).map(|i| [1.0, 2.0, 7.0][i % 3]).collect();
        for (d, steps) in [(distinct, 12), (three, 3), (vec![4.0; 50], 1)] {
            let a = matrix(&d);
            let (b, solution) = solve(&a, &LinearCg { rtol: 1e-11, ..LinearCg::default() });
            assert!(solution.converged && solution.iterations <= steps, "{} steps for {steps}", solution.iterations);
            let expected = Symmetric::from_tensor(a).cholesky().unwrap().solve(&values(b));
            assert_close(&values(solution.x), &expected, 0.0, 1e-9, "beside Cholesky's");
        }
    }

    /// With the inverse of the matrix itself it takes one step; with its diagonal, for a matrix whose diagonal spreads,
    /// fewer than without.
    #[test]
    fn a_preconditioner_saves_steps() {
        let scales: Vec<f64> = (0..40).map(|i| 10f64.powf(f64::from(i) / 10.0)).collect();
        let scale = tensor(&scales, [40], &f64_device());
        let near = matrix(&(0..40).map(|i| 1.0 + f64::from(i) / 40.0).collect::<Vec<_>>());
        let a = near * scale.clone().unsqueeze_dim::<2>(1) * scale.clone().unsqueeze_dim::<2>(0);
        let options = LinearCg { rtol: 1e-8, max_iter: 1000, ..LinearCg::default() };
        let (_, plain) = solve(&a, &options);
        let inverse = |r: &Tensor<1>| r.clone() / scale.clone().square();
        let (_, preconditioned) = solve(&a, &LinearCg { preconditioner: Some(&inverse), ..options });
        assert!(preconditioned.converged);
        assert!(5 * preconditioned.iterations < plain.iterations, "{} {}", preconditioned.iterations, plain.iterations);
    }

    #[test]
    fn a_direction_that_curves_down_is_given() {
        let a = matrix(&[1.0, 2.0, -3.0]);
        let (_, solution) = solve(&a, &LinearCg::default());
        let v = solution.negative_curvature.expect("there is one");
        let av = a.matmul(v.clone().unsqueeze_dim(1)).squeeze_dim(1);
        assert!(dot(&v, &av).into_scalar::<f64>() < 0.0);
        assert!(!solution.converged);
    }

    #[test]
    fn nothing_is_solved_by_nothing() {
        let a = matrix(&[1.0, 2.0]);
        let zero = Tensor::<1>::zeros([2], &f64_device());
        let product = |v: &Tensor<1>| Ok(a.clone().matmul(v.clone().unsqueeze_dim(1)).squeeze_dim(1));
        let solution = conjugate_gradient(product, &zero, &LinearCg::default()).unwrap();
        assert!(solution.converged && solution.iterations == 0);
    }
}
