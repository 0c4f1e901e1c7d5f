//! Layers of settings: defaults, a file, flags.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::base::{Failure, Result};

/// Returns the defaults of `base`, overridden by the file, overridden by the flags.
///
/// `kind` is the model that the command line names. A file for another model is refused.
pub(crate) fn layered<S: DeserializeOwned>(
    mut base: toml::Table,
    kind: &str,
    file: Option<&Path>,
    flags: &impl Serialize,
) -> Result<S> {
    if let Some(path) = file {
        for (key, value) in read_table(path)? {
            match (base.get_mut(&key), value) {
                (Some(toml::Value::Table(below)), toml::Value::Table(above)) => below.extend(above),
                (_, value) => drop(base.insert(key, value)),
            }
        }
    }
    let path = file.unwrap_or_else(|| Path::new("the command line"));
    if let Some(other) = base.remove("kind")
        && other.as_str() != Some(kind)
    {
        return Err(Failure::usage(format!("{} is for the model {other}, not for '{kind}'", path.display())));
    }
    let flags = toml::Table::try_from(flags).map_err(Failure::usage)?;
    for (table, values) in flags {
        let (toml::Value::Table(values), entry) = (values, base.entry(table.clone())) else { continue };
        let below = entry.or_insert_with(|| toml::Table::new().into());
        let below = below
            .as_table_mut()
            .ok_or_else(|| Failure::usage(format!("'{table}' must be a table in {}", path.display())))?;
        below.extend(values);
    }
    base.try_into().map_err(|e| bad_settings(path, &e))
}

/// Parses the settings of an existing run.
pub(crate) fn parse<S: DeserializeOwned>(path: &Path) -> Result<S> {
    read_table(path)?.try_into().map_err(|e| bad_settings(path, &e))
}

/// Reads a file of settings as it is.
pub(crate) fn read_table(path: &Path) -> Result<toml::Table> {
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
    text.parse().map_err(|e| bad_settings(path, &e))
}

/// The failure to read a file of settings.
pub(crate) fn bad_settings(path: &Path, error: &toml::de::Error) -> Failure {
    Failure::usage(format!("bad settings in {}: {}", path.display(), error.to_string().trim().replace('\n', " ")))
}
