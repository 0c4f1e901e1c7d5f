//! `kiln train svm`, and what is done with its runs.

use kiln_testkit::{assert_close, numbers, reference};

use crate::common::{Place, number};

#[test]
fn machines_are_trained_as_scikit_learns_and_used() {
    let place = Place::new();
    for row in &reference("svm")["rows"].as_array().unwrap()[..2] {
        let kernel = row["kernel"].as_str().unwrap();
        let gamma = row["gamma"].as_f64().map_or(String::new(), |gamma| format!("--gamma {gamma}"));
        let done =
            place.ok(&format!("train svm --kernel {kernel} {gamma} --test-fraction 0 --tol 1e-8 --out {kernel}"));
        let result = place.json(&format!("{kernel}/result.json"));
        assert_eq!(result["status"], "converged");
        assert_close(&[number(&result["dual"])], &numbers(&row["dual"]), 1e-6, 0.0, kernel);
        assert_close(&[number(&result["train"]["accuracy"])], &numbers(&row["accuracy"]), 1e-12, 0.0, kernel);
        assert!(number(&result["kkt_residual"]) <= 1e-6 && number(&result["gap"]).abs() <= 1e-6);
        assert_eq!(result["support_vectors"].as_u64(), Some(row["support"].as_array().unwrap().len() as u64));
        assert!(done.stdout.contains("support vectors") && done.stdout.contains("gap"), "{}", done.stdout);
        for file in ["config.toml", "run.json", "encoder.json", "model.safetensors", "support.csv", "certificate.json"]
        {
            assert!(place.exists(&format!("{kernel}/{file}")), "{kernel}/{file}");
        }
        place.ok(&format!("verify {kernel}"));
    }
    assert!(place.exists("linear/coef.csv") && !place.exists("rbf/coef.csv"));
    let coef = place.text("linear/coef.csv");
    let first: Vec<f64> =
        coef.lines().skip(1).take(30).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_close(&first, &numbers(&reference("svm")["rows"][0]["coef"]), 0.0, 2e-5, "weights");

    let mut certificate = place.json("rbf/certificate.json");
    certificate["x"][0] = (number(&certificate["x"][0]) + 1e-3).into();
    place.write("rbf/moved.json", certificate.to_string());
    place.exits(3, "verify rbf/moved.json");
    place.ok("verify rbf");
    // Another machine's support vectors, with the certificate of this one; and settings that no machine has.
    place.write("rbf/model.safetensors", place.weights("linear"));
    assert!(place.exits(3, "verify rbf").stderr.contains("model"));
    let settings = place.text("linear/config.toml");
    place.write("linear/config.toml", settings.replace("c = 1.0", "c = -1.0"));
    place.refused("verify linear", &["--c"]);
    place.write("linear/config.toml", settings.replace("c = 1.0", "c = 2.0"));
    place.exits(3, "verify linear");
}

#[test]
fn rows_of_a_table() {
    let place = Place::new();
    let ring = |i: usize| {
        let (angle, radius) = (i as f64 * 0.7, if i.is_multiple_of(2) { 1.0 } else { 3.0 });
        format!(
            "{},{},{}\n",
            radius * angle.cos(),
            radius * angle.sin(),
            if i.is_multiple_of(2) { "in" } else { "out" }
        )
    };
    let rows: String = (0..80).map(ring).collect();
    place.write("rings.csv", format!("x,y,where\n{rows}"));
    let done = place.ok("train svm --data rings.csv --target where --c 10 --out run");
    assert!(done.stdout.contains("test   accuracy 1.0000"), "{}", done.stdout);
    assert!(place.text("run/config.toml").contains("standardize = true"));
    let evaluated = place.json_of("eval run --data rings.csv --json");
    assert_eq!((evaluated["test"]["n"].as_u64(), number(&evaluated["test"]["accuracy"])), (Some(80), 1.0));
    place.write("new.csv", "x,y\n0.5,0.5\n3,0\n");
    place.ok("predict run --data new.csv --output p.csv");
    let predictions = place.text("p.csv");
    let classes: Vec<&str> = predictions.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(classes, ["prediction", "in", "out"]);
    // The settings repeat the run.
    place.ok("train svm --config run/config.toml --out again");
    assert_eq!(place.text("run/support.csv"), place.text("again/support.csv"));
    for c in [0.1, 0.7, 30.0] {
        place.ok(&format!("train svm --data rings.csv --target where --c {c} --out run --force"));
        place.ok("verify run");
    }
    let done = place.ok("train svm --data rings.csv --target where --dtype f32 --out single");
    assert!(done.stderr.contains("no certificate.json") && done.stderr.contains("f64"), "{}", done.stderr);
    place.refused("verify single", &["certificate.json"]);
    // A weight of two is a row that is there twice.
    let line = |i: usize, twice: bool| ring(i).repeat(if twice && i.is_multiple_of(3) { 2 } else { 1 });
    place.write("twice.csv", format!("x,y,where\n{}", (0..80).map(|i| line(i, true)).collect::<String>()));
    let weigh = |i: usize| ring(i).replace('\n', if i.is_multiple_of(3) { ",2\n" } else { ",1\n" });
    place.write("weighed.csv", format!("x,y,where,w\n{}", (0..80).map(weigh).collect::<String>()));
    let options = "--target where --test-fraction 0 --standardize=false --gamma 0.5 --c 0.3 --tol 1e-9";
    place.ok(&format!("train svm --data twice.csv {options} --out twice"));
    place.ok(&format!("train svm --data weighed.csv --sample-weight w {options} --out weighed"));
    let dual = |run: &str| number(&place.json(&format!("{run}/result.json"))["dual"]);
    assert_close(&[dual("weighed")], &[dual("twice")], 1e-7, 0.0, "the same dual objective");
    place.ok("verify weighed");
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let place = Place::new();
    place.refused_to_start("train svm --c 0", &["--c"]);
    place.refused_to_start("train svm --kernel linear --gamma 1", &["--gamma", "rbf"]);
    place.refused_to_start("train svm --gamma none", &["--gamma"]);
    place.refused_to_start("train svm --data digits", &["two classes", "10"]);
    place.refused_to_start("train svm --max-iter 0", &["--max-iter"]);
    let done = place.exits(3, "train svm --max-iter 5 --out short");
    assert!(done.stderr.contains("--max-iter") && !place.exists("short/certificate.json"), "{}", done.stderr);
    place.refused("verify short", &["certificate.json"]);
    place.refused("resume short --epochs 3", &["--epochs", "--max-iter"]);
}
