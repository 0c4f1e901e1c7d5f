//! eˣ and ln(1 + t) as straight-line arithmetic, which compilers turn into vector instructions.
//!
//! There is no table, no branch and no fused multiply-add, so the bits are the same on every processor, for vectors of any width.
//! The range reduction is strong enough that plain Taylor series end below rounding error.

use std::ops::{AddAssign, MulAssign};

use burn::tensor::Element;

pub(crate) use crate::real::Real;

/// f32 or f64, with the functions that the kernels need.
pub(crate) trait Float: Real + Element + bytemuck::Pod + PartialOrd + AddAssign + MulAssign {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// −∞.
    const NEG_INFINITY: Self;

    /// eˣ for any x, to 2 units in the last place (and to 1 of the smallest if the result is subnormal).
    fn exp(self) -> Self;

    /// ln(1 + t) for t ∈ [0, 1], to 3 units in the last place, even if t is tiny.
    fn ln_1p(self) -> Self;

    /// ln x by the standard library.
    fn ln(self) -> Self;

    /// |x|.
    fn abs(self) -> Self;

    /// Whether the number is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// The maximum; NaN if `self` is NaN.
    #[inline(always)]
    fn or_more(self, least: Self) -> Self {
        if self < least { least } else { self }
    }
}

macro_rules! float {
    ($float:ty, $int:ty, $mantissa:literal, $bias:literal, $magic:literal, [$ln2_high:expr, $ln2_low:expr],
     [$lowest:literal, $highest:literal], exp: $exp_terms:literal, atanh: $atanh_terms:literal) => {
        impl Float for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = <$float>::NEG_INFINITY;

            /// eˣ = 2ⁿ·eʳ with n = round(x/ln 2) and |r| ≤ ½ ln 2, where eʳ = Σ rᵏ/k!.
            #[inline(always)]
            fn exp(self) -> Self {
                const TERMS: [$float; $exp_terms] = {
                    let (mut terms, mut factorial, mut k) = ([1.0; $exp_terms], 1.0, 1);
                    while k < $exp_terms {
                        factorial *= k as $float;
                        terms[k] = 1.0 / factorial;
                        k += 1;
                    }
                    terms
                };
                // Outside of this range the result is 0 or ∞ anyway. NaN passes.
                let x = if self < $lowest { $lowest } else { self };
                let x = if x > $highest { $highest } else { x };
                // Adding 1.5·2^(digits) leaves the nearest integer in the last digits.
                let shifted = x * <$float>::LOG2_E + $magic;
                let n = shifted - $magic;
                let r = (x - n * $ln2_high) - n * $ln2_low;
                let mut sum = TERMS[$exp_terms - 1];
                let mut k = $exp_terms - 1;
                while k > 0 {
                    k -= 1;
                    sum = sum * r + TERMS[k];
                }
                // 2ⁿ in two factors, because n alone may be outside of the exponent's range.
                let n = (shifted.to_bits() as $int).wrapping_sub($magic.to_bits() as $int);
                let half = n >> 1;
                let power = |n: $int| <$float>::from_bits((n.wrapping_add($bias) << $mantissa) as _);
                sum * power(half) * power(n.wrapping_sub(half))
            }

            /// 2·artanh s with s = t/(2 + t) ≤ ⅓: 2·Σ s^(2k+1)/(2k + 1).
            #[inline(always)]
            fn ln_1p(self) -> Self {
                const TERMS: [$float; $atanh_terms] = {
                    let (mut terms, mut k) = ([2.0; $atanh_terms], 1);
                    while k < $atanh_terms {
                        terms[k] = 2.0 / (2 * k + 1) as $float;
                        k += 1;
                    }
                    terms
                };
                let s = self / (2.0 + self);
                let square = s * s;
                let mut sum = TERMS[$atanh_terms - 1];
                let mut k = $atanh_terms - 1;
                while k > 0 {
                    k -= 1;
                    sum = sum * square + TERMS[k];
                }
                s * sum
            }

            #[inline(always)]
            fn ln(self) -> Self {
                <$float>::ln(self)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                <$float>::abs(self)
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                <$float>::is_finite(self)
            }
        }
    };
}

/// log₂ e.
trait Log2E {
    const LOG2_E: Self;
}

