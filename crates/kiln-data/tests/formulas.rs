//! Designs of formulas beside formulaic's, bit by bit. `tests/reference/gen/make_formulas.py` made the references.

use std::path::PathBuf;

use kiln_data::{Formula, FormulaEncoder, Table};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/formulas").join(name)
}

fn cases() -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(path("formulas.json")).unwrap()).unwrap()
}

fn table(name: &str) -> Table {
    Table::read(&path(&format!("{name}.csv"))).unwrap()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

fn fit(case: &Value) -> FormulaEncoder {
    let formula: Formula = text(case, "formula").parse().unwrap_or_else(|e| panic!("{}: {e}", case["formula"]));
    formula.fit(&table(text(case, "table"))).unwrap_or_else(|e| panic!("{}: {e}", case["formula"]))
}

/// The distance of two numbers in units of the last place of the larger one.
fn ulps(a: f64, b: f64) -> f64 {
    let larger = a.abs().max(b.abs());
    if a.to_bits() == b.to_bits() { 0.0 } else { (a - b).abs() / (larger.next_up() - larger) }
}

/// Compares a design with formulaic's.
fn compare(case: &Value, which: &str, found: &[f64]) {
    let formula = text(case, "formula");
    let source = case.get("source").and_then(Value::as_str);
    // The reference was computed with glibc, whose functions Rust calls too. Other C libraries round a few values in another way.
    let is_exact = source.is_none() || (source == Some("libm") && cfg!(all(target_os = "linux", target_env = "gnu")));
    let rows = case[format!("{which}_rows")].as_array().unwrap();
    let width = texts(&case["names"]).len();
    let all: Vec<&[f64]> = found.chunks_exact(width.max(1)).collect();
    let every = (all.len() / 5).max(1);
    for (at, row) in rows.iter().enumerate() {
        let row = row.as_array().unwrap();
        let found = if source == Some("lapack") { all.get(at) } else { all.get(at * every) };
        for (column, (found, expected)) in found.copied().unwrap_or_default().iter().zip(row).enumerate() {
            let expected = expected.as_f64().unwrap();
            let good = match source {
                // Dense systems of up to 4 equations, with a condition below 10, and entries up to 1.
                Some("lapack") => (found - expected).abs() < 1e-14,
                // A function within 2 units; a polynomial or spline of it multiplies the error by its own slope.
                Some(_) if !is_exact => ulps(*found, expected) <= 2.0 || (found - expected).abs() < 1e-14,
                _ => ulps(*found, expected) == 0.0,
            };
            assert!(good, "{formula}: {which} row {at} of those shown, column {column}: {found} but {expected}");
        }
    }
    if is_exact {
        let bytes: Vec<u8> = found.iter().flat_map(|value| value.to_le_bytes()).collect();
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, text(case, which), "{formula}: some row of {which} that is not shown differs");
    }
}

#[test]
fn designs_have_the_bits_of_formulaic() {
    let cases = cases();
    for case in &cases {
        let encoder = fit(case);
        assert_eq!(encoder.feature_names(), texts(&case["kiln"]), "{}", case["formula"]);
        assert_eq!(encoder.has_intercept(), case["intercept"].as_bool().unwrap(), "{}", case["formula"]);
        let train = table(text(case, "table"));
        compare(case, "train", &encoder.encode_inputs(&train).unwrap());
        let ranges = encoder.terms().iter().flat_map(|term| term.features());
        assert!(ranges.eq(0..encoder.feature_names().len()), "{}", case["formula"]);
        if let Some(terms) = case["terms"].as_array() {
            assert_eq!(encoder.terms().len(), terms.len(), "{}", case["formula"]);
        }
    }
    assert!(cases.len() >= 60);
    let with_tolerance = cases.iter().filter(|case| case.get("source").is_some()).count();
    assert!(with_tolerance <= 7, "tolerances are for functions of the C library and for LAPACK");
}

/// New rows are encoded with the categories, means, polynomials and knots of the training rows, also after JSON.
#[test]
fn new_rows_are_encoded_as_formulaic_does() {
    for case in &cases() {
        let encoder = fit(case);
        let json = serde_json::to_string(&encoder).unwrap();
        let read: FormulaEncoder = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{}: {e}", case["formula"]));
        assert_eq!(read, encoder, "{}", case["formula"]);
        let new = table(&format!("{}-new", text(case, "table")));
        compare(case, "new", &read.encode_inputs(&new).unwrap());
    }
}

#[test]
fn a_formula_is_its_text() {
    for case in &cases() {
        let formula: Formula = text(case, "formula").parse().unwrap();
        let again: Formula = formula.to_string().parse().unwrap_or_else(|e| panic!("{formula}: {e}"));
        assert_eq!(again, formula, "{formula}");
        assert_eq!(serde_json::from_str::<Formula>(&serde_json::to_string(&formula).unwrap()).unwrap(), formula);
    }
}

#[test]
fn a_response_may_be_computed() {
    let cases = cases();
    let case = cases.iter().find(|case| case.get("response").is_some()).unwrap();
    let encoder = fit(case);
    assert_eq!(encoder.response().as_deref(), Some("log(body_mass_g)"));
    let found = encoder.encode_response(&table("penguins")).unwrap();
    for (found, expected) in found.iter().zip(case["response"].as_array().unwrap()) {
        assert!(ulps(*found, expected.as_f64().unwrap()) <= 1.0);
    }
}
