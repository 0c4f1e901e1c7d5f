//! Guides of every family, at the posterior or as near as the family goes.

use kiln::{
    dist::LogJointOf,
    prelude::*,
    tensor::linalg::Symmetric,
    train::vi::{
        Delta, Estimator, FullRank, Guide, LowRank, MeanField, SampleAverage, Svi, SviStatus, ViError, laplace,
    },
};
use kiln_testkit::{assert_close, f64_device, tensor, values};

use crate::{QUICK, regression::Regression};

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
    // Nor has a slope a mode.
    let slope = LogJointOf::new(1, |z: Tensor<2>| z.squeeze_dim(1));
    let start = tensor::<1>(&[0.0], [1], &f64_device());
    assert!(matches!(laplace(&slope, start, &Stop::default()), Err(ViError::NoMode { .. })));
}

#[test]
fn a_full_rank_guide_reaches_the_posterior_and_its_bound_the_evidence() {
    let model = Regression::new();
    let evidence = model.log_evidence();
    let svi = Svi { estimator: Estimator::StickingTheLanding, steps: 3000, lr: Some(0.03), ..QUICK };
    let fit = svi.fit(&model, FullRank::new(3, &f64_device())).unwrap();
    assert_eq!((fit.status, fit.trace.len()), (SviStatus::Completed, 3000));
    // The guide comes to the posterior itself, and with it the estimator's variance to nothing.
    assert_close(&values(fit.guide.mean()), &model.mean(), 0.0, 2e-3, "mean");
    let covariance = model.covariance();
    let exact: Vec<f64> = (0..9).map(|i| covariance.at(i / 3, i % 3)).collect();
    assert_close(&values(fit.guide.covariance()), &exact, 0.0, 1e-3, "covariance");
    assert!(
        (fit.importance.elbo() - evidence).abs() <= 3.0 * fit.importance.standard_error() + 1e-4,
        "{} ± {} beside {evidence}",
        fit.importance.elbo(),
        fit.importance.standard_error()
    );

    // Independent numbers have the precisions of each given the others, and a bound below.
    let fit = Svi { steps: 3000, lr: Some(0.03), ..QUICK }.fit(&model, MeanField::new(3, &f64_device())).unwrap();
    let precision = model.precision();
    let narrow: Vec<f64> = (0..3).map(|i| precision.at(i, i).powf(-0.5)).collect();
    assert_close(&values(fit.guide.mean()), &model.mean(), 0.0, 0.02, "the mean field's mean");
    assert_close(&values(fit.guide.stddev()), &narrow, 0.05, 0.0, "the mean field's deviations");
    // KL(q ‖ p) = ½·(Σ ln Λᵢᵢ − ln det Λ).
    let gap =
        0.5 * ((0..3).map(|i| precision.at(i, i).ln()).sum::<f64>() - precision.cholesky().unwrap().log_determinant());
    assert!(gap > 0.1, "there are correlations");
    assert_close(
        &[evidence - fit.importance.elbo()],
        &[gap],
        0.0,
        4.0 * fit.importance.standard_error() + 0.02,
        "the mean field's gap",
    );
}

/// ln N(z; μ, Σ) but for its constant, of which the evidence is then known.
fn normal(loc: [f64; 4], covariance: &Symmetric) -> (impl Fn(Tensor<2>) -> Tensor<1> + Sync, f64) {
    let factor = covariance.cholesky().unwrap();
    let precision = factor.inverse();
    let entries: Vec<f64> = (0..16).map(|i| precision.at(i / 4, i % 4)).collect();
    let evidence = 2.0 * (2.0 * std::f64::consts::PI).ln() + 0.5 * factor.log_determinant();
    let log_joint = move |z: Tensor<2>| {
        let like = |v: &[f64], shape: [usize; 2]| tensor::<2>(v, shape, &f64_device()).to_device(&z.device());
        let apart = z.clone() - like(&loc, [1, 4]);
        (apart.clone().matmul(like(&entries, [4, 4])) * apart).sum_dim(1).squeeze_dim::<1>(1) * -0.5
    };
    (log_joint, evidence)
}

