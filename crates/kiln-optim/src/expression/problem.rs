//! Problems that are written as expressions.

use std::sync::Arc;

use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use kiln_tensor::derivative::Function;

use super::{Comparison, Expression, ExpressionError, ExpressionProblemError, Relation, Value};
use crate::{constrained::ConstrainedProblem, solver::IntoVector};

/// A problem of named variables: an objective, constraints and bounds, as expressions.
///
/// # Example
/// The portfolio of least variance with a given return:
///
/// ```
/// use kiln_optim::{constrained::{ConstrainedStop, Sqp, minimize_constrained}, expression::ExpressionProblem};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let problem = ExpressionProblem::minimize("w @ S @ w")?
///     .variable("w", [0.5, 0.5], [0.0; 2], [1.0; 2])?
///     .matrix("S", &[vec![0.04, 0.01], vec![0.01, 0.09]])?
///     .parameter("mu", [0.05, 0.1])?
///     .constraint("budget", "sum(w) == 1")?
///     .constraint("return", "dot(mu, w) >= 0.06")?;
/// let device = kiln_tensor::device::named_f64("cpu")?;
/// problem.check(&device)?;
/// let solution = minimize_constrained(
///     &problem.constrained(&device),
///     problem.start_on(&device),
///     &Sqp::default(),
///     &ConstrainedStop::default(),
/// )?;
/// // Without the constraint on the return, 8/11 in the first; its return is above 0.06.
/// assert!((solution.outcome.to_vec()[0] - 8.0 / 11.0).abs() < 1e-8);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ExpressionProblem {
    objective: Expression,
    maximize: bool,
    variables: Vec<Variable>,
    parameters: Vec<(String, Constant)>,
    constraints: Vec<(String, Vec<Relation>)>,
}

/// A variable, which may be a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The start `[n]`.
    pub start: Vec<f64>,
    /// The lower bounds `[n]`; −∞ means no bound.
    pub lower: Vec<f64>,
    /// The upper bounds `[n]`; ∞ means no bound.
    pub upper: Vec<f64>,
}

/// The numbers of a parameter.
#[derive(Clone, Debug, PartialEq)]
enum Constant {
    Vector(Vec<f64>),
    Matrix { rows: usize, columns: usize, entries: Vec<f64> },
}

type Result<T> = std::result::Result<T, ExpressionProblemError>;

impl ExpressionProblem {
    /// Returns the problem to minimise an expression.
    ///
    /// # Errors
    /// Returns [`ExpressionProblemError::Expression`] if the text is no expression.
    pub fn minimize(objective: &str) -> Result<Self> {
        let objective = objective.parse().map_err(at_objective)?;
        Ok(Self { objective, maximize: false, variables: Vec::new(), parameters: Vec::new(), constraints: Vec::new() })
    }

    /// Returns the problem to maximise an expression. The functions of this type are those of its negative.
    ///
    /// # Errors
    /// Those of [`minimize`](Self::minimize).
    pub fn maximize(objective: &str) -> Result<Self> {
        Ok(Self { maximize: true, ..Self::minimize(objective)? })
    }

    /// Adds a variable with its start and bounds; infinite bounds are none. A number is a vector of one entry.
    ///
    /// # Errors
    /// Returns an error if the name is not valid, or if the vectors do not fit together.
    pub fn variable(
        mut self,
        name: &str,
        start: impl IntoVector,
        lower: impl IntoVector,
        upper: impl IntoVector,
    ) -> Result<Self> {
        self.check_name(name)?;
        let (start, lower, upper) = (start.into_vector(), lower.into_vector(), upper.into_vector());
        let wrong = |problem: String| Err(ExpressionProblemError::Variable { name: name.to_owned(), problem });
        let n = start.len();
        if n == 0 || lower.len() != n || upper.len() != n {
            return wrong(format!(
                "the start has {n} entries, the lower bounds {} and the upper bounds {}; they must have the same number",
                lower.len(),
                upper.len()
            ));
        }
        if let Some(bad) = start.iter().find(|number| !number.is_finite()) {
            return wrong(format!("the start must be finite, not {bad}"));
        }
        if let Some((low, high)) =
            lower.iter().zip(&upper).find(|(low, high)| low > high || low.is_nan() || high.is_nan())
        {
            return wrong(format!("the lower bound {low} must be at most the upper bound {high}"));
        }
        self.variables.push(Variable { name: name.to_owned(), start, lower, upper });
        Ok(self)
    }

