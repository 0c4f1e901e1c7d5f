//! Formulas.

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{error::FormulaError, expression::Expression, parse::parse, plan::Plan, terms::Terms, tree::Parsed};
use crate::{Column, DataError, Table};

/// A model formula: the columns of a table, and functions of them, whose sum predicts a response.
///
/// The [module](crate::formula) describes the language. A formula is made from a text and written as one, in JSON too.
/// [`fit`](Self::fit) makes an encoder.
///
/// # Example
/// ```
/// use kiln_data::{Formula, Table};
///
/// let formula: Formula = "survived~class*age + log( fare )".parse()?;
/// assert_eq!(formula.to_string(), "survived ~ class * age + log(fare)");
/// assert_eq!(formula.response().as_deref(), Some("survived"));
///
/// let text = "survived,class,age,fare\nyes,1st,29,100\nno,3rd,2,10\nno,2nd,30,20\n";
/// let encoder = formula.fit(&Table::parse("titanic.csv", text)?)?;
/// assert_eq!(
///     encoder.feature_names(),
///     ["class=2nd", "class=3rd", "age", "log(fare)", "class=2nd:age", "class=3rd:age"]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Formula {
    parsed: Parsed,
}

impl FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        let parsed = parse(text)?;
        // A formula of too many terms is refused before there is a table.
        Terms::of(&parsed, &[])?;
        Ok(Self { parsed })
    }
}

impl TryFrom<String> for Formula {
    type Error = FormulaError;

    fn try_from(text: String) -> Result<Self, FormulaError> {
        text.parse()
    }
}

impl From<Formula> for String {
    fn from(formula: Formula) -> Self {
        formula.to_string()
    }
}

impl Display for Formula {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.parsed)
    }
}

impl Formula {
    /// Returns the text of the response, on the left of `~`, or `None` if there is none.
    pub fn response(&self) -> Option<String> {
        self.parsed.response.as_ref().map(Expression::to_string)
    }

    /// Returns the column that is the response, or `None` if there is no response or a function of columns.
    pub fn response_column(&self) -> Option<&str> {
        match &self.parsed.response {
            Some(Expression::Column(name)) => Some(name),
            _ => None,
        }
    }

    /// Returns whether the model has an intercept. Default: yes; `0` or `-1` removes it.
    pub fn has_intercept(&self) -> bool {
        // The intercept does not depend on the table, and the terms were expanded once when the formula was read.
        Terms::of(&self.parsed, &[]).is_ok_and(|terms| terms.intercept)
    }

    /// Returns the texts of the offsets, without `offset(…)`.
    ///
    /// # Example
    /// ```
    /// let formula: kiln_data::Formula = "deaths ~ age + offset(log(years))".parse()?;
    /// assert_eq!(formula.offsets(), ["log(years)"]);
    /// # Ok::<(), kiln_data::FormulaError>(())
    /// ```
    pub fn offsets(&self) -> Vec<String> {
        // As above: the offsets do not depend on the table.
        Terms::of(&self.parsed, &[])
            .map_or(Vec::new(), |terms| terms.offsets.iter().map(Expression::to_string).collect())
    }

    /// Returns the columns of `table` that the formula needs: those of the inputs, of the offsets and of the response.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`], and [`DataError::Formula`] if `.` stands for too many columns.
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Formula, Table};
    ///
    /// let table = Table::parse("t.csv", "id,x,z,y\n1,4,6,0\n")?;
    /// assert_eq!("y ~ . - id".parse::<Formula>()?.columns(&table)?, ["x", "z", "y"]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn columns(&self, table: &Table) -> Result<Vec<String>, DataError> {
        let terms = self.terms(&self.others(table))?;
        let mut names: Vec<String> = Plan::columns(&terms).into_iter().map(str::to_owned).collect();
        for name in self.response_columns() {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names.iter().try_for_each(|name| table.required(name).map(drop))?;
        Ok(names)
    }

    /// Returns the rows of `table` in which no column that the formula needs is missing.
    ///
    /// # Errors
    ///
    /// Those of [`columns`](Self::columns).
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Formula, Table};
    ///
    /// let table = Table::parse("t.csv", "x,z,y\n1,NA,0\nNA,2,0\n3,NA,1\n")?;
    /// let formula: Formula = "y ~ x".parse()?;
    /// let rows = formula.complete_rows(&table)?;
    /// assert_eq!(rows, [0, 2]);
    /// assert_eq!(formula.fit(&table.subset(&rows))?.feature_names(), ["x"]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn complete_rows(&self, table: &Table) -> Result<Vec<usize>, DataError> {
        Ok(complete(table, self.columns(table)?.iter().map(String::as_str)))
    }

    /// Returns the columns for which `.` stands: those that the response does not have.
    pub(super) fn others(&self, table: &Table) -> Vec<String> {
        let response = self.response_columns();
        table.columns().iter().map(Column::name).filter(|name| !response.contains(name)).map(str::to_owned).collect()
    }

    pub(super) fn has_dot(&self) -> bool {
        self.parsed.has_dot()
    }

    pub(super) fn terms(&self, others: &[String]) -> Result<Terms, FormulaError> {
        Terms::of(&self.parsed, others)
    }

    pub(super) fn response_expression(&self) -> Option<&Expression> {
        self.parsed.response.as_ref()
    }

    /// Returns the response if it is a function of columns, which must be evaluated.
    pub(super) fn computed_response(&self) -> Option<&Expression> {
        self.parsed.response.as_ref().filter(|response| !matches!(response, Expression::Column(_)))
    }

    pub(super) fn response_columns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(response) = &self.parsed.response {
            response.columns(&mut names);
        }
        names
    }
}

/// Returns the rows in which no cell of the columns that `table` has is missing.
pub(super) fn complete<'a>(table: &Table, names: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let columns: Vec<&Column> = names.filter_map(|name| table.column(name)).filter(|c| c.missing() > 0).collect();
    (0..table.len()).filter(|row| !columns.iter().any(|column| column.is_missing(*row))).collect()
}
