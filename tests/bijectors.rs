//! Maps, transformed distributions and mixtures against PyTorch, and maps against their own derivatives.

use kiln::{
    dist::{
        Affine, Bijector, Chain, Constraint, CorrelationCholesky, DistError, Exp, Independent, LkjCholesky,
        LowerCholesky, Mixture, Sigmoid, Softplus, StickBreaking, Transformed,
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
    check(&CorrelationCholesky, &maps["correlation_cholesky"], "a correlation's factor");
    check(&Constraint::CorrelationCholesky, &maps["correlation_cholesky"], "CorrelationCholesky");
    let stretch = Affine::new(row(&[-1.0]), row(&[4.0])).unwrap();
    check(&Chain::new(Sigmoid, stretch), &maps["interval"], "chain");
    check(&Constraint::Interval { low: -1.0, high: 3.0 }, &maps["interval"], "Interval");
}

/// A map onto matrices, of which some entries are looked at.
#[derive(Clone)]
struct Entries<B>(B, [usize; 3]);

impl<B: Bijector<1>> Bijector<1> for Entries<B> {
    fn forward(&self, x: Tensor<1>) -> Tensor<1> {
        let matrix = self.0.forward(x);
        Tensor::cat(self.1.iter().map(|&entry| matrix.clone().narrow(0, entry, 1)).collect(), 0)
    }

    fn inverse(&self, y: Tensor<1>) -> Tensor<1> {
        y
    }

    fn log_abs_det_jacobian(&self, x: Tensor<1>) -> Tensor<1> {
        self.0.log_abs_det_jacobian(x)
    }
}

#[test]
fn a_covariance_s_factor_is_made_of_its_entries() {
    let x = row(&[0.0, 0.5, 2f64.ln(), -0.3, 0.7, 0.1]);
    let factor = LowerCholesky.forward(x.clone());
    let expected = [1.0, 0.0, 0.0, 0.5, 2.0, 0.0, -0.3, 0.7, 0.1f64.exp()];
    assert_close(&values(factor.clone()), &expected, 1e-15, 1e-15, "L");
    assert_close(&values(Constraint::LowerCholesky.inverse(factor)), &values(x), 1e-14, 1e-15, "and back");
    assert_eq!((Constraint::LowerCholesky.free(9), Constraint::CorrelationCholesky.free(9)), (Ok(6), Ok(3)));
    assert!(matches!(Constraint::LowerCholesky.free(8), Err(DistError::Length { got: 8, .. })));
    assert!(matches!(Constraint::Simplex.free(0), Err(DistError::Length { got: 0, .. })));
    let empty = Constraint::Interval { low: 2.0, high: 2.0 };
    assert!(matches!(empty.free(1), Err(DistError::Interval { .. })));
    // One row: its factor is 1, with no number free, for any rank.
    let none = Tensor::<1>::zeros([0], &f64_device());
    assert_eq!(values(CorrelationCholesky.forward(none.clone())), [1.0]);
    assert_eq!(CorrelationCholesky.inverse(Tensor::<3>::ones([2, 1, 1], &f64_device())).dims(), [2, 1, 0]);
    assert_eq!(values(CorrelationCholesky.log_abs_det_jacobian(none)), [0.0]);
    let one = LkjCholesky::new(1, row(&[0.7])).unwrap();
    let draw = one.sample(&mut Stream::new(0, "lkj", 0, 0));
    assert_eq!((values(draw.clone()), values(one.log_prob(draw))), (vec![1.0], vec![0.0]));
    // The way back has derivatives at the identity, 1 for each entry.
    let identity = row(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]).autodiff().require_grad();
    let slope = values(identity.grad(&CorrelationCholesky.inverse(identity.clone()).sum().backward()).unwrap());
    assert_close(&[slope[3], slope[6], slope[7]], &[1.0; 3], 1e-14, 0.0, "∂x/∂L");
    // A million draws of a posterior cannot leave the factors: rows have length 1 far out too.
    let far = CorrelationCholesky.forward(row(&[30.0, -25.0, 0.1, 8.0, -40.0, 3.0]));
    let lengths = values(far.reshape([4, 4]).square().sum_dim(1));
    assert_close(&lengths, &[1.0; 4], 1e-14, 0.0, "rows");
}

