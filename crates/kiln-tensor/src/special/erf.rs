//! The error function, the normal distribution function, and their inverses.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

use burn::tensor::Tensor;

use super::{magnitude, polynomial};

/// Returns erf(x) = 2/√π·∫₀ˣ e^{−t²} dt.
pub fn erf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let z = magnitude(x.clone());
    let near = z.clone().lower_scalar(0.5);
    // Maclaurin's series, whose terms from x²⁵ on are below 1e-17 of the sum for |x| ≤ ½.
    let square = x.clone().clamp(-0.5, 0.5).square();
    let mut factorial = 1.0;
    let coefficients: Vec<f64> = (0..12)
        .map(|n| {
            let n = f64::from(n);
            factorial *= if n > 0.0 { -n } else { 1.0 };
            2.0 / PI.sqrt() / (factorial * (2.0 * n + 1.0))
        })
        .collect();
    let small = x.clone() * polynomial(&square, &coefficients);
    let large = -erfc_of_non_negative(z) + 1.0;
    let large = large.clone().mask_where(x.lower_scalar(0.0), -large);
    large.mask_where(near, small)
}

/// Returns erfc(x) = 1 − erf(x), with a small relative error in the right tail too.
pub fn erfc<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let tail = erfc_of_non_negative(magnitude(x.clone()));
    tail.clone().mask_where(x.lower_scalar(0.0), -tail + 2.0)
}

/// Returns Φ(x), the distribution function of N(0, 1), with a small relative error in the left tail too.
pub fn normal_cdf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let upper_tail = erfc_of_non_negative(magnitude(x.clone()) * FRAC_1_SQRT_2) * 0.5;
    let positive = x.greater_equal_scalar(0.0);
    upper_tail.clone().mask_where(positive, -upper_tail + 1.0)
}

/// Returns ln Φ(x), which is finite however far x is in the left tail.
pub fn normal_log_cdf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let z = magnitude(x.clone()) * FRAC_1_SQRT_2;
    let ln_tail = ln_erfc_of_non_negative(z) - LN_2;
    let positive = x.greater_equal_scalar(0.0);
    ln_tail.clone().mask_where(positive, (-ln_tail.exp()).log1p())
}

/// Returns Φ⁻¹(p) for p in (0, 1), −∞ and ∞ at the ends, and NaN elsewhere (Wichura, 1988, algorithm AS 241, PPND16).
pub fn normal_icdf<const D: usize>(p: Tensor<D>) -> Tensor<D> {
    let upper = -p.clone() + 1.0;
    quantile(p.clone() - 0.5, p.clone().mask_where(p.greater_scalar(0.5), upper))
}

/// Returns the x with erf(x) = y, for y in (−1, 1).
pub fn erfinv<const D: usize>(y: Tensor<D>) -> Tensor<D> {
    quantile(y.clone() * 0.5, (-magnitude(y) + 1.0) * 0.5) * FRAC_1_SQRT_2
}

/// The normal quantile of ½ + q, whose smaller tail is `tail`.
fn quantile<const D: usize>(q: Tensor<D>, tail: Tensor<D>) -> Tensor<D> {
    let central = q.clone().abs().lower_equal_scalar(0.425);
    // Each branch has a bounded stand-in where it is not used, so that its derivative is finite.
    let r = -q.clone().clamp(-0.425, 0.425).square() + 0.180625;
    let middle = q.clone() * polynomial(&r, &CENTRE[0]) / polynomial(&r, &CENTRE[1]);
    let outside = tail.clone().mask_fill(central.clone(), 0.05);
    let r = (-outside.log()).sqrt();
    let far = r.clone().greater_scalar(5.0);
    let branch = |r: Tensor<D>, [top, bottom]: &[[f64; 8]; 2]| polynomial(&r, top) / polynomial(&r, bottom);
    let tail_value = branch(r.clone().clamp_max(5.0) - 1.6, &TAIL).mask_where(far, branch(r - 5.0, &FAR_TAIL));
    // The ends themselves.
    let tail_value = tail_value.mask_fill(tail.equal_scalar(0.0), f64::INFINITY);
    let tail_value = tail_value.clone().mask_where(q.lower_scalar(0.0), -tail_value);
    tail_value.mask_where(central, middle)
}

const CENTRE: [[f64; 8]; 2] = [
    [
        3.3871328727963665,
        133.14166789178438,
        1971.5909503065513,
        13731.69376550946,
        45921.95393154987,
        67265.7709270087,
        33430.57558358813,
        2509.0809287301227,
    ],
    [
        1.0,
        42.31333070160091,
        687.1870074920579,
        5394.196021424751,
        21213.794301586597,
        39307.89580009271,
        28729.085735721943,
        5226.495278852854,
    ],
];

