//! Different texts with their indices.

use std::collections::HashMap;

/// Different texts, each with its index.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    codes: HashMap<Box<str>, u32>,
    levels: Vec<Box<str>>,
}

impl Dictionary {
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.codes.get(text).copied()
    }

    /// Returns the index of a text, which is new if it was not seen before.
    pub(super) fn code(&mut self, text: &str) -> u32 {
        self.find(text).unwrap_or_else(|| {
            let code = u32::try_from(self.levels.len()).expect("fewer than 4 billion different texts");
            self.codes.insert(text.into(), code);
            self.levels.push(text.into());
            code
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    pub(super) fn into_levels(self) -> Vec<String> {
        self.levels.into_iter().map(String::from).collect()
    }
}
