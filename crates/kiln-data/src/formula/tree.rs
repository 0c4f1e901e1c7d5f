//! Formulas as trees of operators.

use std::fmt::{self, Display, Formatter};

use super::{error::FormulaError, expression::Expression, factor::Factor, node::check_depth};

/// A formula as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parsed {
    pub(super) response: Option<Expression>,
    pub(super) items: Vec<Item>,
}

/// What stands between two signs outside of parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) minus: bool,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// `1`
    One,
    /// `0`
    Zero,
    Offset(Expression),
    Terms(Tree),
}

/// Operators between terms.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    pub(super) kind: TreeKind,
    depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TreeKind {
    Factor(Factor),
    /// Every other column.
    Dot,
    /// Terms in parentheses, each with whether a minus is before it.
    Sum(Vec<(bool, Tree)>),
    Binary(Binary, Box<Tree>, Box<Tree>),
    Power(Box<Tree>, usize),
}

/// An operator between terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    /// `a * b`: a + b + a:b.
    Cross,
    /// `a / b`: a + a:b.
    Nest,
    /// `b %in% a`: a + a:b.
    In,
    /// `a:b`.
    Interact,
}

/// The operators with their signs, and how tightly they bind.
pub(super) const OPERATORS: [(Binary, &str, u8); 4] =
    [(Binary::Cross, "*", 1), (Binary::Nest, "/", 1), (Binary::In, "%in%", 1), (Binary::Interact, ":", 2)];

impl Parsed {
    /// Returns whether a `.` stands for columns.
    pub(super) fn has_dot(&self) -> bool {
        self.items.iter().any(|item| matches!(&item.what, What::Terms(tree) if tree.has_dot()))
    }
}

impl Tree {
    fn has_dot(&self) -> bool {
        match &self.kind {
            TreeKind::Factor(_) => false,
            TreeKind::Dot => true,
            TreeKind::Sum(items) => items.iter().any(|(_, tree)| tree.has_dot()),
            TreeKind::Binary(_, left, right) => left.has_dot() || right.has_dot(),
            TreeKind::Power(base, _) => base.has_dot(),
        }
    }

    pub(super) fn new(kind: TreeKind, position: usize) -> Result<Self, FormulaError> {
        let depth = 1 + match &kind {
            TreeKind::Factor(_) | TreeKind::Dot => 0,
            TreeKind::Sum(items) => items.iter().map(|(_, tree)| tree.depth).max().unwrap_or(0),
            TreeKind::Binary(_, left, right) => left.depth.max(right.depth),
            TreeKind::Power(base, _) => base.depth,
        };
        check_depth(depth, position)?;
        Ok(Self { kind, depth })
    }

    fn write(&self, f: &mut Formatter<'_>, least: u8) -> fmt::Result {
        match &self.kind {
            TreeKind::Factor(factor) => write!(f, "{factor}"),
            TreeKind::Dot => f.write_str("."),
            TreeKind::Sum(items) => {
                f.write_str("(")?;
                for (at, (minus, tree)) in items.iter().enumerate() {
                    f.write_str(sign(at == 0, *minus))?;
                    tree.write(f, 1)?;
                }
                f.write_str(")")
            }
            TreeKind::Power(base, power) => {
                base.write(f, 4)?;
                write!(f, "**{power}")
            }
            TreeKind::Binary(operator, left, right) => {
                let found = OPERATORS.iter().find(|(known, ..)| known == operator);
                let (sign, power) = found.map_or(("", 0), |(_, sign, power)| (*sign, *power));
                let bracket = power < least;
                f.write_str(if bracket { "(" } else { "" })?;
                left.write(f, power)?;
                if *operator == Binary::Interact {
                    write!(f, ":")?
                } else {
                    write!(f, " {sign} ")?
                }
                right.write(f, power + 1)?;
                f.write_str(if bracket { ")" } else { "" })
            }
        }
    }
}

/// Returns a sign as it stands before a term.
fn sign(is_first: bool, minus: bool) -> &'static str {
    match (is_first, minus) {
        (true, true) => "-",
        (true, false) => "",
        (false, true) => " - ",
        (false, false) => " + ",
    }
}

impl Display for Parsed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(response) = &self.response {
            write!(f, "{response} ")?;
        }
        f.write_str("~ ")?;
        for (at, Item { minus, what }) in self.items.iter().enumerate() {
            f.write_str(sign(at == 0, *minus))?;
            match what {
                What::One => f.write_str("1")?,
                What::Zero => f.write_str("0")?,
                What::Offset(expression) => write!(f, "offset({expression})")?,
                What::Terms(tree) => tree.write(f, 1)?,
            }
        }
        Ok(())
    }
}
