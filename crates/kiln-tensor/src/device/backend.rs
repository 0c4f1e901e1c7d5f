//! The backends that Kiln can be built with.

use burn::tensor::Device;

use crate::quiet::catch_of_threads;

/// A Burn backend that Kiln can be built with. Each is a Cargo feature of the same name.
///
/// # Example
/// ```
/// use kiln_tensor::device::Backend;
///
/// assert_eq!((Backend::Flex.name(), Backend::Flex.is_compiled()), ("flex", cfg!(feature = "flex")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Burn's own CPU backend: SIMD and threads.
    Flex,
    /// The older CPU backend on the `ndarray` crate, deprecated by Burn since 0.22.
    NdArray,
    /// GPU through wgpu, WGSL shaders.
    Wgpu,
    /// GPU through wgpu pinned to Vulkan, SPIR-V shaders.
    Vulkan,
    /// NVIDIA GPU through CUDA.
    Cuda,
}

impl Backend {
    pub(super) const ALL: [Self; 5] = [Self::Cuda, Self::Vulkan, Self::Wgpu, Self::Flex, Self::NdArray];

    /// Returns the name on the command line, which is also the Cargo feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// Returns whether this build contains the backend.
    pub fn is_compiled(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// Whether the backend has one device only, so that an index has no meaning.
    pub(super) fn is_single(self) -> bool {
        matches!(self, Self::Flex | Self::NdArray)
    }

    /// The devices of this backend on this machine; none if it is not compiled in, or its driver fails.
    pub(super) fn devices(self) -> Vec<Device> {
        // Drivers are loaded at run time, and a function that an old one lacks is a panic.
        catch_of_threads(|| self.enumerated()).unwrap_or_default()
    }

    fn enumerated(self) -> Vec<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => vec![Device::flex()],
            #[cfg(feature = "ndarray")]
            #[allow(deprecated, reason = "supported for as long as Burn ships it")]
            Self::NdArray => vec![Device::ndarray()],
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::enumerate(burn::tensor::DeviceType::Wgpu).into_iter().collect(),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::enumerate(burn::tensor::DeviceType::Vulkan).into_iter().collect(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::enumerate(burn::tensor::DeviceType::Cuda).into_iter().collect(),
            #[allow(unreachable_patterns, reason = "reachable unless every backend is compiled in")]
            _ => Vec::new(),
        }
    }
}

/// Whether the device is one of a GPU backend, on which CubeCL runs kernels. A software driver is one, too.
#[cfg(feature = "cube")]
pub(crate) fn is_cube(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), burn::backend::DispatchDevice::Cube(_))
}
