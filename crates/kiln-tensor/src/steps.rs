//! Steps of an optimiser that a GPU takes without waiting for the host.
//!
//! A training loop that reads the loss after every step has the GPU wait for the host, and the host for the GPU. [`Steps`] keeps what a
//! step measures on the device: the loss, its terms, the Euclidean norm and the largest entry of the gradient. The device itself decides
//! whether the step is taken. The host reads all of it once in a while.
//!
//! # Guarantees
//! A loss or a gradient that is not finite is never applied. From the step in which one appears, the parameters and the optimiser's state
//! do not change, whatever the host does, until it reads what happened: see [`Read::halt`].

#[cfg(feature = "cube")]
pub use crate::cube::steps::Steps;
#[cfg(not(feature = "cube"))]
pub use nowhere::Steps;

/// What a step does besides the update.
///
/// # Example
/// ```
/// use kiln_tensor::steps::StepsConfig;
///
/// let config = StepsConfig { clip_norm: Some(1.0), ..StepsConfig::default() };
/// assert_eq!((config.clip_value, config.gtol), (None, None));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepsConfig {
    /// Scales a gradient whose Euclidean norm over all parameters is larger down to this norm. Default: none.
    pub clip_norm: Option<f64>,
    /// Clamps each entry of the gradient to ± this, after the scaling. Default: none.
    pub clip_value: Option<f64>,
    /// Halts at a gradient none of whose entries is larger. Default: none.
    pub gtol: Option<f64>,
}

/// Why the device takes no more steps.
///
/// # Example
/// ```
/// use kiln_tensor::steps::Halt;
///
/// let text = |halt: Halt| match halt {
///     Halt::Loss => "the loss is not finite".to_owned(),
///     Halt::Gradient(place) => format!("the gradient of parameter {place} is not finite"),
///     Halt::Converged => "converged".to_owned(),
///     Halt::Overflow => "the norm of the gradient overflowed".to_owned(),
/// };
/// assert_eq!(text(Halt::Gradient(2)), "the gradient of parameter 2 is not finite");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The loss is not finite.
    Loss,
    /// The gradient of a parameter has a NaN or an infinity: its place among those that were updated, from 0.
    Gradient(usize),
    /// The gradient is within [`StepsConfig::gtol`].
    Converged,
    /// The sum of the squares overflowed, so that [`StepsConfig::clip_norm`] has no norm to divide by.
    Overflow,
}

/// What a step measured, before it was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The loss and its terms.
    pub scalars: Vec<f64>,
    /// The Euclidean norm of the gradient, before clipping.
    pub norm: f64,
    /// The largest absolute entry of the gradient.
    pub largest: f64,
}

/// A step that is known ahead of its time: see [`Steps::plan`].
///
/// # Example
/// ```
/// use kiln_tensor::steps::Planned;
///
/// let second = Planned { epoch: 0, place: 1, rows: vec![4, 7] };
/// assert_eq!(second.rows.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The place of the minibatch in its epoch, from 0.
    pub place: u64,
    /// The rows of the data.
    pub rows: Vec<usize>,
}

/// What the steps since the last reading measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// One row for each step, up to the one that halted.
    pub rows: Vec<Row>,
    /// Why the step of the last row was not taken, nor any after it.
    pub halt: Option<Halt>,
}

#[cfg(not(feature = "cube"))]
mod nowhere {
    use std::convert::Infallible;

    use burn::tensor::{Device, Tensor};

    use super::{Planned, Read, StepsConfig};

    /// Takes the steps of an optimiser on a GPU. This build has no GPU backend, so there is no value of this type.
    pub struct Steps(Infallible);

    impl Steps {
        /// Returns false.
        pub fn supports(_: &Device) -> bool {
            false
        }

        /// Returns none.
        pub fn new(_: StepsConfig, _: usize, _: usize, _: Tensor<1>) -> Option<Self> {
            None
        }

        /// Returns whether a tensor can be the loss or a gradient of these steps.
        pub fn accepts<const D: usize>(&self, _: &Tensor<D>) -> bool {
            match self.0 {}
        }

        /// Returns whether there is no room for another step before a reading.
        pub fn is_full(&self) -> bool {
            match self.0 {}
        }

        /// Takes a step.
        pub fn step<R>(&mut self, _: Vec<Tensor<1>>, _: impl FnOnce() -> R) -> R {
            match self.0 {}
        }

        /// Has a step recorded when enough are planned.
        pub fn allow_recording(&mut self) {
            match self.0 {}
        }

        /// Returns whether a plan would be of use.
        pub fn wants_plan(&self) -> bool {
            match self.0 {}
        }

        /// Says what the next steps are.
        pub fn plan(&mut self, _: Vec<Planned>) {
            match self.0 {}
        }

        /// Returns whether the next step is planned, on these rows.
        pub fn is_planned(&self, _: &[usize]) -> bool {
            match self.0 {}
        }

        /// Returns whether the next step can be a repetition.
        pub fn replays(&self) -> bool {
            match self.0 {}
        }

        /// Computes the loss and the gradients of the next step, which is planned.
        pub fn compute<R>(&mut self, _: impl FnOnce() -> R) -> R {
            match self.0 {}
        }

        /// Takes the planned step that was computed.
        ///
        /// # Errors
        /// If it was to be recorded and that failed.
        pub fn planned_step<R>(&mut self, _: Vec<Tensor<1>>, _: impl FnOnce() -> R) -> Result<R, R> {
            match self.0 {}
        }

        /// Takes the next step by repeating the recorded one.
        ///
        /// # Errors
        /// If the update is another one.
        pub fn replay<R>(&mut self, _: impl FnOnce() -> R) -> Result<R, R> {
            match self.0 {}
        }

        /// Gives up a recording that has begun.
        pub fn abandon(&mut self) -> bool {
            match self.0 {}
        }

        /// Has the next step copy what someone else may have kept.
        pub fn distrust(&mut self) {
            match self.0 {}
        }

        /// Returns what the steps since the last reading measured.
        pub fn read(&mut self) -> Read {
            match self.0 {}
        }

        /// Takes steps again after a halt.
        pub fn resume(&mut self) {
            match self.0 {}
        }
    }
}
