//! The data of a function.

use std::fmt::Write as _;

use burn::{
    backend::{DispatchTensor, TensorMetadata},
    tensor::{Device, Tensor, kind::Basic},
};

/// The data of a [`Function`](super::Function): tensors of any kind, and tuples, arrays, vectors and options of them.
///
/// Implement it for your own type if the type can be moved to a device and can list its tensors.
pub trait Inputs: Clone {
    /// Returns the same data on `device`.
    fn to_device(&self, device: &Device) -> Self;

    /// Passes each tensor to `visit`, always in the same order.
    fn visit(&self, visit: &mut dyn FnMut(DispatchTensor));

    /// Adds to `key` what the function's operations depend on, because a function is recorded once per key. By default these are
    /// the types and shapes of the tensors. A type with numbers or choices in addition to its tensors must add these.
    fn describe(&self, key: &mut String) {
        self.visit(&mut |tensor| {
            let _ = write!(key, "{:?} {:?};", tensor.dtype(), tensor.shape());
        });
    }
}

impl<const D: usize, K: Basic> Inputs for Tensor<D, K> {
    fn to_device(&self, device: &Device) -> Self {
        self.clone().to_device(device)
    }
    fn visit(&self, visit: &mut dyn FnMut(DispatchTensor)) {
        visit(self.clone().into_dispatch());
    }
}

impl<I: Inputs> Inputs for Vec<I> {
    fn to_device(&self, device: &Device) -> Self {
        self.iter().map(|input| input.to_device(device)).collect()
    }
    fn visit(&self, visit: &mut dyn FnMut(DispatchTensor)) {
        self.iter().for_each(|input| input.visit(visit));
    }
    fn describe(&self, key: &mut String) {
        let _ = write!(key, "{} of ", self.len());
        self.iter().for_each(|input| input.describe(key));
    }
}

impl<I: Inputs> Inputs for Option<I> {
    fn to_device(&self, device: &Device) -> Self {
        self.as_ref().map(|input| input.to_device(device))
    }
    fn visit(&self, visit: &mut dyn FnMut(DispatchTensor)) {
        self.iter().for_each(|input| input.visit(visit));
    }
    fn describe(&self, key: &mut String) {
        match self {
            Some(input) => input.describe(key),
            None => *key += "none;",
        }
    }
}

impl<I: Inputs, const N: usize> Inputs for [I; N] {
    fn to_device(&self, device: &Device) -> Self {
        self.each_ref().map(|input| input.to_device(device))
    }
    fn visit(&self, visit: &mut dyn FnMut(DispatchTensor)) {
        self.iter().for_each(|input| input.visit(visit));
    }
    fn describe(&self, key: &mut String) {
        self.iter().for_each(|input| input.describe(key));
    }
}

/// No data.
impl Inputs for () {
    fn to_device(&self, _: &Device) {}
    fn visit(&self, _: &mut dyn FnMut(DispatchTensor)) {}
}

macro_rules! tuples {
    ($($name:ident)*) => {
        #[allow(non_snake_case, reason = "the names of the types")]
        impl<$($name: Inputs),*> Inputs for ($($name,)*) {
            fn to_device(&self, device: &Device) -> Self {
                let ($($name,)*) = self;
                ($($name.to_device(device),)*)
            }
            fn visit(&self, visit: &mut dyn FnMut(DispatchTensor)) {
                let ($($name,)*) = self;
                $($name.visit(visit);)*
            }
            fn describe(&self, key: &mut String) {
                let ($($name,)*) = self;
                $($name.describe(key);)*
            }
        }
    };
}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
