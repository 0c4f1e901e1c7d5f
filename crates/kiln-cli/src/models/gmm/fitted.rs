//! A mixture that was fitted: its scores and predictions.

use kiln::{
    burn::tensor::Tensor,
    data::{Dataset, Encoder, Examples},
    models::GaussianMixture,
};
use serde::Serialize;

use super::{checkpoint::mixture, settings::GmmSettings};
use crate::{
    base::{Failure, MODEL, Result, to_vec},
    context::{
        Compute, ModelFile, Opened, prediction_table,
        tabular::{Fitted, check_predictions, rows},
    },
};

pub(super) struct FittedMixture(pub(super) GaussianMixture);

/// How likely held-out rows are.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Score {
    n: usize,
    /// The mean log-likelihood per row, in nats.
    log_likelihood: f64,
}

impl FittedMixture {
    pub(super) fn open(run: &Opened<GmmSettings>, encoder: &Encoder) -> Result<Self> {
        run.no_checkpoints("EM")?;
        let path = run.dir.file(MODEL);
        let file = ModelFile::parse(path, &run.dir.read(MODEL)?)?;
        let mixture = mixture(&file, &run.compute)?;
        let (found, expected) = (mixture.means().dims()[1], encoder.features());
        match found == expected {
            true => Ok(Self(mixture)),
            false => Err(file.damaged(&format!("it has {found} columns, and the encoder {expected}"))),
        }
    }
}

impl Fitted for FittedMixture {
    type Score = Score;

    /// A mixture's rows have no weights.
    fn score(&self, examples: &Examples, _weights: Option<&[f64]>, compute: &Compute) -> Result<Score> {
        let log_likelihood = self.0.log_prob(&rows(examples, compute))?.mean().into_scalar::<f64>();
        Ok(Score { n: examples.len(), log_likelihood })
    }

    fn score_line(score: &Score) -> String {
        format!("test   log-likelihood {:.6} nats per row ({} rows)", score.log_likelihood, score.n)
    }

    fn is_finite(score: &Score) -> bool {
        score.log_likelihood.is_finite()
    }

    /// The most probable component of each row, and each component's probability.
    fn predict(&self, inputs: Tensor<2>, _encoder: &Encoder, first_row: usize) -> Result<Vec<u8>> {
        let probabilities = to_vec(self.0.responsibilities(&inputs)?);
        check_predictions(&probabilities, self.0.components(), first_row)?;
        let names: Vec<String> = (0..self.0.components()).map(|c| c.to_string()).collect();
        prediction_table(&names, &probabilities).map_err(Failure::internal)
    }
}
