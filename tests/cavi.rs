//! Coordinate ascent against scikit-learn's fixed points, and bounds taken term by term or by integration.

use kiln::{
    models::cavi::{
        BayesianLinearRegression, BayesianMixture, CaviError, CoordinateAscent, NormalGamma, NormalSample, Sweeps,
        TopicModel, WeightPrecision, ascend,
    },
    prelude::*,
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

/// Until a sweep changes no digit.
const TO_THE_END: Sweeps = Sweeps { tol: 0.0, max: 20_000 };

/// But by rounding.
fn rises(history: &[f64]) -> bool {
    history.is_sorted_by(|a, b| *b >= a - 1e-12 * a.abs())
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn rows(value: &Value, columns: usize) -> Tensor<2> {
    let numbers = numbers(value);
    tensor(&numbers, [numbers.len() / columns, columns], &f64_device())
}

#[test]
fn a_normal_sample_s_mean_field_is_the_best_one_and_its_posterior_has_the_evidence() {
    let json = &reference("cavi")["normal"];
    let [loc, kappa, shape, rate] = numbers(&json["prior"])[..] else { panic!("four numbers") };
    let x = numbers(&json["x"]);
    let model = NormalSample::new(&x, NormalGamma { loc, kappa, shape, rate }).unwrap();
    let fit = ascend(&model, &TO_THE_END).unwrap();
    assert!(fit.converged && rises(&fit.history));
    // The minimiser's parameters are known to the root of its value's digits.
    let q = fit.posterior;
    assert_close(&[q.loc, q.precision, q.shape, q.rate], &numbers(&json["best"]), 1e-5, 0.0, "q");
    assert_close(&[fit.elbo], &[number(&json["elbo"])], 1e-10, 0.0, "the bound");
    assert_close(&[model.log_evidence()], &[number(&json["evidence"])], 1e-12, 0.0, "ln p(x)");
    assert!(fit.elbo < model.log_evidence());
    // The exact posterior counts the prior's observations and the twelve.
    let exact = model.posterior();
    assert_close(&[exact.kappa, exact.shape], &[kappa + 12.0, shape + 6.0], 1e-15, 0.0, "counts");
    for bad in [NormalGamma { loc, kappa: 0.0, shape, rate }, NormalGamma { loc, kappa, shape, rate: f64::NAN }] {
        assert!(matches!(NormalSample::new(&x, bad), Err(CaviError::Setting { .. })));
    }
    let prior = NormalGamma { loc, kappa, shape, rate };
    assert!(NormalSample::new(&[], prior).is_err() && NormalSample::new(&[f64::NAN], prior).is_err());
}

#[test]
fn linear_regression_with_a_known_precision_is_exact_and_with_an_unknown_one_the_best() {
    let json = &reference("cavi")["linear"];
    let (x, y) = (rows(&json["x"], 3), numbers(&json["y"]));
    let y = tensor::<1>(&y, [y.len()], &f64_device());
    let [shape, rate] = numbers(&json["noise"])[..] else { panic!("two numbers") };
    let model = || BayesianLinearRegression::new(&x, &y).unwrap().noise_precision(shape, rate).unwrap();
    let fixed = model().weight_precision(WeightPrecision::Fixed(number(&json["alpha"]))).unwrap();
    let fit = ascend(&fixed, &TO_THE_END).unwrap();
    assert_eq!(fit.history.len(), 2, "the first sweep finds it, the second sees no gain");
    assert_close(&[fit.elbo], &[number(&json["evidence"])], 1e-11, 0.0, "the bound is ln p(y)");
    assert_close(&[fixed.log_evidence().unwrap()], &[fit.elbo], 1e-12, 0.0, "by the closed form");

    let [c, d] = numbers(&json["weights"])[..] else { panic!("two numbers") };
    let unknown = model().weight_precision(WeightPrecision::Gamma { shape: c, rate: d }).unwrap();
    assert!(unknown.log_evidence().is_none());
    let fit = ascend(&unknown, &TO_THE_END).unwrap();
    assert!(fit.converged && rises(&fit.history));
    assert_close(&[fit.elbo], &[number(&json["elbo"])], 1e-10, 0.0, "the bound");
    let q = &fit.posterior;
    let covariance = q.covariance();
    let covariance: Vec<f64> = (0..9).map(|i| covariance.at(i / 3, i % 3)).collect();
    assert_close(q.mean(), &numbers(&json["mean"]), 1e-5, 0.0, "mean");
    assert_close(&covariance, &numbers(&json["covariance"]), 1e-4, 1e-7, "covariance");
    assert_close(&q.noise_precision(), &numbers(&json["noise_posterior"]), 1e-5, 0.0, "τ");
    assert_close(&q.weight_precision().unwrap(), &numbers(&json["weight_posterior"]), 1e-5, 0.0, "α");

    let short = tensor::<1>(&[1.0], [1], &f64_device());
    assert!(matches!(BayesianLinearRegression::new(&x, &short), Err(CaviError::Shape { .. })));
    assert!(model().weight_precision(WeightPrecision::Fixed(-1.0)).is_err());
    // Columns that say the same have a posterior all the same: the prior's.
    let twice = Tensor::cat(vec![x.clone(), x.clone()], 1);
    assert!(ascend(&BayesianLinearRegression::new(&twice, &y).unwrap(), &Sweeps::default()).unwrap().converged);
}

#[test]
fn a_bayesian_mixture_ends_where_scikit_learn_s_does() {
    let json = &reference("cavi")["mixture"];
    for row in json["rows"].as_array().unwrap() {
        let concentration = number(&row["concentration"]);
        let model = BayesianMixture::new(rows(&json["x"], 4), 4).unwrap().concentration(concentration).unwrap();
        let model = model.start_from(rows(&json["shares"], 4)).unwrap();
        let fit = ascend(&model, &Sweeps { tol: 1e-14, max: 20_000 }).unwrap();
        let q = &fit.posterior;
        assert!(fit.converged);
        let what = |name: &str| format!("α₀ = {concentration}: {name}");
        assert_close(&[fit.elbo], &[number(&row["elbo"])], 1e-9, 0.0, &what("the bound"));
        // The last sweeps gain 1e-12: parameters are known to about its root.
        let close = |got: &[f64], name: &str| assert_close(got, &numbers(&row[name]), 1e-5, 1e-5, &what(name));
        close(q.concentrations(), "concentrations");
        close(&q.mean_precisions(), "mean_precisions");
        close(&q.means().concat(), "means");
        close(&q.degrees_of_freedom(), "dof");
        close(q.counts(), "counts");
        let covariances = (0..4).flat_map(|c| (0..16).map(move |i| (c, i)));
        let covariances: Vec<f64> = covariances.map(|(c, i)| q.covariance(c).at(i / 4, i % 4)).collect();
        close(&covariances, "covariances");
        let weights = q.mixture().unwrap().weights().to_vec();
        assert_close(&[weights.iter().sum()], &[1.0], 1e-12, 0.0, "the mixture's weights");
        // A component that is not needed is told by its count, and breaks nothing.
        assert_eq!(q.counts().iter().filter(|count| **count < 1.0).count(), usize::from(concentration < 0.1));
    }
    let one = tensor::<2>(&[1.0, 1.0, 1.0, 1.0], [2, 2], &f64_device());
    assert!(matches!(BayesianMixture::new(one.clone(), 1), Err(CaviError::Singular(_))));
    assert!(matches!(BayesianMixture::new(one, 3), Err(CaviError::Shape { .. })));
}

#[test]
fn topics_end_where_scikit_learn_s_do() {
    let json = &reference("cavi")["topics"];
    let words = json["words"].as_u64().unwrap() as usize;
    let counts = rows(&json["counts"], words);
    let model =
        TopicModel::new(counts.clone(), 3).unwrap().priors(number(&json["alpha"]), number(&json["eta"])).unwrap();
    let fit =
        ascend(&model.start_from(rows(&json["start"], words)).unwrap(), &Sweeps { tol: 1e-14, max: 20_000 }).unwrap();
    assert!(fit.converged, "{} sweeps", fit.history.len());
    assert_close(&[fit.elbo], &[number(&json["elbo"])], 1e-9, 0.0, "the bound");
    assert_close(&values(fit.posterior.lambda()), &numbers(&json["lam"]), 1e-4, 1e-4, "λ");
    assert_close(&values(fit.posterior.gamma()), &numbers(&json["gamma"]), 1e-4, 1e-4, "γ");
    // From draws.
    let own = ascend(&TopicModel::new(counts, 3).unwrap().seed(4), &Sweeps::default()).unwrap();
    assert!(own.converged && rises(&own.history));
    let empty = tensor::<2>(&[0.0, 0.0, 1.0, -1.0], [2, 2], &f64_device());
    assert!(matches!(TopicModel::new(empty, 2), Err(CaviError::Data(_))));
}

/// A model whose sweep goes the wrong way is an error, not a result.
#[test]
fn a_falling_bound_is_an_error() {
    struct Down;
    impl CoordinateAscent for Down {
        type Posterior = f64;

        fn start(&self) -> Result<f64, CaviError> {
            Ok(0.0)
        }

        fn sweep(&self, q: &f64) -> Result<f64, CaviError> {
            Ok(q - 1.0)
        }

        fn elbo(&self, q: &f64) -> f64 {
            *q
        }
    }
    let data = tensor::<2>(&[0.0, 1.0, 5.0, 6.0], [4, 1], &f64_device());
    let shares = tensor::<2>(&[0.5, 0.4, 1.0, 0.0, 0.5, 0.5, 0.0, 1.0], [4, 2], &f64_device());
    let refused = BayesianMixture::new(data, 2).and_then(|model| model.start_from(shares)).map(|_| ());
    assert_eq!(refused, Err(CaviError::Data("a row of responsibilities")));
    let fell = ascend(&Down, &Sweeps::default()).map(|fit| fit.elbo);
    assert_eq!(fell, Err(CaviError::Decreased { sweep: 2, before: -1.0, after: -2.0 }));
    assert!(matches!(ascend(&Down, &Sweeps { max: 0, ..Sweeps::default() }), Err(CaviError::Setting { .. })));
}
