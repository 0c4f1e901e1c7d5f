//! `LogisticConfig::fit` from slices against scikit-learn, statsmodels and closed forms, without a float type set by the user.

use kiln::{
    data::{BREAST_CANCER_TARGET, Encoder, Examples, breast_cancer},
    models::{
        ClassWeights, Covariance, InferenceError, LogisticConfig, LogisticError, LogisticFit, RegressionDataError,
    },
};
use kiln_testkit::{assert_close, numbers, reference};

/// The columns with mean 0 and standard deviation 1, and the classes.
fn cancer() -> Examples {
    let table = breast_cancer();
    let rows: Vec<usize> = (0..table.len()).collect();
    Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true).unwrap().encode(&table).unwrap()
}

/// Two classes that overlap, with unequal shares.
const X: [f64; 8] = [0.3, 1.2, -0.4, 2.0, 0.9, -1.1, 0.1, 1.5];
const Y: [usize; 8] = [0, 1, 0, 1, 0, 0, 1, 1];

fn targets(row: &serde_json::Value) -> Vec<usize> {
    numbers(&row["y"]).iter().map(|y| *y as usize).collect()
}

#[test]
fn penalised_fits_are_those_of_the_reference() {
    let (data, json) = (cancer(), reference("logistic"));
    for row in json["fits"].as_array().unwrap() {
        let lambda = row["lam"].as_f64().unwrap();
        let fit = LogisticConfig::new(30).l2(lambda).fit(data.inputs(), data.targets()).unwrap();
        // Of a gradient of 1e-8 and a curvature of λ.
        assert_close(&fit.coefficients[0], &numbers(&row["weights"]), 0.0, 2e-8 / lambda, "weights");
        assert!(matches!(fit.inference, Err(InferenceError::Penalised)));
        assert!(fit.summary().contains("No standard errors: a penalised fit"), "{}", fit.summary());
    }
}

#[test]
fn standard_errors_are_those_of_statsmodels() {
    for row in reference("inference")["rows"].as_array().unwrap() {
        let (x, y) = (numbers(&row["x"]), targets(row));
        let config = LogisticConfig::new(x.len() / y.len()).gtol(1e-10);
        let config = match row.get("weights") {
            Some(weights) => config.sample_weights(&numbers(weights)),
            None => config,
        };
        let fit = config.clone().fit(&x, &y).unwrap();
        let i = fit.inference.as_ref().unwrap();
        let column = |f: fn(&kiln::models::Coefficient) -> f64| i.coefficients.iter().map(f).collect::<Vec<f64>>();
        let name = row["data"].as_str().unwrap();
        // A gradient of 1e-10 over a curvature of 1e-4 in the rescaled columns.
        for (got, key, tolerance) in [
            (column(|c| c.estimate), "coef", 1e-6),
            (column(|c| c.standard_error), "std_err", 1e-6),
            (column(|c| c.z), "z", 1e-6),
            (column(|c| c.p), "p", 1e-4),
            (vec![i.log_likelihood], "log_likelihood", 1e-9),
            (vec![i.aic], "aic", 1e-9),
        ] {
            assert_close(&got, &numbers(&row[key]), tolerance, 1e-300, &format!("{name}: {key}"));
        }
        let robust = config.covariance(Covariance::Hc0).fit(&x, &y).unwrap();
        let robust: Vec<f64> = robust.inference.unwrap().coefficients.iter().map(|c| c.standard_error).collect();
        assert_close(&robust, &numbers(&row["robust_std_err"]), 1e-6, 0.0, &format!("{name}: HC0"));
    }
}

