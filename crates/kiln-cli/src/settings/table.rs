//! How a table is read and encoded: the settings' table `[table]`.

use kiln::data::{Coding, Columns, Dates, EncoderConfig, Missing, Reference, TableOptions, Unseen};
use serde::{Deserialize, Serialize};

use crate::base::{Failure, Result, require};

/// How the file is read, which columns are features, and how they become numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TableSettings {
    /// The features. Empty: all columns without another role.
    pub(crate) features: Vec<String>,
    /// Columns that name the rows.
    pub(crate) id: Vec<String>,
    pub(crate) delimiter: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) decimal_comma: bool,
    pub(crate) na: Option<Vec<String>>,
    pub(crate) categorical: Vec<String>,
    pub(crate) dates: Dates,
    pub(crate) missing: MissingValues,
    /// Automatic: reference coding for a maximum likelihood fit, whose coefficients are looked at, and one-hot coding otherwise.
    pub(crate) coding: Option<CodingName>,
    /// `first`, `most-frequent`, or `COLUMN=CATEGORY`.
    pub(crate) reference: Vec<String>,
    pub(crate) unseen: Unseen,
}

/// What is done with missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MissingValues {
    /// The row is left out.
    #[default]
    Drop,
    Error,
    Mean,
    Median,
    Indicator,
}

/// The features of text columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CodingName {
    Reference,
    OneHot,
}

impl TableSettings {
    /// Refuses what no table can make valid.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(text) = &self.delimiter {
            delimiter(text)?;
        }
        let is_named = |reference: &&String| matches!(reference.as_str(), "first" | "most-frequent");
        let (rules, own): (Vec<_>, Vec<_>) = self.reference.iter().partition(is_named);
        require(rules.len() < 2, "reference", "one of first and most-frequent", rules.len())?;
        for reference in &own {
            require(reference.contains('='), "reference", "first, most-frequent or COLUMN=CATEGORY", reference)?;
        }
        if self.coding == Some(CodingName::OneHot) && !rules.is_empty() {
            return Err(Failure::usage("--reference first and most-frequent need --coding reference"));
        }
        Ok(())
    }

    pub(crate) fn options(&self) -> Result<TableOptions> {
        Ok(TableOptions {
            delimiter: self.delimiter.as_deref().map(delimiter).transpose()?,
            encoding: self.encoding.clone(),
            decimal_comma: self.decimal_comma,
            na: self.na.clone(),
            categorical: self.categorical.clone(),
            dates: self.dates,
        })
    }

    pub(crate) fn columns(&self, target: Option<&str>, weight: Option<&str>, drop: &[String]) -> Columns {
        Columns {
            target: target.map(str::to_owned),
            weight: weight.map(str::to_owned),
            id: self.id.clone(),
            drop: drop.to_vec(),
            features: self.features.clone(),
        }
    }

    pub(crate) fn encoder(&self, standardize: bool) -> EncoderConfig {
        let most_frequent = self.reference.iter().any(|reference| reference == "most-frequent");
        let rule = if most_frequent { Reference::MostFrequent } else { Reference::First };
        let coding = match self.coding {
            Some(CodingName::Reference) => Coding::Reference(rule),
            // A rule for references asks for them.
            None if self.reference.iter().any(|reference| !reference.contains('=')) => Coding::Reference(rule),
            Some(CodingName::OneHot) | None => Coding::OneHot,
        };
        let missing = match self.missing {
            MissingValues::Drop | MissingValues::Error => Missing::Error,
            MissingValues::Mean => Missing::Mean,
            MissingValues::Median => Missing::Median,
            MissingValues::Indicator => Missing::Indicator,
        };
        let config = EncoderConfig::new().standardize(standardize).coding(coding).missing(missing);
        let own = self.reference.iter().filter_map(|reference| reference.split_once('='));
        own.fold(config, |config, (column, category)| config.reference(column, category))
    }
}

/// Reads a delimiter: a character, or its name.
fn delimiter(text: &str) -> Result<char> {
    let named = [("comma", ','), ("semicolon", ';'), ("tab", '\t'), ("\\t", '\t'), ("pipe", '|'), ("space", ' ')];
    let named = named.iter().find(|(name, _)| *name == text).map(|(_, character)| *character);
    let mut characters = text.chars();
    let single = characters.next().filter(|_| characters.next().is_none());
    let found = named.or(single).filter(|c| c.is_ascii() && !matches!(c, '"' | '\n' | '\r'));
    found.ok_or_else(|| {
        Failure::usage(format!("--delimiter must be comma, semicolon, tab, pipe, space or one character, got '{text}'"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_have_names() {
        for (text, expected) in [("tab", '\t'), ("\\t", '\t'), (";", ';'), ("pipe", '|'), (":", ':')] {
            assert_eq!(delimiter(text).unwrap(), expected);
        }
        for text in ["", ",,", "é", "\"", "\n"] {
            assert!(delimiter(text).is_err(), "{text:?}");
        }
    }
}
