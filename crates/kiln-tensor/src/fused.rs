//! The operations of a training step, each in one pass over its data.
//!
//! As tensor operations, `relu(x·W + b)` is a product and two more passes with two temporaries, and a likelihood is a dozen passes.
//! On the CPU backend Flex each function here is one kernel with a hand-written gradient. On GPUs most of them are, too. On other
//! backends, for float types other than f32 and f64, and when fusion is [off](set_enabled), the same function consists of tensor
//! operations. Burn differentiates these, and a GPU backend fuses them. Both ways agree to rounding. On the CPU the kernels give the
//! same bits for any number of threads.
//!
//! The kernels share rayon's global pool with Flex and with the matrix products. They start faster if the calling loop runs in that
//! pool: see [`in_pool`]. `kiln-train` does this automatically.
//!
//! # Example
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_tensor::fused::{Activation, linear};
//!
//! let device = Device::default();
//! let (x, weight) = (Tensor::<2>::ones([4, 3], &device), Tensor::<2>::ones([3, 2], &device));
//! let y = linear(x, weight, Some(Tensor::full([2], -5.0, &device)), Activation::Relu);
//! assert_eq!(y.sum().into_scalar::<f64>(), 0.0);
//! ```

mod activation;
mod convolution;
#[cfg(feature = "cube")]
mod cube;
mod elbo;
mod epilogue;
mod gate;
mod likelihood;
mod linear;
mod logsumexp;
mod matmul;
mod norm;
mod normal;
mod precision;

#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod window;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Tensor;

pub use activation::Activation;
pub use convolution::{convolve, convolve_transposed};
pub use elbo::{Evidence, evidence};
pub use gate::{gelu, silu};
pub use likelihood::{bernoulli_log_likelihood, bernoulli_log_prob, categorical_log_likelihood};
pub use linear::{dense, linear};
pub use logsumexp::logsumexp;
pub use matmul::matmul;
pub use norm::squared_norm_and_max_abs;
pub use normal::{normal_kl_to_standard, normal_sample, normal_sample_with_kl};
pub use precision::{MatmulPrecision, matmul_precision, set_matmul_precision};

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Turns the kernels on or off for the whole process, including those of [`pass`](crate::pass). They are on by default.
pub fn set_enabled(on: bool) {
    ENABLED.store(on, Ordering::Relaxed);
}

/// Returns whether the kernels are on.
pub fn is_enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Runs `work` on a thread of rayon's global pool, which the kernels, Flex and the products share.
///
/// From outside of the pool, every parallel operation must be handed to the pool and awaited; from inside it starts at once. Within
/// a pool it is a plain call. Several threads' work shares the pool, and one may run while another waits, so work must not block
/// until other work is done.
pub fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Whether the tensor is tracked by autodiff.
#[cfg(any(feature = "flex", feature = "cube"))]
fn is_tracked<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.is_autodiff() && tensor.is_tracked()
}

/// Returns whether a kernel does the operation whose first tensor this is: its numbers are f32 or f64 in the memory of the CPU, and
/// fusion is on.
#[cfg_attr(not(feature = "flex"), allow(unused_variables))]
pub fn by_kernel<const D: usize>(tensor: &Tensor<D>) -> bool {
    #[cfg(feature = "flex")]
    return is_enabled() && flex::takes(tensor);
    #[cfg(not(feature = "flex"))]
    false
}

