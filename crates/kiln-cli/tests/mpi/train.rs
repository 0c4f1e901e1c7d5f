//! `kiln train` on several ranks against one.

use safetensors::SafeTensors;

use crate::{
    common::{Place, SMALL},
    glm::assert_same_table,
    ranks::{mpirun, ok, own_lines, run},
};

/// The name of a parameter, and its numbers.
type Parameter = (String, Vec<f64>);

/// All parameters of a model in f64, by name.
fn parameters(place: &Place, run: &str) -> Vec<Parameter> {
    let bytes = place.weights(run);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    let mut all: Vec<Parameter> = file
        .iter()
        .map(|(name, tensor)| (name.to_owned(), tensor.data().chunks_exact(8).map(number).collect()))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The largest difference of a parameter, in terms of the largest number in it.
fn apart(a: &[Parameter], b: &[Parameter]) -> f64 {
    assert_eq!(a.len(), b.len());
    let of = |(a, b): (&Parameter, &Parameter)| {
        assert_eq!((&a.0, a.1.len()), (&b.0, b.1.len()));
        let largest = b.1.iter().fold(f64::MIN_POSITIVE, |max, x| max.max(x.abs()));
        a.1.iter().zip(&b.1).fold(0.0f64, |max, (x, y)| max.max((x - y).abs())) / largest
    };
    a.iter().zip(b).map(of).fold(0.0, f64::max)
}

#[test]
fn one_rank_is_a_run_without_mpi() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --out alone"));
    ok(&place, 1, &format!("{SMALL} --epochs 2 --out one"));
    assert_eq!(place.weights("one"), place.weights("alone"));
    assert_eq!(place.json("one/result.json").get("ranks"), None);
}

#[test]
fn several_ranks_take_the_steps_of_one() {
    let place = Place::new();
    for (name, flags) in [
        ("adam", ""),
        ("nesterov", "--optimizer nesterov --average ema:decay=0.9"),
        ("iwae", "--objective iwae --k 3 --accumulate 2"),
    ] {
        let line = |ranks: usize| format!("{SMALL} --dtype f64 --epochs 2 {flags} --out {name}-{ranks}");
        place.ok(&line(1));
        let expected = parameters(&place, &format!("{name}-1"));
        for ranks in [2, 4] {
            let printed = ok(&place, ranks, &line(ranks));
            // Rank 0 alone prints, and the result once.
            assert_eq!(printed.stdout.matches("completed").count(), 1, "{}", printed.stdout);
            let found = parameters(&place, &format!("{name}-{ranks}"));
            assert!(apart(&found, &expected) <= 1e-12, "{name}, {ranks} ranks: {:e}", apart(&found, &expected));
            let result = place.json(&format!("{name}-{ranks}/result.json"));
            let shared = &result["ranks"];
            assert_eq!(shared["size"], ranks);
            assert!(shared["communication"]["calls"].as_u64().unwrap() >= 24, "{shared}");
            assert!(shared["communication"]["wall_s"].as_f64().unwrap() > 0.0, "{shared}");
            // The log has the same steps and nearly the same numbers.
            let [log, one] = [ranks, 1].map(|ranks| place.metrics(&format!("{name}-{ranks}")));
            assert_eq!(log.len(), one.len());
            for (a, b) in log.iter().zip(&one) {
                let (loss, expected) = (a["loss"].as_f64().unwrap(), b["loss"].as_f64().unwrap());
                assert!(a["step"] == b["step"] && (loss - expected).abs() <= 1e-11 * expected.abs(), "{a} {b}");
            }
        }
    }
    // The same number of ranks again: the same bits.
    ok(&place, 2, &format!("{SMALL} --dtype f64 --epochs 2 --out again"));
    assert_eq!(place.weights("again"), place.weights("adam-2"));
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let place = Place::new();
    ok(&place, 2, &format!("{SMALL} --dtype f64 --epochs 1 --out parts"));
    ok(&place, 4, "resume parts --epochs 2");
    place.ok("resume parts --epochs 3");
    place.ok(&format!("{SMALL} --dtype f64 --epochs 3 --out whole"));
    let difference = apart(&parameters(&place, "parts"), &parameters(&place, "whole"));
    assert!(difference <= 1e-12, "{difference:e}");
    // With the same number of ranks throughout, a run that is resumed has the bits of one that is not.
    ok(&place, 2, &format!("{SMALL} --epochs 1 --out two"));
    ok(&place, 2, "resume two --epochs 2");
    ok(&place, 2, &format!("{SMALL} --epochs 2 --out two-at-once"));
    assert_eq!(place.weights("two"), place.weights("two-at-once"));
    place.ok("eval two");
}

/// The numbers of a mixture's table.
fn components(place: &Place, run: &str) -> Vec<Parameter> {
    let text = place.text(&format!("{run}/components.csv"));
    let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect();
    text.lines().skip(1).map(|line| (String::new(), row(line))).collect()
}

#[test]
fn a_mixture_on_several_ranks_is_that_of_one() {
    let place = Place::new();
    let cluster = |row: u32| f64::from(row % 3 * 8) + f64::from(row * 37 % 101) / 50.0;
    let rows: String = (0..90).map(|row| format!("{},{}\n", cluster(row), f64::from(row * 53 % 97) / 30.0)).collect();
    place.write("points.csv", format!("a,b\n{rows}"));
    let line = |run: &str| format!("train gmm --data points.csv --components 3 --tol 1e-9 --out {run}");
    place.ok(&line("one"));
    for ranks in [2, 4] {
        let run = format!("ranks-{ranks}");
        ok(&place, ranks, &line(&run));
        assert_eq!(place.json(&format!("{run}/result.json"))["nit"], place.json("one/result.json")["nit"]);
        let difference = apart(&components(&place, &run), &components(&place, "one"));
        assert!(difference <= 1e-9, "{ranks} ranks: {difference:e}");
    }
    place.ok("predict ranks-2 --data points.csv --output predicted.csv");
}

