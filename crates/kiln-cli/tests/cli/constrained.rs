//! `kiln solve` with constraints, and `kiln verify` of certificates.

use kiln_testkit::{assert_close, numbers, reference};
use serde_json::Value;

use crate::common::{Place, number};

#[test]
fn problems_with_constraints_are_solved_and_certified() {
    let place = Place::new();
    for row in reference("minimisers")["constrained"].as_array().unwrap() {
        let name = row["problem"].as_str().unwrap().replace('_', "-");
        for how in [
            "",
            "--hessian exact",
            "--method augmented-lagrangian",
            "--method augmented-lagrangian --solver newton",
            "--method interior-point",
        ] {
            let result = place.json_of(&format!("solve {name} {how} --tol 1e-11 --force --certificate c.json --json"));
            assert_close(&numbers(&result["x"]), &numbers(&row["x"]), 0.0, 1e-7, &format!("{name} {how}"));
            assert_close(&[number(&result["fun"])], &numbers(&row["f"]), 0.0, 1e-9, &format!("{name} {how}"));
            assert_eq!((result["success"].as_bool(), result["status"].as_str()), (Some(true), Some("residuals-small")));
            for (_, residual) in result["residuals"].as_object().unwrap() {
                assert!(number(residual) <= 1e-8, "{name} {how}: {result}");
            }
            let verdict = place.json_of("verify c.json --json");
            assert_eq!((verdict["holds"].as_bool(), verdict["of"].as_str()), (Some(true), Some(name.as_str())));
        }
    }
    let text = place.ok("solve hs71").stdout;
    for part in
        ["squares 0.16146856", "product 0.5522936", "x[0] ≥ its bound 1.0878712", "3 of rank 3", "strict local minimum"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn every_certificate_that_is_written_is_accepted() {
    let place = Place::new();
    let list = place.json_of("solve --list --json");
    let mut written = 0;
    for problem in list.as_array().unwrap() {
        let name = problem["name"].as_str().unwrap();
        let file = format!("{name}.json");
        let done = place.run(&format!("solve {name} --force --certificate {file}"));
        if done.code == Some(0) {
            place.ok(&format!("verify {file}"));
            written += 1;
        } else {
            assert!(!place.exists(&file), "{name} has not converged, and has a certificate");
        }
    }
    assert!(written >= 75, "{written} certificates");
    for options in
        ["rosenbrock --lower 1.5", "rosenbrock --upper 0.5,inf", "beale --l1 0.1", "rosenbrock-50 --x0 -1,1,1"]
    {
        place.ok(&format!("solve {options} --force --certificate c.json"));
        place.ok("verify c.json");
    }
    // What shows too little is not written, and said.
    for options in ["hs71 --tol 0.01", "rosenbrock --gtol 0.01"] {
        let done = place.ok(&format!("solve {options} --certificate none.json"));
        assert!(done.stderr.contains("no certificate in none.json") && !place.exists("none.json"), "{done:?}");
    }
    place.refused("solve hs71 --dtype f32 --force --certificate c.json", &["--certificate", "f64"]);
}

#[test]
fn what_was_changed_in_a_certificate_is_found() {
    let place = Place::new();
    place.ok("solve hs71 --force --certificate c.json");
    let right = place.json("c.json");
    let refused = |what: &str, change: &dyn Fn(&mut Value)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        place.write("wrong.json", wrong.to_string());
        let done = place.exits(3, "verify wrong.json");
        assert!(done.stderr.contains("does not hold"), "{what}: {}", done.stderr);
    };
    refused("x moved", &|c| c["x"][1] = (number(&c["x"][1]) + 1e-3).into());
    refused("a wrong sign", &|c| {
        c["multipliers"]["inequality"][0] = (-number(&c["multipliers"]["inequality"][0])).into()
    });
    refused("a multiplier missing", &|c| c["multipliers"]["equality"] = Value::Array(Vec::new()));
    refused("a multiplier left at 0", &|c| c["multipliers"]["equality"][0] = 0.0.into());
    refused("an infeasible x", &|c| c["x"] = vec![1.0, 4.0, 3.0, 1.0].into());
    refused("another problem", &|c| c["problem"] = "hs43".into());
    refused("a tolerance that allows all", &|c| c["tol"] = 10.0.into());
    refused("a flattering residual", &|c| c["residuals"]["primal"] = 1e-4.into());
    refused("curvature made up", &|c| c["second_order"]["smallest_eigenvalue"] = 3.0.into());
    refused("a tolerance that allows much", &|c| c["tol"] = 1e-4.into());
    refused("a multiplier in the list alone", &|c| c["active"][0]["multiplier"] = 9.0.into());
    refused("a side left out", &|c| drop(c["active"].as_array_mut().unwrap().remove(0)));
    refused("f made up", &|c| c["fun"] = 17.0.into());
    // Moved, with a tolerance and numbers to suit.
    refused("all of it", &|c| {
        c["x"][1] = (number(&c["x"][1]) + 1e-3).into();
        c["tol"] = 1e-6.into();
    });
    place.ok("solve rosenbrock --lower 1.5 --certificate bounded.json");
    let verdict = place.ok("verify bounded.json").stdout;
    assert!(verdict.contains("lower bounds 1.5, 1.5"), "{verdict}");
    let mut bounded = place.json("bounded.json");
    bounded["lower"][0] = 1.4.into();
    place.write("wrong.json", bounded.to_string());
    place.exits(3, "verify wrong.json");
    bounded["lower"] = vec![9.0, 9.0].into();
    bounded["upper"] = vec![5.0, 5.0].into();
    place.write("wrong.json", bounded.to_string());
    place.refused("verify wrong.json", &["bounds"]);
    place.ok("solve beale --l1 0.1 --certificate penalised.json");
    assert!(place.ok("verify penalised.json").stdout.contains("l1 penalty of 0.1"));
    let mut penalised = place.json("penalised.json");
    for l1 in [-1.0, 0.2] {
        penalised["l1"] = l1.into();
        place.write("wrong.json", penalised.to_string());
        assert_ne!(place.run("verify wrong.json").code, Some(0), "l1 = {l1}");
    }
    penalised["l1"] = 0.1.into();
    penalised["lower"] = vec![100.0, 100.0].into();
    place.write("wrong.json", penalised.to_string());
    place.refused("verify wrong.json", &["l1", "bounds"]);
    place.write("wrong.json", "{\"kind\": \"problem\", \"problem\": \"no\"}");
    place.refused("verify wrong.json", &["wrong.json", "certificate"]);
    place.write("wrong.json", right.to_string().replace("hs71", "hs999"));
    place.refused("verify wrong.json", &["hs999"]);
    place.refused("verify nothing.json", &["nothing.json"]);
}

#[test]
fn fits_have_certificates_too() {
    let place = Place::new();
    for (options, active) in
        [("--l2 0.01", Some(0)), ("--l1 0.01", None), ("--l2 0.01 --lower 0", None), ("--l2 0.01", Some(0))]
    {
        place.ok(&format!("train logistic --data breast-cancer {options} --out run --force"));
        let certificate = place.json("run/certificate.json");
        assert_eq!(certificate["kind"], "fit");
        if let Some(active) = active {
            assert_eq!(certificate["active_count"], active);
            assert!(number(&certificate["second_order"]["smallest_eigenvalue"]) > 0.0);
        }
        place.ok("verify run");
        place.ok("verify run/certificate.json");
    }
    let mut moved = place.json("run/certificate.json");
    moved["x"][3] = (number(&moved["x"][3]) + 1e-3).into();
    // The file that is named is the one that is checked.
    place.write("run/moved.json", moved.to_string());
    place.exits(3, "verify run/moved.json");
    place.ok("verify run/certificate.json");
    place.write("run/certificate.json", moved.to_string());
    place.exits(3, "verify run");
    let done = place.ok("train logistic --data breast-cancer --l2 0.01 --dtype f32 --out single");
    assert!(done.stderr.contains("no certificate.json") && !place.exists("single/certificate.json"), "{}", done.stderr);
    // A model that is another one.
    place.ok("train logistic --data breast-cancer --l2 0.01 --out a");
    place.ok("train logistic --data breast-cancer --l2 0.02 --out b");
    place.write("a/model.safetensors", place.weights("b"));
    assert!(place.exits(3, "verify a").stderr.contains("model"));
}

#[test]
fn what_cannot_be_solved_says_why() {
    let place = Place::new();
    for (name, status, message) in
        [("infeasible", "infeasible", "violates them least"), ("unbounded", "unbounded", "no minimum")]
    {
        let done = place.exits(3, &format!("solve {name} --json --force --certificate c.json"));
        let result: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(result["status"], status);
        assert!(done.stderr.contains(message) && !place.exists("c.json"), "{done:?}");
        assert_eq!(result["x"].as_array().unwrap().len(), 2);
    }
    place.ok("solve redundant");
    place.ok("solve outside-domain");
    place.refused("solve hs71 --gtol 1e-3", &["--tol"]);
    place.refused("solve hs71 --lower 0", &["--lower", "hs71"]);
    place.refused("solve hs71 --l1 1", &["--l1"]);
    place.refused("solve hs71 --solver newton", &["augmented-lagrangian"]);
    place.refused("solve hs71 --method augmented-lagrangian --hessian exact", &["--hessian"]);
    let estimated = place.json_of("solve hs71 --method interior-point --hessian bfgs --json");
    assert_eq!((&estimated["hessian"], &estimated["nhev"]), (&Value::from("bfgs"), &Value::from(0)));
    place.refused("solve hs71 --method interior-point --solver newton", &["--solver", "augmented-lagrangian"]);
    place.refused("solve hs71 --method augmented-lagrangian --solver owl-qn", &["owl-qn"]);
    place.refused("solve rosenbrock --method sqp", &["--method", "rosenbrock"]);
    place.refused("solve rosenbrock --tol 1", &["--tol"]);
    place.refused("solve hs71 --tol -1", &["--tol"]);
    place.refused("solve hs71 --x0 1,2", &["--x0", "4 numbers"]);
    place.refused("solve hs71 --x0 1,2,nan,3", &["--x0", "finite"]);
    place.refused("solve nothing", &["nothing", "--list"]);
    let list = place.ok("solve --list --constrained").stdout;
    assert!(list.contains("hs113") && !list.contains("rosenbrock"), "{list}");
    assert!(place.ok("solve --list").stdout.contains("rosenbrock"));
}
