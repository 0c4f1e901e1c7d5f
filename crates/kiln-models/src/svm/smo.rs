//! Sequential minimal optimisation.

use std::ops::ControlFlow;

use super::kernel::Rows;

/// A lower limit of the curvature along a pair, because two equal rows have zero curvature.
const TAU: f64 = 1e-12;
/// Steps between two shrinkings of the active set, as in LIBSVM.
const SHRINK_EVERY: usize = 1000;
/// Steps between two calls of the callback.
const REPORT_EVERY: usize = 1000;
/// Maximum number of gradient refreshes. After these the fit is as accurate as rounding allows.
const REFRESHES: usize = 20;

/// The dual problem in βᵢ = yᵢ·αᵢ, which lies in [0, Cᵢ] if yᵢ = 1 and in [−Cᵢ, 0] if yᵢ = −1:
///
/// > maximise Σ yᵢ·βᵢ − ½·βᵀ·K·β subject to Σ βᵢ = 0 and these bounds.
///
/// The gradient is y − K·β. A step raises one β and lowers another by the same amount.
pub(super) struct Smo<'x> {
    rows: Rows<'x>,
    diagonal: Vec<f64>,
    y: &'x [f64],
    /// The upper bound C of each row.
    costs: &'x [f64],
    beta: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    gradient: Vec<f64>,
    /// The rows in the active set. Gradients of other rows are out of date.
    active: Vec<usize>,
    counters: Counters,
}

/// Where the loop is.
#[derive(Clone, Copy)]
struct Counters {
    iteration: usize,
    until_shrink: usize,
    near: bool,
    refreshes: usize,
}

/// The state of a fit, from which [`SvmConfig::fit_with`](super::SvmConfig::fit_with) can continue.
#[derive(Clone, Debug, PartialEq)]
pub struct SvmState {
    /// yᵢ·αᵢ of each row.
    pub beta: Vec<f64>,
    /// The gradient of the dual. It is up to date for active rows.
    pub gradient: Vec<f64>,
    /// The rows in the active set.
    pub active: Vec<usize>,
    /// Counters of the algorithm, of which the first is the number of steps.
    pub counters: [usize; 4],
}

impl SvmState {
    /// Returns the number of steps.
    pub fn iterations(&self) -> usize {
        self.counters[0]
    }
}

/// A fit that goes on, for a callback.
pub struct SvmProgress<'a> {
    smo: &'a Smo<'a>,
}

impl SvmProgress<'_> {
    /// Returns the number of steps so far.
    pub fn iterations(&self) -> usize {
        self.smo.counters.iteration
    }

    /// Returns the largest violation of the KKT conditions by a pair of active rows.
    pub fn violation(&self) -> f64 {
        let (_, highest, lowest) = self.smo.most_violating();
        (highest - lowest).max(0.0)
    }

    /// Returns the state, from which another fit can continue.
    pub fn state(&self) -> SvmState {
        self.smo.state()
    }
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Converged,
    NotConverged,
    Stopped,
}

