//! The maximum of a likelihood, to the last digit.

use std::ops::ControlFlow;

use burn::tensor::{DType, Device, Tensor, TensorData};
use kiln_models::glm::{GlmData, GlmLoss, Values};
use kiln_optim::solver::{
    Hessian, Iteration, L1, Minimization, Objective, Outcome, Solver, Status, Stop, lbfgs, newton, owlqn,
};

use kiln_tensor::linalg::Symmetric;

use super::{GlmConfig, GlmError};

/// A vector where a likelihood is maximal, or where the solver stopped.
pub(super) struct Solved {
    pub(super) x: Vec<f64>,
    /// `None` for a model without parameters.
    pub(super) outcome: Option<Outcome>,
    pub(super) converged: bool,
}

/// When a solver ends.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) gtol: Option<f64>,
    pub(super) max_iter: usize,
    /// The number of rows, of all ranks.
    pub(super) rows: usize,
}

impl Limits {
    /// The tolerance of the gradient, for Newton's method or for L-BFGS and OWL-QN.
    pub(super) fn gtol(self, by_newton: bool) -> f64 {
        self.gtol.unwrap_or(if by_newton { GlmConfig::GTOL } else { GlmConfig::LBFGS_GTOL })
    }

    /// Whether the last digits, beyond the tolerance, are worth another pass over the rows.
    fn is_cheap(self, parameters: usize) -> bool {
        const NUMBERS: usize = 10_000_000;
        self.rows.saturating_mul(parameters) <= NUMBERS
    }
}

/// Returns the loss of the model with constants only.
pub(super) fn constant_model(data: &GlmData) -> Result<GlmLoss, GlmError> {
    let data = GlmData {
        inputs: Values::default(),
        features: 0,
        inflation: (Values::default(), 0),
        l2: 0.0,
        is_penalised: false,
        response: data.response.clone(),
        weights: data.weights.clone(),
        offset: data.offset.clone(),
        world: data.world.clone(),
        ..*data
    };
    Ok(GlmLoss::new(data)?)
}

/// Is called after each iteration, and may stop the solver.
pub(super) type Callback<'a> = &'a mut dyn FnMut(&Iteration) -> ControlFlow<()>;

