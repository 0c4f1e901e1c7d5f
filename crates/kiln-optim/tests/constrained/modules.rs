//! A module's parameters under constraints.

use burn::{
    nn::Linear,
    tensor::{Tensor, activation::log_sigmoid},
};
use kiln_optim::{
    constrained::{AugmentedLagrangian, Certificate, Problem, Sqp, Stop, minimize},
    solver::trust_ncg,
};
use kiln_tensor::{init, random::Stream};
use kiln_testkit::{assert_close, values};

use super::{EXACT, f64_device};

/// Logistic regression with weights of a norm of at most 1: its Lagrangian is ridge regression with a penalty of the multiplier.
#[test]
fn a_bound_on_the_norm_is_a_ridge_penalty() {
    let device = f64_device();
    let mut stream = Stream::new(0, "data", 0, 0);
    let x = stream.normal::<2>([60, 3], &device);
    let y = (x.clone().slice([0..60, 0..1]) + stream.normal::<2>([60, 1], &device) * 0.5).sign();
    let layer = init::linear(3, 1, &mut stream, &device);
    let nll = |layer: &Linear, (x, y): (Tensor<2>, Tensor<2>)| log_sigmoid(layer.forward(x) * y).mean().neg();
    let problem = Problem::new(&layer, (x.clone(), y.clone()), nll)
        .module_inequality("norm", |layer, _| layer.weight.val().square().sum() - 1.0);
    let stop = Stop { tol: Some(1e-10), ..Stop::default() };
    let solutions = [
        minimize(&problem, problem.parameters(), &AugmentedLagrangian::default(), &stop).unwrap(),
        minimize(&problem, problem.parameters(), &AugmentedLagrangian::new(trust_ncg()), &stop).unwrap(),
        minimize(&problem, problem.parameters(), &Sqp::default(), &stop).unwrap(),
        minimize(&problem, problem.parameters(), &EXACT, &stop).unwrap(),
    ];
    let price = solutions[0].multipliers.inequality[0];
    assert!(price > 0.01, "the bound holds the weights: {price}");
    let ridge =
        Problem::new(&layer, (x, y), move |layer, data| nll(layer, data) + layer.weight.val().square().sum() * price);
    let free = minimize(&ridge, ridge.parameters(), &EXACT, &stop).unwrap();
    for solution in solutions {
        assert!(solution.outcome.success);
        // Residuals of 1e-10, and a smallest eigenvalue of some 1e-2.
        let expected = values(free.outcome.x.clone());
        assert_close(&values(solution.outcome.x.clone()), &expected, 0.0, 1e-7, "the penalised weights");
        assert_close(&solution.multipliers.inequality, &[price], 0.0, 1e-7, "the multiplier");
        let certificate = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers).unwrap();
        certificate.verify(&problem, &super::f64_device()).unwrap();
        assert_eq!(certificate.active[0].constraint, "norm");
    }
}
