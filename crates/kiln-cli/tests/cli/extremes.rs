//! Extreme values, sizes, names and files that broke earlier versions.

use std::{fs, path::Path, process::Stdio};

use serde_json::Value;

use crate::common::{Place, SMALL, TABLE, gzip, idx, write_idx};

/// Found by fuzzing: a number in a test row beyond what the model can compute with.
#[test]
fn a_score_that_is_not_finite_is_not_a_success() {
    let place = Place::new();
    let unrelated = |i: u32| format!("{}.{},{}\n", i % 7, i % 3, if i.is_multiple_of(2) { "p" } else { "q" });
    // The weight of a regression must be above 1 for the product to be beyond f64.
    let steep =
        |i: u32| format!("{:.2},{}\n", f64::from(i) / 100.0, if (i >= 20) != i.is_multiple_of(9) { "p" } else { "q" });
    let unrelated: String = (0..40).map(unrelated).collect();
    let steep: String = (0..40).map(steep).collect();
    let models = [
        ("gmm --components 2 --drop y", &unrelated),
        ("svm --target y", &unrelated),
        ("logistic --l2 0.0001 --target y", &steep),
    ];
    for (model, rows) in models {
        let mut beyond = 0;
        for row in 0..15 {
            let mut lines: Vec<String> = format!("a,y\n{rows}").lines().map(str::to_owned).collect();
            let class = lines[row + 1].split_once(',').unwrap().1.to_owned();
            lines[row + 1] = format!("1.7e308,{class}");
            place.write("far.csv", lines.join("\n"));
            let done = place.run(&format!("train {model} --data far.csv --out run --force --json"));
            let Ok(result) = serde_json::from_str::<Value>(&done.stdout) else { continue };
            if result["test"].as_object().unwrap().values().any(Value::is_null) {
                assert_eq!(done.code, Some(4), "{model}, row {row}: {}", done.stderr);
                assert!(done.stderr.contains("the score on the test rows is not finite"), "{}", done.stderr);
                beyond += 1;
            }
        }
        assert!(beyond > 0, "{model}: no row was held out");
    }
}

#[test]
fn numbers_that_a_settings_file_cannot_hold_are_refused_by_their_flag() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    place.ok("train logistic --standardize --l2 0.1 --out fit");
    for (command, flag) in [
        ("resume run --epochs 9223372036854775808", "--epochs"),
        ("resume fit --max-iter 18446744073709551615", "--max-iter"),
        ("train vae --seed 9223372036854775808 --out other", "--seed"),
        ("train vae --hidden-dim 9223372036854775808 --out other", "--hidden-dim"),
    ] {
        place.refused(command, &[flag]);
    }
    place.ok("eval run --samples 0");
    place.ok("eval fit");
}

#[test]
fn extreme_numbers_end_with_a_clear_message() {
    let place = Place::new();
    let rows = |a: &str, b: &str| -> String {
        (0..10).map(|i| format!("{},{}\n", if i % 2 == 0 { a } else { b }, i % 2)).collect()
    };
    place.write("huge.csv", format!("x,y\n{}", rows("1.7e308", "-1.7e308")));
    place.write("far.csv", format!("x,y\n{}", rows("1e16", "1.0000000000000002e16")));
    place.write("plain.csv", TABLE);
    for train in [
        "logistic --target y",
        "logistic --target y --standardize",
        "svm --target y",
        "gmm --drop y",
        "gmm --drop y --standardize",
    ] {
        for data in ["huge", "far"] {
            let line = format!("train {train} --data {data}.csv --test-fraction 0 --out run --force");
            let done = place.run(&line);
            assert!(matches!(done.code, Some(0 | 2 | 3 | 4)), "kiln {line}: {done:?}");
            assert!(!done.stderr.contains("internal error"), "kiln {line}: {done:?}");
        }
    }
    place.write("new.csv", "x,y\n1.7e308,a\n-1.7e308,b\n");
    for train in ["logistic --l2 0.1 --target y", "svm --target y --kernel linear", "gmm --drop y"] {
        place.ok(&format!("train {train} --data plain.csv --out run --force"));
        let done = place.run("predict run --data new.csv --output p.csv");
        match done.code {
            Some(0) => assert!(!place.text("p.csv").contains("NaN") && !place.text("p.csv").contains("inf"), "{train}"),
            Some(2 | 4) => assert!(!place.exists("p.csv"), "{train}"),
            _ => panic!("{train}: {done:?}"),
        }
        let _ = fs::remove_file(place.path("p.csv"));
        let done = place.run("eval run --data new.csv --json");
        assert!(done.code != Some(0) || !done.stdout.contains("null"), "{train}: {done:?}");
    }
    let done = place.run("train logistic --optimizer sgd --epochs 1 --l2 1e308 --out sgd");
    assert_eq!(done.code, Some(4), "{done:?}");
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_no_text_is_no_panic() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let name = std::ffi::OsStr::from_bytes(b"run-\xff");
    let out =
        place.command(&format!("{SMALL} --epochs 1")).arg("--out").arg(name).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    let out = place.command("sample -n 1 --json").arg(name).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{out:?}");
}

