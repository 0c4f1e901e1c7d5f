//! The command line as it is typed. What a flag means, and what holds without it, is in [`crate::config`].

mod latent;
mod svm;
mod train;
mod vi;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};

pub(crate) use self::{
    latent::{InterpolateFlags, Latent, MapFlags, TraverseFlags},
    svm::SvmFlags,
    train::{GmmFlags, LogisticConfigFlags, LogisticFlags, VaeConfigFlags, VaeFlags},
    vi::{GuideName, ModelName, StepSize, ViFlags},
};
use crate::{
    rates,
    solve::{HessianName, MethodName},
    solver::SolverName,
};

/// Maximum likelihood, variational inference and optimisation on Burn.
#[derive(Debug, Parser)]
#[command(name = "kiln", version, about, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Flags {
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
    /// Evaluate a run on its test data, or on other data
    Eval(EvalFlags),
    /// Predict the classes of a CSV file with a logistic or svm run, or its rows' components with a gmm run
    Predict(PredictFlags),
    /// Draw images from a VAE
    Sample(SampleFlags),
    /// Encode and decode test images with a VAE
    Reconstruct(ReconstructFlags),
    /// Look at the latent space of a VAE
    #[command(subcommand)]
    Latent(Latent),
    /// Go on with a run from its newest checkpoint
    Resume(ResumeFlags),
    /// List the devices of this build on this machine
    Devices,
    /// List the datasets and where they are
    Datasets(DatasetsFlags),
    /// List the schedules and their keys
    Schedules,
    /// Find a step size: train with steps that grow, and look where the loss falls
    #[command(subcommand)]
    LrFind(LrFind),
    /// Check a certificate: every number again, from the problem or the run's data, without a solver
    Verify(VerifyFlags),
    /// Minimise a classic test problem, with or without constraints
    Solve(SolveFlags),
    /// Infer a posterior by a guide that is fitted to it
    Vi(Box<ViFlags>),
    /// Measure the convergence that the theory promises
    Rates(RatesFlags),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Train {
    /// Variational autoencoder on images, by its ELBO
    Vae(Box<VaeFlags>),
    /// Logistic (two classes) or softmax regression, by maximum likelihood
    Logistic(Box<LogisticFlags>),
    /// Mixture of Gaussians, by expectation and maximisation
    Gmm(Box<GmmFlags>),
    /// Support vector machine of two classes, by its dual
    Svm(Box<SvmFlags>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum LrFind {
    /// For a variational autoencoder
    Vae(Box<LrFindVaeFlags>),
    /// For logistic or softmax regression on minibatches
    Logistic(Box<LrFindLogisticFlags>),
}

#[derive(Args, Debug)]
pub(crate) struct LrFindVaeFlags {
    #[command(flatten)]
    pub(crate) sweep: SweepFlags,
    #[command(flatten)]
    pub(crate) config: VaeConfigFlags,
}

#[derive(Args, Debug)]
pub(crate) struct LrFindLogisticFlags {
    #[command(flatten)]
    pub(crate) sweep: SweepFlags,
    #[command(flatten)]
    pub(crate) config: LogisticConfigFlags,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sweep")]
pub(crate) struct SweepFlags {
    /// First step size
    #[arg(long, value_name = "LR", default_value_t = 1e-7)]
    pub(crate) from: f64,
    /// Last step size
    #[arg(long, value_name = "LR", default_value_t = 10.0)]
    pub(crate) to: f64,
    /// Steps of the sweep, at least 4/(1 − BETA)
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) steps: u64,
    /// What the smoothed loss keeps from step to step, in [0, 1)
    #[arg(long, value_name = "BETA", default_value_t = 0.95)]
    pub(crate) smoothing: f64,
    /// Folder for lr-find.json and lr-find.png [default: none is written]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct OutputFlags {
    /// Print the result as JSON, and nothing else, on standard output
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// No progress, no summary
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyFlags {
    /// A certificate's file, or the directory of the run that it is in
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct SolveFlags {
    /// A problem of `kiln solve --list`, such as rosenbrock, or hs71 with constraints
    #[arg(required_unless_present = "list")]
    pub(crate) problem: Option<String>,
    /// List the problems, and solve none
    #[arg(long, conflicts_with = "problem")]
    pub(crate) list: bool,
    /// List those with constraints alone
    #[arg(long, alias = "constraint", requires = "list")]
    pub(crate) constrained: bool,
    /// With constraints: sqp, augmented-lagrangian [default: sqp]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) method: Option<MethodName>,
    /// Of sqp: bfgs, exact [default: bfgs]
    #[arg(long, value_name = "MODEL", hide_possible_values = true)]
    pub(crate) hessian: Option<HessianName>,
    /// With constraints: converged when the residuals of all four conditions are within this [default: 1e-9 in f64, 3e-4 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) tol: Option<f64>,
    /// If it converges in f64, write what shows that the point is a solution, for `kiln verify`
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Without constraints, or inside of augmented-lagrangian: newton, newton-cg, trust-ncg, l-bfgs, l-bfgs-b, owl-qn, bfgs, nonlinear-cg, gd [default: l-bfgs; with --lower or --upper
    /// l-bfgs-b; with --l1 owl-qn; inside of augmented-lagrangian l-bfgs-b]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) solver: Option<SolverName>,
    /// Without constraints: lower bounds, one for each unknown or one for all, such as 0,-inf
    #[arg(long, value_name = "X,Y,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) lower: Option<Vec<f64>>,
    /// Upper bounds likewise
    #[arg(long, value_name = "X,Y,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) upper: Option<Vec<f64>>,
    /// Without constraints: adds l1·‖x‖₁ to the problem [default: 0]
    #[arg(long, value_name = "L1", allow_negative_numbers = true)]
    pub(crate) l1: Option<f64>,
    /// Where to start, numbers divided by commas [default: the problem's usual start]
    #[arg(long, value_name = "X,Y,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) x0: Option<Vec<f64>>,
    /// Without constraints: converged when no entry of the gradient exceeds this [default: 1e-8 in f64, 5e-4 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) gtol: Option<f64>,
    /// Steps at the most [default: 10000; for gd 100000; with constraints 1000]
    #[arg(long, value_name = "N")]
    pub(crate) max_iter: Option<usize>,
    /// Write each step as a line of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// auto, cpu, gpu, flex, ndarray, wgpu[:i], vulkan[:i], cuda[:i]; see `kiln devices`
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Machine")]
    pub(crate) device: String,
    /// Float type [default: f64 where the device has it]
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f64"], help_heading = "Machine")]
    pub(crate) dtype: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct EvalFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Other data than the run's test split: a dataset, a folder or a CSV file with the target column
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// Of a VAE: importance samples an image for its negative log-likelihood; 0 for none [default: 5000]
    #[arg(long, value_name = "N")]
    pub(crate) samples: Option<usize>,
    /// Of a VAE: test images that are looked at so closely [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) images: Option<usize>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

/// Where a finished run is used; the run's own choice unless given.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineFlags {
    /// auto, cpu, gpu, flex, ndarray, wgpu[:i], vulkan[:i], cuda[:i] [default: the run's]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// CPU threads [default: the run's]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Folder that holds the dataset's files [default: the run's]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct PredictFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// CSV file with the columns that the model was trained on, in any order
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// CSV file to write: one row a row, the predicted class and every class's probability
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct SampleFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Images to draw
    #[arg(short = 'n', value_name = "N", default_value_t = 64)]
    pub(crate) count: usize,
    /// Fixes the draw
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// PNG to write [default: samples.png in the run's directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct ReconstructFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Test images to take
    #[arg(short = 'n', value_name = "N", default_value_t = 16)]
    pub(crate) count: usize,
    /// PNG to write: images above, reconstructions below [default: reconstructions.png in the run's directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Passes over the training data in all, those already made included [default: the run's]
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<u64>,
    /// Of a solver: steps in all, those already made included [default: the run's]
    #[arg(long, value_name = "N")]
    pub(crate) max_iter: Option<usize>,
    /// Of a solver or full batches: converged when no entry of the gradient exceeds this [default: the run's]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) gtol: Option<f64>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct DatasetsFlags {
    /// Folder to look in [default: $KILN_DATA_DIR, then the cache]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct RatesFlags {
    /// Experiments to run [default: all]
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(rates::NAMES))]
    pub(crate) only: Vec<String>,
    /// Folder for rates.json, with the curves, and rates.png, their plot [default: none is written]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Fixes the noise of the gradients
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_flag_table_is_consistent() {
        super::Flags::command().debug_assert();
    }
}
