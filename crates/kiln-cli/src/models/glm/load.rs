//! The rows of a run, from whatever they are in.

use super::{
    data,
    encoder::GlmEncoder,
    libsvm,
    rows::{GlmData, GlmRows},
    settings::GlmSettings,
    stream,
};
use std::path::Path;

use crate::{
    base::{Console, Result, ranks::world},
    context::{DataRecord, is_libsvm},
};

/// Reads and splits the rows of a run.
pub(super) fn load(settings: &GlmSettings, encoder: Option<GlmEncoder>, console: Console) -> Result<GlmData> {
    if is_libsvm(&settings.data.name) {
        return libsvm::load(settings, encoder);
    }
    // Of several ranks each reads its share of the rows, unless something needs all of them.
    let is_shared = !world().is_alone() && settings.reads_in_chunks().is_ok() && is_file(settings);
    if settings.rows.stream || is_shared {
        return stream::load(settings, encoder, console);
    }
    data::load(settings, encoder)
}

/// Whether the data are files that can be read in chunks.
fn is_file(settings: &GlmSettings) -> bool {
    let is_small = settings.formula().ok().flatten().is_none_or(|formula| formula.functions_of_all_rows().is_empty());
    is_small && Path::new(&settings.data.name).exists()
}

/// All rows of other data, for a run that exists.
pub(super) fn whole(settings: &GlmSettings, encoder: &GlmEncoder, name: &str) -> Result<(GlmRows, DataRecord)> {
    let mut settings = settings.clone();
    name.clone_into(&mut settings.data.name);
    if is_libsvm(name) || encoder.is_libsvm() {
        return libsvm::whole(&settings, encoder);
    }
    // Scores need all rows at once.
    settings.rows.stream = false;
    data::whole(&settings, encoder)
}
