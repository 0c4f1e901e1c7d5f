//! `kiln lr-find`.

use clap::{Args, Subcommand};

use crate::{
    base::{Console, Exit, Result},
    context::{Search, SweepFlags},
    flags::hide_unused,
    models::{Autoencoder, LogisticFlags, LogisticRegression, Model, VaeFlags, lr_find_logistic, own_help, vae},
    settings::layered,
};

#[derive(Debug, Subcommand)]
pub(crate) enum LrFind {
    /// Find a learning rate for a variational autoencoder
    #[command(mut_args = |flag| hide_unused(own_help::<Autoencoder>(flag), &UNUSED))]
    Vae(Box<LrFindFlags<VaeFlags>>),
    /// Find a learning rate for logistic or softmax regression on minibatches
    #[command(mut_args = |flag| hide_unused(own_help::<LogisticRegression>(flag), &UNUSED))]
    Logistic(Box<LrFindFlags<LogisticFlags>>),
}

/// Flags that the sweep refuses, or that mean nothing for it.
const UNUSED: [&str; 21] = [
    "lr",
    "schedule",
    "batch-schedule",
    "average",
    "patience",
    "epochs",
    "gtol",
    "final",
    "log-every",
    "keep",
    "tensorboard",
    "solver",
    "max-iter",
    "cov-type",
    "l1",
    "lower",
    "upper",
    "class-weight",
    "sample-weight",
    "recipe",
    "fit-prior",
];

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
