//! Errors of distributions.

use burn::tensor::{Bool, Tensor};

/// Why a distribution or a constraint cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DistError {
    /// The shapes of two parameters do not fit together.
    #[error(
        "`{first}` has shape {first_shape:?} but `{second}` has shape {second_shape:?}; sizes must be equal, or 1 to broadcast"
    )]
    Shape {
        /// The first parameter.
        first: &'static str,
        /// The shape of the first parameter.
        first_shape: Vec<usize>,
        /// The second parameter.
        second: &'static str,
        /// The shape of the second parameter.
        second_shape: Vec<usize>,
    },
    /// A value is outside the parameter's range.
    #[error("`{name}` must be {constraint}, but is {value} at position {position} (row-major)")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its range, in words.
        constraint: &'static str,
        /// The first value outside the range.
        value: f64,
        /// The row-major position of that value.
        position: usize,
    },
    /// A constrained value has a wrong number of entries.
    #[error("a value of this constraint has {expected}, not {got}")]
    Length {
        /// The valid number of entries, in words.
        expected: &'static str,
        /// The number of entries given.
        got: usize,
    },
    /// Inputs have a wrong number of columns for a model.
    #[error("the model takes {expected} columns but the inputs have {got}")]
    Columns {
        /// Columns that the model takes.
        expected: usize,
        /// Columns of the inputs.
        got: usize,
    },
    /// A class index is not below the number of classes.
    #[error(
        "class {class} at position {position} (row-major) is not one of the {classes} classes; class indices count from 0"
    )]
    Class {
        /// The first such class index.
        class: i64,
        /// Its row-major position.
        position: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Free bits were asked of a model without the KL of each dimension in closed form.
    #[error("free bits need a model that has the KL of each latent dimension in closed form")]
    NoKlPerDimension,
    /// An interval is empty or not finite.
    #[error("the interval ({low}, {high}) is empty or not finite; `low` must be below `high`")]
    Interval {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
}

/// Checks that all values are inside a range. Reads the parameter back only if one is outside.
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
