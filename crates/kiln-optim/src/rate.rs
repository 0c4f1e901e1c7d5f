//! Rates of convergence, estimated from an excess error e_k = J(θ_k) − min J.
//!
//! There are two kinds. *Linear* (geometric) convergence is e_k ≈ C·ρ^k, with the rate −ln ρ per step. *Sublinear* convergence is
//! e_k ≈ C·k^(−p), with the exponent p. Both are the slope of a straight line: ln e against k, and ln e against ln k.
//!
//! # Example
//!
//! ```
//! use kiln_optim::rate;
//!
//! let halving: Vec<(u64, f64)> = (0..40).map(|k| (k, 3.0 * 0.5f64.powi(k as i32))).collect();
//! let fit = rate::linear(&halving)?;
//! assert!((fit.value - 2f64.ln()).abs() < 1e-12);
//! # Ok::<(), kiln_optim::rate::RateError>(())
//! ```

use serde::Serialize;

/// An estimated rate or exponent, positive for an error that falls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// The estimate.
    pub value: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
}

/// Why a rate cannot be estimated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Fewer than four points in a curve, or fewer than two curves.
    #[error("a rate needs at least {needed} {what}, got {got}")]
    TooFew {
        /// Points or curves.
        what: &'static str,
        /// How many are needed.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// The curves have different steps, so they have no mean.
    #[error("all curves must be measured at the same steps")]
    Steps,
    /// An error is not positive and finite, so it has no logarithm.
    #[error("the error at step {step} is {error}: errors must be positive and finite")]
    NotPositive {
        /// The step.
        step: u64,
        /// The error.
        error: f64,
    },
}

/// Estimates the rate −ln ρ per step of e_k ≈ C·ρ^k by least squares of ln e against k. Points are (k, e_k).
///
/// The interval spans the slopes of the first and the second half of the points. Without noise it shows how far the curve is from a
/// straight line.
///
/// # Errors
/// Returns [`RateError`] for fewer than four points, or an error that is not positive and finite.
pub fn linear(points: &[(u64, f64)]) -> Result<Rate, RateError> {
    from_halves(points, |k| k as f64)
}

/// Estimates the exponent p of e_k ≈ C·k^(−p) by least squares of ln e against ln k, without k = 0. The interval is that of
/// [`linear`].
///
/// # Errors
/// Those of [`linear`].
pub fn power(points: &[(u64, f64)]) -> Result<Rate, RateError> {
    from_halves(points, |k| (k as f64).ln())
}

/// Estimates the exponent p of the mean of noisy curves, e_k ≈ C·k^(−p). Each curve is an independent measurement at the same
/// steps.
///
/// The estimate uses the mean of the curves, because theory bounds the expected error. The interval is the 95% jackknife interval:
/// estimate ± t·s, where s is the standard error of the estimates that leave one curve out, and t is the quantile of Student's
/// distribution with n − 1 degrees of freedom.
///
/// # Errors
/// Returns [`RateError`] for fewer than two curves, and the errors of [`power`] for their mean.
///
/// # References
/// Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 11.
pub fn power_of_mean(curves: &[Vec<(u64, f64)>]) -> Result<Rate, RateError> {
    jackknife(curves, |k| (k as f64).ln())
}

/// Estimates the rate −ln ρ per step of the mean of noisy curves, with the interval of [`power_of_mean`].
///
/// # Errors
/// Those of [`power_of_mean`].
pub fn linear_of_mean(curves: &[Vec<(u64, f64)>]) -> Result<Rate, RateError> {
    jackknife(curves, |k| k as f64)
}

/// Returns the mean of independent measurements with its 95% Student interval, for the level at which an error stays.
///
/// # Errors
/// Returns [`RateError::TooFew`] for fewer than two.
pub fn mean(levels: &[f64]) -> Result<Rate, RateError> {
    let n = levels.len();
    if n < 2 {
        return Err(RateError::TooFew { what: "measurements", needed: 2, got: n });
    }
    let value = levels.iter().sum::<f64>() / n as f64;
    let squares: f64 = levels.iter().map(|x| (x - value).powi(2)).sum();
    let margin = student_975(n - 1) * (squares / (n as f64 - 1.0) / n as f64).sqrt();
    Ok(Rate { value, low: value - margin, high: value + margin })
}

fn from_halves(points: &[(u64, f64)], abscissa: fn(u64) -> f64) -> Result<Rate, RateError> {
    let line = logarithms(points, abscissa)?;
    let (first, second) = line.split_at(line.len() / 2);
    let (value, a, b) = (-slope(&line), -slope(first), -slope(second));
    Ok(Rate { value, low: a.min(b).min(value), high: a.max(b).max(value) })
}

fn jackknife(curves: &[Vec<(u64, f64)>], abscissa: fn(u64) -> f64) -> Result<Rate, RateError> {
    let n = curves.len();
    if n < 2 {
        return Err(RateError::TooFew { what: "curves", needed: 2, got: n });
    }
    if curves.iter().any(|curve| !curve.iter().map(|p| p.0).eq(curves[0].iter().map(|p| p.0))) {
        return Err(RateError::Steps);
    }
    let estimate = |without: Option<usize>| {
        let kept = curves.iter().enumerate().filter(|(i, _)| Some(*i) != without).map(|(_, curve)| curve);
        let count = (n - usize::from(without.is_some())) as f64;
        let mut mean: Vec<(u64, f64)> = curves[0].iter().map(|(k, _)| (*k, 0.0)).collect();
        for curve in kept {
            mean.iter_mut().zip(curve).for_each(|(sum, (_, error))| sum.1 += error / count);
        }
        logarithms(&mean, abscissa).map(|line| -slope(&line))
    };
    let value = estimate(None)?;
    let left_out = (0..n).map(|i| estimate(Some(i))).collect::<Result<Vec<f64>, _>>()?;
    let mean = left_out.iter().sum::<f64>() / n as f64;
    let squares: f64 = left_out.iter().map(|x| (x - mean).powi(2)).sum();
    let error = (squares * (n as f64 - 1.0) / n as f64).sqrt();
    let margin = student_975(n - 1) * error;
    Ok(Rate { value, low: value - margin, high: value + margin })
}

