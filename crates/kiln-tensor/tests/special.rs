//! Special functions against mpmath in 40 digits.

use burn::tensor::{DType, Tensor};
use kiln_tensor::special::{
    beta_i, digamma, erf, erfc, erfinv, expm1, gamma_p, gamma_q, host, ln_beta, ln_gamma, ln_gamma_entropy, ln_poisson,
    log1mexp, normal_cdf, normal_icdf, normal_log_cdf, sigmoid, softplus,
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

/// Name, function and tolerances: relative, plus absolute if the function has a zero that its argument has not.
type Case = (&'static str, fn(Tensor<1>) -> Tensor<1>, f64, f64);

const CASES: [Case; 13] = [
    ("erf", erf, 2e-15, 0.0),
    // The exponent x² = 400 is rounded to ε/2 relative.
    ("erfc", erfc, 2e-13, 0.0),
    ("erfinv", erfinv, 4e-15, 0.0),
    ("normal_cdf", normal_cdf, 2e-13, 0.0),
    // In the right tail it is minus the tail, whose exponent −32 is rounded.
    ("normal_log_cdf", normal_log_cdf, 2e-14, 0.0),
    ("normal_icdf", normal_icdf, 4e-15, 1e-15),
    ("expm1", expm1, 1e-15, 0.0),
    ("log1mexp", log1mexp, 2e-15, 0.0),
    ("softplus", softplus, 1e-15, 0.0),
    ("sigmoid", sigmoid, 1e-15, 0.0),
    ("ln_gamma", ln_gamma, 4e-15, 0.0),
    ("digamma", digamma, 2e-15, 1e-14),
    ("ln_gamma_entropy", ln_gamma_entropy, 1e-15, 1e-14),
];

fn column(rows: &[Value], key: &str) -> Vec<f64> {
    rows.iter().map(|row| row[key].as_f64().unwrap()).collect()
}

fn vector(numbers: &[f64]) -> Tensor<1> {
    tensor(numbers, [numbers.len()], &f64_device())
}

#[test]
fn functions_of_one_number_are_right() {
    let reference = reference("special");
    for (name, f, relative, absolute) in CASES {
        let (x, y) = (numbers(&reference[name]["x"]), numbers(&reference[name]["y"]));
        assert_close(&values(f(vector(&x))), &y, relative, absolute, name);
    }
    let (x, y) = (numbers(&reference["ln_gamma"]["x"]), numbers(&reference["ln_gamma"]["y"]));
    assert_close(&x.iter().map(|x| host::ln_gamma(*x)).collect::<Vec<_>>(), &y, 1e-15, 1e-14, "ln Γ on the host");
    let (x, y) = (numbers(&reference["digamma"]["x"]), numbers(&reference["digamma"]["y"]));
    assert_close(&x.iter().map(|x| host::digamma(*x)).collect::<Vec<_>>(), &y, 2e-15, 1e-14, "ψ on the host");
    let poisson = &reference["ln_poisson"];
    let (a, rate) = (vector(&numbers(&poisson["a"])), vector(&numbers(&poisson["y"])));
    let value = numbers(&poisson["value"]);
    assert_close(&values(ln_poisson(a.clone(), rate.clone())), &value, 4e-15, 4e-15, "ln Poisson");
    // These arguments are f32 numbers, except 0.1, 0.2, 0.3, 3.8, 3.9, 4.1 and 7.3, where it matters less.
    let single = |x: Tensor<1>| x.cast(DType::F32);
    assert_close(&values(ln_poisson(single(a), single(rate))), &value, 1e-6, 1e-6, "ln Poisson in f32");
    let beta = &reference["ln_beta"];
    let (a, b) = (vector(&numbers(&beta["a"])), vector(&numbers(&beta["b"])));
    assert_close(&values(ln_beta(a, b)), &numbers(&beta["y"]), 1e-14, 2e-14, "ln B");
}

/// In f32 arguments are rounded, and errors are some units of 6e-8, times the factor by which the f64 error exceeds ε.
#[test]
fn functions_of_one_number_are_right_in_f32() {
    let reference = reference("special");
    for (name, f, relative, absolute) in CASES {
        let (x, y) = (numbers(&reference[name]["x"]), numbers(&reference[name]["y"]));
        // Only if f32 holds argument and value, and the rounding of the argument does not dominate.
        let single = |x: f64| f64::from(x as f32);
        let kept: Vec<usize> = (0..x.len())
            .filter(|&i| x[i].abs() < 80.0 && (y[i] == 0.0 || y[i].abs() > 1e-30) && y[i].abs() < 1e30)
            .filter(|&i| x[i].abs() > 1e-30 || x[i] == 0.0)
            .filter(|&i| !name.ends_with("inv") || x[i].abs() < 0.99)
            .collect();
        let at: Vec<f64> = kept.iter().map(|&i| x[i]).collect();
        let got = values(f(vector(&at).cast(DType::F32)));
        // The value at the rounded argument, by the f64 function, which the test above compares with the reference.
        let rounded: Vec<f64> = at.iter().map(|x| single(*x)).collect();
        let expected = values(f(vector(&rounded)));
        let scale = 3e-7 / 1e-15;
        assert_close(
            &got,
            &expected,
            (relative * scale).min(2e-5),
            (absolute * scale).min(3e-6),
            &format!("{name} in f32"),
        );
    }
}

#[test]
fn incomplete_functions_are_right_with_their_derivatives() {
    let reference = reference("special");
    let rows = reference["gamma_p"].as_array().unwrap();
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap();
        let (a, x) = (number("a"), number("x"));
        let what = format!("a = {a}, x = {x}");
        let ((p, [da, dx]), (q, [qa, qx])) = (host::gamma_p(a, x), host::gamma_q(a, x));
        // The exponent has the size of the logarithm and loses some units of ε.
        let relative = 2e-13 + 1e-15 * number("p").ln().abs();
        assert_close(&[p], &[number("p")], relative, 0.0, &format!("P, {what}"));
        // If P is computed, Q is 1 − P, and vice versa.
        assert_close(&[q], &[number("q")], 2e-13, 3e-16, &format!("Q, {what}"));
        assert_close(&[dx], &[number("dp_dx")], relative, 0.0, &format!("dP/dx, {what}"));
        assert_close(&[da], &[number("dp_da")], 1e-11, 1e-14, &format!("dP/da, {what}"));
        assert_close(&[qa, qx], &[-da, -dx], 1e-15, 0.0, &what);
    }
    let rows = reference["beta_i"].as_array().unwrap();
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap();
        let (a, b, x) = (number("a"), number("b"), number("x"));
        let what = format!("a = {a}, b = {b}, x = {x}");
        let (y, [da, db, dx]) = host::beta_i(a, b, x);
        let relative = 2e-13 + 1e-15 * number("dx").ln().abs();
        assert_close(&[y], &[number("y")], relative, 3e-16, &format!("I, {what}"));
        assert_close(&[dx], &[number("dx")], relative, 0.0, &format!("dI/dx, {what}"));
        assert_close(&[da, db], &[number("da"), number("db")], 1e-11, 1e-14, &format!("dI/d(a, b), {what}"));
    }
    // The same as tensors.
    let rows = reference["gamma_p"].as_array().unwrap();
    let (a, x) = (vector(&column(rows, "a")), vector(&column(rows, "x")));
    assert_close(&values(gamma_p(a.clone(), x.clone())), &column(rows, "p"), 5e-13, 0.0, "P");
    assert_close(&values(gamma_q(a, x)), &column(rows, "q"), 2e-13, 3e-16, "Q");
    let rows = reference["beta_i"].as_array().unwrap();
    let [a, b, x] = ["a", "b", "x"].map(|key| vector(&column(rows, key)));
    assert_close(&values(beta_i(a, b, x)), &column(rows, "y"), 1e-12, 3e-16, "I");
}

#[test]
fn ends_and_what_is_outside() {
    assert_eq!((host::gamma_p(2.0, 0.0).0, host::gamma_q(2.0, 0.0).0), (0.0, 1.0));
    assert_eq!((host::gamma_p(2.0, f64::INFINITY).0, host::gamma_q(2.0, f64::INFINITY).0), (1.0, 0.0));
    assert_eq!((host::beta_i(2.0, 3.0, 0.0).0, host::beta_i(2.0, 3.0, 1.0).0), (0.0, 1.0));
    for (a, x) in [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::NAN)] {
        assert!(host::gamma_p(a, x).0.is_nan() && host::beta_i(a, 1.0, x).0.is_nan(), "{a} {x}");
    }
    let outside = values(ln_gamma(vector(&[-0.5, 0.0])));
    assert!(outside[0].is_nan() && outside[1] == f64::INFINITY, "{outside:?}");
    assert!(values(digamma(vector(&[-0.5])))[0].is_nan());
}
