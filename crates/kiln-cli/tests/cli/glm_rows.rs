//! `kiln train glm` with rows in a temporary file, in f32 or sparse: the same fit.

use std::{fmt::Write, path::Path};

use kiln_testkit::assert_close;

use crate::common::{Place, number};

fn titanic() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field/titanic.csv").display().to_string()
}

/// Names, estimates and standard errors of a run, and its score on the training rows.
fn fitted(place: &Place, run: &str) -> (Vec<String>, Vec<f64>) {
    let result = place.json(&format!("{run}/result.json"));
    let rows = result["inference"]["coefficients"].as_array().unwrap();
    let names = rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    let mut numbers: Vec<f64> = rows.iter().flat_map(|row| [number(&row["coef"]), number(&row["std_err"])]).collect();
    numbers.extend(["nll", "accuracy", "rmse"].iter().filter_map(|name| result["train"][name].as_f64()));
    (names, numbers)
}

#[test]
fn other_ways_to_keep_rows_give_the_same_fit() {
    let place = Place::new();
    let titanic = titanic();
    let birthwt = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/glm/birthwt.csv");
    for (data, model) in [
        (titanic.as_str(), "--family binomial --target survived"),
        (&titanic, "--family binomial --link probit --reference most-frequent --target survived"),
        (birthwt.to_str().unwrap(), "--family gaussian --target lwt --coding one-hot --cov-type hc1"),
        (&titanic, "--family multinomial --target class"),
    ] {
        let train = format!("train glm --data {data} {model}");
        place.ok(&format!("{train} --out memory --force"));
        let (names, expected) = fitted(&place, "memory");
        for how in ["--stream", "--storage f32", "--storage sparse", "--stream --storage sparse"] {
            place.ok(&format!("{train} {how} --out other --force"));
            let (own, found) = fitted(&place, "other");
            assert_eq!(own, names, "{model} {how}");
            assert_close(&found, &expected, 1e-10, 1e-12, &format!("{model} {how}"));
        }
    }
}

/// A table of rows with weights, an offset, missing values and a category, in two files.
#[test]
fn a_folder_is_streamed_with_weights_and_offsets() {
    let place = Place::new();
    let row = |i: u32| {
        let age = if i % 17 == 3 { "NA".to_owned() } else { (20 + i * 7919 % 41).to_string() };
        format!(
            "{},{age},{},{},{}\n",
            i * i % 7,
            ["red", "blue", "green"][i as usize % 3],
            1 + i % 4,
            1.0 + f64::from(i % 5)
        )
    };
    std::fs::create_dir(place.path("parts")).unwrap();
    for (name, rows) in [("a.csv", 0..150), ("b.csv", 150..400)] {
        let rows: String = rows.map(row).collect();
        place.write(&format!("parts/{name}"), format!("claims,age,colour,n,years\n{rows}"));
    }
    let train =
        "train glm --data parts --family poisson --formula claims~age*C(colour)+offset(log(years)) --sample-weight n";
    let said = place.ok(&format!("{train} --out memory")).stderr;
    let streamed = place.ok(&format!("{train} --stream --out other")).stderr;
    assert_eq!(said, streamed, "the same notes");
    assert!(said.contains("dropped 24 of 400 rows with missing values (age 24)"), "{said}");
    let ((names, expected), (own, found)) = (fitted(&place, "memory"), fitted(&place, "other"));
    assert_eq!(own, names);
    assert_close(&found, &expected, 1e-10, 1e-12, "coefficients");
    let sha256 = |run: &str| place.json(&format!("{run}/run.json"))["data"]["sha256"].clone();
    assert_eq!(sha256("other"), sha256("memory"));
    // A model is used as any other.
    let predict = |run: &str| place.ok(&format!("predict {run} --data parts/a.csv --output -")).stdout;
    let (own, expected) = (predict("other"), predict("memory"));
    assert_eq!(own.lines().count(), 151);
    for (own, expected) in own.lines().zip(expected.lines()).skip(1) {
        // Rows with a missing value have no prediction.
        let of = |line: &str| -> Vec<f64> { line.split(',').filter_map(|cell| cell.parse().ok()).collect() };
        assert_close(&of(own), &of(expected), 1e-10, 0.0, "a prediction");
    }
}

#[test]
fn what_a_stream_cannot_do_is_refused() {
    let place = Place::new();
    let data = titanic();
    let train = format!("train glm --data {data} --family binomial --target survived --stream");
    for (flags, expected) in [
        ("--margins", "--margins: not with --stream"),
        ("--test-fraction 0.2", "--test-fraction: not with --stream"),
        ("--missing median", "--missing mean, median and indicator: not with --stream"),
        ("--cov-type hc3", "--cov-type hc2 and hc3: not with --stream"),
    ] {
        let said = place.exits(2, &format!("{train} {flags} --out x")).stderr;
        assert!(said.contains(expected), "{said}");
    }
    let said = place.exits(2, "train glm --data - --target y --stream --out x").stderr;
    assert!(said.contains("--stream reads a file or a folder twice"), "{said}");
    place.write("empty.csv", "x,y\n");
    let said = place.exits(2, "train glm --data empty.csv --target y --stream --out x").stderr;
    assert!(said.contains("no rows"), "{said}");
    // A text among numbers, after the first chunk of rows.
    let mut text = "x,y\n".to_owned();
    (0..70_000).for_each(|i| writeln!(text, "{},{}", i % 13, i % 7).unwrap());
    place.write("late.csv", &(text + "oops,3\n"));
    let said = place.exits(2, "train glm --data late.csv --target y --stream --out x").stderr;
    assert!(said.contains("line 70002: 'oops' in column 'x'"), "{said}");
    // Functions that need all rows.
    let said = place
        .exits(2, &format!("{train} --out x").replace("--target survived", "--formula survived~poly(sibsp,2)"))
        .stderr;
    assert!(said.contains("--stream"), "{said}");
}

