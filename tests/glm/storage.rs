//! Rows in f64, in f32, in a file and sparse give the same fit.

use std::collections::BTreeSet;

use kiln::models::{
    GlmConfig, GlmFit,
    glm::{CovarianceEstimator, Family, NumberFile, SparseRows, Values},
};
use kiln_testkit::assert_close;

pub(crate) const ROWS: u32 = 400;

/// Rows of whole numbers, which f32 holds exactly. About two thirds are zero.
pub(crate) fn features(d: u32) -> Vec<f64> {
    let entry = |i: u32, j: u32| {
        let hash = (i * 7919 + j * 104_729 + i * j * 31) % 97;
        if hash < 64 { 0.0 } else { f64::from(hash % 5) - 2.0 + f64::from(j == 0) * 3.0 }
    };
    (0..ROWS).flat_map(|i| (0..d).map(move |j| entry(i, j))).collect()
}

pub(crate) fn response(family: Family) -> Vec<f64> {
    let of = |i: u32| {
        let hash = i * 7907 % 83;
        match family {
            Family::Binomial => f64::from(hash % 2),
            Family::Multinomial | Family::Ordinal => f64::from(hash % 3),
            Family::Gaussian => f64::from(hash % 17) - 4.0,
            Family::Gamma | Family::InverseGaussian => f64::from(1 + hash % 9),
            _ => f64::from((hash % 7) * (i % 3)),
        }
    };
    (0..ROWS).map(of).collect()
}

fn file(values: &[f64], single: bool) -> NumberFile {
    let mut writer = NumberFile::create(&std::env::temp_dir(), single).unwrap();
    writer.write(values).unwrap();
    writer.finish().unwrap()
}

fn sparse(values: &[f64], d: usize) -> SparseRows {
    let mut rows = SparseRows::new(d);
    for row in values.chunks(d) {
        let kept = (0..).zip(row).filter(|(_, value)| **value != 0.0).map(|(place, value)| (place, *value));
        let (places, values): (Vec<u32>, Vec<f64>) = kept.unzip();
        rows.push(&places, &values).unwrap();
    }
    rows
}

