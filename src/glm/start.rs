//! Where a fit of many rows starts.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use kiln_models::glm::GlmLoss;
use kiln_optim::solver::{Hessian, Objective, Stop, newton};

use super::{GlmConfig, GlmError, solve::run};

/// The last part of the rows that is tried: one block in so many.
const MOST: usize = 16;
/// With fewer, a part costs more than it saves.
const FEWEST: usize = 8;
/// The part before it is so many times smaller.
const SMALLER: usize = 8;
/// Rows of a part for each parameter, so that its estimates are near those of all rows.
const ROWS: usize = 50;
/// The gradient of a part at which its fit ends. That of all rows differs by more.
const GTOL: f64 = 1e-4;
const STEPS: usize = 20;

/// Returns the estimates from a part of the rows, if there are many rows. Newton's method takes few steps from there.
///
/// `constant` is the model without features, and `rows` the number of rows of all ranks.
pub(super) fn of_a_part(
    loss: &GlmLoss,
    (constant, start): (&GlmLoss, &Tensor<1>),
    rows: usize,
) -> Result<Option<Tensor<1>>, GlmError> {
    let parameters = loss.parameter_count();
    let every = (rows / (ROWS * parameters.max(1))).min(MOST);
    if every < FEWEST || parameters > GlmConfig::NEWTON_PARAMETERS {
        return Ok(None);
    }
    // A part may be separable, or hold rows where the loss is infinite.
    let of = |every: usize, start: Tensor<1>| {
        let stop = Stop { gtol: GTOL, max_iter: STEPS, ..Stop::default() };
        let found = run(&loss.thinned(every), start, &newton(), stop, &mut |_| ControlFlow::Continue(())).ok()?;
        found.success.then_some(found.x)
    };
    let is_enough = rows / (every * SMALLER) >= ROWS * parameters;
    let first = is_enough.then(|| of(every * SMALLER, start.clone())).flatten();
    let Some(found) = of(every, first.unwrap_or_else(|| start.clone())) else { return Ok(None) };
    // All that the solver asks for first is computed at once, and kept.
    loss.hessian(&found).map_err(GlmError::Evaluation)?;
    let value = |loss: &GlmLoss, x: &Tensor<1>| -> Result<f64, GlmError> {
        Ok(loss.value(x).map_err(GlmError::Evaluation)?.into_scalar())
    };
    let is_lower = value(loss, &found)? < value(constant, &constant.start(&start.device()))?;
    Ok(is_lower.then_some(found))
}
