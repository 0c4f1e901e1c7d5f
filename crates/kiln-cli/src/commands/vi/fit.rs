//! The fit of a guide to a built-in model.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::solver::Stop,
    tensor::Stream,
    train::vi::{
        Delta, FullRank, GradientMoments, Guide, Importance, LaplaceApproximation, LowRank, MeanField, SampleAverage,
        Svi, SviStatus, gradient_moments, laplace,
    },
};

use super::{
    flags::{GuideName, StepSize, ViFlags},
    model::Model,
};
use crate::{
    base::{Console, Exit, Failure, Result, require},
    context::Compute,
    names::Dtype,
};

/// The result of a fit.
pub(super) struct Fitted {
    pub(super) importance: Importance,
    pub(super) has_density: bool,
    pub(super) trace: Vec<f64>,
    pub(super) lr: Option<f64>,
    pub(super) status: &'static str,
    pub(super) exit: Exit,
    /// Why a solver did not converge.
    pub(super) trouble: Option<String>,
    pub(super) gradient: Option<GradientMoments>,
}

/// Fits. Returns Laplace's ln p(data) too, if the mode was computed.
pub(super) fn fit(
    model: &Model,
    flags: &ViFlags,
    draws: usize,
    compute: &Compute,
    console: Console,
) -> Result<(Fitted, Option<f64>)> {
    let (d, device) = (model.size(), &compute.device);
    let guide = flags.inference.guide();
    // A model with few parameters has no rank of 3; the default adapts.
    let rank = flags.inference.rank.unwrap_or(3.min(d));
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
    let gtol = if compute.dtype == Dtype::F64 { 1e-8 } else { 1e-3 };
    let (from, evidence) = match laplace(model, start, &Stop { gtol, ..Stop::default() }) {
        Ok(LaplaceApproximation { posterior, log_evidence, .. }) => {
            let (loc, factor) = (posterior.loc().squeeze_dim(0), posterior.scale_tril().squeeze_dim(0));
            (FullRank::from_parts(loc, factor)?, Some(log_evidence))
        }
        Err(error) if guide == GuideName::Laplace => {
            return Err(Failure { message: error.to_string(), exit: Exit::NotConverged });
        }
        Err(error) => {
            console.note(format_args!("starting from N(0, 0.1²) instead of the mode: {error}"));
            (FullRank::new(d, device), None)
        }
    };
    if guide == GuideName::Laplace {
        let importance = Importance::new(model, &from, draws, &mut Stream::new(flags.seed, "draws", 0, 0))?;
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

/// Maximises the bound from `guide`, by Adam or over fixed draws.
fn raise<G: Guide>(model: &Model, guide: G, flags: &ViFlags, draws: usize) -> Result<Fitted> {
    let has_density = guide.has_density();
    let asked = &flags.inference;
    if let Some(fixed) = asked.fixed_draws {
        let average =
            SampleAverage { draws: fixed, evaluation_draws: draws, seed: flags.seed, ..SampleAverage::default() };
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
        estimator: asked.estimator.unwrap_or(Svi::DEFAULT.estimator),
        particles: asked.particles.unwrap_or(Svi::DEFAULT.particles),
        steps: asked.steps.unwrap_or(Svi::DEFAULT.steps),
        lr: asked.lr.map_or(Svi::DEFAULT.lr, |StepSize(lr)| lr),
        tol_rel: asked.tol_rel.unwrap_or(Svi::DEFAULT.tol_rel),
        evaluation_draws: draws,
        seed: flags.seed,
    };
    let fit = svi.fit(model, guide)?;
    if fit.status == SviStatus::Diverged {
        let message = format!("the bound is not finite after {} steps: reduce --lr", fit.trace.len());
        return Err(Failure { message, exit: Exit::Diverged });
    }
    // Two hundred more gradients, which only the file reports.
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
