//! Encoded rows of this rank, in memory or in temporary files.

use super::{
    super::{
        rows::{GlmRows, Keep},
        settings::{GlmSettings, Storage},
    },
    ranks::total,
};
use crate::base::{Result, ranks::world};

/// Numbers of rows that are kept as they are read.
pub(super) struct Kept {
    features: usize,
    inputs: Keep,
    response: Keep,
    weights: Option<Keep>,
    offset: Option<Keep>,
    column: fn() -> Result<Keep>,
}

impl Kept {
    pub(super) fn new(settings: &GlmSettings, features: usize) -> Result<Self> {
        let storage = match settings.rows.storage {
            Storage::Auto => Storage::F64,
            other => other,
        };
        let (inputs, column): (_, fn() -> Result<Keep>) = match settings.rows.stream {
            true => (Keep::in_file(storage, features)?, || Keep::in_file(Storage::F64, 1)),
            false => (Keep::in_memory(storage, features), || Ok(Keep::in_memory(Storage::F64, 1))),
        };
        Ok(Self { features, inputs, response: column()?, weights: None, offset: None, column })
    }

    /// Makes place for so many rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.inputs.reserve(rows.saturating_mul(self.features));
        self.response.reserve(rows);
    }

    pub(super) fn push(&mut self, rows: GlmRows) -> Result<()> {
        self.inputs.push(&rows.inputs.to_cow())?;
        self.response.push(&rows.response.to_cow())?;
        for (kept, own) in [(&mut self.weights, rows.weights), (&mut self.offset, rows.offset)] {
            if let Some(own) = own {
                if kept.is_none() {
                    *kept = Some((self.column)()?);
                }
                kept.as_mut().expect("it was made").push(&own.to_cow())?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<GlmRows> {
        let world = world();
        for kept in [&mut self.weights, &mut self.offset] {
            // A rank without rows has as many columns as the others.
            if total(usize::from(kept.is_some()))? > 0 && kept.is_none() {
                *kept = Some((self.column)()?);
            }
        }
        Ok(GlmRows {
            inputs: self.inputs.finish()?,
            inflation: Vec::new(),
            offset: self.offset.map(Keep::finish).transpose()?,
            response: self.response.finish()?,
            weights: self.weights.map(Keep::finish).transpose()?,
            clusters: None,
            lines: Vec::new(),
            is_share: !world.is_alone(),
        })
    }
}
