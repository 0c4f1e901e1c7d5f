//! The gamma function's logarithm and its derivative.

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

/// From where on Stirling's series has the type's precision, and with how many terms.
fn asymptotic(dtype: DType) -> (u32, usize) {
    if dtype == DType::F64 { (8, 8) } else { (4, 4) }
}

/// x where it is large, and x + n below n; with x below n, and otherwise n, and where that is.
fn shifted<const D: usize>(x: &Tensor<D>, n: u32) -> (Tensor<D>, Tensor<D>, Tensor<D, burn::tensor::Bool>) {
    let n = f64::from(n);
    let small = x.clone().lower_scalar(n);
    let low = x.clone().clamp_max(n);
    (x.clone().mask_where(small.clone(), x.clone() + n), low, small)
}

/// ln Γ(x) for x > 0: Stirling's series from 8 on (in f32 from 4), to which smaller x are taken by
/// ln Γ(x) = ln Γ(x + n) − ln(x·(x + 1)⋯(x + n − 1)). Not a number for negative x.
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
    value.mask_fill(x.lower_scalar(0.0), f64::NAN)
}

/// Σ B₂ₖ/(2k·(2k − 1)·z^{2k − 1}).
fn stirling<const D: usize>(z: &Tensor<D>, terms: usize) -> Tensor<D> {
    let inverse = z.clone().recip();
    super::polynomial(&inverse.clone().square(), &STIRLING[..terms]) * inverse
}

/// ψ(x) = d/dx ln Γ(x) for x > 0, in the same way. Not a number for negative x.
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

/// ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b) for a, b > 0, without cancellation where one or both are large.
pub fn ln_beta<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let (from, terms) = asymptotic(a.dtype());
    let swap = a.clone().greater(b.clone());
    let (p, q) = (a.clone().mask_where(swap.clone(), b.clone()), b.mask_where(swap, a));
    let n = p.clone() + q.clone();
    // ln Γ(q) − ln Γ(p + q), the larger q being large: its leading terms cancel on paper.
    let large = q.clone().greater_equal_scalar(f64::from(from));
    let of_small = ln_gamma(q.clone()) - ln_gamma(n.clone());
    let series = stirling(&q, terms) - stirling(&n, terms);
    let ratio = (p.clone() / q.clone()).log1p();
    let of_large = p.clone() - (q - 0.5) * ratio - p.clone() * n.log() + series;
    ln_gamma(p) + of_small.mask_where(large, of_large)
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
        check_gradient(|x| ln_beta(x.clone(), x * 0.5 + 1.0).sum(), &at, 1e-7, "ln B");
    }
}