#[test]
fn correlations_have_pytorch_s_density_and_the_moments_of_theirs() {
    for expected in reference("bijectors")["lkj"].as_array().unwrap() {
        let k = expected["k"].as_u64().unwrap() as usize;
        let eta = tensor::<2>(&numbers(&expected["concentration"]), [1, 1], &f64_device().autodiff()).require_grad();
        let d = LkjCholesky::new(k, eta.clone()).unwrap().validated().unwrap();
        let log_prob = d.log_prob(row(&numbers(&expected["x"])));
        assert_close(&values(log_prob.clone()), &numbers(&expected["log_prob"]), 1e-12, 1e-14, "ln p");
        let slope = eta.grad(&log_prob.backward()).unwrap();
        assert_close(&values(slope), &numbers(&expected["slope"]), 1e-11, 1e-13, "its slope in the concentration");
    }
    // (r + 1)/2 is a Beta(a, a) number with a = η − 1 + k/2: E r² = 1/(2a + 1).
    let (k, eta, n) = (3, 1.7, 100_000);
    let d = LkjCholesky::new(k, row(&[eta]).repeat_dim(0, n)).unwrap();
    let draws = d.sample(&mut Stream::new(5, "lkj", 0, 0));
    let factors = draws.clone().reshape([n, 3, 3]);
    let correlations = values(factors.clone().matmul(factors.transpose()).reshape([n, 9]));
    let a = eta - 1.0 + 1.5;
    for entry in [3, 6, 7] {
        let squares: Vec<f64> = correlations.iter().skip(entry).step_by(9).map(|r| r * r).collect();
        let mean = squares.iter().sum::<f64>() / n as f64;
        let variance = squares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n as f64;
        let error = (variance / n as f64).sqrt();
        assert_close(&[mean], &[1.0 / (2.0 * a + 1.0)], 0.0, 5.0 * error, "E r²");
    }
    // The gradient of E Σ L² below the diagonal through the draws: E y of Beta(i/2, η + (k − 1 − i)/2), i = 1, 2.
    let eta = row(&[1.7]).autodiff().require_grad();
    let d = LkjCholesky::new(3, eta.clone().repeat_dim(0, n)).unwrap();
    let draws = d.rsample(&mut Stream::new(6, "lkj", 0, 0));
    let below = draws.clone().narrow(1, 3, 1).square() + draws.narrow(1, 6, 2).square().sum_dim(1);
    let slope = values(eta.grad(&below.mean().backward()).unwrap())[0];
    let exact = -0.5 / (1.7 + 1.0f64).powi(2) - 1.0 / (1.7 + 1.0f64).powi(2);
    // Each draw's slope is at most some tenths.
    assert_close(&[slope], &[exact], 0.0, 5.0 * 0.3 / (n as f64).sqrt(), "through the draws");
    let at = |x: &[f64]| values(LkjCholesky::new(2, row(&[1.0])).unwrap().log_prob(row(x)))[0];
    assert!(at(&[1.0, 0.0, 0.6, 0.8]).is_finite());
    for outside in [[1.0, 0.1, 0.6, 0.8], [1.0, 0.0, 0.6, 0.6], [1.0, 0.0, 0.6, -0.8]] {
        assert!(at(&outside) == f64::NEG_INFINITY, "{outside:?}");
    }
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
    check(&Entries(LowerCholesky, [0, 2, 3]), "a covariance's factor, in its entries");
    check(&Entries(CorrelationCholesky, [3, 6, 7]), "a correlation's factor, in its entries");
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
    let outside = values(by_hand.log_prob(row(&[-1.0, 0.0, f64::NAN])));
    assert!(outside[0] == f64::NEG_INFINITY && outside[1] == f64::NEG_INFINITY && outside[2].is_nan(), "{outside:?}");
    // One value outside leaves the others' gradients alone.
    let loc = row(&[0.3]).autodiff().require_grad();
    let around = Transformed::new(Normal::new(loc.clone(), row(&[0.7]).autodiff()).unwrap(), Exp);
    let log_prob = around.log_prob(row(&[-1.0, 0.0, 1.0]).autodiff());
    let slope = values(loc.grad(&log_prob.narrow(1, 2, 1).backward()).unwrap());
    assert_close(&slope, &[-0.3 / 0.49], 1e-13, 0.0, "∂ ln p/∂μ at 1");
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
