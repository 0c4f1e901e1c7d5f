//! The quadratic programme of a step.

mod conic;

use kiln_tensor::linalg::{Matrix, Symmetric};

pub(super) use self::conic::NoStep;
use self::conic::{Conic, conic, hessian_size};
use super::kkt::Multipliers;
use crate::norms::max_abs;

/// Minimise ½·dᵀ·B·d + qᵀ·d subject to h + H·d = 0, g + G·d ≤ 0, lower ≤ d ≤ upper. B is positive definite.
pub(super) struct Quadratic<'q> {
    pub(super) hessian: &'q Symmetric,
    pub(super) gradient: &'q [f64],
    pub(super) equality: (&'q Matrix, &'q [f64]),
    pub(super) inequality: (&'q Matrix, &'q [f64]),
    pub(super) lower: &'q [f64],
    pub(super) upper: &'q [f64],
}

/// The solution of a quadratic programme.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) d: Vec<f64>,
    pub(super) multipliers: Multipliers,
    /// Σ |h + H·d| + Σ max(0, g + G·d), which is 0 except in the elastic programme.
    pub(super) slack: f64,
    /// Whether it solves the elastic programme, which gives no multipliers for the problem.
    pub(super) elastic: bool,
}

/// The constraint of a row of the conic programme.
#[derive(Clone, Copy, Debug)]
enum Row {
    Equality(usize),
    Fixed(usize),
    Inequality(usize),
    Lower(usize),
    Upper(usize),
}

/// Rows a·d + s = b, with s = 0 in the equalities, which come first, and s ≥ 0 in the other rows.
struct Rows {
    rows: Vec<Row>,
    equalities: usize,
    triplets: Vec<(usize, usize, f64)>,
    right: Vec<f64>,
}

