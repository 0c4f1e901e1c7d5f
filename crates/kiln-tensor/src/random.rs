//! Keyed streams of random numbers.
//!
//! A [`Stream`] depends on `(seed, purpose, epoch, step)` only. The same four give the same numbers on every backend and after
//! every resume, and draws for one purpose do not affect those for another. The numbers come from ChaCha8 (J.-P. Aumasson, *Too
//! Much Crypto*, 2019) in counter mode with these four words as its key. They are drawn on the host in `f64` and rounded to the
//! device's float type, so an `f32` run sees the noise of an `f64` run. GPUs draw [normal](Stream::normal) numbers themselves, the same
//! ones to a few units in the last place.

mod normals;

use std::ops::Range;

use burn::tensor::{Device, FloatDType, Shape, Tensor, TensorCreationOptions, TensorData};
use rand::{Rng, RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How [`Stream::normal`] makes normal numbers.
///
/// Runs keep the way with which they began, so that a run that is resumed sees the noise that it would have seen.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::{Normals, Stream};
///
/// let stream = || Stream::new(7, "noise", 0, 0);
/// let draw = |mut stream: Stream| -> Tensor<1> { stream.normal([4], &Device::default()) };
/// let old = draw(stream().with_normals(Normals::Ziggurat));
/// assert_ne!(old.into_data(), draw(stream()).into_data());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Normals {
    /// By the ziggurat algorithm (Marsaglia and Tsang, 2000), always on the host: the only way up to Kiln 0.2.
    Ziggurat,
    /// By the transform of Box and Muller (1958) in blocks, which a GPU draws itself.
    #[default]
    BoxMuller,
}

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
pub struct Stream {
    words: ChaCha8Rng,
    normals: Normals,
    /// Whether epoch and step of the key are those of the step that is computed, for [`Steps::compute`](crate::steps::Steps::compute).
    #[cfg_attr(not(feature = "cube"), allow(dead_code, reason = "only GPUs record steps"))]
    of_step: bool,
    part: Option<Part>,
}

/// Some rows of a batch, for a process that computes only these.
#[derive(Clone, Debug)]
struct Part {
    rows: Range<usize>,
    total: usize,
}

impl Stream {
    /// Returns the stream of `purpose` (a short constant such as `"shuffle"`) at `epoch` and `step` of a run with `seed`.
    pub fn new(seed: u64, purpose: &str, epoch: u64, step: u64) -> Self {
        Self {
            words: ChaCha8Rng::from_seed(Self::key(seed, purpose, epoch, step)),
            normals: Normals::default(),
            of_step: false,
            part: None,
        }
    }

    /// Says that epoch and step are those of the step that is being computed: where such steps are recorded and repeated, each has the
    /// noise of its own epoch and place. See [`Steps::compute`](crate::steps::Steps::compute).
    pub fn of_current_step(self) -> Self {
        Self { of_step: true, ..self }
    }

    /// Says that only `rows` of a batch of `total` rows are computed here: [`normal`](Self::normal) then returns, for a shape whose first
    /// axis has a multiple of that many rows, the numbers that these rows have in the noise of the whole batch. Other draws are not divided.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_tensor::Stream;
    ///
    /// let (device, stream) = (Device::default(), || Stream::new(7, "noise", 0, 0));
    /// let whole: Tensor<2> = stream().normal([5, 3], &device);
    /// let part: Tensor<2> = stream().of_rows(2..4, 5).normal([2, 3], &device);
    /// assert_eq!(part.into_data(), whole.slice([2..4, 0..3]).into_data());
    /// ```
    pub fn of_rows(self, rows: Range<usize>, total: usize) -> Self {
        Self { part: (rows.len() < total).then_some(Part { rows, total }), ..self }
    }

    /// The generator, for numbers that the host draws.
    fn on_host(&mut self) -> &mut ChaCha8Rng {
        #[cfg(feature = "cube")]
        crate::cube::plan::needs_the_host();
        &mut self.words
    }

    /// Says how [`normal`](Self::normal) makes its numbers. Default: [`Normals::BoxMuller`].
    pub fn with_normals(self, normals: Normals) -> Self {
        Self { normals, ..self }
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
        self.on_host().next_u64()
    }

    /// Returns a number from U[0, 1).
    pub fn next_f64(&mut self) -> f64 {
        self.on_host().random()
    }

    /// Returns the generator, for samplers of the `rand` crates.
    pub fn rng(&mut self) -> &mut impl Rng {
        self.on_host()
    }

