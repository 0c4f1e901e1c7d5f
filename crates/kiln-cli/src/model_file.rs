//! A model that is no module: named tensors in `model.safetensors`.

use std::path::PathBuf;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    tensor::{params::NamedTensor, weights},
};

use crate::{
    failure::{Failure, Result},
    machine::Machine,
    rundir::RunDir,
};

const MODEL: &str = "model.safetensors";

/// The tensors of a run.
pub(crate) struct ModelFile {
    path: PathBuf,
    tensors: Vec<NamedTensor>,
}

impl ModelFile {
    pub(crate) fn write<const N: usize>(dir: &RunDir, tensors: [(&str, TensorData); N]) -> Result<()> {
        let named = tensors.map(|(name, data)| NamedTensor { name: name.to_owned(), data });
        dir.write(MODEL, &weights::encode(&named)?)
    }

    pub(crate) fn read(dir: &RunDir) -> Result<Self> {
        let path = dir.file(MODEL);
        let bytes = std::fs::read(&path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
        let file = Self { path, tensors: Vec::new() };
        let tensors = weights::decode(&bytes).map_err(|reason| file.damaged(&reason))?;
        Ok(Self { tensors, ..file })
    }

    pub(crate) fn damaged(&self, reason: &dyn std::fmt::Display) -> Failure {
        Failure::usage(format!("{} is damaged: {reason}", self.path.display()))
    }

    fn find(&self, name: &str, rank: usize) -> Result<TensorData> {
        let found = self.tensors.iter().find(|tensor| tensor.name == name && tensor.data.shape().num_dims() == rank);
        found.map(|tensor| tensor.data.clone()).ok_or_else(|| self.damaged(&format!("it has no '{name}'")))
    }

    pub(crate) fn tensor<const D: usize>(&self, name: &str, machine: &Machine) -> Result<Tensor<D>> {
        Ok(Tensor::from_data(self.find(name, D)?, (&machine.device, machine.dtype.float().into())))
    }

    /// A vector's numbers.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        self.find(name, 1)?.try_into_vec_as::<f64>().map_err(|e| self.damaged(&format!("{e:?}")))
    }
}
