//! The folds of a cross-validation.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

use kiln_tensor::Stream;

use crate::{DataError, Split};

/// A division of the rows of a dataset into folds. Each row is in one fold. In turn, each fold is the test set, and the others are the
/// training set.
///
/// | constructor | folds |
/// |---|---|
/// | [`k_fold`](Self::k_fold) | equal parts, in the order of the rows or shuffled |
/// | [`stratified`](Self::stratified) | equal parts in which the classes keep their proportions |
/// | [`grouped`](Self::grouped) | parts of about equal size that divide no group |
/// | [`from_column`](Self::from_column) | the user's own |
///
/// Without shuffling, the folds are those of scikit-learn's `KFold`, `StratifiedKFold` and `GroupKFold`. With shuffling they depend only on
/// the seed and the arguments.
///
/// # Example
///
/// ```
/// use kiln_data::{Folds, Split};
///
/// let folds = Folds::k_fold(5, 2, None)?;
/// assert_eq!(folds.len(), 2);
/// for Split { train, test } in &folds {
///     assert_eq!(train.len() + test.len(), 5);
/// }
/// assert_eq!(folds.split(0), Some(Split { train: vec![3, 4], test: vec![0, 1, 2] }));
/// assert_eq!(folds.split(1), Some(Split { train: vec![0, 1, 2], test: vec![3, 4] }));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    fold_of_row: Vec<usize>,
    count: usize,
}

impl Folds {
    /// Divides `n` rows into `k` folds whose sizes differ by at most one row. The first folds are the larger ones.
    ///
    /// With `shuffle` None each fold is a block of neighbouring rows. With a seed the rows are in a random order first.
    ///
    /// # Errors
    ///
    /// [`DataError::FoldCount`] unless `k` is at least 2, and [`DataError::TooFewRows`] if there are fewer rows than folds.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_data::Folds;
    ///
    /// assert_eq!(Folds::k_fold(5, 2, None)?.fold_of_row(), [0, 0, 0, 1, 1]);
    /// assert_eq!(Folds::k_fold(5, 2, Some(7))?, Folds::k_fold(5, 2, Some(7))?);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn k_fold(n: usize, k: usize, shuffle: Option<u64>) -> Result<Self, DataError> {
        check(n, k)?;
        let order = match shuffle {
            Some(seed) => Stream::new(seed, "folds", 0, 0).permutation(n),
            None => (0..n).collect(),
        };
        let mut fold_of_row = vec![0; n];
        for (row, fold) in order.into_iter().zip(blocks(&shares(n, k, 0))) {
            fold_of_row[row] = fold;
        }
        Ok(Self { fold_of_row, count: k })
    }

    /// Divides rows into `k` folds in which the classes keep their proportions. The numbers of rows of a class in two folds differ by at
    /// most one, and so do the sizes of two folds.
    ///
    /// `classes` has the class of each row. With `shuffle` None each fold has a block of the rows of each class, in their order. With a seed
    /// the rows of each class are in a random order first.
    ///
    /// # Errors
    ///
    /// [`DataError::FoldCount`] unless `k` is at least 2, [`DataError::TooFewRows`] if there are fewer rows than folds, and
    /// [`DataError::SmallClass`] if a class that occurs has fewer rows than there are folds.
    ///
    /// # Example
    ///
    /// ```
    /// let folds = kiln_data::Folds::stratified(&[0, 0, 1, 1, 1, 1], 2, None)?;
    /// assert_eq!(folds.fold_of_row(), [0, 1, 0, 0, 1, 1]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn stratified(classes: &[usize], k: usize, shuffle: Option<u64>) -> Result<Self, DataError> {
        check(classes.len(), k)?;
        // The classes are taken in the order in which they occur, so that their numbers do not matter.
        let mut places = HashMap::new();
        let mut rows_of_class: Vec<(usize, Vec<usize>)> = Vec::new();
        for (row, class) in classes.iter().enumerate() {
            let place = *places.entry(*class).or_insert(rows_of_class.len());
            if place == rows_of_class.len() {
                rows_of_class.push((*class, Vec::new()));
            }
            rows_of_class[place].1.push(row);
        }
        if let Some((class, rows)) = rows_of_class.iter().find(|(_, rows)| rows.len() < k) {
            return Err(DataError::SmallClass { class: *class, rows: rows.len(), folds: k });
        }
        let mut fold_of_row = vec![0; classes.len()];
        let mut before = 0;
        for (place, (_, rows)) in rows_of_class.iter().enumerate() {
            let order = match shuffle {
                Some(seed) => Stream::new(seed, "folds", 1, place as u64).permutation(rows.len()),
                None => (0..rows.len()).collect(),
            };
            for (drawn, fold) in order.into_iter().zip(blocks(&shares(rows.len(), k, before))) {
                fold_of_row[rows[drawn]] = fold;
            }
            before += rows.len();
        }
        Ok(Self { fold_of_row, count: k })
    }

    /// Divides rows into `k` folds of about equal size, so that all rows of a group are in one fold.
    ///
    /// `groups` has the group of each row: a number, a text or anything else with an order. The largest group goes first, and each group to
    /// the fold that is the smallest so far.
    ///
    /// # Errors
    ///
    /// [`DataError::FoldCount`] unless `k` is at least 2, and [`DataError::TooFewGroups`] if there are fewer groups than folds.
    ///
    /// # Example
    ///
    /// ```
    /// let folds = kiln_data::Folds::grouped(&["ann", "ann", "bob", "cy", "cy", "bob", "ann"], 2)?;
    /// assert_eq!(folds.fold_of_row(), [0, 0, 1, 1, 1, 1, 0]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn grouped<G: Ord>(groups: &[G], k: usize) -> Result<Self, DataError> {
        check(groups.len(), k)?;
        let (group_of_row, count) = ranks(groups);
        if count < k {
            return Err(DataError::TooFewGroups { groups: count, folds: k });
        }
        let mut sizes = vec![0; count];
        group_of_row.iter().for_each(|group| sizes[*group] += 1);
        let mut order: Vec<usize> = (0..count).collect();
        // Of groups with equally many rows, scikit-learn takes the last one first.
        order.sort_by_key(|group| Reverse((sizes[*group], *group)));
        let mut folds: BinaryHeap<Reverse<(usize, usize)>> = (0..k).map(|fold| Reverse((0, fold))).collect();
        let mut fold_of_group = vec![0; count];
        for group in order {
            if let Some(mut smallest) = folds.peek_mut() {
                fold_of_group[group] = smallest.0.1;
                smallest.0.0 += sizes[group];
            }
        }
        Ok(Self { fold_of_row: group_of_row.into_iter().map(|group| fold_of_group[group]).collect(), count: k })
    }

    /// Takes the folds of the user. `labels` has a label for each row, and rows with equal labels are in one fold.
    ///
    /// A label is a number, a text or anything else with an order. The folds are in the order of their labels, so that indices 0, 1, … are
    /// the indices of the folds.
    ///
    /// # Errors
    ///
    /// [`DataError::FoldLabels`] unless there are at least two different labels.
    ///
    /// # Example
    ///
    /// ```
    /// let folds = kiln_data::Folds::from_column(&[2, 1, 2, 3, 1])?;
    /// assert_eq!(folds.len(), 3);
    /// assert_eq!(folds.fold_of_row(), [1, 0, 1, 2, 0]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn from_column<L: Ord>(labels: &[L]) -> Result<Self, DataError> {
        let (fold_of_row, count) = ranks(labels);
        if count < 2 {
            return Err(DataError::FoldLabels { rows: labels.len(), found: count });
        }
        Ok(Self { fold_of_row, count })
    }

    /// Returns the number of folds, at least 2.
    #[allow(clippy::len_without_is_empty, reason = "there are always at least two folds")]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Returns the number of rows.
    pub const fn rows(&self) -> usize {
        self.fold_of_row.len()
    }

    /// Returns the index of the fold that each row is in.
    pub fn fold_of_row(&self) -> &[usize] {
        &self.fold_of_row
    }

    /// Returns the training rows and the test rows of a fold, each in ascending order, or `None` if there is no such fold.
    pub fn split(&self, fold: usize) -> Option<Split> {
        if fold >= self.count {
            return None;
        }
        let (test, train) = (0..self.rows()).partition(|row| self.fold_of_row[*row] == fold);
        Some(Split { train, test })
    }

    /// Returns the training rows and the test rows of each fold in turn, each in ascending order.
    pub fn iter(&self) -> FoldSplits<'_> {
        FoldSplits { folds: self, next: 0 }
    }
}

