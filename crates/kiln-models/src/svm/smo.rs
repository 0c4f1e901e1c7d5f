//! Sequential minimal optimisation.

use super::kernel::Rows;

/// The smallest curvature along a pair: two rows that are the same have none.
const TAU: f64 = 1e-12;
/// Pairs after which rows that no longer matter are left out, as in LIBSVM.
const SHRINK_EVERY: usize = 1000;
/// How often gradients are computed anew before the numbers' precision is taken to be reached.
const REFRESHES: usize = 20;

/// The dual in βᵢ = yᵢ·αᵢ, which is between 0 and Cᵢ where yᵢ is 1, and between −Cᵢ and 0 where it is −1:
///
/// > maximise Σ yᵢ·βᵢ − ½·βᵀ·K·β subject to Σ βᵢ = 0 and these bounds.
///
/// Its gradient is F = y − K·β. A step raises one β and lowers another by as much.
pub(super) struct Smo<'x> {
    rows: Rows<'x>,
    diagonal: Vec<f64>,
    y: &'x [f64],
    /// C of each row.
    costs: &'x [f64],
    beta: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    gradient: Vec<f64>,
    /// The rows that are looked at; the gradients of others are not kept up.
    active: Vec<usize>,
}

/// The solution with its numbers.
pub(super) struct Ended {
    /// β.
    pub(super) signed: Vec<f64>,
    pub(super) intercept: f64,
    pub(super) primal: f64,
    pub(super) dual: f64,
    pub(super) kkt_residual: f64,
}

impl<'x> Smo<'x> {
    pub(super) fn new(rows: Rows<'x>, y: &'x [f64], costs: &'x [f64]) -> Self {
        let side = |positive: bool| {
            y.iter().zip(costs).map(|(&y, c)| if (y > 0.0) == positive { c * y } else { 0.0 }).collect()
        };
        Self {
            diagonal: rows.diagonal(),
            rows,
            y,
            costs,
            beta: vec![0.0; y.len()],
            lower: side(false),
            upper: side(true),
            gradient: y.to_vec(),
            active: (0..y.len()).collect(),
        }
    }

    /// Improves pairs until none violates the conditions by more than `tol`. Gives how many there were, and whether it came so far.
    pub(super) fn run(&mut self, tol: f64, max_iter: usize) -> (usize, bool) {
        let every = self.y.len().min(SHRINK_EVERY);
        let (mut until_shrink, mut near, mut refreshes) = (every, false, 0);
        for iteration in 0..max_iter {
            let (mut i, mut highest, mut lowest) = self.most_violating();
            let close = highest - lowest <= 10.0 * tol && !near;
            if (highest - lowest <= tol || close) && self.active.len() < self.y.len() {
                // The rows that were left out may have come to matter.
                near = true;
                self.look_at_all();
                (i, highest, lowest) = self.most_violating();
                until_shrink = 1;
            }
            if highest - lowest <= tol {
                // Gradients that were changed step by step have drifted: it counts only where they are computed anew.
                self.refresh();
                (i, highest, lowest) = self.most_violating();
                refreshes += 1;
                let converged = highest - lowest <= tol;
                if converged || refreshes == REFRESHES {
                    return (iteration, converged);
                }
            }
            until_shrink -= 1;
            if until_shrink == 0 {
                self.shrink(highest, lowest);
                until_shrink = every;
            }
            self.improve(i, highest);
        }
        self.refresh();
        let (_, highest, lowest) = self.most_violating();
        (max_iter, highest - lowest <= tol)
    }

    /// Raises β of `i`, and lowers that of the best partner.
    fn improve(&mut self, i: usize, highest: f64) {
        let row_i = self.rows.row(i);
        let j = self.partner(i, highest, &row_i);
        let row_j = self.rows.row(j);
        let curvature = (self.diagonal[i] + self.diagonal[j] - 2.0 * row_i[j]).max(TAU);
        let step = (self.gradient[i] - self.gradient[j]) / curvature;
        let (room_i, room_j) = (self.upper[i] - self.beta[i], self.beta[j] - self.lower[j]);
        let step = step.min(room_i).min(room_j);
        // To a bound exactly.
        self.beta[i] = if step >= room_i { self.upper[i] } else { self.beta[i] + step };
        self.beta[j] = if step >= room_j { self.lower[j] } else { self.beta[j] - step };
        for &t in &self.active {
            self.gradient[t] -= step * (row_i[t] - row_j[t]);
        }
    }

