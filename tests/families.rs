//! Every family of distributions against PyTorch, SciPy and mpmath in float64, and against the laws of probability.

use kiln::{
    burn::tensor::{DType, TensorData},
    dist::{
        Beta, Binomial, Cauchy, Dirichlet, Exponential, Gamma, Geometric, Gumbel, HalfNormal, InverseGamma, Laplace,
        LogNormal, LowRankMultivariateNormal, MultivariateNormal, NegativeBinomial, Poisson, StudentT, Uniform,
        Weibull, kl_monte_carlo,
    },
    prelude::*,
};
use kiln_testkit::{assert_close, check_gradient, f64_device, numbers, reference, tensor, values};
use serde_json::{Value, json};

/// Relative; and for expected values near zero, where terms of order 1 cancel, some units in their last place.
const RTOL: f64 = 1e-10;
const ATOL: f64 = 4e-15;

/// A family of real numbers or counts, whatever its type.
mod any {
    use kiln::prelude::*;

    trait Family {
        fn log_prob(&self, x: Tensor<1>) -> Tensor<1>;
        fn cdf(&self, x: Tensor<1>) -> Tensor<1>;
        fn mean(&self) -> Tensor<1>;
        fn variance(&self) -> Tensor<1>;
        fn entropy(&self) -> Tensor<1>;
        fn sample(&self, stream: &mut Stream) -> Tensor<1>;
    }

    impl<P: Distribution<1, Value = Tensor<1>> + Moments<1> + Entropy<1> + Cdf<1>> Family for P {
        fn log_prob(&self, x: Tensor<1>) -> Tensor<1> {
            Distribution::log_prob(self, x)
        }
        fn cdf(&self, x: Tensor<1>) -> Tensor<1> {
            Cdf::cdf(self, x)
        }
        fn mean(&self) -> Tensor<1> {
            Moments::mean(self)
        }
        fn variance(&self) -> Tensor<1> {
            Moments::variance(self)
        }
        fn entropy(&self) -> Tensor<1> {
            Entropy::entropy(self)
        }
        fn sample(&self, stream: &mut Stream) -> Tensor<1> {
            Distribution::sample(self, stream)
        }
    }

    pub(crate) struct Any(Box<dyn Family>);

    impl Any {
        pub(crate) fn new<P>(p: P) -> Self
        where
            P: Distribution<1, Value = Tensor<1>> + Moments<1> + Entropy<1> + Cdf<1> + 'static,
        {
            Self(Box::new(p))
        }
        pub(crate) fn log_prob(&self, x: Tensor<1>) -> Tensor<1> {
            self.0.log_prob(x)
        }
        pub(crate) fn cdf(&self, x: Tensor<1>) -> Tensor<1> {
            self.0.cdf(x)
        }
        pub(crate) fn mean(&self) -> Tensor<1> {
            self.0.mean()
        }
        pub(crate) fn variance(&self) -> Tensor<1> {
            self.0.variance()
        }
        pub(crate) fn entropy(&self) -> Tensor<1> {
            self.0.entropy()
        }
        pub(crate) fn sample(&self, stream: &mut Stream) -> Tensor<1> {
            self.0.sample(stream)
        }
    }
}

fn vector(numbers: &[f64]) -> Tensor<1> {
    tensor(numbers, [numbers.len()], &f64_device())
}

/// Where numbers are, and in which float type.
#[derive(Clone, Debug)]
struct Place(Device, DType);

impl Place {
    fn f64() -> Self {
        Self(f64_device(), DType::F64)
    }

    fn vector(&self, numbers: &[f64]) -> Tensor<1> {
        Tensor::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), (&self.0, self.1))
    }
}

/// A row's parameter, as often as there are values.
#[derive(Clone, Copy)]
struct Parameters<'a>(&'a Value, usize, &'a Place);

impl Parameters<'_> {
    fn get(&self, name: &str) -> Tensor<1> {
        self.2.vector(&vec![self.0[name].as_f64().unwrap_or_else(|| panic!("no {name} in {}", self.0)); self.1])
    }
}

/// Makes a family of two parameters, or one.
macro_rules! make {
    ($family:ident, $p:expr, $($name:literal),+) => {
        $family::new($($p.get($name)),+).unwrap().validated().unwrap()
    };
}

