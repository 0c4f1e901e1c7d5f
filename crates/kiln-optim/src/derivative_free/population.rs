//! The constants of CMA-ES, which depend on the number of variables and of points.

/// The constants of a run, with the names of Hansen's tutorial.
#[derive(Clone, Debug)]
pub(super) struct Constants {
    /// λ, the number of points per generation.
    pub(super) lambda: usize,
    /// The weights of the points, best first. The first ones sum to 1; those of the worse half are negative.
    pub(super) weights: Vec<f64>,
    /// μ, the number of positive weights.
    pub(super) parents: usize,
    /// The effective number of parents, 1 / Σ w² of the positive weights.
    pub(super) mu_eff: f64,
    pub(super) c_sigma: f64,
    pub(super) d_sigma: f64,
    pub(super) c_c: f64,
    pub(super) c_1: f64,
    pub(super) c_mu: f64,
    /// The expected length of a standard normal vector.
    pub(super) expected_length: f64,
    /// How many generations an eigenvalue decomposition serves.
    pub(super) lag: usize,
}

impl Constants {
    /// The default λ, 4 + ⌊3·ln n⌋.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small counts"
    )]
    pub(super) fn usual_lambda(n: usize) -> usize {
        4 + (3.0 * (n as f64).ln()) as usize
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small counts"
    )]
    pub(super) fn new(n: usize, lambda: usize) -> Self {
        let (parents, dimension) = (lambda / 2, n as f64);
        let raw: Vec<f64> = (1..=lambda).map(|i| ((lambda as f64 + 1.0) / 2.0).ln() - (i as f64).ln()).collect();
        let effective = |weights: &[f64]| {
            let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
            if squares > 0.0 { sum * sum / squares } else { 0.0 }
        };
        let mu_eff = effective(&raw[..parents]);
        let c_c = (4.0 + mu_eff / dimension) / (dimension + 4.0 + 2.0 * mu_eff / dimension);
        let c_sigma = (mu_eff + 2.0) / (dimension + mu_eff + 5.0);
        let c_1 = 2.0 / ((dimension + 1.3).powi(2) + mu_eff);
        let c_mu = (1.0 - c_1).min(2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0) / ((dimension + 2.0).powi(2) + mu_eff));
        let d_sigma = 1.0 + 2.0 * (((mu_eff - 1.0) / (dimension + 1.0)).max(0.0).sqrt() - 1.0).max(0.0) + c_sigma;
        // The negative weights keep the matrix positive definite.
        let negative = (1.0 + c_1 / c_mu)
            .min(1.0 + 2.0 * effective(&raw[parents..]) / (mu_eff + 2.0))
            .min((1.0 - c_1 - c_mu) / (dimension * c_mu));
        let (above, below) =
            raw.iter().fold((0.0, 0.0), |(above, below), w: &f64| (above + w.max(0.0), below - w.min(0.0)));
        let weights = raw.iter().map(|w| if *w >= 0.0 { w / above } else { negative * w / below }).collect();
        let expected_length = dimension.sqrt() * (1.0 - 1.0 / (4.0 * dimension) + 1.0 / (21.0 * dimension * dimension));
        let lag = (1.0 / (10.0 * dimension * (c_1 + c_mu))).max(1.0) as usize;
        Self { lambda, weights, parents, mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu, expected_length, lag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that pycma 4 prints for n = 10: popsize 10, mueff 3.1673, cc 0.2950, c1 0.01528, cmu 0.0216 with negative weights.
    #[test]
    fn the_constants_for_ten_variables() {
        let lambda = Constants::usual_lambda(10);
        assert_eq!(lambda, 10);
        let constants = Constants::new(10, lambda);
        let near = |a: f64, b: f64| (a - b).abs() < 5e-4 * b.abs();
        assert!(near(constants.mu_eff, 3.1673), "{}", constants.mu_eff);
        assert!(near(constants.c_c, 0.2950), "{}", constants.c_c);
        assert!((constants.weights[..constants.parents].iter().sum::<f64>() - 1.0).abs() < 1e-14);
        assert!(constants.weights[constants.parents..].iter().all(|w| *w <= 0.0));
    }
}