/// All ways to keep the same numbers, besides f64 in memory.
pub(crate) fn kinds(x: &[f64], d: usize) -> [(&'static str, Values); 4] {
    let single: Vec<f32> = x.iter().map(|value| *value as f32).collect();
    [
        ("f32", single.into()),
        ("file", file(x, false).into()),
        ("file of f32", file(x, true).into()),
        ("sparse", sparse(x, d).into()),
    ]
}

fn numbers(fit: &GlmFit) -> Vec<f64> {
    let inference = fit.inference().unwrap();
    let of = |e: &kiln::models::glm::Estimate| [e.estimate, e.standard_error, e.p];
    let mut numbers: Vec<f64> = inference.estimates.iter().flat_map(of).collect();
    let fit = inference.fit;
    numbers.extend([fit.log_likelihood, fit.null_log_likelihood, fit.deviance.unwrap_or(0.0)]);
    numbers
}

#[test]
fn every_family_fits_every_kind_of_rows() {
    let (x, d) = (features(4), 4);
    for family in Family::ALL {
        // Negative responses of these numbers have no θ.
        let y = response(family);
        for covariance in [CovarianceEstimator::Nonrobust, CovarianceEstimator::Hc0] {
            let config = GlmConfig::new(family, d).covariance(covariance);
            let dense = config.fit(&x, &y).unwrap_or_else(|error| panic!("{family}: {error}"));
            for (kind, values) in kinds(&x, d) {
                let fit = config.fit_with(values, file(&y, false), |_| std::ops::ControlFlow::Continue(()));
                let fit = fit.unwrap_or_else(|error| panic!("{family} {kind}: {error}"));
                // Rounding, magnified by the condition of the features, which is below 100.
                assert_close(&numbers(&fit), &numbers(&dense), 1e-10, 1e-12, &format!("{family}, {kind}"));
            }
        }
    }
}

#[test]
fn dependent_and_nearly_dependent_features_are_found_in_blocks() {
    let n = 3000_u32;
    let a = |i: u32| f64::from(i * 7919 % 11);
    let b = |i: u32| 1e3 + f64::from(i * 104_729 % 13);
    let rows: Vec<f64> = (0..n).flat_map(|i| [a(i), 5.0, b(i), 2.0 * a(i) - b(i), f64::from(i % 4)]).collect();
    let y: Vec<f64> = (0..n).map(|i| f64::from(i * 7907 % 5) + f64::from(i % 4)).collect();
    for family in [Family::Gaussian, Family::Poisson] {
        let config = GlmConfig::new(family, 5);
        let dense = config.fit(&rows, &y).unwrap();
        for (kind, values) in kinds(&rows, 5) {
            let fit = config.fit_with(values, y.clone(), |_| std::ops::ControlFlow::Continue(())).unwrap();
            let texts = |fit: &GlmFit| -> Vec<String> {
                fit.dropped.iter().map(|d| d.named(&["a", "five", "b", "sum", "last"]).to_string()).collect()
            };
            assert_eq!(texts(&fit), ["five = 5", "sum = 2·a − b"], "{kind}");
            assert_eq!(texts(&fit), texts(&dense), "{kind}");
            assert_close(&numbers(&fit), &numbers(&dense), 1e-9, 1e-12, kind);
        }
    }
    // Powers up to the seventh are nearly dependent: their condition is about 1e9.
    let x = |i: u32| 1.0 + f64::from(i * 7919 % 1000) / 1000.0;
    let powers: Vec<f64> = (0..n).flat_map(|i| (1..=7).map(move |p| x(i).powi(p))).collect();
    let config = GlmConfig::new(Family::Poisson, 7);
    let dense = config.fit(&powers, &y).unwrap();
    let from_file = config.fit_with(file(&powers, false), y, |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(from_file.dropped.is_empty() && dense.dropped.is_empty());
    let [of_file, of_memory] = [&from_file, &dense].map(|fit| fit.inference().unwrap().fit.log_likelihood);
    assert_close(&[of_file], &[of_memory], 1e-12, 0.0, "the maximum");
    // The condition times the rounding of the columns.
    let errors =
        |fit: &GlmFit| -> Vec<f64> { fit.inference().unwrap().estimates.iter().map(|e| e.standard_error).collect() };
    assert_close(&errors(&from_file), &errors(&dense), 1e-5, 0.0, "standard errors");
}

/// More parameters than Newton's method takes: L-BFGS and OWL-QN, without densifying.
#[test]
fn wide_sparse_rows_are_fitted() {
    let (n, d) = (2000_u32, 20_000_u32);
    let mut rows = SparseRows::new(d as usize);
    let mut dense_places = Vec::new();
    for i in 0..n {
        let mut places: Vec<u32> = (1..=20_u32).map(|k| (i * 7919 + k * k * 104_729) % d).collect();
        places.sort_unstable();
        places.dedup();
        rows.push(&places, &vec![1.0; places.len()]).unwrap();
        dense_places.push(places);
    }
    let y: Vec<f64> = dense_places.iter().map(|places| f64::from(u8::from(places[3] % 5 < 2))).collect();
    let used: BTreeSet<u32> = dense_places.iter().flatten().copied().collect();
    let lambda = 1.0 / f64::from(n);
    for l1 in [0.0, 0.3 * lambda] {
        let config = GlmConfig::new(Family::Binomial, d as usize).l2(lambda).l1(l1);
        let fit = config.fit_with(rows.clone(), y.clone(), |_| std::ops::ControlFlow::Continue(())).unwrap();
        let b = fit.coefficients();
        let intercept = fit.parameter(kiln::models::glm::Part::Mean, kiln::models::glm::Term::Intercept).unwrap();
        // The condition of a minimum, by hand: Σ (p − y)·x/n + λ·b is 0, or within the ℓ1 penalty where b is 0.
        let mut gradient: Vec<f64> = b.iter().map(|b| lambda * b).collect();
        for (places, y) in dense_places.iter().zip(&y) {
            let eta = intercept + places.iter().map(|place| b[*place as usize]).sum::<f64>();
            let residual = 1.0 / (1.0 + (-eta).exp()) - y;
            places.iter().for_each(|place| gradient[*place as usize] += residual / f64::from(n));
        }
        for (b, g) in b.iter().zip(&gradient) {
            let violation = if *b == 0.0 { (g.abs() - l1).max(0.0) } else { (g + l1 * b.signum()).abs() };
            // The tolerance 1e-8 is in units of scaled features, whose scale is about 1/30.
            assert!(violation < 1e-8, "{b} {g}");
        }
        let others = b.iter().filter(|b| **b != 0.0).count();
        assert!(if l1 > 0.0 { others < used.len() / 2 } else { others == used.len() }, "{others} of {}", used.len());
    }
}
