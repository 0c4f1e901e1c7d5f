//! Certificates of a regression: that its fit is a minimum, or that no minimum exists.

use std::path::Path;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::Dataset,
    models::{RegressionLoss, Separation, Sides},
    optim::constrained::{Bounded, Certifiable, Certificate, Split, joined, split},
    tensor::{device::machine_epsilon, flat::Layout},
};
use serde::{Deserialize, Serialize};

use super::{
    plan::{LARGEST_HESSIAN, LogisticPlan},
    regression::{Regression, with_model},
    settings::{LogisticModel, LogisticSettings},
};
use crate::{
    base::{Exit, Failure, Result, to_vec},
    context::{
        Opened, Part, Purpose, Source,
        certificate::{Checked, Kind, certify, read, same_model, say},
        check_certified, load,
        tabular::encoder,
    },
    names::Dtype,
};

/// `certificate.json` of a fit that converged: the point is a minimum. It is in the units of
/// [`RegressionLoss::rescaled`], in which the solver works. With an l1 penalty it is split as in [`Split`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FitCertificate {
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) certificate: Certificate,
}

impl FitCertificate {
    const KIND: &'static str = "fit";

    pub(super) fn new(certificate: Certificate) -> Self {
        Self { kind: Self::KIND.to_owned(), certificate }
    }
}

/// `certificate.json` of a fit without a solution: a plane separates the classes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SeparationCertificate {
    pub(super) kind: String,
    /// The features in the order of the weights, which are in the units of `coef`.
    pub(super) features: Vec<String>,
    /// The second of two classes is on the positive side.
    pub(super) classes: Vec<String>,
    #[serde(flatten)]
    pub(super) separation: Separation,
}

impl SeparationCertificate {
    pub(super) const KIND: &'static str = "separation";
}

/// Returns the certificate that x is a minimum, or why there is none.
pub(super) fn certificate(
    plan: &LogisticPlan,
    loss: &RegressionLoss,
    x: &Tensor<1>,
) -> std::result::Result<Certificate, String> {
    if !plan.is_small() {
        return Err(format!("more than {LARGEST_HESSIAN} parameters"));
    }
    // A fit may end at rounding errors, above a tolerance that is as small.
    let largest = if plan.compute.dtype == Dtype::F64 { 1e-8 } else { 1e-5 };
    let (tol, model) = (plan.gtol.max(largest), &plan.settings.model);
    let x = if model.l1 > 0.0 { split(x.clone()) } else { x.clone() };
    as_problem(model, loss, |problem| {
        let multipliers = problem.bound_multipliers(&x, &[], &[], tol).map_err(|error| error.to_string())?;
        certify(problem, &x, &multipliers, tol)
    })
}

/// The loss with its bounds or its penalty, as a constrained problem.
fn as_problem<T>(model: &LogisticModel, loss: &RegressionLoss, then: impl FnOnce(&dyn Certifiable) -> T) -> T {
    let LogisticModel { lower, upper, l1, .. } = *model;
    if l1 > 0.0 {
        let (smooth, n) = (Split::new(loss, loss.l1_weights(l1)), 2 * loss.start().dims()[0]);
        let smooth = smooth.expect("checked with the settings");
        let bounded = Bounded::new(&smooth, vec![0.0; n], vec![f64::INFINITY; n]);
        return then(&bounded.expect("each lower bound is below its upper bound").convex());
    }
    let (lower, upper) = loss.bounds(lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY));
    let bounded = Bounded::new(loss, to_vec(lower), to_vec(upper));
    then(&bounded.expect("checked with the settings").convex())
}

/// `kiln verify` of a regression.
pub(super) fn verify(run: Opened<LogisticSettings>, path: &Path) -> Result<Exit> {
    let Kind { kind } = read(path)?;
    if kind != FitCertificate::KIND && kind != SeparationCertificate::KIND {
        return Err(Failure::usage(format!("{} is a certificate of another kind: {kind}", path.display())));
    }
    let source = Source::of_table(&run.settings.data, &run.settings.table, run.settings.run.seed);
    let data = load(&source, (Purpose::Classes, Part::Split), Some(encoder(&run)?), run.console)?;
    check_certified(&run.record, &data.record)?;
    let plan = LogisticPlan::new(run.settings.clone(), data, run.compute.clone())?;
    if kind == SeparationCertificate::KIND {
        return verify_separation(&run, &plan, path);
    }
    let FitCertificate { certificate, .. } = read(path)?;
    let checked = with_model!(plan.classes(), M => {
        let template = <M as Regression>::init(plan.data.train.features(), plan.classes(), &plan.compute);
        let model = run.load_module(template, |_, template| Ok(template))?;
        verify_fit(&plan, &certificate, &model)?
    });
    say(&run.dir.path().display().to_string(), checked, run.console)
}

/// Checks a certificate against the data: that its point is a minimum, and the model's.
fn verify_fit<M: Regression>(plan: &LogisticPlan, certificate: &Certificate, model: &M) -> Result<Checked> {
    let (loss, device, settings) = (plan.loss()?, &plan.compute.device, &plan.settings.model);
    let found = match as_problem(settings, &loss, |problem| certificate.verify(problem, device)) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let x = Tensor::<1>::from_data(TensorData::new(found.x.clone(), [found.x.len()]), device);
    let x = if settings.l1 > 0.0 { joined(&x) } else { x };
    let (own, certified) = (Layout::of(model).flatten(model), plan.parameters(&loss, &x));
    let epsilon = machine_epsilon(x.dtype());
    Ok(same_model(&to_vec(own), &to_vec(certified), epsilon).map(|()| found))
}

fn verify_separation(run: &Opened<LogisticSettings>, plan: &LogisticPlan, path: &Path) -> Result<Exit> {
    let SeparationCertificate { separation, features, classes, .. } = read(path)?;
    let (model, data, columns) = (&plan.settings.model, &plan.data, plan.columns());
    let of_another = features != data.encoder.feature_names() || classes != data.encoder.class_names();
    if of_another || model.is_penalised() || !model.is_open_to(&separation.weights) {
        let why = if of_another { "it is of other data" } else { "the run's penalty or bounds give it a minimum" };
        return Err(Failure { message: format!("the certificate does not hold: {why}"), exit: Exit::NotConverged });
    }
    let train = &data.train;
    if separation.intercepts.len() != columns {
        let got = separation.intercepts.len();
        return Err(Failure::usage(format!(
            "the certificate has weights for {got} classes, and the data need {columns}"
        )));
    }
    let sides = separation.sides(train.inputs(), train.targets()).map_err(Failure::usage)?;
    let Sides { on_the_plane, wrong, complete, separates, .. } = sides;
    let holds = separates && on_the_plane == separation.on_the_plane && separation.complete == complete;
    let rows = train.len();
    let result =
        serde_json::json!({ "holds": holds, "rows": rows, "on_the_plane": on_the_plane, "on_the_wrong_side": wrong });
    run.console.result(&result, || {
        let verdict = if holds { "holds" } else { "does not hold" };
        format!(
            "the separation {verdict}: of {rows} rows, {on_the_plane} lie on the hyperplanes, {wrong} on the wrong side of one, and \
             {} on their own side",
            sides.right
        )
    })?;
    if holds {
        return Ok(Exit::Done);
    }
    Err(Failure { message: "the certificate does not hold for the run's data".into(), exit: Exit::NotConverged })
}
