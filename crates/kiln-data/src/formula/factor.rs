//! The factors of a term: what is between the operators of a formula.

use std::fmt::{self, Display, Formatter};

use super::{
    arguments::Arguments,
    category::Category,
    error::FormulaError,
    expression::{Expression, OTHERS},
    node::{Node, NodeKind},
    token::name_text,
};

/// The largest degree, and the largest number of features, of a polynomial or a spline.
const MOST: usize = 1000;

/// A factor of a term.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Factor {
    /// A column as it is: numbers or categories.
    Column(String),
    /// One number per row.
    Number(Expression),
    Category(Category),
    Polynomial(Polynomial),
    Spline(Spline),
}

/// `poly(x, degree)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Polynomial {
    pub(super) of: Expression,
    pub(super) degree: usize,
    /// Powers instead of orthogonal polynomials.
    pub(super) raw: bool,
}

/// `bs(x, …)`, `cr(x, …)` and `cc(x, …)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spline {
    pub(super) kind: SplineKind,
    pub(super) of: Expression,
    pub(super) df: Option<usize>,
    pub(super) knots: Option<Vec<f64>>,
    pub(super) lower: Option<f64>,
    pub(super) upper: Option<f64>,
    /// Whether the mean of each feature at the training rows is 0, so that they do not span the intercept.
    pub(super) center: bool,
    pub(super) extrapolation: Extrapolation,
}

/// The basis of a spline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SplineKind {
    /// B-splines.
    Basis { degree: usize, include_intercept: bool },
    /// Natural cubic splines by their values at the knots.
    Natural { name: &'static str },
    /// Cyclic cubic splines by their values at the knots.
    Cyclic,
}

/// What a spline does with a value outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extrapolation {
    /// It is an error.
    Raise,
    /// The nearest bound is taken.
    Clip,
    /// All features are 0.
    Zero,
    /// The outermost polynomials continue.
    Extend,
}

const EXTRAPOLATIONS: [(Extrapolation, &str); 4] = [
    (Extrapolation::Raise, "raise"),
    (Extrapolation::Clip, "clip"),
    (Extrapolation::Zero, "zero"),
    (Extrapolation::Extend, "extend"),
];

impl Factor {
    /// Returns the meaning of a name or a call.
    pub(super) fn of(node: &Node) -> Result<Self, FormulaError> {
        let NodeKind::Call(name, arguments) = &node.kind else {
            return Ok(match Expression::of(node)? {
                Expression::Column(name) => Self::Column(name),
                expression => Self::Number(expression),
            });
        };
        if !OTHERS.contains(&name.as_str()) {
            return Expression::of(node).map(Self::Number);
        }
        let mut arguments = Arguments::new(node.position, name, arguments);
        let first = arguments.first()?;
        let factor = match name.as_str() {
            "C" => Self::Category(Category::read(first, &mut arguments)?),
            "poly" => {
                let of = Expression::of(first)?;
                let degree = arguments.count("degree", MOST)?.unwrap_or(1);
                if degree == 0 {
                    return Err(arguments.error(None, "'degree' must be at least 1".into()));
                }
                Self::Polynomial(Polynomial { of, degree, raw: arguments.truth("raw", false)? })
            }
            "offset" => {
                return Err(FormulaError::Unsupported {
                    position: node.position,
                    what: "an offset stands alone between two '+'".into(),
                    instead: "write it as in y ~ x + offset(log(exposure))".into(),
                });
            }
            _ => Self::Spline(Spline::read(name, Expression::of(first)?, &mut arguments)?),
        };
        arguments.finish()?;
        Ok(factor)
    }

    /// Adds the names of the columns in the order of their appearance.
    pub(super) fn columns<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Column(name) | Self::Category(Category { column: name, .. }) => {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            Self::Number(of) | Self::Polynomial(Polynomial { of, .. }) | Self::Spline(Spline { of, .. }) => {
                of.columns(names);
            }
        }
    }
}

