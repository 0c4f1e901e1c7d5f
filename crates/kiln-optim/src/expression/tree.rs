//! The tree of an expression.

use std::fmt::{self, Display, Formatter};

/// An expression: see the [module](super).
///
/// # Example
/// ```
/// use kiln_optim::expression::Expression;
///
/// let energy: Expression = "m * c^2".parse()?;
/// assert_eq!(energy.names(), ["m", "c"]);
/// # Ok::<(), kiln_optim::expression::ExpressionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    pub(super) text: String,
    pub(super) root: Node,
}

/// A constraint between two expressions.
///
/// # Example
/// ```
/// use kiln_optim::expression::{Comparison, Relation};
///
/// let both = Relation::parse_all("0 <= x <= 1 - y")?;
/// assert_eq!(both.len(), 2);
/// assert_eq!(both[1].comparison, Comparison::AtMost);
/// assert_eq!(both[1].right.names(), ["y"]);
/// # Ok::<(), kiln_optim::expression::ExpressionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// The left side.
    pub left: Expression,
    /// The relation.
    pub comparison: Comparison,
    /// The right side.
    pub right: Expression,
}

/// How two sides compare.
///
/// # Example
/// ```
/// use kiln_optim::expression::{Comparison, Relation};
///
/// assert_eq!(Relation::parse_all("x^2 + y^2 <= 2")?[0].comparison, Comparison::AtMost);
/// # Ok::<(), kiln_optim::expression::ExpressionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

/// A part of an expression, with the bytes of the text that it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    Name(String),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(String, Vec<Node>),
    Entry(Box<Node>, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Product,
}

impl Expression {
    /// Returns the names in the order in which they first occur. `pi` and `e` are numbers, unless they are defined.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.visit(&mut |node| {
            if let Kind::Name(name) = &node.kind
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
        });
        names
    }

    /// The character, counted from 1, at which a part begins.
    pub(super) fn position(&self, node: &Node) -> usize {
        self.text[..node.start].chars().count() + 1
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.text[self.root.start..self.root.end].trim())
    }
}

impl Node {
    /// Visits all parts, operands before what is made of them.
    pub(super) fn visit<'n>(&'n self, see: &mut impl FnMut(&'n Self)) {
        match &self.kind {
            Kind::Number(_) | Kind::Name(_) => {}
            Kind::Negate(of) | Kind::Entry(of, _) => of.visit(see),
            Kind::Binary(_, left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Kind::Call(_, arguments) => arguments.iter().for_each(|argument| argument.visit(see)),
        }
        see(self);
    }
}