impl<'a> IntoIterator for &'a Folds {
    type Item = Split;
    type IntoIter = FoldSplits<'a>;

    fn into_iter(self) -> FoldSplits<'a> {
        self.iter()
    }
}

/// The training rows and the test rows of each fold in turn: what [`Folds::iter`] returns.
#[derive(Clone, Debug)]
pub struct FoldSplits<'a> {
    folds: &'a Folds,
    next: usize,
}

impl Iterator for FoldSplits<'_> {
    type Item = Split;

    fn next(&mut self) -> Option<Split> {
        let split = self.folds.split(self.next)?;
        self.next += 1;
        Some(split)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.folds.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for FoldSplits<'_> {}

/// Refuses a number of folds that the rows cannot have.
fn check(rows: usize, folds: usize) -> Result<(), DataError> {
    if folds < 2 {
        Err(DataError::FoldCount { found: folds })
    } else if rows < folds {
        Err(DataError::TooFewRows { rows, folds })
    } else {
        Ok(())
    }
}

/// The number of rows in each of `k` folds if `n` ≥ k rows are dealt like cards, after `before` others.
fn shares(n: usize, k: usize, before: usize) -> Vec<usize> {
    let first = before % k;
    let later = |fold: usize| (fold + k - first) % k;
    (0..k).map(|fold| n / k + usize::from(later(fold) < n % k)).collect()
}

/// The index 0 as often as the first share says, then the index 1, and so on.
fn blocks(shares: &[usize]) -> impl Iterator<Item = usize> + '_ {
    shares.iter().enumerate().flat_map(|(fold, share)| std::iter::repeat_n(fold, *share))
}

