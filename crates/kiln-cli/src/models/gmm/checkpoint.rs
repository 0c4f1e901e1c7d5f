//! The checkpoint of EM: the mixture after an iteration, and the log-likelihoods so far.

use kiln::{
    burn::tensor::TensorData,
    models::{GaussianMixture, GmmState},
    tensor::weights,
};

use crate::{
    base::{Failure, Result},
    context::{Compute, ModelFile, Session},
};

/// The file in the folder of checkpoints.
pub(super) const FILE: &str = "em.safetensors";

/// The state of a fit, and the seconds that it took.
pub(super) fn encode(state: &GmmState, wall_s: f64) -> Result<Vec<u8>> {
    let mut tensors = tensors(&state.mixture);
    tensors.push(("history", TensorData::new(state.history.clone(), [state.history.len()])));
    tensors.push(("wall_s", TensorData::new(vec![wall_s], [1])));
    Ok(weights::encode(&ModelFile::named(tensors))?)
}

/// The tensors of a mixture, as `model.safetensors` has them too.
pub(super) fn tensors(mixture: &GaussianMixture) -> Vec<(&'static str, TensorData)> {
    let weights = TensorData::new(mixture.weights().to_vec(), [mixture.components()]);
    vec![("weights", weights), ("means", mixture.means().to_data()), ("covariances", mixture.covariances().to_data())]
}

/// The newest checkpoint of a run, if there is one.
pub(super) fn read(session: &Session<'_>, compute: &Compute) -> Result<Option<(GmmState, f64)>> {
    let Some(bytes) = session.checkpoint(FILE)? else { return Ok(None) };
    let file = ModelFile::parse(session.dir.checkpoint_file(FILE), &bytes)?;
    let (history, wall_s) = (file.numbers("history")?, file.numbers("wall_s")?);
    let mixture = mixture(&file, compute)?;
    match wall_s[..] {
        [wall_s] if !history.is_empty() => Ok(Some((GmmState { mixture, history }, wall_s))),
        _ => Err(Failure::usage(file.damaged(&"it has no history").message)),
    }
}

/// The mixture in a file.
pub(super) fn mixture(file: &ModelFile, compute: &Compute) -> Result<GaussianMixture> {
    let (means, covariances) = (file.tensor("means", compute)?, file.tensor("covariances", compute)?);
    GaussianMixture::new(file.numbers("weights")?, means, covariances).map_err(|error| file.damaged(&error))
}
