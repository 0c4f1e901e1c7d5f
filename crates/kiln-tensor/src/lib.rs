//! The tensor layer of Kiln: what Burn lacks, without statistics.
//!
//! - [`atomic`]: files that are written completely or not at all.
//! - [`byte_rows`]: images that stay on a GPU.
//! - [`device`]: devices by name, and their float types.
//! - [`derivative`]: exact first and second derivatives of functions of a module's parameters.
//! - [`flat`]: a module's trainable parameters as one vector.
//! - [`linalg`]: factorisations and eigenvalues of small matrices, on the host.
//! - [`quiet`]: panics of other crates that become errors.
//! - [`memory`]: how much memory this process may use.
//! - [`random`]: keyed, counter-based streams of random numbers, equal on every backend.
//! - [`fused`]: the operations of a training step, each in one pass.
//! - [`init`]: weight initialisation from keyed streams.
//! - [`params`]: a module's parameters by name: listing, replacing, checking.
//! - [`pass`](mod@pass): elementwise updates of several tensors in one pass.
//! - [`special`]: gamma, error and normal functions, and logarithms without cancellation.
//! - [`steps`]: steps of an optimiser on a GPU, which do not wait for the host.
//! - [`weights`]: safetensors files of a module's parameters.
//! - [`world`]: processes that compute together.

pub mod atomic;
pub mod byte_rows;
#[cfg(feature = "cube")]
mod cube;
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
pub mod memory;
pub mod params;
pub mod pass;
#[cfg(any(feature = "cube", test))]
mod program;
pub mod quiet;
pub mod random;
mod real;
pub mod special;
pub mod steps;
pub mod weights;
pub mod world;

pub use device::{DeviceChoice, DeviceError, DeviceInfo};
pub use random::{Normals, Stream};
pub use world::World;
