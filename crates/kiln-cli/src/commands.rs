//! The commands that are not about training one of the models.

mod collectives;
mod completions;
mod cv;
mod describe;
mod fit_curve;
mod images;
mod list;
mod lr_find;
mod rates;
mod solve;
mod verify;
mod vi;

pub(crate) use self::{
    collectives::{CollectivesFlags, bench_collectives},
    completions::{CompletionsFlags, ManFlags, completions, man},
    cv::{Cv, cv},
    describe::{DescribeFlags, describe},
    fit_curve::{FitCurveFlags, fit_curve},
    images::{latent, reconstruct, sample},
    list::{DatasetsFlags, datasets, devices, schedules},
    lr_find::{LrFind, lr_find},
    rates::{RatesFlags, rates},
    solve::{SolveFlags, solve},
    verify::verify,
    vi::{ViFlags, vi},
};
