//! Encoded rows, and the ways to keep them.

use std::{borrow::Cow, io, ops::Range, path::PathBuf};

use kiln::models::glm::{GlmRows as Scored, NumberFile, NumberFileWriter, SparseRows, Values};

use super::{encoder::GlmEncoder, settings::Storage};
use crate::{
    base::{Failure, Result},
    context::DataRecord,
};

/// The rows of a run.
pub(crate) struct GlmData {
    pub(super) encoder: GlmEncoder,
    pub(super) train: GlmRows,
    pub(super) test: Option<GlmRows>,
    pub(super) file: String,
    pub(crate) record: DataRecord,
    pub(crate) notes: Vec<String>,
}

/// Encoded rows.
pub(crate) struct GlmRows {
    pub(super) inputs: Values,
    pub(super) inflation: Vec<f64>,
    pub(super) offset: Option<Values>,
    pub(super) response: Values,
    pub(super) weights: Option<Values>,
    /// An index of the row's cluster.
    pub(super) clusters: Option<Vec<usize>>,
    /// The lines of the file; empty for rows that were read in chunks.
    pub(super) lines: Vec<u64>,
    /// Whether other ranks have other rows.
    pub(super) is_share: bool,
}

impl GlmRows {
    pub(super) fn len(&self) -> usize {
        self.response.len()
    }

    /// Some of the rows, copied.
    pub(super) fn part(&self, rows: Range<usize>) -> Self {
        let width = |numbers: usize| numbers / self.len().max(1);
        let (inputs, inflation) = (width(self.inputs.len()), width(self.inflation.len()));
        let column = |values: &Values| values.rows(rows.clone(), 1);
        Self {
            inputs: self.inputs.rows(rows.clone(), inputs),
            inflation: self.inflation[rows.start * inflation..rows.end * inflation].to_vec(),
            offset: self.offset.as_ref().map(column),
            response: column(&self.response),
            weights: self.weights.as_ref().map(column),
            clusters: self.clusters.as_ref().map(|clusters| clusters[rows.clone()].to_vec()),
            lines: self.lines.get(rows.clone()).unwrap_or_default().to_vec(),
            is_share: true,
        }
    }

    pub(super) fn scored(&self) -> Scored<'_> {
        Scored {
            inputs: &self.inputs,
            inflation: &self.inflation,
            offset: self.offset.as_ref(),
            response: &self.response,
        }
    }

    /// The weights of the rows, if they have some.
    pub(super) fn weights(&self) -> Option<Cow<'_, [f64]>> {
        self.weights.as_ref().map(Values::to_cow)
    }
}

/// Numbers that are kept as they come.
pub(super) enum Keep {
    Double(Vec<f64>),
    Single(Vec<f32>),
    /// Rows of so many features.
    Sparse(SparseRows),
    File(NumberFileWriter),
}

impl Keep {
    /// Keeps features in memory.
    pub(super) fn in_memory(storage: Storage, features: usize) -> Self {
        match storage {
            Storage::Auto | Storage::F64 => Self::Double(Vec::new()),
            Storage::F32 => Self::Single(Vec::new()),
            Storage::Sparse => Self::Sparse(SparseRows::new(features)),
        }
    }

    /// Keeps numbers in a temporary file, or sparse rows in memory.
    pub(super) fn in_file(storage: Storage, features: usize) -> Result<Self> {
        if storage == Storage::Sparse {
            return Ok(Self::Sparse(SparseRows::new(features)));
        }
        let writer = NumberFile::create(&folder(), storage == Storage::F32);
        Ok(Self::File(writer.map_err(|error| failed(&error))?))
    }

    /// Makes place for so many numbers in memory.
    pub(super) fn reserve(&mut self, numbers: usize) {
        match self {
            Self::Double(kept) => kept.reserve_exact(numbers),
            Self::Single(kept) => kept.reserve_exact(numbers),
            Self::Sparse(_) | Self::File(_) => {}
        }
    }

    /// Adds whole rows.
    pub(super) fn push(&mut self, numbers: &[f64]) -> Result<()> {
        match self {
            Self::Double(kept) => kept.extend_from_slice(numbers),
            #[allow(clippy::cast_possible_truncation, reason = "the user asked for f32")]
            Self::Single(kept) => kept.extend(numbers.iter().map(|number| *number as f32)),
            Self::File(writer) => writer.write(numbers).map_err(|error| failed(&error))?,
            Self::Sparse(rows) => {
                let (mut places, mut values) = (Vec::new(), Vec::new());
                for row in numbers.chunks_exact(rows.features().max(1)) {
                    places.clear();
                    values.clear();
                    for (place, value) in (0..).zip(row).filter(|(_, value)| **value != 0.0) {
                        places.push(place);
                        values.push(*value);
                    }
                    rows.push(&places, &values).map_err(Failure::usage)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Values> {
        Ok(match self {
            Self::Double(kept) => kept.into(),
            Self::Single(kept) => kept.into(),
            Self::Sparse(rows) => rows.into(),
            Self::File(writer) => writer.finish().map_err(|error| failed(&error))?.into(),
        })
    }
}

/// The folder of temporary files.
fn folder() -> PathBuf {
    std::env::temp_dir()
}

fn failed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::InvalidData => Failure::usage(format!("a feature cannot be kept: {error}")),
        _ => Failure::usage(format!(
            "cannot write the encoded rows to a temporary file in {}: {error}; set TMPDIR to a folder with more space",
            folder().display()
        )),
    }
}
