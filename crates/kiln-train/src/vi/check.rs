//! Checks of a model's answers, so that a wrong shape is an error and not a wrong number.

use burn::tensor::Tensor;
use kiln_dist::{Factors, LogJoint};

use super::{Guide, ViError};

/// Checks that guide and model have the same number of dimensions, and that the model returns one value for each of `rows` rows.
pub(super) fn model_and_guide(model: &impl LogJoint, guide: &impl Guide, rows: usize) -> Result<(), ViError> {
    dims(model, guide.dims())?;
    // Two rows at least: a model that sums over the rows returns the right shape for one.
    let rows = rows.max(2);
    let z = guide.valid().mean().without_autodiff().unsqueeze::<2>().repeat_dim(0, rows);
    log_joint(model, z).map(|_| ())
}

/// Checks that a vector of `got` entries is one of the model's.
pub(super) fn dims(model: &impl LogJoint, got: usize) -> Result<(), ViError> {
    match model.dims() {
        0 => Err(ViError::Setting { name: "dims", expected: "at least 1" }),
        expected if expected == got => Ok(()),
        expected => Err(ViError::Dims { expected, got }),
    }
}

/// Evaluates ln p(data, z) of each row of z `[s, d]`, as `[s]`.
pub(super) fn log_joint(model: &impl LogJoint, z: Tensor<2>) -> Result<Tensor<1>, ViError> {
    let [rows, _] = z.dims();
    let log_joint = model.log_joint(z);
    match log_joint.dims() {
        [got] if got == rows => Ok(log_joint),
        [got] => Err(ViError::Rows { rows, got }),
    }
}

/// Evaluates the terms of ln p(data, z).
pub(super) fn factors(model: &impl LogJoint, z: Tensor<2>) -> Result<Factors, ViError> {
    let [rows, dims] = z.dims();
    let factors = model.factors(z);
    let (terms, involved) = (factors.terms.dims(), factors.involved.dims());
    if terms[0] == rows && involved == [terms[1], dims] {
        return Ok(factors);
    }
    Err(ViError::Factors { rows, dims, terms, involved })
}