#[test]
fn a_low_rank_guide_reaches_a_posterior_of_its_family() {
    let (loc, factor, scale) = ([1.0, -0.5, 0.2, 2.0], [0.9, -0.6, 0.7, 0.4], [0.3, 0.5, 0.2, 0.4]);
    let covariance =
        Symmetric::from_fn(4, |i, j| factor[i] * factor[j] + if i == j { scale[i] * scale[i] } else { 0.0 });
    let (log_joint, evidence) = normal(loc, &covariance);
    let model = LogJointOf::new(4, log_joint);
    let device = f64_device();
    let start = LowRank::new(4, 1, &device, &mut Stream::new(1, "start", 0, 0));
    let svi = Svi { estimator: Estimator::StickingTheLanding, steps: 3000, lr: Some(0.03), ..QUICK };
    let fit = svi.fit(&model, start).unwrap();
    let exact: Vec<f64> = (0..16).map(|i| covariance.at(i / 4, i % 4)).collect();
    assert_close(&values(fit.guide.covariance()), &exact, 0.0, 0.01, "the covariance");
    assert_close(&values(fit.guide.mean()), &loc, 0.0, 0.01, "the mean");
    assert_close(
        &values(fit.guide.stddev()),
        &(0..4).map(|i| exact[5 * i].sqrt()).collect::<Vec<_>>(),
        0.01,
        0.0,
        "the deviations",
    );
    assert!((fit.importance.elbo() - evidence).abs() < 3.0 * fit.importance.standard_error() + 1e-3);
    // With one direction in place of four the full covariance has, and with a diagonal only, bounds are lower.
    let narrow = svi.fit(&model, MeanField::new(4, &device)).unwrap();
    assert!(narrow.importance.elbo() < evidence - 0.5, "{} beside {evidence}", narrow.importance.elbo());
    let again =
        LowRank::from_parts(tensor(&loc, [4], &device), tensor(&factor, [4, 1], &device), tensor(&scale, [4], &device))
            .unwrap();
    assert_close(&values(again.covariance()), &exact, 1e-12, 1e-12, "from its parts");
}

#[test]
fn a_point_comes_to_the_mode() {
    let model = Regression::new();
    let device = f64_device();
    let stop = Stop { gtol: 1e-9, ..Stop::default() };
    let fit = SampleAverage { draws: 1, stop, ..SampleAverage::default() }.fit(&model, Delta::new(3, &device)).unwrap();
    assert!(fit.outcome.success);
    assert_close(&values(fit.guide.mean()), &model.mean(), 1e-9, 1e-10, "by L-BFGS");
    assert_close(&[fit.importance.elbo()], &[-fit.outcome.value], 1e-12, 0.0, "the bound is ln p(data, mode)");
    assert!(values(fit.guide.stddev()).iter().all(|s| *s == 0.0) && fit.importance.standard_error() < 1e-12);
    let fit =
        Svi { steps: 2000, particles: 1, ..QUICK }.fit(&model, Delta::at(tensor(&[1.0; 3], [3], &device))).unwrap();
    assert_close(&values(fit.guide.mean()), &model.mean(), 0.0, 1e-4, "by Adam");
}