/// scikit-learn's `LogisticRegression` on breast cancer with C = 1/(569·0.01), and its methods by hand.
#[test]
fn predictions_follow_the_coefficients() {
    let data = cancer();
    let fit = LogisticConfig::new(30).l2(0.01).fit(data.inputs(), data.targets()).unwrap();
    let probabilities = fit.predict_proba(data.inputs()).unwrap();
    assert_eq!((probabilities.len(), fit.classes()), (2 * data.targets().len(), 2));
    let row = &data.inputs()[..30];
    let z = fit.intercepts[0] + row.iter().zip(&fit.coefficients[0]).map(|(x, w)| x * w).sum::<f64>();
    assert_close(&probabilities[..2], &[1.0 / (1.0 + z.exp()), 1.0 / (1.0 + (-z).exp())], 1e-12, 0.0, "p by hand");
    let predicted = fit.predict(data.inputs()).unwrap();
    let right = predicted.iter().zip(data.targets()).filter(|(a, b)| a == b).count() as f64;
    assert_close(&[fit.score(data.inputs(), data.targets()).unwrap()], &[right / 569.0], 1e-12, 0.0, "accuracy");
    assert!(right / 569.0 > 0.97, "{right}");
}

/// Shares of the classes are the maximum where no feature tells them apart.
#[test]
fn three_classes_have_a_row_of_weights_each() {
    let x = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
    let y = [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2];
    let fit = LogisticConfig::new(1).fit(&x, &y).unwrap();
    assert_eq!((fit.coefficients.len(), fit.intercepts.len(), fit.classes()), (3, 3, 3));
    let shares = [2.0 / 12.0, 4.0 / 12.0, 6.0 / 12.0];
    assert_close(&fit.predict_proba(&[0.7]).unwrap(), &shares, 1e-6, 0.0, "the classes' shares");
    let null: f64 = y.iter().map(|class| shares[*class].ln()).sum();
    assert_close(&[fit.inference.unwrap().log_likelihood], &[null], 1e-10, 0.0, "the likelihood of the shares");
    // Names are in the table.
    let config = LogisticConfig::new(1).names("species", &["length"], &["setosa", "versicolor", "virginica"]);
    let summary = config.fit(&x, &y).unwrap().summary();
    for part in ["MNLogit", "species=versicolor", "length"] {
        assert!(summary.contains(part), "{part} is not in\n{summary}");
    }
    let wrong = LogisticConfig::new(1).names("species", &["length", "width"], &[]).fit(&x, &y).unwrap_err();
    assert!(matches!(wrong, LogisticError::Names { what: "features", expected: 1, got: 2 }));
}

#[test]
fn weights_count_rows_and_classes() {
    let one = |config: LogisticConfig, x: &[f64], y: &[usize]| {
        let LogisticFit { coefficients, intercepts, .. } = config.gtol(1e-10).fit(x, y).unwrap();
        [coefficients[0][0], intercepts[0]]
    };
    let weights: Vec<f64> = (0..8).map(|row| if row % 3 == 0 { 2.0 } else { 1.0 }).collect();
    let again = |row: usize| std::iter::repeat_n(row, weights[row] as usize);
    let rows: Vec<usize> = (0..8).flat_map(again).collect();
    let (x, y): (Vec<f64>, Vec<usize>) = rows.iter().map(|&row| (X[row], Y[row])).unzip();
    let weighted = one(LogisticConfig::new(1).sample_weights(&weights), &X, &Y);
    assert_close(&weighted, &one(LogisticConfig::new(1), &x, &y), 1e-7, 0.0, "rows that are repeated");
    // Balanced weights are n / (2·n_c).
    let short = (&X[1..], &Y[1..]);
    let of_class = [3.0, 4.0].map(|count| 7.0 / (2.0 * count));
    let balanced = one(LogisticConfig::new(1).class_weights(ClassWeights::Balanced), short.0, short.1);
    let explicit =
        one(LogisticConfig::new(1).class_weights(ClassWeights::PerClass(of_class.to_vec())), short.0, short.1);
    assert_close(&balanced, &explicit, 1e-7, 0.0, "balanced");
    let by_row: Vec<f64> = short.1.iter().map(|&class| of_class[class]).collect();
    assert_close(
        &balanced,
        &one(LogisticConfig::new(1).sample_weights(&by_row), short.0, short.1),
        1e-8,
        0.0,
        "by row",
    );
    let fit = LogisticConfig::new(1).class_weights(ClassWeights::Balanced).fit(short.0, short.1).unwrap();
    assert!(matches!(fit.inference, Err(InferenceError::ClassWeights)));
}

