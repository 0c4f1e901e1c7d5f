//! Logistic regression from two arrays: standard errors, p-values, predictions.

use kiln::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hours = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.25, 4.5, 4.75, 5.0, 5.5];
    let passed = [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1];
    let fit = LogisticConfig::new(1).fit(&hours, &passed)?;
    println!("{}", fit.summary());
    println!("{:?}", fit.predict_proba(&[1.0, 5.0])?);

    // Checks of this test, not of the task.
    let slope = &fit.inference.as_ref().expect("the fit is a maximum").coefficients[0];
    for (found, statsmodels) in [slope.estimate, slope.standard_error, slope.p].iter().zip(STATSMODELS) {
        assert!((found - statsmodels).abs() < 1e-6, "{found}, not {statsmodels}");
    }
    Ok(())
}

const STATSMODELS: [f64; 3] = [1.435_978_466, 0.617_434_402, 0.020_033_585];
