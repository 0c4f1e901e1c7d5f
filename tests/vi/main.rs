//! Black-box variational inference on models whose posteriors and evidence are known.

mod estimators;
mod guides;
mod regression;

use kiln::{
    data::{BREAST_CANCER_TARGET, Encoder, breast_cancer},
    dist::{
        Bijector, Constraint, DistError, Gamma, LkjCholesky, LogJoint, LogJointOf, MultivariateNormal, Normal, Poisson,
        StudentT,
    },
    models::bayes::{BayesianLogistic, BayesianLogisticError, EightSchools},
    prelude::*,
    tensor::special::host::ln_gamma,
    train::vi::{
        Estimator, FullRank, Guide, Importance, MeanField, SampleAverage, Sites, Svi, SviStatus, ViError, gradient,
        gradient_moments, laplace, psis,
    },
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

use self::regression::Regression;

/// Quick settings for small problems, on which the tests' tolerances were set.
const QUICK: Svi = Svi {
    estimator: Estimator::Reparameterized,
    particles: 8,
    steps: 5000,
    lr: Some(0.05),
    tol_rel: 0.0,
    evaluation_draws: 1000,
    seed: 0,
};

#[test]
fn built_in_log_joints_are_scipys() {
    let json = reference("bayes");
    let device = f64_device();
    let rows = |value: &serde_json::Value, d: usize| {
        let numbers = numbers(value);
        tensor::<2>(&numbers, [numbers.len() / d, d], &device)
    };
    let schools = EightSchools.log_joint(rows(&json["schools"]["z"], 10));
    assert_close(&values(schools), &numbers(&json["schools"]["log_joint"]), 1e-12, 0.0, "eight schools");
    let quantities =
        values(EightSchools.quantities(tensor(&[1.0, 2f64.ln(), 0.5, 0., 0., 0., 0., 0., 0., -1.0], [1, 10], &device)));
    assert_close(&quantities, &[1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0], 1e-12, 0.0, "μ, τ and θ");
    let json = &json["logistic"];
    let positive: Vec<bool> = numbers(&json["y"]).iter().map(|y| *y > 0.5).collect();
    let model = BayesianLogistic::new(&rows(&json["x"], 2), &positive, json["scale"].as_f64().unwrap()).unwrap();
    assert_close(
        &values(model.log_joint(rows(&json["z"], 3))),
        &numbers(&json["log_joint"]),
        1e-12,
        0.0,
        "logistic regression",
    );
    let refused = |positive: &[bool], scale| BayesianLogistic::new(&rows(&json["x"], 2), positive, scale).unwrap_err();
    let (length, scale) = (refused(&positive[1..], 1.0), refused(&positive, 0.0));
    assert_eq!(length, BayesianLogisticError::Length { rows: positive.len(), got: positive.len() - 1 });
    assert_eq!(scale, BayesianLogisticError::PriorScale(0.0));
    let none = BayesianLogistic::new(&Tensor::zeros([0, 2], &device), &[], 1.0).unwrap_err();
    assert_eq!(none, BayesianLogisticError::Empty);
}

/// Of weights with a known tail, against ArviZ.
#[test]
fn smoothed_weights_are_arviz_s() {
    for row in reference("psis").as_array().unwrap() {
        let found = psis(&numbers(&row["log_ratios"]));
        let khat = row["khat"].as_f64().unwrap();
        assert_close(&[found.khat], &[khat], 1e-10, 1e-12, "k̂");
        assert_close(&found.log_weights, &numbers(&row["log_weights"]), 1e-10, 1e-10, "weights");
        let sum: f64 = found.log_weights.iter().map(|w| w.exp()).sum();
        assert_close(&[sum], &[1.0], 1e-12, 0.0, "their sum");
    }
    // The guide that is the posterior has weights that do not differ.
    assert!(psis(&[0.3; 100]).khat.is_infinite() && psis(&[1.0, 2.0]).khat.is_infinite());
    assert_close(&[psis(&[0.3; 100]).effective_sample_size()], &[100.0], 1e-12, 0.0, "as many as drawn");
}

/// Counts with a gamma prior on their rate, which is positive: the evidence is known, and the guide is a log-normal distribution.
#[test]
fn a_constrained_variable_goes_through_its_bijector() {
    let counts = [7.0, 4.0, 9.0, 6.0, 8.0, 5.0, 7.0, 10.0, 6.0, 7.0];
    let (a, b) = (2.0f64, 0.5f64);
    let model = LogJointOf::new(1, |z: Tensor<2>| {
        let device = z.device();
        let rate = Constraint::Positive.forward(z.clone());
        let prior = Gamma::new(rate.full_like(a), rate.full_like(b)).unwrap();
        let y = tensor::<2>(&counts, [1, 10], &f64_device()).to_device(&device);
        let likelihood = Poisson::new(rate.clone()).unwrap().log_prob(y).sum_dim(1);
        (likelihood + prior.log_prob(rate) + Constraint::Positive.log_abs_det_jacobian(z)).squeeze_dim(1)
    });
    let (sum, n) = (counts.iter().sum::<f64>(), counts.len() as f64);
    let factorials: f64 = counts.iter().map(|c| ln_gamma(c + 1.0)).sum();
    let evidence = a * b.ln() - ln_gamma(a) + ln_gamma(a + sum) - (a + sum) * (b + n).ln() - factorials;
    let svi =
        Svi { estimator: Estimator::StickingTheLanding, steps: 1500, lr: Some(0.05), evaluation_draws: 4000, ..QUICK };
    let fit = svi.fit(&model, MeanField::new(1, &f64_device())).unwrap();
    // With 71 counted a gamma distribution is nearly log-normal: KL(q ‖ p) is about 1/(24·71).
    assert!(
        fit.importance.elbo() < evidence + 3.0 * fit.importance.standard_error()
            && evidence - fit.importance.elbo() < 0.01,
        "{} beside {evidence}",
        fit.importance.elbo()
    );
    let deviation = values(fit.guide.stddev())[0];
    assert_close(&[deviation], &[(a + sum).powf(-0.5)], 0.05, 0.0, "the logarithm's deviation");
    // The score function needs no derivative of the model, and comes there too, more slowly.
    let svi = Svi { estimator: Estimator::LeaveOneOut, particles: 32, steps: 2000, lr: Some(0.05), ..QUICK };
    let fit = svi.fit(&model, MeanField::new(1, &f64_device())).unwrap();
    assert!(evidence - fit.importance.elbo() < 0.05, "{} beside {evidence}", fit.importance.elbo());
}

/// Breast cancer with N(0, 1) coefficients, beside a hundred thousand draws of NUTS.
#[test]
fn bayesian_logistic_regression_is_as_nuts_has_it() {
    let table = breast_cancer();
    let all: Vec<usize> = (0..table.len()).collect();
    let data = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &all, true).unwrap().encode(&table).unwrap();
    let device = f64_device();
    let x = tensor::<2>(data.inputs(), [data.len(), data.features()], &device);
    let positive: Vec<bool> = data.targets().iter().map(|class| *class == 1).collect();
    let posterior = BayesianLogistic::new(&x, &positive, 1.0).unwrap();
    let nuts = reference("nuts");
    let (mean, sd) = (numbers(&nuts["mean"]), numbers(&nuts["sd"]));
    let start = tensor::<1>(&[0.0; 31], [31], &device);
    let mode = laplace(&posterior, start, &Stop::default()).unwrap().posterior;
    let (loc, factor) = (mode.loc().squeeze_dim::<1>(0), mode.scale_tril().squeeze_dim::<2>(0));
    let svi = Svi { estimator: Estimator::StickingTheLanding, particles: 16, steps: 3000, lr: Some(0.01), ..QUICK };
    let fit = svi.fit(&posterior, FullRank::from_parts(loc, factor).unwrap()).unwrap();
    let (got, spread) = (values(fit.guide.mean()), values(fit.guide.stddev()));
    let worst = |f: &dyn Fn(usize) -> f64| (0..sd.len()).map(f).fold(0.0, f64::max);
    let of_means = worst(&|i| (got[i] - mean[i]).abs() / sd[i]);
    let of_deviations = worst(&|i| (spread[i] / sd[i] - 1.0).abs());
    println!(
        "full rank: means within {of_means:.3} deviations, deviations within {of_deviations:.3}, bound {:.3}",
        fit.importance.elbo()
    );
    // Its own error is about 0.02 and 4%, NUTS's 0.003 and 0.3%.
    assert!(of_means < 0.05 && of_deviations < 0.07);
    assert_close(&[fit.importance.elbo()], &[-55.46], 0.0, 4.0 * fit.importance.standard_error() + 0.02, "its bound");
    let narrow = svi.fit(&posterior, MeanField::new(posterior.dims(), &device)).unwrap();
    let ratio = values(narrow.guide.stddev()).iter().zip(&sd).map(|(a, b)| a / b).sum::<f64>() / sd.len() as f64;
    println!("mean field: deviations {ratio:.2} of NUTS's in the mean, bound {:.3}", narrow.importance.elbo());
    assert_close(&[ratio], &[0.57], 0.0, 0.03, "how narrow the mean field is");
    assert_close(
        &[narrow.importance.elbo()],
        &[-67.44],
        0.0,
        4.0 * narrow.importance.standard_error() + 0.1,
        "its bound",
    );
}

