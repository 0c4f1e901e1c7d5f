//! Bias and variance of a gradient estimator.

use kiln_dist::LogJoint;
use kiln_tensor::{Stream, flat::Layout, fused::in_pool};
use serde::Serialize;

use super::{
    Estimator, Guide, ViError, check,
    estimator::{Descent, estimate},
};

/// Mean and variance of an estimator's gradient of −ELBO. Entries follow the guide's parameters. Made by [`gradient_moments`].
#[derive(Clone, Debug, Serialize)]
pub struct GradientMoments {
    /// Mean gradient, `[p]`.
    pub mean: Vec<f64>,
    /// Standard error of the mean, `[p]`.
    pub standard_error: Vec<f64>,
    /// Sum of the variances of all entries.
    pub variance: f64,
    /// Standard error of `variance`.
    pub variance_standard_error: f64,
    /// Number of gradients.
    pub repeats: u64,
}

impl GradientMoments {
    /// Returns the largest distance of the mean from `exact` `[p]` over all entries, in standard errors.
    ///
    /// If an entry does not vary, a difference within rounding counts as zero.
    pub fn worst_bias(&self, exact: &[f64]) -> f64 {
        let each = self.mean.iter().zip(&self.standard_error).zip(exact).map(|((mean, error), exact)| {
            let rounding = 1e-12 * exact.abs().max(1.0);
            (mean - exact).abs() / error.max(rounding)
        });
        each.fold(0.0, f64::max)
    }
}

/// Estimates the mean and the variance of an estimator's gradient at `guide`.
///
/// Takes `repeats` gradients, at least 2, of `particles` draws each.
///
/// # Errors
/// Returns [`ViError`] if guide and model do not fit, if the estimator does not support the guide, or if there are too few
/// particles or repeats.
pub fn gradient_moments<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    repeats: u64,
    seed: u64,
) -> Result<GradientMoments, ViError> {
    estimator.check(guide, particles)?;
    check::dims(model, guide.dims())?;
    if repeats < 2 {
        return Err(ViError::Setting { name: "repeats", expected: "at least 2" });
    }
    let layout = Layout::of(guide);
    let p = layout.len();
    let guide = guide.clone();
    let draws: Vec<Vec<f64>> = in_pool(move || {
        (0..repeats)
            .map(|repeat| {
                let mut stream = Stream::new(seed, "gradient-moments", 0, repeat);
                let gradient = match estimate(model, &guide, estimator, particles, &mut stream)?.1 {
                    Descent::Loss(loss) => layout.gradients(&guide, &loss.backward()),
                    Descent::Vector(vector) => vector,
                };
                Ok(gradient.into_data().try_into_vec_as().expect("a float tensor converts to f64"))
            })
            .collect::<Result<_, ViError>>()
    })?;
    #[allow(clippy::cast_precision_loss, reason = "a number of gradients")]
    let n = draws.len() as f64;
    let mean: Vec<f64> = (0..p).map(|i| draws.iter().map(|g| g[i]).sum::<f64>() / n).collect();
    let square = |i: usize, g: &[f64]| (g[i] - mean[i]).powi(2);
    let each: Vec<f64> = (0..p).map(|i| draws.iter().map(|g| square(i, g)).sum::<f64>() / (n - 1.0)).collect();
    // The sum of the variances is the mean squared distance from the mean.
    let distances: Vec<f64> = draws.iter().map(|g| (0..p).map(|i| square(i, g)).sum()).collect();
    let variance = distances.iter().sum::<f64>() / (n - 1.0);
    let spread = distances.iter().map(|d| (d - variance).powi(2)).sum::<f64>() / (n - 1.0);
    Ok(GradientMoments {
        standard_error: each.iter().map(|v| (v / n).sqrt()).collect(),
        mean,
        variance,
        variance_standard_error: (spread / n).sqrt(),
        repeats,
    })
}