#[test]
fn a_damaged_encoder_is_refused() {
    type Damage = fn(&mut Value);
    let damage: [(&str, Damage); 4] = [
        ("a column removed", |e| drop(e["columns"].as_array_mut().unwrap().pop())),
        ("no categories", |e| {
            e["columns"][0] = serde_json::json!({"kind": "categorical", "name": "c", "categories": []})
        }),
        ("a class removed", |e| drop(e["target"]["classes"].as_array_mut().map(Vec::pop))),
        ("a scale of zero", |e| {
            e["columns"][0] = serde_json::json!({"kind": "numeric", "name": "c", "mean": 0.0, "scale": 0.0})
        }),
    ];
    let table: String =
        (0..24).map(|i| format!("{},{},{}\n", ["red", "blue"][i % 2], i % 5, ["n", "p"][(i / 3) % 2])).collect();
    for train in ["logistic --target y --l2 0.1", "svm --target y", "gmm --target y"] {
        let place = Place::new();
        place.write("d.csv", format!("c,x,y\n{table}"));
        place.ok(&format!("train {train} --data d.csv --out run"));
        let whole = place.json("run/encoder.json");
        for (what, damage) in &damage {
            let mut encoder = whole.clone();
            damage(&mut encoder);
            if encoder == whole {
                continue;
            }
            place.write("run/encoder.json", encoder.to_string());
            for command in ["eval run", "predict run --data d.csv --output p.csv", "resume run --max-iter 999999"] {
                let done = place.run(command);
                assert!(matches!(done.code, Some(0 | 2 | 3)), "{train}, {what}, {command}: {done:?}");
                assert!(!done.stderr.contains("internal error"), "{train}, {what}, {command}: {done:?}");
                let _ = fs::remove_file(place.path("p.csv"));
            }
        }
    }
}

#[test]
fn sizes_beyond_the_memory_are_refused_with_the_numbers() {
    let place = Place::new();
    for flags in [
        "--hidden-dim 1000000000000",
        "--latent-dim 4294967296",
        "--objective iwae --k 4294967296",
        "--particles 4294967296",
        "--channels 1000000,1000000",
    ] {
        place.refused_to_start(&format!("train vae {flags}"), &["of memory", "are available"]);
    }
    place.refused("vi eight-schools --draws 9223372036854775807", &["of memory"]);
    place.refused("vi eight-schools --particles 9223372036854775807", &["of memory"]);
    place.refused_to_start("train gmm --components 1000000000000", &[]);
}

#[test]
fn a_small_archive_of_a_huge_file_is_not_unpacked() {
    let place = Place::new();
    write_idx(&place, "images", 40, 10);
    // The header promises 40 labels, and a gigabyte of zeros follows.
    let zeros = vec![0; 1 << 24];
    let mut bytes = idx(&[0x801, 40], &zeros);
    for _ in 0..3 {
        bytes.extend(&zeros);
    }
    fs::remove_file(place.path("images/train-labels-idx1-ubyte")).unwrap();
    place.write("images/train-labels-idx1-ubyte.gz", gzip(&bytes));
    place.refused_to_start("train vae --data images --epochs 1", &["train-labels"]);
}

