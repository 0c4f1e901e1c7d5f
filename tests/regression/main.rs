//! Fits of logistic and softmax regression by every solver, against scikit-learn's and statsmodels' in float64.

mod fits;
mod inference;
mod separation;

use kiln::{
    burn::{
        module::Param,
        tensor::{Int, Tensor, activation::log_softmax},
    },
    data::{BREAST_CANCER_TARGET, Encoder, Examples, breast_cancer, digits},
    models::{
        Covariance, Inference, InferenceError, InferenceTable, RegressionDataError, RegressionLoss, Separation, Sides,
    },
    optim::solver::{
        Bounds, Hessian, HessianProduct, L1, Objective, Outcome, Stop, bfgs, lbfgs, lbfgs_b, minimize, newton,
        newton_cg, nonlinear_cg, owlqn, trust_ncg,
    },
    tensor::derivative::Function,
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

/// Gradients of 1e-13 leave errors of 1e-13/λ.
const TIGHT: Stop = Stop { gtol: 1e-13, max_iter: 5000, ..Stop::DEFAULT };

fn cancer() -> Examples {
    let table = breast_cancer();
    let rows: Vec<usize> = (0..table.len()).collect();
    Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true).unwrap().encode(&table).unwrap()
}

fn columns(examples: &Examples, columns: &[usize]) -> Vec<f64> {
    let rows = 0..examples.targets().len();
    rows.flat_map(|row| columns.iter().map(move |&column| examples.row(row)[column])).collect()
}

fn loss_of(inputs: &[f64], features: usize, targets: &[usize], classes: usize) -> RegressionLoss {
    let inputs = tensor(inputs, [targets.len(), features], &f64_device());
    RegressionLoss::new(inputs, targets, classes).unwrap()
}

fn by_each_solver(loss: &RegressionLoss, stop: &Stop) -> Vec<(Outcome, &'static str)> {
    let x = loss.start();
    vec![
        (minimize(loss, x.clone(), &newton(), stop).unwrap(), "newton"),
        (minimize(loss, x.clone(), &newton_cg(), stop).unwrap(), "newton-cg"),
        (minimize(loss, x.clone(), &trust_ncg(), stop).unwrap(), "trust-ncg"),
        (minimize(loss, x.clone(), &lbfgs(), stop).unwrap(), "l-bfgs"),
        (minimize(loss, x.clone(), &bfgs(), stop).unwrap(), "bfgs"),
        (minimize(loss, x, &nonlinear_cg(), stop).unwrap(), "nonlinear-cg"),
    ]
}
