//! Normal numbers by the transform of Box and Muller (1958), for whole blocks of a generator.
//!
//! Two words of 32 bits become two normal numbers, √(−2 ln u)·cos 2πv and √(−2 ln u)·sin 2πv. There is no rejection, so that number i
//! depends on two words whose place is known, and a GPU draws each block by a thread of its own. Both uniform numbers are exact in f32:
//! u has 24 significant bits and is at least 2⁻³², v is a multiple of 2⁻²⁴. The largest result is √(64 ln 2) = 6.66.
//!
//! The arithmetic is straight-line, without fused multiply-add, so that the bits are the same on every processor, for vectors of any
//! width.

use std::f64::consts::{LN_2, PI};

/// Pairs at a time.
const LANES: usize = 16;

/// 2⁵², whose bits hold a whole number below it in the last places.
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// The bits of the largest f32 below √½: mantissas are in [√½, √2).
const ROOT_HALF: u64 = 0x3fe6_a09e_6000_0000;

/// 2/(2j + 1), for |s| ≤ 0.172: the first term left out is 2·0.172²³/23 = 2e-19.
const ARTANH: [f64; 11] = {
    let (mut terms, mut j) = ([2.0; 11], 1);
    while j < 11 {
        terms[j] = 2.0 / (2 * j + 1) as f64;
        j += 1;
    }
    terms
};

/// (−1)ʲ/(2j)!. The first term left out is (π/4)²⁰/20! = 3e-21.
const COS: [f64; 10] = factorials(0);

/// (−1)ʲ/(2j + 1)!. The first term left out is (π/4)²¹/21! = 1e-22.
const SIN: [f64; 10] = factorials(1);

const fn factorials(odd: usize) -> [f64; 10] {
    let (mut terms, mut factorial, mut j) = ([1.0; 10], 1.0, 1);
    while j < 10 {
        let k = 2 * j + odd;
        factorial *= -((k * (k - 1)) as f64);
        terms[j] = 1.0 / factorial;
        j += 1;
    }
    terms
}

/// Σ terms[j]·xʲ.
#[inline(always)]
fn series<const N: usize>(terms: &[f64; N], x: f64) -> f64 {
    let mut sum = terms[N - 1];
    let mut j = N - 1;
    while j > 0 {
        j -= 1;
        sum = sum * x + terms[j];
    }
    sum
}

/// Returns one number for each word. Their number is even.
pub(super) fn box_muller(words: &[u32]) -> Vec<f64> {
    let mut numbers = vec![0.0; words.len()];
    vectorised(
        #[inline(always)]
        || {
            let mut all = numbers.chunks_exact_mut(2 * LANES);
            for (numbers, words) in (&mut all).zip(words.chunks_exact(2 * LANES)) {
                lanes(words.try_into().expect("one length"), numbers.try_into().expect("one length"));
            }
            let rest = all.into_remainder();
            let (mut padded, mut some) = ([0; 2 * LANES], [0.0; 2 * LANES]);
            padded[..rest.len()].copy_from_slice(&words[words.len() - rest.len()..]);
            lanes(&padded, &mut some);
            rest.copy_from_slice(&some[..rest.len()]);
        },
    );
    numbers
}

#[cfg(feature = "flex")]
use crate::flex::vectorised;
#[cfg(not(feature = "flex"))]
fn vectorised(work: impl FnOnce()) {
    work();
}

#[inline(always)]
fn lanes(words: &[u32; 2 * LANES], numbers: &mut [f64; 2 * LANES]) {
    let mut radius = [0.0; LANES];
    for (i, radius) in radius.iter_mut().enumerate() {
        *radius = (-2.0 * ln(words[2 * i])).sqrt();
    }
    for (i, radius) in radius.iter().enumerate() {
        let (cos, sin) = circle(words[2 * i + 1]);
        numbers[2 * i] = radius * cos;
        numbers[2 * i + 1] = radius * sin;
    }
}

/// ln(k·2⁻³²), with k the word with at most 24 significant bits, and at least 1.
#[inline(always)]
fn ln(word: u32) -> f64 {
    let k = if word < 1 << 24 { word.max(1) } else { word & !255 };
    let k = f64::from_bits(TWO_52.to_bits() | u64::from(k)) - TWO_52;
    // k = 2ᵉ·m with m ∈ [√½, √2).
    let e = (k.to_bits() - ROOT_HALF) >> 52;
    let m = f64::from_bits(k.to_bits() - (e << 52));
    let e = f64::from_bits(TWO_52.to_bits() | e) - TWO_52;
    // ln m = 2 artanh s.
    let s = (m - 1.0) / (m + 1.0);
    (e - 32.0) * LN_2 + s * series(&ARTANH, s * s)
}

/// cos 2πv and sin 2πv for v = ⌊word / 256⌋·2⁻²⁴.
#[inline(always)]
fn circle(word: u32) -> (f64, f64) {
    let v = word >> 8;
    // The nearest quarter of the circle, and the rest, in [−π/4, π/4].
    let quarter = (v + (1 << 21)) >> 22;
    let rest = v as i32 - ((quarter << 22) as i32);
    let x = f64::from(rest) * (PI / f64::from(1 << 23));
    let (cos, sin) = (series(&COS, x * x), x * series(&SIN, x * x));
    let (a, b) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let cos = if (quarter + 1) & 2 == 0 { a } else { -a };
    let sin = if quarter & 2 == 0 { b } else { -b };
    (cos, sin)
}
