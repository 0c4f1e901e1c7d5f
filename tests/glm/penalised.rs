//! Penalised fits beside those of scikit-learn (tests/reference/gen/make_penalised_glm.py).

use kiln::models::{
    GlmConfig, LogisticConfig,
    glm::{Family, Link, Part, Term},
};
use kiln_testkit::{assert_close, reference};
use serde_json::json;

use super::fits::{column, rows, table, texts};

/// Divides each column by its standard deviation, after its mean is subtracted.
fn standardize(x: &mut [f64], d: usize) {
    let n = (x.len() / d) as f64;
    for j in 0..d {
        let mean = x.iter().skip(j).step_by(d).sum::<f64>() / n;
        let variance = x.iter().skip(j).step_by(d).map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        x.iter_mut().skip(j).step_by(d).for_each(|x| *x = (*x - mean) / variance.sqrt());
    }
}

#[test]
fn coefficients_agree_with_scikit_learn() {
    for row in reference("penalised_glm").as_array().unwrap() {
        let number = |name: &str| row[name].as_f64().unwrap();
        let (family, link) = match row["family"].as_str().unwrap() {
            "gamma-log" => (Family::Gamma, Link::Log),
            name => (name.parse::<Family>().unwrap(), name.parse::<Family>().unwrap().links()[0]),
        };
        let features = texts(&row["features"]);
        let table = table(&json!({ "csv": format!("{}.csv", row["data"].as_str().unwrap()) }));
        let (mut x, y) = (rows(&table, &features), column(&table, row["target"].as_str().unwrap()));
        if row["scaled"] == true {
            standardize(&mut x, features.len());
        }
        let config = GlmConfig::new(family, features.len()).link(link).l1(number("l1")).l2(number("l2"));
        let what = format!("{family} l1={} l2={}", number("l1"), number("l2"));
        let fit = config.fit(&x, &y).unwrap_or_else(|error| panic!("{what}: {error}"));
        let expected: Vec<f64> = row["coef"].as_array().unwrap().iter().map(|c| c.as_f64().unwrap()).collect();
        // scikit-learn stops at such an error. Its zeros are zeros here too.
        let tolerance = number("tolerance");
        assert_close(&fit.coefficients(), &expected, tolerance, tolerance, &what);
        let intercept = fit.parameter(Part::Mean, Term::Intercept).unwrap();
        assert_close(&[intercept], &[number("intercept")], tolerance, tolerance, &what);
        for (got, expected) in fit.coefficients().iter().zip(&expected) {
            assert_eq!(*got == 0.0, *expected == 0.0, "{what}: {got} beside {expected}");
        }
        assert!(fit.inference().unwrap_err().to_string().contains("a penalised fit has no standard errors"));
    }
}

#[test]
fn penalties_are_checked() {
    let fit = |config: GlmConfig| config.fit(&[0.0, 1.0, 2.0], &[0.0, 2.0, 1.0]).unwrap_err().to_string();
    let config = |family| GlmConfig::new(family, 1);
    assert!(fit(config(Family::Poisson).l2(-1.0)).contains("the penalty must be finite and not negative"));
    assert_eq!(fit(config(Family::Poisson).l1(f64::NAN)), "`l1` must be finite and not negative");
    assert!(fit(config(Family::Multinomial).l2(1.0)).contains("multinomial takes no penalty"));
    assert!(fit(config(Family::Binomial).l2(1.0).firth(true)).contains("`firth`"));
}

/// A penalised fit keeps features that depend on others, and constant ones, whose coefficient is 0.
#[test]
fn dependent_features_share_their_coefficient() {
    let x: Vec<f64> = (0..40).flat_map(|i| [f64::from(i % 7), f64::from(i % 7), 5.0]).collect();
    let y: Vec<f64> = (0..40).map(|i| f64::from(i % 7 + i % 3)).collect();
    for config in [GlmConfig::new(Family::Poisson, 3).l2(0.1), GlmConfig::new(Family::Poisson, 3).l1(0.01).l2(0.1)] {
        let fit = config.fit(&x, &y).unwrap();
        let b = fit.coefficients();
        assert!(fit.dropped.is_empty() && b[0] > 0.0 && b[2] == 0.0, "{b:?}");
        assert_close(&b[..1], &b[1..2], 1e-7, 0.0, "the same feature");
    }
}

/// A fit that starts at its own solution has nothing left to do, also in other units.
#[test]
fn a_fit_starts_at_another() {
    let x: Vec<f64> = (0..60).flat_map(|i| [f64::from(i * 7 % 11), 1e3 + f64::from(i * i % 13)]).collect();
    let y: Vec<f64> = (0..60).map(|i| f64::from((i * i % 7) * (i % 3))).collect();
    for (l1, l2) in [(0.0, 0.01), (0.05, 0.0)] {
        let config = GlmConfig::new(Family::Poisson, 2).l1(l1).l2(l2);
        let first = config.fit(&x, &y).unwrap();
        let again = config.clone().start_from(&first).fit(&x, &y).unwrap();
        assert!(first.outcome.iterations > 2 && again.outcome.iterations <= 1, "{}", again.outcome.iterations);
        assert_close(&again.coefficients(), &first.coefficients(), 1e-9, 0.0, "coefficients");
    }
    let classes: Vec<usize> = y.iter().map(|y| usize::from(*y > 3.0)).collect();
    let config = LogisticConfig::new(2).l2(0.01);
    let first = config.fit(&x, &classes).unwrap();
    let again = config.clone().start_from(&first).fit(&x, &classes).unwrap();
    assert!(first.outcome.iterations > 2 && again.outcome.iterations <= 1, "{}", again.outcome.iterations);
    assert_close(&again.coefficients[0], &first.coefficients[0], 1e-9, 0.0, "logistic");
}
