//! `kiln cv`: cross-validation.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    base::{Console, Exit, Failure, Result},
    context::{CrossValidation, CvFlags, GridFlags},
    flags::hide_unused,
    models::{GeneralizedLinear, GlmFlags, LogisticFlags, LogisticRegression, Model, cv_glm, cv_logistic, own_help},
    settings::layered,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Cv {
    /// Cross-validate a logistic or softmax regression, and choose its penalty
    #[command(mut_args = |flag| hide_unused(own_help::<LogisticRegression>(flag), &UNUSED))]
    Logistic(Box<CvLogisticFlags>),
    /// Cross-validate a generalized linear model, and choose its penalty
    #[command(mut_args = |flag| hide_unused(own_help::<GeneralizedLinear>(flag), &UNUSED))]
    Glm(Box<CvGlmFlags>),
}

#[derive(Args, Debug)]
pub(crate) struct CvLogisticFlags {
    #[command(flatten)]
    validation: CvFlags,
    #[command(flatten)]
    grid: GridFlags,
    #[command(flatten)]
    config: LogisticFlags,
}

#[derive(Args, Debug)]
pub(crate) struct CvGlmFlags {
    #[command(flatten)]
    validation: CvFlags,
    #[command(flatten)]
    grid: GridFlags,
    #[command(flatten)]
    config: GlmFlags,
}

/// Flags that mean nothing for a cross-validation.
const UNUSED: [&str; 40] = [
    "test-fraction",
    "stream",
    "storage",
    "id",
    "solver",
    "optimizer",
    "lr",
    "momentum",
    "momentum-schedule",
    "dampening",
    "weight-decay",
    "schedule",
    "batch-size",
    "batch-schedule",
    "accumulate",
    "beta1",
    "beta2",
    "epsilon",
    "initial-second-moment",
    "clip-norm",
    "skip-non-finite",
    "average",
    "patience",
    "epochs",
    "log-every",
    "keep",
    "tensorboard",
    "cov-type",
    "cluster",
    "information",
    "level",
    "lr-tests",
    "margins",
    "profile",
    "influence",
    "device",
    "dtype",
    "matmul",
    "no-fused",
    "particles",
];

/// `kiln cv`.
pub(crate) fn cv(command: Cv, console: Console) -> Result<Exit> {
    match command {
        Cv::Logistic(flags) => {
            let validation = CrossValidation::new(flags.validation)?;
            cv_logistic(&validation, &flags.grid, &settings::<LogisticRegression>(&flags.config)?, console)
        }
        Cv::Glm(flags) => {
            let validation = CrossValidation::new(flags.validation)?;
            cv_glm(&validation, &flags.grid, &settings::<GeneralizedLinear>(&flags.config)?, console)
        }
    }
}

/// Refuses flags that would be ignored.
fn refuse_unused(flags: &impl Serialize) -> Result<()> {
    let tables = toml::Table::try_from(flags).map_err(Failure::internal)?;
    let mut given = tables.values().filter_map(toml::Value::as_table).flat_map(toml::Table::keys);
    match given.find(|name| UNUSED.contains(&name.as_str())) {
        Some(name) => Err(Failure::usage(format!("kiln cv does not use --{name}: omit it"))),
        None => Ok(()),
    }
}

fn settings<M: Model>(flags: &M::Flags) -> Result<M::Settings> {
    refuse_unused(flags)?;
    let mut settings = layered(M::base(flags, None)?, M::KIND, None, flags)?;
    M::complete(&mut settings);
    M::check(&settings)?;
    Ok(settings)
}
