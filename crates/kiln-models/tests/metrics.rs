//! The measures beside scikit-learn's, and on inputs that have none.

#![allow(clippy::float_cmp, reason = "results that are exact, or those of the same computation")]

use kiln_models::metrics::{
    Average, Bins, Calibration, ConfusionMatrix, MetricsError, PrecisionRecall, RocCurve, brier, brier_multiclass,
    gamma_deviance, log_loss, log_loss_multiclass, mae, mape, pinball, poisson_deviance, r2, rmse, roc_auc_multiclass,
    tweedie_deviance,
};
use kiln_tensor::Stream;
use kiln_testkit::{assert_close, numbers, reference};
use serde_json::Value;

/// Both sides add some thousands of f64 numbers, in different orders.
const RTOL: f64 = 1e-12;

fn cases(kind: &str) -> Vec<Value> {
    reference("metrics")[kind].as_array().expect("an array").clone()
}

fn weights(case: &Value) -> Option<Vec<f64>> {
    (!case["weights"].is_null()).then(|| numbers(&case["weights"]))
}

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().expect("an array").iter().map(|index| index.as_u64().expect("an index") as usize).collect()
}

#[track_caller]
fn close(actual: f64, expected: &Value, what: &str) {
    assert_close(&[actual], &[expected.as_f64().expect("a number")], RTOL, 0.0, what);
}

#[test]
fn two_classes_are_those_of_scikit_learn() {
    for case in cases("binary") {
        let name = case["name"].as_str().unwrap();
        let positive: Vec<bool> = indices(&case["observed"]).into_iter().map(|class| class == 1).collect();
        let (p, w) = (numbers(&case["probabilities"]), weights(&case));
        let w = w.as_deref();

        let roc = RocCurve::new(&positive, &p, w).unwrap();
        close(roc.auc(), &case["auc"], name);
        assert_eq!(roc.thresholds().len() as u64, case["points"].as_u64().unwrap(), "{name}");
        assert_eq!(roc.thresholds()[0], f64::INFINITY);
        let pr = PrecisionRecall::new(&positive, &p, w).unwrap();
        close(pr.average_precision(), &case["ap"], name);
        if !case["roc"].is_null() {
            assert_eq!(roc.thresholds()[1..], numbers(&case["roc"]["thresholds"]), "{name}");
            assert_close(roc.fpr(), &numbers(&case["roc"]["fpr"]), RTOL, 0.0, name);
            assert_close(roc.tpr(), &numbers(&case["roc"]["tpr"]), RTOL, 0.0, name);
            assert_eq!(pr.thresholds(), numbers(&case["pr"]["thresholds"]), "{name}");
            assert_close(pr.precision(), &numbers(&case["pr"]["precision"]), RTOL, 0.0, name);
            assert_close(pr.recall(), &numbers(&case["pr"]["recall"]), RTOL, 0.0, name);
        }
        close(brier(&positive, &p, w).unwrap(), &case["brier"], name);
        close(log_loss(&positive, &p, w).unwrap(), &case["log_loss"], name);

        // Two columns of probabilities are the same.
        let observed: Vec<usize> = positive.iter().map(|positive| usize::from(*positive)).collect();
        let columns: Vec<f64> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
        close(brier_multiclass(&observed, &columns, 2, w).unwrap(), &case["brier"], name);
        close(log_loss_multiclass(&observed, &columns, 2, w).unwrap(), &case["log_loss"], name);
        close(roc_auc_multiclass(&observed, &columns, 2, Average::Macro, w).unwrap(), &case["auc"], name);
    }
}