    /// Adds a constant vector, or a number.
    ///
    /// # Errors
    /// Returns an error if the name is not valid, or there is no number.
    pub fn parameter(mut self, name: &str, numbers: impl IntoVector) -> Result<Self> {
        self.check_name(name)?;
        let numbers = numbers.into_vector();
        if numbers.is_empty() {
            return Err(ExpressionProblemError::Parameter { name: name.to_owned(), problem: "it has no numbers" });
        }
        self.parameters.push((name.to_owned(), Constant::Vector(numbers)));
        Ok(self)
    }

    /// Adds a constant matrix, given by its rows.
    ///
    /// # Errors
    /// Returns an error if the name is not valid, or the rows have different lengths.
    pub fn matrix(mut self, name: &str, rows: &[Vec<f64>]) -> Result<Self> {
        self.check_name(name)?;
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 || rows.iter().any(|row| row.len() != columns) {
            let problem = "the rows of a matrix must have the same number of entries, at least one";
            return Err(ExpressionProblemError::Parameter { name: name.to_owned(), problem });
        }
        let matrix = Constant::Matrix { rows: rows.len(), columns, entries: rows.concat() };
        self.parameters.push((name.to_owned(), matrix));
        Ok(self)
    }

    /// Adds a constraint, such as `x + y <= 1`. Each entry of a vector is a constraint.
    ///
    /// # Errors
    /// Returns [`ExpressionProblemError::Expression`] if the text is no relation.
    pub fn constraint(mut self, name: &str, text: &str) -> Result<Self> {
        let relations = Relation::parse_all(text)
            .map_err(|error| ExpressionProblemError::Expression { place: of_constraint(name), error })?;
        self.constraints.push((name.to_owned(), relations));
        Ok(self)
    }

    fn check_name(&self, name: &str) -> Result<()> {
        let mut characters = name.chars();
        let is_name = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && characters.all(|rest| rest.is_alphanumeric() || rest == '_');
        let problem = if !is_name {
            "is no name: it must begin with a letter, and have letters, digits and '_' only"
        } else if self.names().any(|known| known == name) {
            "is defined twice"
        } else {
            return Ok(());
        };
        Err(ExpressionProblemError::Name { name: name.to_owned(), problem })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let variables = self.variables.iter().map(|variable| variable.name.as_str());
        variables.chain(self.parameters.iter().map(|(name, _)| name.as_str()))
    }

    /// Checks the names and shapes of all expressions, and that their values are finite at the start, on a device.
    ///
    /// # Errors
    /// Returns the first [`ExpressionProblemError`].
    pub fn check(&self, device: &Device) -> Result<()> {
        if self.variables.is_empty() {
            return Err(ExpressionProblemError::NoVariables);
        }
        let start = self.start_on(device);
        let lookup = |name: &str| self.lookup(name, &start);
        let value = self.checked(&self.objective, "the objective".to_owned(), &lookup, &start)?;
        let [entries] = value.dims();
        if entries != 1 {
            return Err(ExpressionProblemError::NotOneNumber { entries });
        }
        for (name, relations) in &self.constraints {
            for Relation { left, right, .. } in relations {
                let sides = [left, right].map(|side| self.checked(side, of_constraint(name), &lookup, &start));
                let [left_value, right_value] = sides;
                let ([m], [n]) = (left_value?.dims(), right_value?.dims());
                if m != n && m != 1 && n != 1 {
                    let what = format!("the sides have {m} and {n} entries, which do not fit together");
                    let error = ExpressionError::Shape { position: right.position(&right.root), what };
                    return Err(ExpressionProblemError::Expression { place: of_constraint(name), error });
                }
            }
        }
        Ok(())
    }

    fn checked(
        &self,
        expression: &Expression,
        place: String,
        lookup: &dyn Fn(&str) -> Option<Value>,
        start: &Tensor<1>,
    ) -> Result<Tensor<1>> {
        let known = || self.names().chain(["pi", "e"]).collect::<Vec<_>>().join(", ");
        let told = |error| match error {
            ExpressionError::UnknownName { position, name, .. } => {
                ExpressionError::UnknownName { position, name, known: known() }
            }
            other => other,
        };
        let wrong = |error| ExpressionProblemError::Expression { place: place.clone(), error: told(error) };
        let value = expression.vector(lookup, start).map_err(wrong)?;
        match expression.domain_error(lookup, start).map_err(wrong)? {
            Some(error) => Err(ExpressionProblemError::Start { place, error }),
            None => Ok(value),
        }
    }

    /// Returns the variables in their order in the vector of unknowns.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Returns whether the objective is maximised.
    pub fn is_maximized(&self) -> bool {
        self.maximize
    }

