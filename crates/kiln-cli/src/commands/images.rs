//! The commands that use a trained VAE.

use std::path::Path;

use crate::{
    base::{Console, Exit, Result, RunDir},
    context::Opened,
    flags::RunAccess,
    models::{
        Autoencoder, Config, open,
        vae::{self, EmbedFlags, LatentCommand, ReconstructFlags, SampleFlags, ScoreFlags, VaeSettings},
    },
};

/// `kiln sample`.
pub(crate) fn sample(flags: &SampleFlags, console: Console) -> Result<Exit> {
    vae::sample(&open_vae("sample", &flags.access, console)?, flags)
}

/// `kiln reconstruct`.
pub(crate) fn reconstruct(flags: &ReconstructFlags, console: Console) -> Result<Exit> {
    vae::reconstruct(open_vae("reconstruct", &flags.access, console)?, flags)
}

/// `kiln latent`.
pub(crate) fn latent(command: &LatentCommand, console: Console) -> Result<Exit> {
    vae::latent(open_vae("latent", command.access(), console)?, command)
}

/// `kiln embed`.
pub(crate) fn embed(flags: &EmbedFlags, console: Console) -> Result<Exit> {
    vae::embed(open_vae("embed", &flags.access, console)?, flags)
}

/// `kiln score`.
pub(crate) fn score(flags: &ScoreFlags, console: Console) -> Result<Exit> {
    vae::score(open_vae("score", &flags.access, console)?, flags)
}

fn open_vae(command: &str, access: &RunAccess, console: Console) -> Result<Opened<VaeSettings>> {
    let path: &Path = &access.run;
    let dir = RunDir::open(path)?;
    match Config::of(&dir)? {
        Config::Vae(settings) => open::<Autoencoder>(dir, settings, access, console),
        other => Err(other.unsupported(command, "vae", path)),
    }
}
