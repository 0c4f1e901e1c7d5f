//! What a maximum says of the coefficients, against statsmodels.

use super::*;

fn inference_of(row: &serde_json::Value, covariance: Covariance) -> (Inference, RegressionLoss) {
    let y: Vec<usize> = row["y"].as_array().unwrap().iter().map(|y| y.as_u64().unwrap() as usize).collect();
    let classes = row["classes"].as_u64().unwrap() as usize;
    let x = numbers(&row["x"]);
    let mut loss = loss_of(&x, x.len() / y.len(), &y, classes);
    if let Some(weights) = row.get("weights") {
        loss = loss.weights(&numbers(weights)).unwrap();
    }
    let outcome = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
    assert!(outcome.success, "{}", outcome.message);
    (loss.inference(&outcome.x, covariance).unwrap(), loss)
}

#[test]
fn standard_errors_and_tests_are_those_of_statsmodels() {
    for row in reference("inference")["rows"].as_array().unwrap() {
        let (i, _) = inference_of(row, Covariance::Nonrobust);
        let name = row["data"].as_str().unwrap();
        let column = |f: fn(&kiln::models::Coefficient) -> f64| i.coefficients.iter().map(f).collect::<Vec<f64>>();
        // statsmodels ends where the parameters change by 1e-14.
        let close = |got: &[f64], key: &str, tolerance: f64| {
            assert_close(got, &numbers(&row[key]), tolerance, 1e-300, &format!("{name}: {key}"));
        };
        close(&column(|c| c.estimate), "coef", 1e-8);
        close(&column(|c| c.standard_error), "std_err", 1e-8);
        close(&column(|c| c.z), "z", 1e-8);
        close(&column(|c| c.p), "p", 1e-6);
        let intervals: Vec<f64> = i.coefficients.iter().flat_map(|c| c.interval).collect();
        close(&intervals, "conf_int_95", 1e-7);
        for (got, key) in [
            (i.log_likelihood, "log_likelihood"),
            (i.null_log_likelihood, "null_log_likelihood"),
            (i.pseudo_r2, "pseudo_r2"),
            (i.aic, "aic"),
            (i.bic, "bic"),
            (i.lr, "lr"),
            (i.df_model as f64, "df_model"),
            (i.df_residual, "df_residual"),
        ] {
            close(&[got], key, 1e-9);
        }
        close(&[i.lr_p], "lr_p", 1e-6);
        let (robust, _) = inference_of(row, Covariance::Hc0);
        let robust: Vec<f64> = robust.coefficients.iter().map(|c| c.standard_error).collect();
        close(&robust, "robust_std_err", 1e-7);
    }
}

#[test]
fn inference_on_breast_cancer_is_that_of_the_reference() {
    let (data, expected) = (cancer(), &reference("logistic")["inference"]);
    let columns = columns(&data, &[0, 1, 4]);
    let loss = loss_of(&columns, 3, data.targets(), 2);
    let outcome = minimize(&loss, loss.start(), &newton(), &TIGHT).unwrap();
    let i = loss.inference(&outcome.x, Covariance::Nonrobust).unwrap();
    let column = |f: fn(&kiln::models::Coefficient) -> f64| i.coefficients.iter().map(f).collect::<Vec<f64>>();
    for (got, key) in [
        (column(|c| c.estimate), "coef"),
        (column(|c| c.standard_error), "std_err"),
        (column(|c| c.z), "z"),
        (column(|c| c.p), "p"),
        (i.coefficients.iter().flat_map(|c| c.interval).collect(), "conf_int_95"),
        (vec![i.log_likelihood], "log_likelihood"),
        (vec![i.null_log_likelihood], "null_log_likelihood"),
        (vec![i.aic], "aic"),
        (vec![i.bic], "bic"),
    ] {
        assert_close(&got, &numbers(&expected[key]), 1e-6, 1e-300, key);
    }
}

/// Greene's example, as his tables and Stata print it; their last digits, which differ by up to 6e-8, are those of a fit that ended
/// sooner: the gradient there is 1e-8, here 1e-17.
#[test]
fn greenes_logit_example() {
    let rows = reference("inference");
    let (i, loss) = inference_of(&rows["rows"][0], Covariance::Nonrobust);
    let printed = [2.826_112_421_699_9, 0.095_157_661_7, 2.378_687_504_058_7, -13.021_345_912_635];
    let errors = [1.262_941_022_164_7, 0.141_554_201_358, 1.064_564_207_870_3, 4.931_323_890_811];
    let got: Vec<f64> = i.coefficients.iter().map(|c| c.estimate).collect();
    assert_close(&got, &printed, 1e-7, 0.0, "coefficients");
    let got: Vec<f64> = i.coefficients.iter().map(|c| c.standard_error).collect();
    assert_close(&got, &errors, 1e-7, 0.0, "standard errors");
    let (_, theirs) = Objective::value_and_grad(&loss, &tensor(&printed, [4], &f64_device())).unwrap();
    let theirs = values(theirs).iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    assert!(theirs > 1e-9, "{theirs:e}");
}