fn family(name: &str, p: Parameters<'_>) -> any::Any {
    match name {
        "Normal" => any::Any::new(make!(Normal, p, "loc", "scale")),
        "LogNormal" => any::Any::new(make!(LogNormal, p, "loc", "scale")),
        "Laplace" => any::Any::new(make!(Laplace, p, "loc", "scale")),
        "Cauchy" => any::Any::new(make!(Cauchy, p, "loc", "scale")),
        "Gumbel" => any::Any::new(make!(Gumbel, p, "loc", "scale")),
        "Exponential" => any::Any::new(make!(Exponential, p, "rate")),
        "Gamma" => any::Any::new(make!(Gamma, p, "concentration", "rate")),
        "Beta" => any::Any::new(make!(Beta, p, "concentration1", "concentration0")),
        "HalfNormal" => any::Any::new(make!(HalfNormal, p, "scale")),
        "Uniform" => any::Any::new(make!(Uniform, p, "low", "high")),
        "Geometric" => any::Any::new(make!(Geometric, p, "probs")),
        "Poisson" => any::Any::new(make!(Poisson, p, "rate")),
        "Weibull" => any::Any::new(make!(Weibull, p, "scale", "concentration")),
        "InverseGamma" => any::Any::new(make!(InverseGamma, p, "concentration", "scale")),
        "Binomial" => any::Any::new(make!(Binomial, p, "total_count", "logits")),
        "NegativeBinomial" => any::Any::new(make!(NegativeBinomial, p, "total_count", "logits")),
        "StudentT" => any::Any::new(make!(StudentT, p, "df", "loc", "scale")),
        other => panic!("no family {other}"),
    }
}

/// All rows of both files but Bernoulli's, which has no distribution function, and is tested in `distributions.rs`.
fn rows() -> Vec<Value> {
    let of = |file: &str| reference(file)["univariate"].as_array().unwrap().clone();
    let all = of("distributions").into_iter().chain(of("families"));
    all.filter(|row| row["family"] != "Bernoulli").collect()
}

/// Within `rtol` of the value, logarithms (whose error is a relative one of what they are of) within `rtol` of 1 where they are smaller, and all within
/// `atol`.
fn check_rows(place: &Place, rtol: f64, atol: f64) {
    let of_logarithms = atol.max(if place.1 == DType::F64 { atol } else { rtol });
    let dtype = place.1;
    for row in rows() {
        let name = row["family"].as_str().unwrap();
        let what = |quantity: &str| format!("{quantity} of {row} on {place:?}");
        let x = numbers(&row["x"]);
        let d = family(name, Parameters(&row["params"], x.len(), place));
        let at = place.vector(&x);
        assert_close(
            &values(d.log_prob(at.clone())),
            &numbers(&row["log_prob"]),
            rtol,
            of_logarithms,
            &what("log_prob"),
        );
        if !row["cdf"].is_null() {
            assert_close(&values(d.cdf(at)), &numbers(&row["cdf"]), rtol, atol, &what("cdf"));
        }
        let d = family(name, Parameters(&row["params"], 1, place));
        for (quantity, got) in [("mean", d.mean()), ("variance", d.variance()), ("entropy", d.entropy())] {
            assert_eq!(got.dtype(), dtype);
            let got = values(got)[0];
            match row[quantity].as_f64() {
                Some(expected) => {
                    let atol = if quantity == "entropy" { of_logarithms } else { atol };
                    assert_close(&[got], &[expected], rtol, atol, &what(quantity));
                }
                // A mean or a variance that does not exist, or is infinite, is no JSON number; PyTorch has no entropy of counts.
                None => assert!(!got.is_finite() || quantity == "entropy", "{}: {got}", what(quantity)),
            }
        }
    }
}

#[test]
fn every_row_of_the_references() {
    check_rows(&Place::f64(), RTOL, ATOL);
}

#[test]
fn every_row_of_the_references_in_f32() {
    check_rows(&Place(f64_device(), DType::F32), 1e-5, 1e-30);
}

/// The same table in f32 where wgpu finds an adapter; with `KILN_EXPECT_ADAPTER` set, not to find one is a failure.
#[cfg(feature = "wgpu")]
#[test]
fn every_row_of_the_references_on_a_gpu() {
    use kiln::tensor::device::{Backend, available};
    let Some(info) = available().into_iter().find(|info| info.backend == Backend::Wgpu) else {
        assert!(std::env::var_os("KILN_EXPECT_ADAPTER").is_none(), "wgpu finds no adapter on this machine");
        return eprintln!("skipped: wgpu finds no adapter on this machine");
    };
    eprintln!("on {} ({})", info.name, info.description);
    // A GPU's logarithm and power are not exact to the last place.
    check_rows(&Place(info.device(), DType::F32), 2e-4, 1e-3);
}

