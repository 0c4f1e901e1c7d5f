//! `kiln lr-find vae`.

use kiln::train;

use super::{data::ImageSet, flags::VaeFlags, plan::VaePlan, settings::VaeSettings};
use crate::{
    base::{Console, Exit, Result},
    context::{Compute, Search},
    names::Dtype,
};

/// Trains with growing learning rates, and reports where the loss falls fastest.
pub(crate) fn lr_find(search: Search, flags: &VaeFlags, mut settings: VaeSettings, console: Console) -> Result<Exit> {
    search.prepare(&mut settings.method)?;
    let train = &flags.train;
    let of_run = [train.final_model.is_some(), train.tensorboard, flags.fit_prior.is_some()].contains(&true);
    let given = [of_run, train.epochs.is_some(), train.log_every.is_some(), train.keep.is_some()];
    search.refuse(given.contains(&true))?;
    let compute = Compute::start(&settings.run, Dtype::F32)?;
    let data = ImageSet::load(&settings, console)?;
    // All learning rates are tried on the same objective.
    settings.train.kl_warm_up.get_or_insert(0);
    let plan = VaePlan::new(settings, data, compute)?;
    plan.memory().check()?;
    let config = search.config(plan.method.batch_size, plan.settings.run.seed);
    let optimizer = plan.method.settings.optimizer(config.steps)?;
    let model = plan.model.init(plan.settings.run.seed, &plan.compute.device.clone().autodiff())?;
    let range = train::lr_find(&config, optimizer, model, &plan.objective, &plan.data.train)?;
    search.report(&range, console)
}