#[test]
fn the_table_is_laid_out_as_statsmodels() {
    let rows = reference("inference");
    let (inference, _) = inference_of(&rows["rows"][0], Covariance::Nonrobust);
    let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let table = InferenceTable {
        inference: &inference,
        target: "GRADE",
        features: &text(&["GPA", "TUCE", "PSI"]),
        classes: &text(&["0", "1"]),
        converged: true,
    };
    let table = table.to_string();
    for line in [
        "Dep. Variable:                   GRADE   No. Observations:                  32",
        "converged:                        True   Pseudo R-squ.:                 0.3740",
        "BIC:                            39.642   LLR p-value:                 0.001502",
        "GRADE=1           coef    std err          z      P>|z|      [0.025     0.975]",
        "GPA             2.8261      1.263      2.238      0.025       0.351      5.301",
        "Log-odds against GRADE=0.",
        "(intercept)   -13.0213      4.931     -2.641      0.008     -22.687     -3.356",
    ] {
        assert!(table.lines().any(|l| l == line), "no line\n{line}\nin\n{table}");
    }
}

#[test]
fn what_no_regression_can_be_fitted_to_is_refused() {
    let x = || tensor(&[1.0, 2.0, 3.0], [3, 1], &f64_device());
    let refused = |result: Result<RegressionLoss, RegressionDataError>| result.unwrap_err();
    assert!(matches!(refused(RegressionLoss::new(x(), &[0, 1], 2)), RegressionDataError::Length { .. }));
    assert!(matches!(refused(RegressionLoss::new(x(), &[0, 1, 2], 2)), RegressionDataError::Target { row: 2, .. }));
    assert_eq!(refused(RegressionLoss::new(x(), &[0, 0, 0], 1)), RegressionDataError::Empty);
    let loss = RegressionLoss::new(x(), &[0, 1, 0], 2).unwrap();
    assert_eq!(refused(loss.clone().weights(&[0.0, 0.0, 0.0])), RegressionDataError::Weights);
    assert_eq!(refused(loss.clone().weights(&[1.0, -1.0, 1.0])), RegressionDataError::Weights);
    let penalised = loss.l2(0.1).unwrap();
    assert!(matches!(penalised.inference(&penalised.start(), Covariance::Nonrobust), Err(InferenceError::Penalised)));
}

/// Two equal columns, and more columns than rows: the fit ends, its standard errors do not exist.
#[test]
fn columns_that_depend_on_one_another_have_no_standard_errors() {
    let data = cancer();
    let one = columns(&data, &[0, 0]);
    let loss = loss_of(&one, 2, data.targets(), 2);
    for (outcome, what) in by_each_solver(&loss, &Stop { gtol: 1e-8, ..TIGHT }) {
        assert!(outcome.success, "{what}: {}", outcome.message);
        let error = loss.inference(&outcome.x, Covariance::Nonrobust).unwrap_err();
        assert!(matches!(error, InferenceError::Singular), "{what}");
    }
}

#[test]
fn rescaled_columns_have_the_same_minimum_and_standard_errors() {
    let rows = reference("inference");
    for row in &rows["rows"].as_array().unwrap()[..] {
        let (expected, loss) = inference_of(row, Covariance::Hc0);
        let loss = loss.rescaled();
        let outcome = minimize(&loss, loss.start(), &lbfgs(), &Stop { gtol: 1e-11, ..TIGHT }).unwrap();
        let got = loss.inference(&outcome.x, Covariance::Hc0).unwrap();
        for (got, expected) in got.coefficients.iter().zip(&expected.coefficients) {
            assert_close(&[got.estimate], &[expected.estimate], 1e-8, 1e-9, "estimate");
            assert_close(&[got.standard_error], &[expected.standard_error], 1e-7, 0.0, "standard error");
        }
        assert_close(&[got.log_likelihood], &[expected.log_likelihood], 1e-12, 0.0, "ln L");
    }
    // With a penalty, and columns from 1e-3 to 1e3: Newton's method does not mind, L-BFGS does.
    let table = breast_cancer();
    let all: Vec<usize> = (0..table.len()).collect();
    let raw = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &all, false).unwrap().encode(&table).unwrap();
    let loss = loss_of(raw.inputs(), 30, raw.targets(), 2).l2(1e-3).unwrap();
    let expected = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-9, ..TIGHT }).unwrap();
    assert!(expected.success, "{}", expected.message);
    let rescaled = loss.clone().rescaled();
    let outcome = minimize(&rescaled, rescaled.start(), &lbfgs(), &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
    assert!(outcome.success && outcome.iterations < 1000, "{} after {}", outcome.message, outcome.iterations);
    assert_close(&[outcome.value], &[expected.value], 1e-12, 0.0, "minimum");
    assert_close(&values(rescaled.parameters(&outcome.x)), &values(expected.x), 1e-6, 1e-8, "parameters");
    let (hessian, x) = (Hessian::hessian(&rescaled, &outcome.x).unwrap(), outcome.x);
    let v = kiln::tensor::Stream::new(6, "test", 0, 0).normal::<1>([31], &f64_device());
    let hv = values(HessianProduct::hvp(&rescaled, &x, &v).unwrap());
    assert_close(&hessian.multiply(&values(v)), &hv, 1e-10, 1e-13, "H");
}