#[test]
fn fits_end_and_settings_are_checked() {
    let model = Regression::new();
    let guide = || MeanField::new(3, &f64_device());
    let fit = Svi { tol_rel: 0.01, ..QUICK }.fit(&model, guide()).unwrap();
    assert!(fit.status == SviStatus::Converged && fit.trace.len() < 5000, "{:?} after {}", fit.status, fit.trace.len());
    let again = Svi { tol_rel: 0.01, ..QUICK }.fit(&model, guide()).unwrap();
    assert_eq!(fit.trace, again.trace, "the same seed, the same fit");
    let nan = LogJointOf::new(3, |z: Tensor<2>| z.sum_dim(1).squeeze_dim(1) * f64::NAN);
    let fit = Svi { steps: 10, ..QUICK }.fit(&nan, guide()).unwrap();
    assert_eq!((fit.status, fit.trace.len()), (SviStatus::Diverged, 0));
    let refused = |svi: Svi| svi.fit(&model, guide()).map(|fit| fit.importance.elbo()).unwrap_err();
    let lone = Svi { estimator: Estimator::LeaveOneOut, particles: 1, ..QUICK };
    assert!(matches!(refused(lone), ViError::Setting { name: "particles", .. }));
    assert!(matches!(refused(Svi { lr: Some(0.0), ..QUICK }), ViError::Setting { name: "lr", .. }));
    assert!(matches!(refused(Svi { steps: 0, ..QUICK }), ViError::Setting { name: "steps", .. }));
    let wrong = QUICK.fit(&model, MeanField::new(2, &f64_device())).map(|fit| fit.importance.elbo());
    assert!(matches!(wrong, Err(ViError::Dims { expected: 3, got: 2 })));
}

