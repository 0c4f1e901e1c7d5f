//! What turns a table into the features, offsets and responses of a generalised linear model: `encoder.json`.

use kiln::{
    data::{Column, ColumnKind, EncodedColumn, Encoder, Formula, FormulaEncoder, Shown, Table, Target},
    models::glm::Family,
};
use serde::{Deserialize, Serialize};

use super::settings::GlmSettings;
use crate::base::{Failure, Result};

/// `encoder.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GlmEncoder {
    pub(super) features: Features,
    /// The features of the additional zeros' probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) inflation: Option<FormulaEncoder>,
    pub(super) response: Response,
    /// A column that is added to the linear predictor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<String>,
    /// A column whose logarithm is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exposure: Option<String>,
}

/// The features of the linear predictor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Features {
    /// None: an intercept only.
    Constant,
    /// All columns.
    Columns(Encoder),
    /// The terms of a formula.
    Formula(FormulaEncoder),
    /// Those of LIBSVM rows: how many, and the number of the first.
    Libsvm {
        /// The number of features.
        count: usize,
        /// The number of the first feature in the file, 0 or 1.
        first: usize,
    },
}

/// The response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Response {
    /// The numbers of a column.
    Column(String),
    /// The numbers of a formula's left side.
    Formula(String),
    /// Classes.
    Classes(Target),
}

/// A term of the linear predictor: its text and its features.
#[derive(Clone, Debug)]
pub(super) struct TermRange {
    pub(super) name: String,
    pub(super) features: std::ops::Range<usize>,
}

/// The encoded rows of a table.
pub(super) struct Design {
    pub(super) inputs: Vec<f64>,
    pub(super) inflation: Vec<f64>,
    pub(super) offset: Option<Vec<f64>>,
}

impl GlmEncoder {
    /// Learns the encoding from a table without missing values. `features` are the columns that are features, if there is no formula.
    pub(super) fn fit(settings: &GlmSettings, table: &Table, (target, features): (&str, &[&str])) -> Result<Self> {
        let unseen = settings.table.unseen;
        let formula = settings.formula()?;
        let encoded = match &formula {
            Some(formula) => Features::Formula(formula.fit(table)?.with_unseen(unseen)),
            None if features.is_empty() => Features::Constant,
            None => {
                let config = settings.table.encoder(settings.data.standardize).features(features);
                Features::Columns(config.fit_all(table, None)?.with_unseen(unseen))
            }
        };
        let fit = |formula: Formula| Ok::<_, Failure>(formula.fit(table)?.with_unseen(unseen));
        Ok(Self {
            features: encoded,
            inflation: settings.inflation()?.map(fit).transpose()?,
            response: response(settings, formula.as_ref(), table, target)?,
            offset: settings.model.offset.clone(),
            exposure: settings.model.exposure.clone(),
        })
    }

    /// The same features with the response of another encoder.
    pub(super) fn with_response_of(self, other: &Self) -> Self {
        Self { response: other.response.clone(), ..self }
    }

    pub(super) fn has_intercept(&self) -> bool {
        match &self.features {
            Features::Formula(encoder) => encoder.has_intercept(),
            Features::Constant | Features::Columns(_) | Features::Libsvm { .. } => true,
        }
    }

    pub(super) fn feature_names(&self) -> Vec<String> {
        match &self.features {
            Features::Constant => Vec::new(),
            Features::Columns(encoder) => encoder.feature_names(),
            Features::Formula(encoder) => encoder.feature_names().to_vec(),
            Features::Libsvm { count, first } => (0..*count).map(|index| format!("x{}", index + first)).collect(),
        }
    }

    /// Whether the model is one of LIBSVM rows.
    pub(super) fn is_libsvm(&self) -> bool {
        matches!(self.features, Features::Libsvm { .. })
    }

    /// The encoder of LIBSVM rows.
    pub(super) fn of_libsvm(count: usize, first: usize, response: Response) -> Self {
        Self { features: Features::Libsvm { count, first }, inflation: None, response, offset: None, exposure: None }
    }

