//! Vectors that a user gives as numbers or as a tensor.

use std::sync::OnceLock;

use burn::tensor::{Tensor, TensorData};

/// Numbers that are given as a slice, an array, a `Vec` or a tensor.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::Bounds;
///
/// let from_arrays = Bounds::new([0.0, 0.0], [1.0, f64::INFINITY])?;
/// let from_tensors = Bounds::new(Tensor::zeros([2], &Device::default()), Tensor::ones([2], &Device::default()))?;
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
pub trait IntoVector {
    /// Returns the numbers in f64.
    fn into_vector(self) -> Vec<f64>;
}

impl IntoVector for Vec<f64> {
    fn into_vector(self) -> Vec<f64> {
        self
    }
}

impl IntoVector for &Vec<f64> {
    fn into_vector(self) -> Vec<f64> {
        self.clone()
    }
}

impl IntoVector for &[f64] {
    fn into_vector(self) -> Vec<f64> {
        self.to_vec()
    }
}

impl<const N: usize> IntoVector for [f64; N] {
    fn into_vector(self) -> Vec<f64> {
        self.to_vec()
    }
}

impl<const N: usize> IntoVector for &[f64; N] {
    fn into_vector(self) -> Vec<f64> {
        self.to_vec()
    }
}

impl IntoVector for &Tensor<1> {
    fn into_vector(self) -> Vec<f64> {
        self.clone().without_autodiff().try_into_vec_as().expect("floats convert to f64")
    }
}

impl IntoVector for Tensor<1> {
    fn into_vector(self) -> Vec<f64> {
        (&self).into_vector()
    }
}

/// Numbers on the host, with a copy on the device of the vectors that they are used with.
#[derive(Clone, Debug)]
pub(super) struct HostVector {
    numbers: Vec<f64>,
    copy: OnceLock<Tensor<1>>,
}

impl HostVector {
    pub(super) fn new(numbers: impl IntoVector) -> Self {
        Self { numbers: numbers.into_vector(), copy: OnceLock::new() }
    }

    pub(super) fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// The vector on the device, and of the float type, of `x`.
    pub(super) fn like(&self, x: &Tensor<1>) -> Tensor<1> {
        let copy = self.copy.get_or_init(|| self.on_device_of(x));
        let fits = copy.device() == x.device().without_autodiff() && copy.dtype() == x.dtype();
        if fits { copy.clone() } else { self.on_device_of(x) }
    }

    fn on_device_of(&self, x: &Tensor<1>) -> Tensor<1> {
        let data = TensorData::new(self.numbers.clone(), [self.numbers.len()]);
        Tensor::from_data(data, (&x.device().without_autodiff(), x.dtype()))
    }
}
