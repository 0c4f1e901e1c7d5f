//! The encoder that a formula becomes when it is fitted.

use serde::{Deserialize, Serialize};

use super::{
    design::design,
    evaluate::{check, column, evaluate},
    model::{Formula, complete},
    plan::{FormulaTerm, Plan},
    state::States,
};
use crate::{Column, DataError, Table, Unseen, encode::check_missing, examples::check_finite};

/// Turns the columns of a table into the features of a formula. [`Formula::fit`] makes it.
///
/// It has what was learnt from the training rows: categories, means, coefficients of polynomials, knots of splines. So new rows
/// are encoded as the training rows were. An encoder that is read from JSON is checked: a damaged one is an error and never
/// makes another method panic.
///
/// # Example
/// ```
/// use kiln_data::{Formula, FormulaEncoder, Table};
///
/// let table = Table::parse("pets.csv", "weight,colour,kind\n4,red,cat\n6,grey,cat\n20,red,dog\n")?;
/// let encoder = "kind ~ colour + center(weight)".parse::<Formula>()?.fit(&table)?;
/// assert!(encoder.has_intercept());
/// assert_eq!(encoder.feature_names(), ["colour=red", "center(weight)"]);
///
/// // The mean of the training rows is 10.
/// let new = Table::parse("new.csv", "colour,weight\ngrey,11\n")?;
/// assert_eq!(encoder.encode_inputs(&new)?, [0.0, 1.0]);
///
/// let json = serde_json::to_string(&encoder)?;
/// assert_eq!(serde_json::from_str::<FormulaEncoder>(&json)?, encoder);
/// assert!(serde_json::from_str::<FormulaEncoder>(&json.replace("grey", "red")).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct FormulaEncoder {
    formula: Formula,
    others: Vec<String>,
    states: States,
    unseen: Unseen,
    plan: Plan,
}

/// An encoder as a file has it.
#[derive(Serialize, Deserialize)]
struct Saved {
    formula: Formula,
    /// The columns for which `.` stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
    #[serde(default)]
    states: States,
    #[serde(default)]
    unseen: Unseen,
}

impl From<FormulaEncoder> for Saved {
    fn from(FormulaEncoder { formula, others, states, unseen, .. }: FormulaEncoder) -> Self {
        Self { formula, others, states, unseen }
    }
}

impl TryFrom<Saved> for FormulaEncoder {
    type Error = DataError;

    fn try_from(Saved { formula, others, states, unseen }: Saved) -> Result<Self, DataError> {
        Ok(Self::new(formula, others, states)?.with_unseen(unseen))
    }
}

impl FormulaEncoder {
    /// Makes an encoder of what was learnt, and checks it.
    pub(super) fn new(formula: Formula, others: Vec<String>, states: States) -> Result<Self, DataError> {
        let plan = Plan::new(formula.terms(&others)?, &states)?;
        for expression in plan.terms.offsets.iter().chain(formula.response_expression()) {
            check(expression, &states)?;
        }
        Ok(Self { formula, others, states, unseen: Unseen::default(), plan })
    }

    /// Returns the formula.
    pub fn formula(&self) -> &Formula {
        &self.formula
    }

    /// Sets what is done with a category that the training rows did not have. Default: [`Unseen::Error`].
    #[must_use]
    pub fn with_unseen(self, unseen: Unseen) -> Self {
        Self { unseen, ..self }
    }

    /// Returns whether the model has an intercept. It is not among the features.
    pub fn has_intercept(&self) -> bool {
        self.plan.terms.intercept
    }

    /// Returns the names of the features.
    ///
    /// A category's feature is called `column=category`, a number's feature as its expression, and a feature of an interaction
    /// as its factors with `:` between them. A function of several features counts them: `poly(age, 2)[1]`.
    pub fn feature_names(&self) -> &[String] {
        &self.plan.names
    }

    /// Returns the terms in the order of their features, without the intercept and offsets.
    pub fn terms(&self) -> &[FormulaTerm] {
        &self.plan.described
    }

    /// Returns the columns that the inputs and the offsets need.
    pub fn columns(&self) -> Vec<&str> {
        Plan::columns(&self.plan.terms)
    }