impl Spline {
    fn read(name: &str, of: Expression, arguments: &mut Arguments<'_>) -> Result<Self, FormulaError> {
        let df = arguments.count("df", MOST)?;
        let knots = arguments.numbers("knots")?;
        let kind = match name {
            "bs" => {
                let degree = arguments.count("degree", 20)?.unwrap_or(3);
                SplineKind::Basis { degree, include_intercept: arguments.truth("include_intercept", false)? }
            }
            "cc" => SplineKind::Cyclic,
            "cs" => SplineKind::Natural { name: "cs" },
            _ => SplineKind::Natural { name: "cr" },
        };
        let (lower, upper) = (arguments.number("lower_bound")?, arguments.number("upper_bound")?);
        let default = kind.default_extrapolation();
        let extrapolation = match arguments.keyword("extrapolation") {
            None => default,
            Some(node) => {
                let text = if let NodeKind::Text(text) = &node.kind { text.as_str() } else { "" };
                let found = EXTRAPOLATIONS.iter().find(|(_, name)| *name == text);
                let problem = || "'extrapolation' must be \"raise\", \"clip\", \"zero\" or \"extend\"".into();
                found.ok_or_else(|| arguments.error(Some(node), problem()))?.0
            }
        };
        let center = match kind {
            SplineKind::Basis { .. } => false,
            _ => match arguments.keyword("constraints") {
                None | Some(Node { kind: NodeKind::Nothing, .. }) => false,
                Some(Node { kind: NodeKind::Text(text), .. }) if text == "center" => true,
                Some(node) => return Err(arguments.error(Some(node), "'constraints' must be \"center\"".into())),
            },
        };
        let spline = Self { kind, of, df, knots, lower, upper, center, extrapolation };
        match spline.problem() {
            Some(problem) => Err(arguments.error(None, problem)),
            None => Ok(spline),
        }
    }

    /// Returns what is wrong with the arguments.
    fn problem(&self) -> Option<String> {
        if self.df.is_some() && self.knots.is_some() {
            return Some("give either 'df' or 'knots', not both".into());
        }
        if self.knots.as_ref().is_some_and(|knots| knots.len() > MOST) {
            return Some(format!("it takes at most {MOST} knots"));
        }
        if let (Some(lower), Some(upper)) = (self.lower, self.upper)
            && lower >= upper
        {
            return Some("'lower_bound' must be less than 'upper_bound'".into());
        }
        match (self.kind, self.df) {
            (SplineKind::Basis { degree, include_intercept }, Some(df)) => {
                let least = degree + usize::from(include_intercept);
                (df < least.max(1)).then(|| format!("'df' is {df}, and must be at least {}", least.max(1)))
            }
            (SplineKind::Basis { degree: 0, include_intercept: false }, None) => self
                .knots
                .as_ref()
                .is_none_or(Vec::is_empty)
                .then(|| "a spline of degree 0 needs 'df' or 'knots'".into()),
            (SplineKind::Basis { .. }, None) => None,
            (SplineKind::Natural { .. }, Some(df)) if !self.center && df < 2 => {
                Some(format!("'df' is {df}, and must be at least 2"))
            }
            (_, Some(df)) => (df < 1).then(|| format!("'df' is {df}, and must be at least 1")),
            (_, None) => self.knots.is_none().then(|| "it needs 'df' or 'knots', as in cr(x, df=4)".into()),
        }
    }
}

impl SplineKind {
    fn default_extrapolation(self) -> Extrapolation {
        if matches!(self, Self::Basis { .. }) { Extrapolation::Raise } else { Extrapolation::Extend }
    }
}

impl Display for Factor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => f.write_str(&name_text(name)),
            Self::Number(expression) => write!(f, "{expression}"),
            Self::Category(category) => write!(f, "{category}"),
            Self::Polynomial(Polynomial { of, degree, raw }) => {
                write!(f, "poly({of}, {degree}{})", if *raw { ", raw=True" } else { "" })
            }
            Self::Spline(spline) => write!(f, "{spline}"),
        }
    }
}

impl Display for Spline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            SplineKind::Basis { .. } => "bs",
            SplineKind::Natural { name } => name,
            SplineKind::Cyclic => "cc",
        };
        write!(f, "{name}({}", self.of)?;
        if let Some(df) = self.df {
            write!(f, ", df={df}")?;
        }
        if let Some(knots) = &self.knots {
            let knots: Vec<String> = knots.iter().map(f64::to_string).collect();
            write!(f, ", knots=[{}]", knots.join(", "))?;
        }
        if self.center {
            f.write_str(", constraints=\"center\"")?;
        }
        if let SplineKind::Basis { degree, include_intercept } = self.kind {
            if degree != 3 {
                write!(f, ", degree={degree}")?;
            }
            if include_intercept {
                f.write_str(", include_intercept=True")?;
            }
        }
        for (name, bound) in [("lower_bound", self.lower), ("upper_bound", self.upper)] {
            if let Some(bound) = bound {
                write!(f, ", {name}={bound}")?;
            }
        }
        if self.extrapolation != self.kind.default_extrapolation() {
            let found = EXTRAPOLATIONS.iter().find(|(extrapolation, _)| *extrapolation == self.extrapolation);
            write!(f, ", extrapolation=\"{}\"", found.map_or("", |(_, name)| name))?;
        }
        f.write_str(")")
    }
}
