//! The value of an expression.

use burn::tensor::{Tensor, TensorData};

use super::{
    ExpressionError,
    function::Function,
    tree::{Expression, Kind, Node, Operator},
};

/// A value of a name or of an expression.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::expression::{Expression, Value};
///
/// let device = Device::default();
/// let matrix = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0]], &device);
/// let like = Tensor::<1>::ones([1], &device);
/// let twice: Expression = "2 * A".parse()?;
/// let value = twice.evaluate(&|_| Some(Value::Matrix(matrix.clone())), &like)?;
/// assert!(matches!(value, Value::Matrix(twice) if twice.dims() == [2, 2]));
/// # Ok::<(), kiln_optim::expression::ExpressionError>(())
/// ```
#[derive(Clone, Debug)]
pub enum Value {
    /// A vector `[n]`; a number has one entry.
    Vector(Tensor<1>),
    /// A matrix `[m, n]`.
    Matrix(Tensor<2>),
}

type Lookup<'l> = &'l dyn Fn(&str) -> Option<Value>;

impl Expression {
    /// Computes the value for the values of the names that `lookup` returns, on the device and in the float type of `like`.
    ///
    /// # Errors
    /// Returns [`ExpressionError::UnknownName`] or [`ExpressionError::Shape`].
    pub fn evaluate(&self, lookup: Lookup<'_>, like: &Tensor<1>) -> Result<Value, ExpressionError> {
        self.value(&self.root, lookup, like)
    }

    /// Computes the value, which must be a vector, such as a number.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate).
    pub fn vector(&self, lookup: Lookup<'_>, like: &Tensor<1>) -> Result<Tensor<1>, ExpressionError> {
        match self.evaluate(lookup, like)? {
            Value::Vector(vector) => Ok(vector),
            Value::Matrix(_) => {
                Err(self.shape(&self.root, "this is a matrix, where a number or a vector is needed".into()))
            }
        }
    }

    /// Returns the first part whose value is not finite although those of its operands are, as an error; none if there is none.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate).
    pub fn domain_error(
        &self,
        lookup: Lookup<'_>,
        like: &Tensor<1>,
    ) -> Result<Option<ExpressionError>, ExpressionError> {
        let mut parts = Vec::new();
        self.root.visit(&mut |node| parts.push(node));
        for part in parts {
            let Some(bad) = bad_number(&self.value(part, lookup, like)?) else { continue };
            let operands: Vec<&Node> = match &part.kind {
                Kind::Number(_) | Kind::Name(_) => Vec::new(),
                Kind::Negate(of) | Kind::Entry(of, _) => vec![of],
                Kind::Binary(_, left, right) => vec![left, right],
                Kind::Call(_, arguments) => arguments.iter().collect(),
            };
            let mut because = String::new();
            for operand in operands {
                if matches!(operand.kind, Kind::Number(_)) {
                    continue;
                }
                let joined = if because.is_empty() { ", because" } else { " and" };
                let numbers = numbers(&self.value(operand, lookup, like)?);
                let some: Vec<String> = numbers.iter().take(3).map(ToString::to_string).collect();
                let more = if numbers.len() > 3 { ", …" } else { "" };
                because += &format!("{joined} {} is {}{more}", self.part(operand), some.join(", "));
            }
            let (position, text, value) = (self.position(part), self.part(part).to_owned(), bad.to_string());
            return Ok(Some(ExpressionError::NotFinite { position, text, value, because }));
        }
        Ok(None)
    }

    fn part(&self, node: &Node) -> &str {
        self.text[node.start..node.end].trim()
    }

    fn shape(&self, node: &Node, what: String) -> ExpressionError {
        ExpressionError::Shape { position: self.position(node), what }
    }

