//! Expressions evaluated on the rows of a table.

use std::borrow::Cow;

use super::{
    expression::{Expression, Scaled},
    state::{State, States},
    sums::{sum, sum_of},
};
use crate::{
    Column, ColumnKind, DataError, Table,
    encode::text_in_numeric,
    shown::Shown,
    table::{number, truth},
};

/// Returns the column called `name`, which the formula needs.
pub(super) fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, DataError> {
    table.column(name).ok_or_else(|| DataError::MissingColumn {
        file: table.file().into(),
        column: name.into(),
        columns: table.column_list(),
    })
}

/// Returns the numbers of a column; true is 1, and false is 0.
fn column_numbers<'a>(table: &'a Table, name: &str) -> Result<Cow<'a, [f64]>, DataError> {
    let column = column(table, name)?;
    match column.kind() {
        ColumnKind::Boolean => {
            let (levels, codes) = column.levels();
            let values: Vec<f64> =
                levels.iter().map(|level| truth(level).map_or(f64::NAN, |truth| f64::from(u8::from(truth)))).collect();
            let value = |code: &u32| values.get(*code as usize).copied().unwrap_or(f64::NAN);
            Ok(Cow::Owned(codes.iter().map(value).collect()))
        }
        ColumnKind::Date => Err(DataError::DateFeature { file: table.file().into(), column: name.into() }),
        ColumnKind::Numeric | ColumnKind::Categorical => match column.numbers() {
            Some(values) => Ok(Cow::Borrowed(values)),
            None => Err(text_for_number(table, column)),
        },
    }
}

/// Returns the error for a column of texts that a formula takes for numbers.
fn text_for_number(table: &Table, column: &Column) -> DataError {
    let text = |row: usize| column.text(row).unwrap_or_default();
    let row = (0..column.len()).find(|row| number(&text(*row)).is_none()).unwrap_or(0);
    DataError::FormulaText {
        file: table.file().into(),
        line: table.line(row),
        column: column.name().into(),
        cell: text(row).into_owned(),
    }
}

/// Returns an error if a column that would be taken for categories has dates, or a few texts among many numbers.
pub(super) fn check_categories(table: &Table, column: &Column) -> Result<(), DataError> {
    match (column.kind(), column.stray_text()) {
        (ColumnKind::Date, _) => {
            Err(DataError::DateFeature { file: table.file().into(), column: column.name().into() })
        }
        (_, Some(row)) => Err(text_in_numeric(table, column, row)),
        _ => Ok(()),
    }
}

/// Evaluates an expression on every row. No cell of its columns is missing.
pub(super) fn evaluate<'a>(
    expression: &Expression,
    table: &'a Table,
    states: &States,
) -> Result<Cow<'a, [f64]>, DataError> {
    let values = match expression {
        Expression::Number(value, _) => Cow::Owned(vec![*value; table.len()]),
        Expression::Column(name) => return column_numbers(table, name),
        Expression::Identity(of) => return evaluate(of, table, states),
        Expression::Negate(of) => map(evaluate(of, table, states)?, |value| -value),
        Expression::Call(function, of) => map(evaluate(of, table, states)?, |value| function.apply(value)),
        Expression::Binary(operator, left, right) => {
            let right = evaluate(right, table, states)?;
            let mut values = evaluate(left, table, states)?;
            let pairs = values.to_mut().iter_mut().zip(right.iter());
            pairs.for_each(|(left, right)| *left = operator.apply(*left, *right));
            values
        }
        Expression::Scaled(scaled) => {
            let values = evaluate(&scaled.of, table, states)?;
            match states.get(&expression.to_string()) {
                Some(State::Scaling { center, scale }) => map(values, |value| (value - center) / scale),
                _ => return Err(missing_state(&expression.to_string())),
            }
        }
    };
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(not_finite(expression, table, row, values[row])),
        None => Ok(values),
    }
}

fn map(mut values: Cow<'_, [f64]>, function: impl Fn(f64) -> f64) -> Cow<'_, [f64]> {
    values.to_mut().iter_mut().for_each(|value| *value = function(*value));
    values
}

/// Returns the error for a formula that lacks what it learnt.
pub(super) fn missing_state(text: &str) -> DataError {
    DataError::Encoder { reason: format!("what '{}' learnt is missing", Shown(text)) }
}

fn not_finite(expression: &Expression, table: &Table, row: usize, value: f64) -> DataError {
    let mut names = Vec::new();
    expression.columns(&mut names);
    let cell = |name: &&str| {
        let text = table.column(name).and_then(|column| column.text(row));
        format!("{} is {}", Shown(name), Shown(&text.unwrap_or_default()))
    };
    let cells: Vec<String> = names.iter().map(cell).collect();
    DataError::FormulaValue {
        file: table.file().into(),
        line: table.line(row),
        expression: expression.to_string(),
        value,
        because: if cells.is_empty() { "its numbers give no finite one".into() } else { cells.join(" and ") },
    }
}

/// Learns what the expression needs, innermost functions first.
pub(super) fn learn(expression: &Expression, table: &Table, states: &mut States) -> Result<(), DataError> {
    match expression {
        Expression::Number(..) | Expression::Column(_) => Ok(()),
        Expression::Identity(of) | Expression::Negate(of) | Expression::Call(_, of) => learn(of, table, states),
        Expression::Binary(_, left, right) => {
            learn(left, table, states)?;
            learn(right, table, states)
        }
        Expression::Scaled(scaled) => {
            learn(&scaled.of, table, states)?;
            let values = evaluate(&scaled.of, table, states)?;
            let state = scaling(scaled, &values).map_err(|reason| DataError::FormulaFit {
                file: table.file().into(),
                expression: expression.to_string(),
                reason,
            })?;
            states.insert(expression.to_string(), state);
            Ok(())
        }
    }
}

/// Computes the mean and the standard deviation in the order of formulaic's operations.
fn scaling(scaled: &Scaled, values: &[f64]) -> Result<State, String> {
    let n = values.len() as f64;
    let center = if scaled.center { sum(values) / n } else { 0.0 };
    let scale = match scaled.scale {
        false => 1.0,
        true if n <= scaled.ddof => return Err(format!("it needs more than {} rows", scaled.ddof)),
        true => (sum_of(values, |value| (value - center) * (value - center)) / (n - scaled.ddof)).sqrt(),
    };
    match (center.is_finite() && scale.is_finite(), scale > 0.0) {
        (true, true) => Ok(State::Scaling { center, scale }),
        (true, false) => Err("its standard deviation is 0".into()),
        (false, _) => Err("its mean or standard deviation is too large for a 64-bit float".into()),
    }
}

/// Returns whether what was read from a file is what the expression learns.
pub(super) fn check(expression: &Expression, states: &States) -> Result<(), DataError> {
    match expression {
        Expression::Number(..) | Expression::Column(_) => Ok(()),
        Expression::Identity(of) | Expression::Negate(of) | Expression::Call(_, of) => check(of, states),
        Expression::Binary(_, left, right) => {
            check(left, states)?;
            check(right, states)
        }
        Expression::Scaled(scaled) => {
            check(&scaled.of, states)?;
            let text = expression.to_string();
            match states.get(&text) {
                Some(State::Scaling { center, scale }) if center.is_finite() && scale.is_finite() && *scale > 0.0 => {
                    Ok(())
                }
                _ => Err(missing_state(&text)),
            }
        }
    }
}
