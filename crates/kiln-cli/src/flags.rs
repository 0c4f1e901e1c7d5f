//! The command line as it is typed. What a flag means, and what holds without it, is in [`crate::config`].
//!
//! The flags of a training run are grouped as the tables of `config.toml` are, and a flag has its key's name:
//! a group is turned into a table of those flags that were given, and laid over the file's.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};
use kiln::optim::ScheduleSpec;
use serde::Serialize;

use crate::{
    method::{AverageName, LrSchedule, OptimizerName},
    rates,
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
    /// Predict the classes of a CSV file with a logistic run
    Predict(PredictFlags),
    /// Draw images from a VAE
    Sample(SampleFlags),
    /// Encode and decode test images with a VAE
    Reconstruct(ReconstructFlags),
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
    /// Check a run's certificate against its data
    Verify(VerifyFlags),
    /// Minimise a classic test problem
    Solve(SolveFlags),
    /// Measure the convergence that the theory promises
    Rates(RatesFlags),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Train {
    /// Variational autoencoder on images, by its ELBO
    Vae(Box<VaeFlags>),
    /// Logistic (two classes) or softmax regression, by maximum likelihood
    Logistic(Box<LogisticFlags>),
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
pub(crate) struct VaeFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) config: VaeConfigFlags,
}

#[derive(Args, Debug)]
pub(crate) struct LogisticFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) config: LogisticConfigFlags,
}

