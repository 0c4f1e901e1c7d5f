//! `kiln train logistic --solver`, `kiln solve` and `kiln verify`.

use kiln_testkit::{assert_close, numbers, reference};
use serde_json::Value;

use crate::common::{Place, number};

const SOLVERS: [&str; 7] = ["newton", "newton-cg", "trust-ncg", "l-bfgs", "bfgs", "nonlinear-cg", "gd"];

/// Rows of two columns of which the first decides in part, and their classes.
fn table(place: &Place, name: &str, extra: impl Fn(usize) -> String) {
    let rows = (0..60).map(|i| {
        let (x, class) = ((i * 7) % 13, if (i * 7) % 13 + (i % 5) * 2 > 9 { "yes" } else { "no" });
        format!("{x},{},{class}\n", extra(i))
    });
    place.write(name, format!("x,extra,class\n{}", rows.collect::<String>()));
}

#[test]
fn every_solver_reaches_the_reference() {
    let place = Place::new();
    let fits = reference("logistic");
    let fit = &fits["fits"][1];
    let mut expected = numbers(&fit["weights"]);
    expected.extend(numbers(&fit["bias"]));
    for solver in SOLVERS {
        let train = "train logistic --data breast-cancer --l2 0.01 --standardize --test-fraction 0 --gtol 1e-11";
        place.ok(&format!("{train} --solver {solver} --out {solver}"));
        let result = place.json(&format!("{solver}/result.json"));
        assert_eq!((result["status"].as_str(), result["solver"].as_str()), (Some("converged"), Some(solver)));
        // Steepest descent to a gradient of 1e-11, and a curvature of 0.01 at the least.
        assert_close(&[number(&result["fun"])], &numbers(&fit["loss"]), 1e-12, 0.0, solver);
        let text = place.text(&format!("{solver}/coef.csv"));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let coef: Vec<f64> = reader.records().map(|row| row.unwrap()[2].parse().unwrap()).collect();
        assert_close(&coef, &expected, 1e-8, 1e-9, solver);
        let log = place.text(&format!("{solver}/metrics.jsonl"));
        assert_eq!(log.lines().count() as u64, result["nit"].as_u64().unwrap(), "{solver}: a line a step");
    }
}