#[test]
fn bounds_and_l1_penalties_hold() {
    let x: Vec<f64> = X.iter().flat_map(|&x| [x, (7.3 * x).sin()]).collect();
    let free = LogisticConfig::new(2).fit(&x, &Y).unwrap();
    assert!(free.coefficients[0][0] > 0.5);
    let bounded = LogisticConfig::new(2).bounds(-0.5, 0.5).fit(&x, &Y).unwrap();
    assert_close(&bounded.coefficients[0][..1], &[0.5], 1e-12, 0.0, "at its bound");
    assert!(matches!(bounded.inference, Err(InferenceError::Bounded)));
    let sparse = LogisticConfig::new(2).l1(0.1).fit(&x, &Y).unwrap();
    let nonzero = sparse.coefficients[0].iter().filter(|w| **w != 0.0).count();
    assert_eq!(nonzero, 1, "{:?}", sparse.coefficients);
    assert!(LogisticConfig::new(2).l1(10.0).fit(&x, &Y).unwrap().coefficients[0].iter().all(|w| *w == 0.0));
}

#[test]
fn separable_classes_are_certified() {
    let (x, y) = ([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1]);
    let Err(LogisticError::Separable { certificate: Some(certificate) }) = LogisticConfig::new(1).fit(&x, &y) else {
        panic!("a threshold at 0 separates them")
    };
    assert!(certificate.complete && certificate.sides(&x, &y).unwrap().separates);
    let message = LogisticConfig::new(1).fit(&x, &y).unwrap_err().to_string();
    assert_eq!(
        message,
        "the classes are perfectly separable, so the maximum likelihood estimate does not exist; \
         add a penalty, for example `.l2(0.01)`"
    );
    // A row of each class at the threshold: quasi-complete separation.
    let (x, y) = ([-2.0, -1.0, 0.0, 0.0, 1.0, 2.0], [0, 0, 0, 1, 1, 1]);
    let error = LogisticConfig::new(1).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("quasi-completely separable"), "{error}");
    // One class alone is separable too, and so are three groups.
    assert!(matches!(LogisticConfig::new(1).fit(&[1.0, 2.0], &[0, 0]), Err(LogisticError::Separable { .. })));
    let three = LogisticConfig::new(1).fit(&[-3.0, -2.0, 0.0, 0.5, 4.0, 5.0], &[0, 0, 1, 1, 2, 2]);
    assert!(matches!(three, Err(LogisticError::Separable { certificate: Some(_) })));
    // A penalty or a bound makes a maximum, if the bound is in the way.
    LogisticConfig::new(1).l2(0.01).fit(&x, &y).unwrap();
    LogisticConfig::new(1).bounds(-1.0, 1.0).fit(&x, &y).unwrap();
}