/// Minimises a loss.
pub(super) fn solve(
    loss: &dyn Hessian,
    (start, dtype): (Tensor<1>, DType),
    limits: Limits,
    callback: Callback<'_>,
) -> Result<Solved, GlmError> {
    let [parameters] = start.dims();
    if parameters == 0 {
        return Ok(Solved { x: Vec::new(), outcome: None, converged: true });
    }
    let small = parameters <= GlmConfig::NEWTON_PARAMETERS;
    let stop = Stop { gtol: limits.gtol(small), max_iter: limits.max_iter, ..Stop::default() };
    let mut outcome =
        if small { run(loss, start, &newton(), stop, callback)? } else { run(loss, start, &lbfgs(), stop, callback)? };
    let stopped = matches!(outcome.status, Status::NoProgress | Status::AtRounding | Status::Stalled);
    let mut x = outcome.to_vec();
    let mut converged = outcome.success;
    if small && (stopped || converged && limits.is_cheap(parameters)) {
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

/// Minimises a loss with a penalty λ·‖b‖₁ on the coefficients of features.
pub(super) fn solve_with_l1(
    loss: &GlmLoss,
    (start, dtype): (Tensor<1>, DType),
    lambda: f64,
    limits: Limits,
    callback: Callback<'_>,
) -> Result<Solved, GlmError> {
    if loss.parameter_count() == 0 {
        return Ok(Solved { x: Vec::new(), outcome: None, converged: true });
    }
    let (device, weights) = (start.device(), loss.l1_weights(lambda));
    let penalty = L1::new(&weights[..])?;
    let gtol = limits.gtol(false);
    let stop = Stop { gtol, max_iter: limits.max_iter, ..Stop::default() };
    let mut outcome = run(loss, start, &owlqn(penalty), stop, callback)?;
    let mut x = outcome.to_vec();
    let stopped = matches!(outcome.status, Status::NoProgress | Status::AtRounding | Status::Stalled);
    if (outcome.success || stopped) && x.len() <= GlmConfig::NEWTON_PARAMETERS {
        outcome.grad_norm = polish_with_l1(loss, &mut x, &weights, (&device, dtype))?.min(outcome.grad_norm);
        outcome.x = vector(&x, (&device, dtype));
    }
    // The search along a line cannot see the last digits in the values.
    let converged = outcome.success || (stopped && outcome.grad_norm <= gtol);
    if converged && !outcome.success {
        outcome.message = "converged to rounding error".to_owned();
    }
    Ok(Solved { x, converged, outcome: Some(outcome) })
}

/// Takes Newton steps in the entries that are not zero, where the penalty is linear, as long as none changes its sign and the gradient
/// shrinks. Returns the largest entry of the gradient with the penalty.
fn polish_with_l1(loss: &GlmLoss, x: &mut Vec<f64>, weights: &[f64], like: (&Device, DType)) -> Result<f64, GlmError> {
    const STEPS: usize = 4;
    let active: Vec<usize> = (0..x.len()).filter(|i| x[*i] != 0.0 || weights[*i] == 0.0).collect();
    let slope = |x: &[f64]| -> Result<Vec<f64>, GlmError> {
        let (_, gradient) = loss.value_and_grad(&vector(x, like)).map_err(GlmError::Evaluation)?;
        let gradient: Vec<f64> = gradient.into_data().try_into_vec_as().expect("floats convert to f64");
        let sign = |i: usize| if x[i] == 0.0 { 0.0 } else { x[i].signum() };
        Ok(active.iter().map(|&i| gradient[i] + weights[i] * sign(i)).collect())
    };
    let largest = |gradient: &[f64]| gradient.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    let mut gradient = slope(x)?;
    for _ in 0..STEPS {
        let hessian = loss.hessian(&vector(x, like)).map_err(GlmError::Evaluation)?;
        let own = Symmetric::from_fn(active.len(), |i, j| hessian.at(active[i], active[j]));
        let Some(factor) = own.cholesky() else { break };
        let mut next = x.clone();
        factor.solve(&gradient).iter().zip(&active).for_each(|(step, &i)| next[i] -= step);
        let keeps_signs = active.iter().all(|&i| weights[i] == 0.0 || next[i] * x[i] > 0.0);
        let next_gradient = slope(&next)?;
        if !keeps_signs || largest(&next_gradient).is_nan() || largest(&next_gradient) >= largest(&gradient) {
            break;
        }
        (*x, gradient) = (next, next_gradient);
    }
    Ok(largest(&gradient))
}

/// Fits the constants of the model without features.
pub(super) fn null_fit<'a>(
    loss: &GlmLoss,
    constant: &'a GlmLoss,
    solved: &Solved,
    (device, limits): (&Device, Limits),
) -> Result<(&'a GlmLoss, Vec<f64>), GlmError> {
    if constant.parameter_count() == loss.parameter_count() {
        return Ok((constant, solved.x.clone()));
    }
    let null = solve(constant, (constant.start(device), DType::F64), limits, &mut |_| ControlFlow::Continue(()))?;
    Ok((constant, null.x))
}

pub(super) fn run<'a, S: Solver<&'a dyn Hessian>>(
    loss: &'a dyn Hessian,
    start: Tensor<1>,
    solver: &S,
    stop: Stop,
    callback: Callback<'_>,
) -> Result<Outcome, GlmError> {
    Ok(Minimization::new(&loss, start, solver, stop)?.run(|minimization| callback(minimization.last()))?)
}

struct Polished {
    grad_norm: f64,
    /// Whether no step could lower the loss by more than its rounding error.
    at_rounding: bool,
}

/// Takes full Newton steps as long as they shrink the gradient: the last digits, which a search along a line cannot see in the values.
fn polish(loss: &dyn Hessian, x: &mut Vec<f64>, (device, dtype): (&Device, DType)) -> Result<Polished, GlmError> {
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
        if largest(&step) <= 0.5 * f64::EPSILON * largest(x) {
            break;
        }
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

pub(super) fn vector(x: &[f64], like: (&Device, DType)) -> Tensor<1> {
    Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), like)
}