#[test]
fn a_maximum_likelihood_fit_has_a_summary() {
    let place = Place::new();
    let rows = reference("inference");
    let spector = &rows["rows"][0];
    let (x, y) = (numbers(&spector["x"]), spector["y"].as_array().unwrap());
    let lines = x.chunks(3).zip(y).map(|(x, y)| format!("{},{},{},{y}\n", x[0], x[1], x[2]));
    place.write("spector.csv", format!("GPA,TUCE,PSI,GRADE\n{}", lines.collect::<String>()));
    let train = "train logistic --data spector.csv --target GRADE --test-fraction 0 --gtol 1e-10";
    place.ok(&format!("{train} --out run"));
    let summary = place.text("run/summary.txt");
    for part in ["Dep. Variable:                   GRADE", "GPA             2.8261      1.263      2.238      0.025"] {
        assert!(summary.contains(part), "no '{part}' in\n{summary}");
    }
    let inference = &place.json("run/result.json")["inference"];
    assert_close(&[number(&inference["aic"])], &numbers(&spector["aic"]), 1e-9, 0.0, "aic");
    let text = place.text("run/coef.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = ["class", "name", "coef", "coef_raw", "std_err", "z", "p", "low_95", "high_95"];
    assert_eq!(reader.headers().unwrap(), head.as_slice());
    let errors: Vec<f64> = reader.records().map(|row| row.unwrap()[4].parse().unwrap()).collect();
    assert_close(&errors, &numbers(&spector["std_err"]), 1e-7, 0.0, "std_err");

    place.ok(&format!("{train} --cov-type hc0 --out robust"));
    assert!(place.text("robust/summary.txt").contains("Covariance Type:                   HC0"));
    // A penalty, and weights that are no counts, have no standard errors.
    place.ok(&format!("{train} --l2 0.1 --out penalised"));
    place.ok(&format!("{train} --class-weight balanced --out balanced"));
    for run in ["penalised", "balanced"] {
        assert!(!place.path(&format!("{run}/summary.txt")).exists(), "{run}");
        assert!(place.json(&format!("{run}/result.json"))["inference"].is_null(), "{run}");
    }
    let intercept = |run: &str| place.text(&format!("{run}/coef.csv")).lines().last().unwrap().to_owned();
    assert_ne!(intercept("balanced"), intercept("run"));
}

#[test]
fn separated_classes_are_reported_with_a_proof_that_can_be_checked() {
    let place = Place::new();
    place.write("t1.csv", "x,class\n1,no\n2,no\n4,yes\n7,yes\n");
    let failed = place.exits(3, "train logistic --data breast-cancer --standardize --test-fraction 0 --out run");
    assert!(failed.stderr.contains("separable") && failed.stderr.contains("--l2"), "{}", failed.stderr);
    assert_eq!(place.json("run/result.json")["status"], "separated");
    let verified = place.ok("verify run");
    assert!(
        verified.stdout.contains("the separation holds: of 569 rows, 0 lie on the hyperplane"),
        "{}",
        verified.stdout
    );

    // Ten classes.
    place.exits(3, "train logistic --data digits --test-fraction 0.8 --max-iter 2000 --out digits");
    assert_eq!(place.json("digits/result.json")["status"], "separated");
    assert_eq!(place.json("digits/certificate.json")["intercepts"].as_array().unwrap().len(), 10);
    place.ok("verify digits");
    // Columns of very different size.
    let rows = (0..60).map(|i| format!("{},{},{}\n", (i % 7) as f64 / 100.0, 1e6 * (i as f64 + 5.0), i / 30));
    place.write("sizes.csv", format!("rate,income,y\n{}", rows.collect::<String>()));
    place.exits(3, "train logistic --data sizes.csv --target y --test-fraction 0 --out sizes");
    place.ok("verify sizes");
    // Bounds in its way, and bounds that are none.
    place.ok("train logistic --data breast-cancer --standardize --test-fraction 0 --lower -2 --upper 2 --out within");
    place.exits(3, "train logistic --data t1.csv --target class --test-fraction 0 --lower 0 --out half");
    place.ok("verify half");

    // The proof of something else.
    let mut certificate = place.json("run/certificate.json");
    certificate["weights"][0] = Value::from(-number(&certificate["weights"][0]) + 5.0);
    place.write("run/certificate.json", certificate.to_string());
    place.exits(3, "verify run");

    // Only one class has the extra 1: its coefficient runs away, the other does not.
    table(&place, "t.csv", |i| u8::from((i * 7) % 13 + (i % 5) * 2 > 9 && i % 4 == 0).to_string());
    let failed = place.exits(3, "train logistic --data t.csv --target class --test-fraction 0 --out quasi");
    assert!(failed.stderr.contains("lie on it"), "{}", failed.stderr);
    place.ok("verify quasi");
    place.ok("train logistic --data t.csv --target class --test-fraction 0 --l2 0.01 --out penalised");
    place.ok("verify penalised");
    // The proof that there is no minimum, in a run that has one.
    let proof = place.text("quasi/certificate.json");
    place.write("penalised/proof.json", &proof);
    assert!(place.exits(3, "verify penalised/proof.json").stderr.contains("penalty"));
    place.ok("train logistic --data t.csv --target class --optimizer sgd --epochs 1 --out descended");
    place.refused("verify descended", &["no certificate.json"]);
}

/// What an earlier end of the run said is not there any more.
#[test]
fn a_resumed_run_has_no_summary_of_before() {
    let place = Place::new();
    table(&place, "t.csv", |i| ((i * 3) % 7).to_string());
    place.ok("train logistic --data t.csv --target class --test-fraction 0 --gtol 1e-3 --out run");
    assert!(place.exists("run/summary.txt"));
    let failed = place.exits(3, "resume run --gtol 1e-300 --max-iter 9");
    assert!(failed.stderr.contains("kiln resume run"), "{}", failed.stderr);
    assert!(!place.exists("run/summary.txt") && place.json("run/result.json")["inference"].is_null());
}

#[test]
fn what_leaves_no_standard_errors_is_said() {
    let place = Place::new();
    table(&place, "t.csv", |i| ["low", "mid", "high"][i % 3].to_owned());
    let done = place.ok("train logistic --data t.csv --target class --test-fraction 0 --coding one-hot --out run");
    assert!(done.stdout.contains("dropped extra=mid = 1 − extra=high − extra=low"), "{}", done.stdout);
    let coefficients = place.text("run/coef.csv");
    assert!(coefficients.contains("extra=mid,NA,NA,NA,NA,NA,NA,NA\n"), "{coefficients}");
    assert!(place.text("run/summary.txt").ends_with("dropped extra=mid = 1 − extra=high − extra=low\n"));
    place.ok("verify run");
    let done = place.ok("train logistic --data t.csv --target class --out reference");
    assert!(!done.stdout.contains("no standard errors"), "{}", done.stdout);
    for option in ["--l2 0.1", "--lower 0", "--class-weight balanced"] {
        place.refused_to_start(
            &format!("train logistic --cov-type hc0 {option}"),
            &["--cov-type", "maximum likelihood"],
        );
    }
    // A class of which there is no row.
    place.write("few.csv", "x,w,y\n1,1,a\n2,1,b\n3,1,a\n4,1,b\n5,0,c\n6,0,c\n");
    let train = "train logistic --data few.csv --target y --sample-weight w --test-fraction 0";
    place.refused_to_start(train, &["class 'c'", "no training row"]);
    place.refused_to_start("train logistic --lower nan", &["--lower", "a number"]);
    place.refused_to_start("train logistic --lower inf", &["--lower"]);
}

#[test]
fn runs_without_a_name_do_not_collide_and_need_no_training_data() {
    let place = Place::new();
    table(&place, "t.csv", |i| ((i * 3) % 7).to_string());
    table(&place, "u.csv", |i| ((i * 5) % 7).to_string());
    for _ in 0..3 {
        place.ok("train logistic --data t.csv --target class");
    }
    assert_eq!(std::fs::read_dir(place.path("runs")).unwrap().count(), 3);
    place.ok("train logistic --data t.csv --target class --out run");
    std::fs::remove_file(place.path("t.csv")).unwrap();
    place.ok("eval run --data u.csv");
}

/// Columns that say nothing new, nothing at all, or everything in other units: a status, a message, and numbers in the files.
#[test]
fn awkward_columns_end_with_a_status() {
    let place = Place::new();
    table(&place, "same.csv", |i| ((i * 7) % 13).to_string());
    table(&place, "constant.csv", |_| "4".to_owned());
    table(&place, "large.csv", |i| format!("{}e8", 30 + (i * 3) % 11));
    for name in ["same", "constant", "large"] {
        for solver in SOLVERS {
            let out = format!("{name}-{solver}");
            place.ok(&format!(
                "train logistic --data {name}.csv --target class --test-fraction 0 --gtol 1e-6 --solver {solver} --out {out}"
            ));
            let text = place.text(&format!("{out}/coef.csv"));
            assert!(!text.contains("NaN") && !text.contains("inf"), "{out}: {text}");
            let result = place.json(&format!("{out}/result.json"));
            assert!(result["inference"].is_object(), "{out}: {}", result["message"]);
            assert_eq!(result["dropped"].is_array(), name != "large", "{out}");
        }
    }
    // Fewer rows than columns.
    let head: Vec<String> = (0..20).map(|i| format!("c{i}")).collect();
    let rows = (0..12).map(|i| {
        let row: Vec<String> = (0..20).map(|j| ((i * (j + 3) * 7) % 11).to_string()).collect();
        format!("{},{}\n", row.join(","), i % 2)
    });
    place.write("wide.csv", format!("{},y\n{}", head.join(","), rows.collect::<String>()));
    let failed = place.exits(3, "train logistic --data wide.csv --target y --test-fraction 0 --out wide");
    assert!(failed.stderr.contains("separable"), "{}", failed.stderr);
    place.ok("train logistic --data wide.csv --target y --test-fraction 0 --l2 0.1 --out wide2");
}

#[test]
fn solvers_and_optimisers_are_not_mixed() {
    let place = Place::new();
    place.refused_to_start("train logistic --solver newton --lr 0.1", &["--solver", "--lr"]);
    place.refused_to_start("train logistic --max-iter 5 --epochs 3", &["--max-iter", "--epochs"]);
    place.refused_to_start("train logistic --solver lbfgs", &["l-bfgs"]);
    place.refused_to_start("train logistic --max-iter 0", &["--max-iter"]);
    place.refused_to_start("train logistic --optimizer sgd --class-weight balanced", &["--class-weight"]);
    place.refused("lr-find logistic --solver newton", &["--solver"]);
    for option in ["--l1 0.1", "--lower 0", "--upper 1", "--cov-type hc0", "--sample-weight w"] {
        let flag = option.split(' ').next().unwrap();
        place.refused_to_start(&format!("train logistic --optimizer sgd {option}"), &[flag, "solver"]);
        place.refused(&format!("lr-find logistic {option}"), &["solvers"]);
    }
    let failed = place.exits(3, "train logistic --standardize --l2 0.01 --max-iter 2 --out run");
    assert!(failed.stderr.contains("after 2 steps") && failed.stderr.contains("kiln resume run"), "{}", failed.stderr);
    let result = place.json("run/result.json");
    assert_eq!((result["status"].as_str(), result["nit"].as_u64()), (Some("not-converged"), Some(2)));
    place.refused("resume run", &["2 of 2 steps", "--max-iter"]);
}

#[test]
fn classic_problems_are_solved() {
    let place = Place::new();
    for solver in SOLVERS.into_iter().filter(|solver| *solver != "gd") {
        let done = place.ok(&format!("solve rosenbrock --solver {solver} --json --history {solver}.jsonl"));
        let result: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!((result["success"].as_bool(), result["status"].as_str()), (Some(true), Some("gradient-small")));
        assert_close(&numbers(&result["x"]), &[1.0, 1.0], 0.0, 1e-7, solver);
        for key in ["fun", "grad_norm", "nit", "nfev", "njev", "nhev"] {
            assert!(result[key].is_number(), "{key}");
        }
        let steps = place.text(&format!("{solver}.jsonl")).lines().count() as u64;
        assert_eq!(steps, result["nit"].as_u64().unwrap() + 1, "the start, and every step");
    }
    let text = place.ok("solve rosenbrock --solver bfgs --x0 1.3,0.7,0.8,1.9,1.2 --gtol 1e-5").stdout;
    assert!(text.contains("iterations     25\n") && text.contains("30 values"), "as SciPy's tutorial: {text}");
    place.ok("solve beale --dtype f32");
    place.exits(3, "solve wood --solver gd --max-iter 10");
    let text = place.ok("solve rosenbrock --upper 0.5,inf").stdout;
    assert!(text.contains("rosenbrock by l-bfgs-b") && text.contains("x              0.500000000, 0.25"), "{text}");
    let text = place.ok("solve rosenbrock --l1 100").stdout;
    assert!(text.contains("by owl-qn") && text.contains("x              0.000000000, 0.000000000"), "{text}");
    place.refused("solve rosenbrock --lower 1 --upper 0", &["--lower"]);
    place.refused("solve rosenbrock --lower 1,2,3", &["--lower", "1 number or 2"]);
    place.refused("solve rosenbrock --lower 1 --solver bfgs", &["l-bfgs-b", "bfgs"]);
    place.refused("solve rosenbrock --l1 -1", &["--l1"]);
    place.refused("solve rosenbrok", &["rosenbrok", "rosenbrock-50", "beale"]);
    place.refused("solve beale --x0 1,2,3", &["--x0", "2 numbers"]);
    place.refused("solve beale --gtol -1", &["--gtol"]);
}
