//! The checkpoint of sequential minimal optimization.

use kiln::{burn::tensor::TensorData, models::SvmState, tensor::weights};

use crate::{
    base::Result,
    context::{ModelFile, Session},
};

/// The file in the folder of checkpoints.
pub(super) const FILE: &str = "smo.safetensors";

/// The state of a fit, and the seconds that it took.
pub(super) fn encode(state: &SvmState, wall_s: f64) -> Result<Vec<u8>> {
    let vector = |values: Vec<f64>| {
        let n = values.len();
        TensorData::new(values, [n])
    };
    let tensors = vec![
        ("beta", vector(state.beta.clone())),
        ("gradient", vector(state.gradient.clone())),
        ("active", vector(numbers(&state.active))),
        ("counters", vector(numbers(&state.counters))),
        ("wall_s", vector(vec![wall_s])),
    ];
    Ok(weights::encode(&ModelFile::named(tensors))?)
}

/// The newest checkpoint of a run, if there is one.
pub(super) fn read(session: &Session<'_>) -> Result<Option<(SvmState, f64)>> {
    let Some(bytes) = session.checkpoint(FILE)? else { return Ok(None) };
    let file = ModelFile::parse(session.dir.checkpoint_file(FILE), &bytes)?;
    let whole = |name: &str| -> Result<Vec<usize>> { Ok(file.numbers(name)?.into_iter().map(index).collect()) };
    let counters = <[usize; 4]>::try_from(whole("counters")?).map_err(|_| file.damaged(&"it has other counters"))?;
    let state = SvmState {
        beta: file.numbers("beta")?,
        gradient: file.numbers("gradient")?,
        active: whole("active")?,
        counters,
    };
    let wall_s = file.numbers("wall_s")?.first().copied().unwrap_or(0.0);
    Ok(Some((state, wall_s)))
}

#[allow(clippy::cast_precision_loss, reason = "indices and counts are below 2⁵³")]
fn numbers(indices: &[usize]) -> Vec<f64> {
    indices.iter().map(|&i| i as f64).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates; the fit checks indices")]
fn index(number: f64) -> usize {
    number as usize
}
