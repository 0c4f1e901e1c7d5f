//! The command line as a whole.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        CollectivesFlags, CompareFlags, CompletionsFlags, Cv, DatasetsFlags, DescribeFlags, FitCurveFlags, LrFind,
        ManFlags, RatesFlags, ReportFlags, SolveFlags, ViFlags,
    },
    flags::{EvalFlags, ExportFlags, OutputFlags, PredictFlags, ResumeFlags, VerifyFlags},
    models::{
        Train, WarmUp,
        vae::{EmbedFlags, LatentCommand, ReconstructFlags, SampleFlags, ScoreFlags},
    },
};

/// Kiln: maximum likelihood, variational inference and optimization
#[derive(Debug, Parser)]
#[command(name = "kiln", version, arg_required_else_help = true, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

const EXAMPLES: &str = "\
Examples:
  kiln train vae --data mnist --epochs 10 --out runs/digits
  kiln sample runs/digits -n 100
  kiln train logistic --data patients.csv --target outcome --out runs/outcome
  kiln predict runs/outcome --data new.csv --output predictions.csv
  kiln solve rosenbrock --solver newton

Each command has its own help: kiln COMMAND --help";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model
    #[command(subcommand)]
    Train(Train),
    /// Continue training a run from its last checkpoint
    #[command(after_help = "Examples:\n  kiln resume runs/digits\n  kiln resume runs/digits --epochs 50")]
    Resume(ResumeFlags),
    /// Cross-validate a model, and choose its penalty
    #[command(subcommand)]
    Cv(Cv),
    /// Find a learning rate: raise it step by step and record the loss
    #[command(subcommand)]
    LrFind(LrFind),
    /// Evaluate a trained model on its test set, or on other data
    #[command(after_help = "Examples:\n  kiln eval runs/digits\n  kiln eval runs/outcome --data new.csv --json")]
    Eval(EvalFlags),
    /// Predict a class, component or mean response for each row of a table
    #[command(after_help = "Example:\n  kiln predict runs/outcome --data new.csv --output predictions.csv")]
    Predict(PredictFlags),
    /// Describe a table: types, missing values, ranges, and what training makes of each column
    #[command(
        after_help = "Examples:\n  kiln describe patients.csv --target outcome\n  kiln describe patients.csv --json"
    )]
    Describe(DescribeFlags),
    /// Compare runs: settings that differ, results, and differences on the same test data
    #[command(after_help = "Example:\n  kiln compare runs/a runs/b --plot compare.svg")]
    Compare(CompareFlags),
    /// Write a report of a run, or of several, as one HTML file
    #[command(after_help = "Examples:\n  kiln report runs/digits\n  kiln report runs/a runs/b --output compare.html")]
    Report(ReportFlags),
    /// Generate images with a VAE, from latent variables drawn from the prior
    #[command(after_help = "Example:\n  kiln sample runs/digits -n 100 --output samples.png")]
    Sample(SampleFlags),
    /// Reconstruct test images with a VAE: encode, then decode
    #[command(after_help = "Example:\n  kiln reconstruct runs/digits -n 32")]
    Reconstruct(ReconstructFlags),
    /// Explore the latent space of a VAE
    #[command(subcommand)]
    Latent(LatentCommand),
    /// Write the latent code of each image to a table or a NumPy array
    #[command(
        after_help = "Examples:\n  kiln embed runs/digits --output z.csv\n  kiln embed runs/digits --data photos --output z.npy"
    )]
    Embed(EmbedFlags),
    /// Rate images by their likelihood under a VAE, and list the least likely first
    #[command(
        after_help = "Examples:\n  kiln score runs/digits --sheet outliers.png\n  kiln score runs/digits --data photos --output scores.csv"
    )]
    Score(ScoreFlags),
    /// Export the weights of a trained model to a safetensors file
    #[command(
        after_help = "Examples:\n  kiln export runs/digits --output model.safetensors\n  kiln export runs/digits --checkpoint best --output best.safetensors"
    )]
    Export(ExportFlags),
    /// Fit the parameters of a curve to a table by least squares, with standard errors
    #[command(
        after_help = "Examples:\n  kiln fit-curve decay.csv --formula 'y ~ a*exp(-b*t) + c' --start a=1,b=1,c=0 --out fit\n  kiln fit-curve rates.csv --formula 'rate ~ vm*conc/(k + conc)' --start vm=200,k=0.1 --loss soft-l1 --loss-scale 10"
    )]
    FitCurve(Box<FitCurveFlags>),
    /// Minimize a problem of your own, or a built-in test problem, with or without constraints
    #[command(
        after_help = "Examples:\n  kiln solve portfolio.toml\n  kiln solve rosenbrock --solver newton\n  kiln solve hs71 --certificate hs71.json\n  kiln solve --list"
    )]
    Solve(SolveFlags),
    /// Check that a saved solution satisfies the optimality (KKT) conditions
    #[command(after_help = "Examples:\n  kiln verify hs71.json\n  kiln verify runs/outcome")]
    Verify(VerifyFlags),
    /// Fit a variational approximation to the posterior of a built-in model
    #[command(
        after_help = "Examples:\n  kiln vi eight-schools --out posterior\n  kiln vi logistic --data patients.csv --target outcome --guide mean-field\n  kiln vi --compare-estimators"
    )]
    Vi(Box<ViFlags>),
    /// Measure convergence rates of gradient methods and compare them with theory
    #[command(after_help = "Examples:\n  kiln rates\n  kiln rates gd nesterov --out rates")]
    Rates(RatesFlags),
    /// Compile and tune the kernels of a training run on a GPU, so that the run starts fast
    #[command(subcommand)]
    WarmUp(WarmUp),
    /// Measure how long the processes of mpirun take to add up numbers, and predict the speed-up of training
    #[command(after_help = "Example:\n  mpirun -n 2 kiln bench-collectives --parameters 652824 --step-ms 12")]
    BenchCollectives(CollectivesFlags),
    /// List the available devices
    Devices,
    /// List the named datasets and their location on this machine
    Datasets(DatasetsFlags),
    /// List the learning-rate schedules and their parameters
    Schedules,
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  kiln completions bash > ~/.local/share/bash-completion/completions/kiln\n  kiln completions zsh > ~/.zfunc/_kiln\n  kiln completions fish > ~/.config/fish/completions/kiln.fish"
    )]
    Completions(CompletionsFlags),
    /// Write the manual pages of all commands to a folder
    #[command(after_help = "Example:\n  kiln man ~/.local/share/man/man1")]
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
