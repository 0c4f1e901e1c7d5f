//! A module's parameters under constraints.

use burn::{
    nn::Linear,
    tensor::{Tensor, activation::log_sigmoid},
};
use kiln_optim::{
    constrained::{AugmentedLagrangian, Certificate, ConstrainedProblem, ConstrainedStop, Sqp, minimize_constrained},
    solver::trust_ncg,
};
use kiln_tensor::{init, random::Stream};
use kiln_testkit::{assert_close, values};

use super::{EXACT, f64_device};

/// Logistic regression with weights of norm at most 1. Its Lagrangian is a ridge penalty whose weight is the multiplier.
#[test]
fn a_bound_on_the_norm_is_a_ridge_penalty() {
    let device = f64_device();
    let mut stream = Stream::new(0, "data", 0, 0);
    let x = stream.normal::<2>([60, 3], &device);
    let y = (x.clone().slice([0..60, 0..1]) + stream.normal::<2>([60, 1], &device) * 0.5).sign();
    let layer = init::linear(3, 1, &mut stream, &device);
    let nll = |layer: &Linear, (x, y): (Tensor<2>, Tensor<2>)| log_sigmoid(layer.forward(x) * y).mean().neg();
    let problem = ConstrainedProblem::new(&layer, (x.clone(), y.clone()), nll)
        .module_inequality("norm", |layer, _| layer.weight.val().square().sum() - 1.0);
    let stop = ConstrainedStop { tol: Some(1e-10), ..ConstrainedStop::default() };
    let solutions = [
        minimize_constrained(&problem, problem.parameters(), &AugmentedLagrangian::default(), &stop).unwrap(),
        minimize_constrained(&problem, problem.parameters(), &AugmentedLagrangian::new(trust_ncg()), &stop).unwrap(),
        minimize_constrained(&problem, problem.parameters(), &Sqp::default(), &stop).unwrap(),
        minimize_constrained(&problem, problem.parameters(), &EXACT, &stop).unwrap(),
    ];
    let price = solutions[0].multipliers.inequality[0];
    assert!(price > 0.01, "the bound holds the weights: {price}");
    let ridge = ConstrainedProblem::new(&layer, (x, y), move |layer, data| {
        nll(layer, data) + layer.weight.val().square().sum() * price
    });
    let free = minimize_constrained(&ridge, ridge.parameters(), &EXACT, &stop).unwrap();
    for solution in solutions {
        assert!(solution.outcome.success);
        // The residuals are 1e-10, the smallest eigenvalue about 1e-2.
        let expected = values(free.outcome.x.clone());
        assert_close(&values(solution.outcome.x.clone()), &expected, 0.0, 1e-7, "the penalised weights");
        assert_close(&solution.multipliers.inequality, &[price], 0.0, 1e-7, "the multiplier");
        let certificate = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers).unwrap();
        certificate.verify(&problem, &super::f64_device()).unwrap();
        assert_eq!(certificate.active[0].constraint, "norm");
    }
}