/// The correlation of pairs of standard normal numbers, with a uniform prior: its evidence is an integral in one dimension.
#[test]
fn a_correlation_goes_through_its_cholesky_factor() {
    let pairs = [(0.4, 0.9), (-1.3, -0.2), (1.8, 1.1), (-0.6, -1.0), (0.2, -0.5), (1.1, 1.6), (-0.9, -1.4), (0.3, 0.1)];
    let numbers: Vec<f64> = pairs.iter().flat_map(|(x, y)| [*x, *y]).collect();
    let sites = Sites::new([("factor", Constraint::CorrelationCholesky, 4)]).unwrap();
    assert_eq!(sites.dims(), 1);
    let model = LogJointOf::new(1, |z: Tensor<2>| {
        let [s, _] = z.dims();
        let ([factor], jacobian) = sites.constrain(z);
        let prior = LkjCholesky::new(2, factor.clone().narrow(1, 0, 1).ones_like()).unwrap().log_prob(factor.clone());
        // Each draw's factor for each of the pairs.
        let n = pairs.len();
        let of_pairs = factor.repeat_dim(0, n).reshape([n * s, 2, 2]);
        let y = tensor::<2>(&numbers, [n, 2], &f64_device()).to_device(&of_pairs.device());
        let y = y.reshape([n, 1, 2]).repeat_dim(1, s).reshape([n * s, 2]);
        let zeros = y.zeros_like();
        let likelihood = MultivariateNormal::new(zeros, of_pairs).unwrap().log_prob(y);
        prior.squeeze_dim::<1>(1) + likelihood.reshape([n, s]).sum_dim(0).squeeze_dim(0) + jacobian
    });
    let likelihood = |r: f64| -> f64 {
        let left = 1.0 - r * r;
        let one = |(x, y): &(f64, f64)| {
            -0.5 * (x * x - 2.0 * r * x * y + y * y) / left - 0.5 * left.ln() - (2.0 * std::f64::consts::PI).ln()
        };
        pairs.iter().map(one).sum::<f64>().exp()
    };
    // The midpoint rule on a smooth function that is zero at both ends.
    let grid = (0..20_000).map(|i| (f64::from(i) + 0.5) / 10_000.0 - 1.0);
    let (mass, moment) = grid.fold((0.0, 0.0), |(m, f), r| (m + likelihood(r), f + r * likelihood(r)));
    let evidence = (0.5 * mass / 10_000.0).ln();
    // The guide is narrower than the posterior, so that a few draws have large weights: of 4000 draws the mean was off by 0.023.
    let svi = Svi { estimator: Estimator::StickingTheLanding, steps: 1500, evaluation_draws: 40_000, ..QUICK };
    let fit = svi.fit(&model, MeanField::new(1, &f64_device())).unwrap();
    assert!(evidence - fit.importance.elbo() < 0.05 && fit.importance.elbo() < evidence + 0.01, "beside {evidence}");
    assert_close(&[fit.importance.log_evidence()], &[evidence], 0.0, 0.02, "ln p(y)");
    let ([factor], _) = sites.constrain(fit.importance.draws.clone());
    let weights = fit.importance.psis().log_weights;
    let r = values(factor.narrow(1, 2, 1)).iter().zip(weights).map(|(r, w)| r * w.exp()).sum::<f64>();
    assert_close(&[r], &[moment / mass], 0.0, 0.02, "the correlation's mean");
}

