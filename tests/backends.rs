//! Second derivatives and solvers on the backends beside Flex, against the references: in f64 on ndarray, in f32 on a GPU.
//!
//! Without an adapter the GPU's part is skipped, and says so; with the variable `KILN_EXPECT_ADAPTER` set that is a failure.
#![cfg(any(feature = "ndarray", feature = "wgpu"))]

use kiln::{
    data::{BREAST_CANCER_TARGET, Encoder, breast_cancer},
    models::{Kernel, RegressionLoss, SvmConfig},
    optim::{
        constrained::{self, AugmentedLagrangian, Sqp},
        problems,
        solver::{L1, Projection, Simplex, lbfgs, newton, owlqn},
    },
    prelude::*,
    tensor::derivative::Function,
};
use kiln_testkit::{assert_close, curvature, numbers, reference};

/// The derivative, H·v, and the Hessian of the first `hessians` activations, within `tolerance` of the largest entry.
fn check(device: &Device, tolerance: f64, hessians: usize) {
    for (index, case) in curvature::cases(device).into_iter().enumerate() {
        let name = case.name.clone();
        let loss = Function::new(&case.network, case.data, |net: &curvature::Network, (x, targets)| {
            net.loss(x, targets, &name)
        });
        let (w, v) = (loss.parameters(), case.direction);
        let (_, jvp) = loss.jvp(&w, &v).unwrap();
        let mut all = vec![(jvp, "jvp"), (loss.hvp(&w, &v).unwrap(), "hvp")];
        if index < hessians {
            all.push((loss.hessian(&w).unwrap().flatten(0, 1), "hessian"));
        }
        for (got, key) in all {
            let expected = numbers(&case.expected[key]);
            let scale = expected.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
            let got: Vec<f64> = got.try_into_vec_as().unwrap();
            assert_close(&got, &expected, 0.0, tolerance * scale, &format!("{name}: {key}"));
        }
    }
}

/// Regressions of 569 rows and 30 columns, smooth and with an l1 penalty, within `tolerance`.
fn fit(device: &Device, gtol: f64, tolerance: f64) {
    let table = breast_cancer();
    let rows: Vec<usize> = (0..table.len()).collect();
    let data = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true).unwrap().encode(&table).unwrap();
    let shape = [data.targets().len(), 30];
    let inputs = Tensor::<2>::from_data(kiln::burn::tensor::TensorData::new(data.inputs().to_vec(), shape), device);
    let loss = RegressionLoss::new(inputs, data.targets(), 2).unwrap();
    let stop = Stop { gtol, ..Stop::default() };
    let assert_fitted = |outcome: kiln::optim::solver::Outcome, row: &serde_json::Value, what: &str| {
        assert!(outcome.success, "{what}: {}", outcome.message);
        let mut expected = numbers(&row["weights"]);
        expected.extend(numbers(&row["bias"]));
        assert_close(&[outcome.value], &numbers(&row["loss"]), tolerance, 0.0, what);
        let x: Vec<f64> = outcome.x.try_into_vec_as().unwrap();
        assert_close(&x, &expected, 0.0, 10.0 * tolerance, what);
    };
    let smooth = &reference("logistic")["fits"][2];
    let with_l2 = loss.clone().l2(smooth["lam"].as_f64().unwrap()).unwrap();
    assert_fitted(minimize(&with_l2, loss.start(), &lbfgs(), &stop).unwrap(), smooth, "l-bfgs");
    assert_fitted(minimize(&with_l2, loss.start(), &newton(), &stop).unwrap(), smooth, "newton");
    let lasso = &reference("penalised")["rows"][1];
    let solver = owlqn(L1::new(loss.l1_weights(lasso["l1"].as_f64().unwrap())).unwrap());
    assert_fitted(minimize(&loss, loss.start(), &solver, &stop).unwrap(), lasso, "owl-qn");
}

/// Constraints: the reference's problems, a projection and a machine, within `tolerance`.
fn constrain(device: &Device, tolerance: f64) {
    let close = |got: Tensor<1>, expected: &[f64], what: &str| {
        let got: Vec<f64> = got.try_into_vec_as().unwrap();
        assert_close(&got, expected, tolerance, tolerance, what);
    };
    for row in reference("minimisers")["constrained"].as_array().unwrap() {
        let name = row["problem"].as_str().unwrap().replace('_', "-");
        let problem = problems::constrained().into_iter().find(|problem| problem.name == name).unwrap();
        let (on_device, start) = (problem.problem(device), || problem.start(device));
        let stop = constrained::ConstrainedStop::default();
        for solution in [
            constrained::minimize_constrained(&on_device, start(), &Sqp::default(), &stop).unwrap(),
            constrained::minimize_constrained(&on_device, start(), &AugmentedLagrangian::default(), &stop).unwrap(),
        ] {
            assert!(solution.outcome.success, "{name}: {:?}", solution.residuals);
            close(solution.outcome.x, &numbers(&row["x"]), &name);
        }
    }
    let x = Tensor::<1>::from_data([0.5, 1.2, -3.0], device);
    close(Simplex { radius: 1.0 }.project(x), &[0.15, 0.85, 0.0], "a simplex");
    let corners = Tensor::<2>::from_data([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], device);
    let fit = SvmConfig::new(Kernel::Rbf { gamma: 1.0 }).c(10.0).fit(&corners, &[0, 0, 1, 1]).unwrap();
    close(fit.svm.decision(&corners).unwrap(), &[-1.0, -1.0, 1.0, 1.0], "exclusive or: all on the margin");
}

#[cfg(feature = "ndarray")]
#[test]
fn second_derivatives_and_solvers_on_ndarray() {
    use kiln::{burn::tensor::FloatDType, tensor::device::with_dtype};
    let info = "ndarray".parse::<DeviceChoice>().unwrap().resolve().unwrap();
    let device = with_dtype(&info, FloatDType::F64).unwrap();
    check(&device, 1e-10, usize::MAX);
    fit(&device, 1e-11, 1e-10);
    constrain(&device, 1e-6);
}

#[cfg(feature = "wgpu")]
#[test]
fn second_derivatives_and_solvers_on_a_gpu() {
    use kiln::tensor::device::{Backend, available};
    let found = available().into_iter().find(|info| info.backend == Backend::Wgpu);
    match found {
        // A software driver takes a minute for a Hessian.
        Some(info) => {
            check(&info.device(), 1e-3, 1);
            fit(&info.device(), 1e-5, 1e-4);
            constrain(&info.device(), 2e-3);
        }
        None => {
            assert!(std::env::var_os("KILN_EXPECT_ADAPTER").is_none(), "wgpu finds no adapter on this machine");
            eprintln!("skipped: wgpu finds no adapter on this machine");
        }
    }
}
