//! `kiln lr-find`.

use clap::{Args, Subcommand};

use crate::{
    base::{Console, Exit, Result},
    context::{Search, SweepFlags},
    models::{Autoencoder, LogisticFlags, LogisticRegression, Model, VaeFlags, lr_find_logistic, vae},
    settings::layered,
};

#[derive(Debug, Subcommand)]
pub(crate) enum LrFind {
    /// For a variational autoencoder
    Vae(Box<LrFindFlags<VaeFlags>>),
    /// For logistic or softmax regression on minibatches
    Logistic(Box<LrFindFlags<LogisticFlags>>),
}

#[derive(Args, Debug)]
pub(crate) struct LrFindFlags<F: Args> {
    #[command(flatten)]
    sweep: SweepFlags,
    #[command(flatten)]
    config: F,
}

/// `kiln lr-find`.
pub(crate) fn lr_find(command: LrFind, console: Console) -> Result<Exit> {
    match command {
        LrFind::Vae(flags) => {
            let settings = settings::<Autoencoder>(&flags.config)?;
            vae::lr_find(Search::new(flags.sweep)?, &flags.config, settings, console)
        }
        LrFind::Logistic(flags) => {
            let settings = settings::<LogisticRegression>(&flags.config)?;
            lr_find_logistic(Search::new(flags.sweep)?, &flags.config, settings, console)
        }
    }
}

fn settings<M: Model>(flags: &M::Flags) -> Result<M::Settings> {
    let settings = layered(M::base(flags, None)?, M::KIND, None, flags)?;
    M::check(&settings)?;
    Ok(settings)
}
