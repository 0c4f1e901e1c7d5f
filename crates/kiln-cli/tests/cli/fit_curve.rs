//! `kiln fit-curve`.

use kiln_testkit::assert_close;

use crate::common::{Place, number};

/// R's data set Puromycin, treated.
const RATES: &str = "conc,rate\n0.02,76\n0.02,47\n0.06,97\n0.06,107\n0.11,123\n0.11,139\n0.22,159\n0.22,152\n0.56,191\n\
                     0.56,201\n1.10,207\n1.10,200\n";
const CURVE: &str = "fit-curve rates.csv --formula rate~vm*conc/(k+conc)";

/// R: `summary(nls(rate ~ Vm*conc/(K + conc), Puromycin, state == "treated"))`.
#[test]
fn a_curve_is_that_of_r() {
    let place = Place::new();
    place.write("rates.csv", RATES);
    let found = place.ok(&format!("{CURVE} --start vm=100,k=1 --out fit")).stdout;
    assert!(found.contains("residual standard error 10.93") && found.contains("on 10 degrees of freedom"), "{found}");
    let result = place.json("fit/result.json");
    let of =
        |key: &str| -> Vec<f64> { result["parameters"].as_array().unwrap().iter().map(|p| number(&p[key])).collect() };
    // As R prints them.
    assert_close(&of("estimate"), &[2.127e2, 6.412e-2], 2e-4, 0.0, "estimates");
    assert_close(&of("std_err"), &[6.947, 8.281e-3], 2e-4, 0.0, "standard errors");
    assert_close(&of("t"), &[30.615, 7.743], 2e-4, 0.0, "t");
    assert_close(&of("p"), &[3.24e-11, 1.57e-5], 5e-3, 0.0, "p");
    assert_eq!(result["status"], "converged");
    assert!(place.text("fit/coef.csv").starts_with("name,estimate,std_err,t,p,low,high\nvm,212.68"));
    assert_eq!(place.text("fit/fitted.csv").lines().count(), 13);
    assert_eq!(place.picture_size("fit/curve.png"), (800, 480));
}

#[test]
fn bounds_losses_and_weights_are_used() {
    let place = Place::new();
    place.write("rates.csv", RATES);
    let fit = |more: &str| place.json_of(&format!("{CURVE} --start vm=100,k=1 --json {more}"));
    let bound = fit("--lower k=0.1");
    assert_eq!((&bound["parameters"][1]["estimate"], &bound["parameters"][1]["at_bound"]), (&0.1.into(), &true.into()));
    assert!(bound["parameters"][1]["std_err"].is_null());
    // SciPy, `least_squares(loss="huber", f_scale=8)`.
    let robust = fit("--loss huber --loss-scale 8");
    assert_close(&[number(&robust["parameters"][0]["estimate"])], &[215.361_543], 1e-7, 0.0, "Huber's loss");
}

#[test]
fn mistakes_are_named() {
    let place = Place::new();
    place.write("rates.csv", RATES);
    place.write("text.csv", "x,y\n1,2\n2,high\n3,4\n4,5\n");
    for (line, words) in [
        ("rates.csv --formula rate=conc --start a=1", vec!["has no '~'", "y ~ a*x + b"]),
        ("rates.csv --formula rate~vm*conc/(k+conc) --start vm=100", vec!["'k' is neither a column", "--start k=1"]),
        ("rates.csv --formula rate~vm*conc --start vm=100,z=2", vec!["--start z", "no such parameter"]),
        ("rates.csv --formula rate~vm*conc/k --start vm=100,k", vec!["--start 'k'", "a=1"]),
        ("rates.csv --formula rate~a*conc) --start a=1", vec!["character 12", "found ')'"]),
        ("rates.csv --formula rate~log(conc-a) --start a=1", vec!["character 6", "log(conc-a) is NaN", "--start"]),
        ("rates.csv --formula rate~conc*a --start conc=1,a=1", vec!["--start conc", "a column of that name"]),
        ("rates.csv --formula a*rate~conc*a --start a=1", vec!["'a' is left of '~'"]),
        ("rates.csv --formula rate~a*conc --start a=1 --sigma s", vec!["--sigma", "'s'", "conc, rate"]),
        ("rates.csv --formula rate~a*conc --start a=1 --lower b=1", vec!["--lower b", "a"]),
        ("rates.csv --formula rate~a*conc --start a=1 --level 1.5", vec!["--level"]),
        ("text.csv --formula y~a*x --start a=1", vec!["text.csv, line 3", "'high'"]),
        ("none.csv --formula y~a*x --start a=1", vec!["none.csv does not exist"]),
    ] {
        place.refused(&format!("fit-curve {line}"), &words);
    }
}
