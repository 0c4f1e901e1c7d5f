//! The flags of `kiln fit-curve`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kiln::optim::least_squares::Loss;

use crate::{base::count, flags::FormatFlags};

#[derive(Args, Debug)]
pub(crate) struct FitCurveFlags {
    /// Table: text with a header row (CSV, TSV, …; also .gz and .zst), Parquet, Arrow or NumPy file; '-' for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Curve, such as 'y ~ a*exp(-b*x) + c'. Names that are no columns are parameters
    #[arg(long, value_name = "CURVE")]
    pub(crate) formula: String,
    /// Start of each parameter, such as a=1,b=0.5,c=0
    #[arg(long, value_name = "NAME=NUMBER,…", value_delimiter = ',', allow_hyphen_values = true, required = true)]
    pub(crate) start: Vec<String>,
    /// Lower bounds of parameters, such as b=0 [default: none]
    #[arg(long, value_name = "NAME=NUMBER,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) lower: Vec<String>,
    /// Upper bounds of parameters [default: none]
    #[arg(long, value_name = "NAME=NUMBER,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) upper: Vec<String>,
    /// Column with the standard deviations of the response, up to a common factor [default: all equal]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sigma: Option<String>,
    /// --sigma has the units of the response: standard errors are not scaled by the residuals
    #[arg(long, requires = "sigma")]
    pub(crate) absolute_sigma: bool,
    /// Loss of a residual: linear, soft-l1, huber, cauchy or arctan; all but linear are robust to outliers
    #[arg(long, value_name = "LOSS", default_value = "linear", hide_possible_values = true)]
    pub(crate) loss: LossName,
    /// Residual beyond which a robust loss grows more slowly
    #[arg(long, value_name = "R", default_value_t = 1.0)]
    pub(crate) loss_scale: f64,
    /// Probability of the intervals
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    pub(crate) level: f64,
    /// Maximum number of evaluations of the curve [default: 200·(parameters + 1)]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) max_evaluations: Option<usize>,
    /// Folder for coef.csv, fitted.csv, result.json and curve.png [default: not written]
    #[arg(long, value_name = "DIR", alias = "output")]
    pub(crate) out: Option<PathBuf>,
    /// Replace existing files
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) format: FormatFlags,
}

/// A loss, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LossName {
    Linear,
    #[value(alias = "soft_l1")]
    SoftL1,
    Huber,
    Cauchy,
    Arctan,
}

impl LossName {
    pub(super) fn loss(self) -> Loss {
        match self {
            Self::Linear => Loss::Linear,
            Self::SoftL1 => Loss::SoftL1,
            Self::Huber => Loss::Huber,
            Self::Cauchy => Loss::Cauchy,
            Self::Arctan => Loss::Arctan,
        }
    }
}
