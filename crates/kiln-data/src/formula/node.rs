//! The grammar of what is inside a function's parentheses.

use super::{
    error::FormulaError,
    token::{Kind, Token},
};

/// The largest number of levels of a formula. Each takes some of the stack.
const MAX_DEPTH: usize = 128;

/// A piece of a formula whose meaning is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) position: usize,
    depth: usize,
}

#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Number(f64, String),
    Text(String),
    Truth(bool),
    /// `None` or `NULL`.
    Nothing,
    /// A name without parentheses.
    Name(String),
    List(Vec<Node>),
    Negate(Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Call(String, Vec<Argument>),
}

/// An argument of a function, by position or by keyword.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) keyword: Option<String>,
    pub(super) value: Node,
}

/// The tokens that are not read yet.
pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens, at: 0, depth: 0 }
    }

    pub(super) fn peek(&self) -> &Token {
        // The last token is the end, which `next` does not pass.
        &self.tokens[self.at]
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn is_at(&self, sign: &str) -> bool {
        matches!(&self.peek().kind, Kind::Sign(found) if *found == sign)
    }

    /// Takes a sign if it comes next.
    pub(super) fn accept(&mut self, sign: &str) -> bool {
        let found = self.is_at(sign);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), FormulaError> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected(&format!("'{sign}'"))) }
    }

    /// Returns an error about the next token.
    pub(super) fn unexpected(&self, expected: &str) -> FormulaError {
        let Token { kind, position } = self.peek();
        FormulaError::Unexpected { position: *position, found: kind.shown(), expected: expected.into() }
    }

    /// Calls `read` one level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, FormulaError>,
    ) -> Result<T, FormulaError> {
        check_depth(self.depth + 1, self.peek().position)?;
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads the name of a column or a call, if one comes next.
    pub(super) fn name_or_call(&mut self) -> Result<Option<Node>, FormulaError> {
        let Token { kind, position } = self.peek().clone();
        let kind = match kind {
            Kind::Quoted(name) => {
                self.next();
                NodeKind::Name(name)
            }
            Kind::Name(name) => {
                self.next();
                if self.is_at("(") {
                    let arguments = self.deeper(Self::arguments)?;
                    let name = ["np.", "numpy."].iter().find_map(|module| name.strip_prefix(module)).unwrap_or(&name);
                    match (name, &arguments[..]) {
                        // patsy's quotes for names.
                        ("Q", [Argument { keyword: None, value: Node { kind: NodeKind::Text(column), .. } }]) => {
                            NodeKind::Name(column.clone())
                        }
                        // R's word.
                        ("factor" | "as.factor", _) => NodeKind::Call("C".into(), arguments),
                        _ => NodeKind::Call(name.into(), arguments),
                    }
                } else {
                    match name.as_str() {
                        "True" | "TRUE" => NodeKind::Truth(true),
                        "False" | "FALSE" => NodeKind::Truth(false),
                        "None" | "NULL" => NodeKind::Nothing,
                        _ => NodeKind::Name(name),
                    }
                }
            }
            _ => return Ok(None),
        };
        Node::new(kind, position).map(Some)
    }

    fn arguments(&mut self) -> Result<Vec<Argument>, FormulaError> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.accept(")") {
            let keyword = match (&self.peek().kind, self.tokens.get(self.at + 1).map(|token| &token.kind)) {
                (Kind::Name(name), Some(Kind::Sign("="))) => Some(name.clone()),
                _ => None,
            };
            if keyword.is_some() {
                self.next();
                self.next();
            }
            arguments.push(Argument { keyword, value: self.expression(0)? });
            if !self.is_at(")") && !self.accept(",") {
                return Err(self.unexpected("an operator, ',' or ')'"));
            }
        }
        Ok(arguments)
    }

    /// Reads an expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Node, FormulaError> {
        self.deeper(|parser| {
            let position = parser.peek().position;
            let mut left = if parser.accept("-") {
                Node::new(NodeKind::Negate(Box::new(parser.expression(NEGATION)?)), position)?
            } else if parser.accept("+") {
                parser.expression(NEGATION)?
            } else {
                parser.primary()?
            };
            while let Some((sign, power)) = parser.operator().filter(|(_, power)| *power >= least) {
                parser.next();
                // A power is right-associative, and its exponent may have a sign.
                let right = parser.expression(if power == POWER { NEGATION } else { power + 1 })?;
                left = Node::new(NodeKind::Binary(sign, Box::new(left), Box::new(right)), position)?;
            }
            Ok(left)
        })
    }

    /// Returns the operator that comes next, and how tightly it binds.
    fn operator(&self) -> Option<(&'static str, u8)> {
        let Kind::Sign(sign) = self.peek().kind else { return None };
        match sign {
            "<" | "<=" | ">" | ">=" | "==" | "!=" => Some((sign, 1)),
            "+" | "-" => Some((sign, 2)),
            "*" | "/" => Some((sign, 3)),
            "**" | "^" => Some(("**", POWER)),
            _ => None,
        }
    }

    fn primary(&mut self) -> Result<Node, FormulaError> {
        if let Some(node) = self.name_or_call()? {
            return Ok(node);
        }
        let Token { kind, position } = self.peek().clone();
        match kind {
            Kind::Number(value, text) => {
                self.next();
                Node::new(NodeKind::Number(value, text), position)
            }
            Kind::Text(text) => {
                self.next();
                Node::new(NodeKind::Text(text), position)
            }
            Kind::Sign("[") => {
                self.next();
                let items = self.items("]", Vec::new())?;
                Node::new(NodeKind::List(items), position)
            }
            Kind::Sign("(") => {
                self.next();
                let inner = self.expression(0)?;
                if self.accept(")") {
                    return Ok(inner);
                }
                if !self.is_at(",") {
                    return Err(self.unexpected("an operator or ')'"));
                }
                let items = self.items(")", vec![inner])?;
                Node::new(NodeKind::List(items), position)
            }
            _ => Err(self.unexpected("a column, a number, a function or '('")),
        }
    }

    /// Reads the rest of a list.
    fn items(&mut self, end: &str, mut items: Vec<Node>) -> Result<Vec<Node>, FormulaError> {
        loop {
            if !items.is_empty() && !self.is_at(end) && !self.accept(",") {
                return Err(self.unexpected(&format!("',' or '{end}'")));
            }
            if self.accept(end) {
                return Ok(items);
            }
            items.push(self.expression(0)?);
        }
    }
}

/// How tightly a sign before a number binds.
const NEGATION: u8 = 4;
/// How tightly a power binds.
const POWER: u8 = 5;

impl Node {
    fn new(kind: NodeKind, position: usize) -> Result<Self, FormulaError> {
        let below = match &kind {
            NodeKind::List(items) => items.iter().map(|item| item.depth).max(),
            NodeKind::Negate(inner) => Some(inner.depth),
            NodeKind::Binary(_, left, right) => Some(left.depth.max(right.depth)),
            NodeKind::Call(_, arguments) => arguments.iter().map(|argument| argument.value.depth).max(),
            _ => None,
        };
        let depth = below.unwrap_or(0) + 1;
        check_depth(depth, position)?;
        Ok(Self { kind, position, depth })
    }
}

/// Returns an error if `depth` levels are too many.
pub(super) fn check_depth(depth: usize, position: usize) -> Result<(), FormulaError> {
    if depth > MAX_DEPTH { Err(FormulaError::TooDeep { position, limit: MAX_DEPTH }) } else { Ok(()) }
}