#[test]
fn calibration_is_that_of_scikit_learn() {
    let mut compared = 0;
    for case in cases("binary") {
        let positive: Vec<bool> = indices(&case["observed"]).into_iter().map(|class| class == 1).collect();
        let (p, w) = (numbers(&case["probabilities"]), weights(&case));
        for expected in case["calibration"].as_array().unwrap() {
            let count = expected["bins"].as_u64().unwrap() as usize;
            let uniform = expected["strategy"] == "uniform";
            let bins = if uniform { Bins::Uniform(count) } else { Bins::Quantile(count) };
            let what = format!("{}, {bins:?}", case["name"]);
            let found = Calibration::new(&positive, &p, bins, w.as_deref()).unwrap();
            let of = |value: fn(&kiln_models::metrics::CalibrationBin) -> f64| -> Vec<f64> {
                found.bins().iter().map(value).collect()
            };
            assert_eq!(of(|bin| bin.weight), numbers(&expected["sizes"]), "{what}");
            // NumPy's edges, to the last bit: a probability on an edge must fall to the same side.
            assert_eq!(of(|bin| bin.lower), numbers(&expected["lower"]), "{what}");
            assert_eq!(of(|bin| bin.upper), numbers(&expected["upper"]), "{what}");
            assert_close(&of(|bin| bin.fraction_positive), &numbers(&expected["fraction"]), RTOL, 0.0, &what);
            assert_close(&of(|bin| bin.mean_predicted), &numbers(&expected["mean"]), RTOL, 0.0, &what);
            // Differences of numbers near 1 keep the rounding error of those.
            let errors = [found.expected_error(), found.maximum_error()];
            let expected = [expected["ece"].as_f64().unwrap(), expected["mce"].as_f64().unwrap()];
            assert_close(&errors, &expected, RTOL, 1e-14, &what);
            let rows: usize = found.bins().iter().map(|bin| bin.rows).sum();
            assert_eq!(
                rows,
                w.as_ref().map_or(p.len(), |w| w.iter().filter(|weight| **weight > 0.0).count()),
                "{what}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 32);
}

#[test]
fn confusion_matrices_are_those_of_scikit_learn() {
    for case in cases("classes") {
        let name = case["name"].as_str().unwrap();
        let (observed, predicted) = (indices(&case["observed"]), indices(&case["predicted"]));
        let classes = case["classes"].as_u64().unwrap() as usize;
        let w = weights(&case);
        let matrix = ConfusionMatrix::new(&observed, &predicted, classes, w.as_deref()).unwrap();
        assert_close(matrix.counts(), &numbers(&case["counts"]), RTOL, 0.0, name);
        close(matrix.accuracy(), &case["accuracy"], name);
        close(matrix.balanced_accuracy(), &case["balanced"], name);
        // A difference of numbers near 1.
        assert_close(&[matrix.kappa().unwrap()], &numbers(&case["kappa"]), RTOL, 1e-15, name);
        close(matrix.matthews(), &case["matthews"], name);
        let scores: Vec<f64> = matrix.scores().iter().flat_map(|s| [s.precision, s.recall, s.f1, s.support]).collect();
        assert_close(&scores, &numbers(&case["scores"]), RTOL, 0.0, name);
        for (average, expected) in [(Average::Macro, &case["macro"]), (Average::Weighted, &case["weighted"])] {
            let found = matrix.average(average);
            assert_close(&[found.precision, found.recall, found.f1], &numbers(expected), RTOL, 0.0, name);
        }
    }
}

#[test]
fn several_classes_are_those_of_scikit_learn() {
    for case in cases("multiclass") {
        let name = case["name"].as_str().unwrap();
        let observed = indices(&case["observed"]);
        let p: Vec<f64> = numbers(&case["parts"]).iter().map(|part| part / 4096.0).collect();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let w = weights(&case);
        let w = w.as_deref();
        let auc = |average| roc_auc_multiclass(&observed, &p, classes, average, w).unwrap();
        close(auc(Average::Macro), &case["macro"], name);
        close(auc(Average::Weighted), &case["weighted"], name);
        close(brier_multiclass(&observed, &p, classes, w).unwrap(), &case["brier"], name);
        close(log_loss_multiclass(&observed, &p, classes, w).unwrap(), &case["log_loss"], name);
    }
}

#[test]
fn errors_of_numbers_are_those_of_scikit_learn() {
    for case in cases("numbers") {
        let name = case["name"].as_str().unwrap();
        let (y, p, w) = (numbers(&case["observed"]), numbers(&case["predicted"]), weights(&case));
        let w = w.as_deref();
        close(rmse(&y, &p, w).unwrap(), &case["rmse"], name);
        close(mae(&y, &p, w).unwrap(), &case["mae"], name);
        close(r2(&y, &p, w).unwrap(), &case["r2"], name);
        close(mape(&y, &p, w).unwrap(), &case["mape"], name);
        for pair in case["pinball"].as_array().unwrap() {
            close(pinball(&y, &p, pair[0].as_f64().unwrap(), w).unwrap(), &pair[1], name);
        }
        for pair in case["tweedie"].as_array().unwrap() {
            let power = pair[0].as_f64().unwrap();
            let found = tweedie_deviance(&y, &p, power, w).unwrap();
            close(found, &pair[1], &format!("{name}, power {power}"));
            if power == 1.0 {
                assert_eq!(poisson_deviance(&y, &p, w).unwrap(), found);
            } else if power == 2.0 {
                assert_eq!(gamma_deviance(&y, &p, w).unwrap(), found);
            }
        }
    }
}

#[test]
fn a_weight_of_two_is_a_row_twice_and_of_zero_none() {
    let (y, p) = ([true, false, true, false, true], [0.9, 0.9, 0.3, 0.2, 0.6]);
    let w = [2.0, 1.0, 0.0, 3.0, 1.0];
    let again: Vec<usize> = [0, 0, 1, 3, 3, 3, 4].to_vec();
    let (y2, p2): (Vec<bool>, Vec<f64>) = again.iter().map(|row| (y[*row], p[*row])).unzip();
    assert_eq!(RocCurve::new(&y, &p, Some(&w)).unwrap(), RocCurve::new(&y2, &p2, None).unwrap());
    assert_eq!(PrecisionRecall::new(&y, &p, Some(&w)).unwrap(), PrecisionRecall::new(&y2, &p2, None).unwrap());
    let (log, log2) = (log_loss(&y, &p, Some(&w)).unwrap(), log_loss(&y2, &p2, None).unwrap());
    assert_close(&[log], &[log2], 1e-15, 0.0, "log loss");
    let (n, n2) = (y.map(f64::from), y2.iter().map(|y| f64::from(*y)).collect::<Vec<_>>());
    let (found, expected) = (r2(&n, &p, Some(&w)).unwrap(), r2(&n2, &p2, None).unwrap());
    assert_close(&[found], &[expected], 1e-14, 0.0, "R²");
}

#[test]
fn tied_scores_have_half_of_the_area() {
    let y = [true, false, true, false, false];
    assert_eq!(RocCurve::new(&y, &[0.5; 5], None).unwrap().auc(), 0.5);
    // 0 and −0 are the same score.
    let signed = RocCurve::new(&y, &[0.0, -0.0, -0.0, 0.0, 0.0], None).unwrap();
    assert_eq!((signed.thresholds().len(), signed.auc()), (2, 0.5));
    let pr = PrecisionRecall::new(&y, &[0.5; 5], None).unwrap();
    assert_eq!(pr.average_precision(), 0.4);
}

#[test]
fn a_curve_needs_its_classes() {
    let one = |result: Result<f64, MetricsError>| matches!(result, Err(MetricsError::OneClass { .. }));
    let (scores, w) = ([0.1, 0.2], [1.0, 0.0]);
    assert!(one(RocCurve::new(&[true, true], &scores, None).map(|curve| curve.auc())));
    assert!(one(RocCurve::new(&[false, false], &scores, None).map(|curve| curve.auc())));
    assert!(one(RocCurve::new(&[true, false], &scores, Some(&w)).map(|curve| curve.auc())));
    for (y, expected) in [([true, true], "that are negative"), ([false, false], "that are positive")] {
        let message = RocCurve::new(&y, &scores, None).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let precision = |y: &[bool]| PrecisionRecall::new(y, &scores, None).map(|curve| curve.average_precision());
    assert!(one(precision(&[false, false])));
    assert_eq!(precision(&[true, true]), Ok(1.0));

    // Class 2 has no row: it has no area, and no weight.
    let (y, scores) = ([0, 1, 1], [0.6, 0.3, 0.1, 0.2, 0.7, 0.1, 0.7, 0.2, 0.1]);
    let error = roc_auc_multiclass(&y, &scores, 3, Average::Macro, None).unwrap_err();
    assert!(error.to_string().contains("of class 2"), "{error}");
    assert_eq!(roc_auc_multiclass(&y, &scores, 3, Average::Weighted, None), Ok(0.5));
    assert!(one(roc_auc_multiclass(&[1, 1, 1], &scores, 3, Average::Weighted, None)));
}

#[test]
fn degenerate_matrices_have_scores() {
    let matrix = ConfusionMatrix::new(&[1, 1], &[1, 1], 3, None).unwrap();
    assert_eq!((matrix.kappa(), matrix.matthews(), matrix.balanced_accuracy()), (None, 0.0, 1.0));
    assert_eq!(matrix.average(Average::Macro).f1, 1.0);
    let never = ConfusionMatrix::new(&[0, 0], &[1, 1], 2, None).unwrap();
    assert_eq!((never.kappa(), never.matthews(), never.accuracy()), (Some(0.0), 0.0, 0.0));
    assert_eq!(never.scores()[0].precision, 0.0);
    // Weights of any size give the same scores.
    for size in [1e-320, 1e-200, 1e200, 1e299] {
        let matrix = ConfusionMatrix::new(&[0, 0, 1, 1], &[0, 1, 1, 1], 2, Some(&[size; 4])).unwrap();
        assert_close(&[matrix.matthews()], &[1.0 / 3f64.sqrt()], 1e-13, 0.0, "Matthews");
        assert_close(&[matrix.kappa().unwrap()], &[0.5], 1e-13, 0.0, "kappa");
    }
}

#[test]
fn a_tenth_of_a_bin_is_scikit_learns() {
    // 3·0.1 is above 0.3 in floats, so that 0.3 falls into the third bin, and 0.30000000000000004 too.
    let p = [0.3, 0.300_000_000_000_000_04, 0.300_000_000_000_000_1, 0.0, 1.0];
    let found = Calibration::new(&[true; 5], &p, Bins::Uniform(10), None).unwrap();
    let rows: Vec<usize> = found.bins().iter().map(|bin| bin.rows).collect();
    assert_eq!(rows, [1, 2, 1, 1]);
    // numpy.percentile interpolates from the nearer side: from one side only, 0.2 or 0.8 would differ in their last bits.
    let found = Calibration::new(&[true; 4], &[0.08, 0.24, 0.79, 0.83], Bins::Quantile(4), None).unwrap();
    let edges: Vec<f64> = found.bins().iter().map(|bin| bin.upper).collect();
    assert_eq!(edges, [0.2, 0.515, 0.8, 0.83]);
    // More quantiles than rows, and quantiles that coincide.
    for p in [vec![0.5], vec![0.0, 1.0], vec![0.25; 7]] {
        let found = Calibration::new(&vec![true; p.len()], &p, Bins::Quantile(50), None).unwrap();
        assert_eq!(found.bins().iter().map(|bin| bin.rows).sum::<usize>(), p.len());
    }
}

#[test]
fn a_wrong_certainty_costs_36_nats() {
    // scikit-learn's log_loss([1, 0], [p, 0.5]) times two, less ln 2.
    let nats = |p: f64| 2.0 * log_loss(&[true, false], &[p, 0.5], None).unwrap() - 2f64.ln();
    assert_close(&[nats(0.0), nats(1e-20)], &[36.043_653_389_117_15; 2], 1e-14, 0.0, "a wrong certainty");
    assert_eq!(log_loss(&[true], &[1.0], None), Ok(2.220_446_049_250_313_6e-16));
    assert_close(
        &[log_loss_multiclass(&[1], &[1.0, 0.0], 2, None).unwrap()],
        &[36.043_653_389_117_15],
        1e-14,
        0.0,
        "two",
    );
}

#[test]
fn extreme_numbers_have_results_or_errors() {
    assert_eq!(rmse(&[3e200, 0.0], &[0.0, 4e200], None), Ok(12.5f64.sqrt() * 1e200));
    assert_close(&[rmse(&[3e-200], &[0.0], None).unwrap()], &[3e-200], 1e-15, 0.0, "RMSE");
    assert_close(&[r2(&[1e-200, 2e-200, 3e-200], &[1e-200, 2e-200, 4e-200], None).unwrap()], &[0.5], 1e-14, 0.0, "R²");
    // The mean of three times 0.1 is not 0.1 in floats.
    assert_eq!(r2(&[0.1; 3], &[0.1, 0.2, 0.3], None), Err(MetricsError::Constant { value: 0.1 }));
    assert_eq!(r2(&[1.0], &[1.0], None), Err(MetricsError::Constant { value: 1.0 }));
    let overflow = |result| matches!(result, Err(MetricsError::Overflow { .. }));
    assert!(overflow(mae(&[f64::MAX], &[f64::MIN], None)));
    assert!(overflow(rmse(&[f64::MAX], &[f64::MIN], None)));
    assert!(overflow(r2(&[0.0, 1e-300], &[1e300, 0.0], None)));
    assert!(overflow(tweedie_deviance(&[1e-310], &[1.0], 3.0, None)));
    // y·ln(y/ŷ) where y/ŷ is no float.
    assert_close(&[poisson_deviance(&[1e-320], &[1e10], None).unwrap()], &[2e10], 1e-15, 0.0, "Poisson");
    let expected = 2.0 * (600.0 * 10f64.ln() - 1.0);
    assert_close(&[gamma_deviance(&[1e-300], &[1e300], None).unwrap()], &[expected], 1e-14, 0.0, "gamma");
    assert!(overflow(gamma_deviance(&[1e300], &[1e-300], None)));
}

#[test]
fn deviances_near_zero_are_accurate() {
    // With ŷ = y(1 + d), to the second order: Poisson y·d², gamma d². The next terms are of the order d³.
    let d = 1e-9;
    assert_close(&[poisson_deviance(&[7.0], &[7.0 * (1.0 + d)], None).unwrap()], &[7.0 * d * d], 1e-6, 0.0, "Poisson");
    assert_close(&[gamma_deviance(&[7.0], &[7.0 * (1.0 + d)], None).unwrap()], &[d * d], 1e-6, 0.0, "gamma");
    // At the end of the series both formulas agree.
    for x in [0.9, 1.1] {
        let (inside, outside) = (x + (1.0 - x) * 1e-12, x - (1.0 - x) * 1e-12);
        let [a, b] = [inside, outside].map(|y| poisson_deviance(&[y], &[1.0], None).unwrap());
        // The derivative is 2·ln x, and the distance 2e-13.
        assert_close(&[a], &[b], 1e-10, 0.0, "the end of the series");
        let y = if x < 1.0 { 0.900_000_000_001 } else { 1.099_999_999_999f64 };
        let exact = 2.0 * (y * y.ln() - y + 1.0);
        // The formula for comparison has lost two digits.
        assert_close(&[poisson_deviance(&[y], &[1.0], None).unwrap()], &[exact], 1e-13, 0.0, "the series");
    }
}

#[test]
fn wrong_input_is_refused() {
    use MetricsError as E;
    let y = [true, false];
    assert!(matches!(log_loss(&y, &[0.5], None), Err(E::Length { expected: 2, found: 1, .. })));
    assert!(matches!(log_loss(&y, &[0.5, 0.5], Some(&[1.0])), Err(E::Length { what: "weights", .. })));
    assert_eq!(log_loss(&[], &[], None), Err(E::NoRows));
    assert!(matches!(brier(&y, &[0.5, 1.5], None), Err(E::Probability { row: 1, .. })));
    assert!(matches!(brier(&y, &[f64::NAN, 0.5], None), Err(E::Probability { row: 0, .. })));
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(log_loss(&y, &[0.5, 0.5], Some(&[1.0, weight])), Err(E::Weight { row: 1, .. })), "{weight}");
    }
    for weights in [[0.0, 0.0], [1e300, 1e300], [f64::MAX, f64::MAX]] {
        assert!(matches!(mae(&[1.0, 2.0], &[1.0, 2.0], Some(&weights)), Err(E::WeightSum { .. })), "{weights:?}");
    }
    for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(RocCurve::new(&y, &[score, 0.0], None), Err(E::NotFinite { row: 0, .. })));
        assert!(matches!(PrecisionRecall::new(&y, &[0.0, score], None), Err(E::NotFinite { row: 1, .. })));
        assert!(matches!(rmse(&[score], &[0.0], None), Err(E::NotFinite { what: "observed", .. })));
        assert!(matches!(rmse(&[0.0], &[score], None), Err(E::NotFinite { what: "predicted", .. })));
    }
    for bins in [0, 100_001, usize::MAX] {
        assert!(matches!(Calibration::new(&y, &[0.5, 0.5], Bins::Uniform(bins), None), Err(E::Setting { .. })));
        assert!(matches!(Calibration::new(&y, &[0.5, 0.5], Bins::Quantile(bins), None), Err(E::Setting { .. })));
    }
    for classes in [0, 4097, usize::MAX] {
        let refused = E::Classes { found: classes, limit: 4096 };
        assert_eq!(ConfusionMatrix::new(&[0], &[0], classes, None), Err(refused.clone()));
        assert_eq!(log_loss_multiclass(&[0], &[1.0], classes, None), Err(refused));
    }
    assert!(matches!(ConfusionMatrix::new(&[0, 2], &[0, 1], 2, None), Err(E::Class { what: "observed", row: 1, .. })));
    assert!(matches!(ConfusionMatrix::new(&[0, 1], &[3, 1], 2, None), Err(E::Class { what: "predicted", row: 0, .. })));
    assert!(matches!(log_loss_multiclass(&[2], &[0.5, 0.5], 2, None), Err(E::Class { .. })));
    assert!(matches!(log_loss_multiclass(&[1], &[0.5, 0.6], 2, None), Err(E::ProbabilitySum { row: 0, .. })));
    assert!(matches!(log_loss_multiclass(&[1], &[1.5, -0.5], 2, None), Err(E::Probability { row: 0, .. })));
    assert!(matches!(brier_multiclass(&[1, 0], &[0.5, 0.5], 2, None), Err(E::Length { expected: 4, found: 2, .. })));
    for quantile in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(pinball(&[1.0], &[1.0], quantile, None), Err(E::Setting { .. })), "{quantile}");
    }
    for power in [0.5, 1e-300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(tweedie_deviance(&[1.0], &[1.0], power, None), Err(E::Setting { .. })), "{power}");
    }
    for (y, p, power) in
        [(-1.0, 1.0, 1.0), (1.0, 0.0, 1.0), (-1.0, 1.0, 1.5), (0.0, 1.0, 2.0), (0.0, 1.0, 3.0), (1.0, 0.0, -1.0)]
    {
        assert!(matches!(tweedie_deviance(&[y], &[p], power, None), Err(E::Domain { row: 0, .. })), "{y} {p} {power}");
    }
    assert!(tweedie_deviance(&[-1.0], &[1.0], -1.0, None).is_ok());
    assert!(tweedie_deviance(&[-1.0], &[-1.0], 0.0, None).is_ok());
}

