//! What the factors of a formula learn from a table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::polynomial::Recurrence;

/// What was learnt, by the text of the column or function.
pub(super) type States = BTreeMap<String, State>;

/// What a column or a function learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum State {
    /// The categories in order.
    Categories { categories: Vec<String> },
    /// What is subtracted, and by what the result is divided.
    Scaling { center: f64, scale: f64 },
    /// Orthogonal polynomials.
    Polynomial(Recurrence),
    /// The knots of a spline with both bounds.
    Knots {
        knots: Vec<f64>,
        /// The means of the features at the training rows, which `constraints="center"` needs; otherwise none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        means: Vec<f64>,
    },
}
