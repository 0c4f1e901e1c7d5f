//! Maximum likelihood estimates against mpmath's, and maximum likelihood as the minimum of divergence and of cross-entropy.

use kiln::{
    dist::{
        Batch, Beta, Binomial, Categorical, Cauchy, Dirichlet, Exponential, Gamma, Geometric, Gumbel, HalfNormal,
        InverseGamma, Laplace, LkjCholesky, LogNormal, LowRankMultivariateNormal, MultivariateNormal, NegativeBinomial,
        Poisson, StudentT, Uniform, Weibull,
    },
    optim::solver::bfgs,
    prelude::*,
    tensor::{derivative::Function, special::host::digamma},
    train::{FitMle, MleError},
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

fn vector(numbers: &[f64]) -> Tensor<1> {
    tensor(numbers, [numbers.len()], &f64_device())
}

/// The estimates, and the mean log-likelihood there.
fn fit(family: &str, data: &Tensor<1>) -> (Vec<f64>, f64) {
    macro_rules! fitted {
        ($family:ident, $($parameter:ident),+) => {{
            let fitted = $family::fit_mle(data.clone()).unwrap();
            let estimate = [$(fitted.$parameter()),+].into_iter().flat_map(values).collect();
            (estimate, values(fitted.log_prob(data.clone()).mean())[0])
        }};
    }
    match family {
        "Gamma" => fitted!(Gamma, concentration, rate),
        "InverseGamma" => fitted!(InverseGamma, concentration, scale),
        "Beta" => fitted!(Beta, concentration1, concentration0),
        "Gumbel" => fitted!(Gumbel, loc, scale),
        "Weibull" => fitted!(Weibull, scale, concentration),
        "Cauchy" => fitted!(Cauchy, loc, scale),
        "StudentT" => fitted!(StudentT, df, loc, scale),
        "NegativeBinomial" => fitted!(NegativeBinomial, total_count, logits),
        other => panic!("no family {other}"),
    }
}

#[test]
fn estimates_without_a_closed_form_are_those_of_the_reference() {
    for row in reference("mle")["rows"].as_array().unwrap() {
        let family = row["family"].as_str().unwrap();
        let (estimate, log_likelihood) = fit(family, &vector(&numbers(&row["data"])));
        // A gradient of 1e-11, and curvatures of the order of 1 down to 1e-2 for the degrees of freedom.
        assert_close(&estimate, &numbers(&row["estimate"]), 1e-8, 0.0, family);
        assert_close(&[log_likelihood], &numbers(&row["log_likelihood"]), 1e-12, 0.0, family);
    }
}

/// In closed form: the score is zero, by the gradient of the log-likelihood, and the likelihood falls to both sides.
#[test]
fn closed_forms_are_maxima() {
    let data = vector(&[0.4, 1.3, 2.2, 0.9, 1.7, 0.2, 3.1]);
    let counts = vector(&[0.0, 2.0, 1.0, 5.0, 3.0]);
    fn check(log_likelihood: impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync, at: Vec<f64>, what: &str) {
        let f = Function::of_vector(vector(&at), log_likelihood);
        let (value, gradient) = f.value_and_grad(&f.parameters()).unwrap();
        assert_close(&values(gradient), &vec![0.0; at.len()], 0.0, 1e-13, what);
        for i in 0..at.len() {
            for side in [0.9, 1.1] {
                let mut moved = at.clone();
                moved[i] *= side;
                assert!(values(f.value(&vector(&moved)).unwrap()) < values(value.clone()), "{what}: {moved:?}");
            }
        }
    }
    let one = |x: &Tensor<1>, i: usize| x.clone().slice(i..=i);
    let get = |x: Tensor<1>| values(x)[0];
    let d = Normal::fit_mle(data.clone()).unwrap();
    let at = vec![get(d.loc()), get(d.scale())];
    check(
        |x| Normal::new(one(&x, 0), one(&x, 1)).unwrap().log_prob(data.clone().to_device(&x.device())).mean(),
        at,
        "Normal",
    );
    let d = LogNormal::fit_mle(data.clone()).unwrap();
    let at = vec![get(d.loc()), get(d.scale())];
    check(
        |x| LogNormal::new(one(&x, 0), one(&x, 1)).unwrap().log_prob(data.clone().to_device(&x.device())).mean(),
        at,
        "LogNormal",
    );
    let d = Exponential::fit_mle(data.clone()).unwrap();
    let at = vec![get(d.rate())];
    check(
        |x| Exponential::new(x.clone()).unwrap().log_prob(data.clone().to_device(&x.device())).mean(),
        at,
        "Exponential",
    );
    let d = HalfNormal::fit_mle(data.clone()).unwrap();
    let at = vec![get(d.scale())];
    check(
        |x| HalfNormal::new(x.clone()).unwrap().log_prob(data.clone().to_device(&x.device())).mean(),
        at,
        "HalfNormal",
    );
    let d = Poisson::fit_mle(counts.clone()).unwrap();
    let at = vec![get(d.rate())];
    check(|x| Poisson::new(x.clone()).unwrap().log_prob(counts.clone().to_device(&x.device())).mean(), at, "Poisson");
    let d = Geometric::fit_mle(counts.clone()).unwrap();
    let at = vec![get(d.probs())];
    check(
        |x| Geometric::new(x.clone()).unwrap().log_prob(counts.clone().to_device(&x.device())).mean(),
        at,
        "Geometric",
    );
    // Where the likelihood has a kink, or an end.
    let laplace = Laplace::fit_mle(data.clone()).unwrap();
    assert_close(&[get(laplace.loc()), get(laplace.scale())], &[1.3, 5.5 / 7.0], 1e-14, 0.0, "Laplace");
    let uniform = Uniform::fit_mle(data).unwrap();
    assert_close(&[get(uniform.low()), get(uniform.high())], &[0.2, 3.1], 0.0, 0.0, "Uniform");
    let coin = Bernoulli::fit_mle(vector(&[1.0, 0.0, 0.0, 1.0, 0.0])).unwrap();
    assert_close(&values(coin.probs()), &[0.4], 1e-15, 0.0, "Bernoulli");
    let rows = tensor::<2>(&[1.0, 2.0, 3.0, -1.0, 0.5, 0.0, 2.0, 2.5], [4, 2], &f64_device());
    let normal = MultivariateNormal::fit_mle(rows).unwrap();
    // numpy.cov(x.T, bias=True).
    assert_close(&values(normal.loc()), &[1.625, 0.875], 1e-15, 0.0, "mean");
    assert_close(&values(normal.covariance()), &[0.921875, -0.421875, -0.421875, 2.046875], 1e-14, 0.0, "covariance");
}

/// Minimum divergence from the data's shares, minimum cross-entropy, and maximum likelihood: one point; and the three values differ by the
/// shares' entropy.
#[test]
fn maximum_likelihood_is_minimum_divergence_and_minimum_cross_entropy() {
    let counts: [f64; 11] = [0.0, 2.0, 1.0, 5.0, 3.0, 1.0, 0.0, 2.0, 2.0, 1.0, 4.0];
    let n = counts.len() as f64;
    let support: Vec<f64> = (0..6).map(f64::from).collect();
    let shares: Vec<f64> =
        support.iter().map(|x| counts.iter().filter(|c| c.to_bits() == x.to_bits()).count() as f64 / n).collect();
    let entropy: f64 = -shares.iter().map(|p| p * p.ln()).sum::<f64>();
    let minimum = |f: &(dyn Fn(Tensor<1>) -> Tensor<1> + Send + Sync)| {
        let f = Function::of_vector(vector(&[0.3]), f);
        let outcome = minimize(&f, f.parameters(), &bfgs(), &Stop { gtol: 1e-11, ..Stop::default() }).unwrap();
        assert!(outcome.success, "{}", outcome.message);
        (values(outcome.x)[0].exp(), outcome.value)
    };
    let model = |log_rate: Tensor<1>| Poisson::new(log_rate.exp()).unwrap();
    let on = |numbers: &[f64], x: &Tensor<1>| vector(numbers).to_device(&x.device());
    let (likelihood, nll) = minimum(&|x| -model(x.clone()).log_prob(on(&counts, &x)).mean());
    let (cross, cross_entropy) = minimum(&|x| -(model(x.clone()).log_prob(on(&support, &x)) * on(&shares, &x)).sum());
    let (kl, divergence) = minimum(&|x| {
        let p = on(&shares, &x);
        (p.clone() * (p.log() - model(x.clone()).log_prob(on(&support, &x)))).sum()
    });
    let closed = values(Poisson::fit_mle(vector(&counts)).unwrap().rate())[0];
    assert_close(&[likelihood, cross, kl], &[closed; 3], 1e-9, 0.0, "the three minima");
    assert_close(&[nll, divergence + entropy], &[cross_entropy; 2], 1e-12, 0.0, "the three values");
}

#[test]
fn vectors_and_classes_are_fitted_too() {
    let json = &reference("mle")["dirichlet"];
    let rows = numbers(&json["data"]);
    let dirichlet = Dirichlet::fit_mle(tensor(&rows, [rows.len() / 3, 3], &f64_device())).unwrap();
    assert_close(&values(dirichlet.concentration()), &numbers(&json["estimate"]), 1e-8, 0.0, "Dirichlet");
    // A first column that does not vary. At the maximum ψ(aⱼ) − ψ(Σa) is the mean of ln xⱼ.
    let rows = [0.2, 0.3, 0.5, 0.2, 0.55, 0.25, 0.2, 0.4, 0.4];
    let a = values(Dirichlet::fit_mle(tensor(&rows, [3, 3], &f64_device())).unwrap().concentration());
    let slope: Vec<f64> = a.iter().map(|a_j| digamma(*a_j) - digamma(a.iter().sum())).collect();
    let mean: Vec<f64> = (0..3).map(|j| (0..3).map(|i| rows[3 * i + j].ln()).sum::<f64>() / 3.0).collect();
    assert_close(&slope, &mean, 1e-10, 0.0, "Dirichlet's likelihood has no slope");
    let binomial = Binomial::fit_mle((vector(&[3.0, 0.0, 5.0, 4.0]), 6)).unwrap();
    assert_close(&values(binomial.probs()), &[0.5], 1e-12, 0.0, "12 of 24 trials");
    let classes = Tensor::<1, Int>::from_data([0, 2, 2, 1, 2], &f64_device());
    let categorical = Categorical::fit_mle((classes, 4)).unwrap();
    assert_close(&values(categorical.probs()), &[0.2, 0.2, 0.6, 0.0], 1e-12, 1e-15, "shares");
}

#[test]
fn covariances_of_low_rank_are_scikit_learn_s_factors() {
    let json = &reference("mle")["factors"];
    let rows = tensor::<2>(&numbers(&json["data"]), [200, 6], &f64_device());
    let fitted = LowRankMultivariateNormal::fit_mle((rows.clone(), 2)).unwrap();
    let score = values(fitted.repeated(200).log_prob(rows.clone()).mean());
    // At a maximum the likelihood has all of its digits, and the parameters half of them; scikit-learn's EM stops a little before.
    assert_close(&score, &numbers(&json["score"]), 1e-9, 0.0, "mean log-likelihood");
    assert_close(&values(fitted.covariance()), &numbers(&json["covariance"]), 1e-5, 1e-6, "covariance");
    for rank in [0, 6] {
        assert!(matches!(LowRankMultivariateNormal::fit_mle((rows.clone(), rank)), Err(MleError::NoMaximum { .. })));
    }
}

#[test]
fn correlations_have_a_concentration() {
    let truth = tensor::<2>(&[1.7], [1, 1], &f64_device());
    let draws = LkjCholesky::new(3, truth).unwrap().repeated(400).sample(&mut Stream::new(3, "lkj", 0, 0));
    let eta = values(LkjCholesky::fit_mle(draws.clone()).unwrap().concentration())[0];
    // The slope of the mean log-density is zero: 2·Σ mean ln Lᵢᵢ = ψ(η + ½) + ψ(η) − 2·ψ(η + 1).
    let all = values(draws);
    let log = |entry: usize| all.iter().skip(entry).step_by(9).map(|l| l.ln()).sum::<f64>() / 400.0;
    let expected = digamma(eta + 0.5) + digamma(eta) - 2.0 * digamma(eta + 1.0);
    assert_close(&[2.0 * (log(4) + log(8))], &[expected], 1e-9, 0.0, "no slope");
    let none = tensor::<2>(&[1.0, 0.0, 0.0, 1.0], [1, 4], &f64_device());
    assert!(matches!(LkjCholesky::fit_mle(none), Err(MleError::NoMaximum { .. })));
    let ragged = tensor::<2>(&[1.0, 0.0, 0.6], [1, 3], &f64_device());
    assert!(matches!(LkjCholesky::fit_mle(ragged), Err(MleError::Parameters(_))));
    let outside = tensor::<2>(&[1.0, 0.0, 0.9, 0.9], [1, 4], &f64_device());
    assert!(matches!(LkjCholesky::fit_mle(outside), Err(MleError::Support { .. })));
}

#[test]
fn draws_at_the_edge_of_a_family() {
    let rate = values(Exponential::fit_mle(vector(&[0.0, 1.0, 2.0])).unwrap().rate());
    assert_close(&rate, &[1.0], 1e-14, 0.0, "an exponential draw may be 0");
    assert!(HalfNormal::fit_mle(vector(&[0.0, 2.0])).is_ok());
    assert!(matches!(HalfNormal::fit_mle(vector(&[0.0])), Err(MleError::NoMaximum { family: "HalfNormal", .. })));
    // Evenly spread draws: tails lighter than a normal distribution's.
    let even: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.01).collect();
    assert!(matches!(StudentT::fit_mle(vector(&even)), Err(MleError::NoMaximum { family: "StudentT", .. })));
    let lost = tensor::<2>(&[1.0, 2.0, f64::NAN, 4.0, 3.0, 1.0], [3, 2], &f64_device());
    assert!(matches!(MultivariateNormal::fit_mle(lost), Err(MleError::Support { .. })));
    assert!(matches!(Binomial::fit_mle((vector(&[2.0, 2.0]), 2)), Err(MleError::NoMaximum { .. })));
    assert!(matches!(Binomial::fit_mle((vector(&[3.0]), 2)), Err(MleError::Support { .. })));
    let wide = tensor::<2>(&[0.5, 0.6, 0.4, 0.6], [2, 2], &f64_device());
    assert!(matches!(Dirichlet::fit_mle(wide), Err(MleError::Support { .. })));
    let same = tensor::<2>(&[0.4, 0.6, 0.4, 0.6], [2, 2], &f64_device());
    assert!(matches!(Dirichlet::fit_mle(same), Err(MleError::NoMaximum { .. })));
    let class = Tensor::<1, Int>::from_data([4], &f64_device());
    assert!(matches!(Categorical::fit_mle((class, 4)), Err(MleError::Support { .. })));
}

