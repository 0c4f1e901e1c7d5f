//! A fitted generalised linear model.

use std::fmt::Write;

use kiln_models::{
    Dependence, InferenceError,
    glm::{
        GlmInference, GlmLoss, GlmModel, GlmTable, Influence, Null, Part, Place, Prediction, Term, TrainingScore,
        Values,
    },
};
use kiln_optim::solver::Outcome;
use kiln_tensor::World;

use super::{GlmConfig, GlmError, solve::Solved};

/// A fitted generalised linear model. Made by [`GlmConfig::fit`].
#[derive(Debug)]
pub struct GlmFit {
    /// The parameters, in the units of the data, and predictions.
    pub model: GlmModel,
    /// Features that were left out, because they depend linearly on an intercept and the features before them. They have no
    /// coefficient.
    pub dropped: Vec<Dependence>,
    /// The same for the features of the inflation.
    pub dropped_from_inflation: Vec<Dependence>,
    /// Residuals, leverages and Cook's distances of all rows (of this rank), for families with one linear predictor, if
    /// [`GlmConfig::influence`] asked for them.
    pub influence: Vec<Influence>,
    /// The fitted mean of each row (of this rank); for families with classes the probability of each class, `[n, classes]` in row-major order. Empty
    /// if the rows are in a file.
    pub fitted: Vec<f64>,
    /// How well the model describes its own rows.
    pub training: TrainingScore,
    /// How the solver ended.
    pub outcome: Outcome,
    inference: Result<GlmInference, InferenceError>,
    mean_loss: f64,
    config: GlmConfig,
    feature_names: Vec<String>,
    inflation_names: Vec<String>,
    class_names: Vec<String>,
}

impl GlmFit {
    pub(super) fn new(
        config: &GlmConfig,
        loss: &GlmLoss,
        solved: Solved,
        (null, null_x): &(&GlmLoss, Vec<f64>),
    ) -> Result<Self, GlmError> {
        let Solved { x, outcome, converged } = solved;
        let Some(outcome) = outcome else {
            return Err(GlmError::Setting { name: "features", expected: "at least 1 if there is no intercept" });
        };
        let (parameters, largest) = (x.len(), GlmConfig::MOST_WITH_COVARIANCE);
        let inference = if config.is_penalised() {
            Err(InferenceError::Penalised)
        } else if parameters > largest {
            Err(InferenceError::TooManyParameters { parameters, largest })
        } else if converged {
            loss.inference(&x, &Null { loss: null, x: null_x }, &config.options)
        } else {
            Err(InferenceError::NotConverged)
        };
        let dispersion = inference.as_ref().map_or(1.0, |inference| inference.dispersion);
        let influence =
            if config.influence && inference.is_ok() { loss.influence(&x, dispersion)? } else { Vec::new() };
        let model = GlmModel::new(loss, &x, inference.as_ref().ok());
        // A saturated fit has no dispersion.
        let is_saturated = matches!(inference, Err(InferenceError::Saturated { .. }));
        let mean_loss = if is_saturated { f64::NAN } else { loss.mean_negative_log_likelihood(&x, model.dispersion) };
        let or = |names: &[String], count: usize, prefix: &str| -> Vec<String> {
            if names.len() == count { names.to_vec() } else { (0..count).map(|i| format!("{prefix}{i}")).collect() }
        };
        let fit = Self {
            feature_names: or(&config.names.features, model.features, "x"),
            inflation_names: or(&config.names.inflation, model.inflation, "z"),
            class_names: or(&config.names.classes, model.classes, ""),
            dropped: loss.dropped().to_vec(),
            dropped_from_inflation: loss.dropped_from_inflation().to_vec(),
            config: GlmConfig {
                weights: None,
                offset: None,
                start: None,
                inflation: (Values::default(), 0),
                world: World::alone(),
                ..config.clone()
            },
            model,
            influence,
            fitted: if loss.is_in_file() { Vec::new() } else { loss.fitted(&x) },
            mean_loss,
            training: loss.training_score(&x),
            outcome,
            inference,
        };
        // Sums since the last step of the solver cannot fail themselves.
        loss.check().map_err(GlmError::Evaluation)?;
        if converged {
            Ok(fit)
        } else {
            Err(GlmError::NotConverged { gtol: config.tolerance(parameters), fit: Box::new(fit) })
        }
    }

