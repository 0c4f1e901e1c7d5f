//! Fitting a formula to a table.

use super::{
    category::Category,
    encoder::FormulaEncoder,
    evaluate::{check_categories, evaluate, learn},
    expression::Expression,
    factor::{Factor, Polynomial},
    model::Formula,
    plan::categories,
    polynomial, spline,
    state::{State, States},
};
use crate::{
    Column, ColumnKind, DataError, Table,
    encode::{check_missing, unknown},
    shown::list,
    table::truth,
    vocabulary::{Lookup, distinct},
};

/// The largest number of categories of a column that is not within `C(…)`.
const MAX_CATEGORIES: usize = 1000;

impl Formula {
    /// Learns the categories of columns, and what functions such as `poly` need, from all rows of `table`.
    ///
    /// # Errors
    ///
    /// - [`DataError::UnknownColumn`] if the table lacks a column of the formula;
    /// - [`DataError::MissingValues`] if a cell is missing in a column that the formula needs: see
    ///   [`complete_rows`](Self::complete_rows);
    /// - [`DataError::FormulaText`] if a function of numbers gets a column of texts, [`DataError::TextInNumeric`] if a column
    ///   has a few texts among many numbers ([`Column::stray_text`]), and [`DataError::DateFeature`] if a column has dates;
    /// - [`DataError::FormulaValue`] if a function has no finite value in a row, such as log(0);
    /// - [`DataError::FormulaFit`] if a function cannot learn from these values, such as a polynomial of degree 3 from three
    ///   different values;
    /// - [`DataError::UnknownReference`] if the reference of a column is not one of its categories;
    /// - [`DataError::UnknownCategory`] if a column has a category that `levels=` lacks;
    /// - [`DataError::TooManyCategories`] if a column of texts has more than 1000 categories and is not within `C(…)`;
    /// - [`DataError::FormulaSize`] if there are too many features, and [`DataError::Formula`] if there are too many terms.
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Formula, Table};
    ///
    /// let table = Table::parse("t.csv", "y,fare\n1,2.5\n0,0\n")?;
    /// let error = "y ~ log(fare)".parse::<Formula>()?.fit(&table).unwrap_err();
    /// assert!(error.to_string().starts_with("t.csv, line 3: log(fare) is -inf, because fare is 0"));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn fit(&self, table: &Table) -> Result<FormulaEncoder, DataError> {
        let others = if self.has_dot() { self.others(table) } else { Vec::new() };
        let terms = self.terms(&others)?;
        let names = self.columns(table)?;
        let columns = names.iter().map(|name| table.required(name)).collect::<Result<Vec<&Column>, _>>()?;
        check_missing(table, &columns)?;
        let mut states = States::new();
        for factor in &terms.factors {
            learn_factor(factor, table, &mut states)?;
        }
        for expression in terms.offsets.iter().chain(self.computed_response()) {
            learn(expression, table, &mut states)?;
        }
        let encoder = FormulaEncoder::new(self.clone(), others, states)?;
        // Values for which a function is not defined are found now, not when the first file is encoded.
        encoder.encode_inputs(table)?;
        encoder.offset(table)?;
        if self.computed_response().is_some() {
            encoder.encode_response(table)?;
        }
        Ok(encoder)
    }
}

impl Formula {
    /// Returns the functions that learn from all rows, such as `poly(x, 2)` and `center(x)`. Categories are not among them.
    ///
    /// # Example
    /// ```
    /// let formula: kiln_data::Formula = "y ~ C(g) + log(x) + center(x) + bs(z, df=4)".parse()?;
    /// assert_eq!(formula.functions_of_all_rows(), ["center(x)", "bs(z, df=4)"]);
    /// # Ok::<(), kiln_data::FormulaError>(())
    /// ```
    pub fn functions_of_all_rows(&self) -> Vec<String> {
        let Ok(terms) = self.terms(&[]) else { return Vec::new() };
        let mut found = Vec::new();
        for factor in &terms.factors {
            match factor {
                Factor::Column(_) | Factor::Category(_) => {}
                Factor::Number(of) | Factor::Polynomial(Polynomial { of, raw: true, .. }) => add_scaled(of, &mut found),
                Factor::Polynomial(_) | Factor::Spline(_) => found.push(factor.to_string()),
            }
        }
        terms.offsets.iter().chain(self.computed_response()).for_each(|expression| add_scaled(expression, &mut found));
        found
    }

