//! Every family of distributions against PyTorch, SciPy and mpmath in float64, and against the laws of probability.

mod laws;
mod references;

use kiln::{
    burn::tensor::{DType, TensorData},
    dist::{
        Batch, Beta, Binomial, Cauchy, Dirichlet, Exponential, Gamma, Geometric, Gumbel, HalfNormal, InverseGamma,
        KlDivergence, Laplace, LogNormal, LowRankMultivariateNormal, MultivariateNormal, NegativeBinomial, Poisson,
        StudentT, Uniform, Weibull, kl_monte_carlo,
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

pub(crate) use make;

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

/// Parameters of the families, for laws that need no reference.
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
