//! What a regression's run says of itself: `result.json`, and the lines on a terminal.

use kiln::models::Inference;
use serde::Serialize;

use crate::{record::Summary, rundir::RunDir, solver::SolverName};

/// `result.json`. The first four are SciPy's names.
#[derive(Debug, Serialize)]
pub(super) struct LogisticResult {
    #[serde(flatten)]
    pub(super) summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) solver: Option<SolverName>,
    /// The objective over all training rows at the final parameters: mean NLL + l2/2·‖w‖² + l1·‖w‖₁.
    pub(super) fun: f64,
    /// The largest absolute entry of its gradient; by a solver in the columns' scaled units, within bounds of the projected gradient, with
    /// an l1 penalty of the least subgradient.
    pub(super) grad_norm: f64,
    /// Steps.
    pub(super) nit: u64,
    /// Evaluations of the objective, each with its gradient.
    pub(super) nfev: u64,
    /// Gradients, and Hessians or products with one, that a solver took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) njev: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nhev: Option<u64>,
    pub(super) test: Option<Scores>,
    /// Of a maximum likelihood fit by a solver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inference: Option<Inference>,
    /// Weights that an l1 penalty left other than zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selected: Option<Selected>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Selected {
    pub(super) nonzero: usize,
    pub(super) of: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Scores {
    pub(super) n: usize,
    pub(super) accuracy: f64,
    /// Mean negative log-likelihood, in nats.
    pub(super) nll: f64,
}

pub(super) fn score_line(scores: &Scores) -> String {
    format!("test   accuracy {:.4}  nll {:.6}  ({} rows)", scores.accuracy, scores.nll, scores.n)
}

pub(super) fn text(dir: &RunDir, result: &LogisticResult) -> String {
    let Summary { status, steps, wall_s, .. } = &result.summary;
    let test = result.test.as_ref().map_or_else(String::new, |scores| format!("{}\n", score_line(scores)));
    // What a solver's message says beyond its status; how a run failed is said on standard error.
    let remark = match result.summary.message.split_once("; ") {
        Some((_, rest)) if result.solver.is_some() && *status == "converged" => format!("\n       {rest}"),
        _ => String::new(),
    };
    let selected = result.selected.map_or_else(String::new, |Selected { nonzero, of }| {
        format!("\n       {nonzero} of {of} weights are not zero")
    });
    format!(
        "{status}: {steps} steps in {wall_s:.1} s\ntrain  objective {:.9}  largest gradient entry {:.1e}{selected}{remark}\n{test}run    {}",
        result.fun,
        result.grad_norm,
        dir.path().display()
    )
}
