//! Faults that were found by breaking earlier versions: each is reproduced here, and must stay mended.

use std::fs;

use serde_json::Value;

use crate::common::{Place, SMALL, TABLE, timeless, write_idx};

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
fn what_a_killed_start_left_can_be_used_again() {
    let place = Place::new();
    place.write("run/.config.toml.part", "half");
    // Not a name that Kiln writes any more: a foreign file.
    place.refused(&format!("{SMALL} --epochs 1 --out run --force"), &["not only a run"]);
    fs::rename(place.path("run/.config.toml.part"), place.path("run/.kiln-x1.part")).unwrap();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
}

#[test]
fn the_best_checkpoint_can_be_used() {
    let place = Place::new();
    let train = "train vae --hidden-dim 16 --latent-dim 2 --batch-size 128 --epochs 6 --lr 0.05 --keep 1";
    place.ok(&format!("{train} --final last --out run"));
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
    // By default the run ends with the best one.
    let done = place.ok(&format!("{train} --out best"));
    assert_eq!(place.read("best.safetensors"), place.weights("best"));
    let result = place.json("best/result.json");
    assert_eq!(result["test"], best["test"], "the metrics are those of the model");
    let epoch = result["model_epoch"].as_u64().unwrap();
    assert!(
        epoch < 6 && done.stdout.contains(&format!("of epoch {epoch}, which has the lowest test loss")),
        "{result}"
    );
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
