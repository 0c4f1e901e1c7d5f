//! `kiln train gmm`, and what is done with its runs.

use kiln_testkit::{assert_close, numbers, reference};

use crate::common::{Place, number};

/// The flowers of the reference, as a table.
fn iris(place: &Place) {
    let rows = numbers(&reference("gmm")["x"]);
    let lines: String = rows.chunks(4).map(|r| format!("{},{},{},{}\n", r[0], r[1], r[2], r[3])).collect();
    place.write("iris.csv", format!("sl,sw,pl,pw\n{lines}"));
}

#[test]
fn a_mixture_is_fitted_evaluated_and_asked() {
    let place = Place::new();
    iris(&place);
    let done = place.ok("train gmm --data iris.csv --components 3 --test-fraction 0 --tol 1e-10 --out run");
    let result = place.json("run/result.json");
    assert_eq!(result["status"], "converged");
    // scikit-learn's best fit, which k-means leads to as well.
    let expected = &reference("gmm")["rows"][0];
    assert_close(&[number(&result["log_likelihood"])], &numbers(&expected["score"]), 1e-6, 0.0, "log-likelihood");
    assert_close(&[number(&result["bic"])], &numbers(&expected["bic"]), 1e-6, 0.0, "bic");
    assert!(done.stdout.contains("BIC 580.8") && done.stdout.contains("nats per row"), "{}", done.stdout);
    let sweeps = result["nit"].as_u64().unwrap();
    assert_eq!(place.text("run/metrics.jsonl").lines().count() as u64, sweeps + 1, "the start, and every sweep");
    let components = place.text("run/components.csv");
    assert!(components.starts_with("component,weight,mean_sl,sd_sl,mean_sw,"), "{components}");
    assert_eq!(components.lines().count(), 4);
    for file in ["config.toml", "run.json", "encoder.json", "model.safetensors"] {
        assert!(place.exists(&format!("run/{file}")), "{file}");
    }
    let evaluated = place.ok("eval run --data iris.csv --json");
    let evaluated: serde_json::Value = serde_json::from_str(&evaluated.stdout).unwrap();
    let (again, fitted) = (number(&evaluated["test"]["log_likelihood"]), number(&result["log_likelihood"]));
    assert_close(&[again], &[fitted], 1e-12, 0.0, "the model comes back from its file");
    place.ok("predict run --data iris.csv --output parts.csv");
    let text = place.text("parts.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), ["prediction", "p_0", "p_1", "p_2"].as_slice());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 150);
    let sum: f64 = (1..4).map(|i| rows[60][i].parse::<f64>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-12);
    assert!(rows[..50].iter().all(|row| row[0] == rows[0][0]), "the first fifty flowers are of one kind");
}

#[test]
fn held_out_rows_and_left_out_columns() {
    let place = Place::new();
    let done = place.ok("train gmm --components 2 --covariance diag --standardize --reg-covar 1e-4 --out run");
    assert!(done.stdout.contains("test   log-likelihood"), "{}", done.stdout);
    let encoder = place.text("run/encoder.json");
    assert!(encoder.contains("mean_radius") && place.json("run/encoder.json")["target"].is_null());
    assert_eq!(place.json("run/result.json")["test"]["n"], 114);
    place.ok("eval run");
    place.refused("resume run --epochs 3", &["--epochs", "--max-iter"]);
    place.refused("sample run -n 3", &["gmm"]);
    let failed = place.exits(3, "train gmm --components 3 --standardize --max-iter 2 --out short");
    assert!(failed.stderr.contains("--max-iter"), "{}", failed.stderr);
    place.refused_to_start("train gmm --components 0", &["--components"]);
    place.refused_to_start("train gmm --components 600", &["600 components"]);
    place.refused_to_start("train gmm --reg-covar -1", &["--reg-covar"]);
    place.refused_to_start("train gmm --covariance round", &["full", "spherical"]);
    // Rows that are all one.
    place.write("one.csv", format!("a,b\n{}", "1,2\n".repeat(9)));
    place.refused_to_start("train gmm --data one.csv --reg-covar 0 --test-fraction 0", &["not positive definite"]);
    let done = place.ok("train gmm --data one.csv --test-fraction 0 --components 1 --out one");
    assert!(done.stdout.contains("is degenerate"), "{}", done.stdout);
}
