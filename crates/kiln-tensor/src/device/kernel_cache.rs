//! The kernels of GPUs on disk.

use std::path::Path;

/// Keeps the kernels that GPU backends compile, and which of them their tuner found fastest, in a database in `folder`.
///
/// Without it, a later process compiles and tunes again, which can take minutes. Call it before the first use of a device, because
/// backends read their settings once: later, and in a build without a GPU backend or without the feature `kernel-cache`, it does nothing and
/// returns false.
///
/// CubeCL's other settings are read from `cubecl.toml` or `burn.toml` in the working directory, as without this call. A folder that is set
/// there is used in place of `folder`. A folder that cannot be written costs time, but is no error.
///
/// # Example
/// ```
/// use kiln_tensor::device;
///
/// let folder = std::env::temp_dir().join("kernels");
/// device::keep_kernels(&folder);
/// let device = device::auto()?;
/// # Ok::<(), kiln_tensor::DeviceError>(())
/// ```
pub fn keep_kernels(folder: &Path) -> bool {
    #[cfg(all(feature = "cube", feature = "kernel-cache"))]
    {
        use burn_cubecl::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        config.compilation.cache = true;
        if matches!(config.environment.path, CacheConfig::Target) {
            config.environment.path = CacheConfig::Directory(folder.to_owned());
        }
        CubeClRuntimeConfig::try_set(config)
    }
    #[cfg(not(all(feature = "cube", feature = "kernel-cache")))]
    {
        let _ = folder;
        false
    }
}

/// Returns whether this device's kernels are compiled and tuned at run time, so that [`keep_kernels`] makes later processes start
/// faster: a GPU backend.
pub fn compiles_kernels(device: &burn::tensor::Device) -> bool {
    #[cfg(feature = "cube")]
    return super::is_cube(device);
    #[cfg(not(feature = "cube"))]
    {
        let _ = device;
        false
    }
}
