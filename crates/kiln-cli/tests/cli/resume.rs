//! Runs that stop and go on end as those that never stopped, to the bit.

use std::fs;

use crate::common::{Place, SMALL, timeless};

/// Trains for 4 epochs, and for 2 and then up to 4: the runs must be one.
#[track_caller]
fn is_resumed_to_the_bit(train: &str) {
    let place = Place::new();
    let train = if train.contains("--log-every") { train.to_owned() } else { format!("{train} --log-every 5") };
    place.ok(&format!("{train} --epochs 4 --out whole"));
    place.ok(&format!("{train} --epochs 2 --out parts"));
    assert_ne!(place.weights("whole"), place.weights("parts"), "two more epochs change the weights");
    place.ok("resume parts --epochs 4");
    are_one(&place, "whole", "parts");
    let (whole, parts) = (place.json("whole/result.json"), place.json("parts/result.json"));
    for key in ["status", "message", "epochs", "steps", "train", "test"] {
        assert_eq!(whole[key], parts[key], "{key}");
    }
    assert_eq!(place.text("whole/config.toml"), place.text("parts/config.toml"));
}

#[track_caller]
fn are_one(place: &Place, whole: &str, parts: &str) {
    assert_eq!(place.weights(whole), place.weights(parts), "model.safetensors differs");
    assert_eq!(timeless(place.metrics(whole)), timeless(place.metrics(parts)));
}

#[test]
fn sgd_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer sgd --lr 0.01"));
}

#[test]
fn momentum_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer momentum --lr 0.01"));
}

#[test]
fn nesterov_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer nesterov --lr 0.01"));
}

#[test]
fn adam_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer adam"));
}

#[test]
fn adamw_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer adamw"));
}

#[test]
fn nesterov_in_f64_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer nesterov --lr 0.01 --dtype f64"));
}

#[test]
fn adam_in_f64_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer adam --dtype f64"));
}

#[test]
fn dynamic_binarisation_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --binarize dynamic"));
}

#[test]
fn a_decaying_step_size_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --schedule linear:steps=40 --beta 0.5"));
}

#[test]
fn a_growing_momentum_is_resumed_to_the_bit() {
    // The momentum is a function of the step that the optimiser's state counts.
    let schedule = "--momentum-schedule linear:last=1.5,steps=30 --momentum 0.6";
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer nesterov --lr 0.01 {schedule}"));
}

#[test]
fn growing_batches_are_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --batch-schedule step:factor=2,every=9"));
}

#[test]
fn accumulated_and_clipped_gradients_are_resumed_to_the_bit() {
    // 12 minibatches an epoch, 5 of them a step: the last step of an epoch has 2.
    is_resumed_to_the_bit(&format!("{SMALL} --accumulate 5 --clip-norm 3 --skip-non-finite 2 --log-every 1"));
}

#[test]
fn averages_are_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --average polynomial:eta=8"));
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer nesterov --lr 0.01 --average ema:decay=0.9"));
}

#[test]
fn a_plateau_controller_is_resumed_to_the_bit() {
    // So large a threshold that every second evaluation is a plateau.
    is_resumed_to_the_bit(&format!("{SMALL} --schedule plateau:patience=0,threshold=0.9,factor=0.5"));
}

/// Full batches are evaluated every thousand epochs: the evaluation at the end of a shorter run is none of them.
#[test]
fn a_plateau_controller_does_not_see_where_a_run_was_stopped() {
    let place = Place::new();
    let plateau = "plateau:patience=0,threshold=0.9,factor=0.5";
    let train = format!(
        "train logistic --standardize --l2 0.01 --gtol 0 --optimizer sgd --batch-size 569 --schedule {plateau}"
    );
    place.exits(3, &format!("{train} --epochs 3200 --out whole"));
    place.exits(3, &format!("{train} --epochs 1500 --out parts"));
    place.exits(3, "resume parts --epochs 3200");
    assert_eq!(place.weights("whole"), place.weights("parts"));
}

#[test]
fn pytorch_s_form_is_resumed_to_the_bit() {
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer torch-nesterov --lr 0.01 --weight-decay 0.01"));
    is_resumed_to_the_bit(&format!("{SMALL} --optimizer torch-sgd --momentum 0.9 --dampening 0.1 --lr 0.01"));
}

