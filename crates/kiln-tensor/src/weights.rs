//! A module's parameters as a safetensors file, the format that Python and Rust both read.
//!
//! Names are the paths in the module, such as `encoder.0.weight`. The weight of a linear layer has shape `[d_in, d_out]`, as in Burn
//! (`y = x·W + b`); PyTorch stores the transpose. The bytes depend on names, shapes, float types and values only.
//!
//! # Example
//! ```
//! use burn::{nn::LinearConfig, tensor::Device};
//! use kiln_tensor::weights;
//!
//! let device = Device::default();
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("model.safetensors");
//! let trained = LinearConfig::new(3, 2).init(&device);
//! weights::save(&trained, &path)?;
//!
//! let loaded = weights::load(LinearConfig::new(3, 2).init(&device), &path)?;
//! assert_eq!(weights::to_bytes(&loaded)?, weights::to_bytes(&trained)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use burn::{
    module::Module,
    tensor::{DType, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    atomic,
    params::{self, NamedTensor, ReplaceError},
};

/// Why weights cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The bytes are not a safetensors file, or a damaged one.
    #[error("{origin} is not a valid safetensors file ({reason}): it is damaged, or not a model")]
    Damaged {
        /// Where the bytes are from.
        origin: Origin,
        /// What is wrong with them.
        reason: String,
    },
    /// The weights belong to another model.
    #[error("{origin} holds another model: {source}")]
    Mismatch {
        /// Where the weights are from.
        origin: Origin,
        /// The first difference.
        source: ReplaceError,
    },
    /// A parameter has a type that Kiln's safetensors files do not hold.
    #[error("the parameter '{name}' has type {dtype}: expected f64, f32, f16 or bf16")]
    UnsupportedDtype {
        /// The parameter.
        name: String,
        /// Its type.
        dtype: String,
    },
}

/// Where weights are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Bytes in memory.
    Memory,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Memory => f.write_str("the model in memory"),
        }
    }
}

/// Writes the float parameters of a module to a safetensors file.
///
/// The file is written atomically: see [`atomic::write`]. An existing file is replaced.
///
/// # Errors
/// Returns [`WeightsError::Write`], and [`WeightsError::UnsupportedDtype`] for a quantised parameter.
pub fn save<M: Module>(module: &M, path: &Path) -> Result<(), WeightsError> {
    atomic::write(path, &to_bytes(module)?).map_err(|source| WeightsError::Write { path: path.to_owned(), source })
}

/// Returns the module with its parameters read from a safetensors file.
///
/// # Errors
/// Returns [`WeightsError::Read`], [`WeightsError::Damaged`] or [`WeightsError::Mismatch`].
pub fn load<M: Module>(module: M, path: &Path) -> Result<M, WeightsError> {
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Read { path: path.to_owned(), source })?;
    read_into(module, &bytes, || Origin::File(path.to_owned()))
}

/// Returns the float parameters of a module as the bytes of a safetensors file.
///
/// # Errors
/// Returns [`WeightsError::UnsupportedDtype`] for a quantised parameter.
pub fn to_bytes<M: Module>(module: &M) -> Result<Vec<u8>, WeightsError> {
    encode(&params::named(module))
}

/// Returns the module with its parameters read from the bytes of a safetensors file.
///
/// # Errors
/// Returns [`WeightsError::Damaged`] or [`WeightsError::Mismatch`].
///
/// # Example
/// ```
/// use burn::{nn::LinearConfig, tensor::Device};
/// use kiln_tensor::weights;
///
/// let layer = || LinearConfig::new(3, 2).init(&Device::default());
/// let bytes = weights::to_bytes(&layer())?;
/// let copy = weights::from_bytes(layer(), &bytes)?;
/// assert_eq!(weights::to_bytes(&copy)?, bytes);
/// # Ok::<(), kiln_tensor::weights::WeightsError>(())
/// ```
pub fn from_bytes<M: Module>(module: M, bytes: &[u8]) -> Result<M, WeightsError> {
    read_into(module, bytes, || Origin::Memory)
}

