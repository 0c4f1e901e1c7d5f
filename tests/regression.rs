//! Fits of logistic and softmax regression by every solver, against scikit-learn's and statsmodels' in float64.

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

fn inference_of(row: &serde_json::Value, covariance: Covariance) -> (Inference, RegressionLoss) {
    let y: Vec<usize> = row["y"].as_array().unwrap().iter().map(|y| y.as_u64().unwrap() as usize).collect();
    let classes = row["classes"].as_u64().unwrap() as usize;
    let x = numbers(&row["x"]);
    let mut loss = loss_of(&x, x.len() / y.len(), &y, classes);
    if let Some(weights) = row.get("weights") {
        loss = loss.weights(&numbers(weights)).unwrap();
    }
    let outcome = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
    assert!(outcome.success, "{}", outcome.message);
    (loss.inference(&outcome.x, covariance).unwrap(), loss)
}

#[test]
fn standard_errors_and_tests_are_those_of_statsmodels() {
    for row in reference("inference")["rows"].as_array().unwrap() {
        let (i, _) = inference_of(row, Covariance::Nonrobust);
        let name = row["data"].as_str().unwrap();
        let column = |f: fn(&kiln::models::Coefficient) -> f64| i.coefficients.iter().map(f).collect::<Vec<f64>>();
        // statsmodels ends where the parameters change by 1e-14.
        let close = |got: &[f64], key: &str, tolerance: f64| {
            assert_close(got, &numbers(&row[key]), tolerance, 1e-300, &format!("{name}: {key}"));
        };
        close(&column(|c| c.estimate), "coef", 1e-8);
        close(&column(|c| c.standard_error), "std_err", 1e-8);
        close(&column(|c| c.z), "z", 1e-8);
        close(&column(|c| c.p), "p", 1e-6);
        let intervals: Vec<f64> = i.coefficients.iter().flat_map(|c| c.interval).collect();
        close(&intervals, "conf_int_95", 1e-7);
        for (got, key) in [
            (i.log_likelihood, "log_likelihood"),
            (i.null_log_likelihood, "null_log_likelihood"),
            (i.pseudo_r2, "pseudo_r2"),
            (i.aic, "aic"),
            (i.bic, "bic"),
            (i.lr, "lr"),
            (i.df_model as f64, "df_model"),
            (i.df_residual, "df_residual"),
        ] {
            close(&[got], key, 1e-9);
        }
        close(&[i.lr_p], "lr_p", 1e-6);
        let (robust, _) = inference_of(row, Covariance::Hc0);
        let robust: Vec<f64> = robust.coefficients.iter().map(|c| c.standard_error).collect();
        close(&robust, "robust_std_err", 1e-7);
    }
}

#[test]
fn inference_on_breast_cancer_is_that_of_the_reference() {
    let (data, expected) = (cancer(), &reference("logistic")["inference"]);
    let columns = columns(&data, &[0, 1, 4]);
    let loss = loss_of(&columns, 3, data.targets(), 2);
    let outcome = minimize(&loss, loss.start(), &newton(), &TIGHT).unwrap();
    let i = loss.inference(&outcome.x, Covariance::Nonrobust).unwrap();
    let column = |f: fn(&kiln::models::Coefficient) -> f64| i.coefficients.iter().map(f).collect::<Vec<f64>>();
    for (got, key) in [
        (column(|c| c.estimate), "coef"),
        (column(|c| c.standard_error), "std_err"),
        (column(|c| c.z), "z"),
        (column(|c| c.p), "p"),
        (i.coefficients.iter().flat_map(|c| c.interval).collect(), "conf_int_95"),
        (vec![i.log_likelihood], "log_likelihood"),
        (vec![i.null_log_likelihood], "null_log_likelihood"),
        (vec![i.aic], "aic"),
        (vec![i.bic], "bic"),
    ] {
        assert_close(&got, &numbers(&expected[key]), 1e-6, 1e-300, key);
    }
}

