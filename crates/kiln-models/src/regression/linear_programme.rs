//! The linear programme that decides whether classes are separable.

use clarabel::{
    algebra::CscMatrix,
    solver::{DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus},
};

/// Programmes with more nonzero entries are not solved: they would take minutes.
const LARGEST: usize = 20_000_000;

/// A direction along which as many sums as possible grow, and none falls.
pub(super) struct Growth {
    pub(super) direction: Vec<f64>,
    /// Whether each row's sum grows.
    pub(super) grows: Vec<bool>,
}

/// Maximises Σ tᵢ subject to 0 ≤ tᵢ ≤ 1 and tᵢ ≤ aᵢ·β, where `rows` has the nonzero entries of each aᵢ. The directions β without a
/// falling sum are a cone, so each tᵢ is 0 or 1 at the solution. Returns `None` if no sum can grow.
///
/// # References
/// Konis (2007), *Linear programming algorithms for detecting separated data in binary logistic regression models*, section 4.3.
pub(super) fn most_growing(rows: &[Vec<(usize, f64)>], unknowns: usize) -> Option<Growth> {
    let n = rows.len();
    if n == 0 || rows.iter().map(Vec::len).sum::<usize>() > LARGEST {
        return None;
    }
    // The unknowns β and t. Rows: t − A·β ≤ 0, t ≤ 1, −t ≤ 0.
    let (mut i, mut j, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut put = |row: usize, column: usize, value: f64| {
        i.push(row);
        j.push(column);
        values.push(value);
    };
    for (row, entries) in rows.iter().enumerate() {
        let size = entries.iter().fold(0.0, |size: f64, (_, value)| size.max(value.abs()));
        for (column, value) in entries {
            put(row, *column, -value / size);
        }
        put(row, unknowns + row, 1.0);
        put(n + row, unknowns + row, 1.0);
        put(2 * n + row, unknowns + row, -1.0);
    }
    let constraints = CscMatrix::new_from_triplets(3 * n, unknowns + n, i, j, values);
    let none = CscMatrix::<f64>::zeros((unknowns + n, unknowns + n));
    let cost: Vec<f64> = (0..unknowns + n).map(|column| if column < unknowns { 0.0 } else { -1.0 }).collect();
    let right: Vec<f64> = (0..3 * n).map(|row| if (n..2 * n).contains(&row) { 1.0 } else { 0.0 }).collect();
    let settings =
        DefaultSettings { verbose: false, tol_gap_abs: 1e-9, tol_gap_rel: 1e-9, ..DefaultSettings::default() };
    let mut solver =
        DefaultSolver::new(&none, &cost, &constraints, &right, &[NonnegativeConeT(3 * n)], settings).ok()?;
    solver.solve();
    let solution = &solver.solution;
    let usable = matches!(
        solution.status,
        SolverStatus::Solved | SolverStatus::AlmostSolved | SolverStatus::InsufficientProgress
    );
    let grows: Vec<bool> = solution.x[unknowns..].iter().map(|t| *t > 0.5).collect();
    let found = usable && grows.contains(&true);
    found.then(|| Growth { direction: solution.x[..unknowns].to_vec(), grows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_grow_where_they_can() {
        let dense = |rows: &[[f64; 2]]| -> Vec<Vec<(usize, f64)>> {
            rows.iter().map(|row| row.iter().copied().enumerate().collect()).collect()
        };
        // The first two rows pull in opposite directions along β₀, so only β₁ is free.
        let found = most_growing(&dense(&[[1.0, 0.0], [-1.0, 0.0], [0.5, 2.0]]), 2).expect("β₁ can grow");
        assert_eq!(found.grows, [false, false, true]);
        assert!(found.direction[1] > 0.0);
        let found = most_growing(&dense(&[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -3.0]]), 2);
        assert!(found.is_none(), "nothing can grow");
        assert!(most_growing(&[], 2).is_none());
    }
}
