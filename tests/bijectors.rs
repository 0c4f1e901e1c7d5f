//! Maps, transformed distributions and mixtures against PyTorch, and maps against their own derivatives.

use kiln::{
    dist::{
        Affine, Bijector, Chain, Constraint, Exp, Independent, Mixture, Sigmoid, Softplus, StickBreaking, Transformed,
    },
    prelude::*,
    tensor::derivative::Function,
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

fn row(numbers: &[f64]) -> Tensor<2> {
    tensor(numbers, [1, numbers.len()], &f64_device())
}

fn check(map: &impl Bijector<2>, expected: &Value, what: &str) {
    let (x, y) = (row(&numbers(&expected["x"])), numbers(&expected["y"]));
    let forward = map.forward(x.clone());
    assert_close(&values(forward.clone()), &y, 1e-13, 0.0, what);
    assert_close(&values(map.inverse(forward)), &values(x.clone()), 1e-12, 1e-13, &format!("{what}: the way back"));
    let log_det = values(map.log_abs_det_jacobian(x));
    assert_close(&log_det, &numbers(&expected["log_abs_det"]), 1e-13, 1e-14, &format!("{what}: ln |det|"));
}

#[test]
fn maps_match_pytorch() {
    let maps = &reference("bijectors")["maps"];
    check(&Exp, &maps["exp"], "exp");
    check(&Constraint::Positive, &maps["exp"], "Positive");
    check(&Sigmoid, &maps["sigmoid"], "sigmoid");
    check(&Constraint::UnitInterval, &maps["sigmoid"], "UnitInterval");
    check(&Softplus, &maps["softplus"], "softplus");
    check(&Affine::new(row(&[0.5]), row(&[-2.0])).unwrap(), &maps["affine"], "affine");
    check(&StickBreaking, &maps["stick_breaking"], "stick breaking");
    check(&Constraint::Simplex, &maps["stick_breaking"], "Simplex");
    let stretch = Affine::new(row(&[-1.0]), row(&[4.0])).unwrap();
    check(&Chain::new(Sigmoid, stretch), &maps["interval"], "chain");
    check(&Constraint::Interval { low: -1.0, high: 3.0 }, &maps["interval"], "Interval");
}

/// ln |det| is that of the Jacobian that automatic differentiation gives; for vectors on the simplex that of all numbers but the last.
#[test]
fn determinants_are_those_of_the_jacobian() {
    fn check(map: &(impl Bijector<1> + Send + Sync), what: &str) {
        let x = tensor::<1>(&[0.3, -1.2, 0.8], [3], &f64_device());
        let f = Function::new(&kiln::burn::module::Param::from_tensor(x.clone()), (), |x: &Param1, ()| {
            map.forward(x.val()).narrow(0, 0, 3)
        });
        let j = values(f.jacobian(&x).unwrap());
        let det = j[0] * (j[4] * j[8] - j[5] * j[7]) - j[1] * (j[3] * j[8] - j[5] * j[6])
            + j[2] * (j[3] * j[7] - j[4] * j[6]);
        let log_det = values(map.log_abs_det_jacobian(x).sum());
        assert_close(&log_det, &[det.abs().ln()], 1e-12, 1e-13, what);
    }
    type Param1 = kiln::burn::module::Param<Tensor<1>>;
    check(&Exp, "exp");
    check(&Softplus, "softplus");
    check(&Sigmoid, "sigmoid");
    check(&StickBreaking, "stick breaking");
    check(&Constraint::Interval { low: -2.0, high: 0.5 }, "interval");
    check(&Chain::new(Chain::new(Softplus, Exp), Sigmoid), "chain");
    check(&Chain::new(Softplus, StickBreaking), "numbers, then a vector");
}

#[test]
fn mixtures_match_pytorch() {
    let expected = &reference("bijectors")["mixture"];
    let column = |key: &str| row(&numbers(&expected[key])).repeat_dim(0, 5);
    let weights = Categorical::from_logits(column("logits"));
    let d = Mixture::new(weights, Normal::new(column("loc"), column("scale")).unwrap()).unwrap();
    let x = tensor::<2>(&numbers(&expected["x"]), [5, 1], &f64_device());
    assert_close(&values(d.log_prob(x.clone())), &numbers(&expected["log_prob"]), 1e-12, 1e-14, "log_prob");
    assert_close(&values(d.cdf(x)), &numbers(&expected["cdf"]), 1e-12, 1e-15, "cdf");
    let all = |key: &str| vec![expected[key].as_f64().unwrap(); 5];
    assert_close(&values(d.mean()), &all("mean"), 1e-13, 0.0, "mean");
    assert_close(&values(d.variance()), &all("variance"), 1e-13, 0.0, "variance");
    // Draws, by their first two moments.
    let n = 100_000;
    let column = |key: &str| row(&numbers(&expected[key])).repeat_dim(0, n);
    let weights = Categorical::from_logits(column("logits"));
    let d = Mixture::new(weights, Normal::new(column("loc"), column("scale")).unwrap()).unwrap();
    let x = values(d.sample(&mut Stream::new(2, "mixture", 0, 0)));
    let (mean, variance) = (expected["mean"].as_f64().unwrap(), expected["variance"].as_f64().unwrap());
    let average = x.iter().sum::<f64>() / n as f64;
    assert_close(&[average], &[mean], 0.0, 5.0 * (variance / n as f64).sqrt(), "the draws' mean");
    let squares: Vec<f64> = x.iter().map(|x| (x - mean).powi(2)).collect();
    let spread = squares.iter().sum::<f64>() / n as f64;
    let fourth = squares.iter().map(|s| (s - spread).powi(2)).sum::<f64>() / n as f64;
    assert_close(&[spread], &[variance], 0.0, 5.0 * (fourth / n as f64).sqrt(), "the draws' variance");
    let two = Normal::new(row(&[0.0, 1.0]), row(&[1.0, 1.0])).unwrap();
    assert!(Mixture::new(Categorical::from_logits(row(&[0.0, 0.0, 0.0])), two).is_err());
}

#[test]
fn transformed_distributions_match_pytorch() {
    let expected = &reference("bijectors")["logistic_normal"];
    let normal = Normal::new(row(&numbers(&expected["loc"])), row(&numbers(&expected["scale"]))).unwrap();
    let x = tensor::<2>(&numbers(&expected["x"]), [2, 3], &f64_device());
    for (log_prob, what) in [
        (Transformed::new(Independent::new(normal.clone()), StickBreaking).log_prob(x.clone()), "of a vector"),
        (Transformed::new(normal.clone(), StickBreaking).log_prob(x), "of numbers, which are summed"),
    ] {
        assert_close(&values(log_prob), &numbers(&expected["log_prob"]), 1e-12, 0.0, what);
    }
    let draws = Transformed::new(normal, StickBreaking).rsample(&mut Stream::new(0, "t", 0, 0));
    assert_eq!(draws.dims(), [1, 3]);
    assert_close(&values(draws.sum()), &[1.0], 1e-14, 0.0, "a draw is on the simplex");
    // The log-normal distribution, made by hand.
    let x = row(&[0.4, 1.0, 3.0]);
    let normal = || Normal::new(row(&[0.3]), row(&[0.7])).unwrap();
    let own = kiln::dist::LogNormal::new(row(&[0.3]), row(&[0.7])).unwrap();
    let by_hand = Transformed::new(normal(), Exp);
    assert_close(&values(by_hand.log_prob(x.clone())), &values(own.log_prob(x)), 1e-13, 1e-15, "log-normal");
    let noise = row(&[1.2]);
    assert_close(
        &values(by_hand.rsample_from_noise(noise.clone())),
        &values(own.rsample_from_noise(noise)),
        1e-14,
        0.0,
        "draws",
    );
    let independent = (Independent::new(normal()), Independent::new(Normal::standard([1, 1], &f64_device())));
    let kl = values(kl_divergence(&independent.0, &independent.1));
    assert_close(&kl, &values(normal().kl_to_standard()), 1e-13, 0.0, "KL of vectors");
}
