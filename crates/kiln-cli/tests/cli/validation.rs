//! A validation set: training images that choose the epoch, so that the test images choose nothing.

use kiln_testkit::assert_close;

use crate::common::{Place, number};

const TRAIN: &str = "train vae --latent-dim 2 --hidden-dim 32 --batch-size 16";

#[test]
fn the_validation_images_choose_the_epoch() {
    let place = Place::new();
    // So large a rate that the loss goes up and down.
    let run = format!("{TRAIN} --lr 0.03 --epochs 6 --validation-fraction 0.1 --out run");
    let done = place.ok(&run);
    assert!(done.stderr.lines().any(|line| line.starts_with("epoch   1  valid  loss")), "{}", done.stderr);

    // The digits are 1797 images, of which 359 are for testing.
    let data = &place.json("run/run.json")["data"];
    assert_eq!(["n_train", "n_validation", "n_test"].map(|n| data[n].as_u64().unwrap()), [1294, 144, 359]);
    let lines = place.metrics("run");
    let losses: Vec<f64> =
        lines.iter().filter(|line| line["split"] == "validation").map(|line| number(&line["loss"])).collect();
    assert_eq!(losses.len(), 6);
    assert!(!lines.iter().any(|line| line["split"] == "test"), "the test images are looked at once, at the end");
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let result = place.json("run/result.json");
    let epoch = result["model_epoch"].as_u64().unwrap();
    assert!(epoch < 6, "the last model is another one, so that one was chosen");
    assert_close(&[number(&result["validation"]["loss"])], &[lowest], 0.0, 0.0, "of the model that is kept");
    assert_close(&[losses[usize::try_from(epoch).unwrap() - 1]], &[lowest], 0.0, 0.0, "and of its epoch");

    // `eval` reads the model and the test images, and finds what the run says.
    let evaluated = place.json_of("eval run --samples 0 --json");
    assert_close(&[number(&evaluated["test"]["loss"])], &[number(&result["test"]["loss"])], 0.0, 0.0, "the same again");
    place.ok("report run");
    let report = place.text("run/report.html");
    assert!(report.contains("validation examples") && report.contains("validation loss"));
    place.ok("embed run --output codes.csv");
    let of = |part: &str| place.text("codes.csv").lines().filter(|line| line.starts_with(&format!("{part},"))).count();
    assert_eq!(["train", "validation", "test"].map(of), [1294, 144, 359]);
    place.ok("score run --images validation --samples 2 --output validation.csv");
    assert_eq!(place.text("validation.csv").lines().count(), 145);
}

#[test]
fn a_run_with_validation_images_is_resumed_to_the_bit() {
    let place = Place::new();
    let train = format!("{TRAIN} --validation-fraction 0.2 --patience 9");
    place.ok(&format!("{train} --epochs 4 --out whole"));
    place.ok(&format!("{train} --epochs 2 --out half"));
    place.ok("resume half --epochs 4");
    assert_eq!(place.weights("half"), place.weights("whole"));
    let [half, whole] = ["half", "whole"].map(|run| place.json(&format!("{run}/result.json")));
    assert_eq!((&half["validation"], &half["test"]), (&whole["validation"], &whole["test"]));
}

/// Other images are not divided: all of them are rows.
#[test]
fn only_the_run_s_own_images_are_held_out() {
    let place = Place::new();
    place.ok(&format!("{TRAIN} --epochs 1 --validation-fraction 0.2 --test-fraction 0 --out run"));
    let result = place.json("run/result.json");
    assert!(result["test"].is_null() && number(&result["validation"]["loss"]).is_finite(), "{result}");
    place.ok("embed run --data digits --output codes.csv");
    assert_eq!(place.text("codes.csv").lines().count(), 1798);
    place.refused(&format!("{TRAIN} --validation-fraction 1 --out x"), &["--validation-fraction", "below 1"]);
    place.refused(&format!("{TRAIN} --validation-fraction -0.1 --out x"), &["--validation-fraction", "at least 0"]);
    let most = "--train-images 10 --validation-fraction 0.99";
    place.refused(&format!("{TRAIN} {most} --out x"), &["--validation-fraction 0.99 of 10", "all of them"]);
    let few = "--train-images 20 --validation-fraction 0.01";
    place.refused(&format!("{TRAIN} {few} --out x"), &["--validation-fraction 0.01 of 20", "no image"]);
}
