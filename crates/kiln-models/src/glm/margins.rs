//! Average marginal effects: how much the mean changes with a feature, on average over the rows.

use serde::Serialize;

use super::{GlmModel, Part, Term, measures::count};
use kiln_tensor::special::tails;

/// The average marginal effect of a feature: the mean of ∂μ/∂x over the rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Margin {
    /// The feature.
    pub feature: usize,
    /// The effect, in units of the response per unit of the feature.
    pub effect: f64,
    /// Its standard error by the delta method.
    pub standard_error: f64,
    /// effect / standard error.
    pub z: f64,
    /// The two-sided p-value of the hypothesis that the effect is 0, by the normal distribution.
    pub p: f64,
}

impl GlmModel {
    /// Returns the average marginal effects of all features with a coefficient, over rows of features in row-major order.
    ///
    /// Every feature counts as continuous, also that of a category. Weights repeat rows. There are none for families with more than
    /// one linear predictor, and without known uncertainty.
    ///
    /// # References
    /// Greene, *Econometric Analysis* (2018), section 17.2.4.
    pub fn margins(&self, inputs: &[f64], offset: Option<&[f64]>, weights: Option<&[f64]>) -> Vec<Margin> {
        let Some(known) = self.uncertainty.as_ref().filter(|_| self.family.is_one_predictor() && self.features > 0)
        else {
            return Vec::new();
        };
        let n = self.places.len();
        // Means of μ′, and of μ″ times each parameter's factor.
        let (mut first, mut second, mut total) = (0.0, vec![0.0; n], 0.0);
        for (row, features) in inputs.chunks_exact(self.features).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            let eta = self.linear(Part::Mean, features, &[]) + offset.map_or(0.0, |offset| offset[row]);
            let [_, slope, curvature] = self.link.mean_and_derivatives(eta);
            first += weight * slope;
            total += weight;
            for (sum, place) in second.iter_mut().zip(&self.places) {
                *sum += weight * curvature * if let Term::Feature(index) = place.term { features[index] } else { 1.0 };
            }
        }
        first /= total;
        second.iter_mut().for_each(|sum| *sum /= total);
        let margin = |(i, feature): (usize, usize)| {
            let coefficient = self.parameters[i];
            let gradient: Vec<f64> =
                (0..n).map(|k| coefficient * second[k] + if k == i { first } else { 0.0 }).collect();
            let row = |a: usize| (0..n).map(|b| known.covariance[a * n + b] * gradient[b]).sum::<f64>();
            let variance: f64 = (0..n).map(|a| gradient[a] * row(a)).sum();
            let (effect, standard_error) = (coefficient * first, variance.sqrt());
            let z = effect / standard_error;
            Margin { feature, effect, standard_error, z, p: tails::normal_two_sided(z) }
        };
        let features = self.places.iter().enumerate().filter_map(|(i, place)| match (place.part, place.term) {
            (Part::Mean, Term::Feature(feature)) => Some((i, feature)),
            _ => None,
        });
        features.map(margin).collect()
    }
}

/// A test that some parameters are all 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WaldTest {
    /// bᵀ·V⁻¹·b with the parameters b and their covariance V.
    pub chi2: f64,
    /// The number of parameters.
    pub df: usize,
    /// The p-value: by χ², or by F with chi2/df for families with a dispersion.
    pub p: f64,
}

impl super::GlmInference {
    /// Tests that all parameters with the chosen places are 0. There is no test for none, or for a singular covariance.
    pub fn wald(&self, family: super::Family, is_tested: impl Fn(&super::Place) -> bool) -> Option<WaldTest> {
        let tested: Vec<usize> = (0..self.estimates.len()).filter(|i| is_tested(&self.estimates[*i].place)).collect();
        if tested.is_empty() {
            return None;
        }
        let covariance =
            kiln_tensor::linalg::Symmetric::from_fn(tested.len(), |i, j| self.covariance.at(tested[i], tested[j]));
        let b: Vec<f64> = tested.iter().map(|i| self.estimates[*i].estimate).collect();
        let chi2: f64 = covariance.cholesky()?.solve(&b).iter().zip(&b).map(|(x, y)| x * y).sum();
        let df = count(tested.len());
        let p = if family.has_dispersion() {
            tails::f_sf(chi2 / df, df, self.fit.df_residual)
        } else {
            tails::chi_squared_sf(chi2, df)
        };
        Some(WaldTest { chi2, df: tested.len(), p })
    }
}

/// Returns the variance inflation factor of each feature of rows in row-major order: 1/(1 − R²), with R² of its regression on an
/// intercept and the other features. It is infinite for features that depend on others.
///
/// # Example
/// ```
/// // Two features that have nothing in common, and then twice the same.
/// let independent = [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0];
/// assert_eq!(kiln_models::glm::variance_inflation(&independent, 2), [1.0, 1.0]);
/// let same = [1.0, 1.0, 2.0, 2.0, 4.0, 4.0];
/// assert!(kiln_models::glm::variance_inflation(&same, 2).iter().all(|factor| factor.is_infinite()));
/// ```
///
/// # References
/// Marquardt (1970), *Generalized inverses, ridge regression, biased linear estimation, and nonlinear estimation*.
pub fn variance_inflation(inputs: &[f64], features: usize) -> Vec<f64> {
    if features == 0 || inputs.is_empty() {
        return Vec::new();
    }
    let rows = count(inputs.len() / features);
    let mean: Vec<f64> = (0..features).map(|f| inputs.iter().skip(f).step_by(features).sum::<f64>() / rows).collect();
    let mut products = vec![0.0; features * features];
    for row in inputs.chunks_exact(features) {
        for i in 0..features {
            let centred = row[i] - mean[i];
            for j in 0..=i {
                products[i * features + j] += centred * (row[j] - mean[j]);
            }
        }
    }
    let scale: Vec<f64> = (0..features).map(|f| products[f * features + f].sqrt()).collect();
    let correlation = kiln_tensor::linalg::Symmetric::from_fn(features, |i, j| {
        if i == j { 1.0 } else { products[i * features + j] / (scale[i] * scale[j]) }
    });
    let infinite = vec![f64::INFINITY; features];
    let Some(factor) = correlation.cholesky() else { return infinite };
    let inverse = factor.inverse();
    // Rounding can give a singular matrix a Cholesky factor.
    (0..features).map(|f| inverse.at(f, f)).map(|factor| if factor < 1e14 { factor } else { f64::INFINITY }).collect()
}
