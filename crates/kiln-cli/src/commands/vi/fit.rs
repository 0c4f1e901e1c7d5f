//! The fit of a guide to a built-in model.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::solver::Stop,
    tensor::Stream,
    train::vi::{
        Delta, FullRank, GradientMoments, Guide, Importance, LaplaceApproximation, LowRank, MeanField, Optimality,
        SampleAverage, Svi, SviStatus, ViError, gradient_moments, laplace, optimality,
    },
};

use super::{
    flags::{GuideName, StepSize, ViFlags},
    model::Model,
    rescaled::Rescaled,
};
use crate::{
    base::{Console, Exit, Failure, Result, require},
    context::Compute,
    names::Dtype,
};

/// Adam's initial learning rate where the unit is a standard deviation.
const RESCALED_LR: f64 = 0.1;
/// With more unknowns there is no matrix of second derivatives.
const LARGEST_HESSIAN: usize = 1000;
/// The largest distance of a mean from the maximum of the bound, in standard deviations of the posterior, and of the logarithm of a
/// standard deviation.
const TOLERANCE: f64 = 0.15;
/// Without `--steps`, a fit that is not at its maximum is continued as often as this. Each time takes twice the steps of the one before.
const CONTINUATIONS: usize = 4;

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
    let start = Tensor::from_data(TensorData::new(vec![0.0; d], [d]), device);
    let gtol = if compute.dtype == Dtype::F64 { 1e-8 } else { 1e-3 };
    let mode = match d <= LARGEST_HESSIAN || guide == GuideName::Laplace {
        true => laplace(model, start, &Stop { gtol, ..Stop::default() }),
        false => Err(ViError::NotAPeak),
    };
    let mode = match mode {
        Ok(mode) => Some(mode),
        Err(error) if guide == GuideName::Laplace => {
            return Err(Failure { message: error.to_string(), exit: Exit::NotConverged });
        }
        Err(error) => {
            if d <= LARGEST_HESSIAN {
                console.note(format_args!("starting from N(0, 0.1²) instead of the mode: {error}"));
            }
            None
        }
    };
    let evidence = mode.as_ref().map(|mode| mode.log_evidence);
    let ones = || (Tensor::<1>::zeros([d], device), Tensor::<1>::ones([d], device));
    let mut noise = Stream::new(flags.seed, "low-rank", 0, 0);
    let each = || mode.as_ref().map_or_else(|| Rescaled::none(model), |mode| Rescaled::each(model, mode));
    let fitted = match (guide, &mode) {
        (GuideName::Laplace, Some(mode)) => by_laplace(model, mode, flags, draws)?,
        (GuideName::FullRank, Some(mode)) => {
            let (loc, _) = ones();
            let from = FullRank::from_parts(loc, Tensor::eye(d, device))?;
            raise(&Rescaled::all(model, mode), from, flags, draws, console)?
        }
        (GuideName::MeanField, Some(_)) => {
            let (loc, scale) = ones();
            raise(&each(), MeanField::from_parts(loc, scale)?, flags, draws, console)?
        }
        (GuideName::LowRank, Some(_)) => {
            let (loc, scale) = ones();
            let factor: Vec<f64> = noise.normal_vec(d * rank).iter().map(|x| 0.01 * x).collect();
            let factor = Tensor::from_data(TensorData::new(factor, [d, rank]), device);
            raise(&each(), LowRank::from_parts(loc, factor, scale)?, flags, draws, console)?
        }
        (GuideName::Delta, _) => raise(&each().of_points(), Delta::new(d, device), flags, draws, console)?,
        (GuideName::MeanField, None) => raise(&each(), MeanField::new(d, device), flags, draws, console)?,
        (GuideName::LowRank, None) => raise(&each(), LowRank::new(d, rank, device, &mut noise), flags, draws, console)?,
        (GuideName::FullRank | GuideName::Laplace, None) => {
            raise(&each(), FullRank::new(d, device), flags, draws, console)?
        }
    };
    Ok((fitted, evidence))
}

fn by_laplace(model: &Model, mode: &LaplaceApproximation, flags: &ViFlags, draws: usize) -> Result<Fitted> {
    let (loc, factor) = (mode.posterior.loc().squeeze_dim(0), mode.posterior.scale_tril().squeeze_dim(0));
    let from = FullRank::from_parts(loc, factor)?;
    Ok(Fitted {
        importance: Importance::new(model, &from, draws, &mut Stream::new(flags.seed, "draws", 0, 0))?,
        has_density: true,
        trace: vec![],
        lr: None,
        status: "completed",
        exit: Exit::Done,
        trouble: None,
        gradient: None,
    })
}

