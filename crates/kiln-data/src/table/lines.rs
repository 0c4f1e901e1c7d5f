//! The lines of a file on which rows begin.

/// The file and the line of each row. Most rows are on the line after the row before, so only the others are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    rows: usize,
    jumps: Vec<Jump>,
}

/// A row that is not on the line after the row before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Jump {
    row: usize,
    line: u64,
    /// The number of the file, from 0.
    file: usize,
}

impl Lines {
    /// Rows that are counted from 1, of a file without lines.
    pub(super) fn counted(rows: u64) -> Self {
        let rows = usize::try_from(rows).expect("as many rows as are in memory");
        Self::counted_from(1, rows)
    }

    /// Some rows of such a file, whose first one has the number `line`.
    pub(super) fn counted_from(line: u64, rows: usize) -> Self {
        Self { rows, jumps: if rows > 0 { vec![Jump { row: 0, line, file: 0 }] } else { Vec::new() } }
    }

    /// The rows of files one after another.
    pub(super) fn joined<'a>(files: impl Iterator<Item = &'a Self>) -> Self {
        let mut joined = Self::default();
        for (file, lines) in files.enumerate() {
            let rows = joined.rows;
            joined.jumps.extend(lines.jumps.iter().map(|jump| Jump { row: rows + jump.row, file, ..*jump }));
            joined.rows += lines.rows;
        }
        joined
    }

    /// Adds a row of the first file.
    pub(super) fn push(&mut self, line: u64) {
        self.push_of(0, line);
    }

    /// Adds rows of the first file, which come after `passed` lines.
    pub(super) fn append(&mut self, rows: &Self, passed: u64) {
        for (index, jump) in rows.jumps.iter().enumerate() {
            let jump = Jump { row: self.rows + jump.row, line: passed + jump.line, file: 0 };
            let goes_on = index == 0 && self.rows > 0 && self.of(self.rows - 1) + 1 == jump.line;
            if !goes_on {
                self.jumps.push(jump);
            }
        }
        self.rows += rows.rows;
    }

    fn push_of(&mut self, file: usize, line: u64) {
        let expected = if self.rows == 0 { None } else { Some((self.file(self.rows - 1), self.of(self.rows - 1) + 1)) };
        if expected != Some((file, line)) {
            self.jumps.push(Jump { row: self.rows, line, file });
        }
        self.rows += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Returns the line of a row.
    pub(super) fn of(&self, row: usize) -> u64 {
        let jump = self.jump(row);
        jump.line + (row - jump.row) as u64
    }

    /// Returns the number of the file of a row, from 0.
    pub(super) fn file(&self, row: usize) -> usize {
        self.jump(row).file
    }

    fn jump(&self, row: usize) -> Jump {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        self.jumps[self.jumps.partition_point(|jump| jump.row <= row) - 1]
    }

    pub(super) fn subset(&self, rows: &[usize]) -> Self {
        let mut lines = Self::default();
        rows.iter().for_each(|row| lines.push_of(self.file(*row), self.of(*row)));
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
        for cut in 0..numbers.len() {
            let (mut first, mut last) = (Lines::default(), Lines::default());
            numbers[..cut].iter().for_each(|line| first.push(*line));
            numbers[cut..].iter().for_each(|line| last.push(line - 1));
            first.append(&last, 1);
            assert_eq!(first, lines, "{cut}");
        }
        let both = Lines::joined([&lines, &Lines::counted(3)].into_iter());
        assert_eq!((both.len(), both.of(8), both.of(9), both.file(8), both.file(11)), (12, 22, 1, 0, 1));
        let some = both.subset(&[8, 9, 10]);
        assert_eq!([0, 1, 2].map(|row| (some.file(row), some.of(row))), [(0, 22), (1, 1), (1, 2)]);
        assert_eq!([0, 1, 2].map(|row| lines.subset(&[1, 3, 8]).of(row)), [3, 7, 22]);
    }
}
