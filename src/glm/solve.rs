//! The maximum of a likelihood, to the last digit.

use std::{ops::ControlFlow, sync::Arc};

use burn::tensor::{DType, Device, Tensor, TensorData};
use kiln_models::glm::{GlmData, GlmLoss};
use kiln_optim::solver::{Hessian, Iteration, Minimization, Objective, Outcome, Solver, Status, Stop, lbfgs, newton};

use super::{GlmConfig, GlmError};

/// A vector where a likelihood is maximal, or where the solver stopped.
pub(super) struct Solved {
    pub(super) x: Vec<f64>,
    /// `None` for a model without parameters.
    pub(super) outcome: Option<Outcome>,
    pub(super) converged: bool,
}

/// Returns the loss of the model with constants only.
pub(super) fn constant_model(data: &GlmData) -> Result<GlmLoss, GlmError> {
    let data = GlmData {
        inputs: Arc::default(),
        features: 0,
        inflation: (Vec::new(), 0),
        response: data.response.clone(),
        weights: data.weights.clone(),
        offset: data.offset.clone(),
        ..*data
    };
    Ok(GlmLoss::new(data)?)
}

/// Minimises a loss.
pub(super) fn solve<P: Hessian>(
    loss: &P,
    (start, dtype): (Tensor<1>, DType),
    (gtol, max_iter): (f64, usize),
    callback: impl FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<Solved, GlmError> {
    let [parameters] = start.dims();
    if parameters == 0 {
        return Ok(Solved { x: Vec::new(), outcome: None, converged: true });
    }
    let stop = Stop { gtol, max_iter, ..Stop::default() };
    let small = parameters <= GlmConfig::NEWTON_PARAMETERS;
    let mut outcome =
        if small { run(loss, start, &newton(), stop, callback)? } else { run(loss, start, &lbfgs(), stop, callback)? };
    let stopped = matches!(outcome.status, Status::NoProgress | Status::Stalled);
    let mut x = outcome.to_vec();
    let mut converged = outcome.success;
    if small && (converged || stopped) {
        let device = outcome.x.device();
        let polished = polish(loss, &mut x, (&device, dtype))?;
        converged |= polished.at_rounding;
        outcome.grad_norm = polished.grad_norm;
        outcome.x = vector(&x, (&device, dtype));
        if converged && !outcome.success {
            outcome.message = "converged to rounding error".to_owned();
        }
    }
    Ok(Solved { x, outcome: Some(outcome), converged })
}

/// Fits the constants of the model without features.
pub(super) fn null_fit<'a>(
    loss: &GlmLoss,
    constant: &'a GlmLoss,
    solved: &Solved,
    (device, gtol, max_iter): (&Device, f64, usize),
) -> Result<(&'a GlmLoss, Vec<f64>), GlmError> {
    if constant.parameter_count() == loss.parameter_count() {
        return Ok((constant, solved.x.clone()));
    }
    let null = solve(constant, (constant.start(device), DType::F64), (gtol, max_iter), |_| ControlFlow::Continue(()))?;
    Ok((constant, null.x))
}

fn run<P: Objective, S: Solver<P>>(
    loss: &P,
    start: Tensor<1>,
    solver: &S,
    stop: Stop,
    mut callback: impl FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<Outcome, GlmError> {
    Ok(Minimization::new(loss, start, solver, stop)?.run(|minimization| callback(minimization.last()))?)
}

struct Polished {
    grad_norm: f64,
    /// Whether no step could lower the loss by more than its rounding error.
    at_rounding: bool,
}

/// Takes full Newton steps as long as they shrink the gradient: the last digits, which a search along a line cannot see in the values.
fn polish<P: Hessian>(loss: &P, x: &mut Vec<f64>, (device, dtype): (&Device, DType)) -> Result<Polished, GlmError> {
    const STEPS: usize = 4;
    let at = |x: &[f64]| -> Result<(f64, Vec<f64>), GlmError> {
        let (value, gradient) = loss.value_and_grad(&vector(x, (device, dtype))).map_err(GlmError::Evaluation)?;
        let gradient = gradient.into_data().try_into_vec_as().expect("floats convert to f64");
        Ok((value.into_scalar::<f64>(), gradient))
    };
    let largest = |gradient: &[f64]| gradient.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    let (mut value, mut gradient) = at(x)?;
    let mut at_rounding = false;
    for _ in 0..STEPS {
        let hessian = loss.hessian(&vector(x, (device, dtype))).map_err(GlmError::Evaluation)?;
        let Some(factor) = hessian.cholesky() else { break };
        let step = factor.solve(&gradient);
        let decrement: f64 = step.iter().zip(&gradient).map(|(step, g)| step * g).sum();
        at_rounding = 0.5 * decrement <= loss.rounding_units() * f64::EPSILON * value.abs().max(f64::MIN_POSITIVE);
        let next: Vec<f64> = x.iter().zip(&step).map(|(x, step)| x - step).collect();
        let (next_value, next_gradient) = at(&next)?;
        let shrinks = largest(&next_gradient) < largest(&gradient);
        if !(next_value.is_finite() && shrinks) {
            break;
        }
        let enough = largest(&next_gradient) > 0.5 * largest(&gradient);
        (*x, value, gradient) = (next, next_value, next_gradient);
        if enough {
            break;
        }
    }
    Ok(Polished { grad_norm: largest(&gradient), at_rounding })
}

fn vector(x: &[f64], like: (&Device, DType)) -> Tensor<1> {
    Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), like)
}
