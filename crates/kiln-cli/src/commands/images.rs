//! `kiln sample`, `kiln reconstruct` and `kiln latent`.

use std::path::Path;

use crate::{
    base::{Console, Exit, Result, RunDir},
    context::Opened,
    flags::RunAccess,
    models::{
        Autoencoder, Config, open,
        vae::{self, LatentCommand, ReconstructFlags, SampleFlags, VaeSettings},
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

fn open_vae(command: &str, access: &RunAccess, console: Console) -> Result<Opened<VaeSettings>> {
    let path: &Path = &access.run;
    let dir = RunDir::open(path)?;
    match Config::of(&dir)? {
        Config::Vae(settings) => open::<Autoencoder>(dir, settings, access, console),
        other => Err(other.unsupported(command, "vae", path)),
    }
}
