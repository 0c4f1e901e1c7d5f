//! A file of named tensors, for a model that is no Burn module.

use std::path::PathBuf;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    tensor::{params::NamedTensor, weights},
};

use super::compute::Compute;
use crate::base::{Failure, MODEL, Result, RunDir};

/// The tensors of a file.
pub(crate) struct ModelFile {
    path: PathBuf,
    tensors: Vec<NamedTensor>,
}

impl ModelFile {
    /// Writes `model.safetensors`.
    pub(crate) fn write(dir: &RunDir, tensors: Vec<(&'static str, TensorData)>) -> Result<()> {
        dir.write(MODEL, &weights::encode(&Self::named(tensors))?)
    }

    pub(crate) fn named(tensors: Vec<(&'static str, TensorData)>) -> Vec<NamedTensor> {
        tensors.into_iter().map(|(name, data)| NamedTensor { name: name.to_owned(), data }).collect()
    }

    /// Parses the bytes of the file at `path`.
    pub(crate) fn parse(path: PathBuf, bytes: &[u8]) -> Result<Self> {
        let file = Self { path, tensors: Vec::new() };
        let tensors = weights::decode(bytes).map_err(|reason| file.damaged(&reason))?;
        Ok(Self { tensors, ..file })
    }

    pub(crate) fn damaged(&self, reason: &dyn std::fmt::Display) -> Failure {
        Failure::usage(format!("{} is damaged: {reason}", self.path.display()))
    }

    fn find(&self, name: &str, rank: usize) -> Result<TensorData> {
        let found = self.tensors.iter().find(|tensor| tensor.name == name && tensor.data.shape().num_dims() == rank);
        found.map(|tensor| tensor.data.clone()).ok_or_else(|| self.damaged(&format!("it has no '{name}'")))
    }

    pub(crate) fn tensor<const D: usize>(&self, name: &str, compute: &Compute) -> Result<Tensor<D>> {
        Ok(Tensor::from_data(self.find(name, D)?, (&compute.device, compute.dtype.float().into())))
    }

    /// The numbers of a vector.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        self.find(name, 1)?.try_into_vec_as::<f64>().map_err(|e| self.damaged(&format!("{e:?}")))
    }
}