/// Maximises the bound from `guide`, by Adam or over fixed draws.
fn raise<G: Guide>(model: &Rescaled<'_>, guide: G, flags: &ViFlags, draws: usize, console: Console) -> Result<Fitted> {
    let has_density = guide.has_density();
    let asked = &flags.inference;
    if let Some(fixed) = asked.fixed_draws {
        let average =
            SampleAverage { draws: fixed, evaluation_draws: draws, seed: flags.seed, ..SampleAverage::default() };
        let fit = average.fit(model, guide)?;
        let success = fit.outcome.success;
        return Ok(Fitted {
            importance: model.placed(fit.importance),
            has_density,
            trace: fit.outcome.history.iter().map(|iteration| -iteration.value).collect(),
            lr: None,
            status: if success { "converged" } else { "not-converged" },
            exit: if success { Exit::Done } else { Exit::NotConverged },
            trouble: (!success).then_some(fit.outcome.message),
            gradient: None,
        });
    }
    let mut svi = Svi {
        estimator: asked.estimator.unwrap_or(Svi::DEFAULT.estimator),
        particles: asked.particles.unwrap_or(Svi::DEFAULT.particles),
        steps: asked.steps.unwrap_or(Svi::DEFAULT.steps),
        lr: asked.lr.map_or(if model.is_rescaled() { Some(RESCALED_LR) } else { Svi::DEFAULT.lr }, |StepSize(lr)| lr),
        tol_rel: asked.tol_rel.unwrap_or(Svi::DEFAULT.tol_rel),
        evaluation_draws: draws,
        seed: flags.seed,
    };
    let mut fit = svi.fit(model, guide)?;
    let mut continuations = if asked.steps.is_none() { CONTINUATIONS } else { 0 };
    let (importance, trouble) = loop {
        if fit.status == SviStatus::Diverged {
            let message = format!("the bound is not finite after {} steps: reduce --lr", fit.trace.len());
            return Err(Failure { message, exit: Exit::Diverged });
        }
        let importance = model.placed(fit.importance.clone());
        let mean = model.place(fit.guide.mean().without_autodiff().unsqueeze()).squeeze_dim(0);
        let found = optimality(model.model(), mean, importance.draws.clone())?;
        let trouble = unfinished(&model.model().variables(), &found, fit.trace.len());
        if trouble.is_none() || continuations == 0 {
            break (importance, trouble);
        }
        continuations -= 1;
        svi.steps *= 2;
        console.note(format_args!(
            "not at the maximum of the ELBO after {} steps: {} more",
            fit.trace.len(),
            svi.steps
        ));
        fit = svi.resume(model, fit)?;
    };
    // Two hundred more gradients, which only the file reports.
    let moments = || gradient_moments(model, &fit.guide, svi.estimator, svi.particles, 200, svi.seed);
    let gradient = flags.out.is_some().then(moments).transpose()?;
    Ok(Fitted {
        importance,
        has_density,
        trace: fit.trace,
        lr: Some(fit.lr),
        status: match (&trouble, fit.status) {
            (Some(_), _) => "not-converged",
            (None, SviStatus::Converged) => "converged",
            (None, _) => "completed",
        },
        exit: if trouble.is_some() { Exit::NotConverged } else { Exit::Done },
        trouble,
        gradient,
    })
}

/// Says what is not at its maximum, if something is not.
fn unfinished(names: &[String], found: &Optimality, steps: usize) -> Option<String> {
    let (mean, by) = found.worst_location();
    if by > TOLERANCE {
        let by = if by.is_finite() { format!("{by:.2}") } else { "many".to_owned() };
        return Some(format!(
            "not converged: the mean of {} is {by} posterior standard deviations from the maximum of the ELBO: increase --steps (now \
             {steps}), or try --lr auto",
            names[mean]
        ));
    }
    let (sd, by) = found.worst_scale().filter(|(_, by)| *by > TOLERANCE)?;
    Some(format!(
        "not converged: the standard deviation of {} is {:.0}% from the maximum of the ELBO: increase --steps (now {steps}), or try \
         --lr auto",
        names[sd],
        100.0 * by.exp_m1()
    ))
}
