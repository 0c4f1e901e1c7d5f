//! The text form `NAME:key=value,…` of schedules, averages and controllers, and its use in serde.

use std::str::FromStr;

use super::SpecError;

/// The pairs `key=value,…`, each of which is taken once.
pub(crate) struct Options<'t> {
    given: Vec<(&'t str, &'t str)>,
    known: Vec<&'static str>,
}

impl<'t> Options<'t> {
    pub(crate) fn parse(text: &'t str) -> Result<Self, SpecError> {
        let pairs = text.split(',').filter(|pair| !pair.is_empty());
        let given = pairs.map(|pair| pair.split_once('=').ok_or_else(|| bad(pair, "a value after '='")));
        Ok(Self { given: given.collect::<Result<_, _>>()?, known: Vec::new() })
    }

    fn take(&mut self, key: &'static str) -> Option<&'t str> {
        self.known.push(key);
        let at = self.given.iter().position(|(name, _)| *name == key)?;
        Some(self.given.remove(at).1)
    }

    pub(super) fn read<T: FromStr>(
        &mut self,
        key: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, SpecError> {
        let read = |text: &str| {
            let is_nan = text.parse().is_ok_and(f64::is_nan);
            text.parse().ok().filter(|_| !is_nan).ok_or_else(|| bad(&format!("{key}={text}"), expected))
        };
        self.take(key).map(read).transpose()
    }

    pub(crate) fn number(&mut self, key: &'static str, default: f64) -> Result<f64, SpecError> {
        Ok(self.read(key, "a number")?.unwrap_or(default))
    }

    pub(crate) fn maybe_count(&mut self, key: &'static str) -> Result<Option<u64>, SpecError> {
        self.read(key, "a whole number")
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<bool, SpecError> {
        Ok(self.read(key, "true or false")?.unwrap_or(false))
    }

    pub(crate) fn need_number(
        &mut self,
        name: &'static str,
        key: &'static str,
        example: &'static str,
    ) -> Result<f64, SpecError> {
        self.read(key, "a number")?.ok_or(SpecError::Missing { name, key, example })
    }

    pub(super) fn need_count(
        &mut self,
        name: &'static str,
        key: &'static str,
        example: &'static str,
    ) -> Result<u64, SpecError> {
        self.maybe_count(key)?.ok_or(SpecError::Missing { name, key, example })
    }

    pub(super) fn milestones(&mut self) -> Result<Vec<u64>, SpecError> {
        let missing = SpecError::Missing { name: "multi-step", key: "at", example: "at=1000/2000" };
        let text = self.take("at").ok_or(missing)?;
        text.split('/')
            .map(|k| k.parse().map_err(|_| bad(&format!("at={text}"), "whole numbers between '/'")))
            .collect()
    }

    /// Refuses keys that were not taken.
    pub(crate) fn finish(self, name: &str) -> Result<(), SpecError> {
        let Some((key, _)) = self.given.first() else { return Ok(()) };
        Err(SpecError::Key { name: name.to_owned(), key: (*key).to_owned(), known: self.known.join(", ") })
    }
}

pub(crate) fn unknown(name: &str, known: &[&str]) -> SpecError {
    SpecError::Name { name: name.to_owned(), known: known.join(", ") }
}

pub(super) fn bad(text: &str, expected: &'static str) -> SpecError {
    SpecError::Value { text: text.to_owned(), expected }
}

/// Implements serde's conversions for a type that is a string in files, by its `FromStr` and `Display`.
macro_rules! through_text {
    ($name:ty) => {
        impl TryFrom<String> for $name {
            type Error = SpecError;

            fn try_from(text: String) -> Result<Self, SpecError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use through_text;

#[cfg(test)]
mod tests {
    use crate::ScheduleSpec;

    /// Found by fuzzing: it was read, and then written as another schedule.
    #[test]
    fn nan_is_not_a_number() {
        for text in ["one-cycle:rise=nan", "cosine:last=NaN", "inverse-time:kappa=-nan"] {
            assert!(text.parse::<ScheduleSpec>().is_err(), "{text}");
        }
        assert!("one-cycle:rise=0.3".parse::<ScheduleSpec>().is_ok());
    }
}
