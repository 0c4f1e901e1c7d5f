//! The commands that are not about training one of the models.

mod collectives;
mod compare;
mod completions;
mod cv;
mod describe;
mod fit_curve;
mod images;
mod list;
mod lr_find;
mod posterior_report;
mod rates;
mod recorded;
mod report;
mod solve;
mod verify;
mod vi;

pub(crate) use self::{
    collectives::{CollectivesFlags, bench_collectives},
    compare::{CompareFlags, compare},
    completions::{CompletionsFlags, ManFlags, completions, man},
    cv::{Cv, cv},
    describe::{DescribeFlags, describe},
    fit_curve::{FitCurveFlags, fit_curve},
    images::{embed, latent, reconstruct, sample, score},
    list::{DatasetsFlags, datasets, devices, schedules},
    lr_find::{LrFind, lr_find},
    rates::{RatesFlags, rates},
    report::{ReportFlags, report},
    solve::{SolveFlags, solve},
    verify::verify,
    vi::{ViFlags, vi},
};
