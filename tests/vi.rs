//! Black-box variational inference on models whose posteriors and evidence are known.

use kiln::{
    data::{BREAST_CANCER_TARGET, Encoder, breast_cancer},
    dist::{Bijector, Constraint, Gamma, Poisson},
    models::bayes::{BayesianLogistic, EightSchools},
    prelude::*,
    tensor::{linalg::Symmetric, params::named, special::host::ln_gamma},
    train::vi::{
        Estimator, FullRank, Guide, LogJoint, LogJointOf, MeanField, Svi, SviStatus, ViError, gradient_moments,
        laplace, psis,
    },
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

/// Linear regression with known noise and a standard normal prior: its posterior is normal.
struct Regression {
    x: Vec<f64>,
    y: Vec<f64>,
    d: usize,
    noise: f64,
}

impl Regression {
    fn new() -> Self {
        let (n, d, noise) = (30usize, 3usize, 0.7);
        let mut stream = Stream::new(8, "data", 0, 0);
        let base = stream.normal_vec(n * d);
        // The second column follows the first: a posterior with correlations.
        let x: Vec<f64> =
            (0..n * d).map(|i| if i % d == 1 { 0.8 * base[i - 1] + 0.4 * base[i] } else { base[i] }).collect();
        let truth = [1.2, -0.5, 0.3];
        let noises = stream.normal_vec(n);
        let y = (0..n).map(|i| (0..d).map(|j| x[i * d + j] * truth[j]).sum::<f64>() + noise * noises[i]).collect();
        Self { x, y, d, noise }
    }

    /// XᵀX/s² + I.
    fn precision(&self) -> Symmetric {
        let n = self.y.len();
        let entry = |i: usize, j: usize| (0..n).map(|r| self.x[r * self.d + i] * self.x[r * self.d + j]).sum::<f64>();
        Symmetric::from_fn(self.d, |i, j| entry(i, j) / self.noise.powi(2) + f64::from(u8::from(i == j)))
    }

    /// Xᵀy/s².
    fn pull(&self) -> Vec<f64> {
        let n = self.y.len();
        (0..self.d)
            .map(|j| (0..n).map(|r| self.x[r * self.d + j] * self.y[r]).sum::<f64>() / self.noise.powi(2))
            .collect()
    }

    fn mean(&self) -> Vec<f64> {
        self.precision().cholesky().unwrap().solve(&self.pull())
    }

    fn covariance(&self) -> Symmetric {
        self.precision().cholesky().unwrap().inverse()
    }

    /// ln N(y; 0, s²·I + X·Xᵀ).
    fn log_evidence(&self) -> f64 {
        let n = self.y.len();
        let covariance = Symmetric::from_fn(n, |a, b| {
            let product: f64 = (0..self.d).map(|j| self.x[a * self.d + j] * self.x[b * self.d + j]).sum();
            product + if a == b { self.noise.powi(2) } else { 0.0 }
        });
        let factor = covariance.cholesky().unwrap();
        let distance: f64 = factor.solve(&self.y).iter().zip(&self.y).map(|(a, b)| a * b).sum();
        -0.5 * (distance + factor.log_determinant() + n as f64 * (2.0 * std::f64::consts::PI).ln())
    }
}

impl LogJoint for Regression {
    fn dims(&self) -> usize {
        self.d
    }

    fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        let n = self.y.len();
        let x = tensor::<2>(&self.x, [n, self.d], &f64_device()).to_device(&z.device());
        let y = tensor::<2>(&self.y, [1, n], &f64_device()).to_device(&z.device());
        // Not a division: of one by a number Burn rounds the gradient to f32.
        let apart = (z.clone().matmul(x.transpose()) - y) * self.noise.recip();
        let of_data =
            apart.square().sum_dim(1) * -0.5 - n as f64 * (self.noise.ln() + 0.5 * (2.0 * std::f64::consts::PI).ln());
        let prior = z.square().sum_dim(1) * -0.5 - 0.5 * self.d as f64 * (2.0 * std::f64::consts::PI).ln();
        (of_data + prior).squeeze_dim(1)
    }
}

#[test]
fn laplaces_approximation_of_a_normal_posterior_is_exact() {
    let model = Regression::new();
    let start = tensor::<1>(&[0.0; 3], [3], &f64_device());
    let found = laplace(&model, start, &Stop { gtol: 1e-10, ..Stop::default() }).unwrap();
    assert_close(&values(found.posterior.loc()), &model.mean(), 1e-10, 1e-12, "mean");
    let covariance = model.covariance();
    let exact: Vec<f64> = (0..9).map(|i| covariance.at(i / 3, i % 3)).collect();
    assert_close(&values(found.posterior.covariance()), &exact, 1e-9, 1e-12, "covariance");
    assert_close(&[found.log_evidence], &[model.log_evidence()], 1e-10, 0.0, "evidence");
    let valley = LogJointOf::new(1, |z: Tensor<2>| z.square().sum_dim(1).squeeze_dim(1) * 0.5);
    let start = tensor::<1>(&[0.0], [1], &f64_device());
    assert!(matches!(laplace(&valley, start, &Stop::default()), Err(ViError::NotAPeak)));
}

