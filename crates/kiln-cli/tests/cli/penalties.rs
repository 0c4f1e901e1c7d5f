//! `kiln train logistic` with an l1 penalty, bounds, and weights of rows.

use kiln_testkit::{assert_close, numbers, reference};

use crate::common::{Place, number};

const CANCER: &str = "train logistic --standardize --test-fraction 0 --gtol 1e-12";

fn coefficients(place: &Place, run: &str) -> Vec<f64> {
    let text = place.text(&format!("{run}/coef.csv"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap()[2].parse().unwrap()).collect()
}

#[test]
fn lasso_and_elastic_net_fits_are_those_of_the_reference() {
    let place = Place::new();
    for (i, row) in reference("penalised")["rows"].as_array().unwrap().iter().enumerate().take(3) {
        let (l1, l2) = (number(&row["l1"]), number(&row["l2"]));
        let done = place.ok(&format!("{CANCER} --l1 {l1} --l2 {l2} --out run{i}"));
        let result = place.json(&format!("run{i}/result.json"));
        assert_eq!((result["status"].as_str(), result["solver"].as_str()), (Some("converged"), Some("owl-qn")));
        assert_close(&[number(&result["fun"])], &numbers(&row["loss"]), 1e-12, 0.0, "fun");
        let weights = numbers(&row["weights"]);
        let mut expected = weights.clone();
        expected.extend(numbers(&row["bias"]));
        assert_close(&coefficients(&place, &format!("run{i}")), &expected, 1e-8, 1e-9, "coefficients");
        let nonzero = weights.iter().filter(|w| **w != 0.0).count();
        assert_eq!(result["selected"], serde_json::json!({ "nonzero": nonzero, "of": 30 }));
        assert!(done.stdout.contains(&format!("{nonzero} of 30 weights are not zero")), "{}", done.stdout);
        // A weight that is zero is written as 0, without a sign.
        assert_eq!(place.text(&format!("run{i}/coef.csv")).matches(",0,0\n").count(), 30 - nonzero);
        assert!(result["inference"].is_null() && !place.exists(&format!("run{i}/summary.txt")));
    }
    place.refused_to_start("train logistic --l1 0.1 --solver newton", &["--l1", "owl-qn", "newton"]);
    place.refused_to_start("train logistic --l1 -0.1", &["--l1"]);
    place.refused_to_start("train logistic --l1 0.1 --lower 0", &["--l1", "--lower"]);
}

#[test]
fn bounded_fits_are_those_of_the_reference() {
    let place = Place::new();
    let reference = reference("penalised");
    let row = &reference["bounded"];
    let (l2, lower, upper) = (number(&row["l2"]), number(&row["lower"]), number(&row["upper"]));
    place.ok(&format!("{CANCER} --l2 {l2} --lower {lower} --upper {upper} --out run"));
    let result = place.json("run/result.json");
    assert_eq!((result["status"].as_str(), result["solver"].as_str()), (Some("converged"), Some("l-bfgs-b")));
    assert_close(&[number(&result["fun"])], &numbers(&row["loss"]), 1e-12, 0.0, "fun");
    let mut expected = numbers(&row["weights"]);
    expected.extend(numbers(&row["bias"]));
    assert_close(&coefficients(&place, "run"), &expected, 1e-8, 1e-9, "coefficients");
    place.refused_to_start("train logistic --lower 1 --upper 0", &["--lower", "--upper"]);
    place.refused_to_start("train logistic --lower 0 --solver l-bfgs", &["--lower", "l-bfgs-b"]);
}

/// Rows that count three times, or not at all, are as rows that are repeated, or omitted; compared with an independent fit too.
#[test]
fn weights_count_rows() {
    let place = Place::new();
    let rows = reference("inference");
    let spector = &rows["rows"][1];
    let (x, y, weights) = (numbers(&spector["x"]), numbers(&spector["y"]), numbers(&spector["weights"]));
    let lines = x.chunks(3).zip(&y).zip(&weights).map(|((x, y), w)| format!("{},{},{w},{},{y}\n", x[0], x[1], x[2]));
    // And two that count for nothing, in which the numbers are absurd.
    let text = format!("GPA,TUCE,times,PSI,GRADE\n{}1e3,5,0,1,0\n-1e3,5,0,1,1\n", lines.collect::<String>());
    place.write("weighted.csv", text);
    let train = "train logistic --target GRADE --test-fraction 0 --gtol 1e-11";
    place.ok(&format!("{train} --data weighted.csv --sample-weight times --out run"));
    assert_close(&coefficients(&place, "run"), &numbers(&spector["coef"]), 1e-8, 0.0, "coefficients");
    let inference = &place.json("run/result.json")["inference"];
    assert_close(&[number(&inference["aic"])], &numbers(&spector["aic"]), 1e-9, 0.0, "aic");
    assert_close(&[number(&inference["observations"])], &[weights.iter().sum()], 1e-12, 0.0, "observations");
    assert_eq!(place.json("run/run.json")["data"]["n_train"], 32);
    // Other data need no weights.
    place.write("other.csv", "GPA,TUCE,PSI,GRADE\n3,20,1,1\n2,20,0,0\n");
    place.ok("eval run --data other.csv");
    place.ok("predict run --data other.csv --output predicted.csv");

    let train = "train logistic --data weighted.csv --target GRADE --test-fraction 0";
    place.refused_to_start(&format!("{train} --sample-weight time"), &["time", "did you mean 'times'?"]);
    place.refused_to_start(&format!("{train} --sample-weight GRADE"), &["'GRADE'", "both the target and the weight"]);
    place.refused_to_start("train logistic --data digits --sample-weight p0", &["--sample-weight", "images"]);
    place.write("negative.csv", "x,w,y\n1,1,a\n2,-1,b\n");
    let train = "train logistic --data negative.csv --target y --sample-weight w";
    place.refused_to_start(train, &["line 3", "-1", "0 or more"]);
}
