//! Gaussian mixtures against scikit-learn's, and what can go wrong with them.

use kiln::{
    models::{CovarianceType, GaussianMixture, GmmConfig, GmmError},
    prelude::*,
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

fn matrix(numbers: &[f64], columns: usize) -> Tensor<2> {
    tensor(numbers, [numbers.len() / columns, columns], &f64_device())
}

fn kind(name: &str) -> CovarianceType {
    match name {
        "full" => CovarianceType::Full,
        "tied" => CovarianceType::Tied,
        "diag" => CovarianceType::Diag,
        "spherical" => CovarianceType::Spherical,
        other => panic!("no kind {other}"),
    }
}

#[test]
fn from_the_same_start_the_fits_are_scikit_learns() {
    let json = reference("gmm");
    let x = matrix(&numbers(&json["x"]), 4);
    let identities: Vec<f64> = (0..48).map(|i| f64::from(u8::from(i % 16 % 5 == 0))).collect();
    let start = || {
        let covariances = tensor::<3>(&identities, [3, 4, 4], &f64_device());
        GaussianMixture::new(vec![1.0 / 3.0; 3], matrix(&numbers(&json["start"]), 4), covariances).unwrap()
    };
    for row in json["rows"].as_array().unwrap() {
        let name = row["kind"].as_str().unwrap();
        let config = GmmConfig::new(3).covariance(kind(name)).tol(1e-11).max_iter(5000).start(start());
        let fit = config.fit(x.clone()).unwrap();
        assert!(fit.converged && fit.degenerate.is_empty(), "{name}: {fit:?}");
        assert!(fit.history.is_sorted_by(|a, b| *b >= a - 1e-9), "{name}: each sweep gains");
        let close = |got: &[f64], key: &str, tolerance: f64| {
            assert_close(got, &numbers(&row[key]), tolerance, tolerance, &format!("{name}: {key}"));
        };
        close(&[fit.log_likelihood], "score", 1e-9);
        close(&[fit.bic], "bic", 1e-9);
        close(&[fit.aic], "aic", 1e-9);
        // The last sweeps gain 1e-11 each: parameters are known to about its root.
        close(fit.mixture.weights(), "weights", 1e-5);
        close(&values(fit.mixture.means()), "means", 1e-5);
        close(&values(fit.mixture.covariances()), "covariances", 1e-5);
        close(&values(fit.mixture.log_prob(&x).unwrap())[..5], "log_prob", 1e-5);
        let responsibilities = values(fit.mixture.responsibilities(&x.clone().slice(50..53)).unwrap());
        close(&responsibilities, "responsibilities", 1e-4);
    }
}

#[test]
fn k_means_starts_where_clusters_are() {
    let json = reference("gmm");
    let x = matrix(&numbers(&json["x"]), 4);
    let best = json["rows"][0]["score"].as_f64().unwrap();
    for seed in 0..5 {
        let fit = GmmConfig::new(3).seed(seed).fit(x.clone()).unwrap();
        assert!(fit.log_likelihood > best - 0.02, "seed {seed}: {} beside {best}", fit.log_likelihood);
    }
    let (a, b) = (GmmConfig::new(3).fit(x.clone()).unwrap(), GmmConfig::new(3).fit(x).unwrap());
    assert_eq!(a.history, b.history, "the same seed, the same fit");
}

#[test]
fn draws_follow_the_mixture_and_a_fit_to_them_comes_back() {
    let covariances = tensor::<3>(&[1.0, 0.6, 0.6, 2.0, 0.3, -0.1, -0.1, 0.2], [2, 2, 2], &f64_device());
    let truth = GaussianMixture::new(vec![0.3, 0.7], matrix(&[0.0, 0.0, 4.0, -1.0], 2), covariances).unwrap();
    let n = 20_000;
    let (x, labels) = truth.sample(n, &mut Stream::new(4, "gmm", 0, 0));
    let second = labels.iter().filter(|l| **l == 1).count() as f64 / n as f64;
    assert_close(&[second], &[0.7], 0.0, 5.0 * (0.21 / n as f64).sqrt(), "the components' shares");
    let fit = GmmConfig::new(2).fit(x.clone()).unwrap();
    let order = if fit.mixture.weights()[0] < 0.5 { [0, 1] } else { [1, 0] };
    let means = values(fit.mixture.means());
    for (i, &component) in order.iter().enumerate() {
        // Five standard errors of a mean: √2/√6000.
        assert_close(&means[2 * component..2 * component + 2], &[[0.0, 0.0], [4.0, -1.0]][i], 0.0, 0.1, "means");
    }
    let truth = values(truth.log_prob(&x).unwrap().mean())[0];
    assert!(fit.log_likelihood >= truth && fit.log_likelihood < truth + 0.01, "{} beside {truth}", fit.log_likelihood);
}

/// Two correlated clouds: full covariances are the more likely start, and the diagonal ones asked for cannot keep up.
#[test]
fn a_start_may_be_of_another_kind() {
    let mut stream = Stream::new(3, "clouds", 0, 0);
    let base = stream.normal_vec(400);
    let rows: Vec<f64> = (0..200)
        .flat_map(|i| {
            let (a, b) = (base[2 * i], base[2 * i] * 0.95 + 0.3 * base[2 * i + 1]);
            let shift = if i % 2 == 0 { 0.0 } else { 6.0 };
            [a + shift, b - shift]
        })
        .collect();
    let full = GmmConfig::new(2).fit(matrix(&rows, 2)).unwrap();
    let diagonal = GmmConfig::new(2).covariance(CovarianceType::Diag).start(full.mixture);
    let fit = diagonal.fit(matrix(&rows, 2)).unwrap();
    assert!(fit.converged && fit.history[1] < fit.history[0], "{:?}", fit.history);
    // A sweep may lose what rounding and reg_covar's 1e-6 of variance cost.
    assert!(fit.history[1..].windows(2).all(|two| two[1] > two[0] - 1e-8), "{:?}", fit.history);
    // To the last bit: a sweep that gains nothing at all ends it.
    let exact = GmmConfig::new(1).tol(0.0).fit(matrix(&rows, 2)).unwrap();
    assert!(exact.converged && exact.iterations < 10, "{}", exact.iterations);
}

/// An addition as large as the data's own spread costs likelihood, and is no fault of the sweeps.
#[test]
fn a_large_addition_is_no_error() {
    let rows: Vec<f64> = (0..40).map(|i| f64::from(i % 8) * 0.01 + f64::from(i % 2) * 3.0).collect();
    for reg_covar in [1e-4, 0.1, 10.0] {
        let fit = GmmConfig::new(2).reg_covar(reg_covar).fit(matrix(&rows, 1)).unwrap();
        assert!(fit.converged && fit.log_likelihood.is_finite(), "{reg_covar}");
    }
}

#[test]
fn rows_of_another_width_are_refused() {
    let means = matrix(&[0.0, 0.0, 4.0, 4.0], 2);
    let covariances = Tensor::<3>::ones([2, 1, 1], (&means.device(), means.dtype()));
    let eye = Tensor::<2>::eye(2, &means.device()).cast(means.dtype()).unsqueeze::<3>();
    assert!(GaussianMixture::new(vec![0.5; 2], means.clone(), covariances).is_err());
    let mixture = GaussianMixture::new(vec![0.5; 2], means, eye.repeat_dim(0, 2)).unwrap();
    let wrong = mixture.log_prob(&matrix(&[1.0, 2.0, 3.0], 3)).unwrap_err();
    assert_eq!(wrong, GmmError::Columns { expected: 2, got: 3 });
    assert!(mixture.responsibilities(&matrix(&[1.0], 1)).is_err());
}

#[test]
fn what_collapses_is_said() {
    // Five copies of one row far from a line of others.
    let mut rows: Vec<f64> = (0..40).flat_map(|i| [f64::from(i % 7), f64::from(i % 5)]).collect();
    rows.extend([50.0, 50.0].repeat(5));
    let fit = GmmConfig::new(3).fit(matrix(&rows, 2)).unwrap();
    assert!(fit.degenerate.iter().any(|d| d.reason.contains("extent")), "{:?}", fit.degenerate);
    assert!(values(fit.mixture.means()).iter().chain(&fit.history).all(|x| x.is_finite()));
    // Without the addition it is an error.
    let error = GmmConfig::new(3).reg_covar(0.0).fit(matrix(&rows, 2)).unwrap_err();
    assert!(matches!(error, GmmError::Singular { .. }), "{error}");
    let fit = |config: GmmConfig, x: Tensor<2>| config.fit(x).map(|fit| fit.iterations).unwrap_err();
    let few = || matrix(&[1.0, 2.0, 3.0, 4.0], 2);
    assert!(matches!(fit(GmmConfig::new(3), few()), GmmError::TooFew { components: 3, rows: 2, columns: 2 }));
    assert!(matches!(fit(GmmConfig::new(1), matrix(&[1.0, f64::NAN], 1)), GmmError::NotFinite(1)));
    assert!(matches!(fit(GmmConfig::new(1).tol(-1.0), few()), GmmError::Setting { name: "tol", .. }));
    assert!(matches!(fit(GmmConfig::new(1).max_iter(0), few()), GmmError::Setting { name: "max_iter", .. }));
    let eye = || tensor::<3>(&[1.0], [1, 1, 1], &f64_device());
    let line = GaussianMixture::new(vec![1.0], matrix(&[0.0], 1), eye()).unwrap();
    assert!(matches!(fit(GmmConfig::new(1).start(line), few()), GmmError::Start { .. }));
    assert!(GaussianMixture::new(vec![0.5], matrix(&[0.0], 1), eye()).is_err(), "weights sum to 1");
    let flat = tensor::<3>(&[0.0], [1, 1, 1], &f64_device());
    assert!(matches!(
        GaussianMixture::new(vec![1.0], matrix(&[0.0], 1), flat),
        Err(GmmError::Singular { component: 0 })
    ));
}
