//! Keyed streams of random numbers.
//!
//! A [`Stream`] depends on `(seed, purpose, epoch, step)` only. The same four give the same numbers on every backend and after
//! every resume, and draws for one purpose do not affect those for another. The numbers come from ChaCha8 (J.-P. Aumasson, *Too
//! Much Crypto*, 2019) in counter mode with these four words as its key. They are drawn on the host in `f64` and rounded to the
//! device's float type, so an `f32` run sees the noise of an `f64` run.

use burn::tensor::{Device, FloatDType, Shape, Tensor, TensorData};
use rand::{Rng, RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A stream of random numbers with a key.
///
/// # Example
///
/// ```
/// use kiln_tensor::Stream;
///
/// let a = Stream::new(7, "noise", 2, 31).permutation(5);
/// let b = Stream::new(7, "noise", 2, 31).permutation(5);
/// assert_eq!(a, b);
/// assert_ne!(Stream::new(7, "noise", 2, 31).next_u64(), Stream::new(7, "noise", 2, 32).next_u64());
/// ```
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Returns the stream of `purpose` (a short constant such as `"shuffle"`) at `epoch` and `step` of a run with `seed`.
    pub fn new(seed: u64, purpose: &str, epoch: u64, step: u64) -> Self {
        Self(ChaCha8Rng::from_seed(Self::key(seed, purpose, epoch, step)))
    }

    /// The key of the generator: these four, each in 64 bits.
    pub(crate) fn key(seed: u64, purpose: &str, epoch: u64, step: u64) -> [u8; 32] {
        let mut key = [0u8; 32];
        for (word, value) in key.chunks_exact_mut(8).zip([seed, fnv1a(purpose), epoch, step]) {
            word.copy_from_slice(&value.to_le_bytes());
        }
        key
    }

    /// Returns the next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Returns a number from U[0, 1).
    pub fn next_f64(&mut self) -> f64 {
        self.0.random()
    }

    /// Returns the generator, for samplers of the `rand` crates.
    pub fn rng(&mut self) -> &mut impl Rng {
        &mut self.0
    }

    /// Returns `n` numbers from U[0, 1).
    pub fn uniform_vec(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.0.random()).collect()
    }

    /// Returns `n` numbers from N(0, 1).
    pub fn normal_vec(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| StandardNormal.sample(&mut self.0)).collect()
    }

    /// Returns a tensor of U[0, 1) numbers on `device`, in its float type.
    pub fn uniform<const D: usize>(&mut self, shape: impl Into<Shape>, device: &Device) -> Tensor<D> {
        let shape = shape.into();
        let mut data = self.uniform_vec(shape.num_elements());
        if device.settings().float_dtype != FloatDType::F64 {
            // A multiple of 2⁻²⁴ is exact in f32; rounding could give 1.
            data.iter_mut().for_each(|u| *u = (*u * 16_777_216.0).floor() / 16_777_216.0);
        }
        Tensor::from_data(TensorData::new(data, shape), device)
    }

    /// Returns a tensor of N(0, 1) numbers on `device`, in its float type.
    pub fn normal<const D: usize>(&mut self, shape: impl Into<Shape>, device: &Device) -> Tensor<D> {
        let shape = shape.into();
        let data = self.normal_vec(shape.num_elements());
        Tensor::from_data(TensorData::new(data, shape), device)
    }

    /// Returns a random order of `0..n` (Fisher–Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut self.0);
        order
    }
}

/// FNV-1a with 64 bits. It must not change, because saved runs depend on it.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_key_matters() {
        let first = |seed, purpose, epoch, step| Stream::new(seed, purpose, epoch, step).next_u64();
        let draws =
            [first(0, "a", 0, 0), first(1, "a", 0, 0), first(0, "b", 0, 0), first(0, "a", 1, 0), first(0, "a", 0, 1)];
        for (i, a) in draws.iter().enumerate() {
            assert!(draws[i + 1..].iter().all(|b| a != b), "two keys gave the same stream: {draws:?}");
        }
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // Published test vectors of FNV-1a 64.
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 200_000;
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let (u, z) = (Stream::new(1, "u", 0, 0).uniform_vec(n), Stream::new(1, "z", 0, 0).normal_vec(n));
        let squares: Vec<f64> = z.iter().map(|x| x * x).collect();
        // Five standard errors: sd(U) = 0.289, sd(Z) = 1, sd(Z²) = √2, over √n = 447.
        assert!((mean(&u) - 0.5).abs() < 5.0 * 0.289 / 447.0);
        assert!(mean(&z).abs() < 5.0 / 447.0);
        assert!((mean(&squares) - 1.0).abs() < 5.0 * 1.415 / 447.0);
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Stream::new(3, "shuffle", 0, 0).permutation(1000);
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, &v)| i == v));
    }
}