/// Where a run's settings come from and where it goes: not settings themselves.
#[derive(Args, Debug)]
#[command(next_help_heading = "Run directory")]
pub(crate) struct PlaceFlags {
    /// Where to write the run [default: runs/<model>-<data>-<time>]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace an existing run
    #[arg(long)]
    pub(crate) force: bool,
    /// Read settings from a TOML file, such as another run's config.toml; flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug, Serialize)]
pub(crate) struct VaeConfigFlags {
    #[command(flatten)]
    pub(crate) data: ImageDataFlags,
    #[command(flatten)]
    pub(crate) model: VaeModelFlags,
    #[command(flatten)]
    pub(crate) method: MethodFlags,
    #[command(flatten)]
    pub(crate) train: VaeTrainFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
pub(crate) struct LogisticConfigFlags {
    #[command(flatten)]
    pub(crate) data: TabularDataFlags,
    #[command(flatten)]
    pub(crate) model: LogisticModelFlags,
    #[command(flatten)]
    pub(crate) solver: SolverFlags,
    #[command(flatten)]
    pub(crate) method: MethodFlags,
    #[command(flatten)]
    pub(crate) train: LogisticTrainFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct ImageDataFlags {
    /// digits, mnist, fashion-mnist, or a folder with four IDX files [default: digits]
    #[arg(long = "data", value_name = "NAME|DIR")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder that holds the dataset's files [default: $KILN_DATA_DIR, then the cache, then a download]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Fraction of the digits to hold out; the other datasets have a test set [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Pixels as they are, drawn black or white anew in each epoch, or drawn once [default: none]
    #[arg(long, value_name = "HOW", value_parser = ["none", "dynamic", "fixed"])]
    pub(crate) binarize: Option<String>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct TabularDataFlags {
    /// breast-cancer, digits, mnist, fashion-mnist, a folder with four IDX files, or a CSV file with a header [default:
    /// breast-cancer]
    #[arg(long = "data", value_name = "NAME|FILE")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder that holds the dataset's files [default: $KILN_DATA_DIR, then the cache, then a download]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Column to predict; needed for a CSV file
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Fraction of the rows to hold out, by class; 0 trains on all [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Give each numeric column mean 0 and standard deviation 1 over the training rows
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct VaeModelFlags {
    /// Units in each hidden layer [default: 400]
    #[arg(long, value_name = "N")]
    pub(crate) hidden_dim: Option<usize>,
    /// Dimensions of the latent z [default: 20]
    #[arg(long, value_name = "N")]
    pub(crate) latent_dim: Option<usize>,
    /// What p(x | z) is [default: bernoulli]
    #[arg(long, value_name = "NAME", value_parser = ["bernoulli", "gaussian"])]
    pub(crate) likelihood: Option<String>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct LogisticModelFlags {
    /// Penalty l2/2·‖w‖² beside the mean negative log-likelihood; intercepts are free [default: 0]
    #[arg(long, value_name = "L2", allow_negative_numbers = true)]
    pub(crate) l2: Option<f64>,
    /// none, or balanced: each class counts as much as any other [default: none]
    #[arg(long, value_name = "HOW", value_parser = ["none", "balanced"])]
    pub(crate) class_weight: Option<String>,
    /// Standard errors that trust the model (nonrobust), or not (hc0, the sandwich) [default: nonrobust]
    #[arg(long, value_name = "TYPE", value_parser = ["nonrobust", "hc0"])]
    pub(crate) cov_type: Option<String>,
}

/// The solver that takes the steps, over all rows at once.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Solver")]
pub(crate) struct SolverFlags {
    /// newton, newton-cg, trust-ncg, l-bfgs, bfgs, nonlinear-cg, gd [default: l-bfgs, unless an option of the method asks for
    /// an optimiser]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) solver: Option<SolverName>,
    /// Steps at the most [default: 10000; for gd 100000]
    #[arg(long, value_name = "N")]
    pub(crate) max_iter: Option<usize>,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct SolveFlags {
    /// rosenbrock, rosenbrock-50, beale, powell-singular, wood, helical-valley, trigonometric-10, broyden-tridiagonal-30
    pub(crate) problem: String,
    /// newton, newton-cg, trust-ncg, l-bfgs, bfgs, nonlinear-cg, gd
    #[arg(long, value_name = "NAME", default_value = "l-bfgs", hide_possible_values = true)]
    pub(crate) solver: SolverName,
    /// Where to start, numbers divided by commas [default: the problem's usual start]
    #[arg(long, value_name = "X,Y,…", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) x0: Option<Vec<f64>>,
    /// Converged when no entry of the gradient exceeds this [default: 1e-8 in f64, 5e-4 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) gtol: Option<f64>,
    /// Steps at the most [default: 10000; for gd 100000]
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

/// The method that takes the steps. Its settings are in [`crate::method`].
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Method")]
pub(crate) struct MethodFlags {
    /// sgd, momentum, nesterov (classical forms), torch-sgd, torch-nesterov (PyTorch's), adam, adamw [default: adam; for
    /// train logistic nesterov, where an option of the method is given at all, for lr-find logistic sgd]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) optimizer: Option<OptimizerName>,
    /// Step size [default: 1e-3; for a vae on small data, without --schedule and --batch-size, 4e-3; for logistic with full batches
    /// 1/L from the data, else 0.01]
    #[arg(long, value_name = "LR", allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// Course of the step size, such as linear, cosine or inverse-time:kappa=1000; see `kiln schedules` [default:
    /// constant; for a vae on small data, without --lr and --batch-size, linear over eight epochs]
    #[arg(long, value_name = "SCHEDULE")]
    pub(crate) schedule: Option<LrSchedule>,
    /// What the velocity keeps from step to step, in [0, 1) [default: 0.9; 0 for torch-sgd; for logistic with nesterov and
    /// full batches from 1/L and l2]
    #[arg(long, value_name = "ALPHA", allow_negative_numbers = true)]
    pub(crate) momentum: Option<f64>,
    /// Course of the momentum, such as sutskever, with --momentum as its base value [default: constant]
    #[arg(long, value_name = "SCHEDULE")]
    pub(crate) momentum_schedule: Option<ScheduleSpec>,
    /// Part of the gradient that torch-sgd leaves out of its velocity, in [0, 1) [default: 0]
    #[arg(long, value_name = "D", allow_negative_numbers = true)]
    pub(crate) dampening: Option<f64>,
    /// Pull of the weights towards zero; coupled for torch-sgd and torch-nesterov, decoupled for adamw [default: 0; for
    /// adamw 1e-4]
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true)]
    pub(crate) weight_decay: Option<f64>,
    /// Examples a gradient [default: 128, for less than 23000 images fewer, down to 4; for logistic with nesterov all of
    /// them, else 32]
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<usize>,
    /// Course of the batch size, such as step:factor=2,every=500, with --batch-size as its base value [default: constant]
    #[arg(long, value_name = "SCHEDULE")]
    pub(crate) batch_schedule: Option<ScheduleSpec>,
    /// Gradients whose mean makes a step [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) accumulate: Option<u64>,
    /// Scale a step's gradient down to this Euclidean norm where it is longer [default: never]
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    pub(crate) clip_norm: Option<f64>,
    /// Leave out gradients that are not finite, up to N in a row; 0 stops at the first [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) skip_non_finite: Option<u64>,
    /// Evaluate and save an average of the iterates: uniform[:from=K], polynomial[:eta=3], ema:decay=0.999, or none
    /// [default: none]
    #[arg(long, value_name = "AVERAGE")]
    pub(crate) average: Option<AverageName>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Training")]
pub(crate) struct VaeTrainFlags {
    /// Passes over the training data [default: 20]
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<u64>,
    /// What is maximised [default: elbo]
    #[arg(long, value_name = "NAME", value_parser = ["elbo"])]
    pub(crate) objective: Option<String>,
    /// Weight of the KL term [default: 1]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub(crate) beta: Option<f64>,
    /// Samples of z an image and step [default: 1; with the default batch size, as many as make 128 of a batch]
    #[arg(long, value_name = "N")]
    pub(crate) particles: Option<usize>,
    /// Steps between lines of the log [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) log_every: Option<u64>,
    /// Checkpoints to keep besides the best [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Training")]
pub(crate) struct LogisticTrainFlags {
    /// Passes over the training data at the most [default: 20000 with full batches, else 50]
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<u64>,
    /// With a solver or full batches: converged when no entry of the gradient exceeds this [default: 1e-8 in f64, 1e-5 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) gtol: Option<f64>,
    /// Steps between lines of the log [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) log_every: Option<u64>,
    /// Checkpoints to keep besides the best [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
}

#[derive(Args, Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Machine")]
pub(crate) struct RunFlags {
    /// auto, cpu, gpu, flex, ndarray, wgpu[:i], vulkan[:i], cuda[:i]; see `kiln devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Float type [default: f32; for logistic f64 where the device has it]
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f64"])]
    pub(crate) dtype: Option<String>,
    /// Fixes initial weights, noise, splits and order [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Plain tensor operations in place of the fused kernels on the CPU, to compare the two [default: the kernels]
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_fused: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EvalFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Other data than the run's test split: a dataset, a folder or a CSV file with the target column
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
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
