//! The precision of products on GPUs.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU8, Ordering},
};

use serde::{Deserialize, Serialize};

/// How products of f32 matrices are computed on a GPU, as for `--matmul`.
///
/// It applies to [`linear`](super::linear), [`dense`](super::dense) and [`matmul`](super::matmul()), with their gradients, on the GPU
/// backends. Sums are in f32 in each case. Products of f64 matrices, and all products on a CPU, are exact to rounding in their own
/// type.
///
/// # Example
/// ```
/// use kiln_tensor::fused::{MatmulPrecision, matmul_precision};
///
/// assert_eq!(matmul_precision(), MatmulPrecision::F32);
/// assert_eq!("tf32".parse(), Ok(MatmulPrecision::Tf32));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum MatmulPrecision {
    /// In f32, as on a CPU. The default.
    #[default]
    F32,
    /// Factors may be rounded to TF32 (10 bits of mantissa) on NVIDIA's tensor cores. Burn's tuner decides, by time.
    Tf32,
    /// Factors are rounded to bf16 (7 bits of mantissa). Parameters, and all that is not a product, stay in f32.
    Bf16,
}

impl MatmulPrecision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::Bf16];

    /// Returns the name: `f32`, `tf32` or `bf16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }
}

impl fmt::Display for MatmulPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MatmulPrecision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == text);
        found.ok_or_else(|| format!("`{text}` is not a precision: expected f32, tf32 or bf16"))
    }
}

static PRECISION: AtomicU8 = AtomicU8::new(MatmulPrecision::F32 as u8);

/// Sets the precision of products on GPUs for the whole process. Each product takes that of its forward pass.
///
/// A device without bf16 cannot compute products in bf16: see [`DeviceInfo::dtypes`](crate::DeviceInfo::dtypes).
pub fn set_matmul_precision(precision: MatmulPrecision) {
    PRECISION.store(precision as u8, Ordering::Relaxed);
}

/// Returns the precision of products on GPUs.
pub fn matmul_precision() -> MatmulPrecision {
    let stored = usize::from(PRECISION.load(Ordering::Relaxed));
    MatmulPrecision::ALL[stored]
}
