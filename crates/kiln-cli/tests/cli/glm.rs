//! `kiln train glm` beside statsmodels, R and the 54 digits of tests/reference/glm.json, and what it refuses.

use std::path::Path;

use kiln_testkit::{assert_close, reference};
use serde_json::Value;

use crate::common::{Place, number};

fn reference_data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/glm").join(name).display().to_string()
}

fn titanic() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field/titanic.csv").display().to_string()
}

/// A reference fit by its kind and name.
fn fit(kind: &str, id: &str) -> Value {
    let fits = reference("glm")["fits"][kind].as_array().unwrap().clone();
    fits.into_iter().find(|fit| fit["id"] == id).unwrap_or_else(|| panic!("no fit {id}"))
}

/// The estimates of a run by name.
fn estimates(place: &Place, run: &str) -> Vec<(String, f64, f64)> {
    let result = place.json(&format!("{run}/result.json"));
    let of = |row: &Value| (row["name"].as_str().unwrap().to_owned(), number(&row["coef"]), number(&row["std_err"]));
    result["inference"]["coefficients"].as_array().unwrap().iter().map(of).collect()
}

/// Every family by a command line, with all its numbers.
#[test]
fn families_and_links_are_those_of_the_reference() {
    let place = Place::new();
    let glm = |id: &str| (fit("glm", id), "coef");
    for (flags, (expected, coefficients)) in [
        ("--target mpg --features wt,hp,qsec,am", glm("gaussian_mtcars")),
        ("--family binomial --link probit --target low", glm("probit_birthwt")),
        ("--family gamma --link log --target time", glm("gamma_log_clotting")),
        ("--family negative-binomial --target days", (fit("negbin", "nb_quine"), "params")),
        ("--family ordinal --link probit --target improved", (fit("ordinal", "ordinal_probit_arthritis"), "params")),
        ("--family zero-inflated-poisson --target art", (fit("zip", "zip_biochemists"), "params")),
    ] {
        let data = reference_data(Path::new(expected["csv"].as_str().unwrap()).file_name().unwrap().to_str().unwrap());
        let features = expected["features"].as_array().unwrap();
        let names: Vec<&str> = features.iter().map(|name| name.as_str().unwrap()).collect();
        let given =
            if flags.contains("--features") { String::new() } else { format!("--features {}", names.join(",")) };
        place.ok(&format!("train glm --data {data} {flags} {given} --out run --force"));
        let found = estimates(&place, "run");
        for name in names {
            let (_, coefficient, standard_error) = found.iter().find(|(found, _, _)| found == name).unwrap();
            let what = format!("{flags}: {name}");
            assert_close(&[*coefficient], &[number(&expected[coefficients][name])], 1e-9, 1e-12, &what);
            assert_close(&[*standard_error], &[number(&expected["se"]["nonrobust"][name])], 1e-9, 0.0, &what);
        }
        let inference = &place.json("run/result.json")["inference"];
        assert_close(&[number(&inference["log_likelihood"])], &[number(&expected["llf"])], 1e-10, 0.0, flags);
    }
}

/// statsmodels 0.15, `smf.glm('survived ~ C(class, Treatment("3rd class")) * sex + age', family=Binomial())`.
#[test]
fn a_formula_is_that_of_statsmodels() {
    let place = Place::new();
    let data = titanic();
    let formula = "survived ~ C(class, ref=\"3rd class\") * sex + age";
    place.ok_with(&format!("train glm --data {data} --family binomial --out run --formula"), formula);
    let found = estimates(&place, "run");
    let names: Vec<&str> = found.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["class=1st class", "class=2nd class", "sex=women"]);
    assert_eq!(names[4..], ["class=1st class:sex=women", "class=2nd class:sex=women", "(intercept)"]);
    let result = place.json("run/result.json");
    assert_eq!(result["terms"][3]["name"].as_str().unwrap(), "C(class, ref=\"3rd class\"):sex");
    assert_eq!(result["terms"][3]["df"], 2);
    // The response has two texts; predictions are its classes.
    place.ok(&format!("predict run --data {data} --output p.csv"));
    let predictions = place.text("p.csv");
    assert!(predictions.starts_with("prediction,p_no,p_yes,mean_low,mean_high\n"), "{}", &predictions[..80]);
}