/// Greene's example, as his tables and Stata print it; their last digits, which differ by up to 6e-8, are those of a fit that ended
/// sooner: the gradient there is 1e-8, here 1e-17.
#[test]
fn greenes_logit_example() {
    let rows = reference("inference");
    let (i, loss) = inference_of(&rows["rows"][0], Covariance::Nonrobust);
    let printed = [2.826_112_421_699_9, 0.095_157_661_7, 2.378_687_504_058_7, -13.021_345_912_635];
    let errors = [1.262_941_022_164_7, 0.141_554_201_358, 1.064_564_207_870_3, 4.931_323_890_811];
    let got: Vec<f64> = i.coefficients.iter().map(|c| c.estimate).collect();
    assert_close(&got, &printed, 1e-7, 0.0, "coefficients");
    let got: Vec<f64> = i.coefficients.iter().map(|c| c.standard_error).collect();
    assert_close(&got, &errors, 1e-7, 0.0, "standard errors");
    let (_, theirs) = Objective::value_and_grad(&loss, &tensor(&printed, [4], &f64_device())).unwrap();
    let theirs = values(theirs).iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    assert!(theirs > 1e-9, "{theirs:e}");
}

#[test]
fn the_table_is_laid_out_as_statsmodels() {
    let rows = reference("inference");
    let (inference, _) = inference_of(&rows["rows"][0], Covariance::Nonrobust);
    let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let table = InferenceTable {
        inference: &inference,
        target: "GRADE",
        features: &text(&["GPA", "TUCE", "PSI"]),
        classes: &text(&["0", "1"]),
        converged: true,
    };
    let table = table.to_string();
    for line in [
        "Dep. Variable:                   GRADE   No. Observations:                  32",
        "converged:                        True   Pseudo R-squ.:                 0.3740",
        "BIC:                            39.642   LLR p-value:                 0.001502",
        "GRADE=1           coef    std err          z      P>|z|      [0.025     0.975]",
        "GPA             2.8261      1.263      2.238      0.025       0.351      5.301",
        "Log-odds against GRADE=0.",
        "(intercept)   -13.0213      4.931     -2.641      0.008     -22.687     -3.356",
    ] {
        assert!(table.lines().any(|l| l == line), "no line\n{line}\nin\n{table}");
    }
}

#[test]
fn what_no_regression_can_be_fitted_to_is_refused() {
    let x = || tensor(&[1.0, 2.0, 3.0], [3, 1], &f64_device());
    let refused = |result: Result<RegressionLoss, RegressionDataError>| result.unwrap_err();
    assert!(matches!(refused(RegressionLoss::new(x(), &[0, 1], 2)), RegressionDataError::Length { .. }));
    assert!(matches!(refused(RegressionLoss::new(x(), &[0, 1, 2], 2)), RegressionDataError::Target { row: 2, .. }));
    assert_eq!(refused(RegressionLoss::new(x(), &[0, 0, 0], 1)), RegressionDataError::Empty);
    let loss = RegressionLoss::new(x(), &[0, 1, 0], 2).unwrap();
    assert_eq!(refused(loss.clone().weights(&[0.0, 0.0, 0.0])), RegressionDataError::Weights);
    assert_eq!(refused(loss.clone().weights(&[1.0, -1.0, 1.0])), RegressionDataError::Weights);
    let penalised = loss.l2(0.1).unwrap();
    assert!(matches!(penalised.inference(&penalised.start(), Covariance::Nonrobust), Err(InferenceError::Penalised)));
}

/// Two equal columns, and more columns than rows: the fit ends, its standard errors do not exist.
#[test]
fn columns_that_depend_on_one_another_have_no_standard_errors() {
    let data = cancer();
    let one = columns(&data, &[0, 0]);
    let loss = loss_of(&one, 2, data.targets(), 2);
    for (outcome, what) in by_each_solver(&loss, &Stop { gtol: 1e-8, ..TIGHT }) {
        assert!(outcome.success, "{what}: {}", outcome.message);
        let error = loss.inference(&outcome.x, Covariance::Nonrobust).unwrap_err();
        assert!(matches!(error, InferenceError::Singular), "{what}");
    }
}