#[test]
fn no_input_panics_and_no_result_is_nan() {
    const VALUES: [f64; 14] = [
        0.0,
        -0.0,
        1.0,
        0.5,
        0.25,
        -1.0,
        f64::MIN_POSITIVE,
        5e-324,
        1e-300,
        1e300,
        f64::MAX,
        f64::MIN,
        f64::NAN,
        f64::INFINITY,
    ];
    let mut stream = Stream::new(0, "metrics", 0, 0);
    let (mut results, mut errors) = (0, 0);
    for round in 0..20_000 {
        // In every second round all numbers are valid probabilities.
        let limit = if round % 2 == 0 { 5 } else { VALUES.len() };
        let mut draw = |n: usize| (stream.next_u64() % n as u64) as usize;
        let (n, classes) = (draw(6), draw(4));
        let a: Vec<f64> = (0..n).map(|_| VALUES[draw(limit)]).collect();
        let b: Vec<f64> = (0..n).map(|_| VALUES[draw(limit)]).collect();
        let of_classes: Vec<f64> = (0..n * classes).map(|_| VALUES[draw(limit)]).collect();
        let w: Vec<f64> = (0..n).map(|_| VALUES[draw(limit)]).collect();
        let w = (draw(3) > 0).then_some(&w[..]);
        let positive: Vec<bool> = (0..n).map(|_| draw(2) == 1).collect();
        let outside = draw(2);
        let [one, two]: [Vec<usize>; 2] = [(); 2].map(|()| (0..n).map(|_| draw(classes.max(1) + outside)).collect());
        let (power, bins) = ([-1.0, 0.0, 1.0, 1.5, 2.0, 3.0][draw(6)], 1 + draw(9));
        let sum = |values: &[f64]| values.iter().skip(usize::from(values.first() == Some(&f64::INFINITY))).sum::<f64>();
        let calibration = |bins| {
            let found = Calibration::new(&positive, &a, bins, w)?;
            Ok(found.expected_error() + found.maximum_error())
        };
        for result in [
            RocCurve::new(&positive, &a, w).map(|c| c.auc() + sum(c.fpr()) + sum(c.tpr())),
            PrecisionRecall::new(&positive, &a, w)
                .map(|c| c.average_precision() + sum(c.precision()) + sum(c.recall())),
            ConfusionMatrix::new(&one, &two, classes, w).map(|m| {
                let mean = m.average(Average::Macro).f1 + m.average(Average::Weighted).precision;
                m.accuracy() + m.balanced_accuracy() + m.kappa().unwrap_or(0.0) + m.matthews() + mean
            }),
            roc_auc_multiclass(&one, &of_classes, classes, Average::Macro, w),
            roc_auc_multiclass(&one, &of_classes, classes, Average::Weighted, w),
            brier(&positive, &a, w),
            log_loss(&positive, &a, w),
            brier_multiclass(&one, &of_classes, classes, w),
            log_loss_multiclass(&one, &of_classes, classes, w),
            calibration(Bins::Uniform(bins)),
            calibration(Bins::Quantile(bins)),
            rmse(&a, &b, w),
            mae(&a, &b, w),
            r2(&a, &b, w),
            mape(&a, &b, w),
            pinball(&a, &b, 0.3, w),
            tweedie_deviance(&a, &b, power, w),
        ] {
            match result {
                Ok(value) => {
                    assert!(
                        value.is_finite(),
                        "{a:?} {b:?} {w:?} {positive:?} {of_classes:?} {one:?} {two:?} {power} {bins}"
                    );
                    results += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().contains('\n'));
                    errors += 1;
                }
            }
        }
    }
    assert!(results > 50_000 && errors > 50_000, "{results} results, {errors} errors");
}