/// (x, ln e), without the points whose x is not finite.
fn logarithms(points: &[(u64, f64)], abscissa: fn(u64) -> f64) -> Result<Vec<(f64, f64)>, RateError> {
    let mut line = Vec::with_capacity(points.len());
    for &(step, error) in points.iter().filter(|(k, _)| abscissa(*k).is_finite()) {
        if !(error > 0.0 && error.is_finite()) {
            return Err(RateError::NotPositive { step, error });
        }
        line.push((abscissa(step), error.ln()));
    }
    if line.len() < 4 {
        return Err(RateError::TooFew { what: "points", needed: 4, got: line.len() });
    }
    Ok(line)
}

/// The slope of the least-squares line.
fn slope(line: &[(f64, f64)]) -> f64 {
    let n = line.len() as f64;
    let (mean_x, mean_y) = (line.iter().map(|p| p.0).sum::<f64>() / n, line.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut xy, mut xx) = (0.0, 0.0);
    for (x, y) in line {
        xy += (x - mean_x) * (y - mean_y);
        xx += (x - mean_x).powi(2);
    }
    xy / xx
}

/// The 0.975 quantile of Student's t with `nu` ≥ 1 degrees of freedom, to 1e-3: from a table for small `nu`, otherwise by the
/// Cornish–Fisher expansion (Abramowitz and Stegun, 26.7.5).
fn student_975(nu: usize) -> f64 {
    const SMALL: [f64; 10] = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281];
    if let Some(t) = SMALL.get(nu.saturating_sub(1)) {
        return *t;
    }
    let (z, n) = (1.959_963_984_540_054_f64, nu as f64);
    let g1 = (z.powi(3) + z) / 4.0;
    let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + g1 / n + g2 / n.powi(2) + g3 / n.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_tensor::Stream;

    #[test]
    fn exact_curves_give_their_rates() {
        let curve = |e: fn(f64) -> f64| -> Vec<(u64, f64)> { (0..200).map(|k| (k, e(k as f64))).collect() };
        let geometric = linear(&curve(|k| 7.0 * 0.9f64.powf(k))).unwrap();
        assert!((geometric.value + 0.9f64.ln()).abs() < 1e-12 && geometric.high - geometric.low < 1e-12);
        // The curve is infinite at step 0, which is left out.
        let sublinear = power(&curve(|k| 7.0 * k.powf(-1.5))).unwrap();
        assert!((sublinear.value - 1.5).abs() < 1e-12 && sublinear.high - sublinear.low < 1e-12);
    }

    #[test]
    fn a_bent_curve_has_a_wide_interval() {
        // 1/k + 1/k² is steeper at first.
        let points: Vec<(u64, f64)> = (1..100).map(|k| (k, 1.0 / k as f64 + 1.0 / (k * k) as f64)).collect();
        let fit = power(&points).unwrap();
        assert!(fit.low > 1.0 && fit.low < fit.value && fit.value < fit.high && fit.high < 2.0, "{fit:?}");
    }

    /// The interval covers the truth about as often as it claims.
    #[test]
    fn the_interval_of_noisy_curves_covers_the_truth() {
        let steps: Vec<u64> = (0..20).map(|i| (1.5f64.powi(i) * 10.0) as u64).collect();
        let covered = (0..400)
            .filter(|&trial| {
                let mut stream = Stream::new(trial, "rate", 0, 0);
                let mut curve = || -> Vec<(u64, f64)> {
                    steps
                        .iter()
                        .zip(stream.normal_vec(steps.len()))
                        .map(|(&k, z)| (k, (0.3 * z).exp() / k as f64))
                        .collect()
                };
                let curves: Vec<_> = (0..8).map(|_| curve()).collect();
                let fit = power_of_mean(&curves).unwrap();
                (fit.low..=fit.high).contains(&1.0)
            })
            .count();
        // 95% of 400 is 380; five standard deviations of the count are 22.
        assert!((358..=400).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn student_s_quantiles_are_those_of_the_tables() {
        for (nu, t) in
            [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (15, 2.131), (30, 2.042), (1000, 1.962)]
        {
            assert!((student_975(nu) - t).abs() < 1e-3, "{nu}: {}", student_975(nu));
        }
    }

    #[test]
    fn what_has_no_rate_is_refused() {
        assert_eq!(
            linear(&[(0, 1.0), (1, 0.5), (2, 0.25)]),
            Err(RateError::TooFew { what: "points", needed: 4, got: 3 })
        );
        assert!(matches!(
            power(&[(1, 1.0), (2, 0.0), (3, 1.0), (4, 1.0)]),
            Err(RateError::NotPositive { step: 2, .. })
        ));
        assert!(matches!(power_of_mean(&[vec![(1, 1.0); 5]]), Err(RateError::TooFew { what: "curves", .. })));
    }
}
