//! A regression by an optimizer, on minibatches or on full batches.

use kiln::{
    burn::tensor::Tensor,
    data::{Dataset, Resident, Supervised},
    dist::Distribution,
    train::{MaximumLikelihood, TrainStatus, full_gradient},
};

use super::{
    coefficients::coefficient_table,
    fitted::FittedRegression,
    plan::{LogisticPlan, OptimizerPlan},
    regression::Regression,
    report::{LogisticReport, classification, text},
};
use crate::{
    base::{Exit, Result},
    context::{Finished, Session, Summary, continue_or_finish, exit_of, tabular::Fitted, trainer},
};

pub(super) fn fit<M>(
    plan: &LogisticPlan,
    optimizer: &OptimizerPlan,
    session: &Session<'_>,
) -> Result<Finished<LogisticReport>>
where
    M: Regression,
    Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    let LogisticPlan { settings, data, compute, .. } = plan;
    let (device, dir) = (&compute.device, session.dir);
    let trainer = trainer(
        optimizer.config.clone(),
        optimizer.method.optimizer()?,
        session,
        (settings.train.keep, settings.train.tensorboard),
    );
    let model = M::init(data.train.features(), plan.classes(), compute);
    let train = Resident::new(&data.train, device);
    let test = (!data.test.is_empty()).then(|| Resident::new(&data.test, device));
    let objective = MaximumLikelihood::new().l2(settings.model.l2);
    let (outcome, total_wall_s) =
        continue_or_finish(session, trainer, model, (&objective, optimizer.epochs), (&train, test.as_ref()))?;

    let full = full_gradient(&outcome.model.clone().train(), &objective, &train, 0)?;
    let fitted = FittedRegression::<M>::new(&outcome.model);
    let mut report = LogisticReport {
        summary: Summary::of(&outcome),
        solver: None,
        fun: full.loss,
        grad_norm: full.max_abs_grad,
        nit: outcome.steps,
        nfev: outcome.gradients,
        njev: None,
        nhev: None,
        test: (!data.test.is_empty())
            .then(|| fitted.score(&data.test, data.test_weights.as_deref(), compute))
            .transpose()?,
        classification: None,
        inference: None,
        selected: None,
        dropped: Vec::new(),
    };
    let mut exit = exit_of(&outcome.status);
    if outcome.status == TrainStatus::Completed && optimizer.is_full_batch {
        exit = Exit::NotConverged;
        report.summary.status = "not-converged";
        report.summary.message = format!(
            "not converged after {} steps: the gradient is {:.1e}, above --gtol; increase --epochs, or try --standardize or an \
             --l2 above 0",
            outcome.steps, full.max_abs_grad
        );
    }
    // A user who skips gradients that are not finite has rows that are not.
    let skips = settings.method.skip_non_finite.is_some_and(|n| n > 0);
    if exit != Exit::Diverged && !skips && !full.loss.is_finite() {
        exit = Exit::Diverged;
        report.summary.status = "diverged";
        report.summary.message = "the objective over all rows is not finite: reduce --lr or --l2".to_owned();
    }
    if exit != Exit::Diverged {
        dir.write_model(&outcome.model)?;
        dir.write("coef.csv", &coefficient_table(&outcome.model, &data.encoder, &[], None)?)?;
        report.classification = classification(plan, &fitted, dir)?;
    }
    let exit = report.end_with_test::<M>(exit);
    let message = report.summary.message.clone();
    Ok(Finished { text: text::<M>(&report), report, exit, message, total_wall_s })
}
