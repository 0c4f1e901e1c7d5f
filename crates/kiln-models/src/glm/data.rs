//! What a generalised linear model is fitted to.

use std::sync::Arc;

use super::{Family, Link};

/// Features, responses and weights of a generalised linear model, and its form. [`new`](Self::new) has the defaults.
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, GlmData, GlmLoss};
///
/// // Two rows of one feature, counts, and the logarithm of the time in which they were counted.
/// let data = GlmData {
///     offset: Some(vec![0.0, 2f64.ln()]),
///     ..GlmData::new(Family::Poisson, vec![1.0, 3.0], 1, vec![2.0, 7.0])
/// };
/// assert_eq!(GlmLoss::new(data)?.parameter_count(), 2);
/// # Ok::<(), kiln_models::glm::GlmDataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GlmData {
    /// The family of the response.
    pub family: Family,
    /// The link, one of [`Family::links`]. Default: the first.
    pub link: Link,
    /// Whether the linear predictor has an intercept. Default: yes. Ordered classes have thresholds instead, and ignore it.
    pub intercept: bool,
    /// The features, `[n, d]` in row-major order. They can be shared with other fits.
    pub inputs: Arc<Vec<f64>>,
    /// The number of features, d ≥ 0.
    pub features: usize,
    /// The responses, n of them. A class is given by its index.
    pub response: Vec<f64>,
    /// The number of classes. Default: one more than the largest response. Families without classes ignore it.
    pub classes: usize,
    /// A weight per row: finite and not negative. A weight of 2 equals repeating the row. Default: 1 for each.
    pub weights: Option<Vec<f64>>,
    /// A number per row that is added to the linear predictor. Default: 0 for each. Not for [`Family::Multinomial`].
    pub offset: Option<Vec<f64>>,
    /// The features on which the probability of additional zeros depends, `[n, e]` in row-major order, and e. Default: none, so
    /// that it is the same for all rows. Only for [`Family::ZeroInflatedPoisson`].
    pub inflation: (Vec<f64>, usize),
}

impl GlmData {
    /// Returns the data with the defaults for all else: an intercept, the family's first link, equal weights.
    pub fn new(family: Family, inputs: impl Into<Arc<Vec<f64>>>, features: usize, response: Vec<f64>) -> Self {
        let largest = response.iter().copied().fold(1.0, f64::max);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
        let classes = (largest as usize).saturating_add(1);
        Self {
            family,
            link: family.links()[0],
            intercept: true,
            inputs: inputs.into(),
            features,
            response,
            classes,
            weights: None,
            offset: None,
            inflation: (Vec::new(), 0),
        }
    }

