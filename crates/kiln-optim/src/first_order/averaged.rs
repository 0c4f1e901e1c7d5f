//! Averages of the iterates, kept beside them.

use std::{fmt, str::FromStr};

use burn::{
    optim::{Optimizer, RecordState, StateSink, StateSource, join_path},
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::{Pass, Real, pass};
use serde::{Deserialize, Serialize};

use super::{ConfigError, Method, require, state};
use crate::schedule::{Options, SpecError, through_text, unknown};

/// Which average of the iterates θ₁, θ₂, … is kept.
///
/// As text: `uniform`, `uniform:from=1000`, `polynomial:eta=3`, `ema:decay=0.999`.
///
/// Each is a running average, θ̄ ← θ̄ + w_n(θ_n − θ̄) with weights that are 1 at first, so that no initial value is left
/// in it.
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

    /// The mean of the iterates after the first `from`; until then, the iterate itself.
    pub fn uniform_from(from: u64) -> Self {
        Self(Weights::Polynomial { eta: 0.0, from })
    }

    /// w_n = (η + 1)/(n + η): later iterates weigh more, as n^η, without a number of steps to be chosen
    /// (Shamir and Zhang, 2013, section 4, who take η = 3). η = 0 is the uniform mean.
    ///
    /// # Errors
    /// When `eta` is negative or not finite.
    pub fn polynomial(eta: f64) -> Result<Self, ConfigError> {
        require(eta >= 0.0 && eta.is_finite(), "the average's eta", "finite and not negative", eta)?;
        Ok(Self(Weights::Polynomial { eta, from: 0 }))
    }

    /// The exponential moving average with weights ∝ d^(age), d = `decay` in [0, 1): about the last 1/(1 − d) iterates.
    /// w_n = (1 − d)/(1 − dⁿ), which leaves out the bias towards the start (as in Adam: Kingma and Ba, 2015, section 3).
    ///
    /// # Errors
    /// When `decay` is outside [0, 1).
    pub fn ema(decay: f64) -> Result<Self, ConfigError> {
        require((0.0..1.0).contains(&decay), "the average's decay", "in [0, 1)", decay)?;
        Ok(Self(Weights::Exponential { decay }))
    }

    /// w_n of the n-th iterate, n ≥ 1.
    fn weight(&self, n: u64) -> f64 {
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

/// A method that keeps an average of its iterates; made by [`Method::averaged`].
///
/// The steps are those of the method itself. [`FirstOrder::average`](super::FirstOrder::average) gives the module at the
/// average.
#[derive(Clone, Debug)]
pub struct Averaged<O> {
    method: O,
    average: Average,
}

impl<O> Averaged<O> {
    pub(super) fn new(method: O, average: Average) -> Self {
        Self { method, average }
    }
}

/// The method's own state, and the average.
#[derive(Clone, Debug)]
pub struct AveragedState<S, const D: usize> {
    pub(super) inner: Option<S>,
    pub(super) average: Tensor<D>,
    iterates: u64,
}

impl<O: Method> Optimizer for Averaged<O> {
    type State<const D: usize> = AveragedState<O::State<D>, D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (inner, average, iterates) = match state {
            Some(state) => (state.inner, Some(state.average), state.iterates + 1),
            None => (None, None, 1),
        };
        let (tensor, inner) = self.method.step(lr, tensor, grad, inner);
        let iterate = inner.as_ref().map_or_else(|| tensor.clone(), |s| O::iterate(tensor.clone(), s));
        let average = match average {
            Some(average) if self.average.weight(iterates) < 1.0 => {
                let [average] = pass(&Towards { weight: self.average.weight(iterates) }, [average], iterate);
                average
            }
            _ => iterate,
        };
        (tensor, Some(AveragedState { inner, average, iterates }))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        AveragedState {
            inner: state.inner.map(|inner| O::to_device(inner, device)),
            average: state.average.to_device(device),
            ..state
        }
    }
}

/// θ̄ ← θ̄ + w(θ − θ̄).
struct Towards {
    weight: f64,
}

impl Pass<1> for Towards {
    #[inline(always)]
    fn element<E: Real>(&self, [average]: [E; 1], iterate: E) -> [E; 1] {
        [average + (iterate - average) * E::of(self.weight)]
    }

    fn tensors<const D: usize>(&self, [average]: [Tensor<D>; 1], iterate: Tensor<D>) -> [Tensor<D>; 1] {
        [average.clone() + (iterate - average) * self.weight]
    }
}

impl<O: Method> Method for Averaged<O> {
    const NAME: &'static str = O::NAME;
    const IS_AHEAD: bool = O::IS_AHEAD;
    const KEEPS_AVERAGE: bool = true;

    fn iterate<const D: usize>(tensor: Tensor<D>, state: &Self::State<D>) -> Tensor<D> {
        state.inner.as_ref().map_or_else(|| tensor.clone(), |inner| O::iterate(tensor.clone(), inner))
    }

    fn average<const D: usize>(state: &Self::State<D>) -> Option<Tensor<D>> {
        Some(state.average.clone())
    }

    fn momentum_at(&self, step: u64) -> Option<f64> {
        self.method.momentum_at(step)
    }
}

impl<S: RecordState, const D: usize> RecordState for AveragedState<S, D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        state::push_tensor(out, prefix, "average", &self.average);
        state::push_count(out, prefix, "iterates", self.iterates);
        if let Some(inner) = &self.inner {
            inner.state_flatten(&join_path(prefix, INNER), out);
        }
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let average = state::take_tensor(source, prefix, "average", device)?;
        let iterates = state::take_count(source, prefix, "iterates")?;
        Some(Self { inner: S::state_unflatten(&join_path(prefix, INNER), source, device), average, iterates })
    }
}

const INNER: &str = "method";

#[cfg(test)]
mod tests {
    use super::*;

    /// The running average of 1, 2, …, n.
    fn of_integers(average: Average, n: u64) -> f64 {
        (1..=n).fold(0.0, |mean, k| mean + average.weight(k) * (k as f64 - mean))
    }

    #[test]
    fn running_averages_are_the_weighted_means_that_they_claim() {
        // (n + 1)/2, and the same over the iterates after the fourth.
        assert!((of_integers(Average::uniform(), 9) - 5.0).abs() < 1e-14);
        assert!((of_integers(Average::uniform_from(4), 9) - 7.0).abs() < 1e-14);
        assert!((of_integers(Average::uniform_from(4), 3) - 3.0).abs() < 1e-14);
        // Weights d^(n − k), normalised.
        let (d, n) = (0.7f64, 12);
        let weights: Vec<f64> = (1..=n).map(|k| d.powi(n - k)).collect();
        let sum: f64 = weights.iter().zip(1..).map(|(w, k)| w * f64::from(k)).sum();
        let expected = sum / weights.iter().sum::<f64>();
        assert!((of_integers(Average::ema(d).unwrap(), n as u64) - expected).abs() < 1e-13);
        // Weights Γ(k + η)/Γ(k), normalised: for η = 2, k(k + 1).
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
