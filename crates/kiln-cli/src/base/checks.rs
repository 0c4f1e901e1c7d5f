//! Checks of numbers that the user gave.

use std::fmt::Display;

use clap::builder::RangedU64ValueParser;

use super::failure::{Failure, Result};

/// Refuses a value that no run can use. `flag` is the flag's name without dashes, or with its dash if it is a short one.
pub(crate) fn require(holds: bool, flag: &str, expected: &str, got: impl Display) -> Result<()> {
    let dashes = if flag.starts_with('-') { "" } else { "--" };
    if holds { Ok(()) } else { Err(Failure::usage(format!("{dashes}{flag} must be {expected}, got {got}"))) }
}

/// Parses a whole number that TOML can hold, which is a signed 64-bit number.
pub(crate) fn count<T: TryFrom<u64> + Clone + Send + Sync + 'static>() -> RangedU64ValueParser<T> {
    RangedU64ValueParser::new().range(0..=i64::MAX.unsigned_abs())
}
