//! Columns that are sums of others.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A column that is a linear combination of an intercept and the columns before it.
///
/// Its text is the equation, with names by [`named`](Self::named).
///
/// # Example
/// ```
/// use kiln_models::dependent_columns;
///
/// // The third column is the first plus twice the second.
/// let inputs = [1.0, 0.0, 1.0, 0.0, 1.0, 2.0, 2.0, 1.0, 4.0, 5.0, 2.0, 9.0];
/// let found = dependent_columns(&inputs, 3);
/// assert_eq!(found[0].column, 2);
/// assert_eq!(found[0].named(&["a", "b", "c"]).to_string(), "c = a + 2·b");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// The column.
    pub column: usize,
    /// The columns that it depends on, with their factors.
    pub on: Vec<(usize, f64)>,
    /// The constant that is added.
    pub constant: f64,
}

impl Dependence {
    /// Returns the equation of the column, such as `c = a + 2·b − 1`, with the names of all columns.
    ///
    /// # Panics
    /// If a name is missing.
    pub fn named<'a, S: AsRef<str>>(&'a self, names: &'a [S]) -> impl fmt::Display + 'a {
        Equation { dependence: self, names: names.iter().map(AsRef::as_ref).collect() }
    }
}

struct Equation<'a> {
    dependence: &'a Dependence,
    names: Vec<&'a str>,
}

impl fmt::Display for Equation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dependence { column, on, constant } = self.dependence;
        write!(f, "{} =", self.names[*column])?;
        let terms = on.iter().map(|(column, factor)| (*factor, Some(self.names[*column])));
        let constant = (*constant != 0.0 || on.is_empty()).then_some((*constant, None));
        for (index, (factor, name)) in constant.into_iter().chain(terms).enumerate() {
            let sign = match (index, factor < 0.0) {
                (0, false) => " ",
                (0, true) => " −",
                (_, false) => " + ",
                (_, true) => " − ",
            };
            let size = rounded(factor.abs());
            match name {
                None => write!(f, "{sign}{size}")?,
                Some(name) if size == "1" => write!(f, "{sign}{name}")?,
                Some(name) => write!(f, "{sign}{size}·{name}")?,
            }
        }
        Ok(())
    }
}

/// A number with six digits.
fn rounded(value: f64) -> String {
    format!("{value:.5e}").parse::<f64>().map_or_else(|_| value.to_string(), |value| value.to_string())
}
