//! What holds of any distribution: draws, derivatives, quantiles, edges.

use super::*;

/// The distribution function is the integral of the density, which is 1 in all: between two points, by Gauss and Legendre's rule of
/// five points in each of many intervals; of counts by sums.
#[test]
fn densities_are_the_derivatives_of_distribution_functions() {
    const NODES: [(f64, f64); 5] = [
        (0.0, 0.568_888_888_888_888_9),
        (0.538_469_310_105_683, 0.478_628_670_499_366_47),
        (-0.538_469_310_105_683, 0.478_628_670_499_366_47),
        (0.906_179_845_938_664, 0.236_926_885_056_189_1),
        (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
    ];
    for (name, params) in examples() {
        if is_discrete(name) {
            let x: Vec<f64> = (0..40).map(f64::from).collect();
            let d = family(name, Parameters(&params, x.len(), &Place::f64()));
            let (p, cdf) = (values(d.log_prob(vector(&x)).exp()), values(d.cdf(vector(&x))));
            let mut sum = 0.0;
            for (p, cdf) in p.iter().zip(&cdf) {
                sum += p;
                assert_close(&[*cdf], &[sum], 1e-12, 0.0, &format!("{name} {params}"));
            }
            let between = values(d.log_prob(vector(&[1.5; 40])));
            assert!(between.iter().all(|p| *p == f64::NEG_INFINITY), "{name}: between counts there is nothing");
            continue;
        }
        // From 0.05 to 0.95, where all are smooth but for Laplace's point and for ends.
        let (low, high, pieces) = (0.05, 0.95, 400usize);
        let half = (high - low) / pieces as f64 / 2.0;
        let points = |i: usize| NODES.map(|(node, weight)| (low + half * (2.0 * i as f64 + 1.0 + node), weight * half));
        let (x, weights): (Vec<f64>, Vec<f64>) = (0..pieces).flat_map(points).unzip();
        let d = family(name, Parameters(&params, x.len(), &Place::f64()));
        let densities = values(d.log_prob(vector(&x)).exp());
        let integral: f64 = densities.iter().zip(&weights).map(|(p, w)| p * w).sum();
        let ends = family(name, Parameters(&params, 2, &Place::f64()));
        let cdf = values(ends.cdf(vector(&[low, high])));
        assert_close(&[integral], &[cdf[1] - cdf[0]], 1e-9, 0.0, &format!("{name} {params}"));
        let far = values(ends.cdf(vector(&[-1e12, 1e12])));
        assert_close(&far, &[0.0, 1.0], 0.0, 1e-9, &format!("{name}: the ends"));
    }
}

/// A million draws of each: the mean and the variance within five standard errors, and Kolmogorov and Smirnov's distance from the
/// distribution function below its 0.1% point, 1.95/√n, which for counts is on the safe side.
#[test]
fn draws_follow_the_distribution() {
    let n = 1_000_000usize;
    for (index, (name, params)) in examples().into_iter().enumerate() {
        let d = family(name, Parameters(&params, n, &Place::f64()));
        let mut x = values(d.sample(&mut Stream::new(7, "draws", index as u64, 0)));
        let (mean, variance) = (values(d.mean())[0], values(d.variance())[0]);
        if name != "Cauchy" {
            let average = x.iter().sum::<f64>() / n as f64;
            assert_close(
                &[average],
                &[mean],
                0.0,
                5.0 * (variance / n as f64).sqrt(),
                &format!("mean of {name} {params}"),
            );
            let squares: Vec<f64> = x.iter().map(|x| (x - mean).powi(2)).collect();
            let spread = squares.iter().sum::<f64>() / n as f64;
            let fourth = squares.iter().map(|s| (s - spread).powi(2)).sum::<f64>() / n as f64;
            let error = 5.0 * (fourth / n as f64).sqrt();
            assert_close(&[spread], &[variance], 0.0, error, &format!("variance of {name} {params}"));
        }
        x.sort_by(f64::total_cmp);
        let cdf = values(d.cdf(vector(&x)));
        let distance = if is_discrete(name) {
            // After the last of equal draws.
            (0..n)
                .filter(|&i| i + 1 == n || x[i + 1] > x[i])
                .map(|i| (cdf[i] - (i + 1) as f64 / n as f64).abs())
                .fold(0.0, f64::max)
        } else {
            (0..n)
                .map(|i| (cdf[i] - i as f64 / n as f64).abs().max((cdf[i] - (i + 1) as f64 / n as f64).abs()))
                .fold(0.0, f64::max)
        };
        assert!(distance < 1.95 / (n as f64).sqrt(), "{name} {params}: {distance}");
    }
}

/// The derivative of a density in each of its parameters and in its value, and of entropies and divergences, against differences.
#[test]
fn gradients_agree_with_differences() {
    macro_rules! two {
        ($family:ident, $a:expr, $b:expr, $value:expr) => {{
            let name = stringify!($family);
            let d = |x: &Tensor<1>| $family::new(x.clone().narrow(0, 0, 1), x.clone().narrow(0, 1, 1)).unwrap();
            let log_prob = |x: Tensor<1>| d(&x).log_prob(x.clone().narrow(0, 2, 1));
            check_gradient(log_prob, &[$a, $b, $value], 1e-7, &format!("{name} log_prob"));
            check_gradient(|x| d(&x).entropy(), &[$a, $b], 1e-7, &format!("{name} entropy"));
            check_gradient(|x| d(&x).cdf(x.clone().narrow(0, 2, 1)), &[$a, $b, $value], 1e-7, &format!("{name} cdf"));
        }};
    }
    two!(Normal, 0.3, 0.8, 0.5);
    two!(LogNormal, 0.3, 0.8, 0.5);
    two!(Laplace, 0.3, 0.8, 0.5);
    two!(Cauchy, 0.3, 0.8, -2.5);
    two!(Gumbel, 0.3, 0.8, 0.5);
    two!(Gamma, 2.3, 0.8, 0.5);
    two!(Beta, 2.3, 0.8, 0.4);
    two!(Weibull, 2.3, 0.8, 0.4);
    two!(InverseGamma, 2.3, 0.8, 0.4);
    macro_rules! pair {
        ($p:ident, $q:ident, $at:expr) => {
            check_gradient(
                |x: Tensor<1>| {
                    let get = |i: usize| x.clone().narrow(0, i, 1);
                    kl_divergence(&$p::new(get(0), get(1)).unwrap(), &$q::new(get(2), get(3)).unwrap())
                },
                &$at,
                1e-7,
                concat!(stringify!($p), " to ", stringify!($q)),
            );
        };
    }
    pair!(Gamma, Gamma, [2.3, 0.8, 1.2, 1.9]);
    pair!(Beta, Beta, [2.3, 0.8, 1.2, 1.9]);
    pair!(Weibull, Weibull, [2.3, 0.8, 1.2, 1.9]);
    pair!(Gumbel, Gumbel, [0.3, 0.8, -0.2, 1.9]);
    pair!(Gumbel, Normal, [0.3, 0.8, -0.2, 1.9]);
    pair!(Beta, Normal, [2.3, 0.8, -0.2, 1.9]);
    pair!(Normal, Laplace, [0.3, 0.8, -0.2, 1.9]);
    // Of counts in their parameters, whose sums have derivatives of their own.
    let single = |x: &Tensor<1>, i: usize| x.clone().narrow(0, i, 1);
    check_gradient(|x| Poisson::new(x).unwrap().entropy(), &[3.4], 1e-7, "Poisson entropy");
    check_gradient(
        |x| NegativeBinomial::new(single(&x, 0), single(&x, 1)).unwrap().entropy(),
        &[2.3, 0.4],
        1e-7,
        "NegativeBinomial entropy",
    );
    check_gradient(|x| Binomial::new(x.full_like(9.0), x).unwrap().entropy(), &[0.4], 1e-7, "Binomial entropy");
    let matrix = |x: &Tensor<1>| {
        let lower = x.clone().narrow(0, 0, 9).reshape([1, 3, 3]);
        lower.clone().matmul(lower.transpose())
    };
    let at = [1.0, 0.2, -0.3, 0.5, 1.4, 0.1, -0.4, 0.6, 0.9, 0.3, -0.2, 0.8];
    let normal = |x: &Tensor<1>| {
        MultivariateNormal::from_covariance(x.clone().narrow(0, 9, 3).reshape([1, 3]), matrix(x)).unwrap()
    };
    check_gradient(|x| normal(&x).log_prob(x.zeros_like().narrow(0, 0, 3).reshape([1, 3])).sum(), &at, 1e-7, "normal");
    let standard = |x: &Tensor<1>| {
        let eye = Tensor::<2>::eye(3, &x.device()).cast(x.dtype()).reshape([1, 3, 3]);
        MultivariateNormal::new(Tensor::zeros([1, 3], (&x.device(), x.dtype())), eye).unwrap()
    };
    check_gradient(|x| kl_divergence(&normal(&x), &standard(&x)).sum(), &at, 1e-7, "normal KL");
}

/// Draws are functions of the parameters: with f(x) = x² or ln x, the mean of ∂f(x)/∂θ over draws is ∂E f(x)/∂θ.
#[test]
fn pathwise_gradients_are_those_of_expectations() {
    let n = 200_000usize;
    let device = f64_device().autodiff();
    let mut stream = Stream::new(3, "pathwise", 0, 0);
    let tracked = |x: f64| Tensor::<1>::full([n], x, (&device, DType::F64)).require_grad();
    let assert_mean = |gradients: Tensor<1>, expected: f64, what: &str| {
        let g = values(gradients);
        let mean = g.iter().sum::<f64>() / n as f64;
        let error = (g.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n as f64 / n as f64).sqrt();
        assert_close(&[mean], &[expected], 0.0, 5.0 * error + 1e-12, what);
    };
    let psi1 = |x: f64| {
        // ψ′ by differences of ψ in f64.
        let h = 1e-4;
        let psi = kiln::tensor::special::host::digamma;
        (psi(x + h) - psi(x - h)) / (2.0 * h)
    };
    for a in [0.3, 1.0, 4.5, 60.0] {
        // E x² = a(a + 1)/β², E ln x = ψ(a) − ln β.
        let (concentration, rate) = (tracked(a), tracked(1.7));
        let x = Gamma::new(concentration.clone(), rate.clone()).unwrap().rsample(&mut stream);
        let gradients = x.square().sum().backward();
        assert_mean(
            concentration.grad(&gradients).unwrap(),
            (2.0 * a + 1.0) / 1.7f64.powi(2),
            &format!("E x², Gamma({a})"),
        );
        assert_mean(rate.grad(&gradients).unwrap(), -2.0 * a * (a + 1.0) / 1.7f64.powi(3), "in the rate");
        let (concentration, rate) = (tracked(a), tracked(1.7));
        let x = Gamma::new(concentration.clone(), rate).unwrap().rsample(&mut stream);
        let gradients = x.log().sum().backward();
        assert_mean(concentration.grad(&gradients).unwrap(), psi1(a), &format!("E ln x, Gamma({a})"));
    }
    // E x = a/(a + b).
    let (a, b) = (tracked(0.8), tracked(2.5));
    let gradients = Beta::new(a.clone(), b.clone()).unwrap().rsample(&mut stream).sum().backward();
    assert_mean(a.grad(&gradients).unwrap(), 2.5 / 3.3f64.powi(2), "Beta in a");
    assert_mean(b.grad(&gradients).unwrap(), -0.8 / 3.3f64.powi(2), "Beta in b");
    // E (x − μ)² = σ²·ν/(ν − 2).
    let (df, loc, scale) = (tracked(9.0), tracked(0.0), tracked(1.5));
    let x = StudentT::new(df.clone(), loc, scale.clone()).unwrap().rsample(&mut stream);
    let gradients = x.square().sum().backward();
    assert_mean(df.grad(&gradients).unwrap(), -2.25 * 2.0 / 49.0, "StudentT in ν");
    assert_mean(scale.grad(&gradients).unwrap(), 3.0 * 9.0 / 7.0, "StudentT in σ");
    // E x² of Dirichlet's first number: a(a + 1)/(n(n + 1)).
    let concentration =
        Tensor::<2>::from_data([[0.7, 1.9, 3.0]], (&device, DType::F64)).repeat_dim(0, n).require_grad();
    let x = Dirichlet::new(concentration.clone()).unwrap().rsample(&mut stream);
    let gradients = x.narrow(1, 0, 1).square().sum().backward();
    let gradient = concentration.grad(&gradients).unwrap();
    let (a, total) = (0.7f64, 5.6f64);
    let below = total * (total + 1.0);
    let in_first = (2.0 * a + 1.0) / below - a * (a + 1.0) * (2.0 * total + 1.0) / below.powi(2);
    assert_mean(gradient.narrow(1, 0, 1).reshape([n]), in_first, "Dirichlet");
}

#[test]
fn quantiles_are_the_inverses_of_distribution_functions() {
    fn check<P: Quantile<1>>(d: &P, what: &str) {
        let p = vector(&[1e-6, 0.01, 0.3, 0.5, 0.77, 0.999]);
        // The location's rounding times the density is lost.
        assert_close(&values(d.cdf(d.icdf(p.clone()))), &values(p), 1e-11, 2e-16, what);
    }
    let (a, b) = (vector(&[0.4; 6]), vector(&[1.3; 6]));
    check(&Normal::new(a.clone(), b.clone()).unwrap(), "Normal");
    check(&LogNormal::new(a.clone(), b.clone()).unwrap(), "LogNormal");
    check(&Laplace::new(a.clone(), b.clone()).unwrap(), "Laplace");
    check(&Cauchy::new(a.clone(), b.clone()).unwrap(), "Cauchy");
    check(&Gumbel::new(a.clone(), b.clone()).unwrap(), "Gumbel");
    check(&Uniform::new(a.clone(), b.clone()).unwrap(), "Uniform");
    check(&Weibull::new(a.clone(), b.clone()).unwrap(), "Weibull");
    check(&Exponential::new(b.clone()).unwrap(), "Exponential");
    check(&HalfNormal::new(b).unwrap(), "HalfNormal");
}

#[test]
fn divergences_by_draws_agree_with_closed_forms() {
    let mut stream = Stream::new(1, "kl", 0, 0);
    let p = Gamma::new(vector(&[2.0, 0.7]), vector(&[1.0, 3.0])).unwrap();
    let q = Gamma::new(vector(&[3.1, 0.9]), vector(&[1.4, 2.0])).unwrap();
    let estimate = kl_monte_carlo(&p, &q, 4000, &mut stream);
    let (mean, error) = (values(estimate.mean), values(estimate.standard_error));
    for ((mean, error), exact) in mean.iter().zip(&error).zip(values(kl_divergence(&p, &q))) {
        assert!((mean - exact).abs() < 5.0 * error && *error < 0.05, "{mean} ± {error}, exactly {exact}");
    }
    // A pair that has no closed form: two Student distributions, of themselves zero.
    let t = StudentT::new(vector(&[4.0]), vector(&[0.0]), vector(&[1.0])).unwrap();
    assert_eq!(values(kl_monte_carlo(&t, &t, 10, &mut stream).mean), [0.0]);
}

/// Values outside the support have the density 0 without NaN in a gradient; parameters at the ends of their ranges keep their digits.
#[test]
fn edges_are_numbers() {
    let device = f64_device().autodiff();
    let tracked = |x: &[f64]| tensor::<1>(x, [x.len()], &device).require_grad();
    let rate = tracked(&[1.0, 1.0, 1.0]);
    let x = tensor::<1>(&[-1.0, 0.0, 2.0], [3], &device);
    let log_prob = Gamma::new(rate.clone() * 2.0, rate.clone()).unwrap().log_prob(x);
    let gradients = log_prob.clone().slice(2..3).sum().backward();
    assert!(values(rate.grad(&gradients).unwrap()).iter().all(|g| g.is_finite()));
    assert_eq!(values(log_prob)[..2], [f64::NEG_INFINITY; 2]);
    let counts = |x: &[f64]| tensor::<1>(x, [x.len()], &f64_device());
    let none = Poisson::new(counts(&[0.0, 0.0])).unwrap().validated().unwrap();
    let certain = values(none.log_prob(counts(&[0.0, 1.0])));
    assert!(certain[0].abs() < 1e-14 && certain[1] == f64::NEG_INFINITY, "{certain:?}");
    assert_eq!(values(none.entropy()), [0.0, 0.0]);
    // ln p of all successes, and of none, at logits at which 1 − p has no digit.
    let sure = Binomial::new(counts(&[5.0, 5.0]), counts(&[800.0, -800.0])).unwrap();
    assert_close(&values(sure.log_prob(counts(&[5.0, 0.0]))), &[0.0, 0.0], 0.0, 1e-14, "what is sure");
    assert!(values(sure.log_prob(counts(&[4.0, 1.0]))).iter().all(|p| p.is_finite()));
    // A very narrow normal, and a Gamma whose draws round to zero.
    let narrow = Normal::new(counts(&[1.0]), counts(&[1e-300])).unwrap();
    assert!(values(narrow.log_prob(counts(&[1.0])))[0] > 600.0);
    let tiny = Gamma::new(counts(&[1e-3; 100]), counts(&[1.0; 100])).unwrap().sample(&mut Stream::new(0, "tiny", 0, 0));
    assert!(values(tiny).iter().all(|x| *x > 0.0));
    let beta = Beta::new(counts(&[1e-2; 1000]), counts(&[1e-2; 1000])).unwrap();
    let draws = beta.sample(&mut Stream::new(0, "beta", 0, 0));
    assert!(values(beta.log_prob(draws)).iter().all(|p| p.is_finite()));
}

#[test]
fn parameters_broadcast_and_are_checked() {
    let device = f64_device();
    let d = Gamma::new(Tensor::<2>::ones([3, 1], &device), Tensor::ones([1, 4], &device)).unwrap();
    assert_eq!((d.mean().dims(), d.sample(&mut Stream::new(0, "b", 0, 0)).dims()), ([3, 4], [3, 4]));
    let message = Gamma::<1>::new(vector(&[1.0, 2.0]), vector(&[1.0, 2.0, 3.0])).unwrap_err().to_string();
    assert!(message.contains("`concentration` has shape [2] but `rate` has shape [3]"), "{message}");
    let refused = |result: Result<(), kiln::dist::DistError>| result.unwrap_err().to_string();
    let message = refused(Gamma::new(vector(&[1.0, 0.0]), vector(&[1.0])).unwrap().validated().map(|_| ()));
    assert!(message.contains("`concentration` must be finite and positive, but is 0 at position 1"), "{message}");
    // Parameters are not checked until they are asked to be; a draw is then no number.
    let negative = Gamma::new(vector(&[-1.0]), vector(&[1.0])).unwrap();
    assert!(values(negative.sample(&mut Stream::new(0, "negative", 0, 0)))[0].is_nan());
    assert!(refused(negative.validated().map(|_| ())).contains("but is -1 at position 0"));
    assert!(Dirichlet::new(Tensor::<2>::zeros([1, 0], &device)).is_err(), "no classes");
    let message = refused(Geometric::new(vector(&[1.0])).unwrap().validated().map(|_| ()));
    assert!(message.contains("`probs` must be inside (0, 1)"), "{message}");
    let flat = Tensor::<3>::from_data([[[1.0, 2.0], [2.0, 1.0]]], (&device, DType::F64));
    let normal = MultivariateNormal::from_covariance(Tensor::zeros([1, 2], (&device, DType::F64)), flat).unwrap();
    assert!(normal.validated().is_err(), "a covariance that is not positive definite");
}

/// A batch of one serves many rows, as every other family's parameters do.
#[test]
fn one_normal_vector_serves_all_rows() {
    let device = f64_device();
    let rows = [0.3, -1.0, 2.0, 0.5, -0.7, 1.1];
    let (x, loc) = (tensor::<2>(&rows, [3, 2], &device), tensor::<2>(&[0.1, 0.2], [1, 2], &device));
    let covariance = tensor::<3>(&[2.0, 0.5, 0.5, 1.0], [1, 2, 2], &device);
    let one = MultivariateNormal::from_covariance(loc.clone(), covariance.clone()).unwrap();
    let each = one.repeated(3);
    assert_close(&values(one.log_prob(x.clone())), &values(each.log_prob(x.clone())), 1e-15, 0.0, "full");
    let apart = MultivariateNormal::from_covariance(x.clone(), covariance).unwrap();
    assert_close(&values(apart.kl_divergence(&one)), &values(apart.kl_divergence(&each)), 1e-15, 0.0, "to one");
    assert_close(&values(one.kl_divergence(&apart)), &values(each.kl_divergence(&apart)), 1e-15, 0.0, "from one");
    let factor = tensor::<3>(&[0.5, -0.3], [1, 2, 1], &device);
    let one = LowRankMultivariateNormal::new(loc.clone(), factor, tensor(&[0.4, 0.9], [1, 2], &device)).unwrap();
    assert_close(&values(one.log_prob(x.clone())), &values(one.repeated(3).log_prob(x)), 1e-15, 0.0, "low rank");
    // Not square, and without factors.
    let wide = tensor::<3>(&[1.0; 6], [1, 2, 3], &device);
    assert!(MultivariateNormal::from_covariance(loc.clone(), wide).is_err());
    let none = Tensor::<3>::zeros([1, 2, 0], (&device, DType::F64));
    assert!(LowRankMultivariateNormal::new(loc.clone(), none, loc).is_err());
}

/// To ask for a gradient does not change a value.
#[test]
fn tracked_parameters_have_the_same_values_at_the_edges() {
    let tracked = |x: f64| vector(&[x]).autodiff().require_grad();
    assert_eq!(values(Poisson::new(tracked(0.0)).unwrap().entropy()), [0.0]);
    let gamma = Gamma::new(tracked(2.0), tracked(1.5)).unwrap();
    assert_eq!(values(gamma.cdf(vector(&[f64::INFINITY]).autodiff())), [1.0]);
}

/// The distribution function has the density as its derivative at the median too, and keeps its digits beside it.
#[test]
fn distribution_functions_at_the_median() {
    let slope = |cdf: &dyn Fn(Tensor<1>) -> Tensor<1>| {
        let x = vector(&[0.0]).autodiff().require_grad();
        values(x.grad(&cdf(x.clone()).backward()).unwrap())[0]
    };
    let (zero, one) = (vector(&[0.0]), vector(&[1.0]));
    let laplace = Laplace::new(zero.clone(), one.clone()).unwrap();
    assert_close(&[slope(&|x| laplace.cdf(x))], &[0.5], 1e-15, 0.0, "Laplace");
    let t = StudentT::new(vector(&[3.0]), zero, one).unwrap();
    // 2/(π·√3), and x times it.
    let density = 2.0 / (std::f64::consts::PI * 3f64.sqrt());
    assert_close(&[slope(&|x| t.cdf(x))], &[density], 1e-14, 0.0, "Student's t");
    assert_close(&[values(t.cdf(vector(&[1e-7])))[0] - 0.5], &[1e-7 * density], 1e-8, 0.0, "beside it");
}

/// E ln x = ψ(a) − ψ(a + b): of draws most of which are smaller than f32's numbers.
#[test]
fn sparse_draws_are_not_ties() {
    let n = 20_000usize;
    let shape = Tensor::<1>::full([n], 0.01, (&f64_device(), DType::F32));
    let beta = Beta::new(shape.clone(), shape).unwrap();
    let draws = values(beta.sample(&mut Stream::new(3, "sparse", 0, 0)));
    let ties = draws.iter().filter(|x| (**x - 0.5).abs() < 1e-6).count();
    assert!(ties < 5, "{ties} of {n}");
    // Half of them are near 1: a binomial number with a deviation of 0.0035.
    let above = draws.iter().filter(|x| **x > 0.5).count() as f64 / n as f64;
    assert!((above - 0.5).abs() < 4.0 * 0.5 / (n as f64).sqrt(), "{above}");
}

/// In f32 at large shapes, where terms of their order cancel, against f64.
#[test]
fn entropies_of_large_shapes_in_f32() {
    let at = |shape: f64, dtype: DType| vector(&[shape]).cast(dtype);
    let both = |entropy: &dyn Fn(DType) -> Tensor<1>, what: &str| {
        assert_close(&values(entropy(DType::F32)), &values(entropy(DType::F64)), 1e-6, 1e-6, what);
    };
    both(&|t| Gamma::new(at(1e4, t), at(2.0, t)).unwrap().entropy(), "Gamma");
    both(&|t| InverseGamma::new(at(1e4, t), at(2.0, t)).unwrap().entropy(), "InverseGamma");
    both(&|t| Beta::new(at(3e3, t), at(1e4, t)).unwrap().entropy(), "Beta");
    both(&|t| Dirichlet::new(vector(&[1e3, 3e3, 7e3]).cast(t)).unwrap().entropy(), "Dirichlet");
    both(&|t| Geometric::new(at(1e-6, t)).unwrap().entropy(), "Geometric");
}