    /// Returns the columns whose values are categories whatever they are: those within `C(…)`.
    ///
    /// # Example
    /// ```
    /// let formula: kiln_data::Formula = "y ~ C(year) * x".parse()?;
    /// assert_eq!(formula.category_columns(), ["year"]);
    /// # Ok::<(), kiln_data::FormulaError>(())
    /// ```
    pub fn category_columns(&self) -> Vec<String> {
        let of = |factor: &Factor| match factor {
            Factor::Category(category) => Some(category.column.clone()),
            _ => None,
        };
        self.terms(&[]).map_or_else(|_| Vec::new(), |terms| terms.factors.iter().filter_map(of).collect())
    }
}

/// Adds the parts of an expression that learn from all rows.
fn add_scaled(expression: &Expression, found: &mut Vec<String>) {
    match expression {
        Expression::Number(..) | Expression::Column(_) => {}
        Expression::Identity(of) | Expression::Negate(of) | Expression::Call(_, of) => add_scaled(of, found),
        Expression::Binary(_, left, right) => {
            add_scaled(left, found);
            add_scaled(right, found);
        }
        Expression::Scaled(_) => found.push(expression.to_string()),
    }
}

fn learn_factor(factor: &Factor, table: &Table, states: &mut States) -> Result<(), DataError> {
    let failed =
        |reason: String| DataError::FormulaFit { file: table.file().into(), expression: factor.to_string(), reason };
    let state = match factor {
        Factor::Column(name) => {
            let column = table.required(name)?;
            if matches!(column.kind(), ColumnKind::Numeric | ColumnKind::Boolean) {
                return Ok(());
            }
            check_categories(table, column)?;
            let categories = found(column);
            if categories.len() > MAX_CATEGORIES {
                return Err(DataError::TooManyCategories {
                    file: table.file().into(),
                    column: name.clone(),
                    count: categories.len(),
                    limit: MAX_CATEGORIES,
                });
            }
            State::Categories { categories }
        }
        Factor::Category(category) => learn_category(category, table)?,
        Factor::Number(of) => return learn(of, table, states),
        Factor::Polynomial(Polynomial { of, raw: true, .. }) => return learn(of, table, states),
        Factor::Polynomial(Polynomial { of, degree, .. }) => {
            learn(of, table, states)?;
            let x = evaluate(of, table, states)?;
            let different = count_different(&x);
            if different <= *degree {
                let needed = degree + 1;
                return Err(failed(format!("it needs at least {needed} different values, and there are {different}")));
            }
            let state = polynomial::learn(&x, *degree);
            if !state.norms2.iter().all(|norm2| norm2.is_finite() && *norm2 > 0.0) {
                return Err(failed(
                    "its numbers are too large or too small for this degree; choose another unit".into(),
                ));
            }
            State::Polynomial(state)
        }
        Factor::Spline(of) => {
            learn(&of.of, table, states)?;
            let (knots, means) = spline::learn(of, &evaluate(&of.of, table, states)?).map_err(failed)?;
            State::Knots { knots, means }
        }
    };
    states.insert(factor.to_string(), state);
    if let Err(category) = categories(factor, states)
        && let Factor::Category(Category { column, .. }) = factor
        && let Some(State::Categories { categories }) = states.get(&factor.to_string())
    {
        let known = list(categories.iter().map(String::as_str));
        return Err(DataError::UnknownReference { file: table.file().into(), column: column.clone(), category, known });
    }
    Ok(())
}

fn learn_category(category: &Category, table: &Table) -> Result<State, DataError> {
    let column = table.required(&category.column)?;
    let Some(levels) = &category.levels else {
        return Ok(State::Categories { categories: found(column) });
    };
    let lookup = Lookup::new(levels);
    let (texts, codes) = column.levels();
    match texts.iter().position(|text| lookup.find(text).is_none()) {
        Some(text) => {
            let row = codes.iter().position(|code| *code as usize == text).unwrap_or(0);
            Err(unknown(table, column, row, levels, "correct it, or add it to the levels"))
        }
        None => Ok(State::Categories { categories: levels.clone() }),
    }
}

/// Returns the categories of a column in order; each truth once, in its first spelling.
fn found(column: &Column) -> Vec<String> {
    let mut categories = distinct(&column.levels().0);
    if column.kind() == ColumnKind::Boolean {
        categories.sort_by_key(|category| truth(category));
        categories.dedup_by_key(|category| truth(category));
    }
    categories
}

fn count_different(x: &[f64]) -> usize {
    let mut sorted: Vec<f64> = x.iter().map(|x| x + 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup_by(|a, b| *a <= *b);
    sorted.len()
}
