//! Every estimator's mean and variance, beside exact gradients.

use kiln::{
    dist::{LogJoint, LogJointOf},
    models::bayes::EightSchools,
    prelude::*,
    tensor::{flat::Layout, linalg::Symmetric, params::named},
    train::vi::{Delta, Estimator, FullRank, GradientMoments, Guide, MeanField, ViError, gradient, gradient_moments},
};
use kiln_testkit::{assert_close, f64_device, tensor, values};

use crate::regression::Regression;

/// A hundred thousand draws of each estimator, at a guide that is not the posterior: the mean is the exact gradient within 4 standard
/// errors, and the variances are in the order that theory gives.
#[test]
fn every_estimator_has_the_exact_gradient_as_its_mean() {
    let model = Regression::new();
    let (precision, pull) = (model.precision(), model.pull());
    let (loc, scale) = ([0.9, -0.2, 0.1], [0.2, 0.3, 0.15]);
    let device = f64_device();
    let guide = MeanField::from_parts(tensor(&loc, [3], &device), tensor(&scale, [3], &device)).unwrap();
    // ∂(−ELBO)/∂μ = Λμ − b, ∂(−ELBO)/∂ln σ = Λᵢᵢ·σᵢ² − 1.
    let mut exact: Vec<f64> = precision.multiply(&loc).iter().zip(&pull).map(|(a, b)| a - b).collect();
    exact.extend((0..3).map(|i| precision.at(i, i) * scale[i] * scale[i] - 1.0));
    assert_eq!(named(&guide).iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["loc", "log_scale"]);
    let mut total_variances = Vec::new();
    let order = [
        Estimator::StickingTheLanding,
        Estimator::Reparameterized,
        Estimator::LeaveOneOut,
        Estimator::ControlVariate,
        Estimator::RaoBlackwellized,
        Estimator::ScoreFunction,
    ];
    for estimator in order {
        let moments = gradient_moments(&model, &guide, estimator, 10, 10_000, 21).unwrap();
        let bias = moments.worst_bias(&exact);
        assert!(bias <= 4.0, "{estimator:?}: {bias} standard errors off: {moments:?}, exactly {exact:?}");
        total_variances.push(moments.variance);
    }
    println!("{order:?}: variances {total_variances:.4?}");
    let [sticking, pathwise, leave_one_out, control, rao_blackwell, score] = total_variances[..] else {
        unreachable!("six estimators")
    };
    assert!(sticking < pathwise && pathwise < 0.5 * leave_one_out, "through the draws");
    assert!(leave_one_out.max(control) < 0.1 * score && rao_blackwell < 0.5 * score, "by the score");
    // Of nine other particles the multiples are poorly known; of many, each parameter's own is better than one for all.
    let many = |estimator| gradient_moments(&model, &guide, estimator, 1000, 1000, 22).unwrap().variance;
    let (control, leave_one_out) = (many(Estimator::ControlVariate), many(Estimator::LeaveOneOut));
    assert!(control < leave_one_out, "{control} and {leave_one_out} of a thousand draws");
}

/// The largest difference of two means, in standard errors of the difference.
fn apart(a: &GradientMoments, b: &GradientMoments) -> f64 {
    let each = a.mean.iter().zip(&b.mean).zip(a.standard_error.iter().zip(&b.standard_error));
    each.map(|((a, b), (of_a, of_b))| (a - b).abs() / of_a.hypot(*of_b).max(1e-12)).fold(0.0, f64::max)
}

/// Were a factor said not to have a number that it has, its part of that number's gradient would be missing.
#[test]
fn factors_leave_nothing_out() {
    let device = f64_device();
    let z = tensor::<2>(&[0.3, -0.2, 1.1, 0.0, -2.0, 0.7], [2, 3], &device);
    let model = Regression::new();
    let sum = model.factors(z.clone()).terms.sum_dim(1);
    assert_close(&values(sum), &values(model.log_joint(z)), 1e-12, 0.0, "the sum of the factors");
    let loc: Vec<f64> = (0..10).map(|i| [4.0, 0.8, 0.3, -0.2, 0.1, -0.5, 0.6, 0.0, 0.2, -0.1][i]).collect();
    let guide = MeanField::from_parts(tensor(&loc, [10], &device), tensor(&[0.4; 10], [10], &device)).unwrap();
    let pathwise = gradient_moments(&EightSchools, &guide, Estimator::Reparameterized, 10, 4000, 3).unwrap();
    let rao_blackwell = gradient_moments(&EightSchools, &guide, Estimator::RaoBlackwellized, 10, 10_000, 4).unwrap();
    let score = gradient_moments(&EightSchools, &guide, Estimator::ScoreFunction, 10, 10_000, 5).unwrap();
    assert!(apart(&pathwise, &rao_blackwell) < 4.0, "{pathwise:?} {rao_blackwell:?}");
    assert!(rao_blackwell.variance < 0.5 * score.variance, "{} of {}", rao_blackwell.variance, score.variance);
}

