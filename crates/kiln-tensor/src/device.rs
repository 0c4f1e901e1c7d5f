//! Devices by name, among the backends that are compiled in.
//!
//! A device that is a card on a bus is a *GPU*. A software driver (lavapipe, SwiftShader) is a *CPU*, even if it is reached through
//! wgpu, so [`auto`] never prefers it to Flex.
//!
//! # Example
//! ```
//! use burn::tensor::Tensor;
//! use kiln_tensor::device;
//!
//! let device = device::auto()?; // a GPU if there is one, otherwise the CPU
//! let x = Tensor::<1>::zeros([3], &device);
//! assert!(device::named("wgpu:seven").is_err());
//! # Ok::<(), kiln_tensor::DeviceError>(())
//! ```
//!
//! # Double precision
//! Devices compute in f32 by default. [`named_f64`] returns a device that computes in f64. Burn fixes the float type of a device for
//! the whole process when the first tensor is made on it, so call this first:
//!
//! ```
//! use burn::tensor::{DType, Tensor};
//! use kiln_tensor::device;
//!
//! let device = device::named_f64("cpu")?;
//! assert_eq!(Tensor::<1>::zeros([3], &device).dtype(), DType::F64);
//! # Ok::<(), kiln_tensor::DeviceError>(())
//! ```

mod backend;
mod error;
mod kernel_cache;

use std::{fmt, str::FromStr};

#[cfg(feature = "cube")]
pub(crate) use self::backend::is_cube;
pub use self::{
    backend::Backend,
    error::DeviceError,
    kernel_cache::{compiles_kernels, keep_kernels},
};
use crate::quiet::catch_of_threads;
use burn::tensor::{Device, FloatDType};

/// A choice of device, as for `--device`.
///
/// # Example
/// ```
/// use kiln_tensor::DeviceChoice;
///
/// let info = DeviceChoice::Auto.resolve()?;
/// println!("computing on {} ({})", info.name, info.description);
/// assert_eq!("cuda:1".parse::<DeviceChoice>()?.to_string(), "cuda:1");
/// # Ok::<(), kiln_tensor::DeviceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A GPU if one is compiled in and present, otherwise the CPU. The default.
    #[default]
    Auto,
    /// The CPU: Flex, or ndarray if only that is compiled in.
    Cpu,
    /// The first GPU of any backend.
    Gpu,
    /// A device of one backend.
    Of {
        /// The backend.
        backend: Backend,
        /// The index of the device from 0, in the order of [`available`].
        index: usize,
    },
}

/// A device that exists.
///
/// # Example
/// ```
/// use kiln_tensor::device;
///
/// for info in device::available() {
///     println!("{}: {} ({:?})", info.name, info.description, info.dtypes);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct DeviceInfo {
    /// The name for `--device`.
    pub name: String,
    /// `"cpu"` or `"gpu"`.
    pub kind: &'static str,
    /// The backend.
    pub backend: Backend,
    /// The device's own name.
    pub description: String,
    /// The float types that it supports, of f64, f32, f16 and bf16.
    pub dtypes: Vec<&'static str>,
    device: Device,
}

impl DeviceInfo {
    /// Returns the device.
    pub fn device(&self) -> Device {
        self.device.clone()
    }
}

/// A device that is there and cannot be used. [`unusable`] returns them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableDevice {
    /// The name for `--device`.
    pub name: String,
    /// What went wrong when it was opened, and what may help.
    pub reason: String,
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "gpu" => return Ok(Self::Gpu),
            _ => {}
        }
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index.parse::<usize>().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let backend = Backend::ALL.into_iter().find(|b| b.name() == name).ok_or_else(unknown)?;
        if backend.is_single() && index.is_some() {
            return Err(unknown());
        }
        Ok(Self::Of { backend, index: index.unwrap_or(0) })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu => f.write_str("gpu"),
            Self::Of { backend, index } => f.write_str(&selector(*backend, *index)),
        }
    }
}

