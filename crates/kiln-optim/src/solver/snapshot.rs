//! The state of a minimisation in a file.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use kiln_tensor::{params::NamedTensor, weights};

use super::outcome::Iteration;

/// Why a minimisation cannot continue from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The bytes are not a snapshot.
    #[error("it is damaged, or is not a solver's snapshot: {0}")]
    Damaged(String),
    /// The function has another value or gradient at the snapshot's point.
    #[error("it was made with another function or other data: {0}")]
    Changed(String),
    /// An entry that the solver needs is missing.
    #[error("it was made by another solver: it has no '{0}'")]
    Missing(String),
}

/// The state of a minimisation as named tensors.
///
/// [`Minimization::save`](super::Minimization::save) returns it, with an example there.
/// [`Minimization::resume`](super::Minimization::resume) continues as if there had been no interruption, bit for bit if the device
/// is deterministic. Numbers are tensors with one f64.
///
/// # Example
/// ```
/// use kiln_optim::solver::Snapshot;
///
/// let mut snapshot = Snapshot::default();
/// snapshot.put_number("radius", 2.0);
/// assert_eq!(Snapshot::from_bytes(&snapshot.to_bytes())?.number("radius")?, 2.0);
/// # Ok::<(), kiln_optim::solver::SnapshotError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    tensors: BTreeMap<String, TensorData>,
}

/// The state of a solver or a descent, stored as entries of a [`Snapshot`] with names of its own.
pub trait Remember: Sized {
    /// Adds the entries to a snapshot.
    fn save(&self, snapshot: &mut Snapshot);

    /// Reads the entries, for the point `x` and onto its device.
    ///
    /// # Errors
    /// Returns [`SnapshotError`].
    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError>;
}

/// A method without a state.
impl Remember for () {
    fn save(&self, _: &mut Snapshot) {}

    fn load(_: &Snapshot, _: &Tensor<1>) -> Result<Self, SnapshotError> {
        Ok(())
    }
}

impl Snapshot {
    /// Adds a tensor. It replaces an entry of the same name.
    pub fn put<const D: usize>(&mut self, name: impl Into<String>, tensor: &Tensor<D>) {
        let data = tensor.to_data();
        let kept = matches!(data.dtype(), DType::F64 | DType::F32 | DType::F16 | DType::BF16);
        self.tensors.insert(name.into(), if kept { data } else { data.convert_dtype(DType::F32) });
    }

    /// Adds a number.
    pub fn put_number(&mut self, name: impl Into<String>, number: f64) {
        self.put_numbers(name, vec![number], [1]);
    }

    pub(super) fn put_numbers<const D: usize>(
        &mut self,
        name: impl Into<String>,
        numbers: Vec<f64>,
        shape: [usize; D],
    ) {
        self.tensors.insert(name.into(), TensorData::new(numbers, shape));
    }

    /// Returns whether there is an entry of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Returns the float type of the point, if there is a point.
    pub fn dtype(&self) -> Option<DType> {
        self.tensors.get("x").map(TensorData::dtype)
    }

    /// The point, in its float type.
    pub(super) fn point(&self, device: &Device) -> Result<Tensor<1>, SnapshotError> {
        let data = self.data("x")?;
        if data.shape().num_dims() != 1 || data.shape().num_elements() == 0 {
            return Err(SnapshotError::Damaged("'x' is not a vector".into()));
        }
        Ok(Tensor::from_data(data.clone(), (device, data.dtype())))
    }

