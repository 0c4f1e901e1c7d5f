//! Fits whose estimates would grow without limit.

use burn::tensor::{DType, Tensor, TensorData};
use kiln_models::{
    RegressionLoss,
    glm::{Family, GlmData, GlmLoss, Values},
};
use kiln_optim::solver::Status;
use kiln_tensor::DeviceChoice;

use super::{GlmConfig, GlmError, solve::Solved};

/// The rows of a model of two classes, as far as a proof of separation needs them.
pub(super) struct Binary {
    inputs: Values,
    features: usize,
    targets: Vec<usize>,
    weights: Option<Values>,
}

/// Larger designs are not kept for a proof.
const LARGEST: usize = 2_000_000;

impl Binary {
    /// The rows, if they have two classes and an intercept, and no penalty.
    pub(super) fn of(data: &GlmData, penalised: bool) -> Option<Self> {
        let fits = data.family == Family::Binomial && data.intercept && data.offset.is_none() && data.features > 0;
        if penalised || !fits || data.inputs.len() > LARGEST {
            return None;
        }
        let response = data.response.to_vec();
        if !response.iter().all(|y| *y <= 0.0 || *y >= 1.0) {
            return None;
        }
        let targets = response.iter().map(|y| usize::from(*y > 0.5)).collect();
        Some(Self { inputs: data.inputs.clone(), features: data.features, targets, weights: data.weights.clone() })
    }
}

/// A standard error of a scaled coefficient beyond which its estimate says nothing.
const RUNAWAY: f64 = 1e3;

/// Checks a fit whose estimates may have grown without limit: returns an error with a proof for separable classes, and says of other
/// families that the fit has not converged.
pub(super) fn check(loss: &GlmLoss, binary: Option<Binary>, solved: &mut Solved) -> Result<(), GlmError> {
    if solved.x.len() > GlmConfig::MOST_WITH_COVARIANCE {
        return Ok(());
    }
    let Some(error) = loss.largest_scaled_error(&solved.x) else { return Ok(()) };
    if error < RUNAWAY {
        return Ok(());
    }
    if let Some(binary) = binary
        && let Some(certificate) = separation(&binary)?
    {
        return Err(GlmError::Separable { certificate: Box::new(certificate) });
    }
    solved.converged = false;
    if let Some(outcome) = &mut solved.outcome {
        (outcome.success, outcome.status) = (false, Status::Unbounded);
        outcome.message =
            "a coefficient grows without limit: its maximum likelihood estimate does not exist".to_owned();
    }
    Ok(())
}

fn separation(binary: &Binary) -> Result<Option<kiln_models::Separation>, GlmError> {
    let Binary { inputs, features, targets, weights } = binary;
    let inputs = inputs.to_vec();
    if features + 1 > RegressionLoss::LARGEST_HESSIAN {
        return Ok(None);
    }
    let device = DeviceChoice::Cpu.resolve()?.device();
    let data = TensorData::new(inputs.clone(), [targets.len(), *features]);
    let loss = RegressionLoss::new(Tensor::from_data(data, (&device, DType::F64)), targets, 2);
    let loss = loss.and_then(|loss| match weights {
        Some(weights) => loss.weights(&weights.to_vec()),
        None => Ok(loss),
    });
    let Ok(loss) = loss else { return Ok(None) };
    let loss = loss.rescaled();
    let found = loss.separation(&loss.start());
    Ok(found.filter(|found| found.sides(&inputs, targets).is_ok_and(|sides| sides.separates)))
}