    /// Returns `n` numbers from U[0, 1).
    pub fn uniform_vec(&mut self, n: usize) -> Vec<f64> {
        let words = self.on_host();
        (0..n).map(|_| words.random()).collect()
    }

    /// Returns `n` numbers from N(0, 1), drawn on the host by the ziggurat algorithm.
    pub fn normal_vec(&mut self, n: usize) -> Vec<f64> {
        let words = self.on_host();
        (0..n).map(|_| StandardNormal.sample(words)).collect()
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

    /// Returns a tensor of N(0, 1) numbers on `device`, in its float type or in a given one.
    ///
    /// A GPU draws f32 and f64 itself. The numbers are those of the CPU, to a few units in the last place. They are not those of
    /// [`normal_vec`](Self::normal_vec), and their absolute values are at most 6.66.
    ///
    /// # Example
    ///
    /// ```
    /// use burn::tensor::{DType, Device, Tensor};
    /// use kiln_tensor::Stream;
    ///
    /// let device = Device::default();
    /// let like = Tensor::<2>::zeros([2, 3], (&device, DType::F64));
    /// let noise: Tensor<2> = Stream::new(7, "noise", 0, 0).normal(like.shape(), (&device, like.dtype()));
    /// assert_eq!((noise.dims(), noise.dtype()), (like.dims(), DType::F64));
    /// ```
    pub fn normal<const D: usize>(
        &mut self,
        shape: impl Into<Shape>,
        options: impl Into<TensorCreationOptions>,
    ) -> Tensor<D> {
        let (shape, options) = (shape.into(), options.into());
        if let Some(part) = self.part.clone().filter(|part| shape[0].is_multiple_of(part.rows.len().max(1))) {
            return Tensor::from_data(TensorData::new(self.normals_of(&part, &shape), shape), options);
        }
        let n = shape.num_elements();
        if self.normals == Normals::Ziggurat {
            return Tensor::from_data(TensorData::new(self.normal_vec(n), shape), options);
        }
        let block = self.next_blocks(n);
        #[cfg(feature = "cube")]
        if let Some(numbers) =
            crate::cube::noise::normal(&self.words.get_seed(), self.of_step, block, shape.clone(), &options)
        {
            return numbers;
        }
        let numbers = self.box_muller(block, 0..n);
        Tensor::from_data(TensorData::new(numbers, shape), options)
    }

    /// Moves on by `n` numbers, to the end of a block. Returns the block that they begin with.
    fn next_blocks(&mut self, n: usize) -> u128 {
        let block = self.words.get_word_pos().div_ceil(BLOCK as u128);
        self.words.set_word_pos((block + n.div_ceil(BLOCK) as u128) * BLOCK as u128);
        block
    }

    /// The numbers at `places`, counted from the beginning of a block.
    fn box_muller(&mut self, block: u128, places: Range<usize>) -> Vec<f64> {
        // A pair of words makes a pair of numbers.
        let start = places.start - places.start % 2;
        let mut words = vec![0u32; (places.end - start).next_multiple_of(2)];
        let mut from_block = self.on_host().clone();
        from_block.set_word_pos(block * BLOCK as u128 + start as u128);
        from_block.fill_bytes(bytemuck::cast_slice_mut(&mut words));
        let words: Vec<u32> = words.into_iter().map(u32::from_le).collect();
        let mut numbers = normals::box_muller(&words);
        numbers.truncate(places.end - start);
        numbers.drain(..places.start - start);
        numbers
    }

    /// The numbers of some rows. A shape with several times as many rows has the whole batch several times, one after the other.
    fn normals_of(&mut self, part: &Part, shape: &Shape) -> Vec<f64> {
        let rows = part.rows.len().max(1);
        let (copies, row) = (shape[0] / rows, shape.num_elements() / shape[0].max(1));
        let of = |copy: usize| {
            let start = (copy * part.total + part.rows.start) * row;
            start..start + part.rows.len() * row
        };
        let total = copies * part.total * row;
        if self.normals == Normals::Ziggurat {
            let all = self.normal_vec(total);
            return (0..copies).flat_map(|copy| all[of(copy)].iter().copied()).collect();
        }
        let block = self.next_blocks(total);
        (0..copies).flat_map(|copy| self.box_muller(block, of(copy))).collect()
    }

    /// Returns a random order of `0..n` (Fisher–Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(self.on_host());
        order
    }
}