    /// Returns a tensor of the given shape, with the float type and on the device of `x`.
    ///
    /// # Errors
    /// Returns [`SnapshotError::Missing`], or [`SnapshotError::Damaged`] if the shape or float type differs.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        x: &Tensor<1>,
    ) -> Result<Tensor<D>, SnapshotError> {
        let data = self.data(name)?;
        if data.shape().to_vec() != shape || data.dtype() != x.dtype() {
            let (got, dtype) = (data.shape().to_vec(), data.dtype());
            let expected = x.dtype();
            let reason = format!("'{name}' has shape {got:?} and type {dtype:?}, expected {shape:?} and {expected:?}");
            return Err(SnapshotError::Damaged(reason));
        }
        Ok(Tensor::from_data(data.clone(), (&x.device(), x.dtype())))
    }

    /// Returns a vector of the length of `x`.
    ///
    /// # Errors
    /// Those of [`tensor`](Self::tensor).
    pub fn vector(&self, name: &str, x: &Tensor<1>) -> Result<Tensor<1>, SnapshotError> {
        self.tensor(name, x.dims(), x)
    }

    /// Returns a number.
    ///
    /// # Errors
    /// Those of [`tensor`](Self::tensor).
    pub fn number(&self, name: &str) -> Result<f64, SnapshotError> {
        match self.numbers(name)?.as_slice() {
            [number] => Ok(*number),
            other => Err(SnapshotError::Damaged(format!("'{name}' has {} numbers, expected one", other.len()))),
        }
    }

    /// Returns a finite number.
    ///
    /// # Errors
    /// Those of [`number`](Self::number).
    pub fn finite(&self, name: &str) -> Result<f64, SnapshotError> {
        let number = self.number(name)?;
        if number.is_finite() { Ok(number) } else { Err(SnapshotError::Damaged(format!("'{name}' is {number}"))) }
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, SnapshotError> {
        let damaged = |e| SnapshotError::Damaged(format!("'{name}': {e:?}"));
        self.data(name)?.clone().try_into_vec_as::<f64>().map_err(damaged)
    }

    pub(super) fn count(&self, name: &str) -> Result<usize, SnapshotError> {
        whole(name, self.number(name)?)
    }

    fn data(&self, name: &str) -> Result<&TensorData, SnapshotError> {
        self.tensors.get(name).ok_or_else(|| SnapshotError::Missing(name.to_owned()))
    }

    /// Returns the start and every iteration.
    ///
    /// # Errors
    /// Returns [`SnapshotError`].
    pub fn history(&self) -> Result<Vec<Iteration>, SnapshotError> {
        let numbers = self.numbers("history")?;
        if numbers.is_empty() || numbers.len() % 5 != 0 {
            return Err(SnapshotError::Damaged("its history does not consist of rows of five numbers".into()));
        }
        let row = |row: &[f64]| {
            Ok(Iteration {
                iteration: whole("history", row[0])?,
                value: row[1],
                grad_norm: row[2],
                step: row[3],
                values: whole("history", row[4])?,
            })
        };
        numbers.chunks_exact(5).map(row).collect()
    }

    pub(super) fn put_history(&mut self, history: &[Iteration]) {
        let row = |at: &Iteration| [counted(at.iteration), at.value, at.grad_norm, at.step, counted(at.values)];
        self.put_numbers("history", history.iter().flat_map(row).collect(), [history.len(), 5]);
    }

    /// Returns the bytes of a safetensors file. They depend on the content only.
    pub fn to_bytes(&self) -> Vec<u8> {
        let tensors: Vec<NamedTensor> =
            self.tensors.iter().map(|(name, data)| NamedTensor { name: name.clone(), data: data.clone() }).collect();
        weights::encode(&tensors).expect("every tensor is of floats")
    }

    /// Reads the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// Returns [`SnapshotError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let tensors = weights::decode(bytes).map_err(SnapshotError::Damaged)?;
        Ok(Self { tensors: tensors.into_iter().map(|NamedTensor { name, data }| (name, data)).collect() })
    }
}

/// A count as a number.
#[allow(clippy::cast_precision_loss, reason = "fewer than 2^53")]
pub(super) fn counted(count: usize) -> f64 {
    count as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
fn whole(name: &str, number: f64) -> Result<usize, SnapshotError> {
    // Below 2^53 every whole number is an f64.
    let counts = (0.0..=9e15).contains(&number) && number.fract() == 0.0;
    if counts { Ok(number as usize) } else { Err(SnapshotError::Damaged(format!("'{name}' has {number}"))) }
}
