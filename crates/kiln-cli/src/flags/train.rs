//! The flags of a training run, grouped as the tables of `config.toml` are. A flag has its key's name: a group is turned into
//! a table of those flags that were given, and laid over the file's.

use std::path::PathBuf;

use clap::Args;
use kiln::optim::ScheduleSpec;
use serde::Serialize;

use crate::{
    method::{AverageName, LrSchedule, OptimizerName},
    solver::SolverName,
};

#[derive(Args, Debug)]
pub(crate) struct VaeFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    /// Settings from the literature, under the flags: iwae, of Burda, Grosse and Salakhutdinov (2016), with 3280 epochs of MNIST [default: none]
    #[arg(long, value_name = "NAME", value_parser = ["iwae"], conflicts_with = "config")]
    pub(crate) recipe: Option<String>,
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

#[derive(Args, Debug)]
pub(crate) struct GmmFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) config: GmmConfigFlags,
}

#[derive(Args, Debug, Serialize)]
pub(crate) struct GmmConfigFlags {
    #[command(flatten)]
    pub(crate) data: RowsFlags,
    #[command(flatten)]
    pub(crate) model: GmmModelFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct RowsFlags {
    /// breast-cancer, digits, mnist, fashion-mnist, a folder with four IDX files, or a CSV file with a header [default:
    /// breast-cancer]
    #[arg(long = "data", value_name = "NAME|FILE")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder that holds the dataset's files [default: $KILN_DATA_DIR, then the cache, then a download]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Column to leave out, such as the class of each row [default: none]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Fraction of the rows to hold out; 0 fits all [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Give each numeric column mean 0 and standard deviation 1 over the training rows
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct GmmModelFlags {
    /// Components of the mixture [default: 2]
    #[arg(long, value_name = "K")]
    pub(crate) components: Option<usize>,
    /// What the components' covariances are like [default: full]
    #[arg(long, value_name = "TYPE", value_parser = ["full", "tied", "diag", "spherical"])]
    pub(crate) covariance: Option<String>,
    /// Added along the diagonals of the covariances [default: 1e-6]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) reg_covar: Option<f64>,
    /// Converged when a sweep gains less, in nats a row [default: 1e-6]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) tol: Option<f64>,
    /// Sweeps at the most [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) max_iter: Option<usize>,
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
    /// Column that says how much each training row counts, as often as it is repeated; not a feature [default: each counts as one]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sample_weight: Option<String>,
    /// Fraction of the rows to hold out, by class; 0 trains on all [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Give each numeric column mean 0 and standard deviation 1 over the training rows [default: false; for svm true]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct VaeModelFlags {
    /// Units in each hidden layer of the encoder, such as 200,200; the decoder has them in the other order [default: 400]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub(crate) hidden_dim: Option<Vec<usize>>,
    /// What hidden units compute [default: relu]
    #[arg(long, value_name = "NAME", value_parser = ["relu", "tanh"])]
    pub(crate) activation: Option<String>,
    /// Dimensions of the latent z; of each stochastic layer from the images on, such as 100,50 [default: 20]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub(crate) latent_dim: Option<Vec<usize>>,
    /// Units in each hidden layer between two stochastic layers, on the way up [default: 100,100]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub(crate) upper_hidden_dim: Option<Vec<usize>>,
    /// Channels of convolutions before the encoder's hidden layers, such as 32,64, each of which halves the images' sides; the
    /// decoder has them in the other order [default: none]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub(crate) channels: Option<Vec<usize>>,
    /// What p(x | z) is [default: bernoulli]
    #[arg(long, value_name = "NAME", value_parser = ["bernoulli", "gaussian", "categorical"])]
    pub(crate) likelihood: Option<String>,
    /// Grey levels of a categorical likelihood, from 2 to 256 [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) levels: Option<usize>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct LogisticModelFlags {
    /// Penalty l2/2·‖w‖² beside the mean negative log-likelihood; intercepts are free; scikit-learn's C is 1/(rows·l2)
    /// [default: 0]
    #[arg(long, value_name = "L2", allow_negative_numbers = true)]
    pub(crate) l2: Option<f64>,
    /// Penalty l1·‖w‖₁, which makes weights zero; with --l2 the elastic net [default: 0]
    #[arg(long, value_name = "L1", allow_negative_numbers = true)]
    pub(crate) l1: Option<f64>,
    /// Lower bound of the weights; intercepts are free [default: none]
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub(crate) lower: Option<f64>,
    /// Upper bound of the weights [default: none]
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub(crate) upper: Option<f64>,
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
    /// newton, newton-cg, trust-ncg, l-bfgs, l-bfgs-b, owl-qn, bfgs, nonlinear-cg, gd [default: l-bfgs, with --lower or --upper
    /// l-bfgs-b, with --l1 owl-qn; unless an option of the method asks for an optimiser]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) solver: Option<SolverName>,
    /// Steps at the most [default: 10000; for gd 100000]
    #[arg(long, value_name = "N")]
    pub(crate) max_iter: Option<usize>,
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
    /// What adam and adamw keep of the mean gradient from step to step, in [0, 1) [default: 0.9]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub(crate) beta1: Option<f64>,
    /// What they keep of the mean squared gradient [default: 0.999]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub(crate) beta2: Option<f64>,
    /// What they add to its root, above 0 [default: 1e-8]
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub(crate) epsilon: Option<f64>,
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
    /// What is maximised: the ELBO, the importance-weighted bound (iwae), or that by the doubly reparameterised gradient (dreg)
    /// [default: elbo]
    #[arg(long, value_name = "NAME", value_parser = ["elbo", "iwae", "dreg"])]
    pub(crate) objective: Option<String>,
    /// Weight of the KL term [default: 1]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub(crate) beta: Option<f64>,
    /// Importance samples an image, for iwae and dreg [default: 5]
    #[arg(long, value_name = "K")]
    pub(crate) k: Option<usize>,
    /// Samples of z an image and step, for elbo [default: 1; with the default batch size, as many as make 128 of a batch]
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
    /// Steps between lines of the log; a solver writes each step to metrics.jsonl [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) log_every: Option<u64>,
    /// Checkpoints of an optimiser to keep besides the best [default: 2]
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
    /// Float type [default: f32; for logistic, gmm and svm f64 where the device has it]
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