fn read_into<M: Module>(module: M, bytes: &[u8], origin: impl Fn() -> Origin) -> Result<M, WeightsError> {
    let values = decode(bytes).map_err(|reason| WeightsError::Damaged { origin: origin(), reason })?;
    params::replace(module, values).map_err(|source| WeightsError::Mismatch { origin: origin(), source })
}

/// Returns float tensors with different names as the bytes of a safetensors file.
///
/// # Errors
/// Returns [`WeightsError::UnsupportedDtype`] for a tensor that is quantised or not of floats.
pub fn encode(tensors: &[NamedTensor]) -> Result<Vec<u8>, WeightsError> {
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|NamedTensor { name, data }| {
            let dtype = to_safetensors(data.dtype()).ok_or_else(|| WeightsError::UnsupportedDtype {
                name: name.clone(),
                dtype: format!("{:?}", data.dtype()),
            })?;
            let view = TensorView::new(dtype, data.shape().to_vec(), data.bytes())
                .expect("a tensor's bytes are its elements times their size");
            Ok((name.as_str(), view))
        })
        .collect::<Result<_, WeightsError>>()?;
    Ok(safetensors::serialize(views, None).expect("the names differ, and the sizes fit in memory"))
}

/// Returns the tensors of a safetensors file.
///
/// # Errors
/// Returns what is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Vec<NamedTensor>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    file.iter()
        .map(|(name, view)| {
            let dtype =
                from_safetensors(view.dtype()).ok_or_else(|| format!("'{name}' has type {:?}", view.dtype()))?;
            let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
            Ok(NamedTensor { name: name.to_owned(), data })
        })
        .collect()
}

fn to_safetensors(dtype: DType) -> Option<Dtype> {
    match dtype {
        DType::F64 => Some(Dtype::F64),
        DType::F32 => Some(Dtype::F32),
        DType::F16 => Some(Dtype::F16),
        DType::BF16 => Some(Dtype::BF16),
        _ => None,
    }
}

fn from_safetensors(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F64 => Some(DType::F64),
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, init};
    use burn::tensor::Device;

    fn layer(seed: u64, d_out: usize) -> burn::nn::Linear {
        init::linear(3, d_out, &mut Stream::new(seed, "init", 0, 0), &Device::default())
    }

    #[test]
    fn weights_come_back_to_the_bit_and_the_bytes_are_fixed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let bytes = to_bytes(&layer(1, 2)).unwrap();
        assert_eq!(bytes, to_bytes(&layer(1, 2)).unwrap());
        save(&layer(1, 2), &path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert_eq!(to_bytes(&load(layer(2, 2), &path).unwrap()).unwrap(), bytes);
        assert_eq!(to_bytes(&from_bytes(layer(2, 2), &bytes).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        assert!(matches!(load(layer(1, 2), &path), Err(WeightsError::Read { .. })));
        let bytes = to_bytes(&layer(1, 2)).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let damaged = load(layer(1, 2), &path).unwrap_err();
        assert!(matches!(damaged, WeightsError::Damaged { .. }));
        assert!(damaged.to_string().contains("model.safetensors is not a valid"), "{damaged}");
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(load(layer(1, 5), &path), Err(WeightsError::Mismatch { .. })));
    }

    #[test]
    fn wrong_bytes_are_refused() {
        let bytes = to_bytes(&layer(1, 2)).unwrap();
        let damaged = from_bytes(layer(1, 2), &bytes[1..]);
        assert!(matches!(damaged, Err(WeightsError::Damaged { origin: Origin::Memory, .. })));
        let mismatch = from_bytes(layer(1, 5), &bytes);
        assert!(matches!(mismatch, Err(WeightsError::Mismatch { origin: Origin::Memory, .. })));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = save(&layer(1, 2), folder.path()).unwrap_err();
        assert!(matches!(&error, WeightsError::Write { path, .. } if path == folder.path()), "{error}");
    }
}
