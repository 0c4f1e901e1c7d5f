//! Expressions that are one number per row.

use std::fmt::{self, Display, Formatter};

use super::{
    arguments::Arguments,
    error::FormulaError,
    node::{Node, NodeKind},
    token::name_text,
};
use crate::suggest;

/// An expression that is one number per row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// A number, with its text.
    Number(f64, String),
    /// The numbers of a column.
    Column(String),
    /// `I(…)`, which only stands around arithmetic.
    Identity(Box<Self>),
    Negate(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    Call(Function, Box<Self>),
    Scaled(Scaled),
}

/// `center`, `scale` or `standardize`: the mean is subtracted, and the result is divided by the standard deviation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scaled {
    name: &'static str,
    pub(super) of: Box<Expression>,
    pub(super) center: bool,
    pub(super) scale: bool,
    /// What is subtracted from the number of rows in the variance.
    pub(super) ddof: f64,
}

macro_rules! functions {
    ($($variant:ident $name:literal $function:expr;)*) => {
        /// A function of one number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub(super) fn apply(self, x: f64) -> f64 {
                let function: fn(f64) -> f64 = match self { $(Self::$variant => $function),* };
                function(x)
            }
        }

        /// The names of the functions that are one number per row.
        pub(super) const NAMES: &[&str] = &[$($name,)* "I", "center", "scale", "standardize"];
    };
}

functions! {
    Log "log" f64::ln;
    Log2 "log2" f64::log2;
    Log10 "log10" f64::log10;
    Log1p "log1p" f64::ln_1p;
    Exp "exp" f64::exp;
    Expm1 "expm1" f64::exp_m1;
    Sqrt "sqrt" f64::sqrt;
    Abs "abs" f64::abs;
    Sin "sin" f64::sin;
    Cos "cos" f64::cos;
    Tan "tan" f64::tan;
}

/// An operator between two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

const OPERATORS: [(Operator, &str, u8); 11] = [
    (Operator::Less, "<", 1),
    (Operator::LessEqual, "<=", 1),
    (Operator::Greater, ">", 1),
    (Operator::GreaterEqual, ">=", 1),
    (Operator::Equal, "==", 1),
    (Operator::NotEqual, "!=", 1),
    (Operator::Add, "+", 2),
    (Operator::Subtract, "-", 2),
    (Operator::Multiply, "*", 3),
    (Operator::Divide, "/", 3),
    (Operator::Power, "**", 5),
];

impl Operator {
    /// Applies it as NumPy does, which takes short cuts for some powers. A comparison is 1 if it is true and 0 if not.
    #[allow(clippy::float_cmp, reason = "the user's comparison, and exponents that have a short cut")]
    pub(super) fn apply(self, a: f64, b: f64) -> f64 {
        let truth = |is_true| f64::from(u8::from(is_true));
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Power if b == 1.0 => a,
            Self::Power if b == 2.0 => a * a,
            Self::Power if b == 0.5 => a.sqrt(),
            Self::Power if b == -1.0 => 1.0 / a,
            Self::Power => a.powf(b),
            Self::Less => truth(a < b),
            Self::LessEqual => truth(a <= b),
            Self::Greater => truth(a > b),
            Self::GreaterEqual => truth(a >= b),
            Self::Equal => truth(a == b),
            Self::NotEqual => truth(a != b),
        }
    }

    fn row(self) -> (&'static str, u8) {
        let found = OPERATORS.iter().find(|(operator, ..)| *operator == self);
        found.map_or(("", 0), |(_, sign, power)| (sign, *power))
    }
}

/// Functions that are not one number per row.
pub(super) const OTHERS: &[&str] = &["C", "poly", "bs", "cr", "cs", "cc", "offset"];

/// Returns the error for a function that is not one number per row.
fn not_a_number(position: usize, name: &str) -> FormulaError {
    if OTHERS.contains(&name) {
        return FormulaError::Unsupported {
            position,
            what: format!("{name}(…) is not one number per row"),
            instead: "use it only as a term, on the right of '~' and not within another function".into(),
        };
    }
    let known = || NAMES.iter().chain(OTHERS).copied();
    FormulaError::UnknownFunction {
        position,
        name: name.into(),
        hint: suggest::hint(name, known()),
        known: known().collect::<Vec<_>>().join(", "),
    }
}

