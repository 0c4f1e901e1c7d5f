//! Expressions of named numbers, such as `a * exp(-b * x) + c`, as functions of tensors.
//!
//! An [`Expression`] is parsed once and evaluated for values of its names, which are vectors or matrices. It is made of Burn's operations,
//! so it has exact derivatives. A [`Relation`] is a constraint, such as `x^2 + y^2 <= 2`.
//!
//! | text | meaning |
//! |---|---|
//! | `1`, `2.5`, `1e-3`, `pi`, `e` | numbers |
//! | `x`, `rate_1` | a name |
//! | `x[0]` | an entry of a vector, from 0 |
//! | `+ - * /`, `^` or `**` | arithmetic, entry by entry; `-x^2` is −(x²) |
//! | `A @ x`, `x @ y` | the product of a matrix and a vector, or of two vectors |
//! | `exp log log2 log10 log1p expm1 sqrt abs` | functions of each entry |
//! | `sin cos tan asin acos atan sinh cosh tanh` | |
//! | `erf lgamma sigmoid softplus` | |
//! | `min(a, b)`, `max(a, b)`, `hypot(a, b)`, `atan2(a, b)` | of two values |
//! | `sum mean norm prod` | of all entries of a vector |
//! | `dot(a, b)` | the sum of products |
//! | `<=`, `>=`, `==` | relations, in constraints only; `0 <= x <= 1` is two |
//!
//! A value with one entry goes with a vector of any length. An [`ExpressionProblem`] is an objective with constraints.
//!
//! # Example
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_optim::expression::{Expression, Value};
//!
//! let area: Expression = "pi * r^2".parse()?;
//! let r = Tensor::<1>::from_data([1.0, 2.0], &Device::default());
//! let value = area.evaluate(&|name| (name == "r").then(|| Value::Vector(r.clone())), &r)?;
//! let Value::Vector(areas) = value else { panic!() };
//! assert!((areas.sum().into_scalar::<f64>() - 5.0 * std::f64::consts::PI).abs() < 1e-5);
//! # Ok::<(), kiln_optim::expression::ExpressionError>(())
//! ```

mod error;
mod evaluate;
mod function;
mod parse;
mod problem;
mod problem_error;
mod tree;

pub use self::{
    error::ExpressionError,
    evaluate::Value,
    problem::{ExpressionProblem, Variable},
    problem_error::ExpressionProblemError,
    tree::{Comparison, Expression, Relation},
};
