//! Averages of a loss and its terms over examples.

use serde::{Deserialize, Serialize};

/// A loss and its terms, each the mean over examples, in nats.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The loss.
    pub loss: f64,
    /// Its terms by name, in the objective's order.
    #[serde(flatten)]
    pub terms: serde_json::Map<String, serde_json::Value>,
}

impl Metrics {
    /// The term of that name.
    pub fn term(&self, name: &str) -> Option<f64> {
        self.terms.get(name)?.as_f64()
    }
}

/// A running mean of losses, weighted by the number of examples. It is saved with a checkpoint in mid-epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RunningMean {
    examples: f64,
    loss: f64,
    terms: Vec<(String, f64)>,
}

impl RunningMean {
    pub(crate) fn add(&mut self, examples: usize, loss: f64, terms: impl Iterator<Item = (&'static str, f64)>) {
        let weight = examples as f64;
        self.examples += weight;
        self.loss += weight * loss;
        for (i, (name, value)) in terms.enumerate() {
            match self.terms.get_mut(i) {
                Some((_, sum)) => *sum += weight * value,
                None => self.terms.push((name.to_owned(), weight * value)),
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
            terms: self.terms.iter().map(|(name, sum)| (name.clone(), mean(*sum).into())).collect(),
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
}