    fn value(&self, node: &Node, lookup: Lookup<'_>, like: &Tensor<1>) -> Result<Value, ExpressionError> {
        let constant = |number: f64| {
            let data = TensorData::new(vec![number], [1]);
            Value::Vector(Tensor::from_data(data, (&like.device().without_autodiff(), like.dtype())))
        };
        match &node.kind {
            Kind::Number(number) => Ok(constant(*number)),
            Kind::Name(name) => match (lookup(name), name.as_str()) {
                (Some(value), _) => Ok(value),
                (None, "pi") => Ok(constant(std::f64::consts::PI)),
                (None, "e") => Ok(constant(std::f64::consts::E)),
                (None, _) => Err(ExpressionError::UnknownName {
                    position: self.position(node),
                    name: name.clone(),
                    known: "pi, e".into(),
                }),
            },
            Kind::Negate(of) => Ok(match self.value(of, lookup, like)? {
                Value::Vector(x) => Value::Vector(-x),
                Value::Matrix(x) => Value::Matrix(-x),
            }),
            Kind::Entry(of, index) => match self.value(of, lookup, like)? {
                Value::Vector(x) if *index < x.dims()[0] => Ok(Value::Vector(x.slice(*index..=*index))),
                Value::Vector(x) => {
                    let n = x.dims()[0];
                    Err(self.shape(node, format!("there is no entry {index} in a vector of {n}; the first one is 0")))
                }
                Value::Matrix(_) => Err(self.shape(node, "an entry of a matrix is not available".into())),
            },
            Kind::Binary(operator, left, right) => {
                if let (Operator::Power, Some(exponent)) = (operator, as_number(right)) {
                    let base = self.entrywise(left, lookup, like)?;
                    return Ok(Value::Vector(to_power(base, exponent)));
                }
                let (a, b) = (self.value(left, lookup, like)?, self.value(right, lookup, like)?);
                self.binary(node, *operator, a, b)
            }
            Kind::Call(name, arguments) => {
                let function = Function::of(name).expect("the functions are checked");
                let first = self.entrywise(&arguments[0], lookup, like)?;
                let Some(second) = arguments.get(1) else { return Ok(Value::Vector(function.apply(first))) };
                let second = self.entrywise(second, lookup, like)?;
                let (first, second) = self.alike(node, first, second)?;
                Ok(Value::Vector(function.apply_to_two(first, second)))
            }
        }
    }

    /// The value of a part that must be a vector.
    fn entrywise(&self, node: &Node, lookup: Lookup<'_>, like: &Tensor<1>) -> Result<Tensor<1>, ExpressionError> {
        match self.value(node, lookup, like)? {
            Value::Vector(vector) => Ok(vector),
            Value::Matrix(_) => {
                Err(self.shape(node, "a matrix can be added, multiplied by a number, or used with @ only".into()))
            }
        }
    }

