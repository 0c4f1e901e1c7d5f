//! Where a command computes: device, float type, threads. Set up once, before the first tensor.

use kiln::{
    burn::tensor::Device,
    tensor::{DeviceChoice, device::with_dtype, fused},
};

use crate::{
    base::{Failure, Result, require},
    flags::MachineFlags,
    names::Dtype,
    settings::RunSettings,
};

/// Threads beyond which starting them takes longer than any run gains.
const MOST_THREADS: usize = 512;

/// A device that is ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Compute {
    pub(crate) device: Device,
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) threads: usize,
}

impl Compute {
    /// Sets the process up as `settings` say. Without a float type in the settings, `preferred` is used if the device
    /// has it.
    pub(crate) fn start(settings: &RunSettings, preferred: Dtype) -> Result<Self> {
        if let Some(threads) = settings.threads {
            require((1..=MOST_THREADS).contains(&threads), "threads", &format!("from 1 to {MOST_THREADS}"), threads)?;
        }
        fused::set_enabled(!settings.no_fused);
        let info = settings.device.parse::<DeviceChoice>()?.resolve()?;
        let dtype = match settings.dtype {
            Some(dtype) => dtype,
            None if info.dtypes.contains(&preferred.name()) => preferred,
            None => Dtype::F32,
        };
        // Burn loads an optimiser's state through the default device, which must then be the one that trains. The
        // environment changes before any thread of the pool exists.
        set_default_backend(info.backend.name());
        if let Some(threads) = settings.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
            pool.map_err(|e| Failure::internal(format!("cannot start {threads} threads: {e}")))?;
        }
        let device = with_dtype(&info, dtype.float())?;
        Ok(Self { device, name: info.name, dtype, threads: rayon::current_num_threads() })
    }

    /// Sets the process up for an existing run: its own settings, overridden by flags.
    pub(crate) fn again(settings: &RunSettings, flags: &MachineFlags) -> Result<Self> {
        let settings = RunSettings {
            device: flags.device.clone().unwrap_or_else(|| settings.device.clone()),
            threads: flags.threads.or(settings.threads),
            ..settings.clone()
        };
        Self::start(&settings, Dtype::F32)
    }
}

#[allow(unsafe_code, reason = "the environment is written before any thread of this process is started or reads it")]
fn set_default_backend(backend: &str) {
    // SAFETY: called from the main thread, before the thread pool is built and before the first tensor.
    unsafe { std::env::set_var("BURN_DEVICE", backend) }
}
