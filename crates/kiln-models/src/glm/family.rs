//! Families: the distributions of a response.

use std::{fmt, str::FromStr};

use kiln_tensor::special::host::ln_gamma;
use serde::{Deserialize, Serialize};

use super::{
    link::{Link, UnknownName},
    row::{NegativeBinomialRow, Variance},
};

/// The distribution of a response, given its predictors.
///
/// | family | response | links, the default first |
/// |---|---|---|
/// | `gaussian` | any number | identity, log, inverse |
/// | `binomial` | 0 or 1, or a share in between | logit, probit, cloglog, log |
/// | `poisson` | counts | log, identity, sqrt |
/// | `negative-binomial` | counts, variance μ + μ²/θ | log |
/// | `gamma` | positive numbers, variance φ·μ² | inverse, log, identity |
/// | `inverse-gaussian` | positive numbers, variance φ·μ³ | inverse-squared, log, identity, inverse |
/// | `multinomial` | classes | logit |
/// | `ordinal` | ordered classes | logit, probit, cloglog |
/// | `zero-inflated-poisson` | counts with additional zeros | log |
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, Link};
///
/// let family: Family = "gamma".parse()?;
/// assert_eq!((family.links()[0], family.has_dispersion()), (Link::Inverse, true));
/// # Ok::<(), kiln_models::glm::UnknownName>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The normal distribution with a variance σ² that is estimated: linear regression.
    Gaussian,
    /// Two classes, coded 0 and 1: logistic and probit regression.
    Binomial,
    /// Counts with variance μ.
    Poisson,
    /// Counts with variance μ + μ²/θ (NB2).
    NegativeBinomial {
        /// θ > 0. `None`: it is estimated by maximum likelihood together with the coefficients.
        theta: Option<f64>,
    },
    /// Positive numbers with variance φ·μ².
    Gamma,
    /// Positive numbers with variance φ·μ³.
    InverseGaussian,
    /// Classes without an order, each with coefficients relative to the first: softmax regression.
    Multinomial,
    /// Ordered classes with thresholds α_k: P(y ≤ k) = F(α_k − x·β). With the logit link the proportional odds model.
    Ordinal,
    /// Counts that are 0 with probability π, and Poisson otherwise.
    ZeroInflatedPoisson,
}

/// A fitted mean μ, and 1 − μ, which has its own digits where μ is a probability near 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fitted {
    pub(super) mean: f64,
    pub(super) complement: f64,
}

impl Fitted {
    pub(super) fn at(link: Link, eta: f64) -> Self {
        Self { mean: link.mean(eta), complement: link.complement(eta) }
    }

    pub(super) fn of(mean: f64) -> Self {
        Self { mean, complement: 1.0 - mean }
    }

    /// y − μ.
    pub(super) fn residual(self, family: Family, y: f64) -> f64 {
        if family == Family::Binomial { y * self.complement - (1.0 - y) * self.mean } else { y - self.mean }
    }
}

impl Family {
    /// All families; the negative binomial's θ is estimated.
    pub const ALL: [Self; 9] = [
        Self::Gaussian,
        Self::Binomial,
        Self::Poisson,
        Self::NegativeBinomial { theta: None },
        Self::Gamma,
        Self::InverseGaussian,
        Self::Multinomial,
        Self::Ordinal,
        Self::ZeroInflatedPoisson,
    ];

