//! The grammar of formulas.

use super::{
    arguments::Arguments,
    error::FormulaError,
    expression::Expression,
    factor::Factor,
    node::{Node, NodeKind, Parser},
    token::{Kind, Token, tokens},
    tree::{Item, OPERATORS, Parsed, Tree, TreeKind, What},
};

const A_TERM: &str = "a column, a function, '.' or '('";

/// Reads a formula.
pub(super) fn parse(text: &str) -> Result<Parsed, FormulaError> {
    let tokens = tokens(text)?;
    let has_tilde = tokens.iter().any(|token| token.kind == Kind::Sign("~"));
    let mut parser = Parser::new(tokens);
    let response = if has_tilde && !parser.is_at("~") { Some(response(&mut parser)?) } else { None };
    if has_tilde {
        parser.expect("~")?;
    }
    let mut items = Vec::new();
    while let Some(minus) = signs(&mut parser, items.is_empty())? {
        items.push(Item { minus, what: item(&mut parser, minus)? });
    }
    if parser.peek().kind != Kind::End {
        return Err(leftover(&parser));
    }
    Ok(Parsed { response, items })
}

fn response(parser: &mut Parser) -> Result<Expression, FormulaError> {
    let node = parser.name_or_call()?.ok_or_else(|| parser.unexpected("the response: a column or a function"))?;
    if !parser.is_at("~") {
        return Err(parser.unexpected("'~'; write I(…) around a response that is computed, as in I(a + b) ~ x"));
    }
    Expression::of(&node)
}

/// Reads the signs before a term, and returns whether they make a minus; `None` if no term follows.
fn signs(parser: &mut Parser, is_first: bool) -> Result<Option<bool>, FormulaError> {
    if !is_first && !parser.is_at("+") && !parser.is_at("-") {
        return Ok(None);
    }
    let mut minus = false;
    loop {
        if parser.accept("-") {
            minus = !minus;
        } else if !parser.accept("+") {
            return Ok(Some(minus));
        }
    }
}

fn item(parser: &mut Parser, minus: bool) -> Result<What, FormulaError> {
    let Token { kind, position } = parser.peek().clone();
    match kind {
        Kind::Number(value, text) => {
            parser.next();
            let what = match text.as_str() {
                "1" => What::One,
                "0" => What::Zero,
                _ => return Err(number(position, value)),
            };
            if is_operator(parser) {
                return Err(number(position, value));
            }
            Ok(what)
        }
        Kind::End => Err(parser.unexpected(&format!("{A_TERM}; write 1 for an intercept alone"))),
        _ => {
            let first = parser.name_or_call()?;
            if let Some(Node { kind: NodeKind::Call(name, arguments), position, .. }) = &first
                && name == "offset"
                && !is_operator(parser)
            {
                return offset(Arguments::new(*position, name, arguments), *position, minus);
            }
            Ok(What::Terms(tree(parser, first, 0)?))
        }
    }
}

fn offset(mut arguments: Arguments<'_>, position: usize, minus: bool) -> Result<What, FormulaError> {
    if minus {
        return Err(FormulaError::Unsupported {
            position,
            what: "an offset is added".into(),
            instead: "write + offset(-x) to subtract x".into(),
        });
    }
    let expression = Expression::of(arguments.first()?)?;
    arguments.finish()?;
    Ok(What::Offset(expression))
}

/// Returns whether an operator between terms comes next.
fn is_operator(parser: &Parser) -> bool {
    ["*", "/", "%in%", ":", "**", "^"].iter().any(|sign| parser.is_at(sign))
}

/// Returns the error for a number that is a term.
fn number(position: usize, value: f64) -> FormulaError {
    FormulaError::Unsupported {
        position,
        what: format!("the number {value} is no term"),
        instead: "write 1, 0 or -1 alone for the intercept, and I(2 * x) for arithmetic".into(),
    }
}

fn leftover(parser: &Parser) -> FormulaError {
    if parser.is_at("|") {
        return FormulaError::Unsupported {
            position: parser.peek().position,
            what: "'|' separates the parts of a mixed model, which Kiln does not fit".into(),
            instead: "write the group as a category, as in C(group)".into(),
        };
    }
    parser.unexpected("an operator such as '+' or ':', or the end")
}

/// Reads operators that bind at least as tightly as `least`, and what is between them.
fn tree(parser: &mut Parser, first: Option<Node>, least: u8) -> Result<Tree, FormulaError> {
    parser.deeper(|parser| {
        let position = parser.peek().position;
        let mut left = power(parser, first)?;
        loop {
            let found = OPERATORS.iter().find(|(_, sign, power)| *power >= least && parser.is_at(sign));
            let Some((operator, _, power)) = found else { return Ok(left) };
            parser.next();
            let right = tree(parser, None, power + 1)?;
            left = Tree::new(TreeKind::Binary(*operator, Box::new(left), Box::new(right)), position)?;
        }
    })
}

fn power(parser: &mut Parser, first: Option<Node>) -> Result<Tree, FormulaError> {
    let position = parser.peek().position;
    let base = atom(parser, first)?;
    if !parser.accept("**") && !parser.accept("^") {
        return Ok(base);
    }
    match parser.peek().kind {
        Kind::Number(value, _) if value.fract() == 0.0 && value >= 1.0 => {
            parser.next();
            if parser.is_at("**") || parser.is_at("^") {
                return Err(parser.unexpected("'+', '*' or ':'; only one power may follow a term"));
            }
            // A larger power than the number of terms changes nothing.
            Tree::new(TreeKind::Power(Box::new(base), value.min(1e9) as usize), position)
        }
        _ => Err(parser.unexpected("a whole number from 1; write I(x**0.5) for arithmetic")),
    }
}

fn atom(parser: &mut Parser, first: Option<Node>) -> Result<Tree, FormulaError> {
    let node = match first {
        Some(node) => Some(node),
        None => parser.name_or_call()?,
    };
    let Token { kind, position } = parser.peek().clone();
    if let Some(node) = node {
        return Tree::new(TreeKind::Factor(Factor::of(&node)?), node.position);
    }
    match kind {
        Kind::Sign(".") => {
            parser.next();
            Tree::new(TreeKind::Dot, position)
        }
        Kind::Sign("(") => parser.deeper(|parser| {
            parser.next();
            let mut items = Vec::new();
            while let Some(minus) = signs(parser, items.is_empty())? {
                items.push((minus, tree(parser, None, 0)?));
            }
            if !parser.accept(")") {
                return Err(if parser.is_at("|") { leftover(parser) } else { parser.unexpected("an operator or ')'") });
            }
            // Parentheses around one term say nothing.
            match items.pop() {
                Some((false, only)) if items.is_empty() => Ok(only),
                last => {
                    items.extend(last);
                    Tree::new(TreeKind::Sum(items), position)
                }
            }
        }),
        Kind::Number(..) => Err(FormulaError::Unsupported {
            position,
            what: "a number stands within parentheses or beside an operator".into(),
            instead: "write 1, 0 or -1 for the intercept outside of parentheses, and I(2 * x) for arithmetic".into(),
        }),
        _ => Err(parser.unexpected(A_TERM)),
    }
}