#[test]
fn rescaled_columns_have_the_same_minimum_and_standard_errors() {
    let rows = reference("inference");
    for row in &rows["rows"].as_array().unwrap()[..] {
        let (expected, loss) = inference_of(row, Covariance::Hc0);
        let loss = loss.rescaled();
        let outcome = minimize(&loss, loss.start(), &lbfgs(), &Stop { gtol: 1e-11, ..TIGHT }).unwrap();
        let got = loss.inference(&outcome.x, Covariance::Hc0).unwrap();
        for (got, expected) in got.coefficients.iter().zip(&expected.coefficients) {
            assert_close(&[got.estimate], &[expected.estimate], 1e-8, 1e-9, "estimate");
            assert_close(&[got.standard_error], &[expected.standard_error], 1e-7, 0.0, "standard error");
        }
        assert_close(&[got.log_likelihood], &[expected.log_likelihood], 1e-12, 0.0, "ln L");
    }
    // With a penalty, and columns from 1e-3 to 1e3: Newton's method does not mind, L-BFGS does.
    let table = breast_cancer();
    let all: Vec<usize> = (0..table.len()).collect();
    let raw = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &all, false).unwrap().encode(&table).unwrap();
    let loss = loss_of(raw.inputs(), 30, raw.targets(), 2).l2(1e-3).unwrap();
    let expected = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-9, ..TIGHT }).unwrap();
    assert!(expected.success, "{}", expected.message);
    let rescaled = loss.clone().rescaled();
    let outcome = minimize(&rescaled, rescaled.start(), &lbfgs(), &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
    assert!(outcome.success && outcome.iterations < 1000, "{} after {}", outcome.message, outcome.iterations);
    assert_close(&[outcome.value], &[expected.value], 1e-12, 0.0, "minimum");
    assert_close(&values(rescaled.parameters(&outcome.x)), &values(expected.x), 1e-6, 1e-8, "parameters");
    let (hessian, x) = (Hessian::hessian(&rescaled, &outcome.x).unwrap(), outcome.x);
    let v = kiln::tensor::Stream::new(6, "test", 0, 0).normal::<1>([31], &f64_device());
    let hv = values(HessianProduct::hvp(&rescaled, &x, &v).unwrap());
    assert_close(&hessian.multiply(&values(v)), &hv, 1e-10, 1e-13, "H");
}

/// A fit without penalty until its gradient is small.
fn separation_of(inputs: &[f64], features: usize, targets: &[usize], classes: usize) -> Option<Separation> {
    let loss = loss_of(inputs, features, targets, classes).rescaled();
    let outcome = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-9, max_iter: 100, ..TIGHT }).unwrap();
    let found = loss.separation(&outcome.x);
    if let Some(found) = &found {
        // As anybody can check it: along the direction no log-odds against another class fall, and some rise.
        let k = found.intercepts.len();
        let z = |row: &[f64], c: usize| {
            let along: f64 = row.iter().enumerate().map(|(f, x)| x * found.weights[f * k + c]).sum();
            along + found.intercepts[c]
        };
        let mut margins = Vec::new();
        for (row, &y) in inputs.chunks(features).zip(targets) {
            match k {
                1 => margins.push(vec![if y == 1 { z(row, 0) } else { -z(row, 0) }]),
                _ => margins.push((0..k).filter(|c| *c != y).map(|c| z(row, y) - z(row, c)).collect()),
            }
        }
        assert!(margins.iter().flatten().all(|m| *m > -1e-7), "{margins:?}");
        assert!(margins.iter().flatten().any(|m| *m > 1e-4), "{margins:?}");
        let least = |row: &Vec<f64>| row.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(margins.iter().filter(|row| least(row) < 1e-7).count(), found.on_the_plane);
        assert_eq!(found.complete, found.on_the_plane == 0);
        let rows = targets.len();
        let sides =
            Sides { right: rows - found.on_the_plane, on_the_plane: found.on_the_plane, wrong: 0, separates: true };
        assert_eq!(found.sides(inputs, targets).unwrap(), sides);
    }
    found
}

