//! Fits whose estimates would grow without limit.

use burn::tensor::{DType, Tensor, TensorData};
use kiln_models::{
    RegressionLoss,
    glm::{Family, GlmData, GlmLoss, Values},
};
use kiln_optim::solver::Status;
use kiln_tensor::{DeviceChoice, World, world::WorldError};

use super::{GlmConfig, GlmError, solve::Solved};

/// The rows of a model of two classes, as far as a proof of separation needs them: those of this rank.
pub(super) struct Binary {
    inputs: Values,
    features: usize,
    targets: Vec<usize>,
    weights: Option<Values>,
    world: World,
}

/// The rows of all ranks.
struct AllRows {
    inputs: Vec<f64>,
    targets: Vec<usize>,
    weights: Option<Vec<f64>>,
}

/// Larger designs are not kept for a proof.
const LARGEST: usize = 2_000_000;

impl Binary {
    /// The rows, if they have two classes and an intercept, and no penalty. All ranks call it.
    pub(super) fn of(data: &GlmData, penalised: bool) -> Result<Option<Self>, WorldError> {
        let fits = data.family == Family::Binomial && data.intercept && data.offset.is_none() && data.features > 0;
        if penalised || !fits {
            return Ok(None);
        }
        let response = if data.inputs.len() > LARGEST { Vec::new() } else { data.response.to_vec() };
        let is_between = response.iter().any(|y| *y > 0.0 && *y < 1.0);
        let mut all = [data.inputs.len() as f64, f64::from(u8::from(is_between))];
        data.world.sum(&mut all)?;
        if all[0] > LARGEST as f64 || all[1] > 0.0 {
            return Ok(None);
        }
        let targets = response.iter().map(|y| usize::from(*y > 0.5)).collect();
        let (inputs, weights, world) = (data.inputs.clone(), data.weights.clone(), data.world.clone());
        Ok(Some(Self { inputs, features: data.features, targets, weights, world }))
    }

    fn of_all_ranks(&self) -> Result<AllRows, WorldError> {
        let Self { inputs, targets, weights, world, .. } = self;
        let (inputs, weights) = (inputs.to_vec(), weights.as_ref().map(Values::to_vec));
        if world.is_alone() {
            return Ok(AllRows { inputs, targets: targets.clone(), weights });
        }
        let targets: Vec<f64> = targets.iter().map(|target| *target as f64).collect();
        let of_all = |own: Vec<f64>| world.gather_numbers(&own).map(|all| all.concat());
        let targets = of_all(targets)?.into_iter().map(|target| usize::from(target > 0.5)).collect();
        Ok(AllRows { inputs: of_all(inputs)?, targets, weights: weights.map(of_all).transpose()? })
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
    let features = binary.features;
    if features + 1 > RegressionLoss::LARGEST_HESSIAN {
        return Ok(None);
    }
    let AllRows { inputs, targets, weights } = binary.of_all_ranks()?;
    let device = DeviceChoice::Cpu.resolve()?.device();
    let data = TensorData::new(inputs.clone(), [targets.len(), features]);
    let loss = RegressionLoss::new(Tensor::from_data(data, (&device, DType::F64)), &targets, 2);
    let loss = loss.and_then(|loss| match &weights {
        Some(weights) => loss.weights(weights),
        None => Ok(loss),
    });
    let Ok(loss) = loss else { return Ok(None) };
    let loss = loss.rescaled();
    let found = loss.separation(&loss.start());
    Ok(found.filter(|found| found.sides(&inputs, &targets).is_ok_and(|sides| sides.separates)))
}
