//! Faults that were found by breaking earlier versions: each is reproduced here, and must stay mended.

use std::{fs, path::Path, process::Stdio};

use serde_json::Value;

use crate::common::{Place, SMALL, gzip, idx, timeless, write_idx};

/// Makes a finished run look as if it was killed between its last checkpoint and its last output.
fn lose_outputs(place: &Place, run: &str) {
    let mut record = place.json(&format!("{run}/run.json"));
    for key in ["ended", "wall_s"] {
        record[key] = Value::Null;
    }
    place.write(&format!("{run}/run.json"), record.to_string());
    for name in [
        "result.json",
        "model.safetensors",
        "coef.csv",
        "support.csv",
        "components.csv",
        "summary.txt",
        "certificate.json",
    ] {
        let _ = fs::remove_file(place.path(&format!("{run}/{name}")));
    }
}

const EVERY_KIND: [&str; 5] = [
    "train vae --hidden-dim 16 --latent-dim 2 --batch-size 128 --epochs 2",
    "train logistic --optimizer adam --standardize --epochs 3",
    "train logistic --standardize --l2 0.01",
    "train gmm --components 3 --standardize",
    "train svm --kernel rbf",
];

#[test]
fn a_run_that_lacks_only_its_outputs_is_finished_by_resume() {
    for train in EVERY_KIND {
        let place = Place::new();
        place.ok(&format!("{train} --out whole"));
        place.ok(&format!("{train} --out parts"));
        lose_outputs(&place, "parts");
        place.refused("eval parts", &["kiln resume parts"]);
        place.ok("resume parts");
        for name in ["model.safetensors", "coef.csv", "components.csv", "support.csv", "summary.txt", "config.toml"] {
            if place.exists(&format!("whole/{name}")) {
                assert_eq!(
                    place.read(&format!("whole/{name}")),
                    place.read(&format!("parts/{name}")),
                    "{train}: {name}"
                );
            }
        }
        let (whole, parts) = (place.json("whole/result.json"), place.json("parts/result.json"));
        for key in ["status", "message", "epochs", "steps", "nit", "train", "test", "fun", "inference"] {
            assert_eq!(whole[key], parts[key], "{train}: {key}");
        }
        place.ok("eval parts");
        if train.contains("--epochs") {
            place.refused("resume parts", &["is complete"]);
        }
    }
}

#[test]
fn a_run_that_was_killed_before_its_first_checkpoint_starts_again() {
    for train in EVERY_KIND {
        let place = Place::new();
        place.ok(&format!("{train} --out whole"));
        place.ok(&format!("{train} --out parts"));
        lose_outputs(&place, "parts");
        fs::remove_dir_all(place.path("parts/checkpoints")).unwrap();
        place.ok("resume parts");
        assert_eq!(place.weights("whole"), place.weights("parts"), "{train}");
    }
}

#[test]
fn a_model_older_than_the_newest_checkpoint_is_not_used_silently() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 3 --out whole"));
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    // A resume that was killed after its last checkpoint.
    let newest = place.checkpoints("whole").pop().unwrap();
    let to = place.path("run/checkpoints").join(newest.file_name().unwrap());
    fs::create_dir(&to).unwrap();
    fs::read_dir(&newest).unwrap().for_each(|file| {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    });
    let config = place.text("whole/config.toml");
    place.write("run/config.toml", config);
    let mut record = place.json("run/run.json");
    record["ended"] = Value::Null;
    place.write("run/run.json", record.to_string());
    for command in ["eval run", "sample run -n 1 --output s.png", "export run --output m.safetensors"] {
        place.refused(command, &["older than its newest checkpoint", "kiln resume run", "--checkpoint"]);
    }
    let last = place.json_of("eval run --checkpoint last --samples 0 --json");
    let whole = place.json_of("eval whole --samples 0 --json");
    assert_eq!(last["test"], whole["test"]);
    place.ok("resume run");
    assert_eq!(place.weights("whole"), place.weights("run"));
}

