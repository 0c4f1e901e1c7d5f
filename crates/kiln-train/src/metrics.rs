//! Averages of a loss and its terms over examples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::number::{self, Number};

/// A loss and its terms, each averaged over the examples, in nats.
///
/// In JSON the terms stand beside the loss, as in `{"loss": 25.1, "elbo": -25.1, "kl": 6.3}`. JSON has no infinities, so a
/// number that is not finite is written as `null`.
///
/// # Example
///
/// ```
/// use kiln_train::Metrics;
///
/// let metrics: Metrics = serde_json::from_str(r#"{"loss": 25.1, "kl": 6.3}"#)?;
/// assert_eq!(metrics.term("kl"), Some(6.3));
/// assert_eq!(metrics.term("elbo"), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The loss.
    pub loss: f64,
    /// The terms of the loss by name.
    #[serde(flatten)]
    pub terms: BTreeMap<String, f64>,
}

impl Metrics {
    /// The metrics of a run that has taken no step.
    pub(crate) fn unknown() -> Self {
        Self { loss: f64::NAN, terms: BTreeMap::new() }
    }

    /// Returns the term called `name`, or `None` if the objective does not report it.
    pub fn term(&self, name: &str) -> Option<f64> {
        self.terms.get(name).copied()
    }
}

/// [`Metrics`] in a checkpoint, where numbers that are not finite must survive.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    #[serde(with = "number")]
    loss: f64,
    terms: BTreeMap<String, Number>,
}

/// Serialises `Option<Metrics>` without loss, for `#[serde(with = "crate::metrics::exact")]`.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Metrics, Number, Saved};

    pub(crate) fn serialize<S: Serializer>(metrics: &Option<Metrics>, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = |metrics: &Metrics| Saved {
            loss: metrics.loss,
            terms: metrics.terms.iter().map(|(name, value)| (name.clone(), Number(*value))).collect(),
        };
        metrics.as_ref().map(saved).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Metrics>, D::Error> {
        let saved = Option::<Saved>::deserialize(deserializer)?;
        Ok(saved.map(|Saved { loss, terms }| Metrics {
            loss,
            terms: terms.into_iter().map(|(name, Number(value))| (name, value)).collect(),
        }))
    }
}

/// A running mean of losses, weighted by the number of examples. A checkpoint within an epoch contains it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RunningMean {
    examples: f64,
    #[serde(with = "number")]
    loss: f64,
    terms: Vec<(String, Number)>,
}

impl RunningMean {
    pub(crate) fn add(&mut self, examples: usize, loss: f64, terms: impl Iterator<Item = (&'static str, f64)>) {
        let weight = examples as f64;
        self.examples += weight;
        self.loss += weight * loss;
        for (i, (name, value)) in terms.enumerate() {
            match self.terms.get_mut(i) {
                Some((_, Number(sum))) => *sum += weight * value,
                None => self.terms.push((name.to_owned(), Number(weight * value))),
            }
        }
    }

    /// Adds what another mean has.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.examples += other.examples;
        self.loss += other.loss;
        for (i, (name, Number(value))) in other.terms.iter().enumerate() {
            match self.terms.get_mut(i) {
                Some((_, Number(sum))) => *sum += value,
                None => self.terms.push((name.clone(), Number(*value))),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.examples == 0.0
    }

    pub(crate) fn mean(&self) -> Metrics {
        let mean = |sum: f64| sum / self.examples;
        Metrics {
            loss: mean(self.loss),
            terms: self.terms.iter().map(|(name, Number(sum))| (name.clone(), mean(*sum))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_count_by_their_examples() {
        let mut mean = RunningMean::default();
        mean.add(3, 1.0, [("kl", 2.0)].into_iter());
        mean.add(1, 5.0, [("kl", 6.0)].into_iter());
        let metrics = mean.mean();
        assert!((metrics.loss - 2.0).abs() < 1e-15);
        assert!((metrics.term("kl").unwrap() - 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_mean_with_infinite_terms_survives_json() {
        let mut mean = RunningMean::default();
        mean.add(2, 1.5, [("elbo", f64::NEG_INFINITY), ("kl", 0.25)].into_iter());
        let text = serde_json::to_string(&mean).unwrap();
        let mut read: RunningMean = serde_json::from_str(&text).unwrap();
        read.add(2, 2.5, [("elbo", -3.0), ("kl", 0.75)].into_iter());
        let metrics = read.mean();
        assert_eq!((metrics.loss, metrics.term("elbo"), metrics.term("kl")), (2.0, Some(f64::NEG_INFINITY), Some(0.5)));
    }

    #[test]
    fn the_json_of_metrics_is_flat_and_sorted() {
        let terms = [("kl", 6.5), ("elbo", f64::NEG_INFINITY)].map(|(name, value)| (name.to_owned(), value));
        let metrics = Metrics { loss: 25.5, terms: terms.into() };
        assert_eq!(serde_json::to_string(&metrics).unwrap(), r#"{"loss":25.5,"elbo":null,"kl":6.5}"#);
    }
}
