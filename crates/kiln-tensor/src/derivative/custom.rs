//! Custom operations as compositions of Burn's operations.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use burn::{
    backend::{
        Dispatch, DispatchTensor, TensorMetadata,
        ops::{BoolTensorOps, FloatTensorOps, IntTensorOps},
    },
    tensor::{Bool, Device, Int, Tensor, kind::Basic},
};

use super::Inputs;

/// A tensor that goes into a custom operation or comes out of it, of any rank and kind.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::derivative::custom::CustomTensor;
///
/// let tensor = CustomTensor::new(Tensor::<2>::zeros([2, 3], &Device::default()));
/// assert_eq!(tensor.float::<2>().dims(), [2, 3]);
/// ```
#[derive(Clone, Debug)]
pub struct CustomTensor(pub(super) DispatchTensor);

impl CustomTensor {
    /// Wraps a tensor.
    pub fn new<const D: usize, K: Basic>(tensor: Tensor<D, K>) -> Self {
        Self(tensor.into_dispatch())
    }

    /// Returns the tensor of floats.
    ///
    /// # Panics
    /// If it has another rank or kind.
    pub fn float<const D: usize>(&self) -> Tensor<D> {
        self.check(D, self.0.dtype().is_float(), "floats");
        Tensor::from_dispatch(self.0.clone())
    }

    /// Returns the tensor of integers.
    ///
    /// # Panics
    /// If it has another rank or kind.
    pub fn int<const D: usize>(&self) -> Tensor<D, Int> {
        let dtype = self.0.dtype();
        self.check(D, !dtype.is_float() && !dtype.is_bool(), "integers");
        Tensor::from_dispatch(self.0.clone())
    }

    /// Returns the tensor of booleans.
    ///
    /// # Panics
    /// If it has another rank or kind.
    pub fn bool<const D: usize>(&self) -> Tensor<D, Bool> {
        self.check(D, self.0.dtype().is_bool(), "booleans");
        Tensor::from_dispatch(self.0.clone())
    }

    fn check(&self, rank: usize, is_of_kind: bool, kind: &str) {
        let (shape, dtype) = (self.0.shape(), self.0.dtype());
        assert!(
            is_of_kind && shape.num_dims() == rank,
            "a tensor of shape {shape:?} and type {dtype:?} is not one of {kind} with {rank} dimensions"
        );
    }
}

/// A custom operation, composed of operations that have rules.
///
/// A backend extension of Burn may record an operation of its own (`OperationIr::Custom`). Kiln differentiates it twice if it knows a
/// composition with the same values: call [`register`] with it once.
///
/// # Example
/// ```
/// use kiln_tensor::derivative::custom::{CustomRule, CustomTensor, register};
///
/// /// x·σ(x), which a kernel computes in one pass.
/// struct Swish;
///
/// impl CustomRule for Swish {
///     fn id(&self) -> &str {
///         "swish"
///     }
///
///     fn compose(&self, inputs: &[CustomTensor], _scalars: &[f64]) -> Vec<CustomTensor> {
///         let x = inputs[0].float::<2>();
///         vec![CustomTensor::new(x.clone() * burn::tensor::activation::sigmoid(x))]
///     }
/// }
/// register(Swish);
/// ```
pub trait CustomRule: Send + Sync {
    /// Returns the name under which the operation is recorded.
    fn id(&self) -> &str;

    /// Computes the operation's outputs from its inputs and numbers. Outputs that are not floats may be left out if no float output comes
    /// after them.
    fn compose(&self, inputs: &[CustomTensor], scalars: &[f64]) -> Vec<CustomTensor>;
}

/// A rule with its number: recordings of a rule that was replaced are not used again.
type Numbered = (usize, Arc<dyn CustomRule>);

static RULES: RwLock<Option<HashMap<String, Numbered>>> = RwLock::new(None);
static REGISTERED: AtomicUsize = AtomicUsize::new(0);

/// Makes a rule known to all functions of the program. It replaces a rule of the same name.
pub fn register(rule: impl CustomRule + 'static) {
    let mut rules = RULES.write().unwrap_or_else(PoisonError::into_inner);
    let number = REGISTERED.fetch_add(1, Ordering::Relaxed);
    rules.get_or_insert_default().insert(rule.id().to_owned(), (number, Arc::new(rule)));
}

/// The rule of an operation.
pub(super) fn rule(id: &str) -> Option<Numbered> {
    RULES.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(id).cloned()
}

/// The inputs of an operation that are not floats.
#[derive(Clone)]
pub(super) struct Others(pub(super) Vec<DispatchTensor>);

impl Inputs for Others {
    fn to_device(&self, device: &Device) -> Self {
        let moved = |tensor: &DispatchTensor| {
            let (tensor, device) = (tensor.clone(), device.as_dispatch());
            if tensor.dtype().is_float() {
                Dispatch::float_to_device(tensor, device)
            } else if tensor.dtype().is_bool() {
                Dispatch::bool_to_device(tensor, device)
            } else {
                Dispatch::int_to_device(tensor, device)
            }
        };
        Self(self.0.iter().map(moved).collect())
    }

    fn visit(&self, visit: &mut dyn FnMut(DispatchTensor)) {
        self.0.iter().cloned().for_each(visit);
    }
}
