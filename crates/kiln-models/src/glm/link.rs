//! Link functions.

use std::{fmt, str::FromStr};

use kiln_tensor::special::tails;
use serde::{Deserialize, Serialize};

/// A link function g: the mean μ of a response has g(μ) = η, the linear predictor.
///
/// # Example
/// ```
/// use kiln_models::glm::Link;
///
/// let link: Link = "logit".parse()?;
/// assert_eq!(link.mean(0.0), 0.5);
/// assert!((link.predictor(0.25) + 3f64.ln()).abs() < 1e-15);
/// # Ok::<(), kiln_models::glm::UnknownName>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// η = μ.
    Identity,
    /// η = ln μ.
    Log,
    /// η = ln(μ/(1 − μ)).
    Logit,
    /// η = Φ⁻¹(μ), the quantile of the standard normal distribution.
    Probit,
    /// η = ln(−ln(1 − μ)), the complementary log-log link.
    Cloglog,
    /// η = 1/μ.
    Inverse,
    /// η = 1/μ².
    InverseSquared,
    /// η = √μ.
    Sqrt,
}

/// A text that does not name a family or a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {what}; choose one of {known}")]
pub struct UnknownName {
    pub(super) text: String,
    pub(super) what: &'static str,
    pub(super) known: String,
}

impl Link {
    /// All links.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Log,
        Self::Logit,
        Self::Probit,
        Self::Cloglog,
        Self::Inverse,
        Self::InverseSquared,
        Self::Sqrt,
    ];

    /// Returns the name, such as `inverse-squared`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Log => "log",
            Self::Logit => "logit",
            Self::Probit => "probit",
            Self::Cloglog => "cloglog",
            Self::Inverse => "inverse",
            Self::InverseSquared => "inverse-squared",
            Self::Sqrt => "sqrt",
        }
    }

    /// Returns the mean μ = g⁻¹(η). It is NaN where no mean has the predictor η.
    pub fn mean(self, eta: f64) -> f64 {
        match self {
            Self::Logit => sigmoid(eta),
            _ => self.mean_and_derivatives(eta)[0],
        }
    }

    /// Returns the linear predictor η = g(μ).
    pub fn predictor(self, mean: f64) -> f64 {
        match self {
            Self::Identity => mean,
            Self::Log => mean.ln(),
            Self::Logit => mean.ln() - (-mean).ln_1p(),
            Self::Probit => tails::normal_quantile(mean),
            Self::Cloglog => (-(-mean).ln_1p()).ln(),
            Self::Inverse => mean.recip(),
            Self::InverseSquared => (mean * mean).recip(),
            Self::Sqrt => mean.sqrt(),
        }
    }

    /// Returns 1 − μ, for links of probabilities with its relative precision.
    pub(super) fn complement(self, eta: f64) -> f64 {
        match self {
            Self::Logit => sigmoid(-eta),
            Self::Probit => tails::normal_cdf(-eta),
            Self::Cloglog => (-eta.exp()).exp(),
            Self::Log => -eta.exp_m1(),
            _ => 1.0 - self.mean(eta),
        }
    }

    /// Returns μ, dμ/dη and d²μ/dη².
    pub(super) fn mean_and_derivatives(self, eta: f64) -> [f64; 3] {
        match self {
            Self::Identity => [eta, 1.0, 0.0],
            Self::Log => [eta.exp(); 3],
            Self::Logit => {
                let e = (-eta.abs()).exp();
                let (large, small) = (1.0 / (1.0 + e), e / (1.0 + e));
                let (p, q) = if eta >= 0.0 { (large, small) } else { (small, large) };
                [p, p * q, p * q * (q - p)]
            }
            Self::Probit => {
                let density = tails::normal_pdf(eta);
                [tails::normal_cdf(eta), density, -eta * density]
            }
            Self::Cloglog => {
                let t = eta.exp();
                let density = (eta - t).exp();
                [-(-t).exp_m1(), density, density * (1.0 - t)]
            }
            Self::Inverse => {
                let mean = eta.recip();
                [mean, -mean * mean, 2.0 * mean * mean * mean]
            }
            Self::InverseSquared if eta > 0.0 => {
                let mean = eta.sqrt().recip();
                [mean, -0.5 * mean / eta, 0.75 * mean / (eta * eta)]
            }
            Self::Sqrt if eta >= 0.0 => [eta * eta, 2.0 * eta, 2.0],
            Self::InverseSquared | Self::Sqrt => [f64::NAN; 3],
        }
    }
}

/// Returns 1/(1 + e^−x).
pub(super) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// Returns ln(1 + eˣ).
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Link {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|link| link.name() == text).ok_or_else(|| UnknownName {
            text: text.to_owned(),
            what: "link",
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    #[test]
    fn each_link_undoes_its_mean_and_has_its_derivatives() {
        for link in Link::ALL {
            for eta in [0.3, 0.9, 1.7] {
                let [mean, first, second] = link.mean_and_derivatives(eta);
                assert_close(&[link.predictor(mean)], &[eta], 1e-14, 0.0, link.name());
                // Central differences: an error of h²·f‴/6 and of ε/h.
                let h = 1e-5;
                let [above, below] = [eta + h, eta - h].map(|eta| link.mean_and_derivatives(eta));
                let differences = [(above[0] - below[0]) / (2.0 * h), (above[1] - below[1]) / (2.0 * h)];
                assert_close(&[first, second], &differences, 1e-8, 1e-10, link.name());
            }
            assert_eq!(link.name().parse::<Link>(), Ok(link));
        }
        let unknown = "logistic".parse::<Link>().unwrap_err().to_string();
        assert!(unknown.starts_with("'logistic' is not a link; choose one of identity, log,"), "{unknown}");
        assert!(Link::Sqrt.mean(-1.0).is_nan() && Link::InverseSquared.mean(0.0).is_nan());
    }
}
