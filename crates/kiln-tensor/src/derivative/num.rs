//! Float tensors of any rank with arithmetic operators, for formulas.

use std::ops::{Add, Div, Mul, Sub};

use burn::{
    backend::{
        Dispatch, TensorMetadata,
        ops::{ActivationOps, BoolTensorOps, FloatTensorOps},
    },
    tensor::{DType, IntDType, Scalar, Shape},
};

pub(super) type Raw = burn::backend::DispatchTensor;

/// A float tensor. As in Burn, operations broadcast, and use autodiff if an operand does.
#[derive(Clone, Debug)]
pub(super) struct Num(pub(super) Raw);

impl Num {
    pub(super) fn map(&self, f: impl FnOnce(Raw) -> Raw) -> Self {
        Self(f(self.0.clone()))
    }
    pub(super) fn zip(&self, other: &Self, f: impl FnOnce(Raw, Raw) -> Raw) -> Self {
        Self(f(self.0.clone(), other.0.clone()))
    }
    pub(super) fn shape(&self) -> Shape {
        self.0.shape()
    }
    pub(super) fn dtype(&self) -> DType {
        self.0.dtype()
    }
    /// A constant of the same shape.
    pub(super) fn zeros_like(&self) -> Self {
        Self(Dispatch::float_zeros(self.shape(), &self.0.device(), self.dtype().into()))
    }
    pub(super) fn expand(self, shape: &Shape) -> Self {
        if self.shape() == *shape { self } else { Self(Dispatch::float_expand(self.0, shape.clone())) }
    }
    pub(super) fn reshape(&self, shape: impl Into<Shape>) -> Self {
        self.map(|x| Dispatch::float_reshape(x, shape.into()))
    }
    pub(super) fn times(&self, factor: f64) -> Self {
        self.map(|x| Dispatch::float_mul_scalar(x, factor.into()))
    }
    pub(super) fn plus(&self, term: f64) -> Self {
        self.map(|x| Dispatch::float_add_scalar(x, term.into()))
    }
    /// 1 − x.
    pub(super) fn complement(&self) -> Self {
        self.times(-1.0).plus(1.0)
    }
    pub(super) fn recip(&self) -> Self {
        self.map(Dispatch::float_recip)
    }
    pub(super) fn exp(&self) -> Self {
        self.map(Dispatch::float_exp)
    }
    pub(super) fn sqrt(&self) -> Self {
        self.map(Dispatch::float_sqrt)
    }
    pub(super) fn log(&self) -> Self {
        self.map(Dispatch::float_log)
    }
    pub(super) fn sign(&self) -> Self {
        self.map(Dispatch::float_sign)
    }
    pub(super) fn square(&self) -> Self {
        self * self
    }
    /// xⁿ for a whole number n.
    pub(super) fn powi(&self, n: i64) -> Self {
        self.map(|x| Dispatch::float_powi_scalar(x, n.into()))
    }
    pub(super) fn powf(&self, p: f64) -> Self {
        self.map(|x| Dispatch::float_powf_scalar(x, p.into()))
    }
    pub(super) fn sigmoid(&self) -> Self {
        // Burn's default sigmoid computes in f32; some backends have their own.
        #[cfg(feature = "flex")]
        let own = matches!(bare(self.0.device()), burn::backend::DispatchDevice::Flex(_));
        #[cfg(not(feature = "flex"))]
        let own = false;
        if self.dtype() == DType::F64 && !own {
            return self.times(0.5).map(Dispatch::float_tanh).plus(1.0).times(0.5);
        }
        self.map(Dispatch::sigmoid)
    }
    /// 0 where the mask is true.
    pub(super) fn masked(&self, mask: Raw) -> Self {
        self.map(|x| Dispatch::float_mask_fill(x, mask, 0.0.into()))
    }
    /// A mask of the entries below `bound`.
    pub(super) fn below(&self, bound: Scalar) -> Raw {
        Dispatch::float_lower_elem(self.0.clone(), bound, self.bools())
    }
    /// A mask of the entries above `bound`.
    pub(super) fn above(&self, bound: Scalar) -> Raw {
        Dispatch::float_greater_elem(self.0.clone(), bound, self.bools())
    }
    /// A mask of the entries that are equal.
    pub(super) fn equal(&self, other: &Self) -> Raw {
        Dispatch::float_equal(self.0.clone(), other.0.clone(), self.bools())
    }
    pub(super) fn device(&self) -> burn::backend::DispatchDevice {
        self.0.device()
    }
    /// A mask of the entries of at most 0.
    pub(super) fn not_positive(&self) -> Raw {
        Dispatch::float_lower_equal_elem(self.0.clone(), 0.0.into(), self.bools())
    }
    pub(super) fn sum_dim(&self, dim: usize) -> Self {
        self.map(|x| Dispatch::float_sum_dim(x, dim))
    }
    /// The positions of the largest or smallest entries along `dim`.
    pub(super) fn places(&self, dim: usize, largest: bool) -> Raw {
        let (x, dtype) = (self.0.clone(), self.ints());
        if largest { Dispatch::float_argmax(x, dim, dtype) } else { Dispatch::float_argmin(x, dim, dtype) }
    }
    /// The positions after sorting.
    pub(super) fn argsort(&self, dim: usize, descending: bool) -> Raw {
        Dispatch::float_argsort(self.0.clone(), dim, descending, self.ints())
    }
    pub(super) fn ints(&self) -> IntDType {
        burn::tensor::Device::new(self.0.device()).settings().int_dtype
    }
    pub(super) fn bools(&self) -> burn::tensor::BoolDType {
        burn::tensor::Device::new(self.0.device()).settings().bool_dtype
    }
}

pub(super) fn or(left: Raw, right: Raw) -> Raw {
    Dispatch::bool_or(left, right)
}

#[cfg(feature = "flex")]
fn bare(device: burn::backend::DispatchDevice) -> burn::backend::DispatchDevice {
    burn::tensor::Device::new(device).without_autodiff().as_dispatch().clone()
}

macro_rules! operator {
    ($operator:ident, $method:ident, $primitive:path) => {
        impl $operator for &Num {
            type Output = Num;
            fn $method(self, other: &Num) -> Num {
                self.zip(other, $primitive)
            }
        }
    };
}
operator!(Add, add, Dispatch::float_add);
operator!(Sub, sub, Dispatch::float_sub);
operator!(Mul, mul, Dispatch::float_mul);
operator!(Div, div, Dispatch::float_div);
