//! The grammar of expressions, with the crate `winnow`.

use std::str::FromStr;

use winnow::{
    LocatingSlice, ModalResult, Parser,
    ascii::{digit1, multispace0},
    combinator::{Infix, alt, cut_err, delimited, expression as pratt, opt, preceded, repeat, separated},
    error::{ContextError, ErrMode, ParseError, StrContext, StrContextValue},
    stream::Location,
    token::{one_of, take_while},
};

use super::{
    ExpressionError,
    function::Function,
    tree::{Comparison, Expression, Kind, Node, Operator, Relation},
};

/// Maximum number of characters, and of levels of the tree.
const MAX_LENGTH: usize = 20_000;
const MAX_DEPTH: usize = 400;

type Input<'a> = LocatingSlice<&'a str>;

const OPERAND: &str = "a number, a name, '-' or '('";

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        check_size(text)?;
        let root = whole
            .parse(LocatingSlice::new(text))
            .map_err(|error| unexpected(text, &error, "an operator or the end"))?;
        complete(text, root)
    }
}

impl Relation {
    /// Parses a text with one relation, or with two as in `0 <= x <= 1`.
    ///
    /// # Errors
    /// Returns [`ExpressionError`] if the text is not made of expressions with relations between them.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, ExpressionError> {
        check_size(text)?;
        let (first, rest): (Node, Vec<(Comparison, Node)>) = (whole, repeat(1.., (comparison, cut_err(whole))))
            .parse(LocatingSlice::new(text))
            .map_err(|error| unexpected(text, &error, "an operator, or '<=', '>=' or '=='"))?;
        let mut left = complete(text, first)?;
        let mut relations = Vec::new();
        for (comparison, right) in rest {
            let right = complete(text, right)?;
            relations.push(Self { left, comparison, right: right.clone() });
            left = right;
        }
        Ok(relations)
    }
}

fn check_size(text: &str) -> Result<(), ExpressionError> {
    if text.len() > MAX_LENGTH {
        return Err(ExpressionError::TooLarge {
            what: format!("{} characters, and at most {MAX_LENGTH} are allowed", text.len()),
        });
    }
    let mut depth = 0_usize;
    let mut deepest = 0;
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    check_depth(deepest)
}

fn check_depth(depth: usize) -> Result<(), ExpressionError> {
    if depth > MAX_DEPTH {
        let what = format!("nested more than {MAX_DEPTH} levels deep; a sum of many terms may use sum() of a vector");
        return Err(ExpressionError::TooLarge { what });
    }
    Ok(())
}

/// Checks the depth and the functions of a tree.
fn complete(text: &str, root: Node) -> Result<Expression, ExpressionError> {
    check_depth(root.depth)?;
    let expression = Expression { text: text.to_owned(), root };
    let mut wrong = None;
    expression.root.visit(&mut |node| {
        let Kind::Call(name, arguments) = &node.kind else { return };
        let position = expression.position(node);
        let error = match Function::of(name) {
            None => ExpressionError::UnknownFunction { position, name: name.clone(), known: Function::known() },
            Some(function) if function.arguments() != arguments.len() => ExpressionError::Arguments {
                position,
                function: name.clone(),
                expected: function.arguments(),
                found: arguments.len(),
            },
            Some(_) => return,
        };
        wrong.get_or_insert(error);
    });
    match wrong {
        Some(error) => Err(error),
        None => Ok(expression),
    }
}

fn unexpected(text: &str, error: &ParseError<Input<'_>, ContextError>, at_end: &str) -> ExpressionError {
    let mut offset = error.offset();
    offset += text[offset..].len() - text[offset..].trim_start().len();
    let position = text[..offset].chars().count() + 1;
    let found = match text[offset..].chars().next() {
        None => "the end".to_owned(),
        Some(character) => format!("'{}'", character.escape_debug()),
    };
    let expected = error.inner().context().find_map(|context| match context {
        StrContext::Expected(StrContextValue::Description(description)) => Some((*description).to_owned()),
        _ => None,
    });
    ExpressionError::Unexpected { position, expected: expected.unwrap_or_else(|| at_end.to_owned()), found }
}

fn node(kind: Kind, start: usize, end: usize) -> Node {
    let depth = match &kind {
        Kind::Number(_) | Kind::Name(_) => 1,
        Kind::Negate(of) | Kind::Entry(of, _) => of.depth + 1,
        Kind::Binary(_, left, right) => left.depth.max(right.depth) + 1,
        Kind::Call(_, arguments) => arguments.iter().map(|argument| argument.depth).max().unwrap_or(0) + 1,
    };
    Node { kind, start, end, depth }
}

fn whole(input: &mut Input<'_>) -> ModalResult<Node> {
    preceded(multispace0, sum).parse_next(input)
}

/// Arithmetic, with the spaces after it.
fn sum(input: &mut Input<'_>) -> ModalResult<Node> {
    pratt(signed).infix(operator).parse_next(input)
}