    /// Returns the name, such as `inverse-gaussian`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Binomial => "binomial",
            Self::Poisson => "poisson",
            Self::NegativeBinomial { .. } => "negative-binomial",
            Self::Gamma => "gamma",
            Self::InverseGaussian => "inverse-gaussian",
            Self::Multinomial => "multinomial",
            Self::Ordinal => "ordinal",
            Self::ZeroInflatedPoisson => "zero-inflated-poisson",
        }
    }

    /// Returns the links that the family can have, the default first.
    pub fn links(self) -> &'static [Link] {
        match self {
            Self::Gaussian => &[Link::Identity, Link::Log, Link::Inverse],
            Self::Binomial => &[Link::Logit, Link::Probit, Link::Cloglog, Link::Log],
            Self::Poisson => &[Link::Log, Link::Identity, Link::Sqrt],
            Self::Gamma => &[Link::Inverse, Link::Log, Link::Identity],
            Self::InverseGaussian => &[Link::InverseSquared, Link::Log, Link::Identity, Link::Inverse],
            Self::Multinomial => &[Link::Logit],
            Self::Ordinal => &[Link::Logit, Link::Probit, Link::Cloglog],
            Self::NegativeBinomial { .. } | Self::ZeroInflatedPoisson => &[Link::Log],
        }
    }

    /// Returns whether a dispersion φ is estimated from the residuals: for the normal, gamma and inverse Gaussian distributions.
    pub fn has_dispersion(self) -> bool {
        matches!(self, Self::Gaussian | Self::Gamma | Self::InverseGaussian)
    }

    /// Returns whether a response is the index of a class.
    pub fn has_classes(self) -> bool {
        matches!(self, Self::Multinomial | Self::Ordinal)
    }

    /// Returns whether there is a closed form of the expected information. For the multinomial family it is the observed one.
    pub fn has_expected_information(self) -> bool {
        self.is_one_predictor() || self == Self::Multinomial
    }

    /// Returns whether the coefficients have the expected information as their default: for families with one linear predictor.
    pub(super) fn is_one_predictor(self) -> bool {
        !matches!(
            self,
            Self::NegativeBinomial { theta: None } | Self::Multinomial | Self::Ordinal | Self::ZeroInflatedPoisson
        )
    }

    /// Returns what a response must be if `y` is not one.
    pub(super) fn expected_instead_of(self, y: f64) -> Option<&'static str> {
        let (valid, expected) = match self {
            Self::Gaussian => (y.is_finite(), "a finite number"),
            Self::Binomial => ((0.0..=1.0).contains(&y), "between 0 and 1"),
            Self::Gamma | Self::InverseGaussian => (y > 0.0 && y.is_finite(), "positive and finite"),
            Self::Multinomial | Self::Ordinal => (y >= 0.0 && y.fract() == 0.0 && y < 1e6, "the index of a class"),
            // R's glm warns of counts that are not whole. A log-density exists only for whole ones.
            Self::Poisson | Self::NegativeBinomial { .. } | Self::ZeroInflatedPoisson => {
                (y >= 0.0 && y.fract() == 0.0 && y.is_finite(), "a count: 0, 1, 2, …")
            }
        };
        (!valid).then_some(expected)
    }

    /// Returns the variance function of an exponential dispersion model.
    pub(super) fn variance(self) -> Option<Variance> {
        match self {
            Self::Gaussian => Some(Variance::Constant),
            Self::Poisson => Some(Variance::Linear),
            Self::Gamma => Some(Variance::Square),
            Self::InverseGaussian => Some(Variance::Cube),
            _ => None,
        }
    }

    /// Returns V(μ) at dispersion 1, for families with one linear predictor.
    pub(super) fn variance_at(self, fitted: Fitted) -> f64 {
        let mean = fitted.mean;
        match self {
            Self::Gaussian => 1.0,
            Self::Binomial => mean * fitted.complement,
            Self::NegativeBinomial { theta: Some(theta) } => mean + mean * mean / theta,
            Self::Gamma => mean * mean,
            Self::InverseGaussian => mean * mean * mean,
            _ => mean,
        }
    }

    /// Returns the deviance of one response: twice the log-likelihood that its own mean would gain, at dispersion 1.
    pub(super) fn deviance(self, y: f64, fitted: Fitted) -> f64 {
        let mean = fitted.mean;
        // y·ln(y/μ), 0 for y = 0.
        let entropy = |y: f64, mean: f64| if y == 0.0 { 0.0 } else { y * (y / mean).ln() };
        match self {
            Self::Gaussian => (y - mean) * (y - mean),
            Self::Binomial => 2.0 * (entropy(y, mean) + entropy(1.0 - y, fitted.complement)),
            Self::Poisson => 2.0 * (entropy(y, mean) - (y - mean)),
            Self::NegativeBinomial { theta: Some(theta) } => {
                2.0 * (entropy(y, mean) - (y + theta) * ((y - mean) / (mean + theta)).ln_1p())
            }
            Self::Gamma => 2.0 * ((y - mean) / mean - (y / mean).ln()),
            Self::InverseGaussian => (y - mean) * (y - mean) / (mean * mean * y),
            _ => f64::NAN,
        }
    }

    /// Returns the terms of the log-density that do not depend on the predictors, for a dispersion of 1.
    pub(super) fn constant(self, y: f64) -> f64 {
        match self {
            Self::Poisson | Self::ZeroInflatedPoisson | Self::NegativeBinomial { theta: None } => -ln_gamma(y + 1.0),
            Self::NegativeBinomial { theta: Some(theta) } => {
                NegativeBinomialRow::rising(y, theta)[0] - ln_gamma(y + 1.0)
            }
            _ => 0.0,
        }
    }

    /// Returns the log-density at a dispersion φ, for the families that have one.
    pub(super) fn log_density(self, y: f64, fitted: Fitted, dispersion: f64) -> f64 {
        let (phi, mean) = (dispersion, fitted.mean);
        match self {
            Self::Gamma => {
                let shape = phi.recip();
                shape * (shape * y / mean).ln() - shape * y / mean - y.ln() - ln_gamma(shape)
            }
            Self::InverseGaussian => {
                -0.5 * (self.deviance(y, fitted) / phi + (std::f64::consts::TAU * phi * y.powi(3)).ln())
            }
            _ => -0.5 * (self.deviance(y, fitted) / phi + (std::f64::consts::TAU * phi).ln()),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|family| family.name() == text).ok_or_else(|| UnknownName {
            text: text.to_owned(),
            what: "family",
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    #[test]
    fn a_deviance_is_zero_at_the_response_and_positive_elsewhere() {
        let families = [
            Family::Gaussian,
            Family::Poisson,
            Family::NegativeBinomial { theta: Some(2.0) },
            Family::Gamma,
            Family::InverseGaussian,
        ];
        for family in families {
            assert_close(&[family.deviance(3.0, Fitted::of(3.0))], &[0.0], 0.0, 1e-15, family.name());
            assert!(
                family.deviance(3.0, Fitted::of(2.0)) > 0.03 && family.deviance(3.0, Fitted::of(4.5)) > 0.03,
                "{family}"
            );
        }
        assert_close(&[Family::Binomial.deviance(1.0, Fitted::of(0.25))], &[2.0 * 4f64.ln()], 1e-15, 0.0, "binomial");
    }

    #[test]
    fn names_and_responses_are_checked() {
        for family in Family::ALL {
            assert_eq!(family.name().parse::<Family>(), Ok(family));
        }
        assert_eq!(Family::Poisson.expected_instead_of(1.5), Some("a count: 0, 1, 2, …"));
        assert_eq!(Family::Gamma.expected_instead_of(0.0), Some("positive and finite"));
        assert_eq!(Family::Binomial.expected_instead_of(f64::NAN), Some("between 0 and 1"));
        assert_eq!(Family::Gaussian.expected_instead_of(-4.0), None);
    }
}
