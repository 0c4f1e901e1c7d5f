//! `kiln train vae`: files, numbers, what is said, and divergence.

use serde_json::Value;

use crate::common::{Place, SMALL, SMALL_STEPS, gzip, number, write_idx};

#[test]
fn a_vae_trained_with_the_defaults_leaves_a_whole_run() {
    let place = Place::new();
    let done = place.ok("train vae --epochs 5 --out run");
    assert!(done.stdout.starts_with("completed: 5 epochs"), "{}", done.stdout);
    let files = ["config.toml", "run.json", "metrics.jsonl", "model.safetensors", "result.json"];
    for file in files.into_iter().chain(["samples.png", "reconstructions.png", "loss.svg", "checkpoints"]) {
        assert!(place.exists(&format!("run/{file}")), "{file} is missing");
    }
    assert_eq!(place.checkpoints("run").len(), 2);

    let result = place.json("run/result.json");
    assert_eq!((&result["status"], &result["binarize"]), (&"completed".into(), &"none".into()));
    assert!(!result["message"].as_str().unwrap().is_empty());
    let (record, config) = (place.json("run/run.json"), place.toml("run/config.toml"));
    let batch_size = config["method"]["batch-size"].as_integer().unwrap() as u64;
    let (n_train, n_test) = (record["data"]["n_train"].as_u64().unwrap(), record["data"]["n_test"].as_u64().unwrap());
    assert_eq!((n_train + n_test, &record["data"]["name"]), (1797, &"digits".into()));
    assert_eq!(result["epochs"], 5);
    assert_eq!(result["steps"], 5 * n_train.div_ceil(batch_size));
    assert!(number(&result["wall_s"]) > 0.0 && number(&result["examples_per_s"]) > 0.0);
    for split in ["train", "test"] {
        let [elbo, reconstruction, kl] = ["elbo", "reconstruction", "kl"].map(|term| number(&result[split][term]));
        assert!((elbo + reconstruction + kl).abs() < 1e-4, "{split}: ELBO = −(reconstruction + KL)");
        assert!(kl > 0.0, "{split}");
    }

    let log = place.metrics("run");
    for line in &log {
        for key in ["step", "epoch", "loss", "lr", "examples_per_s"] {
            assert!(line[key].is_number(), "{key} in {line}");
        }
        assert!(["train", "train-epoch", "test"].contains(&line["split"].as_str().unwrap()), "{line}");
    }
    assert!(log.iter().any(|line| line["split"] == "train"), "there are lines of single steps");
    let tests: Vec<&Value> = log.iter().filter(|line| line["split"] == "test").collect();
    let epochs: Vec<u64> = tests.iter().map(|line| line["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [1, 2, 3, 4, 5]);
    let last = number(&result["test"]["elbo"]);
    // Within 2% of the plateau, which is −24.03 at 60 epochs.
    assert!(last > number(&tests[0]["elbo"]) && last > -24.51, "the ELBO is {last} at the end, {} at first", tests[0]);
    assert_eq!(tests[4]["elbo"], result["test"]["elbo"]);

    // 8×8 images, six times enlarged, two pixels apart.
    assert_eq!(place.picture_size("run/samples.png"), (8 * 50 + 2, 8 * 50 + 2));
    assert_eq!(place.picture_size("run/reconstructions.png"), (16 * 50 + 2, 2 * 50 + 2));
    assert!(place.text("run/loss.svg").starts_with("<svg"));
}

#[test]
fn the_same_command_gives_the_same_run_and_another_seed_another() {
    let place = Place::new();
    for (seed, out) in [(0, "a"), (0, "b"), (1, "c")] {
        place.ok(&format!("{SMALL} --epochs 1 --seed {seed} --out {out}"));
    }
    assert_eq!(place.weights("a"), place.weights("b"));
    assert_ne!(place.weights("a"), place.weights("c"));
    assert_eq!(place.read("a/samples.png"), place.read("b/samples.png"));
}

#[test]
fn with_json_standard_output_is_the_result_and_nothing_else() {
    let place = Place::new();
    let done = place.ok(&format!("{SMALL} --epochs 2 --json --out run"));
    assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap(), place.json("run/result.json"));
    let logistic = place.exits(3, "train logistic --epochs 3 --json --out l");
    assert_eq!(serde_json::from_str::<Value>(&logistic.stdout).unwrap(), place.json("l/result.json"));
}

#[test]
fn quiet_says_nothing() {
    let place = Place::new();
    let done = place.ok(&format!("{SMALL} --epochs 1 --log-every 1 --quiet --out run"));
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    assert!(place.exists("run/result.json"));
}

#[test]
fn progress_in_a_pipe_is_plain_lines() {
    let place = Place::new();
    let done = place.ok(&format!("{SMALL} --epochs 2 --log-every 3 --out run"));
    assert!(!done.stderr.contains(['\u{1b}', '\r']), "{:?}", done.stderr);
    let count = |start: &str| done.stderr.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("step "), count("epoch ")), (2 * SMALL_STEPS as usize / 3, 4), "{}", done.stderr);
    assert!(!done.stdout.contains(['\u{1b}', '\r']), "{:?}", done.stdout);
}