#[test]
fn offsets_exposures_weights_and_clusters_are_columns() {
    let place = Place::new();
    place.write("t.csv", "y,x,time,ln,n,group\n3,0,1,0,1,a\n9,1,2,0.6931471805599453,2,a\n7,2,1,0,1,b\n2,0,1,0,1,b\n20,2,4,1.3862943611198906,1,c\n");
    place.ok("train glm --data t.csv --family poisson --target y --features x --exposure time --sample-weight n --out exposure");
    place.ok(
        "train glm --data t.csv --family poisson --target y --features x --offset ln --sample-weight n --out offset",
    );
    let formula = "y ~ x + offset(log(time))";
    place.ok_with("train glm --data t.csv --family poisson --sample-weight n --out formula --formula", formula);
    let [exposure, offset, formula] = ["exposure", "offset", "formula"].map(|run| estimates(&place, run));
    assert_eq!(exposure, offset);
    assert_eq!(exposure, formula);
    assert_eq!(place.json("exposure/result.json")["inference"]["observations"], 6.0);
    place.ok("train glm --data t.csv --family poisson --target y --features x --exposure time --cov-type cluster --cluster group --out clusters");
    place
        .ok("train glm --data t.csv --family poisson --target y --features x --exposure time --cov-type hc3 --out hc3");
    assert!((estimates(&place, "clusters")[0].2 - estimates(&place, "hc3")[0].2).abs() > 1e-6);
    // A prediction needs the exposure too.
    place.write("new.csv", "x,time\n1,10\n1,\n");
    place.ok("predict exposure --data new.csv --output p.csv");
    let lines: Vec<String> = place.text("p.csv").lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), lines[2].as_str()), (3, ",,"));
    place.write("new.csv", "x,time\n1,0\n");
    place.refused("predict exposure --data new.csv --output p2.csv", &["new.csv, line 2: the exposure 'time' is 0"]);
}

#[test]
fn what_else_a_fit_says_is_in_files() {
    let place = Place::new();
    let data = reference_data("mtcars.csv");
    place.ok(&format!(
        "train glm --data {data} --target mpg --features wt,hp,qsec,am --influence --profile --lr-tests --out run"
    ));
    let expected = fit("glm", "gaussian_mtcars");
    let rows = place.text("run/influence.csv");
    let first: Vec<f64> = rows.lines().nth(1).unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    // line, fitted, linear predictor, residual, pearson, deviance, standardized, leverage, Cook's distance.
    let of = |name: &str| number(&expected["rows"][name][0]);
    assert_close(&[first[1], first[7], first[8]], &[of("fitted"), of("leverage"), of("cooks")], 1e-9, 0.0, "influence");
    let profile = place.text("run/profile.csv");
    let wt: Vec<&str> = profile.lines().nth(1).unwrap().split(',').collect();
    assert_close(&[wt[2].parse().unwrap()], &[number(&expected["profile_ci"]["wt"][0])], 1e-8, 0.0, "profile");
    let terms = place.json("run/result.json")["terms"].clone();
    // For one parameter, F is the square of t, and both tests are the same.
    assert_close(&[number(&terms[0]["lr"])], &[number(&expected["drop_tests"]["wt"]["f_stat"])], 1e-9, 0.0, "F");
    assert_close(&[number(&terms[0]["wald_p"])], &[number(&terms[0]["lr_p"])], 1e-9, 0.0, "p");
    place.ok(&format!("train glm --data {data} --family binomial --target am --features wt,hp --margins --out logit"));
    assert!(place.text("logit/margins.csv").starts_with("name,effect,std_err,z,p\nwt,"));
}

