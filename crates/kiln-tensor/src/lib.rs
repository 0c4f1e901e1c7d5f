//! The tensor layer of Kiln: what Burn lacks, and nothing statistical.
//!
//! - [`device`]: choosing a device by name among the backends compiled in, and its float type.
//! - [`random`]: keyed, counter-based streams of random numbers, equal on every backend.
//! - [`init`]: weight initialisation from those streams.
//! - [`params`]: a module's parameters by name: listing, saving, loading, checking.
//! - [`pass`](mod@pass): elementwise updates of several tensors in one pass.
//! - [`weights`]: `model.safetensors`, written and read.

pub mod device;
pub mod init;
pub mod params;
pub mod pass;
pub mod random;
pub mod weights;

pub use device::{DeviceChoice, DeviceError, DeviceInfo};
pub use random::Stream;
