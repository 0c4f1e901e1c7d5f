//! The logarithm of the gamma function and its derivative.

use std::f64::consts::PI;

use burn::tensor::{DType, Tensor};

/// B₂ₖ/(2k·(2k − 1)) of Stirling's series.
pub(super) const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3617.0 / 122_400.0,
];

/// The argument from which Stirling's series has the type's precision, and its number of terms.
fn asymptotic(dtype: DType) -> (u32, usize) {
    if dtype == DType::F64 { (8, 8) } else { (4, 4) }
}

/// x if it is at least n, otherwise x + n; min(x, n); and the mask of x below n.
fn shifted<const D: usize>(x: &Tensor<D>, n: u32) -> (Tensor<D>, Tensor<D>, Tensor<D, burn::tensor::Bool>) {
    let n = f64::from(n);
    let small = x.clone().lower_scalar(n);
    let low = x.clone().clamp_max(n);
    (x.clone().mask_where(small.clone(), x.clone() + n), low, small)
}

/// (−1)ᵏ·(ζ(k) − 1)/k from k = 2 on.
const NEAR_TWO: [f64; 26] = [
    0.322_467_033_424_113_2,
    -0.067_352_301_053_198_1,
    0.020_580_808_427_784_547,
    -0.007_385_551_028_673_985,
    0.002_890_510_330_741_523_3,
    -0.001_192_753_911_703_260_9,
    0.000_509_669_524_743_042_4,
    -0.000_223_154_758_453_579_4,
    9.945_751_278_180_853e-5,
    -4.492_623_673_813_314e-5,
    2.050_721_277_567_069e-5,
    -9.439_488_275_268_396e-6,
    4.374_866_789_907_488e-6,
    -2.039_215_753_801_366e-6,
    9.551_412_130_407_42e-7,
    -4.492_469_198_764_566e-7,
    2.120_718_480_555_466_6e-7,
    -1.004_322_482_396_81e-7,
    4.769_810_169_363_98e-8,
    -2.271_109_460_894_316_5e-8,
    1.083_865_921_489_695_4e-8,
    -5.183_475_041_970_047e-9,
    2.483_674_543_802_478_3e-9,
    -1.192_140_140_586_091_2e-9,
    5.731_367_241_678_862e-10,
    -2.759_522_885_124_233e-10,
];
/// 1 − γ.
const ONE_LESS_EULER: f64 = 0.422_784_335_098_467_1;

/// ln Γ(x) for x in [½, 7/2], which is accurate at its zeros 1 and 2: Taylor's series about 2 (Abramowitz and Stegun, 6.1.33),
/// minus ln x below 3/2, and plus ln(x − 1) above 5/2.
fn ln_gamma_near_two<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
    let x = x.clone().clamp(0.5, 3.5);
    let (below, above) = (x.clone().lower_scalar(1.5), x.clone().greater_scalar(2.5));
    let from_two =
        (x.clone() - 2.0).mask_where(below.clone(), x.clone() - 1.0).mask_where(above.clone(), x.clone() - 3.0);
    let terms = if x.dtype() == DType::F64 { NEAR_TWO.len() } else { 12 };
    let series = super::polynomial(&from_two, &NEAR_TWO[..terms]) * from_two.clone() + ONE_LESS_EULER;
    let value = series * from_two;
    let lower = value.clone() - (x.clone() - 1.0).log1p();
    let upper = value.clone() + (x.clamp_min(1.5) - 1.0).log();
    value.mask_where(below, lower).mask_where(above, upper)
}

/// Returns ln Γ(x) for x > 0, and NaN for negative x.
///
/// From 8 on (in f32 from 4) it is Stirling's series, to which smaller x are shifted by ln Γ(x) = ln Γ(x + n) − ln(x·(x + 1)⋯(x + n
/// − 1)). Between ½ and 7/2, where the zeros are, it is Taylor's series.
pub fn ln_gamma<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let (from, terms) = asymptotic(x.dtype());
    let (z, low, small) = shifted(&x, from);
    let mut product = low.clone();
    for i in 1..from {
        product = product * (low.clone() + f64::from(i));
    }
    let series = stirling(&z, terms);
    let value = (z.clone() - 0.5) * z.clone().log() - z + (0.5 * (2.0 * PI).ln()) + series;
    let value = value.clone().mask_where(small, value - product.log());
    let near = x.clone().greater_scalar(0.5).bool_and(x.clone().lower_scalar(3.5));
    let value = value.mask_where(near, ln_gamma_near_two(&x));
    value.mask_fill(x.lower_scalar(0.0), f64::NAN)
}

/// Σ B₂ₖ/(2k·(2k − 1)·z^{2k − 1}).
fn stirling<const D: usize>(z: &Tensor<D>, terms: usize) -> Tensor<D> {
    let inverse = z.clone().recip();
    super::polynomial(&inverse.clone().square(), &STIRLING[..terms]) * inverse
}

/// Returns ψ(x) = d/dx ln Γ(x) for x > 0, and NaN for negative x.
pub fn digamma<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let (from, terms) = asymptotic(x.dtype());
    let (z, low, small) = shifted(&x, from);
    let mut reciprocals = low.clone().recip();
    for i in 1..from {
        reciprocals = reciprocals + (low.clone() + f64::from(i)).recip();
    }
    let inverse = z.clone().recip();
    let square = inverse.clone().square();
    // B₂ₖ/(2k), from the terms above.
    let coefficients: Vec<f64> = (0u32..).zip(&STIRLING[..terms]).map(|(k, c)| c * f64::from(2 * k + 1)).collect();
    let series = super::polynomial(&square, &coefficients) * square;
    let value = z.log() - inverse * 0.5 - series;
    let value = value.clone().mask_where(small, value - reciprocals);
    value.mask_fill(x.lower_scalar(0.0), f64::NAN)
}

