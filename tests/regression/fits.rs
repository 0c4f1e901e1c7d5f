//! Minima against the reference, with penalties and bounds, and of awkward data.

use super::*;

#[test]
fn logistic_fits_are_those_of_the_reference() {
    let data = cancer();
    for fit in reference("logistic")["fits"].as_array().unwrap() {
        let loss = loss_of(data.inputs(), 30, data.targets(), 2).l2(fit["lam"].as_f64().unwrap()).unwrap();
        let mut expected = numbers(&fit["weights"]);
        expected.extend(numbers(&fit["bias"]));
        for (outcome, what) in by_each_solver(&loss, &TIGHT) {
            assert_close(&[outcome.value], &numbers(&fit["loss"]), 1e-12, 0.0, what);
            assert_close(&values(outcome.x), &expected, 1e-9, 1e-9, what);
        }
    }
}

#[test]
fn the_softmax_fit_is_that_of_the_reference() {
    let expected = &reference("logistic")["softmax"];
    let images = digits();
    let (targets, rows): (_, Vec<usize>) = (images.targets(), (0..images.labels().len()).collect());
    let inputs = values(images.pixels(&rows, &f64_device()));
    let loss = loss_of(&inputs, 64, &targets, 10).l2(expected["lam"].as_f64().unwrap()).unwrap();
    let stop = Stop { gtol: 1e-10, ..TIGHT };
    for (outcome, what) in [
        (minimize(&loss, loss.start(), &newton(), &stop).unwrap(), "newton"),
        (minimize(&loss, loss.start(), &trust_ncg(), &stop).unwrap(), "trust-ncg"),
        (minimize(&loss, loss.start(), &lbfgs(), &stop).unwrap(), "l-bfgs"),
        (minimize(&loss, loss.start(), &bfgs(), &stop).unwrap(), "bfgs"),
    ] {
        assert!(outcome.success, "{what}: {}", outcome.message);
        // The reference's gradient is 8e-10: its value is within 1e-17 of the minimum, its weights within 1e-7.
        assert_close(&[outcome.value], &numbers(&expected["loss"]), 1e-12, 0.0, what);
        let x = values(outcome.x);
        let norm = x[..640].iter().map(|w| w * w).sum::<f64>().sqrt();
        assert_close(&[norm], &numbers(&expected["weight_norm"]), 1e-7, 0.0, what);
        assert_close(&x[20..30], &numbers(&expected["weights_first_row_nonzero"]), 0.0, 1e-6, what);
    }
}

/// The derivatives in closed form beside those of the same loss in tensor operations, by recording.
#[test]
fn closed_forms_are_the_derivatives_of_the_loss() {
    let device = f64_device();
    let data = cancer();
    let rows = 60;
    let inputs = columns(&data, &[0, 3, 7])[..3 * rows].to_vec();
    let weights: Vec<f64> = (0..rows).map(|i| 0.5 + (i % 3) as f64).collect();
    let total: f64 = weights.iter().sum();
    for classes in [2usize, 3] {
        let targets: Vec<usize> = (0..rows).map(|i| (data.targets()[i] + i / 7) % classes).collect();
        let loss = loss_of(&inputs, 3, &targets, classes).l2(0.3).unwrap().weights(&weights).unwrap();
        let k = if classes == 2 { 1 } else { 3 };
        let labels: Vec<i64> = targets.iter().map(|&t| t as i64).collect();
        let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device).reshape([rows, 1]);
        let data = (tensor(&inputs, [rows, 3], &device), labels, tensor(&weights, [rows, 1], &device));
        let x = kiln::tensor::Stream::new(5, "test", 0, 0).normal::<1>([4 * k], &device);
        let plain =
            Function::new(&Param::from_tensor(x.clone()), data, move |x: &Param<Tensor<1>>, (inputs, labels, s)| {
                let weight = x.val().slice(0..3 * k).reshape([3, k]);
                let bias = x.val().slice(3 * k..4 * k).reshape([1, k]);
                let inputs: Tensor<2> = inputs;
                let z = inputs.matmul(weight.clone()) + bias;
                let z = if k == 1 { Tensor::cat(vec![z.zeros_like(), z], 1) } else { z };
                let nll = (log_softmax(z, 1).gather(1, labels) * s).sum().neg();
                nll * (1.0 / total) + weight.square().sum() * 0.15
            });
        let (value, gradient) = Objective::value_and_grad(&loss, &x).unwrap();
        let (expected_value, expected_gradient) = plain.value_and_grad(&x).unwrap();
        assert_close(&values(value), &values(expected_value), 1e-14, 0.0, "value");
        assert_close(&values(gradient), &values(expected_gradient), 1e-12, 1e-15, "gradient");
        let v = kiln::tensor::Stream::new(6, "test", 0, 0).normal::<1>([4 * k], &device);
        let hv = values(HessianProduct::hvp(&loss, &x, &v).unwrap());
        assert_close(&hv, &values(plain.hvp(&x, &v).unwrap()), 1e-11, 1e-15, "H·v");
        let hessian = Hessian::hessian(&loss, &x).unwrap();
        assert_close(&hessian.multiply(&values(v)), &hv, 1e-12, 1e-15, "H");
    }
}