    fn binary(&self, node: &Node, operator: Operator, a: Value, b: Value) -> Result<Value, ExpressionError> {
        use Value::{Matrix, Vector};
        let lengths = |m: usize, n: usize| self.shape(node, format!("{m} and {n} entries do not fit together"));
        Ok(match (operator, a, b) {
            (Operator::Product, Matrix(a), Vector(x)) => {
                let ([m, n], [length]) = (a.dims(), x.dims());
                if n != length {
                    return Err(
                        self.shape(node, format!("a matrix of {m}×{n} and a vector of {length} have no product"))
                    );
                }
                Vector(a.matmul(x.reshape([n, 1])).reshape([m]))
            }
            (Operator::Product, Vector(x), Matrix(a)) => {
                let ([m, n], [length]) = (a.dims(), x.dims());
                if m != length {
                    return Err(
                        self.shape(node, format!("a vector of {length} and a matrix of {m}×{n} have no product"))
                    );
                }
                Vector(x.reshape([1, m]).matmul(a).reshape([n]))
            }
            (Operator::Product, Matrix(a), Matrix(b)) => {
                let ([m, k], [l, n]) = (a.dims(), b.dims());
                if k != l {
                    return Err(self.shape(node, format!("matrices of {m}×{k} and {l}×{n} have no product")));
                }
                Matrix(a.matmul(b))
            }
            (Operator::Product, Vector(x), Vector(y)) => {
                let ([m], [n]) = (x.dims(), y.dims());
                if m != n {
                    return Err(lengths(m, n));
                }
                Vector((x * y).sum())
            }
            (_, Vector(x), Vector(y)) => {
                let (x, y) = self.alike(node, x, y)?;
                Vector(match operator {
                    Operator::Add => x + y,
                    Operator::Subtract => x - y,
                    Operator::Multiply => x * y,
                    Operator::Divide => x / y,
                    _ => x.powf(y),
                })
            }
            (Operator::Add, Matrix(a), Matrix(b)) if a.dims() == b.dims() => Matrix(a + b),
            (Operator::Subtract, Matrix(a), Matrix(b)) if a.dims() == b.dims() => Matrix(a - b),
            (Operator::Multiply, Vector(x), Matrix(a)) | (Operator::Multiply, Matrix(a), Vector(x))
                if x.dims() == [1] =>
            {
                Matrix(a * x.reshape([1, 1]))
            }
            (Operator::Divide, Matrix(a), Vector(x)) if x.dims() == [1] => Matrix(a / x.reshape([1, 1])),
            _ => {
                return Err(self.shape(
                    node,
                    "a matrix can be added to one of its shape, multiplied by a number, or used with @".into(),
                ));
            }
        })
    }

    /// Both vectors with the same number of entries, if one of them is a number.
    fn alike(&self, node: &Node, x: Tensor<1>, y: Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), ExpressionError> {
        let ([m], [n]) = (x.dims(), y.dims());
        match (m, n) {
            (m, n) if m == n => Ok((x, y)),
            (1, n) => Ok((x.expand([n]), y)),
            (m, 1) => Ok((x, y.expand([m]))),
            _ => Err(self.shape(node, format!("vectors of {m} and {n} entries do not fit together"))),
        }
    }
}

/// The number of a part that is one.
fn as_number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(number) => Some(*number),
        Kind::Negate(of) => as_number(of).map(|number| -number),
        _ => None,
    }
}

