//! Special functions that Burn lacks, or computes through f32 on some backends.

use burn::tensor::Tensor;

/// |x|, with the derivative 1 at x = 0 instead of Burn's 0.
///
/// A function f(x) that is computed from |x| and from the sign of x then has its right-hand derivative at 0, which is
/// the derivative wherever f is smooth.
fn magnitude<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let negative = x.clone().lower_scalar(0.0);
    x.clone().mask_where(negative, -x)
}

/// σ(x) = 1/(1 + e^−x), with full relative precision in both tails.
///
/// Burn's `sigmoid` computes f64 tensors in f32 on the backends that do not override it.
pub(crate) fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let small = (-magnitude(x.clone())).exp();
    let of_positive = (small.clone() + 1.0).recip();
    let of_negative = small * of_positive.clone();
    of_positive.mask_where(x.lower_scalar(0.0), of_negative)
}

/// ln(1 + e^x) and ln(1 + e^−x), without overflow or cancellation.
///
/// max(x, 0) is written (x + |x|)/2, which is exact, so that the derivative at 0 is ½ also by automatic
/// differentiation: a model that starts from zero has all its logits there.
pub(crate) fn softplus_pair<const D: usize>(x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let magnitude = x.clone().abs();
    let tail = (-magnitude.clone()).exp().log1p();
    ((magnitude.clone() + x.clone()) * 0.5 + tail.clone(), (magnitude - x) * 0.5 + tail)
}

/// Φ(x), the distribution function of N(0, 1), with a small relative error in the left tail too.
pub(crate) fn standard_normal_cdf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let upper_tail = erfc_of_non_negative(magnitude(x.clone()) * std::f64::consts::FRAC_1_SQRT_2) * 0.5;
    let positive = x.greater_equal_scalar(0.0);
    upper_tail.clone().mask_where(positive, -upper_tail + 1.0)
}

/// Chebyshev coefficients c_j of ln(erfc(z)·e^{z²}/t) on t = 2/(2 + z) ∈ [0, 1]: c_0/2 + Σ_j c_j T_j(2t − 1).
///
/// Computed with mpmath in 60 digits from the values at 64 Chebyshev nodes; the terms left out are below 6e-20.
const LN_ERFCX: [f64; 28] = [
    -1.3026537197817094,
    0.6419697923564902,
    0.019476473204185836,
    -0.009561514786808632,
    -0.0009465953444820369,
    0.00036683949785276145,
    4.252332480690777e-05,
    -2.0278578112534242e-05,
    -1.6242900046470256e-06,
    1.3036558355805232e-06,
    1.5626441722066142e-08,
    -8.523809591492654e-08,
    6.5290544390988515e-09,
    5.059343495551469e-09,
    -9.91364156493033e-10,
    -2.273651222931836e-10,
    9.646791102015527e-11,
    2.3940380830391146e-12,
    -6.886027526497553e-12,
    8.944879273090725e-13,
    3.130921399342958e-13,
    -1.1270822361367252e-13,
    3.810905255189232e-16,
    7.106097613609237e-15,
    -1.5230282014571043e-15,
    -9.457494571291233e-17,
    1.210237189224279e-16,
    -2.816663087747177e-17,
];

/// erfc(z) = 1 − erf(z) for z ≥ 0. The relative error is some units of ε·(1 + z²), so it holds where 1 − erf(z) has no
/// digit left.
fn erfc_of_non_negative<const D: usize>(z: Tensor<D>) -> Tensor<D> {
    let t = (z.clone() + 2.0).recip() * 2.0;
    let twice_y = t.clone() * 4.0 - 2.0;
    // Clenshaw's recurrence.
    let (mut d, mut dd) = (t.zeros_like(), t.zeros_like());
    for c in LN_ERFCX[1..].iter().rev() {
        (d, dd) = (twice_y.clone() * d.clone() - dd + *c, d);
    }
    let ln_erfcx_over_t = twice_y * 0.5 * d - dd + LN_ERFCX[0] * 0.5;
    t * (ln_erfcx_over_t - z.square()).exp()
}

#[cfg(test)]
mod tests {
    use kiln_testkit::{assert_close, check_gradient, f64_device, tensor, values};

    use super::*;

    #[test]
    fn the_normal_cdf_keeps_its_relative_precision_in_the_tail() {
        // mpmath.ncdf in 30 digits.
        let x = [-30.0, -8.0, -1.0, 0.0, 1.0, 8.0];
        let expected = [
            4.906713927148187e-198,
            6.220960574271784e-16,
            0.15865525393145705,
            0.5,
            0.8413447460685429,
            0.9999999999999993,
        ];
        let cdf = values(standard_normal_cdf(tensor::<1>(&x, [6], &f64_device())));
        // The exponent −x²/2 = −450 is rounded to ε/2 relative: 5e-14 of the result.
        assert_close(&cdf, &expected, 2e-13, 0.0, "Φ");
    }

    #[test]
    fn derivatives_hold_on_both_sides_of_zero_and_at_it() {
        let at = [0.0, -0.7, 0.7, -5.0, 5.0];
        check_gradient(|x| standard_normal_cdf(x).sum(), &at, 1e-8, "Φ");
        check_gradient(|x| sigmoid(x).sum(), &at, 1e-8, "sigmoid");
        check_gradient(|x| softplus_pair(x).0.sum(), &at, 1e-8, "softplus(x)");
        check_gradient(|x| softplus_pair(x).1.sum(), &at, 1e-8, "softplus(−x)");
    }

    #[test]
    fn the_tails_of_the_sigmoid_are_exact() {
        let x =
            tensor::<1>(&[-1000.0, -700.0, -40.0, 40.0, 1000.0, f64::INFINITY, f64::NEG_INFINITY], [7], &f64_device());
        // e^−700 and e^−40, to which 1 adds nothing.
        let expected = [0.0, 9.85967654375977e-305, 4.248354255291589e-18, 1.0, 1.0, 1.0, 0.0];
        assert_close(&values(sigmoid(x)), &expected, 1e-15, 0.0, "σ");
    }
}
