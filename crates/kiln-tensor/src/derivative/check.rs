//! Derivatives by finite differences: the fallback, and the check of exact ones.

use burn::{module::Module, tensor::Tensor};

use super::{DerivativeError, Function, Inputs};
use crate::{Stream, device::machine_epsilon};

/// A vector and an estimate of its error.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The vector.
    pub value: Tensor<1>,
    /// The largest absolute entry of the last extrapolation's correction.
    pub error: f64,
}

/// A comparison of a gradient with finite differences.
#[derive(Clone, Debug)]
pub struct GradientCheck {
    /// The largest difference over all directions, relative to the largest derivative; infinite if a derivative is not finite.
    pub relative_error: f64,
    /// The directional derivatives by the gradient.
    pub by_gradient: Vec<f64>,
    /// The directional derivatives by differences.
    pub by_differences: Vec<f64>,
}

pub(super) fn largest(x: Tensor<1>) -> f64 {
    x.abs().max().into_scalar::<f64>()
}

impl<M: Module, I: Inputs> Function<'_, M, I, 1> {
    /// Computes H·v by differences of gradients: D(h) = (∇f(w + hv) − ∇f(w − hv)) / 2h, extrapolated to (4·D(h/2) − D(h)) / 3
    /// (Richardson, 1911), with an error of order h⁴.
    ///
    /// The step is chosen so that ‖hv‖ is the fifth root of machine epsilon, relative to the largest entry of w or to 1. There the
    /// truncation error and the rounding error are equal. It takes four gradients.
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`] or [`NotScalar`](DerivativeError::NotScalar).
    pub fn hvp_by_differences(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<Estimate, DerivativeError> {
        self.layout().check(v)?;
        let (size, length) = (largest(w.clone()).max(1.0), largest(v.clone()));
        if length == 0.0 {
            self.layout().check(w)?;
            return Ok(Estimate { value: v.clone().zeros_like(), error: 0.0 });
        }
        let step = machine_epsilon(w.dtype()).powf(0.2) * size / length;
        let difference = |h: f64| -> Result<Tensor<1>, DerivativeError> {
            let (_, above) = self.value_and_grad(&(w.clone() + v.clone() * h))?;
            let (_, below) = self.value_and_grad(&(w.clone() - v.clone() * h))?;
            Ok((above - below) / (2.0 * h))
        };
        let (whole, half) = (difference(step)?, difference(step / 2.0)?);
        let value = half.clone() * (4.0 / 3.0) - whole / 3.0;
        let error = largest(value.clone() - half);
        Ok(Estimate { value, error })
    }

    /// Compares the gradient at w with differences of values, in `directions` random normal directions from the key `seed`.
    ///
    /// A gradient is right if [`GradientCheck::relative_error`] is below 1e-7 in f64, or below 1e-2 in f32, where differences lose
    /// most of their digits.
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`] or [`NotScalar`](DerivativeError::NotScalar).
    pub fn grad_check(&self, w: &Tensor<1>, directions: usize, seed: u64) -> Result<GradientCheck, DerivativeError> {
        let (_, gradient) = self.value_and_grad(w)?;
        let mut stream = Stream::new(seed, "grad-check", 0, 0);
        let step = machine_epsilon(w.dtype()).powf(0.2) * largest(w.clone()).max(1.0);
        let mut check = GradientCheck { relative_error: 0.0, by_gradient: Vec::new(), by_differences: Vec::new() };
        for _ in 0..directions {
            let v = stream.normal(w.dims(), &w.device()).cast(w.dtype());
            let v = v.clone() / largest(v);
            let at =
                |h: f64| Ok::<f64, DerivativeError>(self.value(&(w.clone() + v.clone() * h))?.into_scalar::<f64>());
            let difference = |h: f64| Ok::<f64, DerivativeError>((at(h)? - at(-h)?) / (2.0 * h));
            let by_differences = (4.0 * difference(step / 2.0)? - difference(step)?) / 3.0;
            check.by_gradient.push((gradient.clone() * v.clone()).sum().into_scalar::<f64>());
            check.by_differences.push(by_differences);
        }
        let scale = check.by_gradient.iter().fold(f64::MIN_POSITIVE, |scale, d| scale.max(d.abs()));
        let pairs = || check.by_gradient.iter().zip(&check.by_differences);
        check.relative_error = match pairs().all(|(a, b)| a.is_finite() && b.is_finite()) {
            true => pairs().fold(0.0, |worst, (a, b)| f64::max(worst, (a - b).abs() / scale)),
            false => f64::INFINITY,
        };
        Ok(check)
    }
}
