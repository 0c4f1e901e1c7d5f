//! The numbers of the features.

use std::borrow::Cow;

use super::{
    evaluate::{column, evaluate, missing_state},
    expression::Operator,
    factor::{Extrapolation, Factor, Polynomial, Spline, SplineKind},
    plan::{Categories, Plan, categories, width},
    polynomial,
    scope::Scoped,
    spline,
    state::{State, States},
};
use crate::{
    DataError, Table, Unseen,
    encode::{UNSEEN, unknown},
    vocabulary::Lookup,
};

/// The columns of a factor.
struct Block<'a> {
    width: usize,
    values: Values<'a>,
}

enum Values<'a> {
    /// All rows in row-major order.
    Rows(Cow<'a, [f64]>),
    /// A row for each category and one for an unseen category, and the category of each row of the table.
    Coded { rows: Vec<f64>, codes: Vec<usize> },
}

impl Block<'_> {
    fn row(&self, row: usize) -> &[f64] {
        let (values, row): (&[f64], usize) = match &self.values {
            Values::Rows(values) => (values, row),
            Values::Coded { rows, codes } => (rows, codes[row]),
        };
        &values[row * self.width..(row + 1) * self.width]
    }
}

/// Computes the features of all rows of `table`, in row-major order. No cell is missing.
pub(super) fn design(plan: &Plan, states: &States, table: &Table, unseen: Unseen) -> Result<Vec<f64>, DataError> {
    let width = plan.names.len();
    let mut inputs = Vec::new();
    let too_large = || DataError::FormulaFit {
        file: table.file().into(),
        expression: "the formula".into(),
        reason: format!("{} rows of {width} features do not fit into memory", table.len()),
    };
    let size = table.len().checked_mul(width).ok_or_else(too_large)?;
    inputs.try_reserve_exact(size).map_err(|_| too_large())?;
    inputs.resize(size, 0.0);
    // A factor may be needed in full and reduced.
    let mut blocks: Vec<[Option<Block<'_>>; 2]> = plan.terms.factors.iter().map(|_| [None, None]).collect();
    for scoped in plan.parts.iter().flatten() {
        let block = &mut blocks[scoped.factor][usize::from(scoped.reduced)];
        if block.is_none() {
            *block = Some(self::block(&plan.terms.factors[scoped.factor], scoped.reduced, states, table, unseen)?);
        }
    }
    let find = |scoped: &Scoped| blocks[scoped.factor][usize::from(scoped.reduced)].as_ref();
    let parts: Vec<Vec<&Block<'_>>> = plan.parts.iter().map(|part| part.iter().filter_map(find).collect()).collect();
    let (mut product, mut next) = (Vec::new(), Vec::new());
    for (row, inputs) in inputs.chunks_exact_mut(width.max(1)).enumerate() {
        let mut offset = 0;
        for blocks in &parts {
            multiply(blocks, row, &mut product, &mut next);
            inputs[offset..offset + product.len()].copy_from_slice(&product);
            offset += product.len();
        }
    }
    // A product with 0 may be −0, which formulaic's whole numbers do not have.
    inputs.iter_mut().for_each(|value| *value += 0.0);
    Ok(inputs)
}

/// Computes the products of the numbers of all factors in one row; those of the first factor vary fastest.
///
/// As in formulaic, factors of one column are multiplied with one another first, and with the others last.
fn multiply(blocks: &[&Block<'_>], row: usize, product: &mut Vec<f64>, next: &mut Vec<f64>) {
    product.clear();
    let single = blocks.iter().filter(|block| block.width == 1).map(|block| block.row(row)[0]);
    let single = single.reduce(|product, value| product * value);
    let mut is_first = true;
    for block in blocks.iter().filter(|block| block.width != 1) {
        let values = block.row(row);
        if is_first {
            product.extend_from_slice(values);
            is_first = false;
        } else {
            next.clear();
            next.extend(values.iter().flat_map(|b| product.iter().map(move |a| a * b)));
            std::mem::swap(product, next);
        }
    }
    match single {
        Some(single) if is_first => product.push(single),
        Some(single) => product.iter_mut().for_each(|value| *value *= single),
        None => {}
    }
}

fn block<'a>(
    factor: &Factor,
    reduced: bool,
    states: &States,
    table: &'a Table,
    unseen: Unseen,
) -> Result<Block<'a>, DataError> {
    let width = width(factor, states, reduced);
    if let Ok(Some(categories)) = categories(factor, states) {
        let columns = categories.contrast.coding(categories.categories.len(), categories.reference, reduced);
        let mut rows: Vec<f64> = (0..categories.categories.len())
            .flat_map(|level| columns.iter().map(move |column| column[level]))
            .collect();
        rows.resize(rows.len() + width, 0.0);
        return Ok(Block { width, values: Values::Coded { rows, codes: codes(&categories, table, unseen)? } });
    }
    let state = states.get(&factor.to_string());
    let values = match (factor, state) {
        (Factor::Number(of), _) => evaluate(of, table, states)?,
        (Factor::Column(name), _) => evaluate(&super::expression::Expression::Column(name.clone()), table, states)?,
        (Factor::Polynomial(Polynomial { of, degree, raw: true }), _) => {
            let x = evaluate(of, table, states)?;
            let powers = |x: &f64| {
                let x = *x;
                (1..=*degree).map(move |power| Operator::Power.apply(x, power as f64))
            };
            Cow::Owned(x.iter().flat_map(powers).collect())
        }
        (Factor::Polynomial(Polynomial { of, .. }), Some(State::Polynomial(state))) => {
            Cow::Owned(polynomial::evaluate(&evaluate(of, table, states)?, state))
        }
        (Factor::Spline(spline), Some(State::Knots { knots, means })) => {
            let x = evaluate(&spline.of, table, states)?;
            check_bounds(spline, knots, &x, table)?;
            let all = spline::evaluate(spline, knots, means, &x);
            let full = spline::width(spline, knots);
            let skip = full - width;
            debug_assert!(skip <= usize::from(matches!(spline.kind, SplineKind::Basis { .. })));
            Cow::Owned(all.chunks_exact(full.max(1)).flat_map(|row| row[skip..].iter().copied()).collect())
        }
        _ => return Err(missing_state(&factor.to_string())),
    };
    Ok(Block { width, values: Values::Rows(values) })
}

/// Returns the index of the category of each row; one more than the last for an unseen one.
fn codes(categories: &Categories<'_>, table: &Table, unseen: Unseen) -> Result<Vec<usize>, DataError> {
    let column = column(table, categories.column)?;
    let (levels, codes) = column.levels();
    let lookup = Lookup::new(categories.categories);
    let known: Vec<Option<usize>> = levels.iter().map(|level| lookup.find(level)).collect();
    let code = |(row, code): (usize, &u32)| match known.get(*code as usize).copied().flatten() {
        Some(category) => Ok(category),
        None if unseen == Unseen::Reference => Ok(categories.categories.len()),
        None => Err(unknown(table, column, row, categories.categories, UNSEEN)),
    };
    codes.iter().enumerate().map(code).collect()
}

fn check_bounds(spline: &Spline, knots: &[f64], x: &[f64], table: &Table) -> Result<(), DataError> {
    let (lower, upper) = spline::bounds(knots);
    let outside = x.iter().position(|x| !(lower..=upper).contains(x));
    match outside.filter(|_| spline.extrapolation == Extrapolation::Raise) {
        None => Ok(()),
        Some(row) => Err(DataError::FormulaBounds {
            file: table.file().into(),
            line: table.line(row),
            expression: spline.to_string(),
            value: x[row],
            lower,
            upper,
        }),
    }
}
