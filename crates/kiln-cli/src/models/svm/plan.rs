//! The plan of a support vector machine's fit.

use kiln::{
    burn::tensor::Tensor,
    data::Dataset,
    models::{Kernel, SvmConfig},
};

use super::settings::{Gamma, GammaRule, KernelName, SvmModel, SvmSettings};
use crate::{
    base::{Failure, Result},
    context::{Compute, Loaded, Memory, tabular::rows},
};

/// A complete fit.
pub(crate) struct SvmPlan {
    pub(super) settings: SvmSettings,
    pub(super) data: Loaded,
    pub(super) compute: Compute,
    pub(super) kernel: Kernel,
    pub(super) config: SvmConfig,
    /// The training rows, `[n, d]`.
    pub(super) inputs: Tensor<2>,
    /// A weight per training row.
    pub(super) weights: Vec<f64>,
}

impl SvmPlan {
    pub(super) fn new(mut settings: SvmSettings, data: Loaded, compute: Compute) -> Result<Self> {
        let classes = data.train.classes();
        if classes != 2 {
            return Err(Failure::usage(format!(
                "a support vector machine needs two classes, and {} has {classes}: `kiln train logistic` takes any number",
                settings.data.name
            )));
        }
        let inputs = rows(&data.train, &compute);
        let kernel = kernel(&mut settings.model, &inputs);
        let SvmModel { c, tol, max_iter, cache_mb, .. } = settings.model;
        let config = SvmConfig::new(kernel).c(c).tol(tol).max_iter(max_iter).cache_mb(cache_mb);
        let weights = data.weights.clone().unwrap_or_else(|| vec![1.0; data.train.len()]);
        Ok(Self { settings, data, compute, kernel, config, inputs, weights })
    }

    pub(super) fn memory(&self) -> Memory {
        let (n, d) = (self.data.train.len() + self.data.test.len(), self.data.train.features());
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
        let cache = self.settings.model.cache_mb as usize;
        // The rows of the kernel's matrix never need more than the whole matrix.
        let whole = Memory::default().with("kernel", &[n, n], 8).bytes();
        let cached = Memory::default().with("kernel", &[cache, 1_000_000], 1).bytes().min(whole);
        Memory::default().with("rows", &[n, d, 6], 8).with(
            "kernel cache",
            &[usize::try_from(cached).unwrap_or(usize::MAX)],
            1,
        )
    }
}

/// Returns the kernel, with γ as a number, which is written to the settings.
fn kernel(model: &mut SvmModel, inputs: &Tensor<2>) -> Kernel {
    if model.kernel == KernelName::Linear {
        return Kernel::Linear;
    }
    let [_, d] = inputs.dims();
    let kernel = match model.gamma {
        Gamma::Number(gamma) => Kernel::Rbf { gamma },
        Gamma::Rule(GammaRule::Scale) => Kernel::rbf_scaled(inputs),
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        Gamma::Rule(GammaRule::Auto) => Kernel::Rbf { gamma: 1.0 / d as f64 },
    };
    if let Kernel::Rbf { gamma } = kernel {
        model.gamma = Gamma::Number(gamma);
    }
    kernel
}
