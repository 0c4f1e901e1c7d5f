//! Gradients and second derivatives of functions whose value is one number.

use burn::{module::Module, tensor::Tensor};

use crate::flat::Slot;

use super::{
    super::{
        DerivativeError, Inputs,
        dual::Dual,
        num::Num,
        products::matrix_of_products,
        segments::{Of, Pulled},
    },
    Function, HvpMethod,
};

impl<M: Module, I: Inputs> Function<'_, M, I, 1> {
    /// Computes f(w) `[1]` and ∇f(w) `[n]`.
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`] or [`NotScalar`](DerivativeError::NotScalar), and [in segments](Self::with_segments) the errors of
    /// a recording that [`hvp`](Self::hvp) has.
    pub fn value_and_grad(&self, w: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), DerivativeError> {
        if self.segments > 1 {
            let constant = |(part, slot): (Tensor<1>, &Slot)| {
                Dual::constant(Num(part.into_dispatch()).reshape(slot.shape.clone()))
            };
            return self.pulled(self.parts(w)?.into_iter().zip(self.layout.slots()).map(constant).collect(), Of::Value);
        }
        let (module, value) = self.tracked(w)?;
        one_number(&value)?;
        let plain = value.clone().without_autodiff();
        Ok((plain, self.gradient_of(value, &module, w)))
    }

    /// Computes H·v `[n]` at w, by the function's [method](HvpMethod).
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`] or [`NotScalar`](DerivativeError::NotScalar). The exact method also returns
    /// [`NoRule`](DerivativeError::NoRule), [`Capture`](DerivativeError::Capture) or
    /// [`CapturedTensor`](DerivativeError::CapturedTensor).
    pub fn hvp(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, DerivativeError> {
        match self.method {
            HvpMethod::Exact => self.exact_hvp(w, v),
            HvpMethod::Differences => Ok(self.hvp_by_differences(w, v)?.value),
            HvpMethod::Auto => match self.exact_hvp(w, v) {
                Err(error) if error.is_of_recording() => Ok(self.hvp_by_differences(w, v)?.value),
                result => result,
            },
        }
    }

    /// Computes ∇f·v in forward mode, and its gradient by Burn's backward pass.
    fn exact_hvp(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, DerivativeError> {
        Ok(self.pulled(self.duals(w, v)?, Of::Derivative)?.1)
    }

    /// The value, and the gradient of it or of its derivative, from a recording.
    fn pulled(&self, parameters: Vec<Dual>, of: Of) -> Result<(Tensor<1>, Tensor<1>), DerivativeError> {
        let device = self.parameters().device();
        let Pulled { value, gradients } = self.graph()?.pulled(parameters, &self.inputs, of, self.segments)?;
        // The function may not depend on a parameter, or be linear in all.
        let or_zeros = |(gradient, slot): (Option<Tensor<1>>, &Slot)| {
            gradient.unwrap_or_else(|| Tensor::zeros([slot.range().len()], (&device, value.dtype())))
        };
        Ok((value.clone(), Tensor::cat(gradients.into_iter().zip(self.layout.slots()).map(or_zeros).collect(), 0)))
    }

    /// Computes the Hessian `[n, n]` at w by n products, and makes it exactly symmetric.
    ///
    /// # Errors
    /// Those of [`hvp`](Self::hvp).
    pub fn hessian(&self, w: &Tensor<1>) -> Result<Tensor<2>, DerivativeError> {
        matrix_of_products(w, |v| self.hvp(w, v))
    }
}

fn one_number(value: &Tensor<1>) -> Result<(), DerivativeError> {
    if value.dims() == [1] { Ok(()) } else { Err(DerivativeError::NotScalar { got: value.dims().to_vec() }) }
}
