//! Averages of the iterates.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ConfigError, require};
use crate::schedule::{Options, SpecError, through_text, unknown};

/// An average of the iterates θ₁, θ₂, …
///
/// As text: `uniform`, `uniform:from=1000`, `polynomial:eta=3`, `ema:decay=0.999`.
///
/// Each is a running average, θ̄ ← θ̄ + w_n(θ_n − θ̄). The first weight is 1, so the initial value has no influence.
///
/// # Example
///
/// ```
/// use kiln_optim::{Average, FirstOrder, Method, NesterovConfig};
///
/// let optimizer = FirstOrder::from(NesterovConfig::new().build()?.averaged(Average::ema(0.999)?));
/// assert!(optimizer.has_average());
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Average(Weights);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Weights {
    Polynomial { eta: f64, from: u64 },
    Exponential { decay: f64 },
}

impl Average {
    /// The mean of all iterates: w_n = 1/n (Ruppert, 1988; Polyak and Juditsky, 1992).
    pub fn uniform() -> Self {
        Self(Weights::Polynomial { eta: 0.0, from: 0 })
    }

    /// The mean of the iterates after the first `from`. Until then it is the iterate itself.
    pub fn uniform_from(from: u64) -> Self {
        Self(Weights::Polynomial { eta: 0.0, from })
    }

    /// Polynomial-decay averaging: w_n = (η + 1)/(n + η), so that iterate k has a weight of about k^η. η = 0 is the uniform mean;
    /// Shamir and Zhang (2013, section 4) use η = 3.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `eta` is negative or not finite.
    pub fn polynomial(eta: f64) -> Result<Self, ConfigError> {
        require(eta >= 0.0 && eta.is_finite(), "the average's eta", "finite and not negative", eta)?;
        Ok(Self(Weights::Polynomial { eta, from: 0 }))
    }

    /// The exponential moving average with `decay` d in [0, 1), over about the last 1/(1 − d) iterates: w_n = (1 − d)/(1 − dⁿ),
    /// with the bias correction of Adam (Kingma and Ba, 2015, section 3).
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `decay` is outside [0, 1).
    pub fn ema(decay: f64) -> Result<Self, ConfigError> {
        require((0.0..1.0).contains(&decay), "the average's decay", "in [0, 1)", decay)?;
        Ok(Self(Weights::Exponential { decay }))
    }

    /// The weight w_n of iterate n ≥ 1.
    pub(super) fn weight(&self, n: u64) -> f64 {
        match self.0 {
            Weights::Polynomial { from, .. } if n <= from => 1.0,
            Weights::Polynomial { eta, from } => (eta + 1.0) / ((n - from) as f64 + eta),
            Weights::Exponential { decay } => (1.0 - decay) / (1.0 - decay.powf(n as f64)),
        }
    }
}

impl FromStr for Average {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let mut options = Options::parse(options)?;
        let average = match name {
            "uniform" => Self::uniform_from(options.maybe_count("from")?.unwrap_or(0)),
            "polynomial" => Self::polynomial(options.number("eta", 3.0)?)?,
            "ema" => Self::ema(options.need_number("ema", "decay", "decay=0.999")?)?,
            other => return Err(unknown(other, &["uniform", "polynomial", "ema"])),
        };
        options.finish(name)?;
        Ok(average)
    }
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Weights::Polynomial { eta, from } if eta <= 0.0 => write!(f, "uniform:from={from}"),
            Weights::Polynomial { eta, .. } => write!(f, "polynomial:eta={eta}"),
            Weights::Exponential { decay } => write!(f, "ema:decay={decay}"),
        }
    }
}

through_text!(Average);

#[cfg(test)]
mod tests {
    use super::*;

    /// The running average of 1, 2, …, n.
    fn of_integers(average: Average, n: u64) -> f64 {
        (1..=n).fold(0.0, |mean, k| mean + average.weight(k) * (k as f64 - mean))
    }

    #[test]
    fn running_averages_are_the_weighted_means_that_they_claim() {
        // (n + 1)/2, and the mean of the iterates after the fourth.
        assert!((of_integers(Average::uniform(), 9) - 5.0).abs() < 1e-14);
        assert!((of_integers(Average::uniform_from(4), 9) - 7.0).abs() < 1e-14);
        assert!((of_integers(Average::uniform_from(4), 3) - 3.0).abs() < 1e-14);
        // Normalised weights d^(n − k).
        let (d, n) = (0.7f64, 12);
        let weights: Vec<f64> = (1..=n).map(|k| d.powi(n - k)).collect();
        let sum: f64 = weights.iter().zip(1..).map(|(w, k)| w * f64::from(k)).sum();
        let expected = sum / weights.iter().sum::<f64>();
        assert!((of_integers(Average::ema(d).unwrap(), n as u64) - expected).abs() < 1e-13);
        // Normalised weights Γ(k + η)/Γ(k); for η = 2, k(k + 1).
        let (mut sum, mut total) = (0.0, 0.0);
        for k in 1..=10 {
            let (k, w) = (f64::from(k), f64::from(k * (k + 1)));
            sum += w * k;
            total += w;
        }
        assert!((of_integers(Average::polynomial(2.0).unwrap(), 10) - sum / total).abs() < 1e-13);
    }

    #[test]
    fn text_comes_back() {
        for text in ["uniform:from=0", "uniform:from=7", "polynomial:eta=3", "ema:decay=0.99"] {
            assert_eq!(text.parse::<Average>().unwrap().to_string(), text);
        }
        assert_eq!("uniform".parse::<Average>().unwrap(), Average::uniform());
        for (text, part) in
            [("mean", "uniform, polynomial, ema"), ("ema", "decay=0.999"), ("uniform:eta=1", "it has from")]
        {
            let message = text.parse::<Average>().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn bad_settings_are_refused() {
        assert!(Average::ema(1.0).is_err() && Average::ema(-0.1).is_err() && Average::ema(f64::NAN).is_err());
        assert!(Average::polynomial(-1.0).is_err() && Average::polynomial(f64::INFINITY).is_err());
    }
}
