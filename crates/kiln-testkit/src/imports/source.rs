//! What one file defines, imports and names.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, tokens};

/// A module's path from the crate root, whose path is empty.
pub(super) type Module = Vec<String>;

/// An import of a name.
#[derive(Clone, Debug)]
pub(super) struct Import {
    /// The imported path.
    pub(super) path: Vec<String>,
    /// How many inline modules the `use` is in.
    pub(super) depth: usize,
    /// Whether others see the name: `pub use`, `pub(crate) use` and so on.
    pub(super) exported: bool,
}

/// A path in the code.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    /// The path's segments, as far as they are plain names.
    pub(super) path: Vec<String>,
    /// How many inline modules it is in.
    pub(super) depth: usize,
}

/// What one file defines, imports and names, tests excluded.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// Names of items that the file defines.
    pub(super) items: BTreeSet<String>,
    /// Imports by the name that they bring in.
    pub(super) imports: BTreeMap<String, Import>,
    /// Modules whose every name is imported.
    pub(super) globs: Vec<Import>,
    /// Paths in the code outside of imports.
    pub(super) mentions: Vec<Mention>,
    /// Child modules that are compiled for tests only.
    pub(super) test_modules: BTreeSet<String>,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let tokens = tokens(text);
        let mut parser = Parser { tokens: &tokens, at: 0, source: Self::default(), braces: 0, inline: Vec::new() };
        while parser.at < tokens.len() {
            parser.step();
        }
        parser.source
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    source: Source,
    /// Open braces.
    braces: usize,
    /// How many braces were open at the start of each inline module around here.
    inline: Vec<usize>,
}

impl Parser<'_> {
    fn is(&self, offset: usize, text: &str) -> bool {
        self.tokens.get(self.at + offset).is_some_and(|token| token.is(text))
    }

    fn word(&self, offset: usize) -> Option<&str> {
        self.tokens.get(self.at + offset).and_then(Token::word)
    }

    fn step(&mut self) {
        if self.is(0, "#") && self.is(1, "[") {
            return self.attribute();
        }
        if self.is(0, "{") {
            self.braces += 1;
        } else if self.is(0, "}") {
            self.braces -= 1;
            if self.inline.last() == Some(&self.braces) {
                self.inline.pop();
            }
        }
        let Some(word) = self.word(0).map(str::to_owned) else {
            self.at += 1;
            return;
        };
        match word.as_str() {
            "pub" if self.is(1, "(") && ["crate", "super", "self", "in"].iter().any(|word| self.is(2, word)) => {
                self.at += 1;
                self.skip_group();
            }
            "use" => self.import(),
            "mod" if self.is(2, "{") => {
                self.inline.push(self.braces);
                (self.braces, self.at) = (self.braces + 1, self.at + 3);
            }
            "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" | "mod" => self.item(),
            "macro_rules" if self.is(1, "!") => {
                self.at += 1;
                self.item();
            }
            _ => self.mention(),
        }
    }

    /// Skips an attribute, and the item behind it if it is for tests.
    fn attribute(&mut self) {
        let start = self.at;
        self.at += 1;
        self.skip_group();
        let attribute = &self.tokens[start..self.at];
        let has = |text: &str| attribute.iter().any(|token| token.is(text));
        if !(has("cfg") && has("test") && !has("not")) {
            return;
        }
        while self.is(0, "#") {
            self.at += 1;
            self.skip_group();
        }
        let declared = if self.is(0, "mod") { self.word(1).map(str::to_owned) } else { None };
        while self.at < self.tokens.len() {
            if self.is(0, ";") {
                self.source.test_modules.extend(declared);
                self.at += 1;
                return;
            }
            if self.is(0, "{") {
                return self.skip_group();
            }
            if self.is(0, "(") || self.is(0, "[") { self.skip_group() } else { self.at += 1 }
        }
    }

    /// Skips a bracket and what is in it.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            let token = &self.tokens[self.at];
            self.at += 1;
            if ["(", "[", "{"].iter().any(|open| token.is(open)) {
                depth += 1;
            } else if [")", "]", "}"].iter().any(|close| token.is(close)) {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// Skips the keyword and the name of an item. Names inside of braces belong to functions, traits and `impl`s.
    fn item(&mut self) {
        let top = self.braces == self.inline.last().map_or(0, |open| open + 1);
        if let Some(name) = self.word(1).map(str::to_owned) {
            if top && self.inline.is_empty() {
                self.source.items.insert(name);
            }
            self.at += 2;
        } else {
            self.at += 1;
        }
    }

    fn import(&mut self) {
        // The token before is `pub`, or the end of `pub(…)`; a `)` before any other `use` does not parse.
        let exported = self.at > 0 && (self.tokens[self.at - 1].is("pub") || self.tokens[self.at - 1].is(")"));
        self.at += 1;
        if self.is(0, "<") {
            // The captured lifetimes of `impl Trait + use<'a>`.
            return;
        }
        self.tree(&mut Vec::new(), exported);
    }

    /// Reads one tree of a `use`: `a::b`, `a::b as c`, `a::*`, `a::{…}`.
    fn tree(&mut self, path: &mut Vec<String>, exported: bool) {
        let outer = path.len();
        loop {
            if self.is(0, "{") {
                self.at += 1;
                while self.at < self.tokens.len() && !self.is(0, "}") {
                    if self.is(0, ",") { self.at += 1 } else { self.tree(path, exported) }
                }
                self.at += 1;
                break;
            } else if self.is(0, "*") {
                self.at += 1;
                self.source.globs.push(Import { path: path.clone(), depth: self.inline.len(), exported });
                break;
            }
            let Some(segment) = self.word(0).map(str::to_owned) else {
                self.at += 1;
                continue;
            };
            self.at += 1;
            // `self` in a group is the module of the group.
            if segment != "self" || path.is_empty() {
                path.push(segment);
            }
            if self.is(0, "::") {
                self.at += 1;
                continue;
            }
            let mut name = path.last().cloned().unwrap_or_default();
            if self.is(0, "as") {
                name = self.word(1).unwrap_or("_").to_owned();
                self.at += 2;
            }
            self.source.imports.insert(name, Import { path: path.clone(), depth: self.inline.len(), exported });
            break;
        }
        path.truncate(outer);
    }

    fn mention(&mut self) {
        let behind = |mark: &str| self.at > 0 && self.tokens[self.at - 1].is(mark);
        let field = behind(".") || behind("::");
        let start = self.at;
        self.at += 1;
        while self.is(0, "::") && self.word(1).is_some() {
            self.at += 2;
        }
        if field {
            return;
        }
        let path: Vec<String> = self.tokens[start..self.at].iter().filter_map(Token::word).map(str::to_owned).collect();
        // A lone lower-case name is a local variable unless it is called.
        let lower = path.len() == 1 && path[0].chars().next().is_some_and(char::is_lowercase);
        if !lower || self.is(0, "(") || self.is(0, "!") || self.is(0, "::") {
            self.source.mentions.push(Mention { path, depth: self.inline.len() });
        }
    }
}