/// A row of penalised.json.
fn assert_fitted(outcome: &Outcome, loss: &RegressionLoss, row: &serde_json::Value, what: &str) {
    assert!(outcome.success, "{what}: {}", outcome.message);
    assert_close(&[outcome.value], &numbers(&row["loss"]), 1e-12, 0.0, what);
    let (weights, bias) = (numbers(&row["weights"]), numbers(&row["bias"]));
    let x = values(loss.parameters(&outcome.x));
    let (ours, intercepts) = x.split_at(weights.len());
    assert_close(ours, &weights, 1e-8, 1e-9, what);
    let zeros = |weights: &[f64]| weights.iter().filter(|w| **w == 0.0).count();
    assert_eq!(zeros(ours), zeros(&weights), "{what}: what is zero is so exactly");
    // Of more than two classes the intercepts are known but for one number.
    let offset = if bias.len() > 1 { intercepts[0] - bias[0] } else { 0.0 };
    let intercepts: Vec<f64> = intercepts.iter().map(|b| b - offset).collect();
    assert_close(&intercepts, &bias, 1e-8, 1e-9, what);
}

#[test]
fn lasso_elastic_net_and_bounded_fits_are_those_of_the_reference() {
    let reference = reference("penalised");
    let cancer = cancer();
    let images = digits();
    let (digit, rows): (_, Vec<usize>) = (images.targets(), (0..images.labels().len()).collect());
    let pixels = values(images.pixels(&rows, &f64_device()));
    for row in reference["rows"].as_array().unwrap() {
        let (l1, l2) = (row["l1"].as_f64().unwrap(), row["l2"].as_f64().unwrap());
        let loss = match row["data"].as_str().unwrap() {
            "digits" => loss_of(&pixels, 64, &digit, 10),
            _ => loss_of(cancer.inputs(), 30, cancer.targets(), 2),
        };
        for (loss, how) in [(loss.clone().l2(l2).unwrap(), "as it is"), (loss.l2(l2).unwrap().rescaled(), "rescaled")] {
            let solver = owlqn(L1::new(loss.l1_weights(l1)).unwrap());
            let outcome = minimize(&loss, loss.start(), &solver, &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
            let what = format!("{} l1 {l1} l2 {l2} {how}, {} steps", row["data"], outcome.iterations);
            println!("{what}, {} values", outcome.evaluations.values);
            assert_fitted(&outcome, &loss, row, &what);
        }
    }
    let row = &reference["bounded"];
    let (lower, upper) = (row["lower"].as_f64().unwrap(), row["upper"].as_f64().unwrap());
    let loss = loss_of(cancer.inputs(), 30, cancer.targets(), 2).l2(row["l2"].as_f64().unwrap()).unwrap();
    for (loss, how) in [(loss.clone(), "as it is"), (loss.rescaled(), "rescaled")] {
        let (lower, upper) = loss.bounds(lower, upper);
        let solver = lbfgs_b(Bounds::new(lower, upper).unwrap());
        let outcome = minimize(&loss, loss.start(), &solver, &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
        assert_fitted(&outcome, &loss, row, &format!("bounded, {how}"));
    }
}

/// Columns a hundred million times as large as others and far from zero, constant ones, fewer rows than columns, rows of
/// no weight: the fit ends with a status, and with finite numbers.
#[test]
fn awkward_data_end_with_a_status() {
    let rows = 30usize;
    let y: Vec<usize> = (0..rows).map(|i| usize::from(i % 3 == 0 || i % 7 == 1)).collect();
    let wave = |i: usize, k: usize| ((i * k) % 13) as f64;
    let large: Vec<f64> = (0..rows).flat_map(|i| [1e8 * wave(i, 5) + 3e9, wave(i, 3), 1e-8 * wave(i, 11)]).collect();
    let constant: Vec<f64> = (0..rows).flat_map(|i| [7.0, wave(i, 5)]).collect();
    let wide: Vec<f64> = (0..rows * 50).map(|i| wave(i, 17) + 0.01 * (i % 29) as f64).collect();
    for (x, d, l2) in [(&large, 3, 0.0), (&large, 3, 0.1), (&constant, 2, 0.0), (&wide, 50, 0.01), (&wide, 50, 0.0)] {
        let loss = loss_of(x, d, &y, 2).l2(l2).unwrap().rescaled();
        for (outcome, what) in by_each_solver(&loss, &Stop { gtol: 1e-7, max_iter: 2000, ..TIGHT }) {
            assert!(outcome.value.is_finite() && outcome.grad_norm.is_finite(), "{what}: {outcome:?}");
            assert!(values(loss.parameters(&outcome.x)).iter().all(|x| x.is_finite()), "{what}");
            assert!(outcome.success, "{what} {d} {l2}: {}", outcome.message);
        }
    }
    let weights: Vec<f64> = (0..rows).map(|i| f64::from(u8::from(i >= 10))).collect();
    let all = loss_of(&large, 3, &y, 2).weights(&weights).unwrap().rescaled();
    let some = loss_of(&large[30..], 3, &y[10..], 2).rescaled();
    let [a, b] = [&all, &some].map(|loss| {
        let outcome = minimize(loss, loss.start(), &newton(), &Stop { gtol: 1e-11, ..TIGHT }).unwrap();
        assert!(outcome.success, "{}", outcome.message);
        (values(loss.parameters(&outcome.x)), outcome.value)
    });
    assert_close(&[a.1], &[b.1], 1e-12, 0.0, "rows of no weight count for nothing");
    assert_close(&a.0, &b.0, 1e-6, 1e-9, "nor do they move the parameters");
}