/// Whether a kernel on a GPU backend does the operation whose first tensor this is.
#[cfg(feature = "cube")]
fn on_cube<const D: usize>(tensor: &Tensor<D>) -> bool {
    is_enabled() && cube::takes(tensor)
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "flex")]
    use burn::nn::conv::ConvTranspose2dConfig;
    use burn::{
        module::Param,
        nn::conv::Conv2dConfig,
        tensor::{DType, Device, TensorData},
    };

    use super::*;
    use crate::Stream;

    /// From one element to more than one block, for every way of dividing rows.
    pub(super) const SIZES: [(usize, usize); 7] = [(1, 1), (3, 5), (1, 300), (300, 1), (130, 70), (40, 801), (9000, 2)];

    pub(super) const ALL: [Activation; 5] =
        [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Gelu, Activation::Silu];

    pub(super) fn normals(shape: [usize; 2], purpose: &str) -> TensorData {
        TensorData::new(Stream::new(0, purpose, 0, 0).normal_vec(shape[0] * shape[1]), shape)
    }

    /// Checks that the values and all gradients of the two agree, for f32 and f64, within 100 roundings of the largest number of
    /// each tensor, because sums of up to 9000 terms are taken in another order.
    pub(super) fn agree<const N: usize, const D: usize>(
        inputs: [TensorData; N],
        kernel: impl Fn([Tensor<2>; N]) -> Tensor<D>,
        plain: impl Fn([Tensor<2>; N]) -> Tensor<D>,
        what: &str,
    ) {
        let device = Device::default().autodiff();
        for (dtype, epsilon) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, f64::EPSILON)] {
            let run = |f: &dyn Fn([Tensor<2>; N]) -> Tensor<D>| -> Vec<Vec<f64>> {
                let leaves = inputs.clone().map(|data| Tensor::<2>::from_data(data, (&device, dtype)).require_grad());
                let out = f(leaves.clone());
                // Weights of different sizes and signs.
                let weights: Vec<f64> = (0..out.shape().num_elements()).map(|i| (i as f64).sin()).collect();
                let weights = Tensor::from_data(TensorData::new(weights, out.shape()), (&device, dtype));
                let gradients = (out.clone() * weights).sum().backward();
                let leaves = leaves.iter().map(|leaf| leaf.grad(&gradients).expect("every input has a gradient"));
                let all = leaves.map(|gradient| gradient.try_into_vec_as::<f64>().unwrap());
                std::iter::once(out.without_autodiff().try_into_vec_as::<f64>().unwrap()).chain(all).collect()
            };
            for (i, (a, b)) in run(&kernel).iter().zip(run(&plain)).enumerate() {
                let largest = b.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
                for (j, (a, b)) in a.iter().zip(&b).enumerate() {
                    let off = (a - b).abs() / largest;
                    assert!(
                        off <= 100.0 * epsilon,
                        "{what}, {dtype:?}, tensor {i}, entry {j}: {a} and {b}, off by {off:e}"
                    );
                }
            }
        }
    }

    #[cfg(feature = "flex")]
    fn plain_values(shape: [usize; 2], purpose: &str, device: &Device) -> Tensor<2> {
        Tensor::from_data(normals(shape, purpose), device)
    }

    /// Compares every kernel with central differences in f64, which do not depend on Burn's gradients.
    #[test]
    fn gradients_are_those_of_differences() {
        use kiln_testkit::{check_gradient, f64_device, tensor};
        let at: Vec<f64> = Stream::new(0, "at", 0, 0).normal_vec(12);
        let matrix = |x: &Tensor<1>, from: usize, shape: [usize; 2]| {
            x.clone().narrow(0, from, shape[0] * shape[1]).reshape(shape)
        };
        let weigh = |t: Tensor<2>| {
            let weights: Vec<f64> = (0..t.shape().num_elements()).map(|i| (i as f64 + 1.0).cos()).collect();
            (t.clone() * tensor(&weights, t.dims(), &f64_device())).sum()
        };
        for activation in ALL {
            let f = |x: Tensor<1>| {
                let bias = x.clone().narrow(0, 10, 2);
                weigh(linear(matrix(&x, 0, [2, 2]), matrix(&x, 4, [2, 2]), Some(bias), activation))
            };
            check_gradient(f, &at, 1e-8, &format!("{activation:?}"));
        }
        let values = tensor::<2>(&[0.0, 1.0, 0.3, 1.0, 0.0, 0.9], [2, 3], &f64_device());
        let rows = |x: &Tensor<1>| matrix(x, 0, [2, 3]);
        let pair = |x: &Tensor<1>| [matrix(x, 0, [2, 3]), matrix(x, 6, [2, 3])];
        check_gradient(
            |x| weigh(bernoulli_log_likelihood(rows(&x), values.clone()).unsqueeze()),
            &at,
            1e-8,
            "Bernoulli",
        );
        let classes = || Tensor::from_data([[2], [0]], &f64_device());
        check_gradient(
            |x| weigh(categorical_log_likelihood(rows(&x), classes()).unsqueeze()),
            &at,
            1e-8,
            "categorical",
        );
        let kl = |x: Tensor<1>| {
            let [loc, log_scale] = pair(&x);
            weigh(normal_kl_to_standard(loc, log_scale).unsqueeze())
        };
        check_gradient(kl, &at, 1e-8, "KL");
        let sample = |x: Tensor<1>| {
            let [loc, log_scale] = pair(&x);
            weigh(normal_sample(loc, log_scale, values.clone()))
        };
        check_gradient(sample, &at, 1e-8, "sample");
        for dim in [0, 1] {
            check_gradient(|x| weigh(logsumexp(rows(&x), dim)), &at, 1e-8, "logsumexp");
        }
        // One tensor in two places has both gradients.
        check_gradient(|x| weigh(normal_kl_to_standard(rows(&x), rows(&x)).unsqueeze()), &at, 1e-8, "one tensor twice");
    }

    #[test]
    fn nothing_gives_nothing() {
        let device = Device::default();
        for [n, d] in [[0, 3], [3, 0], [0, 0]] {
            let empty = || Tensor::<2>::zeros([n, d], &device);
            let zeros = vec![0.0; n];
            let values = |t: Tensor<1>| t.try_into_vec_as::<f64>().unwrap();
            assert_eq!(values(bernoulli_log_likelihood(empty(), empty())), zeros);
            assert_eq!(values(normal_kl_to_standard(empty(), empty())), zeros);
            assert_eq!(normal_sample(empty(), empty(), empty()).dims(), [n, d]);
            let bias = Tensor::zeros([2], &device);
            assert_eq!(linear(empty(), Tensor::zeros([d, 2], &device), Some(bias), Activation::Tanh).dims(), [n, 2]);
            if n == 0 {
                let layer = Conv2dConfig::new([1, 2], [1, 1]).init(&device);
                let images = convolve(&layer, Tensor::zeros([0, 4], &device), [2, 2], Activation::Relu);
                assert_eq!(images.dims(), [0, 8]);
            }
            let sums = logsumexp(empty(), 1);
            assert_eq!(sums.dims(), [n, 1]);
            assert!(sums.try_into_vec_as::<f64>().unwrap().iter().all(|x| d == 0 && *x == f64::NEG_INFINITY));
        }
    }

    /// A resumed run may have another number of cores, and must give the same bits.
    #[test]
    #[cfg(feature = "flex")]
    fn the_number_of_threads_does_not_change_a_bit() {
        let run = |threads: usize| -> Vec<Vec<u64>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let device = Device::default().autodiff();
                let leaf = |shape, purpose| Tensor::<2>::from_data(normals(shape, purpose), &device).require_grad();
                let (x, weight, bias) = (leaf([130, 784], "x"), leaf([784, 400], "weight"), leaf([1, 400], "bias"));
                let y = linear(x.clone(), weight.clone(), Some(bias.clone().reshape([400])), Activation::Relu);
                let z = y.clone().narrow(1, 0, 200);
                let kl = normal_kl_to_standard(z.clone(), y.clone().narrow(1, 200, 200) * 0.1);
                let likelihood = bernoulli_log_likelihood(z, x.clone().detach().narrow(1, 0, 200));
                let gradients = (kl - likelihood).sum().backward();
                let mut all = vec![y.without_autodiff().flatten::<1>(0, 1)];
                // Few columns, one column, and a weight that is read across its rows: `gemm` has a different path for each.
                for (columns, rows) in [(10, 128), (1, 512), (2, 65)] {
                    let (x, weight) = (leaf([rows, 784], "x"), leaf([columns, 784], "weight"));
                    let bias = Tensor::zeros([columns], &device);
                    let y = linear(x.clone(), weight.clone().transpose(), Some(bias), Activation::Identity);
                    let gradients = (y.clone() * y.clone().detach()).sum().backward();
                    let [of_x, of_weight] = [&x, &weight].map(|leaf| leaf.grad(&gradients).unwrap());
                    all.extend([y.without_autodiff(), of_x, of_weight].map(|t| t.flatten(0, 1)));
                    let straight = plain_values([784, columns], "weight", &device);
                    let bias = Tensor::zeros([columns], &device);
                    let y = linear(x, straight, Some(bias), Activation::Identity);
                    all.push(y.without_autodiff().flatten(0, 1));
                }
                // Several blocks of images, and more than one for each group of the backward pass.
                let mut down = Conv2dConfig::new([4, 8], [4, 4]).with_stride([2, 2]).with_bias(false).init(&device);
                let mut up =
                    ConvTranspose2dConfig::new([8, 4], [4, 4]).with_stride([2, 2]).with_bias(false).init(&device);
                let kernels =
                    |purpose| Param::from_tensor(plain_values([8, 4 * 16], purpose, &device).reshape([8, 4, 4, 4]));
                (down.weight, up.weight) = (kernels("down"), kernels("up"));
                let images = leaf([900, 14 * 14 * 4], "images");
                let rows = convolve(&down, images.clone(), [14, 14], Activation::Tanh);
                let back = convolve_transposed(&up, rows, [6, 6], Activation::Tanh);
                let of_images = back.clone().sum().backward();
                all.extend([back.without_autodiff(), images.grad(&of_images).unwrap()].map(|t| t.flatten(0, 1)));
                for weight in [down.weight.val(), up.weight.val()] {
                    all.push(weight.grad(&of_images).unwrap().flatten(0, 3));
                }
                for leaf in [&x, &weight, &bias] {
                    let gradient = leaf.grad(&gradients).unwrap();
                    all.extend(squared_norm_and_max_abs(gradient.clone()));
                    all.push(gradient.flatten(0, 1));
                }
                let bits = |t: Tensor<1>| t.try_into_vec_as::<f64>().unwrap().into_iter().map(f64::to_bits).collect();
                all.into_iter().map(bits).collect()
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            for (i, (a, b)) in run(threads).iter().zip(&one).enumerate() {
                let differ = a.iter().zip(b).filter(|(a, b)| a != b).count();
                assert_eq!(differ, 0, "{threads} threads, tensor {i}: {differ} of {} entries differ", a.len());
            }
        }
    }
}
