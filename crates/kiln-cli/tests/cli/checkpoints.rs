//! Checkpoints that are damaged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::common::{Place, SMALL};

/// A run of two epochs beside one of three, and the newest checkpoint of the former.
fn two_of_three_epochs() -> (Place, PathBuf) {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 3 --out whole"));
    place.ok(&format!("{SMALL} --epochs 2 --out run"));
    let newest = place.checkpoints("run").pop().unwrap();
    (place, newest)
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Deleting the folder that the message names makes the run go on from the one before, with the same end.
fn is_mended_by_deleting(place: &Place, newest: &Path) {
    fs::remove_dir_all(newest).unwrap();
    place.ok("resume run --epochs 3");
    assert_eq!(place.weights("whole"), place.weights("run"));
}

#[test]
fn a_flipped_bit_is_noticed_and_the_folder_named() {
    for file in ["model.bpk", "optimizer.bpk"] {
        let (place, newest) = two_of_three_epochs();
        flip_a_byte(&newest.join(file));
        place.refused("resume run --epochs 3", &["corrupt", "step-000000024", file, "delete this folder"]);
        is_mended_by_deleting(&place, &newest);
    }
}

#[test]
fn a_truncated_state_is_noticed_and_the_folder_named() {
    let (place, newest) = two_of_three_epochs();
    let state = fs::read(newest.join("state.json")).unwrap();
    fs::write(newest.join("state.json"), &state[..state.len() / 2]).unwrap();
    place.refused("resume run --epochs 3", &["corrupt", "step-000000024", "state.json"]);
    is_mended_by_deleting(&place, &newest);
}

#[test]
fn a_missing_file_is_noticed_and_the_folder_named() {
    let (place, newest) = two_of_three_epochs();
    fs::remove_file(newest.join("optimizer.bpk")).unwrap();
    place.refused("resume run --epochs 3", &["corrupt", "step-000000024", "optimizer.bpk is missing"]);
}

#[test]
fn a_run_whose_checkpoint_is_corrupt_is_left_as_it_was() {
    let (place, newest) = two_of_three_epochs();
    flip_a_byte(&newest.join("model.bpk"));
    let before = place.snapshot("run");
    place.refused("resume run --epochs 3", &["corrupt"]);
    let after = place.snapshot("run");
    let changed: Vec<&PathBuf> = before.keys().filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "the refused resume changed {changed:?}");
}

/// A run of adam whose settings are edited between its end and a resume.
#[track_caller]
fn is_refused_when_edited(from: &str, to: &str, words: &[&str]) {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --out run"));
    let config = place.text("run/config.toml");
    assert!(config.contains(from), "{config}");
    place.write("run/config.toml", config.replace(from, to));
    place.refused("resume run --epochs 3", words);
}

#[test]
fn the_checkpoint_of_another_model_is_refused() {
    is_refused_when_edited("hidden-dim = 16", "hidden-dim = 17", &["step-000000024", "another model"]);
}

/// Its state would be passed over in silence, or taken for what it is not.
#[test]
fn the_checkpoint_of_another_method_is_refused() {
    is_refused_when_edited("\"adam\"", "\"nesterov\"", &["step-000000024", "adam", "nesterov"]);
    is_refused_when_edited("\"adam\"", "\"adamw\"", &["step-000000024", "adam", "adamw"]);
    is_refused_when_edited("\"adam\"", "\"adam\"\naverage = \"uniform\"", &["step-000000024", "other parts"]);
}

/// Burn would mix the float types, and panic.
#[test]
fn the_checkpoint_of_another_float_type_is_refused() {
    is_refused_when_edited("dtype = \"f32\"", "dtype = \"f64\"", &["step-000000024", "float type", "f32", "f64"]);
}

/// Found by fuzzing: the model was made before its weights were read.
#[test]
fn an_edited_size_of_the_model_is_held_against_its_file() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    let config = place.text("run/config.toml");
    place.write("run/config.toml", config.replace("hidden-dim = 16", "hidden-dim = 4294967295"));
    for command in ["eval run --samples 3 --images 3", "sample run", "reconstruct run", "latent map run"] {
        place.refused(command, &["config.toml", "4294967295 units", "edited"]);
    }
}

/// Convolutions leave two numbers of an image, and the dense layers are small although they are wide.
#[test]
fn a_wide_model_behind_convolutions_can_be_used() {
    let place = Place::new();
    place.ok("train vae --channels 2,2,2 --hidden-dim 16000 --latent-dim 2 --epochs 1 --batch-size 500 --out run");
    place.ok("eval run --samples 3 --images 3");
}

/// Found by fuzzing: `eval` ran out of memory.
#[test]
fn an_edited_number_of_samples_is_held_against_the_memory() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --particles 3 --out run"));
    let config = place.text("run/config.toml");
    place.write("run/config.toml", config.replace("particles = 3", "particles = 9007199254740993"));
    place.refused("eval run --samples 3 --images 3", &["memory"]);
}

#[test]
fn the_checkpoint_of_another_format_is_refused() {
    let (place, newest) = two_of_three_epochs();
    let state = newest.join("state.json");
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, text.replace("\"format\": 4", "\"format\": 9")).unwrap();
    place.refused("resume run --epochs 3", &["format 9"]);
}

#[test]
fn without_a_checkpoint_there_is_nothing_to_resume() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    fs::remove_dir_all(place.path("run/checkpoints")).unwrap();
    place.refused("resume run --epochs 2", &["there is no checkpoint", "run"]);
    place.refused("resume nowhere", &["nowhere is not a run", "no such folder"]);
}
