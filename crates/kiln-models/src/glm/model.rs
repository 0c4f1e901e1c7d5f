//! A fitted model, for predictions.

use kiln_tensor::linalg::Symmetric;
use serde::{Deserialize, Serialize};

use super::{
    Family, GlmInference, GlmLoss, Link, Part, Place, Term,
    classes::class_probabilities,
    family::Fitted,
    link::{sigmoid, softplus},
};

/// The parameters of a fitted generalised linear model, in the units of the data: what predictions need.
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, GlmModel, Link, Part, Place, Term};
///
/// let place = |term| Place { part: Part::Mean, term };
/// let model = GlmModel {
///     family: Family::Poisson,
///     link: Link::Log,
///     features: 1,
///     inflation: 0,
///     classes: 0,
///     places: vec![place(Term::Feature(0)), place(Term::Intercept)],
///     parameters: vec![2f64.ln(), 0.0],
///     dispersion: 1.0,
///     uncertainty: None,
/// };
/// assert!((model.predict(&[3.0], &[], 0.0).mean[0] - 8.0).abs() < 1e-14);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GlmModel {
    /// The family.
    pub family: Family,
    /// The link.
    pub link: Link,
    /// The number of features.
    pub features: usize,
    /// The number of features of the inflation.
    pub inflation: usize,
    /// The number of classes; 0 for families without classes.
    pub classes: usize,
    /// The places of the parameters. A feature without a place has the coefficient 0.
    pub places: Vec<Place>,
    /// The parameters.
    pub parameters: Vec<f64>,
    /// The dispersion φ; 1 for families without it.
    pub dispersion: f64,
    /// How certain they are, if the fit says so.
    pub uncertainty: Option<Uncertainty>,
}

/// The uncertainty of the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uncertainty {
    /// The covariance matrix, in row-major order.
    pub covariance: Vec<f64>,
    /// The quantile by which standard errors are multiplied.
    pub quantile: f64,
}

/// The prediction for a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The mean response; for families with classes the probability of each class.
    pub mean: Vec<f64>,
    /// The confidence interval of the mean, for families with one mean and known uncertainty: of the linear predictor, through the
    /// link.
    pub interval: Option<[f64; 2]>,
    /// The interval for a new response, for `gaussian` with the identity link and known uncertainty.
    pub response_interval: Option<[f64; 2]>,
}

/// What a parameter is multiplied with.
fn entry(place: &Place, row: &[f64], inflation: &[f64]) -> f64 {
    match (place.part, place.term) {
        (Part::Inflation, Term::Feature(index)) => inflation[index],
        (_, Term::Feature(index)) => row[index],
        _ => 1.0,
    }
}

impl GlmModel {
    /// Takes the parameters of a fit at the maximum `x`, a solver's vector.
    pub fn new(loss: &GlmLoss, x: &[f64], inference: Option<&GlmInference>) -> Self {
        let uncertainty = inference.map(|inference| {
            let n = inference.covariance.rows();
            Uncertainty {
                covariance: (0..n * n).map(|k| inference.covariance.at(k / n, k % n)).collect(),
                quantile: inference.quantile,
            }
        });
        Self {
            family: loss.fixed_family(x),
            link: loss.link,
            features: loss.design.groups()[0].features,
            inflation: loss.design.groups().get(1).map_or(0, |group| group.features),
            classes: if loss.family.has_classes() { loss.classes } else { 0 },
            places: loss.places(),
            parameters: loss.coefficients_at_maximum(x),
            dispersion: inference.map_or_else(|| loss.dispersion_at(x), |inference| inference.dispersion),
            uncertainty,
        }
    }

    /// Returns whether all parts of the model fit together.
    pub fn is_consistent(&self) -> bool {
        let n = self.parameters.len();
        let fits = |place: &Place| match (place.part, place.term) {
            (Part::Inflation, Term::Feature(index)) => index < self.inflation,
            (Part::Class(class), _) if class == 0 || class >= self.classes => false,
            (_, Term::Feature(index)) => index < self.features,
            (Part::Thresholds, Term::Threshold(index)) => index + 1 < self.classes,
            _ => true,
        };
        let enough = !self.family.has_classes() || self.classes >= 2;
        let covariance = self.uncertainty.as_ref().is_none_or(|known| known.covariance.len() == n * n);
        n == self.places.len()
            && self.family.links().contains(&self.link)
            && enough
            && covariance
            && self.places.iter().all(fits)
    }

    /// Predicts a row with the given features, features of the inflation and offset.
    ///
    /// # Panics
    /// If there are fewer features than the model has.
    pub fn predict(&self, row: &[f64], inflation: &[f64], offset: f64) -> Prediction {
        let entry = |place: &Place| entry(place, row, inflation);
        let sum = |part: Part| self.linear(part, row, inflation);
        if self.family.has_classes() || self.family == Family::ZeroInflatedPoisson {
            return Prediction { mean: self.means_of(sum, offset), interval: None, response_interval: None };
        }
        self.with_interval(sum(Part::Mean) + offset, entry)
    }

