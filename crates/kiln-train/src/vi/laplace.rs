//! The Laplace approximation.

use burn::tensor::{Tensor, TensorData};
use kiln_dist::{LogJoint, MultivariateNormal};
use kiln_optim::solver::{CheckMinimum, Outcome, Status, Stop, minimize, newton};
use kiln_tensor::{
    derivative::{Function, Hessian, HvpMethod},
    device::machine_epsilon,
    linalg::Symmetric,
};

use super::{ViError, check};

/// The normal distribution at a posterior's mode with the posterior's curvature there. Made by [`laplace`].
#[derive(Clone, Debug)]
pub struct LaplaceApproximation {
    /// N(mode, H⁻¹) with the Hessian H of −ln p at the mode. Values have shape `[1, d]`.
    pub posterior: MultivariateNormal,
    /// The approximate evidence, ln p(data, mode) + ½·d·ln 2π − ½·ln det H, in nats.
    pub log_evidence: f64,
    /// The solver's outcome at the mode.
    pub outcome: Outcome,
}

/// Finds the posterior's mode by Newton's method from `start` `[d]`, and returns the Laplace approximation there.
///
/// The Hessian is exact. Differences of gradients replace it if the model has operations without a second derivative.
///
/// # Errors
/// Returns [`ViError::Dims`] or [`ViError::Rows`] if model and start do not fit, [`ViError::NoMode`] if the solver does not
/// converge, and [`ViError::NotAPeak`] if the Hessian is not positive definite.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJointOf;
/// use kiln_optim::solver::Stop;
/// use kiln_train::vi::laplace;
///
/// // N(1, 1) without its constant: the approximation is exact.
/// let model = LogJointOf::new(1, |z: Tensor<2>| (z - 1.0).square().squeeze_dim::<1>(1) * -0.5);
/// let found = laplace(&model, Tensor::zeros([1], &Device::default()), &Stop { gtol: 1e-4, ..Stop::default() })?;
/// assert!((found.log_evidence - 0.5 * (2.0 * std::f64::consts::PI).ln()).abs() < 1e-4);
/// # Ok::<(), kiln_train::vi::ViError>(())
/// ```
///
/// # References
/// MacKay, *Information Theory, Inference, and Learning Algorithms* (2003), equation (27.6).
pub fn laplace(model: &impl LogJoint, start: Tensor<1>, stop: &Stop) -> Result<LaplaceApproximation, ViError> {
    let start = start.without_autodiff();
    let [d] = start.dims();
    check::dims(model, d)?;
    // Two rows: a model that sums over the rows returns the right shape for one.
    check::log_joint(model, start.clone().unsqueeze::<2>().repeat_dim(0, 2))?;
    let loss = Function::of_vector(start.clone(), |z: Tensor<1>| -model.log_joint(z.unsqueeze()))
        .with_hvp_method(HvpMethod::Auto);
    // A point that is no peak is an error, and not left for another one.
    let stop = Stop { check_minimum: CheckMinimum::Never, ..*stop };
    let outcome = minimize(&loss, start.clone(), &newton(), &stop)?;
    // If rounding stopped the search before `gtol`, half of the digits suffice: a Newton step would move the mode as little.
    let enough = machine_epsilon(start.dtype()).sqrt() * (1.0 + outcome.value.abs());
    let rounded = matches!(outcome.status, Status::NoProgress | Status::AtRounding | Status::Stalled)
        && outcome.grad_norm <= enough;
    if !(outcome.success || rounded) {
        return Err(ViError::NoMode { message: outcome.message });
    }
    let hessian: Symmetric = Hessian::hessian(&loss, &outcome.x)?;
    let factor = hessian.cholesky().ok_or(ViError::NotAPeak)?;
    let covariance = factor.inverse();
    let entries: Vec<f64> = (0..d * d).map(|i| covariance.at(i / d, i % d)).collect();
    let covariance = Tensor::from_data(TensorData::new(entries, [1, d, d]), (&start.device(), start.dtype()));
    let posterior = MultivariateNormal::from_covariance(outcome.x.clone().unsqueeze(), covariance)?;
    #[allow(clippy::cast_precision_loss, reason = "a number of dimensions")]
    let volume = 0.5 * d as f64 * (2.0 * std::f64::consts::PI).ln() - 0.5 * factor.log_determinant();
    Ok(LaplaceApproximation { posterior, log_evidence: volume - outcome.value, outcome })
}
