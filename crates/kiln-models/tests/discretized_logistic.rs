//! The discretized logistic distribution, against mpmath (`tests/reference/gen/make_vae_likelihoods.py`) and its own probabilities.

use burn::tensor::Tensor;
use kiln_dist::{Distribution, Entropy, Moments};
use kiln_models::DiscretizedLogistic;
use kiln_tensor::Stream;
use kiln_testkit::{assert_close, check_gradient, f64_device, numbers, reference, tensor, values};

/// mpmath has the probability of the interval with 50 digits, far in the tails and for scales from 1e-4 to 1e4 too.
#[test]
fn log_probabilities_of_the_discretized_logistic_are_those_of_intervals() {
    let device = f64_device();
    for case in reference("vae_likelihoods")["discretized_logistic"].as_array().unwrap() {
        let [value, loc, log_scale, log_prob] =
            ["value", "loc", "log_scale", "log_prob"].map(|key| numbers(&case[key]));
        let levels = usize::try_from(case["levels"].as_u64().unwrap()).unwrap();
        let [value, loc, log_scale] = [value, loc, log_scale].map(|v| tensor(&v, [1, v.len()], &device));
        let d = DiscretizedLogistic::new(loc, log_scale, levels).unwrap();
        // A distance of up to 3.7 is rounded, and then divided by a scale of e^−9 or more: 3.7·2⁻⁵³·e⁹ is the largest error, some 3e-12.
        assert_close(&values(d.log_prob(value)), &log_prob, 1e-12, 1e-12, "ln p");
    }
}

#[test]
fn levels_have_a_total_probability_of_1_and_the_moments_of_their_probabilities() {
    let device = f64_device();
    for levels in [2u8, 5, 255] {
        let loc = tensor(&[-0.3, 0.0, 0.4, 0.993, 1.7], [1, 5], &device);
        let log_scale = || tensor(&[-2.5], [1, 1], &device);
        let d = DiscretizedLogistic::new(loc.clone(), log_scale(), levels.into()).unwrap();
        let at = |level: u8| f64::from(level) / f64::from(levels - 1);
        let log_probs: Vec<Vec<f64>> = (0..levels).map(|level| values(d.log_prob(loc.full_like(at(level))))).collect();
        // Σ f(level, ln p). A probability next to 1 has lost the digits of its logarithm.
        let sum = |i: usize, f: &dyn Fn(f64, f64) -> f64| -> f64 {
            (0..levels).zip(&log_probs).map(|(level, log_p)| f(at(level), log_p[i])).sum()
        };
        let each = |f: &dyn Fn(f64, f64) -> f64| (0..5).map(|i| sum(i, f)).collect::<Vec<_>>();
        let mean = each(&|at, log_p| log_p.exp() * at);
        let central = |i: usize, power: i32| sum(i, &|at, log_p| log_p.exp() * (at - mean[i]).powi(power));
        assert_close(&each(&|_, log_p| log_p.exp()), &[1.0; 5], 1e-13, 0.0, "the total");
        assert_close(&values(d.mean()), &mean, 1e-13, 0.0, "the mean");
        assert_close(&values(d.entropy()), &each(&|_, log_p| -log_p.exp() * log_p), 1e-12, 0.0, "the entropy");
        const DRAWS: u32 = 40_000;
        let many = DiscretizedLogistic::new(loc.repeat_dim(0, DRAWS as usize), log_scale(), levels.into()).unwrap();
        let draws = many.sample(&mut Stream::new(0, "draws", 0, 0));
        let [drawn, drawn_variance] = [draws.clone().mean_dim(0), draws.var(0)].map(values);
        let variance = values(d.variance());
        let of_spread: Vec<f64> = (0..5).map(|i| central(i, 2)).collect();
        assert_close(&variance, &of_spread, 1e-12, 0.0, "the variance");
        for i in 0..5 {
            // Five standard errors: of a mean √(v/n), of a variance √((m₄ − v²)/n).
            let [of_mean, of_variance] =
                [variance[i], central(i, 4) - variance[i].powi(2)].map(|v| 5.0 * (v / f64::from(DRAWS)).sqrt());
            assert!((drawn[i] - mean[i]).abs() <= of_mean, "{levels} levels: {drawn:?} {mean:?}");
            assert!((drawn_variance[i] - variance[i]).abs() <= of_variance, "{drawn_variance:?} {variance:?}");
        }
    }
}

#[test]
fn gradients_of_the_discretized_logistic_are_those_of_differences() {
    let device = f64_device();
    let value = tensor::<2>(&[0.0, 0.25, 0.5, 1.0], [1, 4], &device);
    let sum = |parameters: Tensor<1>| {
        let loc = parameters.clone().narrow(0, 0, 4).reshape([1, 4]);
        let log_scale = parameters.narrow(0, 4, 1).reshape([1, 1]);
        DiscretizedLogistic::new(loc, log_scale, 5).unwrap().log_prob(value.clone()).sum()
    };
    check_gradient(sum, &[0.1, 0.2, 0.9, 0.7, -2.0], 1e-7, "ln p by location and scale");
}

#[test]
fn a_discretized_logistic_refuses_shapes_that_do_not_fit() {
    let zeros = |shape| Tensor::<2>::zeros(shape, &f64_device());
    let message =
        |scale, levels| DiscretizedLogistic::new(zeros([2, 3]), zeros(scale), levels).unwrap_err().to_string();
    assert_eq!(message([2, 3], 1), "a likelihood over levels needs at least 2 levels, got 1");
    assert_eq!(message([2, 2], 4), "log_scale has shape [2, 2], which does not fit loc's [2, 3]");
}
