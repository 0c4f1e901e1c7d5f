//! What shows that a fit is a minimum, or that there is none; made, and checked.

use std::path::Path;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::Dataset,
    models::{LogisticRegression, RegressionLoss, Separation, Sides, SoftmaxRegression},
    optim::constrained::{Bounded, Certifiable, Certificate, Split, joined, split},
    tensor::{device::rounding_unit, flat::Layout},
};
use serde::{Deserialize, Serialize};

use super::{
    Job,
    fit::LARGEST_HESSIAN,
    regression::{Regression, with_model},
};
use crate::{
    config::{Dtype, LogisticModel, LogisticSettings},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::MachineFlags,
    rundir::RunDir,
    verify::{Checked, Kind, certify, read, same_model, say},
};

/// `certificate.json` of a fit that converged: what shows that it is a minimum, for `kiln verify`. The point is in the units of
/// [`RegressionLoss::rescaled`], in which the solver works; with an l1 penalty it is what [`Split`] makes of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FitCertificate {
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) certificate: Certificate,
}

impl FitCertificate {
    pub(super) const KIND: &'static str = "fit";
}

/// `certificate.json`: what shows that the fit has no solution, for `kiln verify`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SeparationCertificate {
    pub(super) kind: String,
    /// In the order of the weights, which are in the units of `coef`.
    pub(super) features: Vec<String>,
    /// Of two the second is on the positive side.
    pub(super) classes: Vec<String>,
    #[serde(flatten)]
    pub(super) separation: Separation,
}

impl SeparationCertificate {
    pub(super) const KIND: &'static str = "separation";
}

impl Job {
    /// What shows that x is a minimum, or why nothing does.
    pub(super) fn certificate(&self, loss: &RegressionLoss, x: &Tensor<1>) -> std::result::Result<Certificate, String> {
        if !self.is_small() {
            return Err(format!("more than {LARGEST_HESSIAN} parameters"));
        }
        let tol = self.settings.train.gtol.expect("settled");
        let x = if self.settings.model.l1 > 0.0 { split(x.clone()) } else { x.clone() };
        self.as_problem(loss, |problem| {
            let multipliers = problem.bound_multipliers(&x, &[], &[], tol).map_err(|error| error.to_string())?;
            certify(problem, &x, &multipliers, tol)
        })
    }

    /// Checks a certificate against the data: that its point is a minimum, and the model's.
    fn verify_fit<M: Regression>(&self, certificate: &Certificate, model: &M) -> Result<Checked> {
        let (loss, device) = (self.loss()?, &self.machine.device);
        let found = match self.as_problem(&loss, |problem| certificate.verify(problem, device)) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let x = Tensor::<1>::from_data(TensorData::new(found.x.clone(), [found.x.len()]), device);
        let x = if self.settings.model.l1 > 0.0 { joined(&x) } else { x };
        let (own, certified) = (Layout::of(model).flatten(model), loss.parameters(&x));
        let rounding = rounding_unit(x.dtype());
        Ok(same_model(&crate::to_vec(own), &crate::to_vec(certified), rounding).map(|()| found))
    }

    /// The loss with its bounds, or its penalty.
    fn as_problem<T>(&self, loss: &RegressionLoss, then: impl FnOnce(&dyn Certifiable) -> T) -> T {
        let LogisticModel { lower, upper, l1, .. } = self.settings.model;
        if l1 > 0.0 {
            let (smooth, n) = (Split::new(loss, loss.l1_weights(l1)), 2 * loss.start().dims()[0]);
            let smooth = smooth.expect("checked with the settings");
            let bounded = Bounded::new(&smooth, vec![0.0; n], vec![f64::INFINITY; n]);
            return then(&bounded.expect("they are one below the other").convex());
        }
        let (lower, upper) = loss.bounds(lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY));
        let bounded = Bounded::new(loss, crate::to_vec(lower), crate::to_vec(upper));
        then(&bounded.expect("checked with the settings").convex())
    }
}

/// `kiln verify`.
pub(crate) fn verify(
    dir: &RunDir,
    path: &Path,
    settings: LogisticSettings,
    flags: &MachineFlags,
    console: Console,
) -> Result<Exit> {
    let Kind { kind } = read(path)?;
    super::check(&settings)?;
    if kind == FitCertificate::KIND {
        let FitCertificate { certificate, .. } = read(path)?;
        let mut settings = settings;
        // Whatever the run says.
        settings.run.dtype = Some(Dtype::F64);
        let job = Job::reopen(dir, settings, flags, console)?;
        let checked = with_model!(job.classes(), M => {
            job.verify_fit(&certificate, &dir.load_model(job.model::<M>())?)?
        });
        return say(&dir.path().display().to_string(), checked, console);
    }
    if kind != SeparationCertificate::KIND {
        return Err(Failure::usage(format!("{} is a certificate of another kind: {kind}", path.display())));
    }
    let SeparationCertificate { separation, features, classes, .. } = read(path)?;
    let job = Job::reopen(dir, settings, flags, console)?;
    let model = &job.settings.model;
    let of_another = features != job.encoder.feature_names() || classes != job.encoder.class_names();
    if of_another || model.is_penalised() || !model.is_open_to(&separation.weights) {
        let why = if of_another { "it is of other data" } else { "the run's penalty or bounds give it a minimum" };
        return Err(Failure { message: format!("the certificate does not hold: {why}"), exit: Exit::NotConverged });
    }
    let train = &job.train;
    let columns = job.columns();
    if separation.intercepts.len() != columns {
        let got = separation.intercepts.len();
        return Err(Failure::usage(format!("the certificate has weights of {got} classes, the data need {columns}")));
    }
    let sides = separation.sides(train.inputs(), train.targets()).map_err(Failure::usage)?;
    let Sides { on_the_plane, wrong, separates, .. } = sides;
    let holds = separates && on_the_plane == separation.on_the_plane && separation.complete == (on_the_plane == 0);
    let rows = train.len();
    let result =
        serde_json::json!({ "holds": holds, "rows": rows, "on_the_plane": on_the_plane, "on_the_wrong_side": wrong });
    console.result(&result, || {
        let verdict = if holds { "holds" } else { "does not hold" };
        format!(
            "the separation {verdict}: of {rows} rows {on_the_plane} lie on the plane, {wrong} on the wrong side of it"
        )
    });
    if holds {
        return Ok(Exit::Done);
    }
    Err(Failure { message: "the certificate does not hold for the run's data".into(), exit: Exit::NotConverged })
}
