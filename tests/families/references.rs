//! Rows and divergences of the references.

use super::*;

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
    // Absolutely below 0.1: a driver's arctangent is off by 2e-5 in the tail of a Cauchy distribution. A card's logarithm and power are not
    // exact to the last place.
    let (rtol, atol) = if info.kind == "cpu" { (1e-5, 1e-6) } else { (2e-4, 1e-3) };
    check_rows(&Place(info.device(), DType::F32), rtol, atol);
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
        Dirichlet::new(tensor::<2>(&concentration, [1, concentration.len()], &device)).unwrap().validated().unwrap()
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