    pub(super) fn inflation_names(&self) -> Vec<String> {
        self.inflation.as_ref().map_or_else(Vec::new, |encoder| encoder.feature_names().to_vec())
    }

    /// The name of the response.
    pub(super) fn response_name(&self) -> &str {
        match &self.response {
            Response::Column(text) | Response::Formula(text) => text,
            Response::Classes(target) => &target.name,
        }
    }

    pub(super) fn class_names(&self) -> &[String] {
        match &self.response {
            Response::Classes(target) => &target.classes,
            _ => &[],
        }
    }

    /// The terms of the linear predictor.
    pub(super) fn terms(&self) -> Vec<TermRange> {
        match &self.features {
            Features::Constant | Features::Libsvm { .. } => Vec::new(),
            Features::Columns(encoder) => {
                let mut start = 0;
                let term = |column: &EncodedColumn| {
                    let features = start..start + column.width();
                    start = features.end;
                    TermRange { name: column.name().to_owned(), features }
                };
                encoder.columns().iter().map(term).collect()
            }
            Features::Formula(encoder) => {
                let term = |term: &kiln::data::FormulaTerm| TermRange {
                    name: term.text().to_owned(),
                    features: term.features(),
                };
                encoder.terms().iter().map(term).collect()
            }
        }
    }

    /// The rows whose features and offsets are present.
    pub(super) fn complete_rows(&self, table: &Table) -> Vec<usize> {
        let mut rows: Vec<usize> = match &self.features {
            Features::Constant | Features::Libsvm { .. } => (0..table.len()).collect(),
            Features::Columns(encoder) => encoder.features_complete(table),
            Features::Formula(encoder) => encoder.features_complete(table),
        };
        if let Some(inflation) = &self.inflation {
            let complete = inflation.features_complete(table);
            rows.retain(|row| complete.binary_search(row).is_ok());
        }
        let columns: Vec<&Column> =
            self.offset.iter().chain(&self.exposure).filter_map(|name| table.column(name)).collect();
        rows.retain(|row| !columns.iter().any(|column| column.is_missing(*row)));
        rows
    }

    /// The columns that must be read as texts, because the model has their categories.
    pub(super) fn text_columns(&self) -> Vec<String> {
        let Features::Columns(encoder) = &self.features else { return Vec::new() };
        let texts = encoder.columns().iter().filter(|column| matches!(column, EncodedColumn::Categorical { .. }));
        texts.map(|column| column.name().to_owned()).collect()
    }

    /// Encodes the features and offsets of all rows.
    pub(super) fn encode(&self, table: &Table) -> Result<Design> {
        let inputs = match &self.features {
            Features::Constant => Vec::new(),
            Features::Columns(encoder) => encoder.encode_inputs(table)?,
            Features::Formula(encoder) => encoder.encode_inputs(table)?,
            Features::Libsvm { .. } => {
                return Err(Failure::usage(format!(
                    "{} is a table, but the model was trained on LIBSVM rows: give a file whose name ends in .svm or .libsvm",
                    table.file()
                )));
            }
        };
        self.with_inputs(table, inputs)
    }

    /// Encodes the features of all rows in f32, if they are columns.
    pub(super) fn encode_f32(&self, table: &Table) -> Result<Option<Vec<f32>>> {
        match &self.features {
            Features::Columns(encoder) => Ok(Some(encoder.encode_inputs_f32(table)?)),
            _ => Ok(None),
        }
    }

    /// Encodes what is beside the features.
    pub(super) fn with_inputs(&self, table: &Table, inputs: Vec<f64>) -> Result<Design> {
        let inflation = match &self.inflation {
            Some(encoder) => encoder.encode_inputs(table)?,
            None => Vec::new(),
        };
        let mut offset = match &self.features {
            Features::Formula(encoder) => encoder.offset(table)?,
            Features::Constant | Features::Columns(_) | Features::Libsvm { .. } => None,
        };
        let mut add = |values: Vec<f64>| match &mut offset {
            Some(sum) => sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
            None => offset = Some(values),
        };
        if let Some(name) = &self.offset {
            add(numbers(table, name, "--offset")?);
        }
        if let Some(name) = &self.exposure {
            let values = numbers(table, name, "--exposure")?;
            if let Some(row) = values.iter().position(|value| *value <= 0.0) {
                return Err(Failure::usage(format!(
                    "{}, line {}: the exposure '{}' is {}, but its logarithm is needed: it must be above 0",
                    table.file(),
                    table.line(row),
                    Shown(name),
                    values[row]
                )));
            }
            add(values.into_iter().map(f64::ln).collect());
        }
        Ok(Design { inputs, inflation, offset })
    }