fn divergence(row: &Value) -> Tensor<1> {
    let place = Place::f64();
    let (p, q) = (Parameters(&row["p_params"], 1, &place), Parameters(&row["q_params"], 1, &place));
    macro_rules! kl {
        ($f:ident($($a:literal),+), $g:ident($($b:literal),+)) => {
            kl_divergence(&make!($f, p, $($a),+), &make!($g, q, $($b),+))
        };
    }
    match (row["p"].as_str().unwrap(), row["q"].as_str().unwrap()) {
        ("Normal", "Normal") => kl!(Normal("loc", "scale"), Normal("loc", "scale")),
        ("LogNormal", "LogNormal") => kl!(LogNormal("loc", "scale"), LogNormal("loc", "scale")),
        ("Laplace", "Laplace") => kl!(Laplace("loc", "scale"), Laplace("loc", "scale")),
        ("Cauchy", "Cauchy") => kl!(Cauchy("loc", "scale"), Cauchy("loc", "scale")),
        ("Gumbel", "Gumbel") => kl!(Gumbel("loc", "scale"), Gumbel("loc", "scale")),
        ("Exponential", "Exponential") => kl!(Exponential("rate"), Exponential("rate")),
        ("Gamma", "Gamma") => kl!(Gamma("concentration", "rate"), Gamma("concentration", "rate")),
        ("Beta", "Beta") => {
            kl!(Beta("concentration1", "concentration0"), Beta("concentration1", "concentration0"))
        }
        ("HalfNormal", "HalfNormal") => kl!(HalfNormal("scale"), HalfNormal("scale")),
        ("Uniform", "Uniform") => kl!(Uniform("low", "high"), Uniform("low", "high")),
        ("Geometric", "Geometric") => kl!(Geometric("probs"), Geometric("probs")),
        ("Poisson", "Poisson") => kl!(Poisson("rate"), Poisson("rate")),
        ("Weibull", "Weibull") => kl!(Weibull("scale", "concentration"), Weibull("scale", "concentration")),
        ("InverseGamma", "InverseGamma") => {
            kl!(InverseGamma("concentration", "scale"), InverseGamma("concentration", "scale"))
        }
        ("Binomial", "Binomial") => kl!(Binomial("total_count", "logits"), Binomial("total_count", "logits")),
        ("NegativeBinomial", "NegativeBinomial") => {
            kl!(NegativeBinomial("total_count", "logits"), NegativeBinomial("total_count", "logits"))
        }
        ("Normal", "Laplace") => kl!(Normal("loc", "scale"), Laplace("loc", "scale")),
        ("Exponential", "Gamma") => kl!(Exponential("rate"), Gamma("concentration", "rate")),
        ("Gamma", "Exponential") => kl!(Gamma("concentration", "rate"), Exponential("rate")),
        ("Laplace", "Normal") => kl!(Laplace("loc", "scale"), Normal("loc", "scale")),
        ("LogNormal", "Normal") => kl!(LogNormal("loc", "scale"), Normal("loc", "scale")),
        ("HalfNormal", "Normal") => kl!(HalfNormal("scale"), Normal("loc", "scale")),
        ("StudentT", "Normal") => kl!(StudentT("df", "loc", "scale"), Normal("loc", "scale")),
        ("Uniform", "Normal") => kl!(Uniform("low", "high"), Normal("loc", "scale")),
        ("Gumbel", "Normal") => kl!(Gumbel("loc", "scale"), Normal("loc", "scale")),
        ("Exponential", "Normal") => kl!(Exponential("rate"), Normal("loc", "scale")),
        ("Beta", "Normal") => kl!(Beta("concentration1", "concentration0"), Normal("loc", "scale")),
        ("Gamma", "Normal") => kl!(Gamma("concentration", "rate"), Normal("loc", "scale")),
        ("Weibull", "Normal") => kl!(Weibull("scale", "concentration"), Normal("loc", "scale")),
        ("InverseGamma", "Normal") => kl!(InverseGamma("concentration", "scale"), Normal("loc", "scale")),
        other => panic!("no pair {other:?}"),
    }
}

#[test]
fn every_divergence_of_the_references() {
    let of = |file: &str| reference(file)["kl"].as_array().unwrap().clone();
    for row in of("distributions").into_iter().chain(of("families")).filter(|row| row["p"] != "Bernoulli") {
        let kl = values(divergence(&row));
        match row["kl"].as_f64() {
            Some(expected) => assert_close(&kl, &[expected], RTOL, ATOL, &row.to_string()),
            None => assert_eq!(kl, [f64::INFINITY], "{row}"),
        }
    }
}