/// Found by killing runs: everything is written but the mark that the run has ended.
#[test]
fn a_run_that_was_killed_after_its_last_output_can_be_used() {
    for train in EVERY_KIND {
        let place = Place::new();
        place.ok(&format!("{train} --out run"));
        let whole = place.json_of("eval run --json");
        let mut record = place.json("run/run.json");
        record["ended"] = Value::Null;
        place.write("run/run.json", record.to_string());
        assert_eq!(place.json_of("eval run --json")["test"], whole["test"], "{train}");
        let said = place.ok("eval run").stderr;
        assert!(said.contains("run has not ended"), "{train}: {said}");
    }
}

/// Found by fuzzing: a number in a test row beyond what the model can compute with.
#[test]
fn a_score_that_is_not_finite_is_not_a_success() {
    let place = Place::new();
    let unrelated = |i: u32| format!("{}.{},{}\n", i % 7, i % 3, if i % 2 == 0 { "p" } else { "q" });
    // The weight of a regression must be above 1 for the product to be beyond f64.
    let steep = |i: u32| format!("{:.2},{}\n", f64::from(i) / 100.0, if (i >= 20) != (i % 9 == 0) { "p" } else { "q" });
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
fn a_forced_run_that_is_refused_leaves_the_old_run() {
    let place = Place::new();
    place.write("one.csv", "x,y\n1,a\n2,a\n");
    place.write("equal.csv", "x\n1\n1\n1\n1\n1\n1\n");
    place.ok(&format!("{SMALL} --epochs 1 --out keep"));
    let before = place.snapshot("keep");
    place.refused("train logistic --data one.csv --target y --out keep --force", &["class"]);
    place.refused("train gmm --data equal.csv --reg-covar 0 --components 2 --out keep --force", &["positive definite"]);
    assert!(place.snapshot("keep") == before, "the old run was changed");
    place.refused_to_start("train gmm --data equal.csv --reg-covar 0 --components 2", &["positive definite"]);
}

#[test]
fn force_never_removes_a_foreign_file() {
    let place = Place::new();
    place.write("thesis/config.toml", "x");
    place.write("thesis/thesis.tex", "years of work");
    place.refused(&format!("{SMALL} --epochs 1 --out thesis --force"), &["not only a run"]);
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    place.write("run/d.csv", "x,y\n1,a\n2,b\n3,a\n4,b\n");
    place.refused(
        "train logistic --data run/d.csv --target y --test-fraction 0 --out run --force",
        &["not only a run", "d.csv"],
    );
    assert!(place.exists("thesis/thesis.tex") && place.exists("run/d.csv") && place.exists("run/model.safetensors"));
}

#[test]
fn runs_that_start_together_are_all_kept() {
    let place = Place::new();
    let runs: Vec<_> = (0..10).map(|seed| place.start(&format!("{SMALL} --epochs 1 --seed {seed}"))).collect();
    runs.into_iter().for_each(|run| assert!(run.wait().success()));
    let mut seeds: Vec<u64> = fs::read_dir(place.path("runs"))
        .unwrap()
        .map(|run| {
            let run = run.unwrap().path();
            let json = |name: &str| -> Value { serde_json::from_slice(&fs::read(run.join(name)).unwrap()).unwrap() };
            assert!(json("run.json")["ended"].is_string() && json("result.json")["status"] == "completed");
            let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
            let seed = json("run.json")["seed"].as_u64().unwrap();
            assert_eq!(config["run"]["seed"].as_integer(), Some(seed as i64));
            seed
        })
        .collect();
    seeds.sort_unstable();
    assert_eq!(seeds, (0..10).collect::<Vec<_>>());
}

#[test]
fn one_of_two_runs_with_the_same_folder_is_refused() {
    let place = Place::new();
    let runs: Vec<_> =
        (0..2).map(|seed| place.start(&format!("{SMALL} --epochs 2 --seed {seed} --out same"))).collect();
    let mut codes: Vec<_> = runs.into_iter().map(|run| run.wait().code()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)]);
    let seed = place.json("same/run.json")["seed"].as_i64();
    assert_eq!(place.toml("same/config.toml")["run"]["seed"].as_integer(), seed);
}

/// Swaps two training images of an IDX folder, so that the sizes stay.
fn change_images(place: &Place, dir: &str) {
    let path = format!("{dir}/train-images-idx3-ubyte");
    let mut bytes = place.read(&path);
    bytes.swap(16, 21);
    bytes[30] ^= 255;
    place.write(&path, bytes);
}