/// Returns ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b) for a, b > 0, without cancellation for large arguments.
pub fn ln_beta<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let (from, terms) = asymptotic(a.dtype());
    let swap = a.clone().greater(b.clone());
    let (p, q) = (a.clone().mask_where(swap.clone(), b.clone()), b.mask_where(swap, a));
    let n = p.clone() + q.clone();
    // ln Γ(q) − ln Γ(p + q) for a large q ≥ p: the leading terms are cancelled analytically.
    let large = q.clone().greater_equal_scalar(f64::from(from));
    let of_small = ln_gamma(q.clone()) - ln_gamma(n.clone());
    let series = stirling(&q, terms) - stirling(&n, terms);
    let ratio = (p.clone() / q.clone()).log1p();
    let of_large = p.clone() - (q - 0.5) * ratio - p.clone() * n.log() + series;
    ln_gamma(p) + of_small.mask_where(large, of_large)
}

/// Returns a·ln y − y − ln Γ(a + 1) for a ≥ 0 and y ≥ 0, which is ln P(X = a) of a Poisson distribution with mean y. Shapes
/// broadcast.
///
/// Large a use the distance from the peak, so that numbers of size a do not cancel (Loader, *Fast and accurate computation of
/// binomial probabilities*, 2000).
pub fn ln_poisson<const D: usize>(a: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    let (from, terms) = asymptotic(a.dtype());
    let from = f64::from(from);
    let (a, y) = (a.clone() + y.zeros_like(), y + a.zeros_like());
    let small = a.clone().lower_scalar(from);
    // Each branch has stand-ins where the other is used, so that its derivatives are finite.
    let (low, mean) = (a.clone().clamp_max(from), y.clone().mask_fill(small.clone().bool_not(), 1.0));
    let nothing = low.clone().equal_scalar(0.0);
    let of_small = low.clone() * mean.clone().mask_fill(nothing, 1.0).log() - mean - ln_gamma(low + 1.0);
    let (a, y) = (a.clamp_min(from), y.mask_fill(small.clone(), from));
    let peak = (a.clone() * (2.0 * PI)).log() * 0.5 + stirling(&a, terms);
    (-peak - deviance(a, y)).mask_where(small, of_small)
}

/// a·ln(a/y) + y − a ≥ 0.
fn deviance<const D: usize>(a: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    const NEAR: f64 = 0.1;
    let apart = a.clone() - y.clone();
    let v = apart.clone() / (a.clone() + y.clone());
    let near = v.clone().abs().lower_scalar(NEAR);
    // ln(a/y) = 2·artanh v = 2·(v + v³/3 + …), from which v/2·(a + y) = ½(a − y) is taken out.
    let v = v.clamp(-NEAR, NEAR);
    let odd: Vec<f64> = (1u32..10).map(|k| f64::from(2 * k + 1).recip()).collect();
    let cubes = super::polynomial(&v.clone().square(), &odd) * v.clone().square() * v.clone();
    let of_near = apart.clone() * v + a.clone() * cubes * 2.0;
    let of_far = a.clone() * (a / y).log() - apart;
    of_far.mask_where(near, of_near)
}

/// Returns ln Γ(a) − a·ψ(a) + a for a > 0, which entropies need. Its terms of size a are cancelled analytically.
pub fn ln_gamma_entropy<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    let (from, terms) = asymptotic(a.dtype());
    let from = f64::from(from);
    let small = a.clone().lower_scalar(from);
    let low = a.clone().clamp_max(from);
    let of_small = ln_gamma(low.clone()) - low.clone() * digamma(low.clone()) + low;
    let high = a.clamp_min(from);
    // ln Γ(a) has Σ cₖ·a^{1 − 2k}, and −a·ψ(a) Σ (2k − 1)·cₖ·a^{1 − 2k}.
    let coefficients: Vec<f64> = (1u32..).zip(&STIRLING[..terms]).map(|(k, c)| c * f64::from(2 * k)).collect();
    let inverse = high.clone().recip();
    let series = super::polynomial(&inverse.clone().square(), &coefficients) * inverse;
    (-high.log() * 0.5 + (0.5 + 0.5 * (2.0 * PI).ln()) + series).mask_where(small, of_small)
}

#[cfg(test)]
mod tests {
    use kiln_testkit::check_gradient;

    use super::*;

    #[test]
    fn derivatives_agree_with_differences() {
        let at = [0.05, 0.5, 1.0, 1.5, 2.0, 5.0, 7.999, 8.0, 8.001, 30.0, 1e3];
        check_gradient(|x| ln_gamma(x).sum(), &at, 1e-7, "ln Γ");
        check_gradient(|x| digamma(x).sum(), &at[1..], 1e-7, "ψ");
        check_gradient(|x| ln_gamma_entropy(x).sum(), &at[1..], 1e-7, "ln Γ(a) − a·ψ(a) + a");
        check_gradient(|x| ln_poisson(x.clone(), x * 1.1 + 0.3).sum(), &at, 1e-7, "near the peak");
        check_gradient(|x| ln_poisson(x.clone(), x.square() + 0.3).sum(), &at[..9], 1e-7, "far from it");
        check_gradient(|x| ln_beta(x.clone(), x * 0.5 + 1.0).sum(), &at, 1e-7, "ln B");
    }
}