/// Eight schools said by its variables, beside SciPy's densities.
#[test]
fn variables_are_named_and_constrained() {
    let sites =
        Sites::new([("mu", Constraint::Real, 1), ("tau", Constraint::Positive, 1), ("eta", Constraint::Real, 8)])
            .unwrap();
    assert_eq!(sites.dims(), 10);
    assert_eq!(sites.names()[1..4], ["tau", "eta[0]", "eta[1]"]);
    let log_joint = |z: Tensor<2>| {
        let ([mu, tau, eta], jacobian) = sites.constrain(z);
        let unit =
            |x: &Tensor<2>, scale: f64| Normal::new(x.zeros_like(), x.full_like(scale)).unwrap().log_prob(x.clone());
        let cauchy = |x: &Tensor<2>, scale: f64| {
            StudentT::new(x.ones_like(), x.zeros_like(), x.full_like(scale)).unwrap().log_prob(x.clone())
        };
        // Half of a Cauchy distribution, which is Student's with one degree of freedom.
        let prior = unit(&mu, 5.0) + unit(&eta, 1.0).sum_dim(1) + cauchy(&tau, 5.0) + 2f64.ln();
        let effects = mu.repeat_dim(1, 8) + tau.repeat_dim(1, 8) * eta;
        let row = |v: [f64; 8]| tensor::<2>(&v, [1, 8], &f64_device()).repeat_dim(0, effects.dims()[0]);
        let likelihood = Normal::new(effects.clone(), row(EightSchools::SIGMA)).unwrap().log_prob(row(EightSchools::Y));
        (prior + likelihood.sum_dim(1)).squeeze_dim::<1>(1) + jacobian
    };
    let json = &reference("bayes")["schools"];
    let z = numbers(&json["z"]);
    let z = tensor::<2>(&z, [z.len() / 10, 10], &f64_device());
    assert_close(&values(log_joint(z)), &numbers(&json["log_joint"]), 1e-12, 0.0, "eight schools");
    // And back, with a vector on the simplex, which has one free number less.
    let sites = Sites::new([("weights", Constraint::Simplex, 3), ("scale", Constraint::Positive, 2)]).unwrap();
    assert_eq!((sites.dims(), sites.names().len()), (4, 5));
    let z = tensor::<2>(&[0.3, -0.4, 1.2, -2.0], [1, 4], &f64_device());
    let ([weights, scale], _) = sites.constrain(z.clone());
    assert_close(&[values(weights.clone()).iter().sum::<f64>()], &[1.0], 1e-12, 0.0, "on the simplex");
    assert_close(&values(sites.free([weights, scale])), &values(z), 1e-12, 1e-12, "there and back");
    let wrong = Sites::new([("factor", Constraint::LowerCholesky, 3)]).unwrap_err();
    assert!(matches!(wrong, DistError::Length { got: 3, .. }), "{wrong}");
    assert!(matches!(Sites::new([("x", Constraint::Real, 0)]), Err(DistError::Length { got: 0, .. })));
}

