//! A problem of the user's own: a TOML file with expressions.

use std::{collections::BTreeMap, path::Path};

use kiln::{
    burn::tensor::Device,
    optim::expression::{ExpressionProblem, Variable},
};
use serde::Deserialize;
use toml::Spanned;

use crate::base::{Failure, Result};

/// A problem with the text that it was read from.
pub(crate) struct OwnProblem {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) problem: ExpressionProblem,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    minimize: Option<String>,
    maximize: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, Spanned<Start>>,
    #[serde(default)]
    parameters: BTreeMap<String, Spanned<Parameter>>,
    #[serde(default)]
    constraints: BTreeMap<String, Spanned<String>>,
}

/// A variable: its start, or a table with its start and bounds.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a variable must be its start, as in x = 1, or a table, as in x = { start = 1, lower = 0, upper = 2, size = 3 }"
)]
enum Start {
    Numbers(Numbers),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    start: Option<Numbers>,
    size: Option<usize>,
    lower: Option<Numbers>,
    upper: Option<Numbers>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "expected a number, or numbers between brackets")]
enum Numbers {
    One(f64),
    Each(Vec<f64>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a parameter must be a number, a vector as in [1, 2], or a matrix as in [[1, 2], [3, 4]]"
)]
enum Parameter {
    Numbers(Numbers),
    Matrix(Vec<Vec<f64>>),
}

/// Maximum number of entries of a variable.
const MAX_SIZE: usize = 1_000_000;

impl OwnProblem {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let source = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        Self::parse(&path.display().to_string(), &source)
    }

    /// Parses the text of a file.
    pub(crate) fn parse(name: &str, source: &str) -> Result<Self> {
        let wrong = |what: &dyn std::fmt::Display| Failure::usage(format!("{name}: {what}"));
        let file: File = toml::from_str(source).map_err(|error| wrong(&in_a_line(source, &error)))?;
        let problem = match (&file.minimize, &file.maximize) {
            (Some(objective), None) => ExpressionProblem::minimize(objective),
            (None, Some(objective)) => ExpressionProblem::maximize(objective),
            (Some(_), Some(_)) => return Err(wrong(&"minimize and maximize are both given; keep one")),
            (None, None) => {
                return Err(wrong(&"the objective is missing; add a line such as minimize = \"(x - 1)^2\""));
            }
        };
        let mut problem = problem.map_err(|error| wrong(&error))?;
        for (variable, start) in in_order(file.variables) {
            let Variable { start, lower, upper, .. } =
                sized(&variable, start).map_err(|what| wrong(&format_args!("variable '{variable}': {what}")))?;
            problem = problem.variable(&variable, start, lower, upper).map_err(|error| wrong(&error))?;
        }
        for (parameter, numbers) in in_order(file.parameters) {
            problem = match numbers {
                Parameter::Numbers(Numbers::One(number)) => problem.parameter(&parameter, [number]),
                Parameter::Numbers(Numbers::Each(numbers)) => problem.parameter(&parameter, numbers),
                Parameter::Matrix(rows) => problem.matrix(&parameter, &rows),
            }
            .map_err(|error| wrong(&error))?;
        }
        for (constraint, text) in in_order(file.constraints) {
            problem = problem.constraint(&constraint, &text).map_err(|error| wrong(&error))?;
        }
        Ok(Self { name: name.to_owned(), source: source.to_owned(), problem })
    }

    /// Checks the names, the shapes and the values at the start.
    pub(crate) fn check(&self, device: &Device) -> Result<()> {
        self.problem.check(device).map_err(|error| Failure::usage(format!("{}: {error}", self.name)))
    }

    /// Returns whether a variable has a bound.
    pub(crate) fn has_bounds(&self) -> bool {
        let (lower, upper) = (self.problem.lower(), self.problem.upper());
        lower.iter().chain(&upper).any(|bound| bound.is_finite())
    }

    /// The numbers of each variable in a vector of unknowns.
    pub(crate) fn values(&self, x: &[f64]) -> Vec<(String, Vec<f64>)> {
        let mut rest = x;
        let variables = self.problem.variables().iter();
        variables
            .map(|variable| {
                let (own, others) = rest.split_at(variable.start.len());
                rest = others;
                (variable.name.clone(), own.to_vec())
            })
            .collect()
    }
}

/// The entries of a table in the order of the file.
fn in_order<T>(table: BTreeMap<String, Spanned<T>>) -> Vec<(String, T)> {
    let mut entries: Vec<(String, Spanned<T>)> = table.into_iter().collect();
    entries.sort_by_key(|(_, value)| value.span().start);
    entries.into_iter().map(|(name, value)| (name, value.into_inner())).collect()
}

/// The start and bounds of a variable, each with as many entries as the longest of them, or `size`.
fn sized(name: &str, start: Start) -> std::result::Result<Variable, String> {
    let Table { start, size, lower, upper } = match start {
        Start::Numbers(start) => Table { start: Some(start), size: None, lower: None, upper: None },
        Start::Table(table) => table,
    };
    let start = start.unwrap_or(Numbers::One(0.0));
    let lower = lower.unwrap_or(Numbers::One(f64::NEG_INFINITY));
    let upper = upper.unwrap_or(Numbers::One(f64::INFINITY));
    let given = [&start, &lower, &upper].into_iter().filter_map(|numbers| match numbers {
        Numbers::One(_) => None,
        Numbers::Each(each) => Some(each.len()),
    });
    let n = size.or(given.max()).unwrap_or(1);
    if n == 0 || n > MAX_SIZE {
        return Err(format!("it must have 1 to {MAX_SIZE} entries, not {n}"));
    }
    let each = |what: &str, numbers: Numbers| match numbers {
        Numbers::One(number) => Ok(vec![number; n]),
        Numbers::Each(each) if each.len() == n => Ok(each),
        Numbers::Each(each) => Err(format!("{what} has {} entries, and the variable has {n}", each.len())),
    };
    Ok(Variable {
        name: name.to_owned(),
        start: each("start", start)?,
        lower: each("lower", lower)?,
        upper: each("upper", upper)?,
    })
}

/// The message of the TOML parser in one line, with the line and the column.
fn in_a_line(source: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let Some(span) = error.span() else { return message };
    let before = source.get(..span.start).unwrap_or_default();
    let (line, column) =
        (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    format!("line {line}, column {column}: {message}")
}