/// A power after any number of signs.
fn signed(input: &mut Input<'_>) -> ModalResult<Node> {
    let minus = opt(signs).parse_next(input)?.unwrap_or(false);
    let of = power(input)?;
    Ok(if minus { negated(of) } else { of })
}

/// A run of signs, and whether it is a minus.
fn signs(input: &mut Input<'_>) -> ModalResult<bool> {
    let run: &str = take_while(1.., ['-', '+', ' ', '\t', '\n', '\r']).parse_next(input)?;
    Ok(run.chars().filter(|sign| *sign == '-').count() % 2 == 1)
}

fn negated(of: Node) -> Node {
    let (start, end) = (of.start, of.end);
    node(Kind::Negate(Box::new(of)), start, end)
}

/// Powers, of which the last comes first. They bind more tightly than a sign before them.
fn power(input: &mut Input<'_>) -> ModalResult<Node> {
    let mut chain = vec![(false, entries(input)?)];
    while opt(alt(("**", "^"))).parse_next(input)?.is_some() {
        multispace0.parse_next(input)?;
        let minus = opt(signs).parse_next(input)?.unwrap_or(false);
        chain.push((minus, cut_err(entries).parse_next(input)?));
    }
    let signed = |minus: bool, of: Node| if minus { negated(of) } else { of };
    let (mut minus, mut exponent) = chain.pop().expect("at least one");
    while let Some((sign, base)) = chain.pop() {
        let (start, right) = (base.start, signed(minus, exponent));
        let end = right.end;
        exponent = node(Kind::Binary(Operator::Power, Box::new(base), Box::new(right)), start, end);
        minus = sign;
    }
    Ok(exponent)
}

/// An operand, or an entry of it: `x[2]`.
fn entries(input: &mut Input<'_>) -> ModalResult<Node> {
    let mut of = operand(input)?;
    while opt('[').parse_next(input)?.is_some() {
        let index = delimited(multispace0, digit1.parse_to::<usize>(), (multispace0, ']'))
            .context(StrContext::Expected(StrContextValue::Description("an index such as 0, and ']'")));
        let index = cut_err(index).parse_next(input)?;
        let (start, end) = (of.start, input.previous_token_end());
        multispace0.parse_next(input)?;
        of = node(Kind::Entry(Box::new(of), index), start, end);
    }
    Ok(of)
}

macro_rules! operators {
    ($($function:ident $operator:ident)*) => {$(
        fn $function<'a>(_: &mut Input<'a>, left: Node, right: Node) -> ModalResult<Node> {
            let (start, end) = (left.start, right.end);
            Ok(node(Kind::Binary(Operator::$operator, Box::new(left), Box::new(right)), start, end))
        }
    )*};
}

operators! {
    add Add
    subtract Subtract
    multiply Multiply
    divide Divide
    product Product
}

fn operator<'a>(input: &mut Input<'a>) -> ModalResult<Infix<Input<'a>, Node, ErrMode<ContextError>>> {
    let infix = alt(("+", "-", "*", "/", "@")).parse_next(input)?;
    multispace0.parse_next(input)?;
    Ok(match infix {
        "+" => Infix::Left(2, add),
        "-" => Infix::Left(2, subtract),
        "*" => Infix::Left(4, multiply),
        "/" => Infix::Left(4, divide),
        _ => Infix::Left(4, product),
    })
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Comparison> {
    alt((
        "<=".value(Comparison::AtMost),
        ">=".value(Comparison::AtLeast),
        "==".value(Comparison::Equal),
        "≤".value(Comparison::AtMost),
        "≥".value(Comparison::AtLeast),
    ))
    .context(StrContext::Expected(StrContextValue::Description("an operator, or '<=', '>=' or '=='")))
    .parse_next(input)
}

fn operand(input: &mut Input<'_>) -> ModalResult<Node> {
    let operand =
        alt((number, named, parentheses)).context(StrContext::Expected(StrContextValue::Description(OPERAND)));
    let operand = cut_err(operand).parse_next(input)?;
    multispace0.parse_next(input)?;
    Ok(operand)
}

fn number(input: &mut Input<'_>) -> ModalResult<Node> {
    let digits = || take_while(0.., |c: char| c.is_ascii_digit());
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    let mantissa = alt(((digit1, opt(('.', digits()))).void(), ('.', digit1).void()));
    let (value, span) = (mantissa, opt(exponent)).take().parse_to::<f64>().with_span().parse_next(input)?;
    Ok(node(Kind::Number(value), span.start, span.end))
}

/// A name, or a function with its arguments.
fn named(input: &mut Input<'_>) -> ModalResult<Node> {
    let first = one_of(|c: char| c.is_alphabetic() || c == '_');
    let rest = take_while(0.., |c: char| c.is_alphanumeric() || c == '_');
    let (name, span) = (first, rest).take().with_span().parse_next(input)?;
    let name = name.to_owned();
    if opt((multispace0, '(')).parse_next(input)?.is_none() {
        return Ok(node(Kind::Name(name), span.start, span.end));
    }
    let arguments = cut_err(separated(1.., whole, ',')).parse_next(input)?;
    cut_err(')'.context(StrContext::Expected(StrContextValue::Description("an operator, ',' or ')'"))))
        .parse_next(input)?;
    Ok(node(Kind::Call(name, arguments), span.start, input.previous_token_end()))
}

