//! The lines of a file on which rows begin.

/// The line of each row. Most rows are on the line after the row before, so only the others are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    rows: usize,
    /// A row that is not on the line after the row before, and its line.
    jumps: Vec<(usize, u64)>,
}

impl Lines {
    /// Adds a row.
    pub(super) fn push(&mut self, line: u64) {
        let expected = if self.rows == 0 { None } else { Some(self.of(self.rows - 1) + 1) };
        if expected != Some(line) {
            self.jumps.push((self.rows, line));
        }
        self.rows += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Returns the line of a row.
    pub(super) fn of(&self, row: usize) -> u64 {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        let after = self.jumps.partition_point(|(first, _)| *first <= row);
        let (first, line) = self.jumps[after - 1];
        line + (row - first) as u64
    }

    pub(super) fn subset(&self, rows: &[usize]) -> Self {
        let mut lines = Self::default();
        rows.iter().for_each(|row| lines.push(self.of(*row)));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_again() {
        let numbers = [2, 3, 4, 7, 8, 20, 21, 21, 22];
        let mut lines = Lines::default();
        numbers.iter().for_each(|line| lines.push(*line));
        assert_eq!((0..numbers.len()).map(|row| lines.of(row)).collect::<Vec<_>>(), numbers);
        assert_eq!(lines.jumps.len(), 4);
        assert_eq!([0, 1, 2].map(|row| lines.subset(&[1, 3, 8]).of(row)), [3, 7, 22]);
    }
}
