//! The text of a formula as tokens.

use super::error::FormulaError;

/// The largest length of a formula in bytes.
const MAX_BYTES: usize = 1 << 20;

/// A token with the character at which it begins, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) position: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A number, with its text.
    Number(f64, String),
    /// The name of a column or a function.
    Name(String),
    /// A name between backticks.
    Quoted(String),
    /// A text between quotes.
    Text(String),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// The signs; a longer one comes before its beginning.
const SIGNS: &[&str] = &[
    "%in%", "**", "<=", ">=", "==", "!=", "~", "+", "-", "*", "/", ":", "^", "(", ")", "[", "]", ",", "=", "<", ">",
    "|", ".",
];

impl Kind {
    /// Returns the token as messages show it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Number(_, text) | Self::Name(text) => format!("'{}'", crate::Shown(text)),
            Self::Quoted(text) => format!("`{}`", crate::Shown(text)),
            Self::Text(text) => format!("\"{}\"", crate::Shown(text)),
            Self::Sign(sign) => format!("'{sign}'"),
            Self::End => "the end".into(),
        }
    }
}

/// Divides a text into tokens. The last one is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FormulaError> {
    if text.len() > MAX_BYTES {
        return Err(FormulaError::TooLong { found: text.len(), limit: MAX_BYTES });
    }
    let mut reader = Reader { rest: text, position: 1 };
    let mut tokens = Vec::new();
    loop {
        reader.take_while(char::is_whitespace);
        let position = reader.position;
        let kind = reader.next()?;
        let is_end = kind == Kind::End;
        tokens.push(Token { kind, position });
        if is_end {
            return Ok(tokens);
        }
    }
}

/// The part of the text that is not read yet.
struct Reader<'a> {
    rest: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes `bytes` bytes, which end at the end of a character.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.position += taken.chars().count();
        taken
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|character| !is_part(character)).unwrap_or(self.rest.len()))
    }

    fn next(&mut self) -> Result<Kind, FormulaError> {
        let Some(first) = self.peek() else { return Ok(Kind::End) };
        let second = self.rest.chars().nth(1);
        if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        if is_first_of_name(first) || (first == '.' && second.is_some_and(is_first_of_name)) {
            return Ok(Kind::Name(self.take_while(is_part_of_name).into()));
        }
        match first {
            '`' => Ok(Kind::Quoted(self.quoted()?)),
            '"' | '\'' => Ok(Kind::Text(self.quoted()?)),
            _ => match SIGNS.iter().find(|sign| self.rest.starts_with(**sign)) {
                Some(sign) => {
                    self.take(sign.len());
                    Ok(Kind::Sign(sign))
                }
                None => Err(FormulaError::Character { position: self.position, found: first }),
            },
        }
    }

    fn number(&mut self) -> Result<Kind, FormulaError> {
        let position = self.position;
        let start = self.rest;
        self.take_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') {
            self.take(1);
            self.take_while(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            let digits = self.rest[1..].strip_prefix(['+', '-']).unwrap_or(&self.rest[1..]);
            if digits.starts_with(|c: char| c.is_ascii_digit()) {
                self.take(self.rest.len() - digits.len());
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        // What follows without a space belongs to it, so that `2x` is no number.
        self.take_while(is_part_of_name);
        let text = &start[..start.len() - self.rest.len()];
        match text.parse::<f64>().ok().filter(|value| value.is_finite()) {
            Some(value) => Ok(Kind::Number(value, text.into())),
            None => Err(FormulaError::Unexpected {
                position,
                found: format!("'{}'", crate::Shown(text)),
                expected: format!("a number, or a column's name between backticks (`{}`)", crate::Shown(text)),
            }),
        }
    }

    /// Reads a text between two equal quotes. A backslash takes the next character as it is.
    fn quoted(&mut self) -> Result<String, FormulaError> {
        let position = self.position;
        let quote = self.peek().unwrap_or_default();
        self.take(quote.len_utf8());
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                _ if character == quote => {
                    self.take(at + quote.len_utf8());
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        Err(FormulaError::OpenQuote { position, quote })
    }
}

fn is_first_of_name(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn is_part_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.')
}

/// Returns a column's name as a formula has it: between backticks if it has odd characters.
pub(super) fn name_text(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next();
    let plain = match first {
        Some('.') => characters.next().is_some_and(is_first_of_name),
        first => first.is_some_and(is_first_of_name),
    };
    let is_word = matches!(name, "True" | "False" | "TRUE" | "FALSE" | "None" | "NULL");
    if plain && !is_word && name.chars().all(is_part_of_name) { name.into() } else { between(name, '`') }
}

/// Returns a text between quotes, as [`tokens`] reads it.
pub(super) fn between(text: &str, quote: char) -> String {
    let mut quoted = String::from(quote);
    for character in text.chars() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            _ if character == quote => quoted.extend(['\\', character]),
            _ => quoted.push(character),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn names_numbers_and_signs_are_told_apart() {
        use Kind::{End, Name, Number, Sign};
        let name = |text: &str| Name(text.into());
        assert_eq!(kinds("Sepal.Length**.5"), [name("Sepal.Length"), Sign("**"), Number(0.5, ".5".into()), End]);
        assert_eq!(
            kinds("a %in%b-1e-3"),
            [name("a"), Sign("%in%"), name("b"), Sign("-"), Number(1e-3, "1e-3".into()), End]
        );
        assert_eq!(kinds("y~."), [name("y"), Sign("~"), Sign("."), End]);
        assert_eq!(kinds("année"), [name("année"), End]);
    }

    #[test]
    fn quoted_texts_come_back() {
        for text in ["odd name", "a`b", "back\\slash", "two\nlines", "", "2x", "True"] {
            assert_eq!(kinds(&name_text(text)), [Kind::Quoted(text.into()), Kind::End]);
            assert_eq!(kinds(&between(text, '"')), [Kind::Text(text.into()), Kind::End]);
        }
        assert_eq!(name_text("x_1.b"), "x_1.b");
    }

    #[test]
    fn mistakes_have_their_position() {
        assert_eq!(tokens("é + 'x"), Err(FormulaError::OpenQuote { position: 5, quote: '\'' }));
        assert_eq!(tokens("a $ b"), Err(FormulaError::Character { position: 3, found: '$' }));
        assert!(matches!(tokens("a + 2x"), Err(FormulaError::Unexpected { position: 5, .. })));
        assert!(matches!(tokens("1e999"), Err(FormulaError::Unexpected { position: 1, .. })));
        assert!(matches!(tokens(&"a".repeat(MAX_BYTES + 1)), Err(FormulaError::TooLong { .. })));
    }
}
