//! The optimisers' iterates against an independent float64 implementation (`reference/trajectories.json`).

use kiln::{
    burn::{
        module::Param,
        optim::{GradientsParams, ModuleOptimizer},
        tensor::{DType, TensorData},
    },
    optim::{AdamWConfig, Schedule},
    prelude::*,
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

#[derive(Module, Debug)]
struct Point {
    x: Param<Tensor<1>>,
}

impl Point {
    fn new(x0: &[f64]) -> Self {
        Self { x: Param::from_tensor(tensor(x0, [x0.len()], &f64_device().autodiff())) }
    }
}

/// The two functions of `make_reference.py`, in the float type of `x`.
fn function(name: &str, x: Tensor<1>) -> Tensor<1> {
    let (n, dtype) = (x.dims()[0], x.dtype());
    let tensor = |values: &[f64], shape, device: &Device| tensor::<1>(values, shape, device).cast(dtype);
    match name {
        "rosenbrock" => {
            let (head, tail) = (x.clone().narrow(0, 0, n - 1), x.narrow(0, 1, n - 1));
            ((tail - head.clone().square()).square() * 100.0 + (-head + 1.0).square()).sum()
        }
        "quadratic" => {
            let (a, b) = (tensor(&[1.0, 10.0, 100.0], [3], &x.device()), tensor(&[1.0, -2.0, 3.0], [3], &x.device()));
            ((x - b).square() * a).sum() * 0.5
        }
        other => panic!("the reference has a function that this test does not know: {other}"),
    }
}

fn method(row: &Value) -> FirstOrder {
    let momentum = row["momentum"].as_f64().unwrap();
    match row["kind"].as_str().unwrap() {
        "sgd" => Sgd.into(),
        "momentum" => MomentumConfig::new().with_momentum(momentum).build().unwrap().into(),
        "nesterov" => NesterovConfig::new().with_momentum(momentum).build().unwrap().into(),
        other => panic!("the reference has a method that this test does not know: {other}"),
    }
}

fn gradients(row: &Value, model: &Point) -> GradientsParams {
    let loss = function(row["function"].as_str().unwrap(), model.x.val());
    GradientsParams::from_grads(loss.backward(), model)
}

/// PyTorch's SGD with the options of a row.
fn torch(row: &Value) -> TorchSgdConfig {
    let options = &row["options"];
    let number = |key: &str| options.get(key).map_or(0.0, |v| v.as_f64().unwrap());
    TorchSgdConfig::new()
        .with_momentum(number("momentum"))
        .with_dampening(number("dampening"))
        .with_weight_decay(number("weight_decay"))
        .with_nesterov(options.get("nesterov").is_some_and(|v| v.as_bool().unwrap()))
}

fn pytorch_rows(json: &Value) -> Vec<&Value> {
    let rows: Vec<&Value> = json.as_array().unwrap().iter().filter(|row| row["form"] == "pytorch").collect();
    assert_eq!(rows.len(), 30, "two functions × three schedules × five settings");
    rows
}

fn classical_rows(json: &Value) -> Vec<&Value> {
    let rows: Vec<&Value> = json.as_array().unwrap().iter().filter(|row| row["form"] == "classical").collect();
    assert_eq!(rows.len(), 24, "two functions × three schedules × four methods");
    rows
}

#[test]
fn every_iterate_of_sgd_momentum_and_nesterov_matches() {
    let json = reference("trajectories");
    for row in classical_rows(&json) {
        let what = format!("{} {} α={} {}", row["function"], row["kind"], row["momentum"], row["schedule"]);
        let expected = row["params"].as_array().unwrap();
        let (mut model, mut optimizer) = (Point::new(&numbers(&row["x0"])), method(row));
        for (k, lr) in numbers(&row["lrs"]).into_iter().enumerate() {
            assert_close(
                &values(optimizer.iterate(&model).x.val()),
                &numbers(&expected[k]),
                1e-10,
                1e-10,
                &format!("{what}, step {k}"),
            );
            let gradients = gradients(row, &model);
            model = optimizer.step(lr, model, gradients).unwrap();
        }
        assert_close(
            &values(optimizer.iterate(&model).x.val()),
            &numbers(&expected[60]),
            1e-10,
            1e-10,
            &format!("{what}, step 60"),
        );
    }
}

#[test]
fn every_iterate_of_pytorch_s_sgd_matches() {
    let json = reference("trajectories");
    for row in pytorch_rows(&json) {
        let what = format!("{} {} {}", row["function"], row["options"], row["schedule"]);
        let (mut model, mut optimizer) =
            (Point::new(&numbers(&row["x0"])), FirstOrder::from(torch(row).build().unwrap()));
        for (k, lr) in numbers(&row["lrs"]).into_iter().enumerate() {
            let gradients = gradients(row, &model);
            model = optimizer.step(lr, model, gradients).unwrap();
            let expected = numbers(&row["params"][k + 1]);
            assert_close(&values(model.x.val()), &expected, 1e-10, 1e-10, &format!("{what}, step {}", k + 1));
        }
    }
}

/// Burn's own `ModuleOptimizer`, in single precision. Sixty steps of some ten roundings of 6e-8 each stay well below 1e-4.
#[test]
fn in_f32_the_same_paths_are_taken_through_burn_s_module_optimizer() {
    let json = reference("trajectories");
    let momentum = |row: &Value| row["momentum"].as_f64().unwrap();
    for row in classical_rows(&json).into_iter().chain(pytorch_rows(&json)) {
        let optimizer: ModuleOptimizer = match (row["form"].as_str().unwrap(), row["kind"].as_str().unwrap()) {
            ("pytorch", _) => torch(row).init().unwrap(),
            (_, "sgd") => Sgd.init(),
            (_, "momentum") => MomentumConfig::new().with_momentum(momentum(row)).init().unwrap(),
            (_, _) => NesterovConfig::new().with_momentum(momentum(row)).init().unwrap(),
        };
        // The module of the look-ahead form is ahead of the iterate by α(θ_k − θ_{k−1}).
        let ahead = if row["kind"] == "nesterov" { momentum(row) } else { 0.0 };
        let x0 = TensorData::new(numbers(&row["x0"]), [row["x0"].as_array().unwrap().len()]);
        let x0 = Tensor::<1>::from_data(x0, (&f64_device().autodiff(), DType::F32));
        let (mut model, mut optimizer) = (Point { x: Param::from_tensor(x0) }, optimizer);
        for (k, lr) in numbers(&row["lrs"]).into_iter().enumerate() {
            let gradients = gradients(row, &model);
            model = optimizer.step(lr, model, gradients);
            let (before, at) = (numbers(&row["params"][k]), numbers(&row["params"][k + 1]));
            let expected: Vec<f64> = at.iter().zip(&before).map(|(a, b)| a + ahead * (a - b)).collect();
            assert_eq!(model.x.val().dtype(), DType::F32);
            let what = format!("{} {} {} step {}", row["function"], row["kind"], row["schedule"], k + 1);
            assert_close(&values(model.x.val()), &expected, 1e-4, 1e-4, &what);
        }
    }
}

#[test]
fn nesterov_takes_its_gradient_ahead_of_the_iterate() {
    let json = reference("trajectories");
    let row = classical_rows(&json).into_iter().find(|row| row["kind"] == "nesterov").unwrap();
    let (mut model, mut optimizer) = (Point::new(&numbers(&row["x0"])), method(row));
    for lr in &numbers(&row["lrs"])[..3] {
        let gradients = gradients(row, &model);
        model = optimizer.step(*lr, model, gradients).unwrap();
    }
    let (ahead, iterate) = (values(model.x.val()), values(optimizer.iterate(&model).x.val()));
    let x = row["params"].as_array().unwrap();
    let (before, at) = (numbers(&x[2]), numbers(&x[3]));
    let momentum = row["momentum"].as_f64().unwrap();
    let expected: Vec<f64> = at.iter().zip(&before).map(|(a, b)| a + momentum * (a - b)).collect();
    assert_close(&iterate, &at, 1e-12, 1e-12, "θ");
    assert_close(&ahead, &expected, 1e-12, 1e-12, "θ + αv");
}

/// The saved state is f64 to the bit: a run that is saved and loaded at step 7 does not differ in any later iterate.
#[test]
fn saved_state_goes_on_to_the_bit() {
    let json = reference("trajectories");
    for row in classical_rows(&json) {
        let (mut model, mut optimizer) = (Point::new(&numbers(&row["x0"])), method(row));
        let mut resumed = None;
        for (k, lr) in numbers(&row["lrs"]).into_iter().take(20).enumerate() {
            if k == 7 {
                let bytes = optimizer.to_record().into_bytes().unwrap();
                let record = kiln::burn::optim::OptimizerRecord::from_bytes(bytes).unwrap();
                resumed = Some((model.clone(), method(row).load_record(record)));
            }
            let gradients_here = gradients(row, &model);
            model = optimizer.step(lr, model, gradients_here).unwrap();
            if let Some((other, state)) = resumed.take() {
                let mut state = state;
                let gradients_there = gradients(row, &other);
                resumed = Some((state.step(lr, other, gradients_there).unwrap(), state));
            }
        }
        let (other, _) = resumed.unwrap();
        let bits = |m: &Point| values(m.x.val()).into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(&model), bits(&other), "{} {}", row["function"], row["kind"]);
    }
}