/// A model that sums over the rows of z too returns one value for all of them.
#[test]
fn a_model_that_sums_over_the_rows_is_refused_everywhere() {
    let model = LogJointOf::new(2, |z: Tensor<2>| -z.square().sum());
    let (guide, device) = (|| MeanField::new(2, &f64_device()), f64_device());
    let stream = || Stream::new(0, "draws", 0, 0);
    let errors = [
        QUICK.fit(&model, guide()).map(|_| ()).unwrap_err(),
        // One particle returns the right number of values, and is refused all the same.
        Svi { particles: 1, ..QUICK }.fit(&model, guide()).map(|_| ()).unwrap_err(),
        SampleAverage::default().fit(&model, guide()).map(|_| ()).unwrap_err(),
        Importance::new(&model, &guide(), 10, &mut stream()).map(|_| ()).unwrap_err(),
        gradient(&model, &guide(), Estimator::default(), 8, &mut stream()).map(|_| ()).unwrap_err(),
        gradient_moments(&model, &guide(), Estimator::ControlVariate, 8, 2, 0).map(|_| ()).unwrap_err(),
        laplace(&model, tensor(&[0.0; 2], [2], &device), &Stop::default()).map(|_| ()).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ViError::Rows { got: 1, .. }), "{error}");
    }
    let message = QUICK.fit(&model, guide()).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("returned 1 values for 8 rows"), "{message}");
}

#[test]
fn what_is_printed_for_debugging_is_short() {
    let model = Regression::new();
    let fit = Svi { steps: 200, ..QUICK }.fit(&model, MeanField::new(3, &f64_device())).unwrap();
    let smoothed = format!("{:?}", fit.importance.psis());
    assert!(smoothed.starts_with("Psis { khat: ") && smoothed.len() < 120, "{smoothed}");
    assert!(format!("{:?}", fit.importance).len() < 160);
    assert!(!format!("{fit:?}").contains("trace"));
}
