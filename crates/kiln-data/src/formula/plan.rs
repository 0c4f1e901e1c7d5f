//! The features of a formula: their order and their names.

use std::{collections::HashSet, ops::Range};

use super::{
    category::Category,
    contrast::{Contrast, Label},
    evaluate::{check, missing_state},
    factor::{Factor, SplineKind},
    scope::{Scoped, count_parts, scopes},
    spline,
    state::{State, States},
    terms::Terms,
};
use crate::{DataError, shown::Shown, vocabulary::Lookup};

/// The largest number of features.
const MAX_FEATURES: usize = 65_536;
/// The largest number of parts of terms; a term of k categorical factors has 2ᵏ.
const MAX_PARTS: usize = 1 << 20;

/// A term of a fitted formula and its features.
///
/// # Example
/// ```
/// use kiln_data::{Formula, Table};
///
/// let table = Table::parse("t.csv", "size,colour\n1,red\n2,grey\n4,blue\n")?;
/// let encoder = "~ colour + size".parse::<Formula>()?.fit(&table)?;
/// let terms: Vec<_> = encoder.terms().iter().map(|term| (term.text(), term.features())).collect();
/// assert_eq!(terms, [("colour", 0..2), ("size", 2..3)]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaTerm {
    text: String,
    features: Range<usize>,
}

impl FormulaTerm {
    /// Returns the term as a formula has it, such as `sex` or `class:sex`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the indices of its features. The range is empty if the term adds nothing to the terms before it.
    pub fn features(&self) -> Range<usize> {
        self.features.clone()
    }
}

/// The features of a formula.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) terms: Terms,
    pub(super) described: Vec<FormulaTerm>,
    /// The products of factors whose columns are the features, in order.
    pub(super) parts: Vec<Vec<Scoped>>,
    pub(super) names: Vec<String>,
}

/// The categories of a factor.
pub(super) struct Categories<'a> {
    pub(super) column: &'a str,
    pub(super) contrast: &'a Contrast,
    pub(super) categories: &'a [String],
    /// The category that has no feature in treatment coding.
    pub(super) reference: usize,
}

const TREATMENT: &Contrast = &Contrast::Treatment(None);

/// Returns the categories of a factor, or `None` if it has numbers. A reference that is unknown is the error.
pub(super) fn categories<'a>(factor: &'a Factor, states: &'a States) -> Result<Option<Categories<'a>>, String> {
    let (column, contrast) = match factor {
        Factor::Column(column) => (column, TREATMENT),
        Factor::Category(Category { column, contrast, .. }) => (column, contrast),
        _ => return Ok(None),
    };
    let Some(State::Categories { categories }) = states.get(&factor.to_string()) else { return Ok(None) };
    let reference = match contrast {
        Contrast::Treatment(Some(text)) => Lookup::new(categories).find(text).ok_or_else(|| text.clone())?,
        Contrast::Sas => categories.len() - 1,
        _ => 0,
    };
    Ok(Some(Categories { column, contrast, categories, reference }))
}

impl Plan {
    /// Plans the features, and checks what the factors learnt.
    pub(super) fn new(terms: Terms, states: &States) -> Result<Self, DataError> {
        for factor in &terms.factors {
            check_factor(factor, states)?;
        }
        let spans: Vec<bool> = terms.factors.iter().map(|factor| spans_intercept(factor, states)).collect();
        if count_parts(&terms.terms, &spans) > MAX_PARTS {
            return Err(DataError::FormulaSize { what: "interactions of categories", limit: MAX_PARTS });
        }
        let scopes = scopes(terms.intercept, &terms.terms, &spans);
        let widths: Vec<[usize; 2]> =
            terms.factors.iter().map(|factor| [false, true].map(|reduced| width(factor, states, reduced))).collect();
        let part_width = |part: &Vec<Scoped>| {
            let widths = part.iter().map(|scoped| widths[scoped.factor][usize::from(scoped.reduced)]);
            widths.fold(1, usize::saturating_mul)
        };
        let features = scopes.iter().flatten().map(part_width).fold(0, usize::saturating_add);
        if features > MAX_FEATURES {
            return Err(DataError::FormulaSize { what: "features", limit: MAX_FEATURES });
        }
        let labels = labels(&terms.factors, states);
        let (mut names, mut described) = (Vec::with_capacity(features), Vec::new());
        for (term, parts) in terms.terms.iter().zip(&scopes) {
            let start = names.len();
            for part in parts {
                let names_of = |scoped: &Scoped| {
                    names_of(&terms.factors[scoped.factor], &labels[scoped.factor], states, scoped.reduced)
                };
                names.extend(product_names(part.iter().map(names_of)));
            }
            let texts: Vec<String> = term.iter().map(|factor| terms.factors[*factor].to_string()).collect();
            described.push(FormulaTerm { text: texts.join(":"), features: start..names.len() });
        }
        Ok(Self { terms, described, parts: scopes.into_iter().flatten().collect(), names })
    }

