//! What a generalised linear model is fitted to.

use kiln_tensor::{World, world::WorldError};

use super::{Family, Link, Values};

/// Features, responses and weights of a generalised linear model, and its form. [`new`](Self::new) has the defaults.
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, GlmData, GlmLoss};
///
/// // Two rows of one feature, counts, and the logarithm of the time in which they were counted.
/// let data = GlmData {
///     offset: Some(vec![0.0, 2f64.ln()].into()),
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
    /// The features, `[n, d]` in row-major order.
    pub inputs: Values,
    /// The number of features, d ≥ 0.
    pub features: usize,
    /// The responses, n of them. A class is given by its index.
    pub response: Values,
    /// The number of classes. Default: one more than the largest response. Families without classes ignore it.
    pub classes: usize,
    /// A weight per row: finite and not negative. A weight of 2 equals repeating the row. Default: 1 for each.
    pub weights: Option<Values>,
    /// A number per row that is added to the linear predictor. Default: 0 for each. Not for [`Family::Multinomial`].
    pub offset: Option<Values>,
    /// The features on which the probability of additional zeros depends, `[n, e]` in row-major order, and e. Default: none, so
    /// that it is the same for all rows. Only for [`Family::ZeroInflatedPoisson`].
    pub inflation: (Values, usize),
    /// The penalty λ/2·‖b‖² on the coefficients of the features, for a mean loss at dispersion 1; λ is finite and not negative.
    /// Default: 0. Intercepts, thresholds and the inflation have no penalty.
    pub l2: f64,
    /// Whether the solver adds another penalty, such as [`GlmLoss::l1_weights`](super::GlmLoss::l1_weights). A penalised fit keeps
    /// features that depend on others. Default: no.
    pub is_penalised: bool,
    /// The ranks whose rows are fitted together. Each has its own rows, and all else is the same. Default: this process alone.
    pub world: World,
}