/// The place of each value among the distinct values in ascending order, and their number.
fn ranks<T: Ord>(values: &[T]) -> (Vec<usize>, usize) {
    let mut places: BTreeMap<&T, usize> = values.iter().map(|value| (value, 0)).collect();
    places.values_mut().enumerate().for_each(|(place, value)| *value = place);
    (values.iter().map(|value| places[value]).collect(), places.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(folds: &Folds) -> Vec<usize> {
        folds.iter().map(|split| split.test.len()).collect()
    }

    #[test]
    fn every_row_is_tested_once_and_the_parts_ascend() {
        let classes: Vec<usize> = (0..103).map(|row| row % 7 % 3).collect();
        for folds in [
            Folds::k_fold(103, 10, None).unwrap(),
            Folds::k_fold(103, 10, Some(1)).unwrap(),
            Folds::stratified(&classes, 10, Some(1)).unwrap(),
            Folds::grouped(&(0..103).map(|row| row % 20).collect::<Vec<_>>(), 10).unwrap(),
        ] {
            assert_eq!((folds.len(), folds.iter().len(), folds.rows()), (10, 10, 103));
            let mut all = Vec::new();
            for (fold, Split { train, test }) in folds.iter().enumerate() {
                assert!(train.is_sorted() && test.is_sorted());
                assert!(test.iter().all(|row| folds.fold_of_row()[*row] == fold));
                let mut both = [train, test.clone()].concat();
                both.sort_unstable();
                assert_eq!(both, (0..103).collect::<Vec<_>>());
                all.extend(test);
            }
            all.sort_unstable();
            assert_eq!(all, (0..103).collect::<Vec<_>>());
            assert_eq!(folds.split(10), None);
        }
    }

    #[test]
    fn the_seed_fixes_the_folds_and_their_sizes_do_not_change() {
        let classes: Vec<usize> = (0..103).map(|row| row % 7 % 3).collect();
        let of = |seed| [Folds::k_fold(103, 4, seed).unwrap(), Folds::stratified(&classes, 4, seed).unwrap()];
        for (plain, (one, other)) in of(None).iter().zip(of(Some(1)).iter().zip(&of(Some(2)))) {
            assert_ne!(one, other);
            assert_ne!(one, plain);
            assert_eq!(sizes(one), sizes(plain));
        }
        assert_eq!(of(Some(1)), of(Some(1)));
        // Each class has as many rows in each fold as without shuffling.
        let [_, plain] = of(None);
        let [_, shuffled] = of(Some(1));
        for class in 0..3 {
            let count = |folds: &Folds, fold| {
                (0..103).filter(|row| classes[*row] == class && folds.fold_of_row()[*row] == fold).count()
            };
            assert!((0..4).all(|fold| count(&plain, fold) == count(&shuffled, fold)), "class {class}");
        }
    }

    #[test]
    fn labels_of_any_kind_are_folds() {
        assert_eq!(Folds::from_column(&["b", "a", "c", "a"]).unwrap().fold_of_row(), [1, 0, 2, 0]);
        assert_eq!(Folds::from_column(&[0, 1, 2, 0]).unwrap().fold_of_row(), [0, 1, 2, 0]);
        assert_eq!(Folds::from_column(&[-1, 7, -1]).unwrap(), Folds::from_column(&[false, true, false]).unwrap());
    }

    #[test]
    fn impossible_folds_are_refused() {
        for k in [0, 1] {
            assert!(matches!(Folds::k_fold(5, k, None), Err(DataError::FoldCount { found }) if found == k));
            assert!(matches!(Folds::stratified(&[0; 5], k, None), Err(DataError::FoldCount { .. })));
            assert!(matches!(Folds::grouped(&[0; 5], k), Err(DataError::FoldCount { .. })));
        }
        for (n, k) in [(0, 2), (4, 5), (5, usize::MAX)] {
            assert!(matches!(Folds::k_fold(n, k, None), Err(DataError::TooFewRows { .. })), "{n} {k}");
            assert!(matches!(Folds::stratified(&vec![0; n], k, Some(0)), Err(DataError::TooFewRows { .. })));
            assert!(matches!(Folds::grouped(&vec![0; n], k), Err(DataError::TooFewRows { .. })));
        }
        let small = Folds::stratified(&[usize::MAX, 9, 9, 9, 9], 2, None);
        assert!(matches!(small, Err(DataError::SmallClass { class: usize::MAX, rows: 1, folds: 2 })));
        let few = Folds::grouped(&["a", "b", "a", "b"], 3);
        assert!(matches!(few, Err(DataError::TooFewGroups { groups: 2, folds: 3 })));
        assert!(matches!(Folds::from_column(&[4; 3]), Err(DataError::FoldLabels { rows: 3, found: 1 })));
        assert!(matches!(Folds::from_column::<u8>(&[]), Err(DataError::FoldLabels { rows: 0, found: 0 })));
    }
}
