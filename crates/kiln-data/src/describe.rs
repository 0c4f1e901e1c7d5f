//! What the columns of a table hold.

use rayon::prelude::*;
use serde::Serialize;

use crate::{Column, ColumnKind, Table};

/// What a column of a table holds.
///
/// # Example
/// ```
/// use kiln_data::{ColumnKind, Table};
///
/// let table = Table::parse("t.csv", "size,colour\n1,red\n4,NA\n,red\n")?;
/// let [size, colour] = &table.describe()[..] else { unreachable!() };
/// assert_eq!((size.kind, size.missing, size.range), (ColumnKind::Numeric, 1, Some([1.0, 2.5, 4.0])));
/// assert_eq!((colour.distinct, &colour.most[..]), (1, &[("red".to_owned(), 2)][..]));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// The column.
    pub name: String,
    /// What its cells are.
    pub kind: ColumnKind,
    /// Missing cells.
    pub missing: usize,
    /// Different values, without missing ones.
    pub distinct: usize,
    /// The smallest value, the mean and the largest value of a column of numbers.
    pub range: Option<[f64; 3]>,
    /// The most frequent texts and their numbers, at most [`ColumnSummary::MOST`], the most frequent first. For a column of numbers
    /// they are given while there are few different ones.
    pub most: Vec<(String, usize)>,
}

impl ColumnSummary {
    /// The largest number of texts in [`most`](Self::most).
    pub const MOST: usize = 5;

    fn of(column: &Column) -> Self {
        let numbers = column.numbers();
        if let Some(values) = numbers.filter(|_| column.has_many_values()) {
            return Self {
                name: column.name().to_owned(),
                kind: column.kind(),
                missing: column.missing(),
                distinct: distinct(values),
                range: range(values),
                most: Vec::new(),
            };
        }
        let (levels, codes) = column.levels();
        let mut counts = vec![0; levels.len()];
        // The code of a missing cell is none of theirs.
        codes.iter().map(|code| *code as usize).filter(|code| *code < levels.len()).for_each(|code| counts[code] += 1);
        let mut order: Vec<usize> = (0..levels.len()).collect();
        // Stable: the first of equally frequent ones comes first.
        order.sort_by_key(|level| std::cmp::Reverse(counts[*level]));
        let few = numbers.is_none() || levels.len() <= 10;
        let most = order.into_iter().take(if few { Self::MOST } else { 0 });
        Self {
            name: column.name().to_owned(),
            kind: column.kind(),
            missing: column.missing(),
            distinct: levels.len(),
            range: numbers.and_then(range),
            most: most.map(|level| (levels[level].clone(), counts[level])).collect(),
        }
    }
}

fn distinct(values: &[f64]) -> usize {
    // Negative zero is zero.
    let mut values: Vec<f64> = values.iter().filter(|value| !value.is_nan()).map(|value| value + 0.0).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup_by(|a, b| a.to_bits() == b.to_bits());
    values.len()
}

fn range(values: &[f64]) -> Option<[f64; 3]> {
    let present = || values.iter().copied().filter(|value| !value.is_nan());
    let (low, high) = present().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let n = present().count() as f64;
    // Divided first, so that the sum of large numbers does not overflow.
    (n > 0.0).then(|| [low, present().map(|x| x / n).sum(), high])
}

impl Table {
    /// Returns what each column holds, in the order of the table.
    pub fn describe(&self) -> Vec<ColumnSummary> {
        self.columns().par_iter().map(ColumnSummary::of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted() {
        let rows: String = (0..100).map(|i| format!("{i},{},g{}\n", i % 3, i % 7 / 2)).collect();
        let found = Table::parse("t", &format!("id,few,group\n{rows}")).unwrap().describe();
        assert_eq!((found[0].distinct, found[0].range, found[0].most.len()), (100, Some([0.0, 49.5, 99.0]), 0));
        assert_eq!(found[1].most, [("0".to_owned(), 34), ("1".into(), 33), ("2".into(), 33)]);
        let many: String = (0..3000).map(|i| format!("{}.5\n", i % 1500)).collect();
        let many = &Table::parse("t", &format!("x\n{many}")).unwrap().describe()[0];
        assert_eq!((many.distinct, many.range), (1500, Some([0.5, 750.0, 1499.5])));
        assert_eq!((found[2].kind, found[2].distinct, found[2].most[0].1), (ColumnKind::Categorical, 4, 30));
        let empty = Table::parse("t", "x,y\nNA,1\n,2\n").unwrap().describe();
        assert_eq!((empty[0].missing, empty[0].range, empty[0].distinct), (2, None, 0));
    }
}