#[test]
fn separations_are_found_and_proved() {
    let data = cancer();
    let found = separation_of(data.inputs(), 30, data.targets(), 2).expect("30 columns separate the 569 rows");
    assert!(found.complete);

    // Two classes on a line that touch at 2, on both sides of it.
    let (x, y) = ([0.0, 1.0, 2.0, 2.0, 3.0, 5.0], [0, 0, 0, 1, 1, 1]);
    let found = separation_of(&x, 1, &y, 2).expect("x ≥ 2 is all but class 1");
    assert_eq!((found.complete, found.on_the_plane), (false, 2));
    assert!((found.intercepts[0] / found.weights[0] + 2.0).abs() < 1e-9, "{found:?}");

    // An indicator that only class 1 has, beside a column in which the classes overlap.
    let rows = 40usize;
    let y: Vec<usize> = (0..rows).map(|i| i % 2).collect();
    let x: Vec<f64> = (0..rows)
        .flat_map(|i| [((i * 7) % 11) as f64 + 0.3 * y[i] as f64, f64::from(u8::from(y[i] == 1 && i % 3 == 0))])
        .collect();
    let found = separation_of(&x, 2, &y, 2).expect("the indicator says 1");
    let with = (0..rows).filter(|i| i % 2 == 1 && i % 3 == 0).count();
    assert_eq!((found.complete, found.on_the_plane), (false, rows - with));
    assert!(found.weights[0].abs() < 1e-9 && found.weights[1] > 0.5, "{found:?}");

    // Overlapping classes, also where two columns are the same and one is constant.
    let x: Vec<f64> = (0..rows).flat_map(|i| [((i * 7) % 11) as f64, ((i * 7) % 11) as f64, 1e8]).collect();
    assert_eq!(separation_of(&x, 3, &y, 2), None);
    let columns = columns(&data, &[0, 1, 4]);
    assert_eq!(separation_of(&columns, 3, data.targets(), 2), None);
}

/// One row so large that beside it the others are rounding: they overlap all the same.
#[test]
fn an_outlier_separates_nothing() {
    let found = Separation { weights: vec![1.0], intercepts: vec![0.0], complete: false, on_the_plane: 0 };
    let sides = found.sides(&[1e10, 1.0, 2.0, 3.0, 4.0], &[1, 1, 0, 1, 0]).unwrap();
    assert_eq!((sides.right, sides.wrong, sides.separates), (3, 2, false));
    let rows = 40usize;
    let y: Vec<usize> = (0..rows).map(|i| usize::from((i * 7) % 11 + (i % 3) > 5)).collect();
    let x: Vec<f64> = (0..rows).map(|i| if i == 7 { 1e10 } else { ((i * 7) % 11) as f64 }).collect();
    assert_eq!(separation_of(&x, 1, &y, 2), None);
    // Columns of very different size, which are separated.
    let x: Vec<f64> =
        (0..rows).flat_map(|i| [1e-2 * ((i * 3) % 13) as f64, 1e7 * (y[i] * 5 + (i * 5) % 4) as f64]).collect();
    assert!(separation_of(&x, 2, &y, 2).expect("the second column decides").complete);
}

#[test]
fn a_separation_of_other_data_is_refused() {
    let found = |weights: &[f64], intercepts: &[f64]| Separation {
        weights: weights.to_vec(),
        intercepts: intercepts.to_vec(),
        complete: false,
        on_the_plane: 0,
    };
    for (separation, inputs, targets) in [
        (found(&[1.0], &[]), vec![1.0], vec![0]),
        (found(&[1.0], &[0.0]), vec![1.0, 2.0], vec![0]),
        (found(&[1.0], &[0.0]), vec![1.0], vec![2]),
        (found(&[1.0, 2.0, 3.0], &[0.0, 0.0]), vec![1.0], vec![0]),
    ] {
        assert!(separation.sides(&inputs, &targets).is_err(), "{separation:?}");
    }
    let sides = found(&[1.0], &[0.0]).sides(&[f64::NAN, 1.0], &[0, 1]).unwrap();
    assert_eq!((sides.wrong, sides.separates), (1, false), "what is not a number is on no side");
    assert!(!found(&[1.0], &[0.0]).sides(&[], &[]).unwrap().separates);
}