    /// Returns whether there are constraints other than bounds.
    pub fn has_constraints(&self) -> bool {
        !self.constraints.is_empty()
    }

    /// Returns the starts of all variables as one vector.
    pub fn start(&self) -> Vec<f64> {
        self.variables.iter().flat_map(|variable| variable.start.iter().copied()).collect()
    }

    /// Returns the lower bounds of all variables as one vector.
    pub fn lower(&self) -> Vec<f64> {
        self.variables.iter().flat_map(|variable| variable.lower.iter().copied()).collect()
    }

    /// Returns the upper bounds of all variables as one vector.
    pub fn upper(&self) -> Vec<f64> {
        self.variables.iter().flat_map(|variable| variable.upper.iter().copied()).collect()
    }

    /// Returns the start on a device, in its float type.
    pub fn start_on(&self, device: &Device) -> Tensor<1> {
        let start = self.start();
        let n = start.len();
        Tensor::from_data(TensorData::new(start, [n]), device)
    }

    /// Returns the objective to minimise as a function of the vector of unknowns.
    ///
    /// # Panics
    /// The function panics if [`check`](Self::check) would fail.
    pub fn objective(&self, device: &Device) -> Function<'static, Param<Tensor<1>>, (), 1> {
        let problem = Arc::new(self.clone());
        Function::of_vector(self.start_on(device), move |x| problem.value(&x))
    }

    /// Returns the problem with its constraints and bounds.
    ///
    /// # Panics
    /// The functions panic if [`check`](Self::check) would fail.
    pub fn constrained(&self, device: &Device) -> ConstrainedProblem<'static, Param<Tensor<1>>, ()> {
        let all = Arc::new(self.clone());
        let objective = all.clone();
        let mut problem = ConstrainedProblem::of_vector(self.start_on(device), move |x| objective.value(&x));
        for (index, (name, relations)) in self.constraints.iter().enumerate() {
            for (part, relation) in relations.iter().enumerate() {
                let all = all.clone();
                let sides = move |x: Tensor<1>| all.difference(index, part, &x);
                let name = if relations.len() == 1 { name.clone() } else { format!("{name} ({})", part + 1) };
                problem = match relation.comparison {
                    Comparison::Equal => problem.equality(&name, sides),
                    Comparison::AtMost => problem.inequality(&name, sides),
                    Comparison::AtLeast => problem.inequality(&name, move |x| -sides(x)),
                };
            }
        }
        problem.bounded(self.lower(), self.upper()).expect("the bounds are checked when a variable is added")
    }

    /// Returns the objective to minimise at x `[n]`.
    ///
    /// # Panics
    /// If [`check`](Self::check) would fail.
    pub fn value(&self, x: &Tensor<1>) -> Tensor<1> {
        let value = self.objective.vector(&|name| self.lookup(name, x), x).expect("the problem is checked");
        if self.maximize { -value } else { value }
    }

    /// Left side − right side.
    fn difference(&self, constraint: usize, part: usize, x: &Tensor<1>) -> Tensor<1> {
        let Relation { left, right, .. } = &self.constraints[constraint].1[part];
        let value = |side: &Expression| side.vector(&|name| self.lookup(name, x), x).expect("the problem is checked");
        let (left, right) = (value(left), value(right));
        let ([m], [n]) = (left.dims(), right.dims());
        match (m, n) {
            (1, n) => left.expand([n]) - right,
            (m, 1) => left - right.expand([m]),
            _ => left - right,
        }
    }

    fn lookup(&self, name: &str, x: &Tensor<1>) -> Option<Value> {
        let mut first = 0;
        for variable in &self.variables {
            let n = variable.start.len();
            if variable.name == name {
                return Some(Value::Vector(x.clone().slice(first..first + n)));
            }
            first += n;
        }
        let (_, constant) = self.parameters.iter().find(|(known, _)| known == name)?;
        let on = (&x.device().without_autodiff(), x.dtype());
        Some(match constant {
            Constant::Vector(numbers) => {
                Value::Vector(Tensor::from_data(TensorData::new(numbers.clone(), [numbers.len()]), on))
            }
            Constant::Matrix { rows, columns, entries } => {
                Value::Matrix(Tensor::from_data(TensorData::new(entries.clone(), [*rows, *columns]), on))
            }
        })
    }
}

fn at_objective(error: ExpressionError) -> ExpressionProblemError {
    ExpressionProblemError::Expression { place: "the objective".to_owned(), error }
}

fn of_constraint(name: &str) -> String {
    format!("constraint '{name}'")
}