impl GlmData {
    /// Returns the data with the defaults for all else: an intercept, the family's first link, equal weights.
    pub fn new(family: Family, inputs: impl Into<Values>, features: usize, response: impl Into<Values>) -> Self {
        let (response, mut largest) = (response.into(), 1.0);
        response.each_block(1, |block| largest = block.iter().copied().fold(largest, f64::max));
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
            inflation: (Values::default(), 0),
            l2: 0.0,
            is_penalised: false,
            world: World::alone(),
        }
    }

    /// Takes what depends on the rows of all ranks: the number of classes. Returns an error if the ranks' models differ.
    pub(super) fn of_all_ranks(mut self) -> Result<Self, GlmDataError> {
        if self.world.is_alone() {
            return Ok(self);
        }
        let place = |of: usize| of as u64;
        self.world.compare(&[
            (
                "the family",
                place(Family::ALL.iter().position(|family| family.name() == self.family.name()).unwrap_or(0)),
            ),
            ("the link", place(self.link as usize)),
            ("the number of features", place(self.features)),
            ("the number of features of the inflation", place(self.inflation.1)),
            ("the intercept", u64::from(self.intercept)),
            ("the penalty", self.l2.to_bits() ^ u64::from(self.is_penalised)),
            ("whether rows are sparse", u64::from(self.inputs.sparse().is_some())),
            ("whether rows have weights", u64::from(self.weights.is_some())),
            ("whether rows have offsets", u64::from(self.offset.is_some())),
        ])?;
        let classes = self.world.gather_numbers(&[self.classes as f64])?;
        let largest = classes.into_iter().flatten().fold(0.0, f64::max);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of classes")]
        let largest = largest as usize;
        self.classes = largest;
        Ok(self)
    }

    /// Refuses what cannot be fitted, and returns the number of rows of all ranks.
    pub(super) fn check(&self) -> Result<usize, GlmDataError> {
        let Counts { weight, seen } = self.world.agree(self.check_own())?;
        // Rows, the sum of the weights, and how many ranks have each class.
        let mut totals = vec![self.response.len() as f64, weight];
        totals.extend(seen.into_iter().map(|seen| f64::from(u8::from(seen))));
        self.world.sum(&mut totals)?;
        if totals[0] <= 0.0 {
            return Err(GlmDataError::Empty);
        }
        if !(totals[1] > 0.0 && totals[1].is_finite()) {
            return Err(GlmDataError::Weights);
        }
        if let Some(class) = totals[2..].iter().position(|ranks| *ranks <= 0.0) {
            return Err(GlmDataError::EmptyClass { class });
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
        Ok(totals[0] as usize)
    }

    /// Refuses rows of this rank that cannot be fitted.
    fn check_own(&self) -> Result<Counts, GlmDataError> {
        let rows = self.response.len();
        if !self.family.links().contains(&self.link) {
            let links = self.family.links().iter().map(|link| link.name()).collect::<Vec<_>>().join(", ");
            return Err(GlmDataError::Link { family: self.family, link: self.link, links });
        }
        let lengths = [
            ("inputs", Some(self.inputs.len()), rows.checked_mul(self.features)),
            ("weights", self.weights.as_ref().map(Values::len), Some(rows)),
            ("offsets", self.offset.as_ref().map(Values::len), Some(rows)),
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
            ("input", Some(&self.inputs), self.features),
            ("offset", self.offset.as_ref(), 1),
            ("input of the inflation", Some(&self.inflation.0), self.inflation.1),
        ] {
            if let Some((at, value)) = values.and_then(|values| values.first_not_finite()) {
                return Err(GlmDataError::NotFinite { what, row: at / width.max(1), value: value.to_string() });
            }
        }
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            return Err(GlmDataError::Penalty(self.l2.to_string()));
        }
        if self.l2 > 0.0 && self.family == Family::Multinomial {
            return Err(GlmDataError::PenalisedClasses { family: self.family });
        }
        Ok(Counts { weight: self.check_weights()?, seen: self.check_response()? })
    }

    /// Returns the sum of the weights.
    fn check_weights(&self) -> Result<f64, GlmDataError> {
        let Some(weights) = &self.weights else { return Ok(self.response.len() as f64) };
        let (mut total, mut is_valid) = (0.0, true);
        weights.each_block(1, |block| {
            total += block.iter().sum::<f64>();
            is_valid &= block.iter().all(|w| w.is_finite() && *w >= 0.0);
        });
        if is_valid { Ok(total) } else { Err(GlmDataError::Weights) }
    }

    /// Returns which classes have rows.
    fn check_response(&self) -> Result<Vec<bool>, GlmDataError> {
        let (family, has_classes) = (self.family, self.family.has_classes());
        if has_classes && self.classes < 2 {
            return Err(GlmDataError::Classes { classes: self.classes });
        }
        let (mut row, mut buffer, mut seen) = (0, Vec::new(), vec![false; if has_classes { self.classes } else { 0 }]);
        let mut refused = None;
        self.response.each_block(1, |block| {
            let weights = self.weights.as_ref().map(|weights| weights.get(row..row + block.len(), &mut buffer));
            for (i, &y) in block.iter().enumerate() {
                let expected = family.expected_instead_of(y);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index of a class")]
                let class = y as usize;
                if let (None, Some(expected)) = (&refused, expected) {
                    refused = Some(GlmDataError::Response { family, row: row + i, value: y.to_string(), expected });
                } else if has_classes && expected.is_none() {
                    match seen.get_mut(class) {
                        Some(seen) => *seen |= weights.is_none_or(|weights| weights[i] > 0.0),
                        None => refused = Some(GlmDataError::Classes { classes: self.classes }),
                    }
                }
            }
            row += block.len();
        });
        refused.map_or(Ok(seen), Err)
    }
}

/// What the rows of a rank have.
struct Counts {
    /// The sum of the weights.
    weight: f64,
    /// Which classes have rows.
    seen: Vec<bool>,
}

/// Why a generalised linear model cannot be fitted to some data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GlmDataError {
    /// The ranks could not compute together.
    #[error(transparent)]
    World(#[from] WorldError),
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
    /// The penalty is negative or not finite.
    #[error("the penalty must be finite and not negative, not {0}")]
    Penalty(String),
    /// The coefficients are relative to those of the first class, so that a penalty would depend on the order of the classes.
    #[error(
        "the family {family} takes no penalty, which would depend on the order of the classes; use a softmax regression"
    )]
    PenalisedClasses {
        /// The family.
        family: Family,
    },
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
