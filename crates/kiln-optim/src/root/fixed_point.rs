//! Fixed points by Anderson's acceleration.

use std::collections::VecDeque;

use kiln_tensor::linalg::Matrix;

use super::place::largest;
use crate::solver::{IntoVector, SolverError, Status, at_least_one, tolerance, within};

/// Differences this much smaller than the largest one count as dependent.
const DEPENDENT: f64 = 1e-10;
/// If the residual becomes this many times the smallest one, the memory is emptied.
const WORSE: f64 = 10.0;

/// The options of [`fixed_point`].
///
/// # Example
/// ```
/// use kiln_optim::root::FixedPoint;
///
/// let plain = FixedPoint { memory: 0, ..FixedPoint::default() }; // x ← g(x)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedPoint {
    /// The number of differences that are combined; 0 means x ← g(x). Default 5.
    pub memory: usize,
    /// The share of g in a step, in (0, 1]. Default 1.
    pub damping: f64,
    /// It is a fixed point if every |g(x)ᵢ − xᵢ| is at most this. Default 1e-10.
    pub tol: f64,
    /// Maximum number of evaluations of g. Default 1000.
    pub max_iter: usize,
}

impl Default for FixedPoint {
    fn default() -> Self {
        Self { memory: 5, damping: 1.0, tol: 1e-10, max_iter: 1000 }
    }
}

/// The result of [`fixed_point`].
#[derive(Clone, Debug, PartialEq)]
pub struct FixedPointResult {
    /// The point x `[n]`.
    pub x: Vec<f64>,
    /// The largest |g(x)ᵢ − xᵢ|.
    pub residual: f64,
    /// Why the run ended.
    pub status: Status,
    /// Whether it is a fixed point.
    pub success: bool,
    /// A sentence for the user.
    pub message: String,
    /// The number of evaluations of g.
    pub evaluations: usize,
}

/// Solves x = g(x) from `start`, without derivatives. `g(x, out)` writes g(x) into `out`.
///
/// Each step combines the last values of g so that the combined residual is smallest (Anderson's acceleration).
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range.
///
/// # Example
/// ```
/// use kiln_optim::root::{FixedPoint, fixed_point};
///
/// let found = fixed_point(|x: &[f64], g: &mut [f64]| g[0] = x[0].cos(), [1.0], &FixedPoint::default())?;
/// assert!(found.success && (found.x[0] - 0.739_085_133_2).abs() < 1e-10 && found.evaluations < 12);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Anderson, "Iterative procedures for nonlinear integral equations" (1965). Walker and Ni (2011).
pub fn fixed_point(
    mut g: impl FnMut(&[f64], &mut [f64]),
    start: impl IntoVector,
    options: &FixedPoint,
) -> Result<FixedPointResult, SolverError> {
    at_least_one("max_iter", options.max_iter)?;
    within("damping", options.damping, 0.0, 1.0 + f64::EPSILON, "in (0, 1]")?;
    tolerance("tol", options.tol)?;
    let mut x = start.into_vector();
    let n = x.len();
    // The last residuals and values of g.
    let mut known: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    let (mut best, mut best_residual) = (x.clone(), f64::INFINITY);
    let (mut evaluations, mut value) = (0, vec![0.0; n]);
    let status = loop {
        g(&x, &mut value);
        evaluations += 1;
        let residual: Vec<f64> = value.iter().zip(&x).map(|(g, x)| g - x).collect();
        let size = largest(&residual);
        if size < best_residual {
            (best, best_residual) = (x.clone(), size);
        }
        if size <= options.tol {
            break Status::EquationsHold;
        }
        if evaluations >= options.max_iter {
            break Status::Budget;
        }
        if size.is_nan() || (size.is_infinite() && known.is_empty()) {
            break Status::NotFinite;
        }
        // From a point that is much worse: back to the best one, and on without memory.
        if size > WORSE * best_residual && !known.is_empty() {
            known.clear();
            x.clone_from(&best);
            continue;
        }
        known.push_back((residual, value.clone()));
        while known.len() > options.memory + 1 {
            known.pop_front();
        }
        x = combined(&known, options.damping);
    };
    let success = status.is_success();
    let message = status.message().to_owned();
    Ok(FixedPointResult { x: best, residual: best_residual, status, success, message, evaluations })
}

/// g − ΔG·γ − (1 − β)·(f − ΔF·γ), where γ makes ‖f − ΔF·γ‖ smallest.
fn combined(known: &VecDeque<(Vec<f64>, Vec<f64>)>, damping: f64) -> Vec<f64> {
    let (residual, value) = known.back().expect("the last point is known");
    let n = residual.len();
    let count = known.len() - 1;
    let change = |k: usize, i: usize| known[k + 1].0[i] - known[k].0[i];
    let weights = match count {
        0 => Vec::new(),
        _ => match Matrix::from_fn(n, count, |i, k| change(k, i)).svd() {
            Some(svd) => svd.solve(residual, DEPENDENT),
            None => vec![0.0; count],
        },
    };
    (0..n)
        .map(|i| {
            let (mut f, mut g) = (residual[i], value[i]);
            for (k, weight) in weights.iter().enumerate() {
                f -= weight * change(k, i);
                g -= weight * (known[k + 1].1[i] - known[k].1[i]);
            }
            g - (1.0 - damping) * f
        })
        .collect()
}