impl Log2E for f32 {
    const LOG2_E: Self = std::f32::consts::LOG2_E;
}

impl Log2E for f64 {
    const LOG2_E: Self = std::f64::consts::LOG2_E;
}

// ln 2 in two parts: the first has few digits, so that its product with n is exact. (½ ln 2)⁸/8! = 5e-9 and (½ ln 2)¹⁴/14! = 4e-18;
// (⅓)¹⁶/17 = 1.4e-9 and (⅓)³⁴/35 = 1.7e-18, relative.
float!(f32, i32, 23, 127, 12_582_912.0f32, [355.0 / 512.0, -2.121_944_4e-4], [-104.0, 89.0], exp: 8, atanh: 8);
float!(f64, i64, 52, 1023, 6_755_399_441_055_744.0f64, [45_426.0 / 65_536.0, 1.428_606_820_309_417_2e-6],
       [-746.0, 710.0], exp: 14, atanh: 17);

#[cfg(test)]
mod tests {
    use super::*;

    /// The unit in the last place of an f32 at `exact`.
    fn ulp(exact: f64) -> f64 {
        let nearest = exact as f32;
        f64::from(f32::from_bits(nearest.to_bits() + 1)) - f64::from(nearest)
    }

    /// Compares f32 with the standard library in f64.
    #[test]
    fn single_precision_is_within_the_stated_units() {
        let (mut of_exp, mut of_ln): (f64, f64) = (0.0, 0.0);
        for i in 0..2_000_000 {
            let x = -103.0 + 191.7 * (i as f32 / 2e6);
            let exact = f64::from(x).exp();
            of_exp = of_exp.max((f64::from(Float::exp(x)) - exact).abs() / ulp(exact));
            // Magnitudes from 1e-30 to 1.
            let t = 10f32.powf(-30.0 * (i as f32 / 2e6));
            let exact = f64::from(t).ln_1p();
            of_ln = of_ln.max((f64::from(Float::ln_1p(t)) - exact).abs() / ulp(exact));
        }
        println!("f32: exp {of_exp:.2} ulp, ln_1p {of_ln:.2} ulp");
        assert!(of_exp < 2.0 && of_ln < 3.0, "exp {of_exp}, ln_1p {of_ln}");
    }

    /// The standard library itself is within one unit, which is added to the bounds.
    #[test]
    fn double_precision_is_within_the_stated_units() {
        let ulp = |x: f64| f64::from_bits(x.to_bits() + 1) - x;
        let (mut of_exp, mut of_ln): (f64, f64) = (0.0, 0.0);
        for i in 0..1_000_000 {
            let x = -707.0 + 1416.0 * (f64::from(i) / 1e6);
            of_exp = of_exp.max((Float::exp(x) - x.exp()).abs() / ulp(x.exp()));
            let t = 10f64.powf(-200.0 * (f64::from(i) / 1e6));
            of_ln = of_ln.max((Float::ln_1p(t) - t.ln_1p()).abs() / ulp(t.ln_1p()));
        }
        println!("f64: exp {of_exp:.2} ulp, ln_1p {of_ln:.2} ulp");
        assert!(of_exp < 3.0 && of_ln < 4.0, "exp {of_exp}, ln_1p {of_ln}");
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "the values are exact")]
    fn ends_are_exact() {
        assert_eq!(
            [f32::NEG_INFINITY, -1e4, 0.0, 1e4, f32::INFINITY].map(Float::exp),
            [0.0, 0.0, 1.0, f32::INFINITY, f32::INFINITY]
        );
        assert_eq!(
            [f64::NEG_INFINITY, -1e4, 0.0, 1e4, f64::INFINITY].map(Float::exp),
            [0.0, 0.0, 1.0, f64::INFINITY, f64::INFINITY]
        );
        assert!(Float::exp(f32::NAN).is_nan() && Float::exp(f64::NAN).is_nan() && Float::ln_1p(f64::NAN).is_nan());
        assert_eq!((Float::ln_1p(0.0f32), Float::ln_1p(0.0f64)), (0.0, 0.0));
        // The smallest subnormals.
        assert!((Float::exp(-103.0f32) - (-103.0f32).exp()).abs() <= f32::from_bits(1));
        assert!((Float::exp(-745.0f64) - (-745.0f64).exp()).abs() <= f64::from_bits(1));
    }
}