    /// The mean, or that of each class, for the linear predictor of each part without the offset.
    pub(super) fn means_of(&self, sum: impl Fn(Part) -> f64, offset: f64) -> Vec<f64> {
        match self.family {
            Family::Multinomial => {
                let eta: Vec<f64> = (1..self.classes).map(|k| sum(Part::Class(k))).collect();
                class_probabilities(self.family, self.link, self.classes, &eta)
            }
            Family::Ordinal => {
                let mut eta = vec![sum(Part::Mean) + offset];
                let own = self.places.iter().zip(&self.parameters);
                eta.extend(own.filter(|(place, _)| place.part == Part::Thresholds).map(|(_, threshold)| *threshold));
                class_probabilities(self.family, self.link, self.classes, &eta)
            }
            Family::ZeroInflatedPoisson => vec![(sum(Part::Mean) + offset).exp() * sigmoid(-sum(Part::Inflation))],
            _ => vec![self.link.mean(sum(Part::Mean) + offset)],
        }
    }

    /// The linear predictor of a part, without an offset.
    pub(super) fn linear(&self, part: Part, row: &[f64], inflation: &[f64]) -> f64 {
        let own = self.places.iter().zip(&self.parameters).filter(|(place, _)| place.part == part);
        own.map(|(place, value)| value * entry(place, row, inflation)).sum()
    }

    fn with_interval(&self, eta: f64, entry: impl Fn(&Place) -> f64) -> Prediction {
        let mean = vec![self.link.mean(eta)];
        let Some(known) = &self.uncertainty else {
            return Prediction { mean, interval: None, response_interval: None };
        };
        let n = self.places.len();
        let entries: Vec<f64> =
            self.places.iter().map(|place| if place.part == Part::Mean { entry(place) } else { 0.0 }).collect();
        let covariance = Symmetric::from_fn(n, |i, j| known.covariance[i * n + j]);
        let variance: f64 = covariance.multiply(&entries).iter().zip(&entries).map(|(a, b)| a * b).sum();
        let half = known.quantile * variance.max(0.0).sqrt();
        let ends = [eta - half, eta + half].map(|eta| self.link.mean(eta));
        // An inverse link turns the ends around.
        let interval = [ends[0].min(ends[1]), ends[0].max(ends[1])];
        let is_linear = self.family == Family::Gaussian && self.link == Link::Identity;
        let response_interval = is_linear.then(|| {
            let half = known.quantile * (variance + self.dispersion).sqrt();
            [eta - half, eta + half]
        });
        Prediction { mean, interval: ends.iter().all(|end| !end.is_nan()).then_some(interval), response_interval }
    }

    /// −ln p of a response, for its means, and the linear predictor of each part without the offset.
    pub(super) fn loss_of(&self, y: f64, means: &[f64], sum: impl Fn(Part) -> f64, offset: f64) -> f64 {
        let mean = means[0];
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index of a class")]
        match self.family {
            Family::Multinomial | Family::Ordinal => -means.get(y as usize).copied().unwrap_or(f64::NAN).ln(),
            Family::Binomial => {
                -(if y > 0.0 { y * mean.ln() } else { 0.0 } + if y < 1.0 { (1.0 - y) * (-mean).ln_1p() } else { 0.0 })
            }
            Family::Poisson => mean - if y > 0.0 { y * mean.ln() } else { 0.0 } - self.family.constant(y),
            Family::NegativeBinomial { theta } => {
                let theta = theta.unwrap_or(f64::NAN);
                let ln = (mean / theta).ln_1p();
                let ln_share = mean.ln() - theta.ln() - ln;
                theta * ln - if y > 0.0 { y * ln_share } else { 0.0 } - Self::ln_rising(y, theta)
            }
            Family::ZeroInflatedPoisson => {
                let (eta, zero) = (sum(Part::Mean) + offset, sum(Part::Inflation));
                let rate = eta.exp();
                if y > 0.0 {
                    softplus(zero) + rate - y * eta - self.family.constant(y)
                } else {
                    softplus(zero) - softplus(zero + rate) + rate
                }
            }
            _ => -self.family.log_density(y, Fitted::of(mean), self.dispersion),
        }
    }

    /// ln Γ(y + θ) − ln Γ(θ) − ln Γ(y + 1).
    fn ln_rising(y: f64, theta: f64) -> f64 {
        use kiln_tensor::special::host::ln_gamma;
        ln_gamma(y + theta) - ln_gamma(theta) - ln_gamma(y + 1.0)
    }
}