fn to_power(base: Tensor<1>, exponent: f64) -> Tensor<1> {
    #[allow(clippy::cast_possible_truncation, reason = "a small whole number")]
    match exponent {
        1.0 => base,
        2.0 => base.square(),
        0.5 => base.sqrt(),
        whole if whole.fract() == 0.0 && whole.abs() <= 64.0 => base.powi_scalar(whole as i32),
        other => base.powf_scalar(other),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    match value.clone() {
        Value::Vector(x) => x.without_autodiff().try_into_vec_as(),
        Value::Matrix(x) => x.without_autodiff().try_into_vec_as(),
    }
    .expect("floats convert to f64")
}

fn bad_number(value: &Value) -> Option<f64> {
    numbers(value).into_iter().find(|number| !number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use kiln_tensor::derivative::Function;
    use kiln_testkit::assert_close;

    fn like(numbers: &[f64]) -> Tensor<1> {
        Tensor::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), &Device::default())
    }

    fn lookup(name: &str) -> Option<Value> {
        match name {
            "x" => Some(Value::Vector(like(&[3.0]))),
            "v" => Some(Value::Vector(like(&[1.0, -2.0, 0.5]))),
            "A" => Some(Value::Matrix(like(&[1.0, 0.0, 2.0, 0.0, 3.0, 1.0]).reshape([2, 3]))),
            _ => None,
        }
    }

    fn evaluated(text: &str) -> Result<Vec<f64>, String> {
        let expression: Expression = text.parse().map_err(|error: ExpressionError| error.to_string())?;
        expression.evaluate(&lookup, &like(&[0.0])).map(|value| numbers(&value)).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_those_of_the_formulas() {
        for (text, expected) in [
            ("2*x^2 - x/4 + 1", vec![18.25]),
            ("v + x", vec![4.0, 1.0, 3.5]),
            ("v^2", vec![1.0, 4.0, 0.25]),
            ("v^3 * 2^-x", vec![0.125, -1.0, 0.015_625]),
            ("sum(v) + mean(v)*3", vec![-1.0]),
            ("norm(v)^2", vec![5.25]),
            ("prod(v)", vec![-1.0]),
            ("A @ v", vec![2.0, -5.5]),
            ("v @ v + dot(v, v)", vec![10.5]),
            ("(2*A + A) @ v", vec![6.0, -16.5]),
            ("v[1] * pi / pi", vec![-2.0]),
            ("max(v, 0) + min(v, 0)", vec![1.0, -2.0, 0.5]),
            // Neither is lost beside the other.
            ("min(1e20, x) + max(x, -1e20)", vec![6.0]),
            ("exp(log(x)) + sqrt(x^4) + abs(-x)", vec![15.0]),
            ("ln(e) + log2(8) + log10(100)", vec![6.0]),
            ("hypot(x, 4) + atan2(0, x)", vec![5.0]),
            ("x^1.5 / x^0.5", vec![3.0]),
            ("lgamma(x + 1) - log(6)", vec![0.0]),
            ("sinh(x)^2 - cosh(x)^2 + tanh(0) + erf(0) + sigmoid(0)", vec![-0.5]),
        ] {
            // In f32; values up to 100.
            assert_close(&evaluated(text).unwrap(), &expected, 2e-6, 3e-5, text);
        }
    }

    /// The second derivatives of max(x³, 1), min(x², 9) and √(x² + 16) at 2: 6x, 2, and 16/(x² + 16)^1.5.
    #[test]
    fn functions_of_two_values_have_second_derivatives() {
        let expression: Expression = "max(x^3, 1) + min(x^2, 9) + hypot(x, 4)".parse().unwrap();
        let f = Function::of_vector(like(&[2.0]), move |x: Tensor<1>| {
            expression.vector(&|_| Some(Value::Vector(x.clone())), &x).unwrap()
        });
        let curvature = f.hvp(&like(&[2.0]), &like(&[1.0])).unwrap().into_scalar::<f64>();
        // In f32.
        assert_close(&[curvature], &[12.0 + 2.0 + 16.0 / 20f64.powf(1.5)], 1e-5, 0.0, "the curvature");
    }

    #[test]
    fn what_does_not_fit_is_an_error_with_its_place() {
        for (text, message) in [
            ("x + y", "character 5: 'y' is not defined"),
            ("1 + A @ x", "character 5: a matrix of 2×3 and a vector of 1 have no product"),
            ("v + A @ v", "character 1: vectors of 3 and 2 entries do not fit together"),
            ("v[3]", "character 1: there is no entry 3 in a vector of 3; the first one is 0"),
            ("exp(A)", "character 5: a matrix can be"),
            ("A + x", "character 1: a matrix can be"),
        ] {
            let error = evaluated(text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn the_part_outside_of_its_domain_is_found() {
        let expression: Expression = "1 + 2*log(x - 5) + v[0]".parse().unwrap();
        let error = expression.domain_error(&lookup, &like(&[0.0])).unwrap().unwrap();
        assert_eq!(error.to_string(), "character 7: log(x - 5) is NaN, because x - 5 is -2");
        let expression: Expression = "x / (v[0] - 1)".parse().unwrap();
        let error = expression.domain_error(&lookup, &like(&[0.0])).unwrap().unwrap();
        assert_eq!(error.to_string(), "character 1: x / (v[0] - 1) is inf, because x is 3 and (v[0] - 1) is 0");
        assert_eq!("x + 1".parse::<Expression>().unwrap().domain_error(&lookup, &like(&[0.0])), Ok(None));
    }
}
