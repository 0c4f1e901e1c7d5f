//! `coef.csv`.

use kiln::{
    data::Encoder,
    models::{Coefficient, Dependence, Inference},
};

use super::regression::Regression;
use crate::base::{Failure, Result, digits, to_vec};

/// Returns the table: one row per class and feature, and one for the intercept. `coef` is in the units of the encoder's
/// output, `coef_raw` in those of the data. A feature that was dropped has `NA`. For a maximum likelihood fit of two classes, the tests of `coef` follow.
pub(super) fn coefficient_table<M: Regression>(
    model: &M,
    encoder: &Encoder,
    dropped: &[Dependence],
    inference: Option<&Inference>,
) -> Result<Vec<u8>> {
    let (weights, intercepts) = model.weights();
    let columns = intercepts.dims()[0];
    let (weights, intercepts) = (to_vec(weights.without_autodiff()), to_vec(intercepts.without_autodiff()));
    let (names, scaling) = (encoder.feature_names(), encoder.scaling());
    let classes = encoder.class_names();
    // A logistic model has one column: the log-odds of the second class.
    let classes = &classes[classes.len() - columns..];
    let mut writer = csv::Writer::from_writer(Vec::new());
    // For more classes, summary.txt and result.json test the differences to the first class.
    let tests = inference.filter(|_| columns == 1).map(|inference| &inference.coefficients);
    let mut write = |row: [&str; 4], test: Option<[String; 5]>| {
        writer.write_record(row.into_iter().chain(test.iter().flatten().map(String::as_str))).map_err(Failure::internal)
    };
    let test = |index: usize| {
        tests.map(|tests| {
            let Coefficient { standard_error, z, p, interval: [low, high], .. } = tests[index];
            [standard_error, z, p, low, high].map(digits)
        })
    };
    let is_dropped = |feature: usize| dropped.iter().any(|dropped| dropped.column == feature);
    let kept = names.len() - dropped.len();
    let names_of_tests = ["std_err", "z", "p", "low_95", "high_95"].map(str::to_owned);
    write(["class", "name", "coef", "coef_raw"], tests.map(|_| names_of_tests))?;
    for (column, class) in classes.iter().enumerate() {
        let mut raw_intercept = intercepts[column];
        let mut tested = 0;
        for (feature, name) in names.iter().enumerate() {
            if is_dropped(feature) {
                let none = tests.map(|_| std::array::from_fn(|_| "NA".to_owned()));
                write([class, name, "NA", "NA"], none)?;
                continue;
            }
            let ((mean, scale), coef) = (scaling[feature], weights[feature * columns + column]);
            // An l1 penalty's zeros may be negative.
            let coef = coef + 0.0;
            raw_intercept -= coef * mean / scale;
            write([class, name, &digits(coef), &digits(coef / scale)], test(tested))?;
            tested += 1;
        }
        let intercept = digits(intercepts[column]);
        write([class, "(intercept)", &intercept, &digits(raw_intercept)], test(kept))?;
    }
    writer.into_inner().map_err(Failure::internal)
}
