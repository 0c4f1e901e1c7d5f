//! A generalised linear model that was fitted: its file, scores and predictions.

use kiln::{
    burn::tensor::TensorData,
    data::Table,
    models::glm::{Family, GlmModel, Part, Place, Prediction, Term, TrainingScore, Uncertainty},
};
use serde::Serialize;

use super::{encoder::GlmEncoder, rows::GlmRows, settings::GlmSettings};
use crate::{
    base::{ENCODER, Failure, MODEL, Result, RunDir, digits},
    context::{
        Classification, FoldScore, ModelFile, Opened, Predicted, Scored, prediction::RowPredictor,
        tabular::check_predictions,
    },
};

pub(super) struct FittedGlm {
    pub(super) model: GlmModel,
    pub(super) encoder: GlmEncoder,
}

/// How well rows are predicted.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Score {
    n: usize,
    /// The mean negative log-likelihood, in nats.
    pub(super) nll: f64,
    /// For classes: the share of rows whose most probable class is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f64>,
    /// For numbers: the root of the mean squared error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rmse: Option<f64>,
    /// For numbers: 1 − squared errors / squared deviations from the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    r2: Option<f64>,
}

impl FittedGlm {
    /// Writes `model.safetensors`.
    pub(super) fn write(&self, dir: &RunDir) -> Result<()> {
        let vector = |values: Vec<f64>| {
            let size = values.len();
            TensorData::new(values, [size])
        };
        let places = self.model.places.iter().flat_map(|place| encode(*place)).collect();
        let mut tensors = vec![("parameters", vector(self.model.parameters.clone())), ("places", vector(places))];
        if let Some(known) = &self.model.uncertainty {
            tensors.push(("covariance", vector(known.covariance.clone())));
            tensors.push(("uncertainty", vector(vec![known.quantile])));
        }
        tensors.push(("dispersion", vector(vec![self.model.dispersion])));
        ModelFile::write(dir, tensors)
    }

    pub(super) fn open(run: &Opened<GlmSettings>) -> Result<Self> {
        run.no_checkpoints("a generalized linear model")?;
        let encoder: GlmEncoder = run.dir.read_json(ENCODER)?;
        let file = ModelFile::parse(run.dir.file(MODEL), &run.dir.read(MODEL)?)?;
        let parameters = file.numbers("parameters")?;
        let places = file.numbers("places")?.chunks_exact(4).map(decode).collect::<Option<Vec<Place>>>();
        let places = places.ok_or_else(|| file.damaged(&"it has an unknown place"))?;
        let uncertainty = match (file.numbers("covariance"), file.numbers("uncertainty").unwrap_or_default().first()) {
            (Ok(covariance), Some(&quantile)) => Some(Uncertainty { covariance, quantile }),
            _ => None,
        };
        let dispersion = file.numbers("dispersion")?.first().copied().unwrap_or(f64::NAN);
        let theta = parameters.last().copied().filter(|_| places.last().is_some_and(|place| place.term == Term::Theta));
        let family = match run.settings.family()? {
            Family::NegativeBinomial { theta: fixed } => Family::NegativeBinomial { theta: fixed.or(theta) },
            other => other,
        };
        let model = GlmModel {
            family,
            link: run.settings.link()?,
            features: encoder.feature_names().len(),
            inflation: encoder.inflation_names().len(),
            classes: if family.has_classes() { encoder.class_names().len() } else { 0 },
            places,
            parameters,
            dispersion,
            uncertainty,
        };
        if !model.is_consistent() {
            return Err(file.damaged(&"its parameters do not fit the run's encoder"));
        }
        Ok(Self { model, encoder })
    }

    /// The predictions for encoded rows.
    fn predictions(&self, inputs: &[f64], inflation: &[f64], offset: Option<&[f64]>, n: usize) -> Vec<Prediction> {
        let (d, e) = (self.model.features, self.model.inflation);
        let of = |row: usize| {
            let offset = offset.map_or(0.0, |offset| offset[row]);
            self.model.predict(&inputs[row * d..(row + 1) * d], &inflation[row * e..(row + 1) * e], offset)
        };
        (0..n).map(of).collect()
    }