impl DeviceChoice {
    /// Finds the device.
    ///
    /// # Errors
    /// Returns [`DeviceError::NotCompiled`] or [`DeviceError::NotPresent`], which list the devices that exist.
    pub fn resolve(&self) -> Result<DeviceInfo, DeviceError> {
        match self {
            Self::Auto => {
                first(&[Backend::Cuda, Backend::Vulkan, Backend::Wgpu], "gpu").map_or_else(|| Self::Cpu.resolve(), Ok)
            }
            Self::Cpu => first(&[Backend::Flex, Backend::NdArray], "cpu").ok_or_else(|| self.missing("flex", false)),
            Self::Gpu => {
                let backends = [Backend::Cuda, Backend::Vulkan, Backend::Wgpu];
                let compiled = backends.iter().any(|b| b.is_compiled());
                first(&backends, "gpu").ok_or_else(|| self.missing("wgpu", compiled))
            }
            Self::Of { backend, index } => {
                let device = backend.devices().into_iter().nth(*index);
                let device = device.ok_or_else(|| self.missing(backend.name(), backend.is_compiled()))?;
                opened(*backend, *index, device)
                    .map_err(|UnusableDevice { name, reason }| DeviceError::Unusable { name, reason })
            }
        }
    }

    fn missing(&self, feature: &str, compiled: bool) -> DeviceError {
        let there: Vec<String> = available().into_iter().map(|d| d.name).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        if compiled {
            DeviceError::NotPresent { name: self.to_string(), there }
        } else {
            DeviceError::NotCompiled { name: self.to_string(), feature: feature.to_owned(), there }
        }
    }
}

/// Returns a GPU if one is compiled in and present, otherwise the CPU.
///
/// # Errors
/// Returns [`DeviceError::NotCompiled`] if the build has no CPU backend.
pub fn auto() -> Result<Device, DeviceError> {
    Ok(DeviceChoice::Auto.resolve()?.device())
}

/// Returns the device of a name: `auto`, `cpu`, `gpu`, `flex`, `ndarray`, `wgpu[:i]`, `vulkan[:i]` or `cuda[:i]`.
///
/// # Errors
/// Returns [`DeviceError::Unknown`], [`DeviceError::NotCompiled`] or [`DeviceError::NotPresent`].
pub fn named(name: &str) -> Result<Device, DeviceError> {
    Ok(name.parse::<DeviceChoice>()?.resolve()?.device())
}

/// Returns the device of a name, set to compute in f64.
///
/// Call this before the first tensor is made on the device.
///
/// # Errors
/// Those of [`named`] and of [`with_dtype`].
pub fn named_f64(name: &str) -> Result<Device, DeviceError> {
    with_dtype(&name.parse::<DeviceChoice>()?.resolve()?, FloatDType::F64)
}

/// Returns every device that this build can use on this machine, GPUs first. It opens each of them.
pub fn available() -> Vec<DeviceInfo> {
    all(&Backend::ALL).filter_map(Result::ok).collect()
}

/// Returns the devices that are there and cannot be opened, for example because their driver is too old.
pub fn unusable() -> Vec<UnusableDevice> {
    all(&Backend::ALL).filter_map(Result::err).collect()
}

/// Every device of these backends, opened.
fn all(backends: &[Backend]) -> impl Iterator<Item = Result<DeviceInfo, UnusableDevice>> {
    backends.iter().flat_map(|&backend| {
        backend.devices().into_iter().enumerate().map(move |(index, device)| opened(backend, index, device))
    })
}

fn opened(backend: Backend, index: usize, device: Device) -> Result<DeviceInfo, UnusableDevice> {
    catch_of_threads(|| describe(backend, index, device)).map_err(|caught| UnusableDevice {
        name: selector(backend, index),
        reason: format!(
            "{}; if its driver is old, update it, or choose another device",
            caught.message.trim_end_matches('.')
        ),
    })
}

