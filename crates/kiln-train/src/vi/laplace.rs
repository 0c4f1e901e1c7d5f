//! Laplace's approximation.

use burn::tensor::{Tensor, TensorData};
use kiln_dist::MultivariateNormal;
use kiln_optim::solver::{Outcome, Status, Stop, minimize, newton};
use kiln_tensor::{
    derivative::{Function, Hessian, HvpMethod},
    device::rounding_unit,
    linalg::Symmetric,
};

use super::{LogJoint, ViError};

/// A posterior's mode, and the normal distribution with the posterior's curvature there.
#[derive(Clone, Debug)]
pub struct Laplace {
    /// N(mode, H⁻¹), H being the Hessian of −ln p at the mode, `[1, d]`.
    pub posterior: MultivariateNormal,
    /// ln p(data) as the approximation has it: ln p(data, mode) + ½·d·ln 2π − ½·ln det H (MacKay, Information Theory, Inference, and Learning
    /// Algorithms, 2003, (27.6)).
    pub log_evidence: f64,
    /// How the mode was found.
    pub outcome: Outcome,
}

/// The mode by Newton's method from `start` `[d]`, and the exact Hessian there (by differences where the model has operations without a
/// rule).
///
/// # Errors
/// [`ViError::Dims`]; [`ViError::Solver`]; [`ViError::NoMode`] where the solver does not arrive; [`ViError::NotAPeak`] where the Hessian is not positive definite.
pub fn laplace(model: &impl LogJoint, start: Tensor<1>, stop: &Stop) -> Result<Laplace, ViError> {
    let start = start.without_autodiff();
    let [d] = start.dims();
    if d != model.dims() {
        return Err(ViError::Dims { expected: model.dims(), got: d });
    }
    let loss = Function::of_vector(start.clone(), |z: Tensor<1>| -model.log_joint(z.unsqueeze()))
        .with_hvp_method(HvpMethod::Auto);
    let outcome = minimize(&loss, start.clone(), &newton(), stop)?;
    // Where rounding stopped the search before `gtol`, half of the digits will do: a step of Newton's would move the mode by as little.
    let enough = rounding_unit(start.dtype()).sqrt() * (1.0 + outcome.value.abs());
    let rounded = matches!(outcome.status, Status::LineSearchFailed | Status::Stalled) && outcome.grad_norm <= enough;
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
    Ok(Laplace { posterior, log_evidence: volume - outcome.value, outcome })
}
