//! Distributions against PyTorch in float64 (`reference/distributions.json`), and against the laws of probability.

use kiln::{burn::tensor::TensorData, dist::sum_per_example, prelude::*};
use kiln_testkit::{assert_close, check_gradient, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

/// Rounding of a handful of f64 operations; the issue's own tolerance.
const RTOL: f64 = 1e-12;
/// For expected values near zero, where terms of order 1 cancel: a few units in their last place.
const ATOL: f64 = 4e-16;

fn rows<'a>(json: &'a Value, table: &str, family: &str) -> Vec<&'a Value> {
    let key = if table == "kl" { "p" } else { "family" };
    let rows: Vec<&Value> = json[table].as_array().unwrap().iter().filter(|row| row[key] == family).collect();
    assert!(!rows.is_empty(), "no reference rows for {family} in {table}");
    rows
}

fn filled(value: &Value, n: usize) -> Tensor<1> {
    tensor(&vec![value.as_f64().unwrap(); n], [n], &f64_device())
}

fn normal(params: &Value, n: usize) -> Normal<1> {
    Normal::new(filled(&params["loc"], n), filled(&params["scale"], n)).unwrap().validated().unwrap()
}

fn bernoulli(params: &Value, n: usize) -> Bernoulli<1> {
    Bernoulli::from_logits(filled(&params["logits"], n)).validated().unwrap()
}

fn categorical(params: &Value) -> Categorical<2> {
    let logits = numbers(&params["logits"]);
    Categorical::from_logits(tensor(&logits, [1, logits.len()], &f64_device())).validated().unwrap()
}

/// log_prob, entropy, mean and variance of one reference row.
fn check_row<D: Distribution<1, Value = Tensor<1>> + Entropy<1> + Moments<1>>(
    row: &Value,
    make: impl Fn(&Value, usize) -> D,
) {
    let x = numbers(&row["x"]);
    let d = make(&row["params"], x.len());
    let log_prob = values(d.log_prob(tensor(&x, [x.len()], &f64_device())));
    assert_close(&log_prob, &numbers(&row["log_prob"]), RTOL, ATOL, &format!("log_prob of {row}"));
    let d = make(&row["params"], 1);
    for (name, got) in [("entropy", d.entropy()), ("mean", d.mean()), ("variance", d.variance())] {
        assert_close(&values(got), &numbers(&row[name]), RTOL, ATOL, &format!("{name} of {row}"));
    }
}

#[test]
fn normal_matches_pytorch() {
    let json = reference("distributions");
    rows(&json, "univariate", "Normal").into_iter().for_each(|row| check_row(row, normal));
    let same: Vec<&Value> = rows(&json, "kl", "Normal").into_iter().filter(|row| row["q"] == "Normal").collect();
    assert!(!same.is_empty());
    for row in same {
        let kl = kl_divergence(&normal(&row["p_params"], 1), &normal(&row["q_params"], 1));
        assert_close(&values(kl), &numbers(&row["kl"]), RTOL, ATOL, &format!("{row}"));
    }
}

#[test]
fn bernoulli_matches_pytorch() {
    let json = reference("distributions");
    rows(&json, "univariate", "Bernoulli").into_iter().for_each(|row| check_row(row, bernoulli));
    for row in rows(&json, "kl", "Bernoulli") {
        let kl = kl_divergence(&bernoulli(&row["p_params"], 1), &bernoulli(&row["q_params"], 1));
        assert_close(&values(kl), &numbers(&row["kl"]), RTOL, ATOL, &format!("{row}"));
    }
}

#[test]
fn categorical_matches_pytorch() {
    let json = reference("distributions");
    for row in rows(&json, "multivariate", "Categorical") {
        let d = categorical(&row["params"]);
        let classes = numbers(&row["x"]);
        let log_probs: Vec<f64> = classes
            .iter()
            .flat_map(|&k| {
                values(d.log_prob(Tensor::from_data(TensorData::new(vec![k as i64], [1, 1]), &f64_device())))
            })
            .collect();
        assert_close(&log_probs, &numbers(&row["log_prob"]), RTOL, ATOL, "log_prob");
        assert_close(&values(d.entropy()), &numbers(&row["entropy"]), RTOL, ATOL, "entropy");
        let kl = kl_divergence(&d, &categorical(&serde_json::json!({ "logits": row["q_params"]["logits"] })));
        assert_close(&values(kl), &numbers(&row["kl"]), RTOL, ATOL, "kl");
        assert_close(&[values(d.mean()).iter().sum()], &[1.0], RTOL, 0.0, "Σ p");
    }
}