/// Returns the device, set to compute in `dtype` by default.
///
/// Burn fixes a device's float type for the whole process when the first tensor is made on it, so call this first.
///
/// # Errors
/// Returns [`DeviceError::UnsupportedDtype`], or [`DeviceError::Configure`] if the device already computes in another type.
pub fn with_dtype(info: &DeviceInfo, dtype: FloatDType) -> Result<Device, DeviceError> {
    let mut device = info.device();
    if !device.supports_dtype(dtype) {
        return Err(DeviceError::UnsupportedDtype { name: info.name.clone(), dtype: dtype_name(dtype) });
    }
    if device.settings().float_dtype == dtype {
        return Ok(device);
    }
    device.configure(dtype).map_err(|e| DeviceError::Configure { dtype: dtype_name(dtype), reason: e.to_string() })?;
    Ok(device)
}

fn first(backends: &[Backend], kind: &str) -> Option<DeviceInfo> {
    all(backends).filter_map(Result::ok).find(|info| info.kind == kind)
}

fn selector(backend: Backend, index: usize) -> String {
    if backend.is_single() { backend.name().to_owned() } else { format!("{}:{index}", backend.name()) }
}

fn describe(backend: Backend, index: usize, device: Device) -> DeviceInfo {
    let (kind, description) = identity(backend, &device);
    let dtypes = [FloatDType::F64, FloatDType::F32, FloatDType::F16, FloatDType::BF16]
        .into_iter()
        .filter(|&dtype| device.supports_dtype(dtype))
        .map(dtype_name)
        .collect();
    DeviceInfo { name: selector(backend, index), kind, backend, description, dtypes, device }
}

/// The kind of the device and its own name.
fn identity(backend: Backend, device: &Device) -> (&'static str, String) {
    match backend {
        Backend::Flex => return ("cpu", "Burn Flex".to_owned()),
        Backend::NdArray => return ("cpu", "ndarray (deprecated by Burn)".to_owned()),
        Backend::Wgpu | Backend::Vulkan | Backend::Cuda => {}
    }
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if let Some(identity) = device.identity() {
        return (if identity.physical.is_some() { "gpu" } else { "cpu" }, identity.name);
    }
    ("gpu", format!("{device:?}"))
}

fn dtype_name(dtype: FloatDType) -> &'static str {
    match dtype {
        FloatDType::F64 => "f64",
        FloatDType::F32 => "f32",
        FloatDType::F16 => "f16",
        FloatDType::BF16 => "bf16",
        _ => "another float type",
    }
}

/// Returns ε of a float type, the distance from 1 to the next number.
pub fn machine_epsilon(dtype: burn::tensor::DType) -> f64 {
    use burn::tensor::DType;
    match dtype {
        DType::F64 => f64::EPSILON,
        DType::F16 => 9.765_625e-4,
        DType::BF16 => 7.812_5e-3,
        _ => f64::from(f32::EPSILON),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_to_what_they_print() {
        for name in ["auto", "cpu", "gpu", "flex", "ndarray", "wgpu:0", "wgpu:3", "vulkan:1", "cuda:0"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!("wgpu".parse::<DeviceChoice>().unwrap().to_string(), "wgpu:0");
    }

    #[test]
    fn wrong_names_say_what_is_right() {
        for name in ["", "tpu", "flex:1", "wgpu:", "wgpu:-1", "wgpu:one", "GPU "] {
            let message = name.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(message.contains("wgpu[:i]"), "{message}");
        }
    }

    #[test]
    fn flex_is_found_and_described() {
        let info = "cpu".parse::<DeviceChoice>().unwrap().resolve().unwrap();
        assert_eq!((info.name.as_str(), info.kind), ("flex", "cpu"));
        assert!(info.dtypes.contains(&"f64") && info.dtypes.contains(&"f32"));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_compiled_in_names_the_feature() {
        let message = "cuda:0".parse::<DeviceChoice>().unwrap().resolve().unwrap_err().to_string();
        assert!(message.contains("--features cuda") && message.contains("flex"), "{message}");
    }
}
