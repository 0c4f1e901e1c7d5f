//! The flags of `kiln train glm`, as the tables of its settings.

use clap::Args;
use serde::Serialize;

use crate::{
    base::count,
    flags::{ReadingFlags, RunFlags, TabularDataFlags},
};

#[derive(Args, Debug, Serialize)]
pub(crate) struct GlmFlags {
    #[command(flatten)]
    pub(super) data: TabularDataFlags,
    #[command(flatten)]
    pub(super) table: ReadingFlags,
    #[command(flatten)]
    pub(super) model: GlmModelFlags,
    #[command(flatten)]
    pub(super) rows: RowFlags,
    #[command(flatten)]
    pub(super) inference: InferenceFlags,
    #[command(flatten)]
    pub(super) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct GlmModelFlags {
    /// Distribution of the response: gaussian, binomial, poisson, negative-binomial, gamma, inverse-gaussian, multinomial, ordinal, zero-inflated-poisson [default: gaussian]
    #[arg(long, value_name = "NAME")]
    pub(super) family: Option<String>,
    /// Link function: identity, log, logit, probit, cloglog, inverse, inverse-squared or sqrt, if the family has it [default: that of the family]
    #[arg(long, value_name = "NAME")]
    pub(super) link: Option<String>,
    /// Response and terms, as in 'y ~ x + C(group) * log(z)'; in place of --target and --features
    #[arg(long, value_name = "FORMULA")]
    pub(super) formula: Option<String>,
    /// Column that is added to the linear predictor
    #[arg(long, value_name = "COLUMN")]
    pub(super) offset: Option<String>,
    /// Column whose logarithm is added to the linear predictor, such as a time of observation
    #[arg(long, value_name = "COLUMN")]
    pub(super) exposure: Option<String>,
    /// Terms of the probability of additional zeros, as in 'x + z' [default: a constant]
    #[arg(long, value_name = "FORMULA")]
    pub(super) inflation: Option<String>,
    /// θ of the negative binomial distribution, variance μ + μ²/θ [default: estimated]
    #[arg(long, value_name = "THETA", allow_negative_numbers = true)]
    pub(super) theta: Option<f64>,
    /// Classes in their order; the first is the reference
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(super) levels: Option<Vec<String>>,
    /// Firth's penalty for binomial with logit link: less bias, and finite estimates for separable classes [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(super) firth: Option<bool>,
    /// Penalty l2/2·‖b‖² added to the mean loss; no standard errors then [default: 0]
    #[arg(long, value_name = "L2", allow_negative_numbers = true)]
    pub(super) l2: Option<f64>,
    /// Penalty l1·‖b‖₁ added to the mean loss, which sets some coefficients to 0; no standard errors then [default: 0]
    #[arg(long, value_name = "L1", allow_negative_numbers = true)]
    pub(super) l1: Option<f64>,
    /// Maximum number of iterations [default: 1000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(super) max_iter: Option<usize>,
    /// Stop when no entry of the gradient exceeds TOL, in scaled columns [default: 1e-11; 1e-8 with more than 500 coefficients or --l1]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(super) gtol: Option<f64>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Memory")]
pub(crate) struct RowFlags {
    /// For data larger than memory: read them in chunks, and keep the encoded rows in a temporary file, in TMPDIR [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(super) stream: Option<bool>,
    /// How encoded features are kept: f64, f32 (half the memory; sums are in f64), sparse (without zeros), or auto: sparse for LIBSVM files, f64 otherwise [default: auto]
    #[arg(long, value_name = "TYPE", value_parser = ["auto", "f64", "f32", "sparse"], hide_possible_values = true)]
    pub(super) storage: Option<String>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Inference")]
pub(crate) struct InferenceFlags {
    /// Standard errors: nonrobust, hc0, hc1, hc2, hc3, or cluster [default: nonrobust]
    #[arg(long, value_name = "TYPE", value_parser = ["nonrobust", "hc0", "hc1", "hc2", "hc3", "cluster"], hide_possible_values = true)]
    pub(super) cov_type: Option<String>,
    /// Column whose values are the clusters, for --cov-type cluster
    #[arg(long, value_name = "COLUMN")]
    pub(super) cluster: Option<String>,
    /// Information matrix: expected, or observed [default: that of the family]
    #[arg(long, value_name = "WHICH", value_parser = ["expected", "observed"], hide_possible_values = true)]
    pub(super) information: Option<String>,
    /// Level of the confidence intervals [default: 0.95]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(super) level: Option<f64>,
    /// Test each term by a likelihood ratio: fit the model without it (terms.csv) [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(super) lr_tests: Option<bool>,
    /// Compute average marginal effects (margins.csv) [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(super) margins: Option<bool>,
    /// Compute intervals by the profile likelihood (profile.csv) [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(super) profile: Option<bool>,
    /// Write residuals, leverages and Cook's distances (influence.csv) [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(super) influence: Option<bool>,
}
