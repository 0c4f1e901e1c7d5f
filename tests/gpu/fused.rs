//! The kernels of a step and their gradients, on a GPU beside the CPU.

use kiln::{
    burn::tensor::TensorData,
    prelude::*,
    tensor::fused::{
        Activation, bernoulli_log_likelihood, categorical_log_likelihood, evidence, linear, logsumexp,
        normal_kl_to_standard, normal_sample, normal_sample_with_kl,
    },
};

use super::gpu;

pub(super) fn normals(shape: [usize; 2], purpose: &str) -> TensorData {
    TensorData::new(Stream::new(0, purpose, 0, 0).normal_vec(shape[0] * shape[1]), shape)
}

/// The value of `f` and its gradients with respect to all inputs, weighted by numbers of different sizes and signs.
pub(super) fn run<const N: usize, const D: usize>(
    device: &Device,
    inputs: &[TensorData; N],
    f: impl Fn([Tensor<2>; N]) -> Tensor<D>,
) -> Vec<Vec<f64>> {
    let device = device.clone().autodiff();
    let leaves = inputs.clone().map(|data| Tensor::<2>::from_data(data, &device).require_grad());
    let out = f(leaves.clone());
    let weights: Vec<f64> = (0..out.shape().num_elements()).map(|i| (i as f64).sin()).collect();
    let weights = Tensor::from_data(TensorData::new(weights, out.shape()), &device);
    let gradients = (out.clone() * weights).sum().backward();
    let of_leaf = |leaf: &Tensor<2>| leaf.grad(&gradients).expect("every input has a gradient");
    let all = leaves.iter().map(|leaf| of_leaf(leaf).try_into_vec_as::<f64>().unwrap());
    std::iter::once(out.without_autodiff().try_into_vec_as::<f64>().unwrap()).chain(all).collect()
}

/// Sums of up to 3000 terms in f32, taken in another order, and functions with errors of a few units in the last place.
const TOLERANCE: f64 = 200.0 * f32::EPSILON as f64;

pub(super) fn alike<const N: usize, const D: usize>(
    gpu: &Device,
    inputs: [TensorData; N],
    f: impl Fn([Tensor<2>; N]) -> Tensor<D>,
    what: &str,
) {
    let (here, there) = (run(&Device::flex(), &inputs, &f), run(gpu, &inputs, &f));
    for (i, (a, b)) in there.iter().zip(&here).enumerate() {
        assert_eq!(a.len(), b.len(), "{what}, tensor {i}");
        let largest = b.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
        for (j, (a, b)) in a.iter().zip(b).enumerate() {
            let off = (a - b).abs() / largest;
            assert!(off <= TOLERANCE, "{what}, tensor {i}, entry {j}: {a} and {b} on the CPU, off by {off:e}");
        }
    }
}

