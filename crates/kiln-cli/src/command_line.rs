//! The command line as a whole.

use clap::{Parser, Subcommand};

use crate::{
    commands::{CompletionsFlags, DatasetsFlags, LrFind, ManFlags, RatesFlags, SolveFlags, ViFlags},
    flags::{EvalFlags, ExportFlags, OutputFlags, PredictFlags, ResumeFlags, VerifyFlags},
    models::{
        Train,
        vae::{LatentCommand, ReconstructFlags, SampleFlags},
    },
};

/// Maximum likelihood, variational inference and optimization
#[derive(Debug, Parser)]
#[command(name = "kiln", version, about, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model
    #[command(subcommand)]
    Train(Train),
    /// Evaluate a run on its test set, or on other data
    Eval(EvalFlags),
    /// Predict the rows of a CSV file with a logistic, svm or gmm run
    Predict(PredictFlags),
    /// Draw images from a VAE
    Sample(SampleFlags),
    /// Encode and decode test images with a VAE
    Reconstruct(ReconstructFlags),
    /// Explore the latent space of a VAE
    #[command(subcommand)]
    Latent(LatentCommand),
    /// Resume a run from its newest checkpoint
    Resume(ResumeFlags),
    /// Write the weights of a run to a safetensors file
    Export(ExportFlags),
    /// Find a learning rate by a range test
    #[command(subcommand)]
    LrFind(LrFind),
    /// Minimize a test problem, with or without constraints
    Solve(SolveFlags),
    /// Check an optimality certificate without a solver
    Verify(VerifyFlags),
    /// Fit a variational posterior
    Vi(Box<ViFlags>),
    /// Compare convergence rates with theory
    Rates(RatesFlags),
    /// List the available devices
    Devices,
    /// List the datasets and where they are
    Datasets(DatasetsFlags),
    /// List the schedules and their keys
    Schedules,
    /// Print shell completions
    Completions(CompletionsFlags),
    /// Write man pages
    Man(ManFlags),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flag_table_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