    /// Refuses what cannot be fitted.
    pub(super) fn check(&self) -> Result<(), GlmDataError> {
        let rows = self.response.len();
        if rows == 0 {
            return Err(GlmDataError::Empty);
        }
        if !self.family.links().contains(&self.link) {
            let links = self.family.links().iter().map(|link| link.name()).collect::<Vec<_>>().join(", ");
            return Err(GlmDataError::Link { family: self.family, link: self.link, links });
        }
        let lengths = [
            ("inputs", Some(self.inputs.len()), rows.checked_mul(self.features)),
            ("weights", self.weights.as_ref().map(Vec::len), Some(rows)),
            ("offsets", self.offset.as_ref().map(Vec::len), Some(rows)),
            ("inputs of the inflation", Some(self.inflation.0.len()), rows.checked_mul(self.inflation.1)),
        ];
        for (what, got, expected) in lengths {
            if let Some(got) = got
                && Some(got) != expected
            {
                return Err(GlmDataError::Length { what, rows, got });
            }
        }
        if self.inflation.1 > 0 && self.family != Family::ZeroInflatedPoisson {
            return Err(GlmDataError::Inflation { family: self.family });
        }
        if self.offset.is_some() && self.family == Family::Multinomial {
            return Err(GlmDataError::Offset { family: self.family });
        }
        if let Family::NegativeBinomial { theta: Some(theta) } = self.family
            && !(theta > 0.0 && theta.is_finite())
        {
            return Err(GlmDataError::Theta(theta.to_string()));
        }
        for (what, values, width) in [
            ("input", &self.inputs[..], self.features),
            ("offset", self.offset.as_deref().unwrap_or_default(), 1),
            ("input of the inflation", &self.inflation.0[..], self.inflation.1),
        ] {
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(GlmDataError::NotFinite { what, row: at / width.max(1), value: values[at].to_string() });
            }
        }
        self.check_response()?;
        if let Some(weights) = &self.weights {
            let total: f64 = weights.iter().sum();
            if weights.iter().any(|w| !w.is_finite() || *w < 0.0) || total <= 0.0 || !total.is_finite() {
                return Err(GlmDataError::Weights);
            }
        }
        Ok(())
    }

    fn check_response(&self) -> Result<(), GlmDataError> {
        let family = self.family;
        let refused = |(row, y): (usize, &f64)| family.expected_instead_of(*y).map(|expected| (row, *y, expected));
        if let Some((row, value, expected)) = self.response.iter().enumerate().find_map(refused) {
            return Err(GlmDataError::Response { family, row, value: value.to_string(), expected });
        }
        if !family.has_classes() {
            return Ok(());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index of a class")]
        let classes: Vec<usize> = self.response.iter().map(|y| *y as usize).collect();
        if self.classes < 2 || classes.iter().any(|class| *class >= self.classes) {
            return Err(GlmDataError::Classes { classes: self.classes });
        }
        let mut seen = vec![false; self.classes];
        classes.iter().zip(0..).for_each(|(class, row)| seen[*class] |= self.weight(row) > 0.0);
        match seen.iter().position(|seen| !seen) {
            Some(class) => Err(GlmDataError::EmptyClass { class }),
            None => Ok(()),
        }
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }
}

/// Why a generalised linear model cannot be fitted to some data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GlmDataError {
    /// There are no rows.
    #[error("there are no rows; a fit needs at least one")]
    Empty,
    /// The family does not have the link.
    #[error("the family {family} does not have the link {link}; choose one of {links}")]
    Link {
        /// The family.
        family: Family,
        /// The link.
        link: Link,
        /// The links that it has.
        links: String,
    },
    /// Something has another length than the rows need.
    #[error("there are {rows} responses but {got} {what}; each row needs the same number")]
    Length {
        /// What is counted.
        what: &'static str,
        /// The number of responses.
        rows: usize,
        /// The number of values.
        got: usize,
    },
    /// A number is infinite or NaN.
    #[error("the {what} of row {row} is {value}; it must be a finite number")]
    NotFinite {
        /// What it is.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The value.
        value: String,
    },
    /// A response is not one of the family's.
    #[error("the response of row {row} is {value}; for the family {family} it must be {expected}")]
    Response {
        /// The family.
        family: Family,
        /// The row, from 0.
        row: usize,
        /// The response.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The number of classes does not fit the responses.
    #[error("{classes} classes do not fit the responses; there must be at least 2, and more than the largest index")]
    Classes {
        /// The number of classes.
        classes: usize,
    },
    /// A class has no rows.
    #[error("class {class} has no rows with a weight above 0; remove it")]
    EmptyClass {
        /// The class.
        class: usize,
    },
    /// The weights are not valid.
    #[error("weights must be finite and not negative, and their sum must be positive and finite")]
    Weights,
    /// θ of the negative binomial distribution is not a positive number.
    #[error("theta must be positive and finite, not {0}")]
    Theta(String),
    /// The family has a linear predictor per class, to none of which an offset belongs.
    #[error("the family {family} has a linear predictor per class, so it takes no offset")]
    Offset {
        /// The family.
        family: Family,
    },
    /// Another family has inputs for the inflation.
    #[error("the family {family} has no additional zeros; inputs of the inflation are for zero-inflated-poisson")]
    Inflation {
        /// The family.
        family: Family,
    },
}
