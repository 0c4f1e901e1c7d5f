//! `kiln lr-find logistic`.

use kiln::{
    data::Resident,
    train::{self, MaximumLikelihood},
};

use super::{
    flags::LogisticFlags,
    plan::{How, LogisticPlan},
    regression::{Regression, with_model},
    settings::{LogisticModel, LogisticSettings},
};
use crate::{
    base::{Console, Exit, Failure, Result},
    context::{Compute, Part, Purpose, Search, Source, load},
    names::{Dtype, OptimizerName},
    settings::SolverSettings,
};

/// Trains with growing learning rates, and reports where the loss falls fastest.
pub(crate) fn lr_find(
    search: Search,
    flags: &LogisticFlags,
    mut settings: LogisticSettings,
    console: Console,
) -> Result<Exit> {
    let plain = LogisticModel { l2: settings.model.l2, ..LogisticModel::default() };
    let by_solver = settings.solver != SolverSettings::default() || settings.model != plain;
    if by_solver || settings.data.sample_weight.is_some() {
        return Err(Failure::usage(
            "solvers choose their own step sizes: omit --solver, --max-iter and every option that needs a solver",
        ));
    }
    // The learning rate of full batches follows from the data, so there is nothing to find.
    settings.method.optimizer.get_or_insert(OptimizerName::Sgd);
    search.prepare(&mut settings.method)?;
    let train = &flags.train;
    let given = [
        train.epochs.is_some(),
        train.log_every.is_some(),
        train.keep.is_some(),
        train.gtol.is_some(),
        train.tensorboard,
    ];
    search.refuse(given.contains(&true))?;
    let compute = Compute::start(&settings.run, Dtype::F64)?;
    let source = Source::of_table(&settings.data, &settings.table, settings.run.seed);
    let data = load(&source, (Purpose::Classes, Part::Split), None, console)?;
    let plan = LogisticPlan::new(settings, data, compute)?;
    let How::Optimizer(optimizer) = &plan.how else {
        return Err(Failure::internal("a learning rate is only looked for with an optimizer"));
    };
    let config = search.config(optimizer.method.batch_size, plan.settings.run.seed);
    let method = optimizer.method.settings.optimizer(config.steps)?;
    let data = Resident::new(&plan.data.train, &plan.compute.device);
    let objective = MaximumLikelihood::new().l2(plan.settings.model.l2);
    let range = with_model!(plan.classes(), M => {
        let model = <M as Regression>::init(plan.data.train.features(), plan.classes(), &plan.compute);
        train::lr_find(&config, method, model, &objective, &data)?
    });
    search.report(&range, console)
}