/// The solution.
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
            counters: Counters { iteration: 0, until_shrink: y.len().min(SHRINK_EVERY), near: false, refreshes: 0 },
        }
    }

    /// Continues from `state`. Returns false if it does not fit the data.
    pub(super) fn restore(&mut self, state: SvmState) -> bool {
        let n = self.y.len();
        let [iteration, until_shrink, near, refreshes] = state.counters;
        let in_bounds = |(i, beta): (usize, &f64)| *beta >= self.lower[i] && *beta <= self.upper[i];
        let fits = state.beta.len() == n
            && state.gradient.len() == n
            && state.beta.iter().enumerate().all(in_bounds)
            && state.gradient.iter().all(|g| g.is_finite())
            && state.active.iter().all(|&row| row < n)
            && state.active.windows(2).all(|pair| pair[0] < pair[1])
            && !state.active.is_empty()
            && (1..=n.min(SHRINK_EVERY)).contains(&until_shrink);
        if fits {
            (self.beta, self.gradient, self.active) = (state.beta, state.gradient, state.active);
            self.counters = Counters { iteration, until_shrink, near: near != 0, refreshes };
        }
        fits
    }

    pub(super) fn state(&self) -> SvmState {
        let Counters { iteration, until_shrink, near, refreshes } = self.counters;
        SvmState {
            beta: self.beta.clone(),
            gradient: self.gradient.clone(),
            active: self.active.clone(),
            counters: [iteration, until_shrink, usize::from(near), refreshes],
        }
    }

    /// Improves pairs until none violates the KKT conditions by more than `tol`. Calls `callback` now and then, which can stop
    /// the loop.
    pub(super) fn run(
        &mut self,
        tol: f64,
        max_iter: usize,
        mut callback: impl FnMut(&SvmProgress<'_>) -> ControlFlow<()>,
    ) -> End {
        let every = self.y.len().min(SHRINK_EVERY);
        while self.counters.iteration < max_iter {
            let iteration = self.counters.iteration;
            if iteration > 0
                && iteration.is_multiple_of(REPORT_EVERY)
                && callback(&SvmProgress { smo: &*self }).is_break()
            {
                return End::Stopped;
            }
            let (mut i, mut highest, mut lowest) = self.most_violating();
            let close = highest - lowest <= 10.0 * tol && !self.counters.near;
            if (highest - lowest <= tol || close) && self.active.len() < self.y.len() {
                // Rows outside the active set may violate the conditions now.
                self.counters.near = true;
                self.activate_all();
                (i, highest, lowest) = self.most_violating();
                self.counters.until_shrink = 1;
            }
            if highest - lowest <= tol {
                // Updated gradients drift by rounding, so convergence is judged on gradients computed from scratch.
                self.refresh();
                (i, highest, lowest) = self.most_violating();
                self.counters.refreshes += 1;
                if highest - lowest <= tol {
                    return End::Converged;
                }
                if self.counters.refreshes >= REFRESHES {
                    return End::NotConverged;
                }
            }
            self.counters.until_shrink -= 1;
            if self.counters.until_shrink == 0 {
                self.shrink(highest, lowest);
                self.counters.until_shrink = every;
            }
            self.improve(i, highest);
            self.counters.iteration += 1;
        }
        self.refresh();
        let (_, highest, lowest) = self.most_violating();
        if highest - lowest <= tol { End::Converged } else { End::NotConverged }
    }

    /// Raises β of row `i` and lowers β of its best partner.
    fn improve(&mut self, i: usize, highest: f64) {
        let row_i = self.rows.row(i);
        let j = self.partner(i, highest, &row_i);
        let row_j = self.rows.row(j);
        let curvature = (self.diagonal[i] + self.diagonal[j] - 2.0 * row_i[j]).max(TAU);
        let step = (self.gradient[i] - self.gradient[j]) / curvature;
        let (room_i, room_j) = (self.upper[i] - self.beta[i], self.beta[j] - self.lower[j]);
        let step = step.min(room_i).min(room_j);
        // Reach a bound exactly, without rounding.
        self.beta[i] = if step >= room_i { self.upper[i] } else { self.beta[i] + step };
        self.beta[j] = if step >= room_j { self.lower[j] } else { self.beta[j] - step };
        for &t in &self.active {
            self.gradient[t] -= step * (row_i[t] - row_j[t]);
        }
    }

    /// Returns the row with the largest gradient among those below their upper bound, that gradient, and the smallest gradient
    /// among the rows above their lower bound.
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

    /// Returns the row above its lower bound with which the pair gains most.
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

    /// Removes rows from the active set that are at a bound and, by their gradients, will stay there (Joachims, 1999).
    fn shrink(&mut self, highest: f64, lowest: f64) {
        let (beta, lower, upper, gradient) = (&self.beta, &self.lower, &self.upper, &self.gradient);
        self.active.retain(|&t| {
            let stays_low = beta[t] <= lower[t] && gradient[t] < lowest;
            let stays_high = beta[t] >= upper[t] && gradient[t] > highest;
            !(stays_low || stays_high)
        });
    }

    /// Activates all rows and computes their gradients.
    fn activate_all(&mut self) {
        if self.active.len() < self.y.len() {
            self.refresh();
        }
    }

    /// Activates all rows and computes all gradients from β.
    fn refresh(&mut self) {
        let products = self.products();
        self.gradient = self.y.iter().zip(&products).map(|(y, product)| y - product).collect();
        self.active = (0..self.y.len()).collect();
    }

    /// Returns K·β.
    fn products(&mut self) -> Vec<f64> {
        let mut products = vec![0.0; self.y.len()];
        for i in (0..self.y.len()).filter(|&i| self.beta[i] != 0.0) {
            let (row, beta) = (self.rows.row(i), self.beta[i]);
            products.iter_mut().zip(&*row).for_each(|(sum, k)| *sum += beta * k);
        }
        products
    }

    /// Computes the solution's values from β.
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
            // NaN counts as the largest.
            kkt_residual: (0..n).map(violation).fold(0.0, |a: f64, b| if a.is_nan() || b <= a { a } else { b }),
            signed: self.beta,
        }
    }
}