/// Over many draws the average's top is the bound's; over few it is a top, found without a step size.
#[test]
fn fixed_draws_have_a_maximum() {
    let model = Regression::new();
    let device = f64_device();
    let stop = Stop { gtol: 1e-6, ..Stop::default() };
    let average = SampleAverage { draws: 4000, stop, ..SampleAverage::default() };
    let fit = average.fit(&model, FullRank::new(3, &device)).unwrap();
    assert!(fit.outcome.success && fit.outcome.iterations < 100, "{}", fit.outcome.message);
    // The covariance that fits best is the posterior's over that of the draws' noise, whose entries are off by √(2/4000) = 0.022.
    let covariance = model.covariance();
    let exact: Vec<f64> = (0..9).map(|i| covariance.at(i / 3, i % 3)).collect();
    let largest = exact.iter().fold(0.0f64, |a, b| a.max(*b));
    assert_close(&values(fit.guide.covariance()), &exact, 0.0, 4.0 * 0.022 * largest, "covariance");
    let evidence = model.log_evidence();
    assert!((fit.importance.elbo() - evidence).abs() < 3.0 * fit.importance.standard_error() + 0.01);
    let few =
        SampleAverage { draws: 30, stop, ..SampleAverage::default() }.fit(&model, MeanField::new(3, &device)).unwrap();
    let again =
        SampleAverage { draws: 30, stop, ..SampleAverage::default() }.fit(&model, MeanField::new(3, &device)).unwrap();
    assert!(few.outcome.success && few.outcome.value.to_bits() == again.outcome.value.to_bits(), "without chance");
    // Where the average over the noise ε has no slope: Λ·(m − posterior mean + σ∘ε̄) = 0, and σᵢ·Σⱼ Λᵢⱼ·Cᵢⱼ·σⱼ = 1, C being the noise's
    // covariance. The gradient's tolerance is a millionth of the solver's own scale.
    let (precision, m, sd) = (model.precision(), values(few.guide.mean()), values(few.guide.stddev()));
    let unit = MeanField::from_parts(tensor(&[0.0; 3], [3], &device), tensor(&[1.0; 3], [3], &device)).unwrap();
    assert!(MeanField::from_parts(tensor(&[0.0; 3], [3], &device), tensor(&[1.0; 2], [2], &device)).is_err());
    let noise = values(unit.rsample(30, &mut Stream::new(0, "fixed-draws", 0, 0)));
    let mean = |f: &dyn Fn(&[f64]) -> f64| noise.chunks_exact(3).map(f).sum::<f64>() / 30.0;
    let centre = [0, 1, 2].map(|i| mean(&|e| e[i]));
    let expected: Vec<f64> = (0..3).map(|i| model.mean()[i] - sd[i] * centre[i]).collect();
    assert_close(&m, &expected, 0.0, 1e-6, "the mean at the top");
    let covariance = |i: usize, j: usize| mean(&|e| (e[i] - centre[i]) * (e[j] - centre[j]));
    let one = |i: usize| sd[i] * (0..3).map(|j| precision.at(i, j) * covariance(i, j) * sd[j]).sum::<f64>();
    assert_close(&[one(0), one(1), one(2)], &[1.0; 3], 1e-5, 0.0, "the deviations at the top");
    let refused =
        |draws, guide: FullRank| SampleAverage { draws, ..SampleAverage::default() }.fit(&model, guide).map(|_| ());
    assert!(matches!(refused(3, FullRank::new(3, &device)), Err(ViError::FixedDraws { least: 4, got: 3 })));
    assert!(matches!(refused(30, FullRank::new(2, &device)), Err(ViError::Dims { .. })));
}

/// A posterior far away, N(40, 5²): steps of 0.001 would need forty thousand.
#[test]
fn a_step_size_is_chosen() {
    let model = LogJointOf::new(2, |z: Tensor<2>| ((z - 40.0) * 0.2).square().sum_dim(1).squeeze_dim::<1>(1) * -0.5);
    let svi = Svi { lr: None, steps: 2000, ..QUICK };
    let fit = svi.fit(&model, MeanField::new(2, &f64_device())).unwrap();
    assert!((fit.lr - 1.0).abs() < 1e-12, "{}", fit.lr);
    assert_close(&values(fit.guide.mean()), &[40.0; 2], 0.0, 0.5, "the mean");
    // And a narrow one, N(0, 0.001²), where steps of 1 would go to and fro.
    let narrow = LogJointOf::new(2, |z: Tensor<2>| (z * 1000.0).square().sum_dim(1).squeeze_dim::<1>(1) * -0.5);
    let fit = Svi { lr: None, ..QUICK }.fit(&narrow, MeanField::new(2, &f64_device())).unwrap();
    let evidence = (2.0 * std::f64::consts::PI).ln() - 2.0 * 1000f64.ln();
    assert!(fit.lr < 1.0 && evidence - fit.importance.elbo() < 0.2, "{} with {}", fit.importance.elbo(), fit.lr);
}

/// ln (1 − z): beyond 1 it is not a number, and large steps lead there.
#[test]
fn what_diverges_leaves_the_last_guide_that_had_a_bound() {
    let edge =
        LogJointOf::new(1, |z: Tensor<2>| (-z.clone() + 1.0).log().squeeze_dim::<1>(1) + z.squeeze_dim::<1>(1) * 5.0);
    let fit = Svi { lr: Some(0.5), ..QUICK }.fit(&edge, MeanField::new(1, &f64_device())).unwrap();
    assert_eq!(fit.status, SviStatus::Diverged);
    assert!(!fit.trace.is_empty() && fit.trace.iter().all(|bound| bound.is_finite()));
    assert!(values(fit.guide.mean())[0].is_finite() && values(fit.guide.stddev())[0].is_finite());
}