/// Whatever is in a row of weight 0; twice the scaling; penalties and weights that are none.
#[test]
fn rows_of_no_weight_and_numbers_that_are_no_option() {
    let (x, y) = ([0.0, 1.0, 2.0, 3.0, 4.0, 1.5, 1e20, f64::NAN], [0, 0, 1, 0, 1, 1, 1, 0]);
    let weights = [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
    let fit = |loss: &RegressionLoss| {
        let outcome = minimize(loss, loss.start(), &newton(), &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
        assert!(outcome.success, "{}", outcome.message);
        values(loss.parameters(&outcome.x))
    };
    let all = loss_of(&x, 1, &y, 2).weights(&weights).unwrap();
    let some = loss_of(&x[..6], 1, &y[..6], 2).weights(&weights[..6]).unwrap();
    let expected = fit(&some);
    assert_close(&fit(&all.clone().rescaled()), &expected, 1e-9, 0.0, "rescaled");
    assert_close(&fit(&all.clone().rescaled().rescaled()), &expected, 1e-9, 0.0, "rescaled twice");
    assert_close(&fit(&all), &expected, 1e-9, 0.0, "as it is");

    assert!(matches!(all.clone().l2(-0.1), Err(RegressionDataError::Penalty(_))));
    assert!(matches!(all.clone().l2(f64::NAN), Err(RegressionDataError::Penalty(_))));
    assert!(matches!(all.clone().weights(&[f64::MAX; 8]), Err(RegressionDataError::Weights)));
    let short = all.start().slice(0..1);
    assert!(all.value_and_grad(&short).is_err() && all.value(&short).is_err() && all.hessian(&short).is_err());
    assert!(all.hvp(&all.start(), &short).is_err());
}

#[test]
fn separations_of_more_classes_are_found_and_proved() {
    // Three groups in a plane, each in a corner of its own.
    let rows = 30usize;
    let y: Vec<usize> = (0..rows).map(|i| i % 3).collect();
    let corner = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]];
    let at = |i: usize, f: usize| corner[y[i]][f] + ((i * (5 + f)) % 7) as f64 * 0.5;
    let x: Vec<f64> = (0..rows).flat_map(|i| [at(i, 0), at(i, 1)]).collect();
    assert!(separation_of(&x, 2, &y, 3).expect("corners are apart").complete);

    // The last group is apart, the other two overlap: all rows of these lie on the plane between them.
    let x: Vec<f64> =
        (0..rows).flat_map(|i| [((i * 7) % 11) as f64, if y[i] == 2 { 20.0 } else { ((i * 3) % 5) as f64 }]).collect();
    let found = separation_of(&x, 2, &y, 3).expect("the last is apart");
    assert_eq!((found.complete, found.on_the_plane), (false, 20));

    // All overlap.
    let x: Vec<f64> = (0..rows).flat_map(|i| [((i * 7) % 11) as f64, ((i * 3) % 5) as f64]).collect();
    assert_eq!(separation_of(&x, 2, &y, 3), None);

    // Ten digits by 64 pixels.
    let images = digits();
    let (targets, all): (_, Vec<usize>) = (images.targets(), (0..300).collect());
    let inputs = values(images.pixels(&all, &f64_device()));
    let loss = loss_of(&inputs, 64, &targets[..300], 10).rescaled();
    let outcome = minimize(&loss, loss.start(), &lbfgs(), &Stop { gtol: 1e-4, max_iter: 500, ..TIGHT }).unwrap();
    let found = loss.separation(&outcome.x).expect("300 digits are separated");
    assert!(found.complete && found.sides(&inputs, &targets[..300]).unwrap().separates);
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