#[test]
fn a_full_rank_guide_reaches_the_posterior_and_its_bound_the_evidence() {
    let model = Regression::new();
    let evidence = model.log_evidence();
    let svi = Svi { estimator: Estimator::StickingTheLanding, steps: 3000, lr: 0.03, ..Svi::default() };
    let fit = svi.fit(&model, FullRank::new(3, &f64_device())).unwrap();
    assert_eq!((fit.status, fit.trace.len()), (SviStatus::Completed, 3000));
    // The guide comes to the posterior itself, and with it the estimator's variance to nothing.
    assert_close(&values(fit.guide.mean()), &model.mean(), 0.0, 2e-3, "mean");
    let covariance = model.covariance();
    let exact: Vec<f64> = (0..9).map(|i| covariance.at(i / 3, i % 3)).collect();
    assert_close(&values(fit.guide.covariance()), &exact, 0.0, 1e-3, "covariance");
    assert!(
        (fit.elbo - evidence).abs() <= 3.0 * fit.standard_error + 1e-4,
        "{} ± {} beside {evidence}",
        fit.elbo,
        fit.standard_error
    );

    // Independent numbers have the precisions of each given the others, and a bound below.
    let fit = Svi { steps: 3000, lr: 0.03, ..Svi::default() }.fit(&model, MeanField::new(3, &f64_device())).unwrap();
    let precision = model.precision();
    let narrow: Vec<f64> = (0..3).map(|i| precision.at(i, i).powf(-0.5)).collect();
    assert_close(&values(fit.guide.mean()), &model.mean(), 0.0, 0.02, "the mean field's mean");
    assert_close(&values(fit.guide.stddev()), &narrow, 0.05, 0.0, "the mean field's deviations");
    // KL(q ‖ p) = ½·(Σ ln Λᵢᵢ − ln det Λ).
    let gap =
        0.5 * ((0..3).map(|i| precision.at(i, i).ln()).sum::<f64>() - precision.cholesky().unwrap().log_determinant());
    assert!(gap > 0.1, "there are correlations");
    assert_close(&[evidence - fit.elbo], &[gap], 0.0, 4.0 * fit.standard_error + 0.02, "the mean field's gap");
}

