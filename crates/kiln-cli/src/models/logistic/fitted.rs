//! A regression that was fitted: its scores and predictions.

use kiln::{
    burn::tensor::{Device, Int, Tensor},
    data::{Dataset, Encoder, Examples, Supervised},
    dist::Distribution,
    tensor::weights,
    train::{MaximumLikelihood, evaluate},
};
use serde::Serialize;

use super::{regression::Regression, settings::LogisticSettings};
use crate::{
    base::{Failure, Result, to_vec},
    context::{
        Compute, Opened, prediction_table,
        tabular::{Fitted, check_predictions, encoder, weighted_mean},
    },
};

pub(super) const EVALUATION_BATCH: usize = 4096;

/// A model without gradients.
pub(super) struct FittedRegression<M>(M);

/// How well rows are classified.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Score {
    /// The number of rows. The means are weighted by the rows' weights, if they have some.
    n: usize,
    accuracy: f64,
    /// The mean negative log-likelihood, in nats.
    nll: f64,
}

/// Returns the number of classes of a run.
pub(super) fn classes(run: &Opened<LogisticSettings>) -> Result<usize> {
    let classes = encoder(run)?.class_names().len();
    match classes {
        0 | 1 => Err(Failure::usage(format!("the run's encoder.json is damaged: it has {classes} classes"))),
        _ => Ok(classes),
    }
}

impl<M: Regression> FittedRegression<M> {
    pub(super) fn new(model: &M) -> Self {
        Self(model.valid())
    }

    pub(super) fn open(run: &Opened<LogisticSettings>, encoder: &Encoder) -> Result<Self> {
        let template = M::init(encoder.features(), encoder.class_names().len(), &run.compute);
        let by_solver = run.settings.solver.name.is_some();
        if by_solver {
            run.no_checkpoints("a solver")?;
        }
        let model = run.load_module(template, |checkpoint, template| {
            Ok(checkpoint.model(template, run.settings.method.optimizer(1)?)?)
        })?;
        Ok(Self::new(&model))
    }

    /// The probability of each class for each row, `[n, classes]`.
    pub(super) fn probabilities(&self, examples: &Examples, device: &Device) -> Vec<f64> {
        let rows: Vec<usize> = (0..examples.len()).collect();
        let of = |rows: &[usize]| to_vec(M::probabilities(&self.0.forward(examples.batch(rows, device).inputs)));
        rows.chunks(EVALUATION_BATCH).flat_map(of).collect()
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(weights::to_bytes(&self.0)?)
    }
}

impl<M> Fitted for FittedRegression<M>
where
    M: Regression,
    Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    type Score = Score;

    fn score(&self, examples: &Examples, weights: Option<&[f64]>, compute: &Compute) -> Result<Score> {
        let (device, data) = (&compute.device, examples);
        let rows: Vec<usize> = (0..data.len()).collect();
        let is_right = |rows: &[usize]| {
            let Supervised { inputs, targets } = data.batch(rows, device);
            let predicted: Tensor<2, Int> = M::probabilities(&self.0.forward(inputs)).argmax(1);
            to_vec(predicted.equal(targets).float())
        };
        let right: Vec<f64> = rows.chunks(EVALUATION_BATCH).flat_map(is_right).collect();
        let nll = match weights {
            None => evaluate(&self.0, &MaximumLikelihood::new(), data, EVALUATION_BATCH, 0)?.loss,
            Some(_) => {
                let log_prob = |rows: &[usize]| {
                    let (inputs, targets) = data.batch(rows, device).into();
                    to_vec(self.0.forward(inputs).log_prob_per_example(targets))
                };
                -weighted_mean(rows.chunks(EVALUATION_BATCH).flat_map(log_prob), weights)
            }
        };
        Ok(Score { n: data.len(), accuracy: weighted_mean(right.into_iter(), weights), nll })
    }

    fn score_line(score: &Score) -> String {
        format!("test   accuracy {:.4}  nll {:.6}  ({} rows)", score.accuracy, score.nll, score.n)
    }

    fn is_finite(score: &Score) -> bool {
        score.nll.is_finite()
    }

    /// The most probable class of each row, and each class's probability.
    fn predict(&self, inputs: Tensor<2>, encoder: &Encoder, first_row: usize) -> Result<Vec<u8>> {
        let classes = encoder.class_names();
        let probabilities = to_vec(M::probabilities(&self.0.forward(inputs)));
        check_predictions(&probabilities, classes.len(), first_row)?;
        prediction_table(classes, &probabilities).map_err(Failure::internal)
    }
}