impl Expression {
    /// Returns the meaning of a node that must be one number per row.
    pub(super) fn of(node: &Node) -> Result<Self, FormulaError> {
        let unexpected = |found: String, expected: &str| FormulaError::Unexpected {
            position: node.position,
            found,
            expected: expected.into(),
        };
        match &node.kind {
            NodeKind::Number(value, text) => Ok(Self::Number(*value, text.clone())),
            NodeKind::Name(name) => Ok(Self::Column(name.clone())),
            NodeKind::Negate(inner) => Ok(Self::Negate(Box::new(Self::of(inner)?))),
            NodeKind::Binary(sign, left, right) => {
                let operator = OPERATORS.iter().find(|(_, known, _)| known == sign).map(|(operator, ..)| *operator);
                let operator = operator.ok_or_else(|| unexpected(format!("'{sign}'"), "an operator"))?;
                if let (1, NodeKind::Binary(other, ..)) = (operator.row().1, &left.kind)
                    && matches!(*other, "<" | "<=" | ">" | ">=" | "==" | "!=")
                {
                    return Err(FormulaError::Unsupported {
                        position: node.position,
                        what: "two comparisons in a row are read in different ways".into(),
                        instead: "put parentheses around one, or multiply two of them, as in I((0 < x) * (x < 9))"
                            .into(),
                    });
                }
                Ok(Self::Binary(operator, Box::new(Self::of(left)?), Box::new(Self::of(right)?)))
            }
            NodeKind::Call(name, arguments) => {
                let mut arguments = Arguments::new(node.position, name, arguments);
                let function = Function::of(name);
                if function.is_none() && !NAMES.contains(&name.as_str()) {
                    return Err(not_a_number(node.position, name));
                }
                let of = Box::new(Self::of(arguments.first()?)?);
                let expression = match (name.as_str(), function) {
                    (_, Some(function)) => Self::Call(function, of),
                    ("center", _) => Self::scaled("center", of, true, false, 0.0),
                    ("scale", _) => {
                        let (center, scale) = (arguments.truth("center", true)?, arguments.truth("scale", true)?);
                        Self::scaled("scale", of, center, scale, arguments.count("ddof", 1000)?.unwrap_or(1) as f64)
                    }
                    ("standardize", _) => {
                        let (center, scale) = (arguments.truth("center", true)?, arguments.truth("rescale", true)?);
                        Self::scaled(
                            "standardize",
                            of,
                            center,
                            scale,
                            arguments.count("ddof", 1000)?.unwrap_or(0) as f64,
                        )
                    }
                    _ => Self::Identity(of),
                };
                arguments.finish()?;
                Ok(expression)
            }
            NodeKind::Text(text) => {
                Err(unexpected(format!("the text \"{}\"", crate::Shown(text)), "a column or a number"))
            }
            NodeKind::Truth(truth) => Err(unexpected(format!("{truth}"), "a column or a number")),
            NodeKind::Nothing => Err(unexpected("None".into(), "a column or a number")),
            NodeKind::List(_) => Err(unexpected("a list".into(), "a column or a number")),
        }
    }

    fn scaled(name: &'static str, of: Box<Self>, center: bool, scale: bool, ddof: f64) -> Self {
        Self::Scaled(Scaled { name, of, center, scale, ddof })
    }

    /// Adds the names of the columns in the order of their appearance.
    pub(super) fn columns<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Number(..) => {}
            Self::Column(name) => {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            Self::Identity(of) | Self::Negate(of) | Self::Call(_, of) => of.columns(names),
            Self::Binary(_, left, right) => {
                left.columns(names);
                right.columns(names);
            }
            Self::Scaled(scaled) => scaled.of.columns(names),
        }
    }

    fn write(&self, f: &mut Formatter<'_>, least: u8) -> fmt::Result {
        match self {
            Self::Number(_, text) => f.write_str(text),
            Self::Column(name) => f.write_str(&name_text(name)),
            Self::Identity(of) => write!(f, "I({of})"),
            Self::Call(function, of) => write!(f, "{}({of})", function.name()),
            Self::Scaled(scaled) => write!(f, "{scaled}"),
            Self::Negate(of) => {
                let bracket = least > 4;
                f.write_str(if bracket { "(-" } else { "-" })?;
                of.write(f, 4)?;
                f.write_str(if bracket { ")" } else { "" })
            }
            Self::Binary(operator, left, right) => {
                let (sign, power) = operator.row();
                let bracket = power < least;
                f.write_str(if bracket { "(" } else { "" })?;
                let is_power = *operator == Operator::Power;
                left.write(f, if is_power { power + 1 } else { power })?;
                write!(f, " {sign} ")?;
                right.write(f, if is_power { 4 } else { power + 1 })?;
                f.write_str(if bracket { ")" } else { "" })
            }
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Display for Scaled {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}", self.name, self.of)?;
        if self.name != "center" {
            let (scale, ddof) = if self.name == "scale" { ("scale", 1.0) } else { ("rescale", 0.0) };
            if !self.center {
                f.write_str(", center=False")?;
            }
            if !self.scale {
                write!(f, ", {scale}=False")?;
            }
            if self.ddof.to_bits() != f64::to_bits(ddof) {
                write!(f, ", ddof={}", self.ddof)?;
            }
        }
        f.write_str(")")
    }
}