/// Words of a block of the generator.
const BLOCK: usize = 16;

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

    /// The numbers of `tests/reference/gen/make_noise.py`, a second implementation in Python. They are of size 1, and a logarithm, a root,
    /// a sine and a product round a few times.
    #[test]
    fn normals_are_those_of_a_second_implementation() {
        let first = [
            0.19340439690425318,
            0.2685170885878342,
            1.7977618144478709,
            0.08283022243077329,
            0.09392894819314665,
            -0.06540637437804737,
            0.5564234687860542,
            -0.7377002300176495,
            -0.6268909203642951,
            1.3630412146622013,
            -0.517093113604962,
            0.4862993794254946,
            0.1229264447641986,
            -1.6255585051459216,
            -0.2833438252973318,
            2.01482596617563,
            0.11161235242664388,
            -0.7421884509882036,
        ];
        let then = [-0.9599566916815756, -0.35973317231921337, 0.8190146404152532];
        let mut stream = Stream::new(7, "noise", 2, 31);
        let mut draw = |n: usize| -> Vec<f64> {
            let numbers: Tensor<1> = stream.normal([n], (&Device::default(), burn::tensor::DType::F64));
            numbers.try_into_vec_as().unwrap()
        };
        for (n, expected) in [(18, first.as_slice()), (3, then.as_slice())] {
            for (a, b) in draw(n).iter().zip(expected) {
                assert!((a - b).abs() <= 2e-15, "{a} and {b}");
            }
        }
    }

    #[test]
    fn parts_of_a_batch_have_the_noise_of_the_whole() {
        let device = Device::default();
        for normals in [Normals::BoxMuller, Normals::Ziggurat] {
            let stream = || Stream::new(7, "noise", 2, 31).with_normals(normals);
            let draw = |mut stream: Stream, n: usize| -> [Tensor<2>; 2] {
                [stream.normal([3 * n, 5], &device), stream.normal([n, 1], &device)]
            };
            let whole = draw(stream(), 7);
            for rows in [0..3, 3..4, 4..7] {
                let [several, then] = draw(stream().of_rows(rows.clone(), 7), rows.len());
                let copies =
                    (0..3).map(|copy| whole[0].clone().slice([copy * 7 + rows.start..copy * 7 + rows.end, 0..5]));
                assert_eq!(several.into_data(), Tensor::cat(copies.collect(), 0).into_data(), "{rows:?}");
                assert_eq!(then.into_data(), whole[1].clone().slice([rows, 0..1]).into_data());
            }
        }
    }

    #[test]
    fn moments_of_the_transform_are_those_of_the_normal_distribution() {
        let n = 400_000;
        let z: Tensor<1> = Stream::new(1, "z", 0, 0).normal([n], (&Device::default(), burn::tensor::DType::F64));
        let z: Vec<f64> = z.try_into_vec_as().unwrap();
        let root = (n as f64).sqrt();
        // Five standard errors: the variances of Z, Z², Z³ and Z⁴ are 1, 2, 15 and 96.
        for (power, expected, variance) in [(1, 0.0, 1.0f64), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let mean = z.iter().map(|z| z.powi(power)).sum::<f64>() / n as f64;
            assert!((mean - expected).abs() < 5.0 * variance.sqrt() / root, "power {power}: {mean}");
        }
        // Both numbers of a pair have one radius. They are independent all the same, and so are their squares, whose variance is 2.
        let pairs = |f: fn(f64) -> f64| z.chunks_exact(2).map(|z| f(z[0]) * f(z[1])).sum::<f64>() / (n / 2) as f64;
        assert!(pairs(|z| z).abs() < 5.0 / (root / 2f64.sqrt()));
        assert!(pairs(|z| z * z - 1.0).abs() < 5.0 * 2.0 / (root / 2f64.sqrt()));
        let beyond = z.iter().filter(|z| z.abs() > 3.0).count() as f64;
        let expected = 0.002_699_796 * n as f64;
        assert!((beyond - expected).abs() < 5.0 * expected.sqrt(), "{beyond} beyond 3, and {expected} expected");
    }

    #[test]
    fn the_old_way_is_that_of_the_vector() {
        let stream = || Stream::new(1, "z", 0, 0).with_normals(Normals::Ziggurat);
        let old: Tensor<1> = stream().normal([100], (&Device::default(), burn::tensor::DType::F64));
        assert_eq!(old.try_into_vec_as::<f64>().unwrap(), stream().normal_vec(100));
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Stream::new(3, "shuffle", 0, 0).permutation(1000);
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, &v)| i == v));
    }
}
