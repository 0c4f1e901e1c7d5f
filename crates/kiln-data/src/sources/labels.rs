//! Numbers as the labels of classes.

use std::collections::BTreeSet;

/// Labels of images, with the names of their classes if these are not 0, 1, 2, ….
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    pub(super) labels: Vec<u32>,
    pub(super) names: Option<Vec<String>>,
}

/// The most classes.
const MOST: usize = 1 << 20;

impl Labels {
    /// Returns the labels of whole numbers. The numbers 0, 1, 2, … are themselves; others are classes in their order.
    pub(super) fn of_numbers(numbers: &[f64]) -> Result<Self, String> {
        if let Some(number) = numbers.iter().find(|number| number.fract() != 0.0) {
            return Err(format!("a label is {number}, which is no whole number"));
        }
        if numbers.iter().all(|number| (0.0..MOST as f64).contains(number)) {
            return Ok(Self { labels: numbers.iter().map(|number| *number as u32).collect(), names: None });
        }
        let whole = |number: &f64| *number as i64;
        let classes: Vec<i64> = numbers.iter().map(whole).collect::<BTreeSet<_>>().into_iter().collect();
        let of = |number: &f64| classes.binary_search(&whole(number)).unwrap_or_default() as u32;
        let labels = numbers.iter().map(of).collect();
        Ok(Self { labels, names: Some(classes.iter().map(ToString::to_string).collect()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_labels() {
        let labels = |numbers: &[f64]| Labels::of_numbers(numbers).unwrap();
        assert_eq!(labels(&[3.0, 0.0]), Labels { labels: vec![3, 0], names: None });
        assert_eq!(
            labels(&[1.0, -1.0, 1.0]),
            Labels { labels: vec![1, 0, 1], names: Some(vec!["-1".into(), "1".into()]) }
        );
        assert!(Labels::of_numbers(&[0.5]).is_err() && Labels::of_numbers(&[f64::NAN]).is_err());
    }
}