#[test]
fn distributions_of_vectors_match_pytorch_and_scipy() {
    let device = f64_device();
    let json = reference("distributions");
    let row = |family: &str| {
        let rows = json["multivariate"].as_array().unwrap();
        rows.iter().find(|row| row["family"] == family).unwrap().clone()
    };
    let dirichlet = row("Dirichlet");
    let of = |params: &Value| {
        let concentration = numbers(&params["concentration"]);
        Dirichlet::new(tensor::<2>(&concentration, [1, concentration.len()], &device)).validated().unwrap()
    };
    let (p, q) = (of(&dirichlet["params"]), of(&dirichlet["q_params"]));
    let x = tensor::<2>(&numbers(&dirichlet["x"]), [3, 4], &device);
    assert_close(&values(p.log_prob(x)), &numbers(&dirichlet["log_prob"]), RTOL, ATOL, "Dirichlet");
    assert_close(&values(p.entropy()), &numbers(&dirichlet["entropy"]), RTOL, ATOL, "its entropy");
    assert_close(&values(kl_divergence(&p, &q)), &numbers(&dirichlet["kl"]), RTOL, ATOL, "its KL");
    assert_close(&values(p.mean().sum()), &[1.0], 1e-15, 0.0, "its mean");

    let normal = row("MultivariateNormal");
    let of = |params: &Value| {
        let (loc, covariance) = (numbers(&params["loc"]), numbers(&params["covariance"]));
        let covariance = tensor::<3>(&covariance, [1, 3, 3], &device);
        MultivariateNormal::from_covariance(tensor(&loc, [1, 3], &device), covariance).unwrap().validated().unwrap()
    };
    let (p, q) = (of(&normal["params"]), of(&normal["q_params"]));
    let batch = |d: &MultivariateNormal| MultivariateNormal::new(d.loc().repeat_dim(0, 3), d.scale_tril()).unwrap();
    let x = tensor::<2>(&numbers(&normal["x"]), [3, 3], &device);
    assert_close(&values(batch(&p).log_prob(x)), &numbers(&normal["log_prob"]), RTOL, ATOL, "normal");
    assert_close(&values(p.entropy()), &numbers(&normal["entropy"]), RTOL, ATOL, "its entropy");
    assert_close(&values(kl_divergence(&p, &q)), &numbers(&normal["kl"]), RTOL, ATOL, "its KL");
    assert_close(&values(p.covariance()), &numbers(&normal["params"]["covariance"]), 1e-14, 1e-15, "its covariance");
    let diagonal: Vec<f64> = numbers(&normal["params"]["covariance"]).into_iter().step_by(4).collect();
    assert_close(&values(p.variance()), &diagonal, 1e-14, 0.0, "its variance");

    let row = &reference("families")["low_rank"];
    let get = |name: &str| tensor::<2>(&numbers(&row[name]), [1, 4], &device).repeat_dim(0, 3);
    let factor = tensor::<3>(&numbers(&row["factor"]), [1, 4, 2], &device).repeat_dim(0, 3);
    let d = LowRankMultivariateNormal::new(get("loc"), factor, get("diagonal")).unwrap().validated().unwrap();
    let x = tensor::<2>(&numbers(&row["x"]), [3, 4], &device);
    assert_close(&values(d.log_prob(x.clone())), &numbers(&row["log_prob"]), RTOL, ATOL, "low rank");
    assert_close(&values(d.entropy())[..1], &numbers(&row["entropy"]), RTOL, ATOL, "its entropy");
    let whole = MultivariateNormal::from_covariance(d.loc(), d.covariance()).unwrap();
    assert_close(&values(d.variance()), &values(whole.variance()), 1e-14, 0.0, "its variance");
    assert_close(
        &values(whole.log_prob(x)),
        &numbers(&row["log_prob"]),
        RTOL,
        ATOL,
        "the same with all of its covariance",
    );
}

/// Five parameters of each family that has two or fewer, for laws that need no reference.
fn examples() -> Vec<(&'static str, Value)> {
    vec![
        ("LogNormal", json!({"loc": 0.3, "scale": 0.5})),
        ("Laplace", json!({"loc": -0.4, "scale": 1.3})),
        ("Cauchy", json!({"loc": 0.2, "scale": 0.7})),
        ("Gumbel", json!({"loc": 0.5, "scale": 1.2})),
        ("Exponential", json!({"rate": 1.7})),
        ("Gamma", json!({"concentration": 2.4, "rate": 1.3})),
        ("Gamma", json!({"concentration": 0.6, "rate": 1.3})),
        ("Beta", json!({"concentration1": 2.2, "concentration0": 3.1})),
        ("Beta", json!({"concentration1": 0.7, "concentration0": 1.6})),
        ("HalfNormal", json!({"scale": 1.4})),
        ("Uniform", json!({"low": -1.0, "high": 2.5})),
        ("Weibull", json!({"scale": 1.3, "concentration": 1.8})),
        ("InverseGamma", json!({"concentration": 3.2, "scale": 1.9})),
        ("StudentT", json!({"df": 5.5, "loc": 0.3, "scale": 0.8})),
        ("Normal", json!({"loc": 0.3, "scale": 0.8})),
        ("Geometric", json!({"probs": 0.35})),
        ("Poisson", json!({"rate": 3.4})),
        ("Binomial", json!({"total_count": 9.0, "logits": 0.3})),
        ("NegativeBinomial", json!({"total_count": 2.6, "logits": 0.2})),
    ]
}

fn is_discrete(name: &str) -> bool {
    ["Geometric", "Poisson", "Binomial", "NegativeBinomial"].contains(&name)
}