#[test]
fn importance_weighted_gradients_agree_and_the_doubly_reparameterised_one_varies_less() {
    let model = Regression::new();
    let device = f64_device();
    let vector = |v: &[f64]| tensor::<1>(v, [3], &device);
    let guide = MeanField::from_parts(vector(&[0.9, -0.2, 0.1]), vector(&[0.2, 0.3, 0.15])).unwrap();
    let plain = gradient_moments(&model, &guide, Estimator::ImportanceWeighted, 10, 10_000, 6).unwrap();
    let doubly = gradient_moments(&model, &guide, Estimator::DoublyReparameterized, 10, 10_000, 7).unwrap();
    assert!(apart(&plain, &doubly) < 4.0, "{plain:?} {doubly:?}");
    assert!(doubly.variance < 0.7 * plain.variance, "{} of {}", doubly.variance, plain.variance);
    // Of one draw the bound is the ELBO.
    let (precision, pull) = (model.precision(), model.pull());
    let mut exact: Vec<f64> = precision.multiply(&[0.9, -0.2, 0.1]).iter().zip(&pull).map(|(a, b)| a - b).collect();
    exact.extend([0.2, 0.3, 0.15].iter().enumerate().map(|(i, s)| precision.at(i, i) * s * s - 1.0));
    let one = gradient_moments(&model, &guide, Estimator::ImportanceWeighted, 1, 20_000, 8).unwrap();
    assert!(one.worst_bias(&exact) < 4.0, "{one:?}, exactly {exact:?}");
}

/// What a guide says of its scores in closed form, beside a backward pass for each row.
#[test]
fn scores_are_gradients_of_ln_q() {
    let device = f64_device();
    let z = tensor::<2>(&[0.3, -0.2, 1.1, 0.0, -2.0, 0.7], [2, 3], &device);
    let vector = |v: &[f64]| tensor::<1>(v, [3], &device);
    let mean_field = MeanField::from_parts(vector(&[0.9, -0.2, 0.1]), vector(&[0.2, 0.3, 0.15])).unwrap();
    let layout = Layout::of(&mean_field);
    let row = |i: usize| {
        let ln_q = mean_field.log_prob(z.clone().slice(i..=i));
        values(layout.gradients(&mean_field, &ln_q.backward()))
    };
    let expected: Vec<f64> = (0..2).flat_map(row).collect();
    assert_close(&values(mean_field.scores(z.clone())), &expected, 1e-12, 1e-12, "the mean field's");
    let tril = tensor::<2>(&[0.5, 0.0, 0.0, 0.2, 0.4, 0.0, -0.1, 0.3, 0.6], [3, 3], &device);
    let loc = [0.9, -0.2, 0.1];
    let full_rank = FullRank::from_parts(vector(&loc), tril).unwrap();
    let covariance = values(full_rank.covariance());
    let precision = Symmetric::from_fn(3, |i, j| covariance[3 * i + j]).cholesky().unwrap().inverse();
    let scores = values(full_rank.scores(z.clone()));
    // In the mean: Σ⁻¹(z − μ). In the logarithm of L's last diagonal entry, Lᵢᵢ·(Σ⁻¹(z − μ)(z − μ)ᵀL⁻ᵀ)ᵢᵢ − 1, and L⁻ᵀ's is 1/Lᵢᵢ.
    for (z, score) in values(z).chunks_exact(3).zip(scores.chunks_exact(3 + 9)) {
        let apart: Vec<f64> = z.iter().zip(&loc).map(|(z, m)| z - m).collect();
        let pull = precision.multiply(&apart);
        assert_close(&score[..3], &pull, 1e-12, 1e-12, "the full rank's, in the mean");
        let whitened = pull[2] * 0.6;
        assert_close(&score[11..], &[whitened * whitened - 1.0], 1e-12, 1e-12, "in its last entry");
        assert!([4, 5, 8].iter().all(|above| score[*above].abs() == 0.0), "above the diagonal");
    }
}

#[test]
fn what_an_estimator_cannot_be_had_of_is_refused() {
    let device = f64_device();
    let model = LogJointOf::new(3, |z: Tensor<2>| z.square().sum_dim(1).squeeze_dim::<1>(1) * -0.5);
    let mut stream = Stream::new(0, "test", 0, 0);
    let mut refused = |name: &str, estimator, particles| {
        let mean_field = MeanField::new(3, &device);
        let found = match name {
            "mean-field" => gradient(&model, &mean_field, estimator, particles, &mut stream),
            "full-rank" => gradient(&model, &FullRank::new(3, &device), estimator, particles, &mut stream),
            _ => gradient(&model, &Delta::new(3, &device), estimator, particles, &mut stream),
        };
        matches!(found, Err(ViError::Setting { .. }))
    };
    assert!(refused("mean-field", Estimator::LeaveOneOut, 1) && refused("mean-field", Estimator::ControlVariate, 1));
    assert!(refused("mean-field", Estimator::Reparameterized, 0));
    assert!(
        refused("full-rank", Estimator::RaoBlackwellized, 8) && !refused("full-rank", Estimator::ControlVariate, 8)
    );
    assert!(refused("delta", Estimator::ScoreFunction, 8) && refused("delta", Estimator::ImportanceWeighted, 8));
    assert!(!refused("delta", Estimator::Reparameterized, 1) && !refused("delta", Estimator::StickingTheLanding, 1));
    assert!(Estimator::ALL.iter().all(|e| serde_json::to_value(e).unwrap() == e.name()), "names are those of files");
}