#[test]
fn more_threads_than_any_machine_has_are_refused() {
    let place = Place::new();
    place.refused_to_start("train vae --threads 10000", &["--threads"]);
}

#[test]
fn absurd_bounds_and_penalties_are_no_internal_error() {
    let place = Place::new();
    for (i, flags) in ["--l1 1e308", "--upper=-1e308", "--lower=1e308"].iter().enumerate() {
        let done = place.run(&format!("train logistic {flags} --out run{i}"));
        assert!(matches!(done.code, Some(0 | 2 | 3 | 4)), "{flags}: {done:?}");
        let done = place.run(&format!("solve rosenbrock {flags}"));
        assert!(matches!(done.code, Some(0 | 2 | 3 | 4)), "solve {flags}: {done:?}");
    }
}

#[test]
fn a_message_does_not_repeat_megabytes_or_escape_codes() {
    let place = Place::new();
    place.write(
        "d.csv",
        format!(
            "x,y\n1,a\n2,b\n\u{1b}[31m{},a\n4,b\n5,a\n6,b\n7,a\n8,b\n9,a\n10,b\n11,a\n12,b\n",
            "z".repeat(5_000_000)
        ),
    );
    let done = place.exits(2, "train logistic --data d.csv --target y --out run");
    assert!(done.stderr.len() < 3000 && !done.stderr.contains('\u{1b}'), "{} bytes", done.stderr.len());
    assert_eq!(done.stderr.lines().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_device_is_not_read_as_a_table() {
    assert!(Path::new("/dev/zero").exists());
    let place = Place::new();
    place.refused_to_start("train logistic --data /dev/zero --target y", &["/dev/zero"]);
    place.ok("train logistic --standardize --l2 0.1 --out run");
    place.refused("predict run --data /dev/zero --output p.csv", &["/dev/zero"]);
}

/// A weight column is no feature, and other data need not have it.
#[test]
fn weights_do_not_matter_for_other_data() {
    let table: String = (0..40).map(|i| format!("{},{},{}\n", i % 7, ["a", "b"][i % 2], i % 3)).collect();
    for model in ["logistic --l2 0.1", "svm"] {
        let place = Place::new();
        place.write("d.csv", format!("x,y,w\n{table}"));
        place.write("new.csv", TABLE);
        place.ok(&format!("train {model} --data d.csv --target y --sample-weight w --out run"));
        let all = place.json_of("eval run --data new.csv --json");
        assert_eq!(all["test"]["n"], 12, "{model}");
        // Rows of weight 0 count in a score.
        place.write("weighted.csv", format!("x,y,w\n{}", "1,a,0\n2,b,0\n3,a,1\n"));
        assert_eq!(place.json_of("eval run --data weighted.csv --json")["test"]["n"], 3, "{model}");
    }
    let place = Place::new();
    place.write("d.csv", format!("x,y,w\n{table}"));
    place.write("c.toml", "[data]\ndata = \"d.csv\"\nsample-weight = \"w\"\n");
    place.refused_to_start("train gmm --config c.toml", &["sample-weight"]);
}

/// Identifiers and measurements are no classes, and a mixture can leave them out.
#[test]
fn any_column_can_be_left_out() {
    let table: String = (0..40).map(|i| format!("{},{}.5,{}\n", i, i * 7 % 11, i % 5)).collect();
    let place = Place::new();
    place.write("d.csv", format!("id,m,x\n{table}"));
    place.ok("train gmm --data d.csv --target id --drop m --components 1 --out run");
    assert_eq!(place.text("run/components.csv").lines().next(), Some("component,weight,mean_x,sd_x"));
    place.ok("train gmm --data d.csv --drop id,m --components 1 --out two");
    assert_eq!(place.text("run/components.csv").lines().count(), 2);
    place.refused_to_start("train gmm --data d.csv --drop nothing", &["nothing"]);
}
