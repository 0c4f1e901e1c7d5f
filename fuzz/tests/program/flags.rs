//! The flags of every command.

use std::{collections::BTreeMap, fs, time::Instant};

use kiln_fuzz::program::Limits;

use crate::{
    words::{NUMBERS, WORDS},
    workshop::Workshop,
};

/// A flag in a command's help.
#[derive(Clone)]
struct Flag {
    name: String,
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Number,
    Word,
}

/// The flags in a command's help.
fn flags(help: &str) -> Vec<Flag> {
    // These say where files are written, or which are read.
    const FIXED: [&str; 9] =
        ["--out", "--output", "--certificate", "--force", "--config", "--data-dir", "--help", "--version", "--json"];
    let flag = |line: &str| {
        let at = line.find("--").filter(|at| line[..*at].trim().trim_end_matches(',').len() <= 2)?;
        let word = line[at..].split(' ').next()?;
        let name: String = word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let value = line[at + name.len()..].trim_start().strip_prefix('<');
        let takes = match value.and_then(|value| value.split('>').next()) {
            None => Takes::Nothing,
            Some(value)
                if ["NAME", "TYPE", "HOW", "SCHEDULE", "AVERAGE", "DEVICE", "FILE", "COLUMN"]
                    .iter()
                    .any(|word| value.contains(word)) =>
            {
                Takes::Word
            }
            Some(_) => Takes::Number,
        };
        Some(Flag { name, takes })
    };
    help.lines().filter_map(flag).filter(|flag| !FIXED.contains(&flag.name.as_str())).collect()
}

/// Flags with numbers and words that make no sense.
#[test]
fn flags_of_commands() {
    let Some(mut workshop) = Workshop::open("flags_of_commands") else { return };
    let commands: [&[&str]; 9] = [
        &["train", "logistic", "--data", "d.csv", "--target", "y", "--out", "o"],
        &[
            "train",
            "logistic",
            "--data",
            "d.csv",
            "--target",
            "y",
            "--out",
            "o",
            "--optimizer",
            "nesterov",
            "--epochs",
            "1",
        ],
        &[
            "train",
            "vae",
            "--hidden-dim",
            "2",
            "--latent-dim",
            "1",
            "--batch-size",
            "500",
            "--epochs",
            "1",
            "--out",
            "o",
        ],
        &["train", "gmm", "--data", "d.csv", "--out", "o"],
        &["train", "svm", "--data", "d.csv", "--target", "y", "--out", "o"],
        &["solve", "rosenbrock"],
        &["solve", "hs71"],
        &["vi", "eight-schools", "--steps", "5"],
        &["lr-find", "logistic", "--data", "d.csv", "--target", "y", "--out", "o"],
    ];
    let mut known: BTreeMap<String, Vec<Flag>> = BTreeMap::new();
    for command in commands {
        let name: Vec<&str> = command.iter().take_while(|word| !word.starts_with("--")).copied().collect();
        let path: Vec<&str> = if matches!(name[0], "solve" | "vi") { vec![name[0]] } else { name };
        let ended = workshop.kiln(&[&path[..], &["--help"]].concat(), Limits::default());
        let found = flags(&ended.stdout);
        assert!(found.len() > 5, "no flags in the help of {path:?}: {}", ended.stdout);
        known.insert(command.join(" "), found);
    }
    workshop.begun = Instant::now();
    while workshop.goes_on() {
        let command = *workshop.random.pick(&commands);
        let of_command = &known[&command.join(" ")];
        let mut arguments: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        for _ in 0..=workshop.random.below(2) {
            let Flag { name, takes } = workshop.random.pick(of_command).clone();
            let usual = !workshop.random.one_in(8);
            let value = match usual == (takes == Takes::Word) {
                true => *workshop.random.pick::<&str>(&WORDS),
                false => *workshop.random.pick::<&str>(&NUMBERS),
            };
            // A second time is an error of the parser: replace the value that is there.
            let at = arguments.iter().position(|word| *word == name);
            match (takes, at) {
                (Takes::Nothing, None) => arguments.push(name),
                (Takes::Nothing, Some(_)) => {}
                (_, Some(at)) => value.clone_into(&mut arguments[at + 1]),
                (_, None) => arguments.push(format!("{name}={value}")),
            }
        }
        let _ = fs::remove_dir_all(workshop.path("o"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        workshop.check(&arguments, &[]);
    }
    workshop.finish();
}