    /// Returns the coefficient of each feature in the linear predictor of the mean. A feature that was dropped has 0. For
    /// [`Family::Multinomial`](kiln_models::glm::Family) they are those of class 1.
    pub fn coefficients(&self) -> Vec<f64> {
        let mut coefficients = vec![0.0; self.model.features];
        for (place, value) in self.model.places.iter().zip(&self.model.parameters) {
            if let (Part::Mean | Part::Class(1), Term::Feature(index)) = (place.part, place.term) {
                coefficients[index] = *value;
            }
        }
        coefficients
    }

    /// Returns a parameter that is not the coefficient of a feature, such as the intercept of the mean.
    pub fn parameter(&self, part: Part, term: Term) -> Option<f64> {
        let at = self.model.places.iter().position(|place| (place.part, place.term) == (part, term))?;
        Some(self.model.parameters[at])
    }

    /// Returns the mean of −ln p over the rows, in nats, each as often as its weight says. It is NaN for a saturated
    /// fit of a family with a dispersion.
    pub fn mean_negative_log_likelihood(&self) -> f64 {
        self.mean_loss
    }

    /// Returns each parameter with its part, such as the response, its name and its value.
    pub fn named_parameters(&self) -> Vec<(String, String, f64)> {
        let response = &self.config.names.response;
        let class = |index: usize| self.class_names.get(index).cloned().unwrap_or_default();
        let of = |(place, value): (&Place, &f64)| {
            let part = match place.part {
                Part::Mean => response.clone(),
                Part::Class(index) => format!("{response}={}", class(index)),
                other => other.to_string(),
            };
            let name = match place.term {
                Term::Feature(index) if place.part == Part::Inflation => self.inflation_names[index].clone(),
                Term::Feature(index) => self.feature_names[index].clone(),
                Term::Intercept => "(intercept)".to_owned(),
                Term::Threshold(index) => format!("{}|{}", class(index), class(index + 1)),
                Term::Theta => "theta".to_owned(),
            };
            (part, name, *value)
        };
        self.model.places.iter().zip(&self.model.parameters).map(of).collect()
    }

    /// Returns standard errors, tests, intervals and measures of fit.
    ///
    /// # Errors
    /// Returns [`GlmError::NoInference`] with the reason why there are none.
    pub fn inference(&self) -> Result<&GlmInference, GlmError> {
        self.inference.as_ref().map_err(|reason| GlmError::NoInference { reason: reason.to_string() })
    }

    /// Predicts each row of `x`, in row-major order, without an offset.
    ///
    /// # Errors
    /// Returns [`GlmError::Shape`] if `x` is not a whole number of rows.
    pub fn predict(&self, x: &[f64]) -> Result<Vec<Prediction>, GlmError> {
        let features = self.model.features;
        if features == 0 || !x.len().is_multiple_of(features) || self.model.inflation > 0 {
            return Err(GlmError::Shape { values: x.len(), features });
        }
        Ok(x.chunks_exact(features).map(|row| self.model.predict(row, &[], 0.0)).collect())
    }

    /// Returns the results as a table for printing, or calls `show` with it.
    pub fn table<T>(&self, show: impl FnOnce(&GlmTable<'_>) -> T) -> Option<T> {
        let inference = self.inference.as_ref().ok()?;
        let GlmConfig { family, link, options, names, .. } = &self.config;
        Some(show(&GlmTable {
            inference,
            family: *family,
            link: *link,
            covariance: &options.covariance,
            level: options.level,
            response: &names.response,
            features: &self.feature_names,
            inflation: &self.inflation_names,
            classes: &self.class_names,
        }))
    }

    /// Returns a table of the results, laid out as the summaries of statsmodels.
    ///
    /// Without standard errors it lists the parameters and says why.
    pub fn summary(&self) -> String {
        const SHOWN: usize = 100;
        let mut text = self.table(|table| table.to_string()).unwrap_or_else(|| {
            let (mut text, parameters) = (String::new(), self.named_parameters());
            for (part, name, value) in parameters.iter().take(SHOWN) {
                let _ = writeln!(text, "{part:<12} {name:<24} {value:>14.6}");
            }
            if parameters.len() > SHOWN {
                let _ = writeln!(text, "… and {} more", parameters.len() - SHOWN);
            }
            if let Err(reason) = &self.inference {
                let _ = writeln!(text, "No standard errors: {reason}.");
            }
            text
        });
        for dropped in &self.dropped {
            let _ = writeln!(text, "dropped {}", dropped.named(&self.feature_names));
        }
        for dropped in &self.dropped_from_inflation {
            let _ = writeln!(text, "dropped {} (inflation)", dropped.named(&self.inflation_names));
        }
        text
    }
}
