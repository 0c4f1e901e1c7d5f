//! Float types.

use clap::ValueEnum;
use kiln::burn::tensor::FloatDType;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dtype {
    F32,
    F64,
    // On a GPU: products in bf16, and parameters and all else in f32.
    Bf16,
}

impl Dtype {
    pub(crate) fn float(self) -> FloatDType {
        match self {
            // Only the products are in bf16.
            Self::F32 | Self::Bf16 => FloatDType::F32,
            Self::F64 => FloatDType::F64,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bf16 => "bf16",
        }
    }

    /// Bytes per number.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::F32 | Self::Bf16 => 4,
            Self::F64 => 8,
        }
    }
}