    /// Scores rows, each as often as its weight says. Returns their means as well.
    pub(super) fn score(&self, rows: &GlmRows) -> (Score, Vec<f64>) {
        let (means, losses) = self.model.means_and_losses(&rows.scored());
        let weights = rows.weights();
        let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..rows.len()).map(weight).sum();
        let mean_of = |of: &dyn Fn(usize) -> f64| (0..rows.len()).map(|row| weight(row) * of(row)).sum::<f64>() / total;
        let (n, nll, response) = (rows.len(), mean_of(&|row| losses[row]), rows.response.to_cow());
        let per_row = means.len() / n.max(1);
        if self.has_classes() {
            let is_right =
                |row: usize| (class(&means[row * per_row..(row + 1) * per_row]) as f64 - response[row]).abs() < 0.5;
            let accuracy = mean_of(&|row| f64::from(u8::from(is_right(row))));
            return (Score { n, nll, accuracy: Some(accuracy), rmse: None, r2: None }, means);
        }
        let squares = mean_of(&|row| (response[row] - means[row]).powi(2));
        let centre = mean_of(&|row| response[row]);
        let r2 = 1.0 - squares / mean_of(&|row| (response[row] - centre).powi(2));
        (Score { n, nll, accuracy: None, rmse: Some(squares.sqrt()), r2: Some(r2) }, means)
    }

    fn has_classes(&self) -> bool {
        self.model.family.has_classes() || !self.encoder.class_names().is_empty()
    }

    /// How well classes are predicted, from means. There is nothing to say of numbers and of shares. Writes the curves.
    pub(super) fn classification(
        &self,
        rows: &GlmRows,
        means: &[f64],
        scored: Scored,
        dir: &RunDir,
    ) -> Result<Option<Classification>> {
        if rows.response.is_in_file() {
            return Ok(None);
        }
        let response = rows.response.to_cow();
        let is_binary = self.model.family == Family::Binomial && response.iter().all(|y| *y <= 0.0 || *y >= 1.0);
        if !(is_binary || self.model.family.has_classes()) {
            return Ok(None);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index of a class")]
        let targets: Vec<usize> = response.iter().map(|y| *y as usize).collect();
        let of_two = || means.iter().flat_map(|p| [1.0 - p, *p]).collect::<Vec<f64>>();
        let (probabilities, classes) = if is_binary { (of_two(), 2) } else { (means.to_vec(), self.model.classes) };
        let weights = rows.weights();
        let weights = weights.as_deref();
        let predicted = Predicted { targets: &targets, probabilities: &probabilities, classes, weights };
        predicted.measures(scored, dir)
    }

    /// The score of the rows of a fit.
    pub(super) fn training_score(&self, training: &TrainingScore, n: usize, nll: f64) -> Score {
        let TrainingScore { accuracy, mean_squared_error, r2 } = *training;
        if self.has_classes() {
            return Score { n, nll, accuracy, rmse: None, r2: None };
        }
        Score { n, nll, accuracy: None, rmse: Some(mean_squared_error.sqrt()), r2: Some(r2) }
    }
}

impl Score {
    pub(super) fn is_finite(&self) -> bool {
        self.nll.is_finite()
    }

    /// The score of a fold.
    pub(super) fn of_fold(&self) -> FoldScore {
        FoldScore { n: self.n, nll: self.nll, accuracy: self.accuracy, rmse: self.rmse }
    }

    pub(super) fn line(&self) -> String {
        let Self { n, nll, accuracy, rmse, r2 } = self;
        let what = match (accuracy, rmse, r2) {
            (Some(accuracy), _, _) => format!("accuracy {accuracy:.4}"),
            (_, Some(rmse), Some(r2)) => format!("rmse {rmse:.6}  R² {r2:.4}"),
            _ => String::new(),
        };
        format!("test   {what}  nll {nll:.6}  ({n} rows)")
    }
}

/// The most probable class. For two classes, the mean is the probability of the second.
fn class(mean: &[f64]) -> usize {
    match mean {
        [p] => usize::from(*p > 0.5),
        all => (0..all.len()).fold(0, |best, k| if all[k] > all[best] { k } else { best }),
    }
}

