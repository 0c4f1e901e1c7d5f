//! The distinct texts of a column, in a fixed order.

use crate::table::{number, truth};
use std::collections::HashMap;

/// Returns the distinct texts, sorted as numbers if all of them are numbers, and as text otherwise. Several spellings of one
/// number, such as `1` and `1.0`, are one entry: the first one.
pub(crate) fn distinct(cells: &[String]) -> Vec<String> {
    let keys: Option<Vec<f64>> = cells.iter().map(|cell| number(cell)).collect();
    match keys {
        Some(keys) => {
            let mut entries: Vec<(f64, &String)> = keys.into_iter().zip(cells).collect();
            // Stable: the first spelling stays first among equals.
            entries.sort_by(|a, b| unsigned_zero(a.0).total_cmp(&unsigned_zero(b.0)));
            entries.dedup_by_key(|entry| unsigned_zero(entry.0).to_bits());
            entries.into_iter().map(|(_, cell)| cell.clone()).collect()
        }
        None => {
            let mut entries = cells.to_vec();
            entries.sort();
            entries.dedup();
            entries
        }
    }
}

/// Finds cells in a vocabulary.
pub(crate) struct Lookup<'a> {
    texts: HashMap<&'a str, usize>,
    /// By the bits of the number; empty unless every entry is a number.
    numbers: HashMap<u64, usize>,
    /// By the truth of the text; empty unless every entry says true or false.
    truths: HashMap<bool, usize>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(vocabulary: &'a [String]) -> Self {
        let keys: Option<Vec<f64>> = vocabulary.iter().map(|entry| number(entry)).collect();
        let keys = keys.unwrap_or_default().into_iter();
        let truths: Option<Vec<bool>> = vocabulary.iter().map(|entry| truth(entry)).collect();
        let truths = truths.unwrap_or_default().into_iter();
        Self {
            truths: truths.enumerate().map(|(index, truth)| (truth, index)).collect(),
            texts: vocabulary.iter().enumerate().map(|(index, entry)| (entry.as_str(), index)).collect(),
            numbers: keys.enumerate().map(|(index, key)| (unsigned_zero(key).to_bits(), index)).collect(),
        }
    }

    /// Returns whether two entries are the same text or the same number.
    pub(crate) fn has_duplicates(&self, vocabulary: &[String]) -> bool {
        self.texts.len() < vocabulary.len() || (!self.numbers.is_empty() && self.numbers.len() < vocabulary.len())
    }

    /// Returns the index of a cell's entry: the same text, the same number in a vocabulary of numbers, or the same truth in one
    /// of true and false.
    pub(crate) fn find(&self, cell: &str) -> Option<usize> {
        let same_number = || self.numbers.get(&unsigned_zero(number(cell)?).to_bits());
        let same_truth = || self.truths.get(&truth(cell)?);
        self.texts.get(cell).or_else(same_number).or_else(same_truth).copied()
    }
}

/// Makes −0 and 0 one number with one bit pattern.
fn unsigned_zero(value: f64) -> f64 {
    value + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_string).collect()
    }

    #[test]
    fn numbers_sort_by_value_and_texts_by_letters() {
        assert_eq!(distinct(&cells("10 9 -1 9.0 10 0 -0")), ["-1", "0", "9", "10"]);
        assert_eq!(distinct(&cells("10 9 b a 9")), ["10", "9", "a", "b"]);
    }

    #[test]
    fn numbers_are_found_in_any_spelling() {
        let vocabulary = cells("0 1 2.50");
        let lookup = Lookup::new(&vocabulary);
        assert_eq!(
            ["0", "-0.0", "1.0", "2.5", "3", "x"].map(|cell| lookup.find(cell)),
            [Some(0), Some(0), Some(1), Some(2), None, None]
        );
    }

    #[test]
    fn texts_are_found_as_they_are() {
        let vocabulary = cells("1 a");
        let lookup = Lookup::new(&vocabulary);
        assert_eq!(["1", "a", "1.0", "A"].map(|cell| lookup.find(cell)), [Some(0), Some(1), None, None]);
    }
}