#[test]
fn columns_that_depend_on_others_are_dropped() {
    let place = Place::new();
    let rows: String = (0..20).map(|i| format!("{i},{},{},{}\n", i * 7 % 5, i + i * 7 % 5, i * i % 13)).collect();
    place.write("t.csv", format!("a,b,sum,y\n{rows}"));
    let out = place.ok("train glm --data t.csv --target y --out run");
    assert!(out.stdout.contains("dropped sum = a + b"), "{out:?}");
    assert!(place.text("run/coef.csv").contains("y,sum,NA,NA"));
    place.ok("predict run --data t.csv --output p.csv");
}

#[test]
fn a_held_out_part_is_scored_and_runs_can_be_used() {
    let place = Place::new();
    let data = reference_data("swiss.csv");
    place.ok(&format!("train glm --data {data} --target Fertility --test-fraction 0.3 --out run"));
    let result = place.json("run/result.json");
    assert_eq!(result["test"]["n"], 14);
    let again = place.json_of("eval run --json");
    assert_close(&[number(&again["test"]["nll"])], &[number(&result["test"]["nll"])], 1e-13, 0.0, "nll");
    place.ok("export run --output model.safetensors");
    place.ok(&format!("eval run --data {data}"));
    place.ok("train glm --config run/config.toml --out same");
    assert_eq!(place.text("run/coef.csv"), place.text("same/coef.csv"));
}

#[test]
fn what_does_not_fit_is_refused_in_one_line() {
    let place = Place::new();
    place.write("t.csv", "y,x,grade\n1,2,low\n2,3,high\n-1,5,mid\n4,1,low\n");
    for (flags, said) in [
        ("--target y --family gamma", "t.csv, line 4: the response 'y' is -1; for --family gamma it must be positive"),
        (
            "--target y --family poisson --link logit",
            "--family poisson has no --link logit: choose log, identity, sqrt",
        ),
        ("--target grade --family ordinal", "needs their order: give --levels"),
        ("--target grade --family binomial", "has 3 different values; --family binomial needs two"),
        ("--target grade", "'low' in column 'grade' is not a number"),
        ("--target y --family normal", "'normal' is not a family; choose one of gaussian"),
        ("--target y --theta 2", "--theta is for --family negative-binomial"),
        ("--target y --cov-type cluster", "--cov-type cluster and --cluster COLUMN need each other"),
        ("--target y --dtype f32", "computed in f64"),
        ("--formula y~x+z", "z"),
        ("--formula y~(x", "--formula: "),
        ("--formula y~x --target y", "omit --target"),
        ("--formula x", "--formula needs a response"),
    ] {
        place.refused_to_start(&format!("train glm --data t.csv {flags}"), &[said]);
    }
}

/// As many parameters as rows: the fit is exact, and says nothing of its error.
#[test]
fn an_exact_fit_has_no_standard_errors() {
    let place = Place::new();
    place.write("t.csv", "x,z,y\n1,0,3\n2,1,5\n3,5,8\n");
    place.ok("train glm --data t.csv --target y --out run");
    let result = place.json("run/result.json");
    assert!(result["inference"].is_null());
    assert!(result["message"].as_str().unwrap().contains("3 parameters for 3 rows"), "{}", result["message"]);
}

/// Separable classes, and a group of counts that are all 0.
#[test]
fn estimates_that_do_not_exist_are_said() {
    let place = Place::new();
    place.write("t.csv", "x,y\n1,0\n2,0\n3,0\n4,1\n5,1\n6,1\n");
    let said = place.exits(3, "train glm --data t.csv --target y --family binomial --out run").stderr;
    assert!(said.contains("perfectly separable") && said.contains("--firth"), "{said}");
    place.ok("train glm --data t.csv --target y --family binomial --firth --out firth");
    place.refused_to_start("train glm --data t.csv --target y --family poisson --firth", &["--firth is for"]);
    place.write("c.csv", "g,y\n0,3\n1,0\n0,2\n1,0\n0,5\n1,0\n0,1\n1,0\n");
    let said = place.exits(3, "train glm --data c.csv --target y --family poisson --out counts").stderr;
    assert!(said.contains("grows without limit"), "{said}");
}