    /// Returns the text of the response, or `None` if the formula has none. [`Formula::response_column`] says whether it is a
    /// column, which can be the column of a [`Target`](crate::Target).
    pub fn response(&self) -> Option<String> {
        self.formula.response()
    }

    /// Returns the rows of `table` that can be encoded: those without a missing value in a column that the formula needs, also in
    /// those of the response if the table has them.
    pub fn complete_rows(&self, table: &Table) -> Vec<usize> {
        complete(table, self.columns().into_iter().chain(self.formula.response_columns()))
    }

    /// Returns the rows of `table` whose features can be encoded, whether or not their response is known. See
    /// [`complete_rows`](Self::complete_rows).
    pub fn features_complete(&self, table: &Table) -> Vec<usize> {
        complete(table, self.columns().into_iter())
    }

    /// Encodes the features of all rows of `table`, in row-major order, without a column for the intercept. Columns are found
    /// by name.
    ///
    /// # Errors
    ///
    /// [`DataError::MissingColumn`], [`DataError::MissingValues`], [`DataError::FormulaText`] for a text in place of a number,
    /// [`DataError::UnknownCategory`] for a category that the training rows did not have, [`DataError::FormulaValue`] if a
    /// function has no finite value in a row, [`DataError::FormulaBounds`] if a value is outside the bounds of a spline, and
    /// [`DataError::NonFinite`] if a product of features overflows.
    pub fn encode_inputs(&self, table: &Table) -> Result<Vec<f64>, DataError> {
        self.require(table, &self.columns())?;
        let inputs = design(&self.plan, &self.states, table, self.unseen)?;
        check_finite(&inputs, self.feature_names())?;
        Ok(inputs)
    }

    /// Returns the sum of the offsets in each row of `table`, or `None` if the formula has no offset.
    ///
    /// # Errors
    ///
    /// Those of [`encode_inputs`](Self::encode_inputs).
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Formula, Table};
    ///
    /// let table = Table::parse("t.csv", "deaths,age,years\n1,40,100\n3,50,1000\n")?;
    /// let encoder = "deaths ~ age + offset(log10(years))".parse::<Formula>()?.fit(&table)?;
    /// assert_eq!(encoder.offset(&table)?, Some(vec![2.0, 3.0]));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn offset(&self, table: &Table) -> Result<Option<Vec<f64>>, DataError> {
        let mut sum: Option<Vec<f64>> = None;
        for offset in &self.plan.terms.offsets {
            let mut names = Vec::new();
            offset.columns(&mut names);
            self.require(table, &names)?;
            let values = evaluate(offset, table, &self.states)?;
            match &mut sum {
                None => sum = Some(values.into_owned()),
                Some(sum) => sum.iter_mut().zip(values.iter()).for_each(|(sum, value)| *sum += value),
            }
        }
        if let Some(sum) = &sum {
            check_finite(sum, &["offset".to_owned()])?;
        }
        Ok(sum)
    }

    /// Returns the numbers of the response in each row of `table`. A column of true and false is 1 and 0.
    ///
    /// Use [`Target`](crate::Target) for a response that is a column of categories.
    ///
    /// # Errors
    ///
    /// [`DataError::NoResponse`] if the formula has none, and those of [`encode_inputs`](Self::encode_inputs).
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Formula, Table};
    ///
    /// let table = Table::parse("t.csv", "y,x\n8,1\n2,2\n")?;
    /// let encoder = "log2(y) ~ x".parse::<Formula>()?.fit(&table)?;
    /// assert_eq!(encoder.encode_response(&table)?, [3.0, 1.0]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn encode_response(&self, table: &Table) -> Result<Vec<f64>, DataError> {
        let response = self.formula.response_expression().ok_or(DataError::NoResponse)?;
        self.require(table, &self.formula.response_columns())?;
        Ok(evaluate(response, table, &self.states)?.into_owned())
    }

    /// Returns an error if the table lacks one of the columns, or a cell of one is missing.
    fn require(&self, table: &Table, names: &[&str]) -> Result<(), DataError> {
        let columns = names.iter().map(|name| column(table, name)).collect::<Result<Vec<&Column>, _>>()?;
        check_missing(table, &columns)
    }
}
