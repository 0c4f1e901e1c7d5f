//! The tensor layer of Kiln: what Burn lacks, and nothing statistical.
//!
//! - [`atomic`]: files that are written completely or not at all.
//! - [`device`]: choosing a device by name among the backends compiled in, and its float type.
//! - [`derivative`]: derivatives of functions of a module's parameters, first and second: products with the Hessian, exact.
//! - [`flat`]: a module's trainable parameters as one vector.
//! - [`linalg`]: factors and eigenvalues of small symmetric matrices, on the host.
//! - [`random`]: keyed, counter-based streams of random numbers, equal on every backend.
//! - [`fused`]: the operations that fill a training step, in one pass each.
//! - [`init`]: weight initialisation from those streams.
//! - [`params`]: a module's parameters by name: listing, saving, loading, checking.
//! - [`pass`](mod@pass): elementwise updates of several tensors in one pass.
//! - [`special`]: gamma, error and normal functions, and logarithms without cancellation.
//! - [`weights`]: `model.safetensors`, written and read.

pub mod atomic;
pub mod derivative;
pub mod device;
#[cfg(feature = "flex")]
mod elementary;
pub mod flat;
#[cfg(feature = "flex")]
mod flex;
pub mod fused;
pub mod init;
pub mod linalg;
pub mod params;
pub mod pass;
pub mod random;
pub mod special;
pub mod weights;

pub use device::{DeviceChoice, DeviceError, DeviceInfo};
pub use random::Stream;