#[test]
fn the_small_data_recipe_is_resumed_to_the_bit() {
    is_resumed_to_the_bit("train vae --hidden-dim 16 --latent-dim 2");
}

#[test]
fn minibatch_logistic_regression_is_resumed_to_the_bit() {
    is_resumed_to_the_bit("train logistic --optimizer adam --standardize --l2 0.01");
}

#[test]
fn full_batches_go_on_until_they_converge() {
    let place = Place::new();
    let train = "train logistic --standardize --l2 0.01 --optimizer nesterov";
    place.ok(&format!("{train} --out whole"));
    place.exits(3, &format!("{train} --epochs 100 --out parts"));
    place.ok("resume parts --epochs 20000");
    assert_eq!(place.weights("whole"), place.weights("parts"));
    let (whole, parts) = (place.json("whole/result.json"), place.json("parts/result.json"));
    for key in ["status", "steps", "fun", "grad_norm", "nit", "nfev", "test"] {
        assert_eq!(whole[key], parts[key], "{key}");
    }
    // It can be resumed once more, and has converged still.
    place.ok("resume parts");
    assert_eq!(place.weights("whole"), place.weights("parts"));
}

#[test]
fn a_run_that_is_complete_has_nothing_to_resume() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --out run"));
    let before = place.snapshot("run");
    place.refused("resume run", &["has done 2 of 2 epochs", "is complete", "--epochs"]);
    place.refused("resume run --epochs 1", &["has done 2 of 1 epochs"]);
    assert!(place.snapshot("run") == before, "a refused resume changes nothing");
}

#[test]
fn seconds_of_training_add_up_over_a_resume() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --out run"));
    let first = place.json("run/run.json")["wall_s"].as_f64().unwrap();
    place.ok("resume run --epochs 3");
    let (all, second) = (&place.json("run/run.json")["wall_s"], &place.json("run/result.json")["wall_s"]);
    assert!((all.as_f64().unwrap() - first - second.as_f64().unwrap()).abs() < 1e-9);
}

/// Nothing but checkpoints tells of a process that was killed.
#[test]
fn seconds_of_a_killed_process_are_those_of_its_last_checkpoint() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --out run"));
    let saved = place.state("run")["wall_s"].as_f64().unwrap();
    let mut record = place.json("run/run.json");
    record["wall_s"] = serde_json::Value::Null;
    place.write("run/run.json", record.to_string());
    place.ok("resume run --epochs 3");
    let (all, second) = (&place.json("run/run.json")["wall_s"], &place.json("run/result.json")["wall_s"]);
    assert!(saved > 0.0 && (all.as_f64().unwrap() - saved - second.as_f64().unwrap()).abs() < 1e-3);
}

#[test]
fn a_checkpoint_that_was_cut_off_while_it_was_written_does_no_harm() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 3 --out whole"));
    place.ok(&format!("{SMALL} --epochs 2 --out parts"));
    place.write("parts/checkpoints/.unfinished-step-000000999/model.bpk", "half of it");
    place.ok("resume parts --epochs 3");
    assert_eq!(place.weights("whole"), place.weights("parts"));
    assert!(!place.exists("parts/checkpoints/.unfinished-step-000000999"), "it is tidied up");
}

#[test]
fn a_killed_run_goes_on_from_its_newest_checkpoint() {
    let place = Place::new();
    let train = "train vae --hidden-dim 16 --latent-dim 2 --batch-size 64 --log-every 5";
    let mut running = place.start(&format!("{train} --epochs 100000 --out parts"));
    running.wait_until("a checkpoint", || !place.checkpoints("parts").is_empty());
    running.kill();
    assert!(!place.exists("parts/result.json") && !place.exists("parts/model.safetensors"));
    place.refused("eval parts", &["model.safetensors", "kiln resume"]);
    let epochs = place.state("parts")["epoch"].as_u64().unwrap() + 1;
    place.ok(&format!("resume parts --epochs {epochs}"));
    place.ok(&format!("{train} --epochs {epochs} --out whole"));
    are_one(&place, "whole", "parts");
}

