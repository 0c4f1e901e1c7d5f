//! The parsers of Kiln's libraries. No input may make one of them panic, take more than 1 GiB or 10 seconds, or return a value
//! that breaks its own rules.

mod checkpoints;
mod fuzzer;
mod images;
mod snapshots;
mod tables;
mod texts;

use std::{fmt::Debug, fs};

use kiln_fuzz::memory::Counting;
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The name of an error's variant, which is what an outcome is called.
fn variant(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '(').collect()
}

fn ensure(holds: bool, sentence: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(sentence()) }
}

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a temporary file");
    path
}
