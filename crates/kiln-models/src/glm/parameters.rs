//! The parameters of a fitted model in the units of the data, with their names.

use kiln_tensor::linalg::{Matrix, Symmetric};
use serde::{Deserialize, Serialize};

use super::{Family, GlmLoss};

/// What a parameter belongs to.
///
/// # Example
/// ```
/// use kiln_models::glm::Part;
///
/// assert_eq!((Part::Mean.to_string(), Part::Class(2).to_string()), ("mean".to_owned(), "class 2".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The linear predictor of the mean.
    Mean,
    /// The linear predictor of a class, relative to the first.
    Class(usize),
    /// The thresholds between ordered classes.
    Thresholds,
    /// The linear predictor of the probability of additional zeros.
    Inflation,
    /// θ of the negative binomial distribution.
    Theta,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Class(class) => write!(f, "class {class}"),
            Self::Thresholds => f.write_str("thresholds"),
            Self::Inflation => f.write_str("inflation"),
            Self::Theta => f.write_str("theta"),
        }
    }
}

/// Which parameter of a [`Part`] it is.
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, GlmData, GlmLoss, Term};
///
/// let loss = GlmLoss::new(GlmData::new(Family::Poisson, vec![0.0, 1.0, 3.0], 1, vec![2.0, 3.0, 9.0]))?;
/// let terms: Vec<Term> = loss.places().iter().map(|place| place.term).collect();
/// assert_eq!(terms, [Term::Feature(0), Term::Intercept]);
/// # Ok::<(), kiln_models::glm::GlmDataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// The coefficient of a feature, by its index.
    Feature(usize),
    /// The intercept.
    Intercept,
    /// The threshold between class k and class k + 1.
    Threshold(usize),
    /// θ.
    Theta,
}

/// A parameter's place in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What it belongs to.
    pub part: Part,
    /// Which of its parameters it is.
    pub term: Term,
}

impl GlmLoss {
    /// Returns the places of the parameters that [`coefficients`](Self::coefficients) returns, in their order: part by part, within a
    /// part by feature, the intercept last. Features that were dropped have none.
    pub fn places(&self) -> Vec<Place> {
        let ones = self.design.ones();
        let places = self.predictors.iter().enumerate().flat_map(|(index, predictor)| {
            let (part, group) = self.part(index);
            let kept = &self.design.groups()[group].kept;
            let first = self.design.columns(group).start;
            predictor.columns.clone().map(move |column| Place {
                part,
                term: match (part, column == ones) {
                    (Part::Theta, _) => Term::Theta,
                    (Part::Thresholds, _) => Term::Threshold(index - 1),
                    (_, true) => Term::Intercept,
                    (_, false) => Term::Feature(kept[column - first]),
                },
            })
        });
        let mut places: Vec<Place> = places.collect();
        if self.family == Family::ZeroInflatedPoisson {
            // The ones come before the features of the inflation.
            let start = self.predictors[1].start;
            places[start..].rotate_left(1);
        }
        places
    }

    /// The part of a linear predictor, and its group of features.
    fn part(&self, predictor: usize) -> (Part, usize) {
        match (self.family, predictor) {
            (Family::Multinomial, index) => (Part::Class(index + 1), 0),
            (_, 0) => (Part::Mean, 0),
            (Family::Ordinal, _) => (Part::Thresholds, 0),
            (Family::ZeroInflatedPoisson, _) => (Part::Inflation, 1),
            (_, _) => (Part::Theta, 0),
        }
    }

    /// Returns the parameters at a solver's vector `x`, in the units of the data and in the order of [`places`](Self::places).
    pub fn coefficients(&self, x: &[f64]) -> Vec<f64> {
        let mut own = self.in_own_units(x);
        for (value, place) in own.iter_mut().zip(self.places()) {
            if place.term == Term::Theta {
                *value = value.exp();
            }
        }
        own
    }

    /// Returns the solver's vector for parameters in the units of the data, in the order of [`places`](Self::places): the inverse of
    /// [`coefficients`](Self::coefficients). There is none if the numbers of parameters differ, or if nearly dependent features were
    /// replaced by others.
    pub fn vector_at(&self, coefficients: &[f64]) -> Option<Vec<f64>> {
        let has_basis = self.design.groups().iter().any(super::group::Group::has_basis);
        if coefficients.len() != self.parameter_count() || has_basis {
            return None;
        }
        let (mut x, ones) = (coefficients.to_vec(), self.design.ones());
        let mut shift_of_thresholds = 0.0;
        for (index, predictor) in self.predictors.iter().enumerate() {
            let (part, group) = self.part(index);
            let values = &mut x[predictor.places()];
            match part {
                Part::Theta => values[0] = values[0].ln(),
                Part::Thresholds => values[0] += shift_of_thresholds,
                _ => {
                    if part == Part::Inflation {
                        values.rotate_right(1);
                    }
                    let columns = self.design.columns(group);
                    let start = columns.start - predictor.columns.start;
                    let group = &self.design.groups()[group];
                    let constant = group.in_scaled_units(&mut values[start..start + columns.len()]);
                    if predictor.columns.contains(&ones) {
                        values[ones - predictor.columns.start] -= constant;
                    }
                    if self.family == Family::Ordinal {
                        shift_of_thresholds = constant;
                    }
                }
            }
        }
        Some(x)
    }

    /// The same at the maximum `x`, with all digits that the data determine.
    pub(super) fn coefficients_at_maximum(&self, x: &[f64]) -> Vec<f64> {
        self.exact.as_ref().map_or_else(|| self.coefficients(x), |exact| exact.coefficients.clone())
    }

    /// The linear part of [`coefficients`](Self::coefficients): ln θ instead of θ.
    fn in_own_units(&self, x: &[f64]) -> Vec<f64> {
        let (mut own, ones) = (x.to_vec(), self.design.ones());
        let mut shift_of_thresholds = 0.0;
        for (index, predictor) in self.predictors.iter().enumerate() {
            let (part, group) = self.part(index);
            let values = &mut own[predictor.places()];
            match part {
                Part::Theta => {}
                Part::Thresholds => values[0] -= shift_of_thresholds,
                _ => {
                    let columns = self.design.columns(group);
                    let start = columns.start - predictor.columns.start;
                    let (coefficients, constant) =
                        self.design.groups()[group].in_own_units(&values[start..start + columns.len()]);
                    values[start..start + columns.len()].copy_from_slice(&coefficients);
                    if predictor.columns.contains(&ones) {
                        values[ones - predictor.columns.start] += constant;
                    }
                    if self.family == Family::Ordinal {
                        shift_of_thresholds = constant;
                    }
                    if part == Part::Inflation {
                        values.rotate_left(1);
                    }
                }
            }
        }
        own
    }

    /// Returns J·V·Jᵀ, the covariance of the parameters, for the covariance V of the solver's vector at `x`.
    pub(super) fn covariance_in_own_units(&self, x: &[f64], variance: &Symmetric) -> Symmetric {
        let size = x.len();
        let theta: Vec<f64> = self
            .coefficients(x)
            .iter()
            .zip(self.places())
            .map(|(value, place)| if place.term == Term::Theta { *value } else { 1.0 })
            .collect();
        let columns: Vec<Vec<f64>> = (0..size)
            .map(|j| {
                let mut unit = vec![0.0; size];
                unit[j] = 1.0;
                self.in_own_units(&unit)
            })
            .collect();
        let transposed = Matrix::from_fn(size, size, |i, j| columns[i][j] * theta[j]);
        variance.restricted(&transposed)
    }
}