fn parentheses(input: &mut Input<'_>) -> ModalResult<Node> {
    '('.parse_next(input)?;
    let start = input.previous_token_end() - 1;
    let inside = cut_err(whole).parse_next(input)?;
    cut_err(')'.context(StrContext::Expected(StrContextValue::Description("an operator or ')'")))).parse_next(input)?;
    Ok(Node { start, end: input.previous_token_end(), ..inside })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &Node) -> String {
        match &node.kind {
            Kind::Number(value) => value.to_string(),
            Kind::Name(name) => name.clone(),
            Kind::Negate(of) => format!("(-{})", shown(of)),
            Kind::Binary(operator, left, right) => format!("({operator:?} {} {})", shown(left), shown(right)),
            Kind::Call(name, arguments) => {
                format!("{name}({})", arguments.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            Kind::Entry(of, index) => format!("{}[{index}]", shown(of)),
        }
    }

    #[test]
    fn operators_bind_as_in_mathematics() {
        for (text, expected) in [
            ("1+2*x", "(Add 1 (Multiply 2 x))"),
            (" a - b - c ", "(Subtract (Subtract a b) c)"),
            ("-x^2", "(-(Power x 2))"),
            ("2^-x", "(Power 2 (-x))"),
            ("a^b**c", "(Power a (Power b c))"),
            ("- - +x*y", "(Multiply x y)"),
            ("2*-x", "(Multiply 2 (-x))"),
            ("exp( -(x - mu)^2 / 2 )", "exp((Divide (-(Power (Subtract x mu) 2)) 2))"),
            ("w[0] * w[ 12 ] + A @ w", "(Add (Multiply w[0] w[12]) (Product A w))"),
            ("1.5e-3*.5+2.", "(Add (Multiply 0.0015 0.5) 2)"),
            ("max(x, -1) / é_1", "(Divide max(x, (-1)) é_1)"),
        ] {
            assert_eq!(shown(&text.parse::<Expression>().unwrap().root), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, message) in [
            ("", "character 1: expected a number, a name, '-' or '(', found the end"),
            ("x +", "character 4: expected a number, a name, '-' or '(', found the end"),
            ("2 * (x + )", "character 10: expected a number, a name, '-' or '(', found ')'"),
            ("(x", "character 3: expected an operator or ')', found the end"),
            ("x y", "character 3: expected an operator or the end, found 'y'"),
            ("3x", "character 2: expected an operator or the end, found 'x'"),
            ("é + exp(x, ", "character 12: expected a number, a name, '-' or '(', found the end"),
            ("exp(x;y)", "character 6: expected an operator, ',' or ')', found ';'"),
            ("w[-1]", "character 3: expected an index such as 0, and ']', found '-'"),
            ("x = 2", "character 3: expected an operator or the end, found '='"),
            ("1 + pwo(x)", "character 5: there is no function 'pwo'"),
            ("max(x)", "character 1: max takes 2 argument(s), not 1"),
        ] {
            let error = text.parse::<Expression>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
        for (text, message) in [
            ("x + y", "character 6: expected an operator, or '<=', '>=' or '==', found the end"),
            ("x < 2", "character 3: expected an operator, or '<=', '>=' or '==', found '<'"),
            ("x <= ", "character 6: expected a number, a name, '-' or '(', found the end"),
        ] {
            let error = Relation::parse_all(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn relations_may_be_chained() {
        let both = Relation::parse_all("0 <= x*y == z^2").unwrap();
        let found: Vec<(String, Comparison, String)> =
            both.iter().map(|r| (shown(&r.left.root), r.comparison, shown(&r.right.root))).collect();
        let product = "(Multiply x y)".to_owned();
        assert_eq!(
            found,
            [("0".into(), Comparison::AtMost, product.clone()), (product, Comparison::Equal, "(Power z 2)".into())]
        );
    }

    #[test]
    fn a_text_without_end_is_refused() {
        let deep = "(".repeat(100_000);
        let long = vec!["x"; 5000].join("+");
        let signs = format!("{}x", "-".repeat(15_000));
        let powers = vec!["x"; 5000].join("^");
        for text in [&deep, &long, &powers] {
            assert!(matches!(text.parse::<Expression>(), Err(ExpressionError::TooLarge { .. })), "{}", &text[..10]);
        }
        assert!(signs.parse::<Expression>().is_ok());
        // What is allowed fits the stack of a thread.
        let nested = format!("{}x{}", "exp(".repeat(MAX_DEPTH - 1), ")".repeat(MAX_DEPTH - 1));
        assert!(nested.parse::<Expression>().is_ok());
    }
}