#[test]
fn changed_images_are_noticed_by_every_command_that_reads_them() {
    let place = Place::new();
    write_idx(&place, "images", 40, 10);
    place.ok("train vae --data images --hidden-dim 8 --latent-dim 2 --epochs 1 --out run");
    place.ok("eval run");
    change_images(&place, "images");
    let before = place.snapshot("run");
    for command in ["resume run --epochs 2", "eval run", "reconstruct run", "latent map run -n 4"] {
        place.refused(command, &["SHA-256", "--allow-changed-data"]);
    }
    assert!(place.snapshot("run") == before, "a refused command changed the run");
    place.ok("sample run -n 4");
    place.ok("eval run --allow-changed-data");
    let done = place.ok("resume run --epochs 2 --allow-changed-data");
    assert!(done.stderr.contains("warning"), "{}", done.stderr);
    assert!(place.json("run/run.json")["warnings"][0].as_str().unwrap().contains("SHA-256"));
}

const TABLE: &str = "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,b\n8,a\n9,b\n10,a\n11,b\n12,b\n";

#[test]
fn a_changed_table_is_noticed_for_every_model() {
    for train in ["logistic --target y --l2 0.1", "svm --target y", "gmm --drop y"] {
        let place = Place::new();
        place.write("d.csv", TABLE);
        place.ok(&format!("train {train} --data d.csv --out run"));
        let old = place.json_of("eval run --json");
        // The rows in another order: the test part would have training rows.
        let mut lines: Vec<&str> = TABLE.lines().collect();
        lines[1..].reverse();
        place.write("d.csv", lines.join("\n"));
        place.refused("eval run", &["SHA-256", "--data"]);
        place.write("elsewhere/d.csv", TABLE);
        // The run's own data at another place: its test part.
        assert_eq!(place.json_of("eval run --data elsewhere/d.csv --json")["test"], old["test"], "{train}");
    }
}

#[test]
fn a_run_is_used_from_any_folder() {
    let place = Place::new();
    place.write("d.csv", TABLE);
    place.exits(3, "train logistic --data d.csv --target y --l2 0.1 --max-iter 2 --gtol 1e-14 --out run");
    fs::create_dir(place.path("elsewhere")).unwrap();
    for line in ["eval ../run", "resume ../run --max-iter 100 --gtol 1e-6"] {
        let out = place.command(line).current_dir(place.path("elsewhere")).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{out:?}");
    }
}

#[test]
fn a_log_with_a_byte_that_is_no_text_does_not_stop_a_resume() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --log-every 1 --out whole"));
    place.ok(&format!("{SMALL} --epochs 1 --log-every 1 --out run"));
    let mut log = place.read("run/metrics.jsonl");
    log.extend(b"\xff\xfe\n{\"st");
    place.write("run/metrics.jsonl", log);
    place.ok("resume run --epochs 2");
    assert_eq!(timeless(place.metrics("whole")), timeless(place.metrics("run")));
    assert_eq!(place.weights("whole"), place.weights("run"));
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

#[cfg(unix)]
#[test]
fn links_at_the_names_of_files_are_not_followed() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    place.write("victim", "years of work");
    for name in ["samples.png", "metrics.jsonl"] {
        fs::remove_file(place.path(&format!("run/{name}"))).unwrap();
        symlink(place.path("victim"), place.path(&format!("run/{name}"))).unwrap();
    }
    symlink(place.path("victim"), place.path("run/.samples.png.part")).unwrap();
    place.refused("sample run -n 1", &["not a regular file"]);
    let done = place.run("resume run --epochs 2");
    assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
    assert_eq!(place.text("victim"), "years of work");
    // A link to a run is not replaced.
    place.ok(&format!("{SMALL} --epochs 1 --out other"));
    symlink(place.path("other"), place.path("link")).unwrap();
    place.refused(&format!("{SMALL} --epochs 1 --out link --force"), &["is a link"]);
    assert!(place.exists("other/model.safetensors"));
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
fn nothing_is_overwritten_unasked() {
    let place = Place::new();
    place.write("d.csv", TABLE);
    place.ok("train logistic --data d.csv --target y --l2 0.1 --out fit");
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    place.write("there", "years of work");
    let before = place.snapshot("run");
    for command in [
        "predict fit --data d.csv --output there",
        "predict fit --data d.csv --output d.csv --force",
        "sample run -n 1 --output there",
        "sample run -n 1 --output run/config.toml --force",
        "reconstruct run -n 1 --output there",
        "latent map run -n 3 --output there",
        "export run --output there",
        "solve rosenbrock --history there",
        "solve rosenbrock --certificate there",
        "predict fit --data d.csv --output /dev/null --force",
    ] {
        place.refused(command, &[]);
    }
    assert!(place.snapshot("run") == before && place.text("there") == "years of work" && place.text("d.csv") == TABLE);
    place.ok("predict fit --data d.csv --output there --force");
    for command in
        ["vi eight-schools --steps 20 --out", "rates sgd-average --out", "lr-find vae --hidden-dim 8 --steps 80 --out"]
    {
        let first = place.run(&format!("{command} folder"));
        assert!(matches!(first.code, Some(0 | 2 | 3)), "{first:?}");
        if place.exists("folder") && fs::read_dir(place.path("folder")).unwrap().count() > 0 {
            place.refused(&format!("{command} folder"), &["--force"]);
            fs::remove_dir_all(place.path("folder")).unwrap();
        }
    }
}