#[test]
fn data_without_a_fit_are_refused() {
    let refused = |result: Result<Vec<f64>, MleError>| result.unwrap_err();
    let gamma = |x: &[f64]| Gamma::fit_mle(vector(x)).map(|d| values(d.rate()));
    assert!(matches!(refused(gamma(&[])), MleError::Empty));
    let message = refused(gamma(&[1.0, -2.0])).to_string();
    assert_eq!(message, "-2 is outside the support of Gamma; values must be positive");
    assert!(matches!(refused(gamma(&[2.0, 2.0])), MleError::NoMaximum { .. }));
    assert!(matches!(refused(gamma(&[2.0, f64::NAN])), MleError::Support { .. }));
    let poisson_like = NegativeBinomial::fit_mle(vector(&[1.0, 2.0, 1.0, 2.0])).map(|d| values(d.logits()));
    assert!(matches!(refused(poisson_like), MleError::NoMaximum { .. }));
    let halves = Poisson::fit_mle(vector(&[1.5])).map(|d| values(d.rate()));
    assert!(matches!(refused(halves), MleError::Support { .. }));
    let flat = tensor::<2>(&[1.0, 2.0, 2.0, 4.0, 3.0, 6.0], [3, 2], &f64_device());
    let flat = MultivariateNormal::fit_mle(flat).map(|d| values(d.loc()));
    assert!(matches!(refused(flat), MleError::NoMaximum { .. }));
}