    /// Encodes the responses of all rows. A class is its index.
    pub(super) fn encode_response(&self, table: &Table) -> Result<Vec<f64>> {
        match (&self.response, &self.features) {
            (Response::Classes(target), _) => {
                #[allow(clippy::cast_precision_loss, reason = "the index of a class")]
                let index = |class: usize| class as f64;
                Ok(target.encode(table)?.into_iter().map(index).collect())
            }
            (Response::Formula(_), Features::Formula(encoder)) => Ok(encoder.encode_response(table)?),
            (Response::Column(name) | Response::Formula(name), _) => numbers(table, name, "the response"),
        }
    }
}

/// Returns what the response is: numbers or classes.
fn response(settings: &GlmSettings, formula: Option<&Formula>, table: &Table, target: &str) -> Result<Response> {
    let family = settings.family()?;
    let name = match formula {
        Some(formula) => match formula.response_column() {
            Some(name) => name.to_owned(),
            None if family.has_classes() => {
                return Err(Failure::usage(format!(
                    "--family {family} needs a column as its response, not '{target}'"
                )));
            }
            None => return Ok(Response::Formula(target.to_owned())),
        },
        None => target.to_owned(),
    };
    let column = table.required(&name)?;
    let has_shares = column.numbers().is_some_and(|values| values.iter().all(|y| (0.0..=1.0).contains(y)));
    let is_class = match family {
        Family::Binomial => !settings.model.levels.is_empty() || !has_shares,
        other => other.has_classes(),
    };
    if !is_class {
        return Ok(Response::Column(name));
    }
    let target = match settings.model.levels.as_slice() {
        [] => Target::fit(table, &name)?,
        levels => Target { name: name.clone(), classes: levels.to_vec() },
    };
    if family == Family::Binomial && target.classes.len() != 2 {
        return Err(Failure::usage(format!(
            "the column '{}' has {} different values; --family binomial needs two, or numbers between 0 and 1",
            Shown(&name),
            target.classes.len()
        )));
    }
    if family == Family::Ordinal && settings.model.levels.is_empty() && column.kind() == ColumnKind::Categorical {
        return Err(Failure::usage(format!(
            "the classes of '{}' are texts, and --family ordinal needs their order: give --levels, such as --levels '{}'",
            Shown(&name),
            target.classes.join(",")
        )));
    }
    if target.classes.len() < 2 {
        return Err(Failure::usage(format!("the column '{}' has one class; a fit needs at least two", Shown(&name))));
    }
    Ok(Response::Classes(target))
}

/// The numbers of a column.
pub(super) fn numbers(table: &Table, name: &str, what: &str) -> Result<Vec<f64>> {
    let column = table.required(name)?;
    if let Some(values) = column.numbers() {
        return match values.iter().position(|value| value.is_nan()) {
            None => Ok(values.to_vec()),
            Some(row) => Err(missing(table, name, row)),
        };
    }
    let row = (0..column.len())
        .find(|row| column.text(*row).is_some_and(|text| !text.parse::<f64>().is_ok_and(f64::is_finite)));
    let row = row.unwrap_or(0);
    Err(Failure::usage(format!(
        "{}, line {}: '{}' in column '{}' is not a number, but {what} must be one",
        table.file(),
        table.line(row),
        Shown(&column.text(row).unwrap_or_default()),
        Shown(name)
    )))
}

fn missing(table: &Table, name: &str, row: usize) -> Failure {
    Failure::usage(format!("{}, line {}: column '{}' has no value", table.file(), table.line(row), Shown(name)))
}