#[test]
fn a_fit_that_stops_early_is_an_error_with_the_result_so_far() {
    let Err(LogisticError::NotConverged { fit, gtol }) = LogisticConfig::new(1).max_iter(1).fit(&X, &Y) else {
        panic!("one iteration is too few")
    };
    assert_eq!((fit.outcome.iterations, fit.coefficients.len()), (1, 1));
    assert!(fit.outcome.grad_norm > gtol && fit.coefficients[0][0] > 0.0);
    assert!(matches!(fit.inference, Err(InferenceError::NotConverged)));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let fit = |config: LogisticConfig| config.fit(&X, &Y).map(|_| ()).unwrap_err();
    let shape = LogisticConfig::new(3).fit(&X, &Y).unwrap_err();
    assert!(matches!(shape, LogisticError::Shape { values: 8, rows: 8, features: 3 }));
    assert_eq!(shape.to_string(), "`x` holds 8 values, which is not 8 rows of 3 features; pass x in row-major order");
    let nan = LogisticConfig::new(2).fit(&[1.0, 2.0, 3.0, f64::NAN], &[0, 1]).unwrap_err();
    assert!(matches!(nan, LogisticError::NotFinite { row: 1, column: 1, .. }));
    assert!(matches!(fit(LogisticConfig::new(1).sample_weights(&[1.0])), LogisticError::Weights { got: 1, .. }));
    let negative = fit(LogisticConfig::new(1).sample_weights(&[-1.0; 8]));
    assert!(matches!(negative, LogisticError::Data(RegressionDataError::Weights)));
    let per_class = ClassWeights::PerClass(vec![1.0; 3]);
    assert!(matches!(fit(LogisticConfig::new(1).class_weights(per_class)), LogisticError::Weights { got: 3, .. }));
    for (config, expected) in [
        (LogisticConfig::new(0), "features"),
        (LogisticConfig::new(1).classes(1), "classes"),
        (LogisticConfig::new(1).l2(-1.0), "l2"),
        (LogisticConfig::new(1).l1(f64::NAN), "l1"),
        (LogisticConfig::new(1).l1(0.1).bounds(0.0, 1.0), "l1"),
        (LogisticConfig::new(1).bounds(1.0, 0.0), "bounds"),
        (LogisticConfig::new(1).gtol(0.0), "gtol"),
        (LogisticConfig::new(1).max_iter(0), "max_iter"),
    ] {
        let error = fit(config);
        assert!(matches!(error, LogisticError::Setting { name, .. } if name == expected), "{expected}: {error}");
    }
    let few = LogisticConfig::new(1).classes(2).fit(&[1.0, 2.0, 3.0], &[0, 1, 2]).unwrap_err();
    assert!(matches!(few, LogisticError::Data(RegressionDataError::Target { target: 2, .. })));
    assert!(matches!(LogisticConfig::new(1).fit(&[], &[]), Err(LogisticError::Data(RegressionDataError::Empty))));
    let fitted = LogisticConfig::new(1).fit(&X, &Y).unwrap();
    assert!(matches!(fitted.score(&X, &Y[1..]), Err(LogisticError::Shape { .. })));
    let two = LogisticConfig::new(2).l2(0.1).fit(&[1.0, 2.0, 3.0, 4.0], &[0, 1]).unwrap();
    assert!(matches!(two.predict(&[1.0, 2.0, 3.0]), Err(LogisticError::Shape { .. })));
}

/// A column that others determine is left out, as in R: the others have their estimates and standard errors.
#[test]
fn dependent_columns_are_dropped() {
    let alone = LogisticConfig::new(1).fit(&X, &Y).unwrap();
    let x: Vec<f64> = X.iter().flat_map(|x| [4.0, *x, 2.0 * x - 1.0]).collect();
    let fit = LogisticConfig::new(3).names("y", &["four", "x", "twice"], &[]).fit(&x, &Y).unwrap();
    assert_close(&fit.coefficients[0], &[0.0, alone.coefficients[0][0], 0.0], 1e-9, 1e-12, "coefficients");
    let errors = |fit: &LogisticFit| {
        let inference = fit.inference.as_ref().unwrap();
        inference.coefficients.iter().map(|c| c.standard_error).collect::<Vec<_>>()
    };
    assert_close(&errors(&fit), &errors(&alone), 1e-9, 0.0, "standard errors");
    assert_eq!(fit.dropped.iter().map(|dropped| dropped.column).collect::<Vec<_>>(), [0, 2]);
    assert!(fit.summary().ends_with("dropped four = 4\ndropped twice = −1 + 2·x\n"), "{}", fit.summary());
    // Only constants: the model with an intercept alone.
    let constant = LogisticConfig::new(1).fit(&[1.0; 8], &Y).unwrap();
    assert_close(&constant.intercepts, &[0.0], 0.0, 1e-12, "half of the classes are 1");
}
