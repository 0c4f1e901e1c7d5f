//! Curves beside SciPy's.

use burn::tensor::Tensor;
use kiln_optim::{
    least_squares::{Curve, CurveFit, LeastSquares, Loss, Step, curve_fit},
    solver::{SolverError, Status},
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor};
use serde_json::Value;

fn curve(name: &str, p: &Tensor<1>, x: Tensor<1>) -> Tensor<1> {
    let p = |i: usize| p.clone().slice(i..=i);
    match name {
        "decay" => p(0) * (-(p(1) * x)).exp() + p(2),
        "logistic" => p(0) / ((p(1) - p(2) * x).exp() + 1.0),
        "michaelis" => p(0) * x.clone() / (p(1) + x),
        "sine" => p(0) * (p(1) * x + p(2)).sin(),
        other => panic!("no curve {other}"),
    }
}

fn side(value: &Value, none: f64) -> Option<Vec<f64>> {
    value.as_array().map(|side| side.iter().map(|bound| bound.as_f64().unwrap_or(none)).collect())
}

fn fitted(row: &Value, step: Step) -> CurveFit<'static, Tensor<1>> {
    let device = f64_device();
    let column = |key: &str| {
        let numbers = numbers(&row[key]);
        tensor(&numbers, [numbers.len()], &device)
    };
    let loss = match row["loss"].as_str().unwrap() {
        "linear" => Loss::Linear,
        "soft_l1" => Loss::SoftL1,
        "huber" => Loss::Huber,
        "cauchy" => Loss::Cauchy,
        _ => Loss::Arctan,
    };
    let options = Curve {
        sigma: row["sigma"].is_array().then(|| numbers(&row["sigma"])),
        absolute_sigma: row["absolute"].as_bool().unwrap(),
        fit: LeastSquares {
            step,
            loss,
            loss_scale: row["scale"].as_f64().unwrap(),
            lower: side(&row["lower"], f64::NEG_INFINITY),
            upper: side(&row["upper"], f64::INFINITY),
            ..LeastSquares::default()
        },
    };
    let name = row["curve"].as_str().unwrap().to_owned();
    curve_fit(move |p, x| curve(&name, &p, x), column("x"), numbers(&row["y"]), column("start"), &options).unwrap()
}

#[test]
fn solutions_and_covariances_are_those_of_scipy() {
    for row in reference("curves")["rows"].as_array().unwrap() {
        for step in [Step::LevenbergMarquardt, Step::Dogleg] {
            let fit = fitted(row, step);
            let what = format!(
                "{} {} {step:?}: {} evaluations beside {}, {}",
                row["curve"], row["loss"], fit.fit.outcome.evaluations.values, row["nfev"], fit.fit.outcome.message
            );
            println!("{what}");
            assert!(fit.fit.outcome.success, "{what}");
            // Tolerances of 1e-11 in the angle, or 1e-14 in the objective, leave 1e-7 of a parameter; both tests are met long before.
            assert_close(&fit.parameters, &numbers(&row["solution"]), 1e-8, 1e-10, &what);
            assert_close(&[fit.fit.outcome.value], &[row["cost"].as_f64().unwrap()], 1e-12, 0.0, &what);
            if row["covariance"].is_array() {
                let n = fit.parameters.len();
                let found: Vec<f64> = (0..n * n).map(|k| fit.covariance.at(k / n, k % n)).collect();
                assert_close(&found, &numbers(&row["covariance"]), 1e-6, 0.0, &what);
                assert!(fit.fit.held.is_empty());
            } else {
                assert!(!fit.fit.held.is_empty(), "{what}");
                assert!(fit.fit.held.iter().all(|&j| fit.standard_errors()[j].is_nan()), "{what}");
            }
        }
    }
}