#[test]
fn kl_to_standard_is_the_divergence_from_the_standard_normal() {
    let d = Normal::new(tensor(&[-1.5, 0.0, 0.3], [3], &f64_device()), tensor(&[0.2, 1.0, 2.5], [3], &f64_device()))
        .unwrap();
    let general = values(kl_divergence(&d, &Normal::standard([3], &f64_device())));
    assert_close(&values(d.kl_to_standard()), &general, RTOL, ATOL, "KL to N(0, 1)");
}

#[test]
fn densities_and_masses_sum_to_one() {
    let device = f64_device();
    // The trapezoid rule is exact to rounding for a Gaussian over ±12 standard deviations.
    let (n, loc, scale) = (4001, 0.7, 0.4);
    let step = 24.0 * scale / (n - 1) as f64;
    let x: Vec<f64> = (0..n).map(|i| loc - 12.0 * scale + step * i as f64).collect();
    let d = Normal::new(Tensor::full([n], loc, &device), Tensor::full([n], scale, &device)).unwrap();
    let integral = values((d.log_prob(tensor(&x, [n], &device)).exp() * step).sum());
    assert_close(&integral, &[1.0], 1e-12, 0.0, "∫ p dx");
    for logit in [-700.0, -3.0, 0.0, 20.0] {
        let d = Bernoulli::from_logits(tensor(&[logit; 2], [2], &device));
        let mass = values(d.log_prob(tensor(&[0.0, 1.0], [2], &device)).exp().sum());
        assert_close(&mass, &[1.0], 1e-14, 0.0, "Σ p");
    }
}

#[test]
fn gradients_agree_with_differences() {
    let half = |x: &Tensor<1>, i: usize| x.clone().narrow(0, 2 * i, 2);
    let at = [0.3, -1.2, 0.8, 1.7, -0.4, 0.9];
    check_gradient(
        |x| Normal::new(half(&x, 0), half(&x, 1)).unwrap().log_prob(half(&x, 2)).sum(),
        &at,
        1e-8,
        "Normal log_prob in loc, scale, value",
    );
    let kl = |x: Tensor<1>| {
        let p = Normal::new(half(&x, 0), half(&x, 1)).unwrap();
        kl_divergence(&p, &Normal::from_log_scale(half(&x, 2), half(&x, 0)).unwrap()).sum()
    };
    check_gradient(kl, &at, 1e-8, "Normal KL");
    check_gradient(
        |x| Normal::from_log_variance(half(&x, 0), half(&x, 1)).unwrap().kl_to_standard().sum(),
        &at[..4],
        1e-8,
        "KL to standard",
    );
    let noise = |x: &Tensor<1>| tensor(&[0.5, -2.0], [2], &x.device());
    check_gradient(
        |x| Normal::new(half(&x, 0), half(&x, 1)).unwrap().rsample_from_noise(noise(&x)).square().sum(),
        &at[..4],
        1e-8,
        "pathwise gradient",
    );
    let targets = |x: &Tensor<1>| tensor(&[1.0, 0.0, 0.25, 1.0, 0.0], [5], &x.device());
    // Zero is the point at which a careless softplus has the wrong derivative.
    let logits = [0.0, 0.0, 0.0, -2.3, 31.0];
    check_gradient(
        |x| Bernoulli::from_logits(x.clone()).log_prob(targets(&x)).sum(),
        &logits,
        1e-8,
        "Bernoulli log_prob",
    );
    check_gradient(
        |x| kl_divergence(&Bernoulli::from_logits(half(&x, 0)), &Bernoulli::from_logits(half(&x, 1))).sum(),
        &at[..4],
        1e-8,
        "Bernoulli KL",
    );
    let rows = |x: Tensor<1>| Categorical::from_logits(x.reshape([2, 3]));
    let classes = |x: &Tensor<1>| Tensor::<2, Int>::from_data([[2], [0]], &x.device());
    check_gradient(|x| rows(x.clone()).log_prob(classes(&x)).sum(), &at, 1e-8, "Categorical log_prob");
    check_gradient(|x| rows(x).entropy().sum(), &at, 1e-8, "Categorical entropy");
}

#[test]
fn extreme_logits_stay_finite_and_keep_the_tail() {
    let device = f64_device().autodiff();
    let logits = tensor::<1>(&[1e4, -1e4, 40.0, -40.0], [4], &device).require_grad();
    let log_prob = Bernoulli::from_logits(logits.clone()).log_prob(tensor(&[1.0, 0.0, 1.0, 0.0], [4], &device));
    let gradient = values(logits.grad(&log_prob.clone().sum().backward()).unwrap());
    // ln σ(40) = −ln(1 + e^−40) = −4.248354255291589e-18.
    assert_close(&values(log_prob), &[0.0, 0.0, -4.248354255291589e-18, -4.248354255291589e-18], 1e-12, 0.0, "ln p");
    // Terms of order 1 cancel in the derivative: their rounding is what is left.
    assert_close(&gradient, &[0.0, 0.0, 4.2e-18, -4.2e-18], 0.0, 2e-16, "gradient");
}

