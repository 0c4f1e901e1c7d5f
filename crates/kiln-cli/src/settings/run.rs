//! Where a run computes: the table `[run]`.

use kiln::tensor::fused::MatmulPrecision;
use serde::{Deserialize, Serialize};

use crate::names::Dtype;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RunSettings {
    pub(crate) device: String,
    pub(crate) dtype: Option<Dtype>,
    /// The precision of f32 products on a GPU.
    pub(crate) matmul: MatmulPrecision,
    pub(crate) seed: u64,
    pub(crate) threads: Option<usize>,
    /// Whether the fused kernels are disabled.
    pub(crate) no_fused: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            device: "auto".into(),
            dtype: None,
            matmul: MatmulPrecision::F32,
            seed: 0,
            threads: None,
            no_fused: false,
        }
    }
}
