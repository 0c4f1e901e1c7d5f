//! Where a run computes: threads, device, float type. Set up once, before the first tensor.

use kiln::{
    burn::tensor::Device,
    tensor::{DeviceChoice, device::with_dtype, fused},
};

use crate::{
    config::{Dtype, RunSettings, require},
    failure::{Failure, Result},
    flags::MachineFlags,
};

/// The device, ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) device: Device,
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) threads: usize,
}

impl Machine {
    /// Sets the process up as `settings` say; `preferred` is the float type when they do not say it, given up where the
    /// device lacks it.
    pub(crate) fn start(settings: &RunSettings, preferred: Dtype) -> Result<Self> {
        if let Some(threads) = settings.threads {
            require(threads >= 1, "threads", "at least 1", threads)?;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
            pool.map_err(|e| Failure::internal(format!("cannot start {threads} threads: {e}")))?;
        }
        fused::set_enabled(!settings.no_fused);
        let info = settings.device.parse::<DeviceChoice>()?.resolve()?;
        let dtype = match settings.dtype {
            Some(dtype) => dtype,
            None if info.dtypes.contains(&preferred.name()) => preferred,
            None => Dtype::F32,
        };
        // Burn loads an optimiser's state through the default device, which must then be the one that trains.
        set_default_backend(info.backend.name());
        let device = with_dtype(&info, dtype.float())?;
        Ok(Self { device, name: info.name, dtype, threads: rayon::current_num_threads() })
    }

    /// For a run that is there: its own settings but where flags say otherwise.
    pub(crate) fn again(settings: &RunSettings, flags: &MachineFlags) -> Result<Self> {
        let settings = RunSettings {
            device: flags.device.clone().unwrap_or_else(|| settings.device.clone()),
            threads: flags.threads.or(settings.threads),
            ..settings.clone()
        };
        Self::start(&settings, Dtype::F32)
    }
}

#[allow(unsafe_code, reason = "the environment is written before any thread of ours is started or reads it")]
fn set_default_backend(backend: &str) {
    // SAFETY: called from `main`'s thread, before the first tensor; rayon's workers do not read the environment.
    unsafe { std::env::set_var("BURN_DEVICE", backend) }
}
