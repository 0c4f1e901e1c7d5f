//! Logarithms and exponentials without cancellation and overflow.

use burn::tensor::{DType, Tensor};

use super::magnitude;

/// Returns σ(x) = 1/(1 + e^−x), with full relative precision in both tails.
///
/// Burn's `sigmoid` computes f64 tensors in f32 on backends that do not override it.
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let small = (-magnitude(x.clone())).exp();
    let of_positive = (small.clone() + 1.0).recip();
    let of_negative = small * of_positive.clone();
    of_positive.mask_where(x.lower_scalar(0.0), of_negative)
}

/// Returns ln(1 + e^x), without overflow or cancellation.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // max(x, 0) is written as (x + |x|)/2, which is exact, so that autodiff's derivative at 0 is ½: a model that starts at zero has
    // all its logits there.
    let magnitude = x.clone().abs();
    let tail = (-magnitude.clone()).exp().log1p();
    // At −∞ the sum would be ∞ − ∞.
    ((magnitude + x.clone()) * 0.5 + tail).mask_fill(x.equal_scalar(f64::NEG_INFINITY), 0.0)
}

/// Returns e^x − 1, accurate near zero.
pub fn expm1<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Near zero it is the power series, with a bounded stand-in elsewhere. (tanh(x/2) would be accurate too, but not on GPUs, whose
    // tanh is not.)
    let near = x.clone().abs().lower_scalar(0.5);
    let inside = x.clone().clamp(-0.5, 0.5);
    let mut factorial = 1.0;
    let terms = if x.dtype() == DType::F64 { 15u32 } else { 8 };
    let coefficients: Vec<f64> = (1..=terms)
        .map(|k| {
            factorial *= f64::from(k);
            1.0 / factorial
        })
        .collect();
    let small = super::polynomial(&inside, &coefficients) * inside;
    (x.exp() - 1.0).mask_where(near, small)
}

/// Returns ln(1 − e^x) for x < 0, accurate at both ends (Mächler, 2012).
pub fn log1mexp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let near = x.clone().greater_scalar(-std::f64::consts::LN_2);
    // Each branch has a bounded stand-in where the other is used, so that its derivative is finite.
    let of_near = (-expm1(x.clone().clamp_min(-1.0))).log();
    let of_far = (-x.clamp_max(-0.5).exp()).log1p();
    of_far.mask_where(near, of_near)
}

/// Returns ln Σ e^x over the dimension `dim`, which keeps size 1, without overflow.
pub fn log_sum_exp<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    let largest = x.clone().without_autodiff().max_dim(dim);
    // If all numbers are −∞, so is the result.
    let largest = largest.clone().mask_fill(largest.is_finite().bool_not(), 0.0);
    (x - largest.clone()).exp().sum_dim(dim).log() + largest
}

#[cfg(test)]
mod tests {
    use kiln_testkit::{assert_close, check_gradient, f64_device, tensor, values};

    use super::*;

    const AT: [f64; 7] = [0.0, -0.7, 0.7, -5.0, 5.0, -0.3, 0.3];

    #[test]
    fn derivatives_hold_on_both_sides_of_zero_and_at_it() {
        check_gradient(|x| sigmoid(x).sum(), &AT, 1e-8, "sigmoid");
        check_gradient(|x| softplus(x).sum(), &AT, 1e-8, "softplus");
        check_gradient(|x| expm1(x).sum(), &AT, 1e-8, "expm1");
        check_gradient(|x| log1mexp(x).sum(), &[-0.2, -0.5, -0.7, -5.0, -30.0], 1e-7, "log1mexp");
        check_gradient(|x| log_sum_exp(x.reshape([1, 7]), 1).sum(), &AT, 1e-8, "log_sum_exp");
    }

    #[test]
    fn the_tails_of_the_sigmoid_are_exact() {
        let x =
            tensor::<1>(&[-1000.0, -700.0, -40.0, 40.0, 1000.0, f64::INFINITY, f64::NEG_INFINITY], [7], &f64_device());
        // e^−700 and e^−40, to which 1 adds nothing.
        let expected = [0.0, 9.85967654375977e-305, 4.248354255291589e-18, 1.0, 1.0, 1.0, 0.0];
        assert_close(&values(sigmoid(x)), &expected, 1e-15, 0.0, "σ");
    }

    #[test]
    fn nothing_overflows() {
        let device = f64_device();
        let vector = |values: &[f64]| tensor::<1>(values, [values.len()], &device);
        let far = [1e4, -1e4, f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(values(softplus(vector(&far))), [1e4, 0.0, f64::INFINITY, 0.0]);
        let inf = f64::NEG_INFINITY;
        assert_eq!(values(log_sum_exp(vector(&[inf, inf]), 0)), [inf]);
        assert_eq!(values(log_sum_exp(vector(&[inf, 3.0]), 0)), [3.0]);
    }
}
