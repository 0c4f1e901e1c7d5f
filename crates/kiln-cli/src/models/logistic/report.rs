//! `result.json` of a regression, and the same for people.

use kiln::{
    burn::tensor::Tensor,
    data::{Dataset, Supervised},
    dist::Distribution,
    models::Inference,
};
use serde::Serialize;

use super::{
    fitted::{FittedRegression, Score},
    plan::LogisticPlan,
    regression::Regression,
};
use crate::{
    base::{Exit, Result, RunDir},
    context::{
        Classification, Predicted, Scored, Summary,
        tabular::{Fitted, with_test},
    },
    names::SolverName,
};

/// `result.json`, with SciPy's names.
#[derive(Debug, Serialize)]
pub(crate) struct LogisticReport {
    #[serde(flatten)]
    pub(super) summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) solver: Option<SolverName>,
    /// The objective over all training rows at the final parameters: mean NLL + l2/2·‖w‖² + l1·‖w‖₁.
    pub(super) fun: f64,
    /// The largest absolute entry of its gradient. A solver measures it in rescaled columns: of the projected gradient
    /// within bounds, and of the smallest subgradient with an l1 penalty.
    pub(super) grad_norm: f64,
    /// Steps.
    pub(super) nit: u64,
    /// Evaluations of the objective, each with its gradient.
    pub(super) nfev: u64,
    /// Evaluations of the gradient, and of the Hessian or products with it, by a solver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) njev: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nhev: Option<u64>,
    pub(super) test: Option<Score>,
    /// Of the test rows; of the training rows if none were held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) classification: Option<Classification>,
    /// For a maximum likelihood fit by a solver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inference: Option<Inference>,
    /// Weights that an l1 penalty did not set to zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selected: Option<Selected>,
    /// Features that depend linearly on others. The fit leaves them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dropped: Vec<Dropped>,
}

/// How well classes are predicted: of the test rows, or of the training rows if none were held out. Writes the curves.
pub(super) fn classification<M>(
    plan: &LogisticPlan,
    fitted: &FittedRegression<M>,
    dir: &RunDir,
) -> Result<Option<Classification>>
where
    M: Regression,
    Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    let data = &plan.data;
    let (rows, weights, scored) = match data.test.is_empty() {
        true => (&data.train, data.weights.as_deref(), Scored::Train),
        false => (&data.test, data.test_weights.as_deref(), Scored::Test),
    };
    let probabilities = fitted.probabilities(rows, &plan.compute.device);
    let predicted =
        Predicted { targets: rows.targets(), probabilities: &probabilities, classes: plan.classes(), weights };
    predicted.measures(scored, dir)
}

/// A feature that the fit left out.
#[derive(Debug, Serialize)]
pub(super) struct Dropped {
    pub(super) name: String,
    /// Such as `weekend = sat + sun`.
    pub(super) equation: String,
}

impl LogisticReport {
    /// How the fit ends, with its score on the test rows taken into account.
    pub(super) fn end_with_test<M>(&mut self, exit: Exit) -> Exit
    where
        M: Regression,
        Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let so_far = (self.summary.status, exit, std::mem::take(&mut self.summary.message));
        let (status, exit, message) = with_test::<FittedRegression<M>>(self.test.as_ref(), so_far);
        (self.summary.status, self.summary.message) = (status, message);
        exit
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Selected {
    pub(super) nonzero: usize,
    pub(super) of: usize,
}

pub(super) fn text<M>(report: &LogisticReport) -> String
where
    M: Regression,
    Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    let Summary { status, steps, wall_s, .. } = &report.summary;
    let test = report
        .test
        .as_ref()
        .map_or_else(String::new, |score| format!("\n{}", FittedRegression::<M>::score_line(score)));
    // A solver's message may say more than its status. Failures are reported on standard error.
    let remark = match report.summary.message.split_once("; ") {
        Some((_, rest)) if report.solver.is_some() && *status == "converged" => format!("\n       {rest}"),
        _ => String::new(),
    };
    let selected = report.selected.map_or_else(String::new, |Selected { nonzero, of }| {
        format!("\n       {nonzero} of {of} weights are not zero")
    });
    let dropped: String =
        report.dropped.iter().map(|dropped| format!("\n       dropped {}", dropped.equation)).collect();
    let classification =
        report.classification.as_ref().map_or_else(String::new, |measures| format!("\n{}", measures.line()));
    format!(
        "{status}: {steps} steps in {wall_s:.1} s\n\
         train  objective {:.9}  largest gradient entry {:.1e}{selected}{dropped}{remark}{test}{classification}",
        report.fun, report.grad_norm
    )
}
