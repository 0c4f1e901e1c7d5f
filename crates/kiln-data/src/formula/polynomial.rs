//! Orthogonal polynomials.

use serde::{Deserialize, Serialize};

use super::sums::sum_of;

/// The coefficients of the three-term recurrence of monic orthogonal polynomials, and the squared norms of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recurrence {
    /// One per degree, from 0.
    pub(super) alpha: Vec<f64>,
    /// One more than `alpha`.
    pub(super) norms2: Vec<f64>,
}

/// Learns the polynomials up to `degree` that are orthogonal on `x`.
///
/// The order of the operations is that of formulaic, so that the bits are too.
pub(super) fn learn(x: &[f64], degree: usize) -> Recurrence {
    let mut state = Recurrence { alpha: Vec::new(), norms2: vec![x.len() as f64] };
    let (mut before, mut current) = (vec![0.0; x.len()], vec![1.0; x.len()]);
    for k in 0..degree {
        let pairs: Vec<(f64, f64)> = x.iter().copied().zip(current.iter().copied()).collect();
        let alpha = sum_of(&pairs, |(x, p)| x * (p * p)) / sum_of(&current, |p| p * p);
        state.alpha.push(alpha);
        let beta = if k == 0 { 0.0 } else { state.norms2[k] / state.norms2[k - 1] };
        let next = |((x, p), q): ((&f64, &f64), &f64)| {
            let product = (x - alpha) * p;
            if k == 0 { product } else { product - beta * q }
        };
        let next = x.iter().zip(&current).zip(&before).map(next).collect();
        before = std::mem::replace(&mut current, next);
        state.norms2.push(sum_of(&current, |p| p * p));
    }
    state
}

/// Returns the orthonormal polynomials at `x`, without the constant one, in row-major order.
pub(super) fn evaluate(x: &[f64], state: &Recurrence) -> Vec<f64> {
    let degree = state.alpha.len();
    let norms: Vec<f64> = state.norms2.iter().map(|norm2| norm2.sqrt()).collect();
    let betas: Vec<f64> = state.norms2.windows(2).map(|pair| pair[1] / pair[0]).collect();
    let mut values = Vec::with_capacity(x.len() * degree);
    for x in x {
        let (mut before, mut current) = (0.0, 1.0);
        for k in 0..degree {
            let product = (x - state.alpha[k]) * current;
            let next = if k == 0 { product } else { product - betas[k - 1] * before };
            (before, current) = (current, next);
            values.push(current / norms[k + 1]);
        }
    }
    values
}
