//! Different texts with their indices.

use foldhash::fast::RandomState;
use indexmap::IndexSet;

/// Different texts, each with its index.
#[derive(Debug, Default)]
pub(super) struct Dictionary(IndexSet<Box<str>, RandomState>);

impl Dictionary {
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.0.get_index_of(text).map(code)
    }

    /// Returns the index of a text, which is new if it was not seen before.
    pub(super) fn code(&mut self, text: &str) -> u32 {
        self.find(text).unwrap_or_else(|| self.add(text.into()).0)
    }

    /// Returns the index of a text, and whether it is new.
    pub(super) fn add(&mut self, text: Box<str>) -> (u32, bool) {
        let (index, is_new) = self.0.insert_full(text);
        (code(index), is_new)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the texts in the order of their indices.
    pub(super) fn into_texts(self) -> impl Iterator<Item = Box<str>> {
        self.0.into_iter()
    }

    pub(super) fn into_levels(self) -> Vec<String> {
        self.into_texts().map(String::from).collect()
    }
}

fn code(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 4 billion different texts")
}
