//! The nonlinear regressions of NIST's Statistical Reference Datasets.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use kiln_optim::least_squares::{Curve, LeastSquares, curve_fit};
use kiln_testkit::{f64_device, numbers, reference, tensor};

/// The model of a data set: the parameters b, and the predictors x `[k, m]`.
fn model(name: &str, b: &Tensor<1>, x: &Tensor<2>) -> Tensor<1> {
    let b = |i: usize| b.clone().slice(i..=i);
    let row = |k: usize| x.clone().slice(k..=k).flatten::<1>(0, 1);
    let x = row(0);
    let bell = |height: usize| {
        let [height, centre, width] = [0, 1, 2].map(|i| b(height + i));
        height * (-((x.clone() - centre) / width).square()).exp()
    };
    let decay = |height: usize, rate: usize| b(height) * (-(b(rate) * x.clone())).exp();
    let rational = |top: usize, n: usize| {
        let term = |k: usize, power: usize| b(k) * x.clone().powi_scalar(power as i32);
        let above = (1..=top).fold(b(0) + x.zeros_like(), |sum, k| sum + term(k, k));
        above / (top + 1..n).fold(x.ones_like(), |sum, k| sum + term(k, k - top))
    };
    let wave = |period: Tensor<1>, c: usize, s: usize| {
        let angle = x.clone() * (2.0 * PI) / period;
        b(c) * angle.clone().cos() + b(s) * angle.sin()
    };
    match name {
        "Bennett5" => b(0) * (((b(1) + x).log()) * (-b(2).recip())).exp(),
        "BoxBOD" | "Misra1a" => b(0) * (-((-(b(1) * x)).exp()) + 1.0),
        "Chwirut1" | "Chwirut2" => (-(b(0) * x.clone())).exp() / (b(1) + b(2) * x),
        "DanWood" => b(0) * (x.log() * b(1)).exp(),
        "ENSO" => b(0) + wave(b(3).ones_like() * 12.0, 1, 2) + wave(b(3), 4, 5) + wave(b(6), 7, 8),
        "Eckerle4" => b(0) / b(1) * (-((x - b(2)) / b(1)).square() * 0.5).exp(),
        "Gauss1" | "Gauss2" | "Gauss3" => decay(0, 1) + bell(2) + bell(5),
        "Hahn1" | "Thurber" => rational(3, 7),
        "Kirby2" => rational(2, 5),
        "Lanczos1" | "Lanczos2" | "Lanczos3" => decay(0, 1) + decay(2, 3) + decay(4, 5),
        "MGH09" => b(0) * (x.clone().square() + x.clone() * b(1)) / (x.clone().square() + x * b(2) + b(3)),
        "MGH10" => b(0) * (b(1) / (x + b(2))).exp(),
        "MGH17" => b(0) + decay(1, 3) + decay(2, 4),
        "Misra1b" => b(0) * (-((b(1) * x * 0.5 + 1.0).square().recip()) + 1.0),
        "Misra1c" => b(0) * (-((b(1) * x * 2.0 + 1.0).sqrt().recip()) + 1.0),
        "Misra1d" => b(0) * b(1) * x.clone() / (b(1) * x + 1.0),
        "Nelson" => b(0) - b(1) * x * (-(b(2) * row(1))).exp(),
        "Rat42" => b(0) / ((b(1) - b(2) * x).exp() + 1.0),
        "Rat43" => b(0) * (-(((b(1) - b(2) * x).exp() + 1.0).log() / b(3))).exp(),
        "Roszman1" => b(0) - b(1) * x.clone() - (b(2) / (x - b(3))).atan() / PI,
        other => panic!("no model {other}"),
    }
}

/// The digits that agree in all numbers, at most the 11 that are certified.
fn digits(found: &[f64], certified: &[f64]) -> f64 {
    let error = found.iter().zip(certified).map(|(f, c)| (f / c - 1.0).abs()).fold(0.0, f64::max);
    if error.is_nan() { 0.0 } else { (-error.max(1e-300).log10()).min(11.0) }
}

/// From both starts, eight digits of the parameters and of their standard deviations wherever SciPy has them.
#[test]
fn the_certified_values_are_found_from_both_starts() {
    let device = f64_device();
    let (mut short, mut runs) = (Vec::new(), 0);
    let sets = reference("nist_nonlinear");
    for row in sets["rows"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let x: Vec<Vec<f64>> = row["x"].as_array().unwrap().iter().map(numbers).collect();
        let (k, m) = (x.len(), x[0].len());
        let x: Tensor<2> = tensor(&x.concat(), [k, m], &device);
        let (certified, deviations) = (numbers(&row["certified"]), numbers(&row["deviations"]));
        for (start, scipy) in row["starts"].as_array().unwrap().iter().zip(row["scipy"].as_array().unwrap()) {
            let start = numbers(start);
            let options = LeastSquares { max_evaluations: Some(5000), ..LeastSquares::default() };
            let fit = curve_fit(
                |b, x: Tensor<2>| model(name, &b, &x),
                x.clone(),
                numbers(&row["y"]),
                tensor(&start, [start.len()], &device),
                &Curve { fit: options, ..Curve::default() },
            )
            .unwrap();
            let found = [digits(&fit.parameters, &certified), digits(&fit.standard_errors(), &deviations)];
            let theirs = ["parameters", "deviations"].map(|key| scipy[key].as_f64().unwrap());
            println!(
                "{name:9} {found:.1?} beside {theirs:.1?}, {} evaluations beside {}: {}",
                fit.fit.outcome.evaluations.values, scipy["nfev"], fit.fit.outcome.message
            );
            runs += 1;
            let reached = |digits: [f64; 2]| digits.iter().all(|digits| *digits >= 8.0);
            if !reached(found) {
                short.push(name);
            }
            assert!(reached(found) || !reached(theirs), "{name}: {found:?} beside {theirs:?}");
            assert!(fit.fit.outcome.success || !reached(theirs), "{name}: {}", fit.fit.outcome.message);
        }
    }
    assert_eq!(runs, 54);
    println!("fewer than 8 digits: {short:?}");
}
