//! The fit of a guide to a built-in model.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::solver::Stop,
    tensor::Stream,
    train::vi::{
        Delta, Estimator, FullRank, GradientMoments, Guide, Importance, Laplace, LogJoint, LowRank, MeanField,
        SampleAverage, Svi, SviStatus, gradient_moments, laplace,
    },
};

use super::model::Model;
use crate::{
    config::{Dtype, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{GuideName, StepSize, ViFlags},
    machine::Machine,
};

/// What a fit leaves.
pub(super) struct Fitted {
    pub(super) importance: Importance,
    pub(super) has_density: bool,
    pub(super) trace: Vec<f64>,
    pub(super) lr: Option<f64>,
    pub(super) status: &'static str,
    pub(super) exit: Exit,
    /// What there is to say of a solver that did not converge.
    pub(super) trouble: Option<String>,
    pub(super) gradient: Option<GradientMoments>,
}

/// The fit, and Laplace's ln p(data) where the mode was looked for.
pub(super) fn fit(
    model: &Model,
    flags: &ViFlags,
    draws: usize,
    machine: &Machine,
    console: Console,
) -> Result<(Fitted, Option<f64>)> {
    let (d, device) = (model.dims(), &machine.device);
    let guide = flags.inference.guide();
    let rank = flags.inference.rank.unwrap_or(3);
    require((1..=d).contains(&rank), "rank", &format!("from 1 to {d}"), rank)?;
    match guide {
        GuideName::MeanField => return Ok((raise(model, MeanField::new(d, device), flags, draws)?, None)),
        GuideName::Delta => return Ok((raise(model, Delta::new(d, device), flags, draws)?, None)),
        GuideName::LowRank => {
            let from = LowRank::new(d, rank, device, &mut Stream::new(flags.seed, "low-rank", 0, 0));
            return Ok((raise(model, from, flags, draws)?, None));
        }
        GuideName::FullRank | GuideName::Laplace => {}
    }
    let start = Tensor::from_data(TensorData::new(vec![0.0; d], [d]), device);
    let gtol = if machine.dtype == Dtype::F64 { 1e-8 } else { 1e-3 };
    let (from, evidence) = match laplace(model, start, &Stop { gtol, ..Stop::default() }) {
        Ok(Laplace { posterior, log_evidence, .. }) => {
            let (loc, factor) = (posterior.loc().squeeze_dim(0), posterior.scale_tril().squeeze_dim(0));
            (FullRank::from_parts(loc, factor), Some(log_evidence))
        }
        Err(error) if guide == GuideName::Laplace => {
            return Err(Failure { message: error.to_string(), exit: Exit::NotConverged });
        }
        Err(error) => {
            console.note(format_args!("from N(0, 0.1²) on: {error}"));
            (FullRank::new(d, device), None)
        }
    };
    if guide == GuideName::Laplace {
        let importance = Importance::new(model, &from, draws, &mut Stream::new(flags.seed, "draws", 0, 0));
        let fitted = Fitted {
            importance,
            has_density: true,
            trace: vec![],
            lr: None,
            status: "completed",
            exit: Exit::Done,
            trouble: None,
            gradient: None,
        };
        return Ok((fitted, evidence));
    }
    Ok((raise(model, from, flags, draws)?, evidence))
}

/// Raises the bound from `guide` on, by Adam or over fixed draws.
fn raise<G: Guide>(model: &Model, guide: G, flags: &ViFlags, draws: usize) -> Result<Fitted> {
    let has_density = guide.has_density();
    let asked = &flags.inference;
    if let Some(fixed) = asked.fixed_draws {
        let average = SampleAverage { draws: fixed, evaluation: draws, seed: flags.seed, ..SampleAverage::default() };
        let fit = average.fit(model, guide)?;
        let success = fit.outcome.success;
        return Ok(Fitted {
            importance: fit.importance,
            has_density,
            trace: fit.outcome.history.iter().map(|iteration| -iteration.value).collect(),
            lr: None,
            status: if success { "converged" } else { "not-converged" },
            exit: if success { Exit::Done } else { Exit::NotConverged },
            trouble: (!success).then_some(fit.outcome.message),
            gradient: None,
        });
    }
    let svi = Svi {
        estimator: asked.estimator.unwrap_or(Estimator::StickingTheLanding),
        particles: asked.particles.unwrap_or(16),
        steps: asked.steps.unwrap_or(3000),
        lr: asked.lr.map_or(Some(0.01), |StepSize(lr)| lr),
        tol_rel: asked.tol_rel.unwrap_or(0.0),
        evaluation: draws,
        seed: flags.seed,
    };
    let fit = svi.fit(model, guide)?;
    if fit.status == SviStatus::Diverged {
        let message = format!("the bound is not finite after {} steps: give a smaller --lr", fit.trace.len());
        return Err(Failure { message, exit: Exit::Diverged });
    }
    // Two hundred gradients more, which only the file tells of.
    let moments = || gradient_moments(model, &fit.guide, svi.estimator, svi.particles, 200, svi.seed);
    let gradient = flags.out.is_some().then(moments).transpose()?;
    Ok(Fitted {
        importance: fit.importance,
        has_density,
        trace: fit.trace,
        lr: Some(fit.lr),
        status: if fit.status == SviStatus::Converged { "converged" } else { "completed" },
        exit: Exit::Done,
        trouble: None,
        gradient,
    })
}
