//! Pareto-smoothed importance sampling: a diagnostic of how well a guide covers its posterior.

use std::fmt;

use kiln_tensor::special::host::log_sum_exp;

/// Pareto-smoothed importance weights and the shape of their tail. Made by [`psis`].
#[derive(Clone, PartialEq)]
pub struct Psis {
    /// k̂, the shape of the generalised Pareto distribution that fits the largest weights. Below 0.7 weighted averages are
    /// reliable. Above 0.7 the posterior has mass where the guide rarely draws. Infinite if there are too few weights to tell.
    pub khat: f64,
    /// The logarithms of the smoothed weights. The weights sum to 1.
    pub log_weights: Vec<f64>,
}

impl Psis {
    /// Returns the effective sample size 1/Σ w² (Kong, 1992).
    pub fn effective_sample_size(&self) -> f64 {
        self.log_weights.iter().map(|w| (2.0 * w).exp()).sum::<f64>().recip()
    }
}

impl fmt::Debug for Psis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Psis")
            .field("khat", &self.khat)
            .field("effective_sample_size", &self.effective_sample_size())
            .field("weights", &self.log_weights.len())
            .finish_non_exhaustive()
    }
}

/// Smooths the largest importance weights by a generalised Pareto distribution.
///
/// `log_ratios` holds ln p(data, z) − ln q(z) of draws z from q.
///
/// # Example
/// ```
/// use kiln_train::vi::psis;
///
/// let smoothed = psis(&[0.3; 100]);
/// assert!((smoothed.effective_sample_size() - 100.0).abs() < 1e-9, "equal weights");
/// ```
///
/// # References
/// Vehtari, Simpson, Gelman, Yao and Gabry (2024), *Pareto smoothed importance sampling*, JMLR, algorithm 1.
pub fn psis(log_ratios: &[f64]) -> Psis {
    let largest = log_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights: Vec<f64> = log_ratios.iter().map(|r| r - largest).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of draws"
    )]
    let length = (0.2 * weights.len() as f64).min(3.0 * (weights.len() as f64).sqrt()).ceil() as usize;
    let mut khat = f64::INFINITY;
    if largest.is_finite() && length > 4 && length < weights.len() {
        let (rest, tail) = order.split_at(order.len() - length);
        let cutoff = weights[rest[rest.len() - 1]].max(f64::MIN_POSITIVE.ln());
        let tail: Vec<usize> = tail.iter().copied().filter(|&i| weights[i] > cutoff).collect();
        let excess: Vec<f64> = tail.iter().map(|&i| weights[i].exp() - cutoff.exp()).collect();
        if excess.len() > 4 {
            let (shape, scale) = generalised_pareto(&excess);
            khat = shape;
            if shape.is_finite() {
                for (rank, &i) in tail.iter().enumerate() {
                    #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
                    let p = (rank as f64 + 0.5) / tail.len() as f64;
                    let quantile = if shape.abs() < 1e-12 {
                        -scale * (-p).ln_1p()
                    } else {
                        scale * (-shape * (-p).ln_1p()).exp_m1() / shape
                    };
                    weights[i] = (quantile + cutoff.exp()).ln().min(0.0);
                }
            }
        }
    }
    let all = log_sum_exp(&weights);
    Psis { khat, log_weights: weights.iter().map(|w| w - all).collect() }
}

/// Fits the shape and the scale of a generalised Pareto distribution to positive numbers in ascending order.
///
/// The method of Zhang and Stephens (2009), with the weakly informative prior of Vehtari et al., appendix C, which counts as ten
/// observations of ½.
#[allow(clippy::cast_precision_loss, reason = "numbers of draws")]
fn generalised_pareto(excess: &[f64]) -> (f64, f64) {
    let n = excess.len();
    let quartile = excess[(n as f64 / 4.0 + 0.5).floor() as usize - 1];
    let m = 30 + (n as f64).sqrt().floor() as usize;
    let shape_at = |theta: f64| excess.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n as f64;
    let grid: Vec<f64> = (1..=m)
        .map(|j| excess[n - 1].recip() + (1.0 - (m as f64 / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile))
        .collect();
    let profile: Vec<f64> = grid
        .iter()
        .map(|theta| {
            let shape = shape_at(*theta);
            n as f64 * ((-theta / shape).ln() - shape - 1.0)
        })
        .collect();
    let weight = |j: usize| profile.iter().map(|other| (other - profile[j]).exp()).sum::<f64>().recip();
    let weights: Vec<f64> = (0..m).map(weight).map(|w| if w >= 10.0 * f64::EPSILON { w } else { 0.0 }).collect();
    let total: f64 = weights.iter().sum();
    let theta = grid.iter().zip(&weights).map(|(t, w)| t * w).sum::<f64>() / total;
    let shape = shape_at(theta);
    let scale = -shape / theta;
    (((n as f64) * shape + 10.0 * 0.5) / (n as f64 + 10.0), scale)
}