#[test]
fn samples_follow_the_distribution() {
    let device = f64_device();
    let n = 100_000;
    let mut stream = Stream::new(5, "test", 0, 0);
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;

    let normal = Normal::new(Tensor::<1>::full([n], 2.0, &device), Tensor::full([n], 0.5, &device)).unwrap();
    let x = values(normal.sample(&mut stream));
    let squares: Vec<f64> = x.iter().map(|x| (x - 2.0).powi(2)).collect();
    // Five standard errors: σ/√n for the mean, √2σ²/√n for the variance.
    assert_close(&[mean(&x)], &[2.0], 0.0, 5.0 * 0.5 / (n as f64).sqrt(), "mean");
    assert_close(&[mean(&squares)], &[0.25], 0.0, 5.0 * 2f64.sqrt() * 0.25 / (n as f64).sqrt(), "variance");

    let p: f64 = 0.2;
    let bernoulli = Bernoulli::from_probs(Tensor::<1>::full([n], p, &device));
    let x = values(bernoulli.sample(&mut stream));
    assert!(x.iter().all(|x| x.to_bits() == 0 || x.to_bits() == 1f64.to_bits()), "a draw is 0 or 1");
    assert_close(&[mean(&x)], &[p], 0.0, 5.0 * (p * (1.0 - p) / n as f64).sqrt(), "mean");

    let logits = [0.0, 1.0, -1.0, 0.5];
    let categorical = Categorical::from_logits(tensor::<2>(&logits, [1, 4], &device).repeat_dim(0, n));
    let classes: Vec<i64> = categorical.sample(&mut stream).try_into_vec_as().unwrap();
    let probs = values(categorical.probs().narrow(0, 0, 1));
    let chi_square: f64 = (0..4)
        .map(|k| {
            let (seen, expected) = (classes.iter().filter(|&&c| c == k as i64).count() as f64, probs[k] * n as f64);
            (seen - expected).powi(2) / expected
        })
        .sum();
    assert!(chi_square < 16.27, "χ² = {chi_square}; 16.27 is the 0.1% point at 3 degrees of freedom");
}

#[test]
fn equal_streams_give_equal_draws_and_no_gradient_flows() {
    let device = f64_device().autodiff();
    let loc = Tensor::<1>::zeros([3], &device).require_grad();
    let d = Normal::new(loc.clone(), loc.ones_like()).unwrap();
    let draw = |seed| d.sample(&mut Stream::new(seed, "x", 0, 0));
    assert_eq!(values(draw(1)), values(draw(1)));
    assert_ne!(values(draw(1)), values(draw(2)));
    let gradients = (draw(1).sum() + loc.clone().sum() * 0.0).backward();
    assert_close(&values(loc.grad(&gradients).unwrap()), &[0.0; 3], 0.0, 0.0, "no path through sample");
    let gradients = d.rsample(&mut Stream::new(1, "x", 0, 0)).sum().backward();
    assert_close(&values(loc.grad(&gradients).unwrap()), &[1.0; 3], 0.0, 0.0, "a path through rsample");
}

#[test]
fn bad_parameters_are_named() {
    let device = f64_device();
    let message = Normal::<1>::new(Tensor::zeros([2], &device), Tensor::ones([3], &device)).unwrap_err().to_string();
    assert_eq!(message, "`loc` has shape [2] but `scale` has shape [3]; sizes must be equal, or 1 to broadcast");
    let d = Normal::<1>::new(Tensor::zeros([2], &device), tensor(&[1.0, -0.5], [2], &device)).unwrap();
    assert_eq!(
        d.validated().unwrap_err().to_string(),
        "`scale` must be finite and positive, but is -0.5 at position 1 (row-major)"
    );
    assert!(Bernoulli::<1>::from_logits(tensor(&[f64::NAN], [1], &device)).validated().is_err());
    assert!(Categorical::<1>::from_logits(tensor(&[0.0, f64::INFINITY], [2], &device)).validated().is_err());
}

#[test]
fn per_example_sums_keep_the_first_axis() {
    let x = tensor::<3>(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [2, 2, 2], &f64_device());
    assert_close(&values(sum_per_example(x)), &[10.0, 26.0], 0.0, 0.0, "sums");
}
