//! The checks of an encoder that comes from a file.

use std::collections::HashSet;

use serde::Deserialize;

use super::{EncodedColumn, Encoder, Target, Unseen};
use crate::{
    DataError,
    shown::{Shown, list},
    vocabulary::Lookup,
};

/// An encoder as the file has it.
#[derive(Deserialize)]
pub(super) struct Unchecked {
    columns: Vec<EncodedColumn>,
    target: Option<Target>,
    #[serde(default)]
    unseen: Unseen,
}

impl TryFrom<Unchecked> for Encoder {
    type Error = DataError;

    fn try_from(Unchecked { columns, target, unseen }: Unchecked) -> Result<Self, DataError> {
        if columns.is_empty() {
            return Err(damaged("it has no columns"));
        }
        let mut names = HashSet::new();
        for column in &columns {
            let name = Shown(column.name());
            if !names.insert(column.name()) {
                return Err(damaged(&format!("it has two columns called '{name}'")));
            }
            match column {
                EncodedColumn::Numeric { mean, .. } if !mean.is_finite() => {
                    return Err(damaged(&format!("the mean of column '{name}' is not finite")));
                }
                EncodedColumn::Numeric { scale, .. } if !(*scale > 0.0 && scale.is_finite()) => {
                    return Err(damaged(&format!(
                        "the scale of column '{name}' is {scale}, expected a positive number"
                    )));
                }
                EncodedColumn::Numeric { fill, indicator, .. } => {
                    if fill.map_or(*indicator, |fill| !fill.is_finite()) {
                        return Err(damaged(&format!("the fill of column '{name}' is not a finite number")));
                    }
                }
                EncodedColumn::Categorical { categories, reference, fill, .. } => {
                    distinct(&format!("the categories of column '{name}'"), categories)?;
                    for (index, what) in [(reference, "reference"), (fill, "fill")] {
                        if index.is_some_and(|index| index >= categories.len()) {
                            return Err(damaged(&format!(
                                "the {what} of column '{name}' is not one of its categories"
                            )));
                        }
                    }
                }
            }
        }
        if let Some(target) = &target {
            let name = Shown(&target.name);
            if names.contains(target.name.as_str()) {
                return Err(damaged(&format!("the target '{name}' is also a feature")));
            }
            distinct(&format!("the classes of target '{name}'"), &target.classes)?;
        }
        if columns.iter().map(EncodedColumn::width).sum::<usize>() == 0 {
            return Err(damaged("it has no features"));
        }
        Ok(Self { columns, target, unseen })
    }
}

fn distinct(what: &str, texts: &[String]) -> Result<(), DataError> {
    if texts.is_empty() {
        return Err(damaged(&format!("{what} are missing")));
    }
    if Lookup::new(texts).has_duplicates(texts) {
        return Err(damaged(&format!("{what} are not distinct ({})", list(texts.iter().map(String::as_str)))));
    }
    Ok(())
}

fn damaged(reason: &str) -> DataError {
    DataError::Encoder { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        json!({
            "columns": [
                { "kind": "numeric", "name": "weight", "mean": 5.0, "scale": 1.0 },
                { "kind": "categorical", "name": "colour", "categories": ["grey", "red"] },
            ],
            "target": { "name": "kind", "classes": ["1", "2"] },
        })
    }

    fn refused(change: impl Fn(&mut Value)) -> String {
        let mut value = good();
        change(&mut value);
        serde_json::from_value::<Encoder>(value).unwrap_err().to_string()
    }

    #[test]
    fn a_damaged_encoder_is_refused() {
        serde_json::from_value::<Encoder>(good()).unwrap();
        let set = |at: &'static str, to: Value| {
            refused(move |value| {
                let (parent, key) = at.rsplit_once('/').unwrap();
                value.pointer_mut(parent).unwrap()[key] = to.clone();
            })
        };
        for (message, expected) in [
            (set("/columns", json!([])), "no columns"),
            (set("/columns/0/scale", json!(0.0)), "the scale of column 'weight' is 0, expected a positive number"),
            (set("/columns/0/scale", json!(-1.0)), "scale"),
            (set("/columns/0/mean", Value::Null), "null"),
            (set("/columns/1/categories", json!([])), "the categories of column 'colour' are missing"),
            (set("/columns/1/categories", json!(["red", "red"])), "not distinct (red, red)"),
            (set("/columns/1/reference", json!(2)), "the reference of column 'colour' is not one of its categories"),
            (set("/columns/1/fill", json!(7)), "the fill of column 'colour'"),
            (set("/columns/0/indicator", json!(true)), "the fill of column 'weight' is not a finite number"),
            (set("/columns/1/name", json!("weight")), "two columns called 'weight'"),
            (set("/target/classes", json!([])), "the classes of target 'kind' are missing"),
            (set("/target/classes", json!(["1", "1.0"])), "not distinct"),
            (set("/target/name", json!("colour")), "the target 'colour' is also a feature"),
        ] {
            assert!(message.contains(expected), "{message}, expected {expected}");
        }
    }

    #[test]
    fn an_encoder_without_a_target_is_good() {
        let mut value = good();
        value["target"] = Value::Null;
        serde_json::from_value::<Encoder>(value).unwrap();
    }
}