/// What a person's Ctrl-C, or a scheduler's SIGTERM, leaves.
#[cfg(unix)]
#[track_caller]
fn is_interrupted_and_goes_on(signal: &str) {
    let place = Place::new();
    // Long epochs, so that the signal comes within one.
    let train = "train vae --hidden-dim 16 --latent-dim 2 --batch-size 2 --log-every 50";
    let mut running = place.start(&format!("{train} --epochs 100000 --out parts"));
    running.wait_until("a checkpoint", || !place.checkpoints("parts").is_empty());
    running.signal(signal);
    assert_eq!(running.wait().code(), Some(130));
    assert!(place.exists("parts/model.safetensors"));
    let (result, state) = (place.json("parts/result.json"), place.state("parts"));
    assert_eq!(result["status"], "interrupted");
    assert_eq!((&result["steps"], &result["epochs"]), (&state["step"], &state["epoch"]), "the last step is saved");
    assert!(result["test"]["elbo"].is_number(), "what was saved is evaluated");
    place.ok("eval parts");

    let epochs = state["epoch"].as_u64().unwrap() + 1;
    place.ok(&format!("resume parts --epochs {epochs}"));
    assert_eq!(place.json("parts/result.json")["status"], "completed");
    place.ok(&format!("{train} --epochs {epochs} --out whole"));
    are_one(&place, "whole", "parts");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_goes_on_to_the_bit() {
    is_interrupted_and_goes_on("-INT");
}

#[cfg(unix)]
#[test]
fn a_terminated_run_saves_and_goes_on_to_the_bit() {
    is_interrupted_and_goes_on("-TERM");
}

#[cfg(unix)]
#[test]
fn an_interrupted_full_batch_run_saves_and_goes_on() {
    let place = Place::new();
    // Without a penalty it does not converge soon.
    let mut running = place.start("train logistic --standardize --epochs 1000000 --gtol 0 --out run");
    running.wait_until("a checkpoint", || !place.checkpoints("run").is_empty());
    running.signal("-INT");
    assert_eq!(running.wait().code(), Some(130));
    let result = place.json("run/result.json");
    assert_eq!(result["status"], "interrupted");
    assert!(place.exists("run/coef.csv") && place.exists("run/model.safetensors"));
    let epochs = place.state("run")["epoch"].as_u64().unwrap() + 10;
    place.exits(3, &format!("resume run --epochs {epochs}"));
    place.exits(3, &format!("train logistic --standardize --epochs {epochs} --gtol 0 --out whole"));
    assert_eq!(place.weights("whole"), place.weights("run"));
}

#[test]
fn only_the_newest_checkpoints_and_the_best_are_kept() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 6 --keep 1 --out run"));
    let names: Vec<String> =
        place.checkpoints("run").iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!((1..=2).contains(&names.len()) && names.last().unwrap() == "step-000000072", "{names:?}");
    let files = |path: &std::path::PathBuf| fs::read_dir(path).unwrap().count();
    assert!(place.checkpoints("run").iter().all(|path| files(path) == 3));
}

#[cfg(unix)]
#[test]
fn an_interrupted_solver_saves_and_goes_on_to_the_bit() {
    let place = Place::new();
    // Steepest descent does not get there soon.
    let train = "train logistic --standardize --l2 1e-6 --solver gd --gtol 0";
    let mut running = place.start(&format!("{train} --max-iter 100000000 --out run"));
    running.wait_until("a step", || place.exists("run/metrics.jsonl") && !place.text("run/metrics.jsonl").is_empty());
    running.signal("-INT");
    assert_eq!(running.wait().code(), Some(130));
    let result = place.json("run/result.json");
    assert_eq!(result["status"], "interrupted");
    assert!(place.exists("run/coef.csv") && place.exists("run/model.safetensors"));
    let steps = result["nit"].as_u64().unwrap() + 10;
    place.exits(3, &format!("resume run --max-iter {steps}"));
    place.exits(3, &format!("{train} --max-iter {steps} --out whole"));
    assert_eq!(place.weights("whole"), place.weights("run"));
    assert_eq!(place.text("whole/metrics.jsonl"), place.text("run/metrics.jsonl"));
}