/// R, `nls(rate ~ Vm * conc/(K + conc), Puromycin, state == "treated")`: its summary and `confint.default`.
#[test]
fn the_puromycin_curve_is_that_of_r() {
    let rows = reference("curves");
    let row = rows["rows"].as_array().unwrap().iter().find(|row| row["curve"] == "michaelis").unwrap();
    let fit = fitted(row, Step::default());
    // As printed.
    assert_close(&fit.parameters, &[2.127e+02, 6.412e-02], 2e-4, 0.0, "estimates");
    assert_close(&fit.standard_errors(), &[6.947, 8.281e-3], 2e-4, 0.0, "standard errors");
    assert_close(&[fit.fit.residual_variance().unwrap().sqrt()], &[10.93], 5e-4, 0.0, "residual standard error");
    assert_eq!(fit.fit.degrees_of_freedom(), 10);
    // t at 0.975 with 10 degrees of freedom is 2.228139.
    let [low, high] = fit.intervals(0.95)[0];
    assert_close(&[(high - low) / 2.0 / fit.standard_errors()[0]], &[2.228_138_851_964_939], 1e-9, 0.0, "t");
    // The curve's standard error by the delta method, by hand: derivatives x/(K + x) and −Vm·x/(K + x)².
    let x = 0.5;
    let [vm, k] = fit.parameters[..] else { panic!() };
    let slopes = [x / (k + x), -vm * x / (k + x).powi(2)];
    let variance: f64 =
        (0..4).map(|place| slopes[place / 2] * fit.covariance.at(place / 2, place % 2) * slopes[place % 2]).sum();
    let at = fit.predict(tensor(&[x], [1], &f64_device())).unwrap()[0];
    assert_close(&[at.value, at.standard_error], &[vm * slopes[0], variance.sqrt()], 1e-12, 0.0, "the curve");
}

#[test]
fn parameters_that_the_data_do_not_determine_have_no_standard_errors() {
    let device = f64_device();
    let x = tensor(&[0.0, 1.0, 2.0, 3.0], [4], &device);
    // a + b has one value; c has one of its own.
    let fit = curve_fit(
        |p: Tensor<1>, x: Tensor<1>| p.clone().slice(0..1) + p.clone().slice(1..2) + p.slice(2..3) * x,
        x,
        [1.0, 2.1, 2.9, 4.0],
        tensor(&[0.0, 0.0, 0.0], [3], &device),
        &Curve::default(),
    )
    .unwrap();
    assert!(fit.fit.outcome.success);
    let errors = fit.standard_errors();
    assert!(errors[0].is_nan() && errors[1].is_nan() && errors[2] > 0.0, "{errors:?}");
    assert_close(&[fit.parameters[0] + fit.parameters[1], fit.parameters[2]], &[1.03, 0.98], 1e-12, 0.0, "the line");
}

#[test]
fn bad_input_is_an_error_and_a_bad_start_a_status() {
    let device = f64_device();
    let x = || tensor(&[1.0, 2.0, 3.0], [3], &device);
    let line = |p: Tensor<1>, x: Tensor<1>| p.clone().slice(0..1) + p.slice(1..2) * x;
    let fit = |y: &[f64], start: &[f64], options: &Curve| {
        curve_fit(line, x(), y, tensor(start, [start.len()], &device), options).map(|fit| fit.fit.outcome.status)
    };
    let y = [1.0, 2.0, 3.5];
    assert!(matches!(fit(&y[..2], &[0.0, 0.0], &Curve::default()), Err(SolverError::Length { name: "the curve", .. })));
    let zero = Curve { sigma: Some(vec![1.0, 0.0, 1.0]), ..Curve::default() };
    assert!(matches!(fit(&y, &[0.0, 0.0], &zero), Err(SolverError::Option { name: "sigma", .. })));
    let crossed = LeastSquares { lower: Some(vec![0.0; 2]), upper: Some(vec![-1.0; 2]), ..LeastSquares::default() };
    let crossed = Curve { fit: crossed, ..Curve::default() };
    assert!(matches!(fit(&y, &[0.0, 0.0], &crossed), Err(SolverError::Option { name: "lower", .. })));
    let short = LeastSquares { lower: Some(vec![0.0]), ..LeastSquares::default() };
    let short = Curve { fit: short, ..Curve::default() };
    assert!(matches!(fit(&y, &[0.0, 0.0], &short), Err(SolverError::Length { name: "lower", expected: 2, got: 1 })));
    assert_eq!(fit(&[1.0, f64::NAN, 3.0], &[0.0, 0.0], &Curve::default()).unwrap(), Status::NotFinite);
    let few = LeastSquares { max_evaluations: Some(1), ..LeastSquares::default() };
    assert_eq!(fit(&y, &[0.0, 0.0], &Curve { fit: few, ..Curve::default() }).unwrap(), Status::Budget);
}
