//! The tokens of a Rust source, without comments, strings and lifetimes.

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An identifier or keyword.
    Word(String),
    /// `::`.
    Path,
    /// Any other character that is not white space.
    Mark(char),
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Path => text == "::",
            Self::Mark(mark) => text.chars().eq([*mark]),
        }
    }

    pub(super) fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }
}

/// Splits a source into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let (text, mut at, mut tokens) = (text.chars().collect::<Vec<char>>(), 0, Vec::new());
    while at < text.len() {
        let rest = &text[at..];
        let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
        at += match rest {
            ['/', '/', ..] => line_comment(rest),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => string(rest),
            ['\'', ..] => quote(rest),
            [':', ':', ..] => {
                tokens.push(Token::Path);
                2
            }
            [c, ..] if is_word(c) => {
                let length = rest.iter().take_while(|c| is_word(c)).count();
                let word: String = rest[..length].iter().collect();
                let hashes = rest[length..].iter().take_while(|c| **c == '#').count();
                let quoted = rest.get(length + hashes) == Some(&'"');
                if matches!(word.as_str(), "r" | "br" | "cr") && quoted {
                    length + raw_string(&rest[length..], hashes)
                } else if matches!(word.as_str(), "b" | "c") && quoted && hashes == 0 {
                    length + string(&rest[length..])
                } else {
                    tokens.push(Token::Word(word));
                    length
                }
            }
            [c, ..] => {
                if !c.is_whitespace() {
                    tokens.push(Token::Mark(*c));
                }
                1
            }
            [] => unreachable!("the loop ends before"),
        };
    }
    tokens
}

fn line_comment(rest: &[char]) -> usize {
    rest.iter().take_while(|c| **c != '\n').count()
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_string(rest: &[char], hashes: usize) -> usize {
    let mut at = hashes + 1;
    while at < rest.len() {
        if rest[at] == '"' && rest[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// The length of a character literal, or of a lifetime.
fn quote(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, tail @ ..] => 4 + tail.iter().take_while(|c| **c != '\'').count(),
        ['\'', _, '\'', ..] => 3,
        [_, tail @ ..] => 1 + tail.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count(),
        [] => 0,
    }
}
