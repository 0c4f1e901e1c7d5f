//! Where a command computes: device, float type, threads. Set up once, before the first tensor.

use std::path::PathBuf;

use kiln::{
    burn::tensor::Device,
    tensor::{
        DeviceChoice, DeviceInfo,
        device::{compiles_kernels, keep_kernels, with_dtype},
        fused::{self, MatmulPrecision},
    },
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
    /// The precision of f32 products, on a GPU.
    pub(crate) matmul: Option<MatmulPrecision>,
    pub(crate) threads: usize,
}

impl Compute {
    /// Sets the process up as `settings` say. Without a float type in the settings, `preferred` is used if the device
    /// has it.
    pub(crate) fn start(settings: &RunSettings, preferred: Dtype) -> Result<Self> {
        Self::set_up(settings, preferred, precision)
    }

    fn set_up(
        settings: &RunSettings,
        preferred: Dtype,
        precision: fn(&RunSettings, &DeviceInfo, Dtype) -> Result<MatmulPrecision>,
    ) -> Result<Self> {
        if let Some(threads) = settings.threads {
            require((1..=MOST_THREADS).contains(&threads), "threads", &format!("from 1 to {MOST_THREADS}"), threads)?;
        }
        fused::set_enabled(!settings.no_fused);
        if let Some(folder) = kernel_folder() {
            keep_kernels(&folder);
        }
        let info = settings.device.parse::<DeviceChoice>()?.resolve()?;
        let dtype = match settings.dtype {
            Some(Dtype::Bf16) => Dtype::F32,
            Some(dtype) => dtype,
            None if info.dtypes.contains(&preferred.name()) => preferred,
            None => Dtype::F32,
        };
        let matmul = precision(settings, &info, dtype)?;
        fused::set_matmul_precision(matmul);
        let matmul = has_choice(&info, dtype).then_some(matmul);
        // Burn loads an optimiser's state through the default device, which must then be the one that trains. The
        // environment changes before any thread of the pool exists.
        set_default_backend(info.backend.name());
        if let Some(threads) = settings.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
            pool.map_err(|e| Failure::internal(format!("cannot start {threads} threads: {e}")))?;
        }
        let device = with_dtype(&info, dtype.float())?;
        Ok(Self { device, name: info.name, dtype, matmul, threads: rayon::current_num_threads() })
    }

    /// Sets the process up for an existing run: its own settings, overridden by flags. A precision of products that this device does not
    /// have is left out, since the run may have been trained on another one.
    pub(crate) fn again(settings: &RunSettings, flags: &MachineFlags) -> Result<Self> {
        let settings = RunSettings {
            device: flags.device.clone().unwrap_or_else(|| settings.device.clone()),
            threads: flags.threads.or(settings.threads),
            ..settings.clone()
        };
        Self::set_up(&settings, Dtype::F32, |settings, info, dtype| {
            Ok(precision(settings, info, dtype).unwrap_or(MatmulPrecision::F32))
        })
    }
}

/// The folder where the kernels of GPUs are kept, if this machine has one for such files.
pub(crate) fn kernel_folder() -> Option<PathBuf> {
    dirs::cache_dir().map(|folder| folder.join("kiln").join("kernels"))
}

/// Whether the precision of products can be chosen.
fn has_choice(info: &DeviceInfo, dtype: Dtype) -> bool {
    dtype == Dtype::F32 && compiles_kernels(&info.device())
}

/// The precision of products that was asked for.
fn precision(settings: &RunSettings, info: &DeviceInfo, dtype: Dtype) -> Result<MatmulPrecision> {
    let by_type = settings.dtype == Some(Dtype::Bf16);
    if by_type && ![MatmulPrecision::F32, MatmulPrecision::Bf16].contains(&settings.matmul) {
        let matmul = settings.matmul;
        return Err(Failure::usage(format!("--dtype bf16 is short for --matmul bf16: omit --matmul {matmul}")));
    }
    let (asked, flag) = if by_type {
        (MatmulPrecision::Bf16, "--dtype bf16".to_owned())
    } else {
        (settings.matmul, format!("--matmul {}", settings.matmul))
    };
    if asked == MatmulPrecision::F32 {
        return Ok(asked);
    }
    if !compiles_kernels(&info.device()) {
        return Err(Failure::usage(format!("{flag} needs a GPU, and {} is a CPU: omit it", info.name)));
    }
    if !has_choice(info, dtype) {
        return Err(Failure::usage(format!("{flag} is for products of f32: omit it, or give --dtype f32")));
    }
    if asked == MatmulPrecision::Bf16 && !info.dtypes.contains(&"bf16") {
        let types = info.dtypes.join(", ");
        return Err(Failure::usage(format!("{flag}: {} has no bf16 (it has {types}): omit it", info.name)));
    }
    Ok(asked)
}

#[allow(unsafe_code, reason = "the environment is written before any thread of this process is started or reads it")]
fn set_default_backend(backend: &str) {
    // SAFETY: called from the main thread, before the thread pool is built and before the first tensor.
    unsafe { std::env::set_var("BURN_DEVICE", backend) }
}