#[test]
fn kernels_and_gradients_are_those_of_the_cpu() {
    let Some(info) = gpu() else { return };
    let device = info.device();
    // Fewer and more rows and columns than a kernel takes at a time, and more rows than are summed in one part.
    for [n, m] in [[1, 1], [3, 300], [1100, 33]] {
        let what = format!("{n}×{m}");
        for activation in [Activation::Identity, Activation::Relu, Activation::Tanh] {
            let f = |[x, weight, bias]: [Tensor<2>; 3]| linear(x, weight, Some(bias.reshape([m])), activation);
            let inputs = [normals([n, 37], "x"), normals([37, m], "weight"), normals([1, m], "bias")];
            alike(&device, inputs, f, &format!("{activation:?} {what}"));
        }
        let pixels = TensorData::new(Stream::new(1, "pixels", 0, 0).uniform_vec(n * m), [n, m]);
        let f = |[logits]: [Tensor<2>; 1]| {
            let pixels = Tensor::from_data(pixels.clone(), &logits.device());
            bernoulli_log_likelihood(logits * 9.0, pixels)
        };
        alike(&device, [normals([n, m], "logits")], f, &format!("Bernoulli {what}"));

        let pair = || [normals([n, m], "loc"), normals([n, m], "log-scale")];
        alike(&device, pair(), |[loc, log_scale]| normal_kl_to_standard(loc, log_scale), &format!("KL {what}"));
        let f = |[loc, log_scale]: [Tensor<2>; 2]| {
            let noise = loc.clone().detach().flip([0]) * 0.7;
            normal_sample(loc, log_scale, noise)
        };
        alike(&device, pair(), f, &format!("sample {what}"));
        let f = |[loc, log_scale]: [Tensor<2>; 2]| {
            let noise = loc.clone().detach().flip([0]) * 0.7;
            let (sample, kl) = normal_sample_with_kl(loc, log_scale, noise);
            Tensor::cat(vec![sample.reshape([n * m]), kl], 0)
        };
        alike(&device, pair(), f, &format!("sample with KL {what}"));
        // One tensor in two places has both gradients.
        let f = |[x]: [Tensor<2>; 1]| normal_kl_to_standard(x.clone(), x);
        alike(&device, [normals([n, m], "x")], f, &format!("KL of one tensor {what}"));
        for beta in [1.0, 0.25] {
            let f = |[fit, kl]: [Tensor<2>; 2]| evidence(fit.reshape([2 * n]), kl.reshape([n]), beta).loss;
            alike(&device, [normals([2 * n, 1], "fit"), normals([n, 1], "kl")], f, &format!("ELBO {what}, {beta}"));
        }
    }
    // Sums by a thread, and by many.
    for [n, m] in [[1, 1], [3, 5], [700, 2], [2, 1025]] {
        for axis in [0, 1, 2] {
            let f = |[x]: [Tensor<2>; 1]| logsumexp((x * 20.0).reshape([n, m, 1]).repeat_dim(2, 3), axis);
            alike(&device, [normals([n, m], "x")], f, &format!("logsumexp {n}×{m}, axis {axis}"));
        }
        let f = |[logits]: [Tensor<2>; 1]| {
            let classes: Vec<i64> = (0..n).map(|i| ((7 * i) % m) as i64).collect();
            let classes = Tensor::from_data(TensorData::new(classes, [n, 1]), &logits.device());
            categorical_log_likelihood(logits * 9.0, classes)
        };
        alike(&device, [normals([n, m], "logits")], f, &format!("categorical {n}×{m}"));
    }
    let infinities = || Tensor::<2>::from_data([[f32::NEG_INFINITY, f32::NEG_INFINITY], [f32::INFINITY, 0.0]], &device);
    let sums = logsumexp(infinities(), 1).try_into_vec_as::<f32>().unwrap();
    assert_eq!(sums, [f32::NEG_INFINITY, f32::INFINITY]);
    let missing = categorical_log_likelihood(Tensor::zeros([1, 3], &device), Tensor::from_data([[3]], &device));
    assert!(missing.into_scalar::<f32>().is_nan(), "a class that is not there");
    // Transposed inputs, and a part of a matrix.
    let f = |[x, weight, bias]: [Tensor<2>; 3]| {
        linear(x.transpose().narrow(0, 1, 5), weight.narrow(1, 2, 4), Some(bias.reshape([4])), Activation::Relu)
    };
    alike(&device, [normals([9, 7], "x"), normals([9, 8], "weight"), normals([1, 4], "bias")], f, "other layouts");
    // Logits at which e^l overflows.
    let extremes = TensorData::new(vec![1e4, -1e4, 0.0, 88.0, -88.0, 1e-30], [2, 3]);
    let f = |[logits]: [Tensor<2>; 1]| {
        let x = Tensor::from_data([[1.0, 0.0, 0.5], [0.0, 1.0, 1.0]], &logits.device());
        bernoulli_log_likelihood(logits, x)
    };
    alike(&device, [extremes], f, "extreme logits");
}
