//! A problem of optimal control.

use crate::constrained::SparseProblem;

/// The end of the interval of time.
const END: f64 = 10.0;

/// Control of the Van der Pol oscillator: minimise ∫ (p² + q² + u²) dt over [0, 10] with p′ = (1 − q²)·p − q + u, q′ = p, p(0) = 0,
/// q(0) = 1, p ≥ −0.25 and −1 ≤ u ≤ 1.
///
/// The integral and the equations are discretised by the trapezoidal rule with N steps. The unknowns are p, q and u at the N + 1 times, one
/// after the other, and there are 2N equalities.
///
/// # Example
/// ```
/// use kiln_optim::{constrained::{ConstrainedStop, InteriorPoint, minimize_sparse}, problems::VanDerPol};
///
/// let control = VanDerPol { steps: 100 };
/// let solution = minimize_sparse(&control, &control.start(), &InteriorPoint::default(), &ConstrainedStop::default())?;
/// assert!(solution.outcome.success && (solution.outcome.value - 3.631_600_259).abs() < 1e-8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VanDerPol {
    /// The number of steps N, at least 1.
    pub steps: usize,
}

impl VanDerPol {
    /// The usual start: 0, except for q(0).
    pub fn start(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.unknowns()];
        x[1] = 1.0;
        x
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of steps")]
    fn step(&self) -> f64 {
        END / self.steps as f64
    }

    /// The weight of a time in the integral.
    fn weight(&self, k: usize) -> f64 {
        self.step() * if k == 0 || k == self.steps { 0.5 } else { 1.0 }
    }
}

impl SparseProblem for VanDerPol {
    fn unknowns(&self) -> usize {
        3 * (self.steps + 1)
    }

    fn equalities(&self) -> usize {
        2 * self.steps
    }

    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let repeated = |bounds: [f64; 3]| bounds.repeat(self.steps + 1);
        let (mut lower, mut upper) =
            (repeated([-0.25, f64::NEG_INFINITY, -1.0]), repeated([f64::INFINITY, f64::INFINITY, 1.0]));
        for bounds in [&mut lower, &mut upper] {
            bounds[..2].copy_from_slice(&[0.0, 1.0]);
        }
        (lower, upper)
    }

    fn objective(&self, x: &[f64]) -> f64 {
        x.chunks_exact(3).enumerate().map(|(k, x)| self.weight(k) * x.iter().map(|x| x * x).sum::<f64>()).sum()
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) {
        gradient.iter_mut().enumerate().for_each(|(i, slope)| *slope = 2.0 * self.weight(i / 3) * x[i]);
    }

    fn constraints(&self, x: &[f64], values: &mut [f64]) {
        let half = 0.5 * self.step();
        let rate = |x: &[f64]| [(1.0 - x[1] * x[1]) * x[0] - x[1] + x[2], x[0]];
        for (k, values) in values.chunks_exact_mut(2).enumerate() {
            let (now, next) = (&x[3 * k..3 * k + 3], &x[3 * k + 3..3 * k + 6]);
            let (first, second) = (rate(now), rate(next));
            for i in 0..2 {
                values[i] = next[i] - now[i] - half * (first[i] + second[i]);
            }
        }
    }

    fn jacobian_places(&self) -> Vec<(usize, usize)> {
        (0..self.steps)
            .flat_map(|k| {
                let (row, x) = (2 * k, 3 * k);
                [0, 3].into_iter().flat_map(move |at| {
                    [(row, x + at), (row, x + at + 1), (row, x + at + 2), (row + 1, x + at), (row + 1, x + at + 1)]
                })
            })
            .collect()
    }

    fn jacobian(&self, x: &[f64], values: &mut [f64]) {
        let half = 0.5 * self.step();
        for (k, values) in values.chunks_exact_mut(10).enumerate() {
            for (end, (values, sign)) in values.chunks_exact_mut(5).zip([-1.0, 1.0]).enumerate() {
                let x = &x[3 * (k + end)..];
                values.copy_from_slice(&[
                    sign - half * (1.0 - x[1] * x[1]),
                    half * (2.0 * x[1] * x[0] + 1.0),
                    -half,
                    -half,
                    sign,
                ]);
            }
        }
    }

    fn hessian_places(&self) -> Vec<(usize, usize)> {
        (0..=self.steps)
            .flat_map(|k| [(3 * k, 3 * k), (3 * k + 1, 3 * k), (3 * k + 1, 3 * k + 1), (3 * k + 2, 3 * k + 2)])
            .collect()
    }

    fn hessian(&self, x: &[f64], factor: f64, multipliers: &[f64], values: &mut [f64]) {
        let half = 0.5 * self.step();
        for (k, values) in values.chunks_exact_mut(4).enumerate() {
            // The rate at a time is in the equation before it and in that after it.
            let before = if k > 0 { multipliers[2 * (k - 1)] } else { 0.0 };
            let after = if k < self.steps { multipliers[2 * k] } else { 0.0 };
            let (weight, curved) = (2.0 * factor * self.weight(k), 2.0 * half * (before + after));
            values.copy_from_slice(&[weight, curved * x[3 * k + 1], weight + curved * x[3 * k], weight]);
        }
    }
}
