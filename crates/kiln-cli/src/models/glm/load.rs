//! The rows of a run, from whatever they are in.

use super::{
    data,
    encoder::GlmEncoder,
    libsvm,
    rows::{GlmData, GlmRows},
    settings::GlmSettings,
    stream,
};
use crate::{
    base::{Console, Result},
    context::{DataRecord, is_libsvm},
};

/// Reads and splits the rows of a run.
pub(super) fn load(settings: &GlmSettings, encoder: Option<GlmEncoder>, console: Console) -> Result<GlmData> {
    if is_libsvm(&settings.data.name) {
        return libsvm::load(settings, encoder);
    }
    if settings.rows.stream {
        return stream::load(settings, encoder, console);
    }
    data::load(settings, encoder)
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