    /// The index with the largest gradient among those that may rise, that gradient, and the smallest among those that may fall.
    fn most_violating(&self) -> (usize, f64, f64) {
        let (mut at, mut highest, mut lowest) = (0, f64::NEG_INFINITY, f64::INFINITY);
        for &t in &self.active {
            let gradient = self.gradient[t];
            if self.beta[t] < self.upper[t] && gradient > highest {
                (at, highest) = (t, gradient);
            }
            if self.beta[t] > self.lower[t] && gradient < lowest {
                lowest = gradient;
            }
        }
        (at, highest, lowest)
    }

    /// Among those that may fall, the one with which the pair gains most.
    fn partner(&self, i: usize, highest: f64, row_i: &[f64]) -> usize {
        let (mut at, mut best) = (i, f64::NEG_INFINITY);
        let own = self.diagonal[i];
        for &t in &self.active {
            let apart = highest - self.gradient[t];
            if self.beta[t] > self.lower[t] && apart > 0.0 {
                let gain = apart * apart / (own + self.diagonal[t] - 2.0 * row_i[t]).max(TAU);
                if gain > best {
                    (at, best) = (t, gain);
                }
            }
        }
        at
    }

    /// Leaves those out that are at a bound and, by their gradients, will stay there (Joachims, 1999).
    fn shrink(&mut self, highest: f64, lowest: f64) {
        let (beta, lower, upper, gradient) = (&self.beta, &self.lower, &self.upper, &self.gradient);
        self.active.retain(|&t| {
            let stays_low = beta[t] <= lower[t] && gradient[t] < lowest;
            let stays_high = beta[t] >= upper[t] && gradient[t] > highest;
            !(stays_low || stays_high)
        });
    }

    /// Brings all back, with their gradients.
    fn look_at_all(&mut self) {
        if self.active.len() < self.y.len() {
            self.refresh();
        }
    }

    /// Computes all gradients from β alone, and looks at all rows.
    fn refresh(&mut self) {
        let products = self.products();
        self.gradient = self.y.iter().zip(&products).map(|(y, product)| y - product).collect();
        self.active = (0..self.y.len()).collect();
    }

    /// K·β.
    fn products(&mut self) -> Vec<f64> {
        let mut products = vec![0.0; self.y.len()];
        for i in (0..self.y.len()).filter(|&i| self.beta[i] != 0.0) {
            let (row, beta) = (self.rows.row(i), self.beta[i]);
            products.iter_mut().zip(&*row).for_each(|(sum, k)| *sum += beta * k);
        }
        products
    }

    /// The numbers of the solution, from β alone.
    pub(super) fn end(mut self) -> Ended {
        let n = self.y.len();
        let products = self.products();
        self.active = (0..n).collect();
        self.gradient = self.y.iter().zip(&products).map(|(y, product)| y - product).collect();
        let free = |i: &usize| self.beta[*i] > self.lower[*i] && self.beta[*i] < self.upper[*i];
        let (count, sum) =
            (0..n).filter(free).fold((0.0, 0.0), |(count, sum), i| (count + 1.0, sum + self.gradient[i]));
        let intercept = if count > 0.0 {
            sum / count
        } else {
            let (_, highest, lowest) = self.most_violating();
            f64::midpoint(highest, lowest)
        };
        let violation = |i: usize| {
            let off = self.gradient[i] - intercept;
            let (rises, falls) = (self.beta[i] < self.upper[i], self.beta[i] > self.lower[i]);
            if off.is_nan() { off } else { f64::max(if rises { off } else { 0.0 }, if falls { -off } else { 0.0 }) }
        };
        let norm: f64 = self.beta.iter().zip(&products).map(|(beta, product)| beta * product).sum();
        let slack = |i: usize| (1.0 - self.y[i] * (products[i] + intercept)).max(0.0);
        let hinge: f64 = (0..n).map(|i| self.costs[i] * slack(i)).sum();
        let total: f64 = self.beta.iter().map(|beta| beta.abs()).sum();
        Ended {
            intercept,
            primal: 0.5 * norm + hinge,
            dual: total - 0.5 * norm,
            // What is not a number is the largest.
            kkt_residual: (0..n).map(violation).fold(0.0, |a: f64, b| if a.is_nan() || b <= a { a } else { b }),
            signed: self.beta,
        }
    }
}
