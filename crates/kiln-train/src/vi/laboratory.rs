//! What an estimator's gradients are like: mean, and variance.

use kiln_tensor::{Stream, flat::Layout, fused::in_pool};
use serde::Serialize;

use super::{
    Estimator, Guide, LogJoint, ViError,
    estimator::{Descent, estimate},
};

/// The first two moments of an estimator's gradients of −bound, in the order of the guide's parameters.
#[derive(Clone, Debug, Serialize)]
pub struct GradientMoments {
    /// `[p]`.
    pub mean: Vec<f64>,
    /// Of the mean, `[p]`.
    pub standard_error: Vec<f64>,
    /// The variances' sum.
    pub variance: f64,
    /// Of that sum.
    pub variance_standard_error: f64,
    /// Gradients taken.
    pub repeats: u64,
}

impl GradientMoments {
    /// By how many standard errors the mean is from `exact` `[p]`, in the parameter where it is furthest. Where a gradient does not vary, what
    /// is within rounding counts as none.
    pub fn worst_bias(&self, exact: &[f64]) -> f64 {
        let each = self.mean.iter().zip(&self.standard_error).zip(exact).map(|((mean, error), exact)| {
            let rounding = 1e-12 * exact.abs().max(1.0);
            (mean - exact).abs() / error.max(rounding)
        });
        each.fold(0.0, f64::max)
    }
}

/// Moments of `repeats` ≥ 2 gradients of `particles` draws each, at `guide`.
///
/// # Errors
/// [`ViError::Setting`] where the estimator cannot be had of such a guide, or of so few draws.
pub fn gradient_moments<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    repeats: u64,
    seed: u64,
) -> Result<GradientMoments, ViError> {
    estimator.check(guide, particles)?;
    let layout = Layout::of(guide);
    let p = layout.len();
    let guide = guide.clone();
    let draws: Vec<Vec<f64>> = in_pool(move || {
        (0..repeats.max(2))
            .map(|repeat| {
                let mut stream = Stream::new(seed, "gradient-moments", 0, repeat);
                let gradient = match estimate(model, &guide, estimator, particles, &mut stream).1 {
                    Descent::Loss(loss) => layout.gradients(&guide, &loss.backward()),
                    Descent::Vector(vector) => vector,
                };
                gradient.into_data().try_into_vec_as().expect("floats")
            })
            .collect()
    });
    #[allow(clippy::cast_precision_loss, reason = "a number of gradients")]
    let n = draws.len() as f64;
    let mean: Vec<f64> = (0..p).map(|i| draws.iter().map(|g| g[i]).sum::<f64>() / n).collect();
    let square = |i: usize, g: &[f64]| (g[i] - mean[i]).powi(2);
    let each: Vec<f64> = (0..p).map(|i| draws.iter().map(|g| square(i, g)).sum::<f64>() / (n - 1.0)).collect();
    // The sum of variances is the mean of squared distances.
    let distances: Vec<f64> = draws.iter().map(|g| (0..p).map(|i| square(i, g)).sum()).collect();
    let variance = distances.iter().sum::<f64>() / (n - 1.0);
    let spread = distances.iter().map(|d| (d - variance).powi(2)).sum::<f64>() / (n - 1.0);
    Ok(GradientMoments {
        standard_error: each.iter().map(|v| (v / n).sqrt()).collect(),
        mean,
        variance,
        variance_standard_error: (spread / n).sqrt(),
        repeats: repeats.max(2),
    })
}
