//! Why a device is not available.

use thiserror::Error;

/// Why a device is not available.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is unknown.
    #[error("unknown device '{0}': expected auto, cpu, gpu, flex, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]")]
    Unknown(String),
    /// The backend is not part of this build.
    #[error("device '{name}' is not compiled in: build with `--features {feature}`; this build has {there}")]
    NotCompiled {
        /// The name that was asked for.
        name: String,
        /// The Cargo feature that adds it.
        feature: String,
        /// The devices that exist.
        there: String,
    },
    /// The machine has no such device.
    #[error("this machine has no device '{name}': it has {there}")]
    NotPresent {
        /// The name that was asked for.
        name: String,
        /// The devices that exist.
        there: String,
    },
    /// The device is there and cannot be opened.
    #[error("device '{name}' cannot be used: {reason}")]
    Unusable {
        /// The device.
        name: String,
        /// What went wrong when it was opened, and what may help.
        reason: String,
    },
    /// The device does not support this float type.
    #[error("device '{name}' does not support {dtype}: use f32 (--dtype f32) or a CPU device")]
    UnsupportedDtype {
        /// The device.
        name: String,
        /// The float type.
        dtype: &'static str,
    },
    /// The device already computes in another float type, which Burn fixes at the first tensor.
    #[error("cannot set the float type of the device to {dtype}: {reason}")]
    Configure {
        /// The float type.
        dtype: &'static str,
        /// Burn's reason.
        reason: String,
    },
}
