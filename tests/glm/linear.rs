//! NIST's reference data sets for linear regression, with their certified digits.
//!
//! <https://www.itl.nist.gov/div898/strd/lls/lls.shtml>

use kiln::models::{GlmConfig, glm::Family};
use kiln_testkit::{numbers, reference};

use super::fits::{column, rows, table};

/// The number of decimal digits that two numbers share; 15 for equal ones.
fn digits(got: f64, certified: f64) -> f64 {
    let error = if certified == 0.0 { got.abs() } else { (got - certified).abs() / certified.abs() };
    (-error.max(1e-15).log10()).max(0.0)
}

#[test]
fn certified_digits_are_reached() {
    let reference = reference("glm");
    for (name, row) in reference["nist_linear"].as_object().unwrap() {
        let table = table(row);
        let intercept = row["intercept"].as_bool().unwrap();
        let names = super::fits::texts(&row["names"]);
        let (y, features) = (column(&table, row["response"].as_str().unwrap()), &names[usize::from(intercept)..]);
        let inputs = if features.iter().all(|name| table.column(name).is_some()) {
            rows(&table, features)
        } else {
            // Powers of x.
            let x = column(&table, "x");
            x.iter().flat_map(|x| (1..=features.len()).map(move |p| x.powi(p as i32))).collect()
        };
        let fit = GlmConfig::new(Family::Gaussian, features.len()).intercept(intercept).fit(&inputs, &y).unwrap();
        let inference = fit.inference().unwrap();
        let certified = &row["certified"];
        let (coefficients, errors) = (numbers(&certified["coef"]), numbers(&certified["se"]));
        let mut worst = digits(inference.dispersion.sqrt(), certified["resid_sd"].as_f64().unwrap());
        // The intercept comes first in the reference, and last in the fit.
        for (i, estimate) in inference.estimates.iter().enumerate() {
            let place = if !intercept {
                i
            } else if i + 1 == names.len() {
                0
            } else {
                i + 1
            };
            worst = worst
                .min(digits(estimate.estimate, coefficients[place]))
                .min(digits(estimate.standard_error, errors[place]));
        }
        let needed = if name == "filip" { 7.0 } else { 8.0 };
        println!("{name}: {worst:.1} digits");
        assert!(worst >= needed, "{name}: {worst:.1} digits");
    }
}