#[test]
fn libsvm_rows_are_fitted_scored_and_predicted() {
    let place = Place::new();
    let (mut svm, mut csv) = (String::new(), "label,x1,x2,x3\n".to_owned());
    for i in 0..300_u32 {
        let x = [f64::from(i % 5), if i % 3 == 0 { f64::from(i % 7) } else { 0.0 }, f64::from(i * 7919 % 11) * 0.5];
        let label = if i * 7907 % 10 < 3 + i % 5 { "1" } else { "-1" };
        let cells: Vec<String> = (1..).zip(x).filter(|(_, x)| *x != 0.0).map(|(j, x)| format!("{j}:{x}")).collect();
        writeln!(svm, "{label} {}", cells.join(" ")).unwrap();
        writeln!(csv, "{label},{},{},{}", x[0], x[1], x[2]).unwrap();
    }
    place.write("rows.svm", &svm);
    place.write("rows.csv", &csv);
    let described = place.ok("describe rows.svm").stdout;
    assert!(described.contains("300 LIBSVM rows of 3 features, numbered from 1"), "{described}");
    assert!(described.contains("labels  -1 (") && place.json_of("describe rows.svm --json")["features"] == 3);
    place.ok("train glm --data rows.svm --family binomial --out sparse");
    place.ok("train glm --data rows.csv --family binomial --levels -1,1 --target label --out dense");
    let ((names, found), (of_dense, expected)) = (fitted(&place, "sparse"), fitted(&place, "dense"));
    assert_eq!(names, of_dense);
    assert_close(&found, &expected, 1e-10, 1e-12, "coefficients");
    let predicted = place.ok("predict sparse --data rows.svm --output -").stdout;
    let dense = place.ok("predict dense --data rows.csv --output -").stdout;
    assert!(predicted.starts_with("prediction,p_-1,p_1"), "{predicted}");
    for (own, other) in predicted.lines().zip(dense.lines()).skip(1) {
        let number = |line: &str| line.split(',').nth(2).unwrap().parse::<f64>().unwrap();
        assert_close(&[number(own)], &[number(other)], 1e-10, 0.0, "a probability");
    }
    let nll = |line: &str| number(&place.json_of(line)["test"]["nll"]);
    let (own, other) = (nll("eval sparse --data rows.svm --json"), nll("eval dense --data rows.csv --json"));
    assert_close(&[own], &[other], 1e-10, 0.0, "nll");
    for (line, expected) in [
        ("train glm --data rows.svm --target y --family binomial --out x", "--target is not for LIBSVM files"),
        ("train logistic --data rows.svm --out x", "kiln train glm"),
        ("predict sparse --data rows.csv --output x.csv", "must be such a file"),
        ("predict dense --data rows.svm --output x.csv", "rows.svm"),
    ] {
        let said = place.exits(2, line).stderr;
        assert!(said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn penalties_set_coefficients_to_zero() {
    let place = Place::new();
    let data = titanic();
    let train = format!("train glm --data {data} --family binomial --target survived");
    place.ok(&format!("{train} --l2 0.1 --out ridge"));
    place.ok(&format!("{train} --l1 0.05 --out lasso"));
    let result = place.json("lasso/result.json");
    let (kept, of) = (number(&result["selected"]["nonzero"]), number(&result["selected"]["of"]));
    assert!(kept > 0.0 && kept < of, "{kept} of {of}");
    let table = place.text("lasso/coef.csv");
    assert!(table.starts_with("part,name,coef\n") && table.lines().any(|line| line.ends_with(",0")), "{table}");
    assert!(place.text("ridge/summary.txt").contains("No standard errors: a penalised fit"));
    // A penalty costs likelihood.
    place.ok(&format!("{train} --out plain"));
    let nll = |run: &str| number(&place.json(&format!("{run}/result.json"))["train"]["nll"]);
    assert!(nll("ridge") > nll("plain") && nll("lasso") > nll("plain"));
    for (flags, expected) in [
        ("--l2 0.1 --margins", "--margins is for fits without --l1 and --l2"),
        ("--l2 -1", "l2"),
        ("--l1 0.1 --firth", "--firth is for fits without"),
    ] {
        let said = place.exits(2, &format!("{train} {flags} --out x")).stderr;
        assert!(said.contains(expected), "{said}");
    }
}
