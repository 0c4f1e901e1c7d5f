//! `C(…)`: columns whose values are categories.

use std::fmt::{self, Display, Formatter};

use super::{
    arguments::{Arguments, category},
    contrast::Contrast,
    error::FormulaError,
    node::{Node, NodeKind},
    token::{between, name_text},
};
use crate::{table::number, vocabulary::Lookup};

/// `C(column, …)`: a column whose values are categories.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Category {
    pub(super) column: String,
    pub(super) contrast: Contrast,
    /// The categories in order; `None`: those of the training rows.
    pub(super) levels: Option<Vec<String>>,
}

impl Category {
    pub(super) fn read(first: &Node, arguments: &mut Arguments<'_>) -> Result<Self, FormulaError> {
        let NodeKind::Name(column) = &first.kind else {
            return Err(arguments.error(Some(first), "its first argument must be the name of a column".into()));
        };
        let levels = arguments.categories("levels")?;
        if let Some(levels) = &levels {
            let lookup = Lookup::new(levels);
            if levels.is_empty() || lookup.has_duplicates(levels) {
                return Err(arguments.error(None, "'levels' must be different categories, at least one".into()));
            }
        }
        let reference = arguments.keyword("ref");
        let coding = arguments.take("contrasts");
        let contrast = match (reference, coding) {
            (Some(node), None) => {
                let reference = category(node);
                let problem = || "'ref' must be one of the categories, such as ref=\"a\"".into();
                Contrast::Treatment(Some(reference.ok_or_else(|| arguments.error(Some(node), problem()))?))
            }
            (None, Some(node)) => contrast(node, arguments)?,
            (None, None) => Contrast::Treatment(None),
            (Some(node), Some(_)) => {
                return Err(arguments.error(Some(node), "give either 'ref' or a coding, not both".into()));
            }
        };
        Ok(Self { column: column.clone(), contrast, levels })
    }
}

/// Reads a coding such as `Sum` or `Treatment("b")`.
fn contrast(node: &Node, arguments: &Arguments<'_>) -> Result<Contrast, FormulaError> {
    let (name, parts): (&str, &[_]) = match &node.kind {
        NodeKind::Name(name) => (name, &[]),
        NodeKind::Call(name, parts) => (name, parts),
        _ => ("", &[]),
    };
    let short = name.strip_prefix("contr.").unwrap_or(name).to_lowercase();
    let mut parts = Arguments::new(node.position, name, parts);
    let contrast = match short.as_str() {
        "treatment" => {
            let base = parts.keyword("base").or_else(|| parts.take("reference"));
            let reference = base.map(|node| {
                category(node)
                    .ok_or_else(|| parts.error(Some(node), "the reference must be one of the categories".into()))
            });
            Contrast::Treatment(reference.transpose()?)
        }
        "sas" => Contrast::Sas,
        "sum" => Contrast::Sum,
        "helmert" => Contrast::Helmert,
        "diff" => Contrast::Diff,
        "poly" => Contrast::Poly,
        _ => {
            let problem = "the coding must be Treatment, Sum, Helmert, Diff or Poly, as in C(x, Sum)";
            return Err(arguments.error(Some(node), problem.into()));
        }
    };
    parts.finish()?;
    Ok(contrast)
}

impl Display for Category {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let literal = |text: &str| if number(text).is_some() { text.to_owned() } else { between(text, '"') };
        write!(f, "C({}", name_text(&self.column))?;
        match &self.contrast {
            Contrast::Treatment(None) => {}
            Contrast::Treatment(Some(reference)) => write!(f, ", ref={}", literal(reference))?,
            other => write!(f, ", {}", other.name())?,
        }
        if let Some(levels) = &self.levels {
            write!(f, ", levels=[{}]", levels.iter().map(|level| literal(level)).collect::<Vec<_>>().join(", "))?;
        }
        f.write_str(")")
    }
}