/// A solver's run is allowed 4 steps, then 9, and one 9 at once: by each solver the files are one.
#[test]
fn a_solvers_run_is_resumed_to_the_bit() {
    let place = Place::new();
    for options in [
        "--solver gd",
        "--solver nonlinear-cg",
        "--solver bfgs",
        "--solver l-bfgs",
        "--solver newton-cg --gtol 1e-14",
        "--solver trust-ncg --gtol 1e-14",
        "--solver l-bfgs-b --upper 0.1",
        "--solver owl-qn --l1 0.01",
        "--data digits --l1 0.01",
    ] {
        let train = format!("train logistic --standardize --l2 0.001 {options}");
        place.run(&format!("{train} --max-iter 9 --force --out whole"));
        place.exits(3, &format!("{train} --max-iter 4 --force --out parts"));
        assert_ne!(place.weights("whole"), place.weights("parts"), "{options}: five more steps change the weights");
        place.run("resume parts --max-iter 9");
        assert_eq!(place.weights("whole"), place.weights("parts"), "{options}");
        let (whole, parts) = (place.json("whole/result.json"), place.json("parts/result.json"));
        assert_eq!(whole["nit"], 9, "{options}");
        for key in ["status", "fun", "grad_norm", "nit", "nfev", "njev", "nhev", "test"] {
            assert_eq!(whole[key], parts[key], "{options}: {key}");
        }
        for file in ["coef.csv", "config.toml", "metrics.jsonl"] {
            assert_eq!(place.text(&format!("whole/{file}")), place.text(&format!("parts/{file}")), "{options}: {file}");
        }
    }
}

#[test]
fn a_solvers_run_goes_on_to_a_smaller_gradient_or_is_refused() {
    let place = Place::new();
    place.ok("train logistic --standardize --l2 0.01 --gtol 1e-3 --out run");
    let before = place.json("run/result.json");
    place.ok("resume run --gtol 1e-9");
    let after = place.json("run/result.json");
    assert!(after["nit"].as_u64() > before["nit"].as_u64());
    assert!(after["grad_norm"].as_f64().unwrap() <= 1e-9);
    assert_eq!(place.text("run/metrics.jsonl").lines().count() as u64, after["nit"].as_u64().unwrap());

    place.refused("resume run --epochs 3", &["--epochs", "--max-iter"]);
    place.refused("resume run --max-iter 3", &["of 3 steps", "--max-iter"]);
    place.refused("resume run --gtol -1", &["--gtol"]);
    let snapshot = place.path("run/checkpoints/solver.safetensors");
    let bytes = fs::read(&snapshot).unwrap();
    fs::write(&snapshot, &bytes[..bytes.len() / 2]).unwrap();
    place.refused("resume run --gtol 1e-10", &["solver.safetensors", "damaged"]);
    fs::remove_file(&snapshot).unwrap();
    place.refused("resume run --gtol 1e-10", &["solver.safetensors"]);

    // Other data, or another objective, than the snapshot is of: nothing is changed.
    let rows = (0..40).map(|i| format!("{},{}\n", (i * 7) % 11, if (i * 7) % 11 + i % 4 > 6 { "a" } else { "b" }));
    let text = format!("x,y\n{}", rows.collect::<String>());
    place.write("t.csv", &text);
    place.ok("train logistic --data t.csv --target y --l2 0.1 --test-fraction 0 --out t");
    place.write("t.csv", text.replacen("a\n", "b\n", 1));
    let before = place.snapshot("t");
    place.refused("resume t --gtol 1e-12", &["t.csv", "SHA-256"]);
    place.write("t.csv", &text);
    let config = place.text("t/config.toml");
    place.write("t/config.toml", config.replace("l2 = 0.1", "l2 = 0.2"));
    place.refused("resume t --gtol 1e-12", &["another function"]);
    place.write("t/config.toml", config.replace("\"newton\"", "\"bfgs\""));
    place.refused("resume t --gtol 1e-12", &["another solver"]);
    place.write("t/config.toml", config.replace("f64", "f32"));
    place.refused("resume t --gtol 1e-12", &["f32"]);
    place.write("t/config.toml", &config);
    assert_eq!(place.snapshot("t"), before, "a refused resume changes nothing");
    // Settings that were taken out are settled again.
    let without = config.lines().filter(|line| !line.starts_with("gtol") && !line.starts_with("max-iter"));
    place.write("t/config.toml", without.map(|line| format!("{line}\n")).collect::<String>());
    place.ok("resume t");

    place.ok("train logistic --optimizer sgd --epochs 1 --out steps");
    place.refused("resume steps --max-iter 9", &["--max-iter", "--epochs"]);
}
