//! Stratified train/test splits.

use crate::DataError;
use kiln_tensor::Stream;
use std::{cmp::Reverse, collections::BTreeMap};

/// A division of the rows of a dataset into two parts. Each row is in one part, and each part is in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The training rows.
    pub train: Vec<usize>,
    /// The test rows.
    pub test: Vec<usize>,
}

/// Draws a random test set in which the classes keep their proportions.
///
/// The test set has round(n · `test_fraction`) rows. Rows that do not divide evenly go to the classes with the largest
/// remainders, and to the lower class in a tie, so each class differs from its exact share by less than one row. The result
/// depends only on the seed, the targets and the fraction.
///
/// # Errors
///
/// [`DataError::TestFraction`] unless 0 ≤ `test_fraction` < 1, and [`DataError::EmptyTraining`] if rounding leaves no row
/// to train on.
///
/// # Example
///
/// ```
/// let split = kiln_data::stratified_split(&[0, 0, 0, 0, 1, 1], 1.0 / 3.0, 7)?;
/// assert_eq!((split.train.len(), split.test.len()), (4, 2));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
pub fn stratified_split(targets: &[usize], test_fraction: f64, seed: u64) -> Result<Split, DataError> {
    if !(0.0..1.0).contains(&test_fraction) {
        return Err(DataError::TestFraction { found: test_fraction });
    }
    let n = targets.len();
    let total = (n as f64 * test_fraction).round() as usize;
    if n > 0 && total == n {
        return Err(DataError::EmptyTraining { fraction: test_fraction, rows: n });
    }
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, target) in targets.iter().enumerate() {
        classes.entry(*target).or_default().push(row);
    }
    let sizes: Vec<usize> = classes.values().map(Vec::len).collect();
    let mut is_test = vec![false; n];
    for ((class, rows), share) in classes.iter().zip(shares(&sizes, total)) {
        let order = Stream::new(seed, "split", 0, *class as u64).permutation(rows.len());
        order[..share].iter().for_each(|drawn| is_test[rows[*drawn]] = true);
    }
    let (test, train) = (0..n).partition(|row| is_test[*row]);
    Ok(Split { train, test })
}

/// Divides `total` in proportion to `sizes` by the method of largest remainders.
fn shares(sizes: &[usize], total: usize) -> Vec<usize> {
    let n: u128 = sizes.iter().map(|size| *size as u128).sum();
    let quota = |size: usize| size as u128 * total as u128;
    let mut shares: Vec<usize> = sizes.iter().map(|size| (quota(*size) / n) as usize).collect();
    let left = total - shares.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|class| Reverse(quota(sizes[*class]) % n));
    order[..left].iter().for_each(|class| shares[*class] += 1);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Targets with `sizes[c]` rows of class `c`, the classes interleaved.
    fn targets(sizes: &[usize]) -> Vec<usize> {
        let mut left = sizes.to_vec();
        let mut targets = Vec::new();
        while left.iter().any(|n| *n > 0) {
            for (class, n) in left.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
                targets.push(class);
                *n -= 1;
            }
        }
        targets
    }

    fn counts(rows: &[usize], targets: &[usize], classes: usize) -> Vec<usize> {
        (0..classes).map(|class| rows.iter().filter(|row| targets[**row] == class).count()).collect()
    }

    #[test]
    fn classes_keep_their_proportions() {
        let targets = targets(&[212, 357]);
        let split = stratified_split(&targets, 0.2, 0).unwrap();
        // round(113.8) = 114; the exact shares are 42.475 and 71.525.
        assert_eq!(counts(&split.test, &targets, 2), [42, 72]);
        assert_eq!(counts(&split.train, &targets, 2), [170, 285]);
    }

    #[test]
    fn every_row_is_in_exactly_one_part_and_the_parts_ascend() {
        let split = stratified_split(&targets(&[5, 9, 2, 14]), 0.37, 3).unwrap();
        assert_eq!(split.test.len(), 11);
        assert!(split.train.is_sorted() && split.test.is_sorted());
        let mut all = [split.train, split.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn largest_remainders_get_the_odd_rows() {
        // Quotas 1.5, 1.5, 1.2, 0.8 of 5 rows: the floors leave 2, for 0.8 and the first of the two halves.
        assert_eq!(shares(&[15, 15, 12, 8], 5), [2, 1, 1, 1]);
        assert_eq!(shares(&[3], 0), [0]);
    }

    #[test]
    fn the_seed_fixes_the_split() {
        let targets = targets(&[50, 50]);
        let rows = |seed| stratified_split(&targets, 0.3, seed).unwrap();
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
    }

    #[test]
    fn nothing_is_taken_at_fraction_zero() {
        let split = stratified_split(&[0, 1, 0], 0.0, 0).unwrap();
        assert_eq!((split.train, split.test), (vec![0, 1, 2], vec![]));
        assert_eq!(stratified_split(&[], 0.5, 0).unwrap(), Split { train: vec![], test: vec![] });
    }

    #[test]
    fn impossible_fractions_are_refused() {
        for fraction in [-0.1, 1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert!(
                matches!(stratified_split(&[0, 1], fraction, 0), Err(DataError::TestFraction { .. })),
                "{fraction}"
            );
        }
        assert!(matches!(stratified_split(&[0, 1], 0.9, 0), Err(DataError::EmptyTraining { rows: 2, .. })));
    }
}