/// The distribution function is the integral of the density, which is 1 in all: between two points, by Gauss and Legendre's rule of
/// five points in each of many intervals; of counts by sums.
#[test]
fn densities_are_the_derivatives_of_distribution_functions() {
    const NODES: [(f64, f64); 5] = [
        (0.0, 0.568_888_888_888_888_9),
        (0.538_469_310_105_683, 0.478_628_670_499_366_47),
        (-0.538_469_310_105_683, 0.478_628_670_499_366_47),
        (0.906_179_845_938_664, 0.236_926_885_056_189_1),
        (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
    ];
    for (name, params) in examples() {
        if is_discrete(name) {
            let x: Vec<f64> = (0..40).map(f64::from).collect();
            let d = family(name, Parameters(&params, x.len(), &Place::f64()));
            let (p, cdf) = (values(d.log_prob(vector(&x)).exp()), values(d.cdf(vector(&x))));
            let mut sum = 0.0;
            for (p, cdf) in p.iter().zip(&cdf) {
                sum += p;
                assert_close(&[*cdf], &[sum], 1e-12, 0.0, &format!("{name} {params}"));
            }
            let between = values(d.log_prob(vector(&[1.5; 40])));
            assert!(between.iter().all(|p| *p == f64::NEG_INFINITY), "{name}: between counts there is nothing");
            continue;
        }
        // From 0.05 to 0.95, where all are smooth but for Laplace's point and for ends.
        let (low, high, pieces) = (0.05, 0.95, 400usize);
        let half = (high - low) / pieces as f64 / 2.0;
        let points = |i: usize| NODES.map(|(node, weight)| (low + half * (2.0 * i as f64 + 1.0 + node), weight * half));
        let (x, weights): (Vec<f64>, Vec<f64>) = (0..pieces).flat_map(points).unzip();
        let d = family(name, Parameters(&params, x.len(), &Place::f64()));
        let densities = values(d.log_prob(vector(&x)).exp());
        let integral: f64 = densities.iter().zip(&weights).map(|(p, w)| p * w).sum();
        let ends = family(name, Parameters(&params, 2, &Place::f64()));
        let cdf = values(ends.cdf(vector(&[low, high])));
        assert_close(&[integral], &[cdf[1] - cdf[0]], 1e-9, 0.0, &format!("{name} {params}"));
        let far = values(ends.cdf(vector(&[-1e12, 1e12])));
        assert_close(&far, &[0.0, 1.0], 0.0, 1e-9, &format!("{name}: the ends"));
    }
}

/// A million draws of each: the mean and the variance within five standard errors, and Kolmogorov and Smirnov's distance from the
/// distribution function below its 0.1% point, 1.95/√n, which for counts is on the safe side.
#[test]
fn draws_follow_the_distribution() {
    let n = 1_000_000usize;
    for (index, (name, params)) in examples().into_iter().enumerate() {
        let d = family(name, Parameters(&params, n, &Place::f64()));
        let mut x = values(d.sample(&mut Stream::new(7, "draws", index as u64, 0)));
        let (mean, variance) = (values(d.mean())[0], values(d.variance())[0]);
        if name != "Cauchy" {
            let average = x.iter().sum::<f64>() / n as f64;
            assert_close(
                &[average],
                &[mean],
                0.0,
                5.0 * (variance / n as f64).sqrt(),
                &format!("mean of {name} {params}"),
            );
            let squares: Vec<f64> = x.iter().map(|x| (x - mean).powi(2)).collect();
            let spread = squares.iter().sum::<f64>() / n as f64;
            let fourth = squares.iter().map(|s| (s - spread).powi(2)).sum::<f64>() / n as f64;
            let error = 5.0 * (fourth / n as f64).sqrt();
            assert_close(&[spread], &[variance], 0.0, error, &format!("variance of {name} {params}"));
        }
        x.sort_by(f64::total_cmp);
        let cdf = values(d.cdf(vector(&x)));
        let distance = if is_discrete(name) {
            // After the last of equal draws.
            (0..n)
                .filter(|&i| i + 1 == n || x[i + 1] > x[i])
                .map(|i| (cdf[i] - (i + 1) as f64 / n as f64).abs())
                .fold(0.0, f64::max)
        } else {
            (0..n)
                .map(|i| (cdf[i] - i as f64 / n as f64).abs().max((cdf[i] - (i + 1) as f64 / n as f64).abs()))
                .fold(0.0, f64::max)
        };
        assert!(distance < 1.95 / (n as f64).sqrt(), "{name} {params}: {distance}");
    }
}

/// The derivative of a density in each of its parameters and in its value, and of entropies and divergences, against differences.
#[test]
fn gradients_agree_with_differences() {
    macro_rules! two {
        ($family:ident, $a:expr, $b:expr, $value:expr) => {{
            let name = stringify!($family);
            let d = |x: &Tensor<1>| $family::new(x.clone().narrow(0, 0, 1), x.clone().narrow(0, 1, 1)).unwrap();
            let log_prob = |x: Tensor<1>| d(&x).log_prob(x.clone().narrow(0, 2, 1));
            check_gradient(log_prob, &[$a, $b, $value], 1e-7, &format!("{name} log_prob"));
            check_gradient(|x| d(&x).entropy(), &[$a, $b], 1e-7, &format!("{name} entropy"));
            check_gradient(|x| d(&x).cdf(x.clone().narrow(0, 2, 1)), &[$a, $b, $value], 1e-7, &format!("{name} cdf"));
        }};
    }
    two!(Normal, 0.3, 0.8, 0.5);
    two!(LogNormal, 0.3, 0.8, 0.5);
    two!(Laplace, 0.3, 0.8, 0.5);
    two!(Cauchy, 0.3, 0.8, -2.5);
    two!(Gumbel, 0.3, 0.8, 0.5);
    two!(Gamma, 2.3, 0.8, 0.5);
    two!(Beta, 2.3, 0.8, 0.4);
    two!(Weibull, 2.3, 0.8, 0.4);
    two!(InverseGamma, 2.3, 0.8, 0.4);
    macro_rules! pair {
        ($p:ident, $q:ident, $at:expr) => {
            check_gradient(
                |x: Tensor<1>| {
                    let get = |i: usize| x.clone().narrow(0, i, 1);
                    kl_divergence(&$p::new(get(0), get(1)).unwrap(), &$q::new(get(2), get(3)).unwrap())
                },
                &$at,
                1e-7,
                concat!(stringify!($p), " to ", stringify!($q)),
            );
        };
    }
    pair!(Gamma, Gamma, [2.3, 0.8, 1.2, 1.9]);
    pair!(Beta, Beta, [2.3, 0.8, 1.2, 1.9]);
    pair!(Weibull, Weibull, [2.3, 0.8, 1.2, 1.9]);
    pair!(Gumbel, Gumbel, [0.3, 0.8, -0.2, 1.9]);
    pair!(Gumbel, Normal, [0.3, 0.8, -0.2, 1.9]);
    pair!(Beta, Normal, [2.3, 0.8, -0.2, 1.9]);
    pair!(Normal, Laplace, [0.3, 0.8, -0.2, 1.9]);
    // Of counts in their parameters, whose sums have derivatives of their own.
    let single = |x: &Tensor<1>, i: usize| x.clone().narrow(0, i, 1);
    check_gradient(|x| Poisson::new(x).unwrap().entropy(), &[3.4], 1e-7, "Poisson entropy");
    check_gradient(
        |x| NegativeBinomial::new(single(&x, 0), single(&x, 1)).unwrap().entropy(),
        &[2.3, 0.4],
        1e-7,
        "NegativeBinomial entropy",
    );
    check_gradient(|x| Binomial::new(x.full_like(9.0), x).unwrap().entropy(), &[0.4], 1e-7, "Binomial entropy");
    let matrix = |x: &Tensor<1>| {
        let lower = x.clone().narrow(0, 0, 9).reshape([1, 3, 3]);
        lower.clone().matmul(lower.transpose())
    };
    let at = [1.0, 0.2, -0.3, 0.5, 1.4, 0.1, -0.4, 0.6, 0.9, 0.3, -0.2, 0.8];
    let normal = |x: &Tensor<1>| {
        MultivariateNormal::from_covariance(x.clone().narrow(0, 9, 3).reshape([1, 3]), matrix(x)).unwrap()
    };
    check_gradient(|x| normal(&x).log_prob(x.zeros_like().narrow(0, 0, 3).reshape([1, 3])).sum(), &at, 1e-7, "normal");
    let standard = |x: &Tensor<1>| {
        let eye = Tensor::<2>::eye(3, &x.device()).cast(x.dtype()).reshape([1, 3, 3]);
        MultivariateNormal::new(Tensor::zeros([1, 3], (&x.device(), x.dtype())), eye).unwrap()
    };
    check_gradient(|x| kl_divergence(&normal(&x), &standard(&x)).sum(), &at, 1e-7, "normal KL");
}

/// Draws are functions of the parameters: with f(x) = x² or ln x, the mean of ∂f(x)/∂θ over draws is ∂E f(x)/∂θ.
#[test]
fn pathwise_gradients_are_those_of_expectations() {
    let n = 200_000usize;
    let device = f64_device().autodiff();
    let mut stream = Stream::new(3, "pathwise", 0, 0);
    let tracked = |x: f64| Tensor::<1>::full([n], x, (&device, DType::F64)).require_grad();
    let assert_mean = |gradients: Tensor<1>, expected: f64, what: &str| {
        let g = values(gradients);
        let mean = g.iter().sum::<f64>() / n as f64;
        let error = (g.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n as f64 / n as f64).sqrt();
        assert_close(&[mean], &[expected], 0.0, 5.0 * error + 1e-12, what);
    };
    let psi1 = |x: f64| {
        // ψ′ by differences of ψ in f64.
        let h = 1e-4;
        let psi = kiln::tensor::special::host::digamma;
        (psi(x + h) - psi(x - h)) / (2.0 * h)
    };
    for a in [0.3, 1.0, 4.5, 60.0] {
        // E x² = a(a + 1)/β², E ln x = ψ(a) − ln β.
        let (concentration, rate) = (tracked(a), tracked(1.7));
        let x = Gamma::new(concentration.clone(), rate.clone()).unwrap().rsample(&mut stream);
        let gradients = x.square().sum().backward();
        assert_mean(
            concentration.grad(&gradients).unwrap(),
            (2.0 * a + 1.0) / 1.7f64.powi(2),
            &format!("E x², Gamma({a})"),
        );
        assert_mean(rate.grad(&gradients).unwrap(), -2.0 * a * (a + 1.0) / 1.7f64.powi(3), "in the rate");
        let (concentration, rate) = (tracked(a), tracked(1.7));
        let x = Gamma::new(concentration.clone(), rate).unwrap().rsample(&mut stream);
        let gradients = x.log().sum().backward();
        assert_mean(concentration.grad(&gradients).unwrap(), psi1(a), &format!("E ln x, Gamma({a})"));
    }
    // E x = a/(a + b).
    let (a, b) = (tracked(0.8), tracked(2.5));
    let gradients = Beta::new(a.clone(), b.clone()).unwrap().rsample(&mut stream).sum().backward();
    assert_mean(a.grad(&gradients).unwrap(), 2.5 / 3.3f64.powi(2), "Beta in a");
    assert_mean(b.grad(&gradients).unwrap(), -0.8 / 3.3f64.powi(2), "Beta in b");
    // E (x − μ)² = σ²·ν/(ν − 2).
    let (df, loc, scale) = (tracked(9.0), tracked(0.0), tracked(1.5));
    let x = StudentT::new(df.clone(), loc, scale.clone()).unwrap().rsample(&mut stream);
    let gradients = x.square().sum().backward();
    assert_mean(df.grad(&gradients).unwrap(), -2.25 * 2.0 / 49.0, "StudentT in ν");
    assert_mean(scale.grad(&gradients).unwrap(), 3.0 * 9.0 / 7.0, "StudentT in σ");
    // E x² of Dirichlet's first number: a(a + 1)/(n(n + 1)).
    let concentration =
        Tensor::<2>::from_data([[0.7, 1.9, 3.0]], (&device, DType::F64)).repeat_dim(0, n).require_grad();
    let x = Dirichlet::new(concentration.clone()).rsample(&mut stream);
    let gradients = x.narrow(1, 0, 1).square().sum().backward();
    let gradient = concentration.grad(&gradients).unwrap();
    let (a, total) = (0.7f64, 5.6f64);
    let below = total * (total + 1.0);
    let in_first = (2.0 * a + 1.0) / below - a * (a + 1.0) * (2.0 * total + 1.0) / below.powi(2);
    assert_mean(gradient.narrow(1, 0, 1).reshape([n]), in_first, "Dirichlet");
}

#[test]
fn quantiles_are_the_inverses_of_distribution_functions() {
    fn check<P: Quantile<1>>(d: &P, what: &str) {
        let p = vector(&[1e-6, 0.01, 0.3, 0.5, 0.77, 0.999]);
        // The location's rounding times the density is lost.
        assert_close(&values(d.cdf(d.icdf(p.clone()))), &values(p), 1e-11, 2e-16, what);
    }
    let (a, b) = (vector(&[0.4; 6]), vector(&[1.3; 6]));
    check(&Normal::new(a.clone(), b.clone()).unwrap(), "Normal");
    check(&LogNormal::new(a.clone(), b.clone()).unwrap(), "LogNormal");
    check(&Laplace::new(a.clone(), b.clone()).unwrap(), "Laplace");
    check(&Cauchy::new(a.clone(), b.clone()).unwrap(), "Cauchy");
    check(&Gumbel::new(a.clone(), b.clone()).unwrap(), "Gumbel");
    check(&Uniform::new(a.clone(), b.clone()).unwrap(), "Uniform");
    check(&Weibull::new(a.clone(), b.clone()).unwrap(), "Weibull");
    check(&Exponential::new(b.clone()).unwrap(), "Exponential");
    check(&HalfNormal::new(b).unwrap(), "HalfNormal");
}

#[test]
fn divergences_by_draws_agree_with_closed_forms() {
    let mut stream = Stream::new(1, "kl", 0, 0);
    let p = Gamma::new(vector(&[2.0, 0.7]), vector(&[1.0, 3.0])).unwrap();
    let q = Gamma::new(vector(&[3.1, 0.9]), vector(&[1.4, 2.0])).unwrap();
    let estimate = kl_monte_carlo(&p, &q, 4000, &mut stream);
    let (mean, error) = (values(estimate.mean), values(estimate.standard_error));
    for ((mean, error), exact) in mean.iter().zip(&error).zip(values(kl_divergence(&p, &q))) {
        assert!((mean - exact).abs() < 5.0 * error && *error < 0.05, "{mean} ± {error}, exactly {exact}");
    }
    // A pair that has no closed form: two Student distributions, of themselves zero.
    let t = StudentT::new(vector(&[4.0]), vector(&[0.0]), vector(&[1.0])).unwrap();
    assert_eq!(values(kl_monte_carlo(&t, &t, 10, &mut stream).mean), [0.0]);
}

/// Values outside the support have the density 0 without NaN in a gradient; parameters at the ends of their ranges keep their digits.
#[test]
fn edges_are_numbers() {
    let device = f64_device().autodiff();
    let tracked = |x: &[f64]| tensor::<1>(x, [x.len()], &device).require_grad();
    let rate = tracked(&[1.0, 1.0, 1.0]);
    let x = tensor::<1>(&[-1.0, 0.0, 2.0], [3], &device);
    let log_prob = Gamma::new(rate.clone() * 2.0, rate.clone()).unwrap().log_prob(x);
    let gradients = log_prob.clone().slice(2..3).sum().backward();
    assert!(values(rate.grad(&gradients).unwrap()).iter().all(|g| g.is_finite()));
    assert_eq!(values(log_prob)[..2], [f64::NEG_INFINITY; 2]);
    let counts = |x: &[f64]| tensor::<1>(x, [x.len()], &f64_device());
    let none = Poisson::new(counts(&[0.0, 0.0])).unwrap().validated().unwrap();
    let certain = values(none.log_prob(counts(&[0.0, 1.0])));
    assert!(certain[0].abs() < 1e-14 && certain[1] == f64::NEG_INFINITY, "{certain:?}");
    assert_eq!(values(none.entropy()), [0.0, 0.0]);
    // ln p of all successes, and of none, at logits at which 1 − p has no digit.
    let sure = Binomial::new(counts(&[5.0, 5.0]), counts(&[800.0, -800.0])).unwrap();
    assert_close(&values(sure.log_prob(counts(&[5.0, 0.0]))), &[0.0, 0.0], 0.0, 1e-14, "what is sure");
    assert!(values(sure.log_prob(counts(&[4.0, 1.0]))).iter().all(|p| p.is_finite()));
    // A very narrow normal, and a Gamma whose draws round to zero.
    let narrow = Normal::new(counts(&[1.0]), counts(&[1e-300])).unwrap();
    assert!(values(narrow.log_prob(counts(&[1.0])))[0] > 600.0);
    let tiny = Gamma::new(counts(&[1e-3; 100]), counts(&[1.0; 100])).unwrap().sample(&mut Stream::new(0, "tiny", 0, 0));
    assert!(values(tiny).iter().all(|x| *x > 0.0));
    let beta = Beta::new(counts(&[1e-2; 1000]), counts(&[1e-2; 1000])).unwrap();
    let draws = beta.sample(&mut Stream::new(0, "beta", 0, 0));
    assert!(values(beta.log_prob(draws)).iter().all(|p| p.is_finite()));
}

#[test]
fn parameters_broadcast_and_are_checked() {
    let device = f64_device();
    let d = Gamma::new(Tensor::<2>::ones([3, 1], &device), Tensor::ones([1, 4], &device)).unwrap();
    assert_eq!((d.mean().dims(), d.sample(&mut Stream::new(0, "b", 0, 0)).dims()), ([3, 4], [3, 4]));
    let message = Gamma::<1>::new(vector(&[1.0, 2.0]), vector(&[1.0, 2.0, 3.0])).unwrap_err().to_string();
    assert!(message.contains("concentration has shape [2] and rate has shape [3]"), "{message}");
    let refused = |result: Result<(), kiln::dist::DistError>| result.unwrap_err().to_string();
    let message = refused(Gamma::new(vector(&[1.0, 0.0]), vector(&[1.0])).unwrap().validated().map(|_| ()));
    assert!(message.contains("concentration must be finite and positive, got 0 at position 1"), "{message}");
    let message = refused(Geometric::new(vector(&[1.0])).unwrap().validated().map(|_| ()));
    assert!(message.contains("probs must be inside (0, 1)"), "{message}");
    let flat = Tensor::<3>::from_data([[[1.0, 2.0], [2.0, 1.0]]], (&device, DType::F64));
    let normal = MultivariateNormal::from_covariance(Tensor::zeros([1, 2], (&device, DType::F64)), flat).unwrap();
    assert!(normal.validated().is_err(), "a covariance that is not positive definite");
}