#[test]
fn a_vae_trains_with_every_likelihood_binarisation_and_float_type() {
    let place = Place::new();
    let options =
        ["--likelihood gaussian", "--binarize dynamic", "--binarize fixed", "--dtype f64", "--test-fraction 0"];
    for (i, option) in options.into_iter().enumerate() {
        let done = place.ok(&format!("{SMALL} --epochs 1 {option} --out run{i} --json"));
        let result: Value = serde_json::from_str(&done.stdout).unwrap();
        assert!(number(&result["train"]["elbo"]).is_finite(), "{option}");
        assert_eq!(result["test"].is_null(), option == "--test-fraction 0", "{option}");
        // Without a test set the pictures show training images.
        assert_eq!(place.picture_size(&format!("run{i}/reconstructions.png")), (802, 102), "{option}");
    }
    assert_eq!(place.json("run1/result.json")["binarize"], "dynamic");
    assert_eq!(place.toml("run3/config.toml")["run"]["dtype"].as_str(), Some("f64"));
}

#[test]
fn a_vae_trains_on_a_folder_of_idx_files() {
    let place = Place::new();
    write_idx(&place, "shapes", 40, 10);
    let plain = place.read("shapes/t10k-images-idx3-ubyte");
    place.write("shapes/t10k-images-idx3-ubyte.gz", gzip(&plain));
    std::fs::remove_file(place.path("shapes/t10k-images-idx3-ubyte")).unwrap();
    place.ok("train vae --data shapes --hidden-dim 8 --latent-dim 2 --epochs 1 --out run");
    let data = &place.json("run/run.json")["data"];
    assert_eq!((&data["n_train"], &data["n_test"]), (&40.into(), &10.into()));
    assert_eq!(place.picture_size("run/reconstructions.png"), (10 * 50 + 2, 2 * 50 + 2));

    // The same files under the name of a dataset, and where --data-dir says: nothing is downloaded.
    place.ok("train vae --data mnist --data-dir shapes --hidden-dim 8 --latent-dim 2 --epochs 1 --out mnist");
    assert_eq!(place.weights("run"), place.weights("mnist"));
    assert_eq!(place.json("mnist/run.json")["data"]["name"], "mnist");
}

#[test]
fn a_step_that_diverges_is_named_and_nothing_of_it_is_kept() {
    let place = Place::new();
    let done = place.exits(4, "train vae --optimizer sgd --lr 1e6 --out run");
    let last = done.stderr.lines().last().unwrap();
    assert!(last.starts_with("kiln: ") && last.contains("not finite at step"), "{last}");
    assert!(last.contains("loss") || last.contains("gradient of"), "{last}");
    let result = place.json("run/result.json");
    assert_eq!(result["status"], "diverged");
    assert!(last.ends_with(result["message"].as_str().unwrap()), "{last}");
    let step = result["steps"].as_u64().unwrap() + 1;
    assert!(last.contains(&format!("not finite at step {step}:")), "{last}: {step} steps were taken before");
    assert!(!place.exists("run/model.safetensors"));
    assert_eq!(place.checkpoints("run").len(), 0, "it diverged within the first epoch");
}

/// An epoch of one step.
const ONE_STEP: &str = "train vae --hidden-dim 16 --latent-dim 2 --batch-size 2000 --optimizer sgd";

#[test]
fn parameters_that_are_not_finite_are_never_saved() {
    let place = Place::new();
    // The only step of the first epoch overflows every weight.
    let done = place.exits(4, &format!("{ONE_STEP} --lr 1e300 --json --out run"));
    assert!(done.stderr.contains("parameter") && done.stderr.contains("not finite at step 1"), "{}", done.stderr);
    assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap()["status"], "diverged");
    assert_eq!(place.checkpoints("run").len(), 0);
    assert!(!place.exists("run/model.safetensors"));
    place.refused("resume run", &["there is no checkpoint"]);
}

