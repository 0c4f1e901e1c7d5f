//! Model formulas, as in R, patsy and formulaic.
//!
//! A [`Formula`] names the response and the terms of a model. [`Formula::fit`] learns from a table what the terms need, and
//! returns a [`FormulaEncoder`], which turns tables into features.
//!
//! ```
//! use kiln_data::{Formula, Table};
//!
//! let table = Table::parse("titanic.csv", "survived,sex,age\n0,male,22\n1,female,38\n1,female,26\n0,male,35\n")?;
//! let encoder = "survived ~ sex + poly(age, 2)".parse::<Formula>()?.fit(&table)?;
//! assert_eq!(encoder.feature_names(), ["sex=male", "poly(age, 2)[1]", "poly(age, 2)[2]"]);
//! assert_eq!(encoder.encode_inputs(&table)?.len(), 4 * 3);
//! # Ok::<(), kiln_data::DataError>(())
//! ```
//!
//! # Terms
//!
//! | text | meaning |
//! |---|---|
//! | `y ~ x` | the response y, an intercept and x |
//! | `a + b` | both |
//! | `a:b` | the interaction of a and b: the products of their features |
//! | `a * b` | `a + b + a:b` |
//! | `a / b`, `b %in% a` | `a + a:b` |
//! | `(a + b + c)**2`, `(a + b + c)^2` | all interactions of up to 2 of them |
//! | `a * b - a:b` | `a + b` |
//! | `.` | every column that the response does not use |
//! | `0`, `-1` | no intercept |
//! | `1` | an intercept, which a formula has by default |
//! | `offset(x)` | x with the coefficient 1; see [`FormulaEncoder::offset`] |
//! | `` `odd name` ``, `Q("odd name")` | a column with any name |
//!
//! Terms of fewer factors come first, and otherwise the order is that of the formula.
//!
//! # Factors
//!
//! | text | features |
//! |---|---|
//! | a column of numbers | the numbers |
//! | a column of true and false | 1 for true |
//! | a column of texts | one per category; see below |
//! | `C(x)`, `factor(x)` | one per category, also of a column of numbers or of true and false |
//! | `C(x, ref="b")`, `C(x, Treatment("b"))` | the same with the reference b; the default is the first category |
//! | `C(x, Sum)`, `C(x, Helmert)`, `C(x, Diff)`, `C(x, Poly)` | other codings |
//! | `C(x, levels=["b", "a"])` | the categories in another order |
//! | `log`, `log2`, `log10`, `log1p`, `exp`, `expm1`, `sqrt`, `abs`, `sin`, `cos`, `tan` | a function of numbers; `np.log` is `log` |
//! | `I(x**2 + z)` | arithmetic by `+ - * / **` (or `^`) and comparisons, which are 1 or 0 |
//! | `center(x)`, `scale(x)`, `standardize(x)` | x − mean; divided by the deviation with n − 1; divided by that with n |
//! | `poly(x, 3)` | orthogonal polynomials of degrees 1, 2, 3; powers with `raw=True` |
//! | `bs(x, df=5)` | B-splines; `knots=[…]`, `degree=3`, `include_intercept=False`, `lower_bound=`, `upper_bound=` |
//! | `cr(x, df=4)`, `cs(x, df=4)`, `cc(x, df=4)` | natural and cyclic cubic splines; `knots=[…]`, `constraints="center"` beside an intercept |
//!
//! A spline refuses values outside its bounds (`bs`) or continues (`cr`, `cc`); `extrapolation=` is `"raise"`, `"clip"`,
//! `"zero"` or `"extend"`.
//!
//! Categories sort as numbers if all are numbers, and otherwise as text. A category has a feature of its own, unless the terms
//! before it and the intercept already have the sum of these features: then the reference has none. So `~ a` has a reference
//! and `~ 0 + a` has none; `~ a + a:x` has a slope for every category.
//!
//! # Where formulas differ
//!
//! Designs are those of formulaic 1.2. Where R, patsy and formulaic disagree, Kiln refuses the text and says what to write
//! instead: numbers within parentheses, products with a number, a response that is a sum. A column of true and false is one
//! number, as in formulaic; R and patsy make two categories of it. `b %in% a` is `a + a:b`, as in formulaic. Where the sum of its
//! features is not yet there, `C(x, Sum)` is one feature per category, as in R and formulaic; patsy has a mean. Where it is,
//! `bs(x, include_intercept=True)` lacks its first feature, as in formulaic. `.` includes the columns of an offset, as in R.

mod arguments;
mod category;
mod contrast;
mod cubic;
mod design;
mod encoder;
mod error;
mod evaluate;
mod expression;
mod factor;
mod fit;
mod model;
mod node;
mod parse;
mod plan;
mod polynomial;
mod scope;
mod spline;
mod state;
mod sums;
mod terms;
mod token;
mod tree;

pub use self::{encoder::FormulaEncoder, error::FormulaError, model::Formula, plan::FormulaTerm};
