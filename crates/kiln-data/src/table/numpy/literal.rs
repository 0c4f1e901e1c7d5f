//! The Python literals in the header of an array.

/// A literal. Lists and tuples are one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    Number(u64),
    Truth(bool),
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// The deepest nesting. NumPy's own headers have four levels, and one more for each structure within a structure.
const DEEPEST: usize = 16;

impl Literal {
    /// Reads a text that is one literal. There is none if it is anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text };
        let literal = parser.literal(0)?;
        parser.skip_blanks();
        parser.rest.is_empty().then_some(literal)
    }

    /// Returns the value of a key of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Dict(pairs) = self else { return None };
        let is_key = |found: &Literal| matches!(found, Self::Text(found) if found == key);
        pairs.iter().find(|(found, _)| is_key(found)).map(|(_, value)| value)
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Passes a symbol, if it comes next.
    fn passes(&mut self, symbol: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => self.rest = rest,
            None => return false,
        }
        true
    }

    fn literal(&mut self, depth: usize) -> Option<Literal> {
        self.skip_blanks();
        if depth > DEEPEST {
            return None;
        }
        match self.rest.bytes().next()? {
            b'\'' => self.text('\''),
            b'"' => self.text('"'),
            b'0'..=b'9' => self.number(),
            b'(' => self.list("(", ")", depth),
            b'[' => self.list("[", "]", depth),
            b'{' => self.dict(depth),
            _ if self.passes("True") => Some(Literal::Truth(true)),
            _ if self.passes("False") => Some(Literal::Truth(false)),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Literal> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().ok()?;
        // Python 2 wrote long integers as `3L`.
        self.rest = self.rest[end..].strip_prefix('L').unwrap_or(&self.rest[end..]);
        Some(Literal::Number(number))
    }

    fn text(&mut self, quote: char) -> Option<Literal> {
        let mut text = String::new();
        let mut characters = self.rest[1..].chars();
        loop {
            match characters.next()? {
                '\\' => text.push(escaped(&mut characters)?),
                character if character == quote => break,
                character => text.push(character),
            }
        }
        self.rest = characters.as_str();
        Some(Literal::Text(text))
    }

    fn list(&mut self, open: &str, close: &str, depth: usize) -> Option<Literal> {
        self.passes(open);
        let mut items = Vec::new();
        while !self.passes(close) {
            items.push(self.literal(depth + 1)?);
            if !self.passes(",") && !self.rest.starts_with(close) {
                return None;
            }
        }
        Some(Literal::List(items))
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        self.passes("{");
        let mut pairs = Vec::new();
        while !self.passes("}") {
            let key = self.literal(depth + 1)?;
            if !self.passes(":") {
                return None;
            }
            pairs.push((key, self.literal(depth + 1)?));
            if !self.passes(",") && !self.rest.starts_with('}') {
                return None;
            }
        }
        Some(Literal::Dict(pairs))
    }
}

/// Reads what comes after a backslash.
fn escaped(characters: &mut std::str::Chars<'_>) -> Option<char> {
    let letter = characters.next()?;
    let digits = match letter {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        '\\' | '\'' | '"' => return Some(letter),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let digits: String = characters.by_ref().take(digits).collect();
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_dictionary() {
        let header = Literal::parse(
            "{'descr': [('a', '<f8'), ('b\\xe9', '|S3', (2,))], 'fortran_order': False, 'shape': (3L, 12), }  \n",
        );
        let header = header.unwrap();
        let text = |text: &str| Literal::Text(text.into());
        assert_eq!(header.get("fortran_order"), Some(&Literal::Truth(false)));
        assert_eq!(header.get("shape"), Some(&Literal::List(vec![Literal::Number(3), Literal::Number(12)])));
        let Some(Literal::List(fields)) = header.get("descr") else { panic!() };
        assert_eq!(fields[0], Literal::List(vec![text("a"), text("<f8")]));
        assert_eq!(fields[1], Literal::List(vec![text("bé"), text("|S3"), Literal::List(vec![Literal::Number(2)])]));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "{",
            "{'a'}",
            "{'a': }",
            "(1 2)",
            "'a",
            "'\\x4'",
            "[1,,2]",
            "f(x)",
            "1 2",
            "-1",
            "99999999999999999999",
        ] {
            assert_eq!(Literal::parse(text), None, "{text}");
        }
        assert_eq!(Literal::parse(&"[".repeat(100_000)), None);
    }
}
