//! The arguments of a function.

use super::{
    error::FormulaError,
    node::{Argument, Node, NodeKind},
};
use crate::{Shown, suggest};

/// The arguments of a function that are not used yet.
pub(super) struct Arguments<'a> {
    position: usize,
    function: &'a str,
    positional: std::collections::VecDeque<&'a Node>,
    keywords: Vec<(&'a str, &'a Node)>,
    /// The keywords that were asked for.
    asked: Vec<&'static str>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(position: usize, function: &'a str, arguments: &'a [Argument]) -> Self {
        let positional = arguments.iter().filter(|argument| argument.keyword.is_none()).map(|a| &a.value).collect();
        let keyword = |argument: &'a Argument| Some((argument.keyword.as_deref()?, &argument.value));
        Self { position, function, positional, keywords: arguments.iter().filter_map(keyword).collect(), asked: vec![] }
    }

    /// Returns an error about the function, or about one of its arguments.
    pub(super) fn error(&self, at: Option<&Node>, problem: String) -> FormulaError {
        let position = at.map_or(self.position, |node| node.position);
        FormulaError::Argument { position, function: Shown(self.function).to_string(), problem }
    }

    /// Takes the first argument, which has no keyword.
    pub(super) fn first(&mut self) -> Result<&'a Node, FormulaError> {
        self.positional.pop_front().ok_or_else(|| self.error(None, "it needs a column, as in log(age)".into()))
    }

    /// Takes an argument that is called `name`, or else the next one without a keyword.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.keyword(name).or_else(|| self.positional.pop_front())
    }

    /// Takes an argument that is called `name`.
    pub(super) fn keyword(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        let at = self.keywords.iter().position(|(keyword, _)| *keyword == name)?;
        Some(self.keywords.remove(at).1)
    }

    pub(super) fn truth(&mut self, name: &'static str, default: bool) -> Result<bool, FormulaError> {
        match self.take(name) {
            None => Ok(default),
            Some(Node { kind: NodeKind::Truth(truth), .. }) => Ok(*truth),
            Some(node) => Err(self.error(Some(node), format!("'{name}' must be True or False"))),
        }
    }

    /// Takes a whole number from 0 to `most`.
    pub(super) fn count(&mut self, name: &'static str, most: usize) -> Result<Option<usize>, FormulaError> {
        let node = match self.take(name) {
            None | Some(Node { kind: NodeKind::Nothing, .. }) => return Ok(None),
            Some(node) => node,
        };
        match &node.kind {
            NodeKind::Number(value, _) if value.fract() == 0.0 && *value >= 0.0 && *value <= most as f64 => {
                Ok(Some(*value as usize))
            }
            _ => Err(self.error(Some(node), format!("'{name}' must be a whole number from 0 to {most}"))),
        }
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<f64>, FormulaError> {
        match self.keyword(name) {
            None | Some(Node { kind: NodeKind::Nothing, .. }) => Ok(None),
            Some(node) => match number(node) {
                Some(value) => Ok(Some(value)),
                None => Err(self.error(Some(node), format!("'{name}' must be a number"))),
            },
        }
    }

    /// Takes a list of numbers, such as `[1, 2]` or `c(1, 2)`.
    pub(super) fn numbers(&mut self, name: &'static str) -> Result<Option<Vec<f64>>, FormulaError> {
        let node = match self.take(name) {
            None | Some(Node { kind: NodeKind::Nothing, .. }) => return Ok(None),
            Some(node) => node,
        };
        let numbers = list(node).and_then(|items| items.into_iter().map(number).collect());
        match numbers {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(self.error(Some(node), format!("'{name}' must be a list of numbers, such as [1, 2.5]"))),
        }
    }

    /// Takes a list of categories, such as `["a", "b"]` or `c(1, 2)`.
    pub(super) fn categories(&mut self, name: &'static str) -> Result<Option<Vec<String>>, FormulaError> {
        let Some(node) = self.keyword(name) else { return Ok(None) };
        let categories = list(node).and_then(|items| items.into_iter().map(category).collect());
        match categories {
            Some(categories) => Ok(Some(categories)),
            None => {
                Err(self.error(Some(node), format!("'{name}' must be a list of categories, such as [\"a\", \"b\"]")))
            }
        }
    }

    /// Returns an error if an argument is left over.
    pub(super) fn finish(self) -> Result<(), FormulaError> {
        let takes = match &self.asked[..] {
            [] => "it takes one argument".to_owned(),
            asked => format!("after the first argument it takes {}", asked.join(", ")),
        };
        if let Some((keyword, node)) = self.keywords.first() {
            let hint = suggest::hint(keyword, self.asked.iter().copied());
            return Err(self.error(Some(node), format!("it has no argument '{}'{hint}; {takes}", Shown(keyword))));
        }
        match self.positional.front() {
            Some(node) => Err(self.error(Some(node), format!("this argument is one too many; {takes}"))),
            None => Ok(()),
        }
    }
}

/// Returns the items of a list.
fn list(node: &Node) -> Option<Vec<&Node>> {
    match &node.kind {
        NodeKind::List(items) => Some(items.iter().collect()),
        NodeKind::Call(name, arguments) if name == "c" => {
            let item = |argument: &'_ Argument| argument.keyword.is_none();
            arguments.iter().all(item).then(|| arguments.iter().map(|argument| &argument.value).collect())
        }
        _ => None,
    }
}

fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        NodeKind::Number(value, _) => Some(*value),
        NodeKind::Negate(inner) => match inner.kind {
            NodeKind::Number(value, _) => Some(-value),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the text of a category that is a literal.
pub(super) fn category(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Text(text) | NodeKind::Number(_, text) => Some(text.clone()),
        NodeKind::Truth(true) => Some("True".into()),
        NodeKind::Truth(false) => Some("False".into()),
        NodeKind::Negate(inner) => match &inner.kind {
            NodeKind::Number(_, text) => Some(format!("-{text}")),
            _ => None,
        },
        _ => None,
    }
}
