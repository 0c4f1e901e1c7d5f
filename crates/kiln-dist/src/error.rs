//! Why a distribution cannot be made.

use burn::tensor::{Bool, Tensor};

/// Parameters that no distribution has.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DistError {
    /// Two parameters' shapes do not broadcast.
    #[error(
        "{first} has shape {first_shape:?} and {second} has shape {second_shape:?}: they must be equal, or 1 where they differ"
    )]
    Shape {
        /// A parameter.
        first: &'static str,
        /// Its shape.
        first_shape: Vec<usize>,
        /// The other parameter.
        second: &'static str,
        /// Its shape.
        second_shape: Vec<usize>,
    },
    /// A value is outside the parameter's range.
    #[error("{name} must be {constraint}, got {value} at position {position} (row-major)")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its range, in words.
        constraint: &'static str,
        /// The first value outside.
        value: f64,
        /// Where that value stands.
        position: usize,
    },
}

/// Reads the parameter back only when something in it is outside the range.
pub(crate) fn check_values<const D: usize>(
    name: &'static str,
    constraint: &'static str,
    tensor: &Tensor<D>,
    inside: impl Fn(Tensor<D>) -> Tensor<D, Bool>,
) -> Result<(), DistError> {
    let tensor = tensor.clone().without_autodiff();
    let mask = inside(tensor.clone());
    if mask.clone().all().into_scalar::<bool>() {
        return Ok(());
    }
    let values = tensor.try_into_vec_as::<f64>().expect("a float tensor converts to f64");
    let flags = mask.try_into_vec_as::<bool>().expect("a bool tensor converts to bool");
    let position = flags.iter().position(|inside| !inside).expect("some value is outside");
    Err(DistError::Value { name, constraint, value: values[position], position })
}