const TAIL: [[f64; 8]; 2] = [
    [
        1.4234371107496835,
        4.630337846156546,
        5.769497221460691,
        3.6478483247632045,
        1.2704582524523684,
        0.2417807251774506,
        0.022723844989269184,
        0.0007745450142783414,
    ],
    [
        1.0,
        2.053191626637759,
        1.6763848301838038,
        0.6897673349851,
        0.14810397642748008,
        0.015198666563616457,
        0.0005475938084995345,
        1.0507500716444169e-09,
    ],
];

const FAR_TAIL: [[f64; 8]; 2] = [
    [
        6.657904643501103,
        5.463784911164114,
        1.7848265399172913,
        0.29656057182850487,
        0.026532189526576124,
        0.0012426609473880784,
        2.7115555687434876e-05,
        2.0103343992922881e-07,
    ],
    [
        1.0,
        0.599832206555888,
        0.1369298809227358,
        0.014875361290850615,
        0.0007868691311456133,
        1.8463183175100548e-05,
        1.421511758316446e-07,
        2.0442631033899397e-15,
    ],
];

/// Chebyshev coefficients c_j of ln(erfc(z)·e^{z²}/t) on t = 2/(2 + z) ∈ [0, 1]: c_0/2 + Σ_j c_j T_j(2t − 1). Computed with mpmath
/// in 60 digits from the values at 64 Chebyshev nodes; the omitted terms are below 6e-20.
pub(crate) const LN_ERFCX: [f64; 28] = [
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

/// erfc(z) = 1 − erf(z) for z ≥ 0. The relative error is some units of ε·(1 + z²), even where 1 − erf(z) has no digit left.
fn erfc_of_non_negative<const D: usize>(z: Tensor<D>) -> Tensor<D> {
    let (t, ln_erfcx_over_t) = erfcx_of_non_negative(z.clone());
    t * (ln_erfcx_over_t - z.square()).exp()
}

/// ln erfc(z) for z ≥ 0.
fn ln_erfc_of_non_negative<const D: usize>(z: Tensor<D>) -> Tensor<D> {
    let (t, ln_erfcx_over_t) = erfcx_of_non_negative(z.clone());
    t.log() + ln_erfcx_over_t - z.square()
}

/// t = 2/(2 + z), and ln(erfc(z)·e^{z²}/t).
fn erfcx_of_non_negative<const D: usize>(z: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let t = (z + 2.0).recip() * 2.0;
    let twice_y = t.clone() * 4.0 - 2.0;
    // Clenshaw's recurrence.
    let (mut d, mut dd) = (t.zeros_like(), t.zeros_like());
    for c in LN_ERFCX[1..].iter().rev() {
        (d, dd) = (twice_y.clone() * d.clone() - dd + *c, d);
    }
    let ln_erfcx_over_t = twice_y * 0.5 * d - dd + LN_ERFCX[0] * 0.5;
    (t, ln_erfcx_over_t)
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
        let cdf = values(normal_cdf(tensor::<1>(&x, [6], &f64_device())));
        // The exponent −x²/2 = −450 is rounded to ε/2 relative: 5e-14 of the result.
        assert_close(&cdf, &expected, 2e-13, 0.0, "Φ");
    }

    #[test]
    fn derivatives_hold_on_both_sides_of_zero_and_at_it() {
        let at = [0.0, -0.7, 0.7, -5.0, 5.0, 0.3, -0.3];
        check_gradient(|x| normal_cdf(x).sum(), &at, 1e-8, "Φ");
        check_gradient(|x| normal_log_cdf(x).sum(), &at, 1e-8, "ln Φ");
        check_gradient(|x| erf(x).sum(), &at, 1e-8, "erf");
        check_gradient(|x| erfc(x).sum(), &at, 1e-8, "erfc");
        check_gradient(|x| erfinv(x).sum(), &[0.0, -0.5, 0.5, 0.9, -0.87], 1e-7, "erfinv");
        check_gradient(|x| normal_icdf(x).sum(), &[0.5, 0.05, 0.3, 0.94], 1e-7, "Φ⁻¹");
    }

    #[test]
    fn quantiles_end_at_infinity() {
        let ends = values(normal_icdf(tensor::<1>(&[0.0, 1.0], [2], &f64_device())));
        assert_eq!(ends, [f64::NEG_INFINITY, f64::INFINITY]);
        let ends = values(erfinv(tensor::<1>(&[-1.0, 1.0], [2], &f64_device())));
        assert_eq!(ends, [f64::NEG_INFINITY, f64::INFINITY]);
    }
}