    /// Returns the columns of the factors and the offsets in the order of their appearance.
    pub(super) fn columns(terms: &Terms) -> Vec<&str> {
        let mut names = Vec::new();
        let mut known = HashSet::new();
        let mut of = Vec::new();
        for factor in &terms.factors {
            factor.columns(&mut of);
            names.extend(of.drain(..).filter(|name| known.insert(*name)));
        }
        for offset in &terms.offsets {
            offset.columns(&mut of);
            names.extend(of.drain(..).filter(|name| known.insert(*name)));
        }
        names
    }
}

/// Returns whether the columns of a factor add up to 1, as an intercept does.
fn spans_intercept(factor: &Factor, states: &States) -> bool {
    match factor {
        Factor::Column(_) | Factor::Category(_) => states.contains_key(&factor.to_string()),
        Factor::Spline(spline) => matches!(spline.kind, SplineKind::Basis { include_intercept: true, .. }),
        _ => false,
    }
}

/// Returns the number of columns of a factor.
pub(super) fn width(factor: &Factor, states: &States, reduced: bool) -> usize {
    match (factor, states.get(&factor.to_string())) {
        (Factor::Column(_) | Factor::Category(_), Some(State::Categories { categories })) => {
            categories.len() - usize::from(reduced)
        }
        (Factor::Polynomial(polynomial), _) => polynomial.degree,
        (Factor::Spline(spline), Some(State::Knots { knots, .. })) => {
            let without = match spline.kind {
                SplineKind::Basis { include_intercept, .. } => usize::from(!include_intercept || reduced),
                _ => 0,
            };
            spline::width(spline, knots) - without
        }
        _ => 1,
    }
}

/// Returns what stands before the brackets or the `=` in the names of each factor's features.
fn labels(factors: &[Factor], states: &States) -> Vec<String> {
    let column = |factor: &Factor| match categories(factor, states) {
        Ok(Some(categories)) if categories.contrast.is_treatment() => Some(categories.column.to_owned()),
        _ => None,
    };
    let columns: Vec<Option<String>> = factors.iter().map(column).collect();
    let label = |(factor, column): (&Factor, &Option<String>)| match (factor, column) {
        // Two codings of one column need different names.
        (_, Some(name)) if columns.iter().filter(|other| *other == column).count() == 1 => name.clone(),
        (Factor::Column(name), _) => name.clone(),
        _ => factor.to_string(),
    };
    factors.iter().zip(&columns).map(label).collect()
}

fn names_of(factor: &Factor, label: &str, states: &States, reduced: bool) -> Vec<String> {
    if let Ok(Some(Categories { contrast, categories, reference, .. })) = categories(factor, states) {
        let text = |name: Label| match name {
            Label::Category(at) if contrast.is_treatment() => format!("{label}={}", categories[at]),
            Label::Category(at) => format!("{label}[{}]", categories[at]),
            Label::Text(text) => format!("{label}[{text}]"),
        };
        return contrast.labels(categories.len(), reference, reduced).into_iter().map(text).collect();
    }
    match factor {
        Factor::Polynomial(_) | Factor::Spline(_) => {
            let is_full = spans_intercept(factor, states) && !reduced;
            let first = usize::from(!is_full);
            (first..first + width(factor, states, reduced)).map(|at| format!("{label}[{at}]")).collect()
        }
        _ => vec![label.to_owned()],
    }
}

/// Returns the names of a product; those of the first factor vary fastest.
fn product_names(factors: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    factors
        .reduce(|names, next| next.iter().flat_map(|b| names.iter().map(move |a| format!("{a}:{b}"))).collect())
        .unwrap_or_default()
}

/// Returns an error if what a factor learnt is not what such a factor learns.
fn check_factor(factor: &Factor, states: &States) -> Result<(), DataError> {
    let text = factor.to_string();
    let damaged = |what: &str| Err(DataError::Encoder { reason: format!("in '{}', the {what}", Shown(&text)) });
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    match (factor, states.get(&text)) {
        (Factor::Column(_), None) => Ok(()),
        (Factor::Column(_) | Factor::Category(_), Some(State::Categories { categories: all })) => {
            if all.is_empty() || Lookup::new(all).has_duplicates(all) {
                return damaged("categories are missing or not distinct");
            }
            match categories(factor, states) {
                Ok(_) => Ok(()),
                Err(_) => damaged("reference is not one of the categories"),
            }
        }
        (Factor::Number(of), None | Some(State::Scaling { .. })) => check(of, states),
        (Factor::Polynomial(polynomial), None) if polynomial.raw => check(&polynomial.of, states),
        (Factor::Polynomial(polynomial), Some(State::Polynomial(state))) if !polynomial.raw => {
            let sizes = state.alpha.len() == polynomial.degree && state.norms2.len() == polynomial.degree + 1;
            if !sizes || !finite(&state.alpha) || !finite(&state.norms2) || state.norms2.iter().any(|norm| *norm <= 0.0)
            {
                return damaged("coefficients are not those of a polynomial");
            }
            check(&polynomial.of, states)
        }
        (Factor::Spline(spline), Some(State::Knots { knots, means })) => {
            if !spline::are_good(spline, knots, means) {
                return damaged("knots are not those of a spline");
            }
            check(&spline.of, states)
        }
        _ => Err(missing_state(&text)),
    }
}
