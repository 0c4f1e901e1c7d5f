//! One checkpoint on the disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use burn::{
    module::Module,
    optim::OptimizerRecord,
    store::ModuleRecord,
    tensor::{Bytes, Device},
};
use kiln_optim::FirstOrder;
use kiln_tensor::quiet::catch_quietly;

use super::{
    CheckpointError, Position,
    state::{FORMAT, State, StateError, sha256},
};
use crate::{
    TrainStatus,
    place::{device_of, float_type_of, for_training},
};

pub(super) const MODEL: &str = "model.bpk";
pub(super) const OPTIMIZER: &str = "optimizer.bpk";
pub(super) const STATE: &str = "state.json";

/// A checkpoint on the disk. [`Checkpoints`](super::Checkpoints) finds it.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub(super) path: PathBuf,
    pub(super) step: u64,
}

impl Checkpoint {
    /// Returns the checkpoint's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of steps that were taken before the checkpoint, from its name.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Reads the position of the run, without loading the model.
    ///
    /// # Errors
    /// [`CheckpointError::Read`], [`CheckpointError::Corrupt`], and [`CheckpointError::Mismatch`] if another version of
    /// Kiln wrote the checkpoint in a format that this one does not read.
    pub fn position(&self) -> Result<Position, CheckpointError> {
        Ok(self.state()?.position)
    }

    /// Loads the model that the trainer would have returned if it had stopped at this checkpoint.
    ///
    /// That is the average of the iterates or the iterate, as for
    /// [`TrainOutcome::model`](crate::TrainOutcome::model), and never Nesterov's look-ahead point. The result is without
    /// autodiff. `model` gives the shapes and the device; `optimizer` must be the same method as in training.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn model<M: Module>(&self, model: M, optimizer: impl Into<FirstOrder>) -> Result<M, CheckpointError> {
        // The way from the look-ahead point to the iterate is an optimiser's step, which needs autodiff.
        let Some((model, _)) = for_training(model.clone()) else { return Ok(model) };
        let (model, optimizer, position) = self.load(model, optimizer.into())?;
        Ok(match position.ended {
            Some(TrainStatus::Converged) => model.valid(),
            _ => optimizer.average(&model).valid(),
        })
    }

    /// Loads the model as it trains, the optimiser and the position of the run.
    ///
    /// `model` gives the shapes and the device; `optimizer` must be the same method as in training.
    ///
    /// # Errors
    /// [`CheckpointError::Read`], [`CheckpointError::Corrupt`], [`CheckpointError::Mismatch`],
    /// [`CheckpointError::DefaultDevice`].
    pub fn load<M: Module>(
        &self,
        model: M,
        optimizer: FirstOrder,
    ) -> Result<(M, FirstOrder, Position), CheckpointError> {
        let state = self.state()?;
        if state.method != optimizer.name() {
            let (saved, asked) = (state.method, optimizer.name());
            return Err(self.mismatch(format!("its optimiser is {saved}, but the settings of the run name {asked}")));
        }
        let model_bytes = self.read_checked(MODEL, &state.model_sha256)?;
        let optimizer_bytes = self.read_checked(OPTIMIZER, &state.optimizer_sha256)?;
        if let Some(device) = device_of(&model) {
            let (default, used) = (Device::default().settings().float_dtype, device.settings().float_dtype);
            if default != used {
                return Err(CheckpointError::DefaultDevice { default, model: used });
            }
        }
        let record =
            ModuleRecord::from_bytes(Bytes::from_bytes_vec(model_bytes)).map_err(|e| self.corrupt(e.to_string()))?;
        let asked = float_type_of(&model);
        let model =
            model.try_load_record(record).map_err(|e| self.mismatch(format!("it is of another model ({e})")))?;
        // Burn keeps the float type of the file.
        if let (Some(saved), Some(asked)) = (float_type_of(&model), asked)
            && saved != asked
        {
            return Err(self.mismatch(format!(
                "its float type is {}, and that of the run is {}",
                saved.name(),
                asked.name()
            )));
        }
        let record = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(optimizer_bytes))
            .map_err(|e| self.corrupt(e.to_string()))?;
        // Burn ignores a state that the method does not know. If not everything was loaded, the method has other parts,
        // such as an average.
        let saved = record.len();
        // Burn panics on a record whose parts do not belong together.
        let loaded = catch_quietly(|| optimizer.load_record(record));
        let optimizer = loaded.map_err(|caught| self.corrupt(format!("{OPTIMIZER}: {}", caught.message)))?;
        if optimizer.to_record().len() != saved {
            return Err(self.mismatch("its optimiser has other parts than the settings of the run name".to_owned()));
        }
        Ok((model, optimizer, state.position))
    }

    fn state(&self) -> Result<State, CheckpointError> {
        State::from_bytes(&self.read(STATE)?).map_err(|e| match e {
            StateError::Damaged(reason) => self.corrupt(format!("{STATE}: {reason}")),
            StateError::Format(found) => {
                self.mismatch(format!("it has format {found}, and this version of Kiln reads formats 2 and {FORMAT}"))
            }
        })
    }

    fn read_checked(&self, name: &str, expected: &str) -> Result<Vec<u8>, CheckpointError> {
        let bytes = self.read(name)?;
        if sha256(&bytes) == expected {
            Ok(bytes)
        } else {
            Err(self.corrupt(format!("{name} does not have the SHA-256 that {STATE} states")))
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let path = self.path.join(name);
        fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => self.corrupt(format!("{name} is missing")),
            _ => CheckpointError::Read { path, source },
        })
    }

    fn mismatch(&self, reason: String) -> CheckpointError {
        CheckpointError::Mismatch { path: self.path.clone(), reason }
    }

    fn corrupt(&self, reason: String) -> CheckpointError {
        CheckpointError::Corrupt { path: self.path.clone(), reason }
    }
}