#[test]
fn the_linear_schedule_is_the_reference_s() {
    let json = reference("trajectories");
    let row = classical_rows(&json).into_iter().find(|row| row["schedule"] == "linear_to_tau20_alpha0.01").unwrap();
    let schedule = Schedule::linear(row["lr0"].as_f64().unwrap(), 20).unwrap();
    let ours: Vec<f64> = (0..60).map(|k| schedule.at(k)).collect();
    // Two roundings of a sum of two products.
    assert_close(&ours, &numbers(&row["lrs"]), 1e-15, 0.0, "ε_k");
}

#[test]
fn a_step_that_updates_nothing_is_an_error() {
    let model = Point::new(&[1.0, 2.0]);
    let stranger = Point::new(&[1.0, 2.0]);
    let foreign = GradientsParams::from_grads(stranger.x.val().sum().backward(), &stranger);
    assert!(FirstOrder::from(Sgd).step(0.1, model.clone(), foreign).is_err());
    assert!(FirstOrder::from(Sgd).step(0.1, model, GradientsParams::new()).is_err());
    assert!(MomentumConfig::new().with_momentum(1.0).build().is_err());
    assert!(NesterovConfig::new().with_momentum(-0.1).build().is_err());
}

#[test]
fn every_iterate_of_pytorch_s_adam_and_adamw_matches() {
    let json = reference("adam");
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), 20, "two functions × five settings × two schedules");
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap();
        let (beta_1, beta_2, epsilon) = (number("beta_1"), number("beta_2"), number("epsilon"));
        let adam = AdamConfig::new().with_beta_1(beta_1).with_beta_2(beta_2).with_epsilon(epsilon);
        let adamw = AdamWConfig::new().with_beta_1(beta_1).with_beta_2(beta_2).with_epsilon(epsilon);
        let mut optimizer = match row["method"].as_str().unwrap() {
            "Adam" => FirstOrder::from(adam.build().unwrap()),
            "AdamW" => adamw.with_weight_decay(number("weight_decay")).build().unwrap().into(),
            other => panic!("the reference has a method that this test does not know: {other}"),
        };
        let mut model = Point::new(&numbers(&row["x0"]));
        for (k, lr) in numbers(&row["lrs"]).into_iter().enumerate() {
            let gradients = gradients(row, &model);
            model = optimizer.step(lr, model, gradients).unwrap();
            let what = format!("{} {} β₁={beta_1}, step {}", row["function"], row["method"], k + 1);
            assert_close(&values(model.x.val()), &numbers(&row["params"][k]), 1e-10, 1e-10, &what);
        }
    }
}
