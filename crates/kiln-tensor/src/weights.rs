//! `model.safetensors`: a module's parameters in the format that Python and Rust both read.
//!
//! Names are the module's paths (`encoder.0.weight`); a linear layer's weight is `[d_in, d_out]`, as Burn keeps it
//! (`y = x·W + b`; PyTorch keeps the transpose). The bytes depend on names, shapes, types and values only.

use std::path::{Path, PathBuf};

use burn::{
    module::Module,
    tensor::{DType, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::params::{self, NamedTensor, ReplaceError};

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
        source: std::io::Error,
    },
    /// The file is not a safetensors file, or a damaged one.
    #[error("{path} is not a sound safetensors file ({reason}): it is damaged or not a model")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The weights are those of another model.
    #[error("{path} holds another model: {source}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The first difference.
        source: ReplaceError,
    },
    /// A parameter has a type that safetensors files of Kiln do not hold.
    #[error("the parameter '{name}' has type {dtype}, expected f64, f32, f16 or bf16")]
    UnsupportedDtype {
        /// The parameter.
        name: String,
        /// Its type.
        dtype: String,
    },
}

/// The module's float parameters as the bytes of a safetensors file.
///
/// # Errors
/// [`WeightsError::UnsupportedDtype`] for a quantised parameter.
pub fn to_bytes<M: Module>(module: &M) -> Result<Vec<u8>, WeightsError> {
    encode(&params::named(module))
}

/// The module with its parameters read from a safetensors file.
///
/// # Errors
/// [`WeightsError::Read`], [`WeightsError::Damaged`], [`WeightsError::Mismatch`].
pub fn load<M: Module>(module: M, path: &Path) -> Result<M, WeightsError> {
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Read { path: path.to_owned(), source })?;
    let values = decode(&bytes).map_err(|reason| WeightsError::Damaged { path: path.to_owned(), reason })?;
    params::replace(module, values).map_err(|source| WeightsError::Mismatch { path: path.to_owned(), source })
}

/// Float tensors of different names as the bytes of a safetensors file.
///
/// # Errors
/// [`WeightsError::UnsupportedDtype`] for a tensor that is quantised, or not of floats.
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

/// The tensors of a safetensors file.
///
/// # Errors
/// What is wrong with the bytes.
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
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(to_bytes(&load(layer(2, 2), &path).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        assert!(matches!(load(layer(1, 2), &path), Err(WeightsError::Read { .. })));
        let bytes = to_bytes(&layer(1, 2)).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert!(matches!(load(layer(1, 2), &path), Err(WeightsError::Damaged { .. })));
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(load(layer(1, 5), &path), Err(WeightsError::Mismatch { .. })));
    }
}