impl RowPredictor for FittedGlm {
    fn text_columns(&self) -> Vec<String> {
        self.encoder.text_columns()
    }

    fn header(&self) -> Result<Vec<String>> {
        let classes = self.encoder.class_names();
        let mut names: Vec<&str> = vec!["prediction"];
        let of_classes: Vec<String> = classes.iter().map(|class| format!("p_{class}")).collect();
        names.extend(of_classes.iter().map(String::as_str));
        let has_mean = !self.model.family.has_classes();
        if has_mean && self.model.uncertainty.is_some() && self.model.family != Family::ZeroInflatedPoisson {
            names.extend(["mean_low", "mean_high"]);
            if self.has_response_interval() {
                names.extend(["low", "high"]);
            }
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn complete_rows(&self, table: &Table) -> Vec<usize> {
        self.encoder.complete_rows(table)
    }

    fn predict(&self, table: &Table, first_row: usize) -> Result<Vec<u8>> {
        let design = self.encoder.encode(table)?;
        let predictions = self.predictions(&design.inputs, &design.inflation, design.offset.as_deref(), table.len());
        let means: Vec<f64> = predictions.iter().flat_map(|prediction| prediction.mean.clone()).collect();
        check_predictions(&means, predictions.first().map_or(1, |first| first.mean.len()), first_row)?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.header()?).map_err(Failure::internal)?;
        self.write_predictions(&predictions, &mut writer)?;
        writer.into_inner().map_err(Failure::internal)
    }
}

impl FittedGlm {
    /// Writes a record per row.
    pub(super) fn write_predictions<W: std::io::Write>(
        &self,
        predictions: &[Prediction],
        writer: &mut csv::Writer<W>,
    ) -> Result<()> {
        let (width, classes) = (self.header()?.len(), self.encoder.class_names());
        for prediction in predictions {
            let mut record = Vec::with_capacity(width);
            match (classes, prediction.mean.as_slice()) {
                ([], mean) => record.push(digits(mean[0])),
                (classes, [p]) => {
                    record.push(classes[class(&prediction.mean)].clone());
                    record.extend([1.0 - p, *p].map(digits));
                }
                (classes, all) => {
                    record.push(classes[class(&prediction.mean)].clone());
                    record.extend(all.iter().copied().map(digits));
                }
            }
            let ends = [prediction.interval, prediction.response_interval];
            for interval in ends.iter().flatten() {
                record.extend(interval.map(digits));
            }
            // An inverse link may have no finite end.
            record.resize(width, String::new());
            writer
                .write_record(&record)
                .map_err(|error| Failure::internal(format!("cannot write the predictions: {error}")))?;
        }
        Ok(())
    }
}

impl FittedGlm {
    fn has_response_interval(&self) -> bool {
        self.model.family == Family::Gaussian && self.model.link == kiln::models::glm::Link::Identity
    }
}

/// A place as four numbers.
fn encode(Place { part, term }: Place) -> [f64; 4] {
    let number = |n: usize| n as f64;
    let (part, class) = match part {
        Part::Mean => (0.0, 0.0),
        Part::Class(class) => (1.0, number(class)),
        Part::Thresholds => (2.0, 0.0),
        Part::Inflation => (3.0, 0.0),
        Part::Theta => (4.0, 0.0),
    };
    let (term, index) = match term {
        Term::Feature(index) => (0.0, number(index)),
        Term::Intercept => (1.0, 0.0),
        Term::Threshold(index) => (2.0, number(index)),
        Term::Theta => (3.0, 0.0),
    };
    [part, class, term, index]
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
fn decode(numbers: &[f64]) -> Option<Place> {
    let [part, class, term, index] = [0, 1, 2, 3].map(|k| numbers[k] as usize);
    let part = match part {
        0 => Part::Mean,
        1 => Part::Class(class),
        2 => Part::Thresholds,
        3 => Part::Inflation,
        4 => Part::Theta,
        _ => return None,
    };
    let term = match term {
        0 => Term::Feature(index),
        1 => Term::Intercept,
        2 => Term::Threshold(index),
        3 => Term::Theta,
        _ => return None,
    };
    Some(Place { part, term })
}