/// R 4.5 prints 'ALL 3 residuals are 0: no residual degrees of freedom!' for the first, and warns of an 'essentially perfect fit' for
/// the second. Poisson's likelihood has no dispersion, so there it stays finite.
#[test]
fn a_fit_without_residuals_says_so() {
    let place = Place::new();
    place.write("saturated.csv", "x,z,y,n\n1,2,1.5,1\n2,1,3.25,3\n3,5,2,2\n");
    place.write("exact.csv", "x,y\n1,2\n2,4\n3,6\n4,8\n5,10\n");
    let message = |run: &str| place.json(&format!("{run}/result.json"))["message"].as_str().unwrap().to_owned();
    let done = place.ok("train glm --data saturated.csv --target y --features x,z --out saturated");
    let reason = "no residuals are left to estimate the dispersion";
    assert!(done.stdout.contains("warning: the fit is exact") && done.stdout.contains(reason), "{}", done.stdout);
    assert!(message("saturated").contains("there is no log-likelihood (nll)"), "{}", message("saturated"));
    assert!(place.json("saturated/result.json")["train"]["nll"].is_null());
    let done = place.ok("train glm --data exact.csv --target y --out exact");
    assert!(done.stdout.contains("warning: the fit is exact"), "{}", done.stdout);
    assert!(message("exact").contains("standard errors and tests mean nothing"), "{}", message("exact"));
    let done = place.ok("train glm --data saturated.csv --target n --features x,z --family poisson --out poisson");
    assert!(!done.stdout.contains("the fit is exact"), "{}", done.stdout);
    // Each row's mean is its count: Σ ln n! + n − n·ln n.
    let expected = (1.0 + (3.0 + 6f64.ln() - 3.0 * 3f64.ln()) + (2.0 + 2f64.ln() - 2.0 * 2f64.ln())) / 3.0;
    assert_close(&[number(&place.json("poisson/result.json")["train"]["nll"])], &[expected], 1e-12, 0.0, "saturated");
}

#[test]
fn misspelt_families_and_links_are_recognised() {
    let place = Place::new();
    place.write("t.csv", "x,y\n1,2\n2,3\n3,5\n4,4\n");
    let train = "train glm --data t.csv --target y";
    place.refused_to_start(&format!("{train} --family gausian"), &["--family", "did you mean 'gaussian'?"]);
    place.refused_to_start(&format!("{train} --family Poisson"), &["did you mean 'poisson'?"]);
    place.refused_to_start(&format!("{train} --family gamma --link logg"), &["--link", "did you mean 'log'?"]);
}

#[test]
fn a_complete_run_is_not_fitted_again() {
    let place = Place::new();
    place.write("t.csv", "x,y\n1,2\n2,3\n3,5\n4,4\n5,9\n");
    place.ok("train glm --data t.csv --target y --family poisson --out run");
    let before = place.snapshot("run");
    place.refused("resume run", &["the run is complete", "--gtol"]);
    assert_eq!(place.snapshot("run"), before, "a refused resume changes nothing");
    place.exits(3, "train glm --data t.csv --target y --family poisson --max-iter 1 --out short");
    place.refused("resume short", &["--max-iter"]);
    place.ok("resume short --max-iter 50");
    assert_eq!(place.json("short/result.json")["train"], place.json("run/result.json")["train"]);
    // A run that was killed before its end is fitted.
    let mut record = place.json("run/run.json");
    record["ended"] = Value::Null;
    place.write("run/run.json", record.to_string());
    place.ok("resume run");
}