impl Quadratic<'_> {
    fn rows(&self) -> Rows {
        let n = self.gradient.len();
        let bounds = || self.lower.iter().zip(self.upper).enumerate();
        let mut rows: Vec<Row> = (0..self.equality.1.len()).map(Row::Equality).collect();
        rows.extend(bounds().filter(|(_, (low, high))| low >= high).map(|(i, _)| Row::Fixed(i)));
        let equalities = rows.len();
        rows.extend((0..self.inequality.1.len()).map(Row::Inequality));
        for (i, (low, high)) in bounds().filter(|(_, (low, high))| low < high) {
            rows.extend(low.is_finite().then_some(Row::Lower(i)));
            rows.extend(high.is_finite().then_some(Row::Upper(i)));
        }
        let mut triplets = Vec::new();
        let mut right = Vec::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            let (entries, b) = self.row(*row);
            match entries {
                Entries::All(entries) => triplets.extend((0..n).map(|j| (at, j, entries[j]))),
                Entries::One(j, sign) => triplets.push((at, j, sign)),
            }
            right.push(b);
        }
        triplets.retain(|(_, _, value)| *value != 0.0);
        Rows { rows, equalities, triplets, right }
    }

    fn row(&self, row: Row) -> (Entries, f64) {
        match row {
            Row::Equality(i) => (Entries::All(self.equality.0.row(i)), -self.equality.1[i]),
            Row::Inequality(i) => (Entries::All(self.inequality.0.row(i)), -self.inequality.1[i]),
            Row::Fixed(j) | Row::Upper(j) => (Entries::One(j, 1.0), self.upper[j]),
            Row::Lower(j) => (Entries::One(j, -1.0), -self.lower[j]),
        }
    }

    /// Length scale that normalises the programme: the length of the free step, or of the step to the constraints.
    fn unit(&self) -> f64 {
        let free = max_abs(self.gradient) / hessian_size(self.hessian);
        let far = |(matrix, values): (&Matrix, &[f64]), violation: fn(f64) -> f64| {
            (0..values.len())
                .map(|i| violation(values[i]) / max_abs(&matrix.row(i)))
                .filter(|length| length.is_finite())
                .fold(0.0, f64::max)
        };
        let length = free.max(far(self.equality, f64::abs)).max(far(self.inequality, |g| g.max(0.0)));
        if length.is_normal() { length } else { 1.0 }
    }

    /// Solves the programme.
    pub(super) fn solve(&self) -> Result<Step, NoStep> {
        let Rows { rows, equalities, triplets, right } = self.rows();
        let solve = |unit| conic((self.hessian, self.gradient.to_vec()), unit, &triplets, &right, equalities);
        let solution = solve(1.0).or_else(|_| solve(self.unit()))?;
        let step = self.step(&rows, solution.x.clone(), &solution.z);
        Ok(self.polished(&rows, equalities, &solution).unwrap_or(step))
    }

    /// Solves the elastic programme: constraints may be violated at a cost of `penalty` per unit, bounds may not.
    pub(super) fn solve_elastic(&self, penalty: f64) -> Result<Step, NoStep> {
        let n = self.gradient.len();
        let Rows { rows, equalities, mut triplets, mut right } = self.rows();
        let mut cost = self.gradient.to_vec();
        // h + H·d = p − m, g + G·d ≤ p with p, m ≥ 0.
        let mut slacks = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let signs: &[f64] = match row {
                Row::Equality(_) => &[-1.0, 1.0],
                Row::Inequality(_) => &[-1.0],
                _ => &[],
            };
            for sign in signs {
                triplets.push((at, n + slacks.len(), *sign));
                slacks.push(at);
                cost.push(penalty);
            }
        }
        for slack in 0..slacks.len() {
            triplets.push((right.len(), n + slack, -1.0));
            right.push(0.0);
        }
        let solve = |unit| conic((self.hessian, cost.clone()), unit, &triplets, &right, equalities);
        let solution = solve(1.0).or_else(|_| solve(self.unit()))?;
        Ok(Step { elastic: true, ..self.step(&rows, solution.x[..n].to_vec(), &solution.z) })
    }

    fn step(&self, rows: &[Row], d: Vec<f64>, z: &[f64]) -> Step {
        let mut multipliers = Multipliers {
            equality: vec![0.0; self.equality.1.len()],
            inequality: vec![0.0; self.inequality.1.len()],
            lower: vec![0.0; d.len()],
            upper: vec![0.0; d.len()],
        };
        for (row, &z) in rows.iter().zip(z) {
            match *row {
                Row::Equality(i) => multipliers.equality[i] = z,
                Row::Inequality(i) => multipliers.inequality[i] = z.max(0.0),
                Row::Lower(j) => multipliers.lower[j] = z.max(0.0),
                Row::Upper(j) => multipliers.upper[j] = z.max(0.0),
                Row::Fixed(j) => (multipliers.lower[j], multipliers.upper[j]) = ((-z).max(0.0), z.max(0.0)),
            }
        }
        let after = |(matrix, values): (&Matrix, &[f64])| -> Vec<f64> {
            matrix.multiply(&d).iter().zip(values).map(|(change, value)| change + value).collect()
        };
        let slack = after(self.equality).iter().map(|h| h.abs()).sum::<f64>()
            + after(self.inequality).iter().map(|g| g.max(0.0)).sum::<f64>();
        // Project on the bounds, which the solver meets to its tolerance only.
        let bounds = self.lower.iter().zip(self.upper);
        let d = d.iter().zip(bounds).map(|(d, (low, high))| d.max(*low).min(*high)).collect();
        Step { d, multipliers, slack, elastic: false }
    }

    /// Solves the active constraints as equations, for full accuracy. The interior-point solution tells which are active. Returns
    /// none if it was wrong.
    fn polished(&self, rows: &[Row], equalities: usize, solution: &Conic) -> Option<Step> {
        const RANK: f64 = 1e-12;
        let n = self.gradient.len();
        let active: Vec<usize> = (0..rows.len()).filter(|&i| i < equalities || solution.z[i] > solution.s[i]).collect();
        let lines: Vec<(Vec<f64>, f64)> = active
            .iter()
            .map(|&i| {
                let (entries, b) = self.row(rows[i]);
                (entries.dense(n), b)
            })
            .collect();
        let d = if active.is_empty() {
            self.hessian.cholesky()?.solve(&self.gradient.iter().map(|g| -g).collect::<Vec<_>>())
        } else {
            let matrix = Matrix::from_fn(active.len(), n, |i, j| lines[i].0[j]);
            let right: Vec<f64> = lines.iter().map(|(_, b)| *b).collect();
            let svd = matrix.svd()?;
            let mut d = svd.solve(&right, RANK);
            let within = svd.null_space(RANK);
            if within.columns() > 0 {
                let slope: Vec<f64> = self.slope(&d);
                let reduced = self.hessian.restricted(&within).cholesky()?;
                let along = reduced.solve(&within.transpose_multiply(&slope).iter().map(|g| -g).collect::<Vec<_>>());
                d.iter_mut().zip(within.multiply(&along)).for_each(|(d, more)| *d += more);
            }
            d
        };
        // Aᵀ·z = −(B·d + q).
        let mut z = vec![0.0; rows.len()];
        let against: Vec<f64> = self.slope(&d).iter().map(|g| -g).collect();
        if !active.is_empty() {
            let transposed = Matrix::from_fn(n, active.len(), |i, j| lines[j].0[i]);
            let found = transposed.svd()?.solve(&against, RANK);
            active.iter().zip(found).for_each(|(&row, value)| z[row] = value);
        }
        let size = |values: &[f64]| max_abs(values).max(1.0);
        let (small_z, small_d) = (1e-9 * size(&z), 1e-9 * size(&d));
        let signs = z[equalities..].iter().all(|z| *z >= -small_z);
        let inside = (0..rows.len()).all(|i| {
            let (entries, b) = self.row(rows[i]);
            let room = b - entries.dense(n).iter().zip(&d).map(|(a, d)| a * d).sum::<f64>();
            if i < equalities { room.abs() <= small_d * size(&[b]) } else { room >= -small_d * size(&[b]) }
        });
        let left: Vec<f64> = (0..n)
            .map(|j| against[j] - active.iter().zip(&lines).map(|(&row, line)| z[row] * line.0[j]).sum::<f64>())
            .collect();
        let stationary = left.iter().all(|r| r.abs() <= 1e-9 * size(&against));
        (signs && inside && stationary).then(|| self.step(rows, d, &z))
    }

    /// B·d + q.
    fn slope(&self, d: &[f64]) -> Vec<f64> {
        self.hessian.multiply(d).iter().zip(self.gradient).map(|(b, q)| b + q).collect()
    }
}

enum Entries {
    All(Vec<f64>),
    One(usize, f64),
}

impl Entries {
    fn dense(self, n: usize) -> Vec<f64> {
        match self {
            Self::All(entries) => entries,
            Self::One(at, sign) => (0..n).map(|j| if j == at { sign } else { 0.0 }).collect(),
        }
    }
}