#[test]
fn a_run_has_one_writer_at_a_time() {
    let place = Place::new();
    let mut writer = place.start("train vae --hidden-dim 64 --latent-dim 2 --batch-size 16 --epochs 100000 --out run");
    writer.wait_until("a checkpoint", || !place.checkpoints("run").is_empty());
    for command in ["resume run --epochs 200000", &format!("{SMALL} --epochs 1 --out run --force")] {
        place.refused(command, &["is being written by process"]);
    }
    writer.kill();
    let mut record = place.json("run/run.json");
    assert!(record["ended"].is_null());
    record["command"] = "".into();
    place.refused("eval run --checkpoint 1", &["checkpoint"]);
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

#[test]
fn what_a_killed_start_left_can_be_used_again() {
    let place = Place::new();
    place.write("run/.config.toml.part", "half");
    // Not a name that Kiln writes any more: a foreign file.
    place.refused(&format!("{SMALL} --epochs 1 --out run --force"), &["not only a run"]);
    fs::rename(place.path("run/.config.toml.part"), place.path("run/.kiln-x1.part")).unwrap();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
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

#[test]
fn the_best_checkpoint_can_be_used() {
    let place = Place::new();
    place.ok("train vae --hidden-dim 16 --latent-dim 2 --batch-size 128 --epochs 6 --lr 0.05 --keep 1 --out run");
    let (best, last) =
        (place.json_of("eval run --checkpoint best --samples 0 --json"), place.json_of("eval run --samples 0 --json"));
    let loss = |value: &Value| value["test"]["loss"].as_f64().unwrap();
    let smallest = place
        .metrics("run")
        .iter()
        .filter(|line| line["split"] == "test")
        .map(|line| line["loss"].as_f64().unwrap())
        .fold(f64::INFINITY, f64::min);
    assert!((loss(&best) - smallest).abs() < 1e-6 * smallest, "{best} {smallest}");
    assert!(loss(&best) <= loss(&last));
    place.ok("export run --checkpoint best --output best.safetensors");
    place.ok("export run --checkpoint last --output last.safetensors");
    assert_eq!(place.read("last.safetensors"), place.weights("run"));
    place.ok("sample run --checkpoint best -n 4 --output s.png");
    place.refused("eval run --checkpoint 7", &["checkpoint"]);
}

#[test]
fn training_stops_early_and_resumes_to_the_same_bytes() {
    let place = Place::new();
    let train = "train vae --hidden-dim 64 --latent-dim 4 --batch-size 32 --lr 0.02 --patience 2";
    place.ok(&format!("{train} --epochs 60 --out whole"));
    let whole = place.json("whole/result.json");
    assert_eq!(whole["status"], "stopped-early", "{whole}");
    let epochs = whole["epochs"].as_u64().unwrap();
    assert!((3..60).contains(&epochs));
    place.ok(&format!("{train} --epochs {} --out parts", epochs - 1));
    place.ok("resume parts --epochs 60");
    assert_eq!(place.weights("whole"), place.weights("parts"));
    assert_eq!(place.json("parts/result.json")["epochs"], whole["epochs"]);
}