/// A hundred thousand draws of each estimator, at a guide that is not the posterior: the mean is the exact gradient within 4 standard
/// errors, and the variances are in the order that theory gives.
#[test]
fn every_estimator_has_the_exact_gradient_as_its_mean() {
    let model = Regression::new();
    let (precision, pull) = (model.precision(), model.pull());
    let (loc, scale) = ([0.9, -0.2, 0.1], [0.2, 0.3, 0.15]);
    let device = f64_device();
    let guide = MeanField::from_parts(tensor(&loc, [3], &device), tensor(&scale, [3], &device));
    // ∂(−ELBO)/∂μ = Λμ − b, ∂(−ELBO)/∂ln σ = Λᵢᵢ·σᵢ² − 1.
    let mut exact: Vec<f64> = precision.multiply(&loc).iter().zip(&pull).map(|(a, b)| a - b).collect();
    exact.extend((0..3).map(|i| precision.at(i, i) * scale[i] * scale[i] - 1.0));
    assert_eq!(named(&guide).iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["loc", "log_scale"]);
    let mut total_variances = Vec::new();
    for estimator in
        [Estimator::Reparameterized, Estimator::StickingTheLanding, Estimator::LeaveOneOut, Estimator::ScoreFunction]
    {
        let moments = gradient_moments(&model, &guide, estimator, 1000, 100, 21);
        let bias = moments.worst_bias(&exact);
        assert!(bias <= 4.0, "{estimator:?}: {bias} standard errors off: {moments:?}, exactly {exact:?}");
        total_variances.push(moments.variance);
    }
    let [pathwise, sticking, leave_one_out, score] = total_variances[..] else { unreachable!("four estimators") };
    println!(
        "variances: pathwise {pathwise:.2e}, sticking {sticking:.2e}, leave one out {leave_one_out:.2e}, score {score:.2e}"
    );
    assert!(sticking < pathwise && pathwise < 0.5 * leave_one_out && leave_one_out < 0.1 * score);
}

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
    assert!(BayesianLogistic::new(&rows(&json["x"], 2), &positive[1..], 1.0).is_none());
    assert!(BayesianLogistic::new(&rows(&json["x"], 2), &positive, 0.0).is_none());
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
        Svi { estimator: Estimator::StickingTheLanding, steps: 1500, lr: 0.05, evaluation: 4000, ..Svi::default() };
    let fit = svi.fit(&model, MeanField::new(1, &f64_device())).unwrap();
    // With 71 counted a gamma distribution is nearly log-normal: KL(q ‖ p) is about 1/(24·71).
    assert!(
        fit.elbo < evidence + 3.0 * fit.standard_error && evidence - fit.elbo < 0.01,
        "{} beside {evidence}",
        fit.elbo
    );
    let deviation = values(fit.guide.stddev())[0];
    assert_close(&[deviation], &[(a + sum).powf(-0.5)], 0.05, 0.0, "the logarithm's deviation");
    // The score function needs no derivative of the model, and comes there too, more slowly.
    let svi = Svi { estimator: Estimator::LeaveOneOut, particles: 32, steps: 2000, lr: 0.05, ..Svi::default() };
    let fit = svi.fit(&model, MeanField::new(1, &f64_device())).unwrap();
    assert!(evidence - fit.elbo < 0.05, "{} beside {evidence}", fit.elbo);
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
    let model = LogJointOf::new(posterior.dims(), |z| posterior.log_joint(z));
    let nuts = reference("nuts");
    let (mean, sd) = (numbers(&nuts["mean"]), numbers(&nuts["sd"]));
    let start = tensor::<1>(&[0.0; 31], [31], &device);
    let mode = laplace(&model, start, &Stop::default()).unwrap().posterior;
    let (loc, factor) = (mode.loc().squeeze_dim::<1>(0), mode.scale_tril().squeeze_dim::<2>(0));
    let svi = Svi { estimator: Estimator::StickingTheLanding, particles: 16, steps: 3000, lr: 0.01, ..Svi::default() };
    let fit = svi.fit(&model, FullRank::from_parts(loc, factor)).unwrap();
    let (got, spread) = (values(fit.guide.mean()), values(fit.guide.stddev()));
    let worst = |f: &dyn Fn(usize) -> f64| (0..sd.len()).map(f).fold(0.0, f64::max);
    let of_means = worst(&|i| (got[i] - mean[i]).abs() / sd[i]);
    let of_deviations = worst(&|i| (spread[i] / sd[i] - 1.0).abs());
    println!(
        "full rank: means within {of_means:.3} deviations, deviations within {of_deviations:.3}, bound {:.3}",
        fit.elbo
    );
    assert!(of_means < 0.15 && of_deviations < 0.1);
    let narrow = svi.fit(&model, MeanField::new(posterior.dims(), &device)).unwrap();
    let ratio = values(narrow.guide.stddev()).iter().zip(&sd).map(|(a, b)| a / b).sum::<f64>() / sd.len() as f64;
    println!("mean field: deviations {ratio:.2} of NUTS's in the mean, bound {:.3}", narrow.elbo);
    assert!(ratio < 0.8 && narrow.elbo < fit.elbo);
}

#[test]
fn fits_end_and_settings_are_checked() {
    let model = Regression::new();
    let guide = || MeanField::new(3, &f64_device());
    let fit = Svi { tol_rel: 0.01, ..Svi::default() }.fit(&model, guide()).unwrap();
    assert!(fit.status == SviStatus::Converged && fit.trace.len() < 5000, "{:?} after {}", fit.status, fit.trace.len());
    let again = Svi { tol_rel: 0.01, ..Svi::default() }.fit(&model, guide()).unwrap();
    assert_eq!(fit.trace, again.trace, "the same seed, the same fit");
    let nan = LogJointOf::new(3, |z: Tensor<2>| z.sum_dim(1).squeeze_dim(1) * f64::NAN);
    let fit = Svi { steps: 10, ..Svi::default() }.fit(&nan, guide()).unwrap();
    assert_eq!((fit.status, fit.trace.len()), (SviStatus::Diverged, 0));
    let refused = |svi: Svi| svi.fit(&model, guide()).map(|fit| fit.elbo).unwrap_err();
    let lone = Svi { estimator: Estimator::LeaveOneOut, particles: 1, ..Svi::default() };
    assert!(matches!(refused(lone), ViError::Setting { name: "particles", .. }));
    assert!(matches!(refused(Svi { lr: 0.0, ..Svi::default() }), ViError::Setting { name: "lr", .. }));
    assert!(matches!(refused(Svi { steps: 0, ..Svi::default() }), ViError::Setting { name: "steps", .. }));
    let wrong = Svi::default().fit(&model, MeanField::new(2, &f64_device())).map(|fit| fit.elbo);
    assert!(matches!(wrong, Err(ViError::Dims { expected: 3, got: 2 })));
}