#[test]
fn a_diverged_run_does_not_promise_a_checkpoint_that_it_does_not_have() {
    let place = Place::new();
    let done = place.exits(4, "train vae --optimizer sgd --lr 1e6 --out run");
    assert_eq!(place.checkpoints("run").len(), 0);
    assert!(!done.stderr.contains("checkpoint is kept"), "{}", done.stderr);
}

#[test]
fn a_run_whose_held_out_loss_is_not_finite_has_diverged() {
    let place = Place::new();
    // The weights are finite after the only step, and so large that the loss is not.
    let done = place.run(&format!("{ONE_STEP} --lr 1e6 --epochs 1 --json --out run"));
    assert!(place.metrics("run").iter().any(|line| line["split"] == "test" && line["loss"].is_null()), "{done:?}");
    assert_eq!((done.code, &place.json("run/result.json")["status"]), (Some(4), &"diverged".into()));
    assert!(!place.exists("run/model.safetensors"));
}

#[test]
fn a_regression_diverges_too() {
    let place = Place::new();
    let done = place.exits(4, "train logistic --optimizer sgd --lr 1e308 --batch-size 32 --out run");
    assert!(done.stderr.contains("not finite at step"), "{}", done.stderr);
    assert_eq!(place.json("run/result.json")["status"], "diverged");
    assert!(!place.exists("run/model.safetensors") && !place.exists("run/coef.csv"));
}

/// The kernels and the tensor operations that they stand for round differently, and no more than that.
#[test]
fn the_loss_curve_is_the_same_without_the_fused_kernels() {
    let place = Place::new();
    let lines = [
        "train vae --epochs 1 --batch-size 32 --particles 1 --lr 1e-3 --log-every 1",
        "train vae --epochs 1 --batch-size 32 --likelihood gaussian --optimizer nesterov --lr 1e-5 --log-every 1",
        "train logistic --data digits --optimizer adam --dtype f32 --epochs 1 --batch-size 32 --log-every 1",
        "train logistic --dtype f32 --optimizer sgd --lr 0.01 --standardize --epochs 3 --batch-size 32 --log-every 1",
    ];
    for (i, line) in lines.iter().enumerate() {
        let curve = |flags: &str| {
            let out = format!("run-{i}{flags}").replace(' ', "");
            place.ok(&format!("{line}{flags} --out {out}"));
            assert_eq!(place.toml(&format!("{out}/config.toml"))["run"]["no-fused"].as_bool(), Some(!flags.is_empty()));
            place.metrics(&out).iter().map(|line| number(&line["loss"])).collect::<Vec<_>>()
        };
        let (fused, plain) = (curve(""), curve(" --no-fused"));
        assert!(fused.len() == plain.len() && fused.len() > 40);
        for (step, (a, b)) in fused.iter().zip(&plain).enumerate() {
            assert!((a - b).abs() <= 1e-4 * b.abs(), "{line}, step {step}: {a} and {b}");
        }
        // The Bernoulli likelihood has an exponential of its own: equal bits would mean that the flag does nothing.
        assert!(i > 0 || fused != plain, "{line}");
    }
}

/// Of Burda, Grosse and Salakhutdinov; flags win over it.
#[test]
fn a_recipe_sets_what_it_says_and_flags_win() {
    let place = Place::new();
    place.ok("train vae --recipe iwae --data digits --epochs 1 --batch-size 200 --objective iwae --k 2 --out run");
    let config = place.toml("run/config.toml");
    assert_eq!(config["model"]["hidden-dim"].as_array().unwrap().len(), 2);
    assert_eq!(config["model"]["latent-dim"].as_integer(), Some(50));
    assert_eq!(config["method"]["beta1"].as_float(), Some(0.99));
    assert_eq!((config["method"]["batch-size"].as_integer(), config["train"]["k"].as_integer()), (Some(200), Some(2)));
    assert!(config["method"]["schedule"].as_str().unwrap().contains("3257140"));
    assert_eq!(config["method"]["initial-second-moment"].as_float(), Some(1.0));
    place.refused_to_start("train vae --recipe vae", &["--recipe", "iwae"]);
    place.refused_to_start("train vae --recipe iwae --config x.toml", &["--config"]);
}

#[test]
fn a_number_of_training_images_is_used_from_the_first_one_on() {
    let place = Place::new();
    let train = "train vae --hidden-dim 4 --latent-dim 2 --epochs 1";
    place.ok(&format!("{train} --train-images 100 --out some"));
    place.ok(&format!("{train} --train-images 9999 --out all"));
    assert_eq!(place.json("some/run.json")["data"]["n_train"], 100);
    assert_eq!(place.json("all/run.json")["data"]["n_train"], 1438);
    place.refused_to_start("train vae --train-images 0", &["--train-images", "at least 1"]);
}
