//! Linear conjugate gradients compared with a Cholesky factorisation, in f64.

use burn::tensor::Tensor;
use kiln_optim::solver::{LinearCg, LinearSolution, conjugate_gradient};
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

/// With the inverse of the matrix as preconditioner it takes one step; with the diagonal, for a matrix with a wide diagonal,
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
    let av: Tensor<1> = a.matmul(v.clone().unsqueeze_dim(1)).squeeze_dim(1);
    assert!((v * av).sum().into_scalar::<f64>() < 0.0);
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