#[test]
fn a_regression_by_an_optimizer_is_that_of_one_rank() {
    let place = Place::new();
    let row =
        |row: u32| format!("{},{},{}\n", row * 37 % 101, row * 53 % 89, if row * 29 % 7 > 2 { "yes" } else { "no" });
    place.write("table.csv", format!("a,b,y\n{}", (0..200).map(row).collect::<String>()));
    let line = |run: &str| {
        format!(
            "train logistic --data table.csv --target y --standardize --optimizer adam --epochs 4 --batch-size 32 --out {run}"
        )
    };
    place.ok(&line("one"));
    ok(&place, 3, &line("three"));
    let difference = apart(&parameters(&place, "three"), &parameters(&place, "one"));
    assert!(difference <= 1e-12, "{difference:e}");
}

#[test]
fn a_regression_by_a_solver_is_that_of_one_rank() {
    let place = Place::new();
    let class = |row: u32| ["yes", "no", "perhaps"][(row * 29 % 7 % 3) as usize];
    let row = |row: u32| format!("{},{},{}\n", row * 37 % 101, row * 53 % 89, class(row));
    place.write("table.csv", format!("a,b,y\n{}", (0..200).map(row).collect::<String>()));
    for (solver, flags) in [
        ("l-bfgs", "--gtol 1e-11"),
        ("newton", ""),
        ("trust-ncg", ""),
        ("owl-qn", "--l1 0.02 --gtol 1e-10"),
        ("l-bfgs-b", "--lower -0.001 --gtol 1e-11"),
        ("newton", "--l2 0.01 --class-weight balanced"),
    ] {
        let line = |run: &str| {
            format!(
                "train logistic --data table.csv --target y --test-fraction 0 --solver {solver} {flags} --out {run} --force"
            )
        };
        place.ok(&line("one"));
        for ranks in [2, 4] {
            ok(&place, ranks, &line("several"));
            assert_same_table(&place, "several/coef.csv", "one/coef.csv");
            let [several, one] = ["several", "one"].map(|run| place.json(&format!("{run}/result.json")));
            assert_eq!(several["nit"], one["nit"], "{solver} {flags}, {ranks} ranks");
            assert_eq!(several["ranks"]["size"], ranks);
        }
    }
    // A run goes on with another number of ranks.
    let line =
        |flags: &str| format!("train logistic --data table.csv --target y --test-fraction 0 --solver l-bfgs {flags}");
    let stopped = run(&place, 2, &line("--max-iter 3 --out parts"));
    assert_eq!(place.json("parts/result.json")["nit"], 3, "{stopped:#?}");
    ok(&place, 4, "resume parts --max-iter 100");
    place.ok(&line("--out at-once"));
    assert_same_table(&place, "parts/coef.csv", "at-once/coef.csv");
    // The proof is that of all rows.
    ok(&place, 2, "train logistic --data table.csv --target y --test-fraction 0 --out proved");
    place.ok("verify proved/certificate.json");
}

#[test]
fn a_refusal_is_printed_once() {
    let place = Place::new();
    for (line, words) in [
        ("train vae --epochs 0", "epochs must be at least 1"),
        ("train vae --data nowhere", "nowhere"),
        ("train svm", "this fit runs in one process"),
        ("devices", "start this command without mpirun"),
        ("resume nothing", "nothing is not a run"),
    ] {
        let done = run(&place, 2, line);
        assert_eq!(done.code, Some(2), "{line}\n{done:#?}");
        let lines = own_lines(&done.stderr);
        assert!(lines.len() == 1 && lines[0].contains(words), "{line}: {lines:?}");
    }
    assert!(!place.exists("runs"), "a run that is refused leaves nothing");
}

#[test]
fn the_cost_of_sums_is_measured() {
    let place = Place::new();
    let done = ok(&place, 2, "bench-collectives --json --repeats 5 --step-ms 10");
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    assert_eq!(report["ranks"], 2);
    assert!(number(&report["latency_s"]) > 0.0 && number(&report["bandwidth"]) > 1e6, "{report}");
    let times: Vec<f64> = report["measured"].as_array().unwrap().iter().map(|m| number(&m["median_s"])).collect();
    assert!(times.len() == 8 && times[7] > times[0], "{times:?}");
    let speed_up = number(&report["predicted"][0]["speed_up"]);
    assert!(speed_up > 0.0 && speed_up < 2.0, "{speed_up}");
    place.refused("bench-collectives", &["mpirun -n 2"]);
}

#[test]
fn a_time_limit_must_be_a_number() {
    let place = Place::new();
    let mut command = mpirun(&place, 2, "train vae");
    command.env("KILN_RANK_TIMEOUT", "soon");
    let done = crate::ranks::done(command);
    assert_eq!(done.code, Some(2), "{done:#?}");
    let lines = own_lines(&done.stderr);
    assert!(
        lines.len() == 1 && lines[0].contains("KILN_RANK_TIMEOUT must be a number of seconds above 0"),
        "{lines:?}"
    );
}
