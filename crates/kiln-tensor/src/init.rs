//! Weight initialisation from keyed streams.
//!
//! Burn draws initial weights from the backend's generator, so they differ between backends. Here they come from a [`Stream`] on
//! the host: the same seed gives the same initial model on every device.
//!
//! # Example
//! ```
//! use burn::tensor::Device;
//! use kiln_tensor::{Stream, init};
//!
//! let layer = init::linear(784, 400, &mut Stream::new(0, "init", 0, 0), &Device::default());
//! assert_eq!(layer.weight.val().dims(), [784, 400]);
//! ```

use burn::{
    module::Param,
    nn::{
        Linear,
        conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig},
    },
    tensor::{Device, Tensor, TensorData},
};

use crate::Stream;

/// Returns a linear layer `y = x·W + b` with `W: [d_in, d_out]` and `b: [d_out]`, both from U(−1/√d_in, 1/√d_in).
///
/// This is the initialisation of PyTorch's and Burn's `Linear` (LeCun et al., *Efficient BackProp*, 1998).
pub fn linear(d_in: usize, d_out: usize, stream: &mut Stream, device: &Device) -> Linear {
    let bound = 1.0 / (d_in.max(1) as f64).sqrt();
    let weight = uniform([d_in, d_out], bound, stream, device);
    Linear { weight, bias: Some(uniform([d_out], bound, stream, device)) }
}

/// Returns a linear layer with zero biases and weights from U(−b, b), where b = gain·√(3/d_in).
///
/// An output has gain² times the variance of the inputs. Before a relu, a gain of √2 keeps the size of signals from layer to layer
/// (He et al., 2015); otherwise use 1.
pub fn scaled_linear(d_in: usize, d_out: usize, gain: f64, stream: &mut Stream, device: &Device) -> Linear {
    let weight = uniform([d_in, d_out], gain * (3.0 / d_in.max(1) as f64).sqrt(), stream, device);
    Linear { weight, bias: Some(Param::from_tensor(Tensor::zeros([d_out], device))) }
}

/// Returns a convolution of `[d_in, d_out]` channels with a kernel of `[height, width]` and a `stride`, without padding.
///
/// To add padding, set the layer's field. Weights and biases are as in [`scaled_linear`], with d_in·height·width inputs per output.
pub fn conv2d(
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    gain: f64,
    stream: &mut Stream,
    device: &Device,
) -> Conv2d {
    let ([d_in, d_out], [height, width]) = (channels, kernel);
    let bound = gain * (3.0 / (d_in * height * width).max(1) as f64).sqrt();
    let weight = uniform([d_out, d_in, height, width], bound, stream, device);
    let bias = Some(Param::from_tensor(Tensor::zeros([d_out], device)));
    // Parameters are lazy, so the configuration's own weights are never drawn.
    Conv2d { weight, bias, ..Conv2dConfig::new(channels, kernel).with_stride(stride).init(device) }
}

/// Returns a transposed convolution. Weights and biases are as in [`scaled_linear`], with d_in·height·width/(stride product) inputs
/// per output.
pub fn conv_transpose2d(
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    gain: f64,
    stream: &mut Stream,
    device: &Device,
) -> ConvTranspose2d {
    let ([d_in, d_out], [height, width]) = (channels, kernel);
    let fan_in = (d_in * height * width) as f64 / (stride[0] * stride[1]).max(1) as f64;
    let weight = uniform([d_in, d_out, height, width], gain * (3.0 / fan_in.max(1.0)).sqrt(), stream, device);
    let bias = Some(Param::from_tensor(Tensor::zeros([d_out], device)));
    ConvTranspose2d { weight, bias, ..ConvTranspose2dConfig::new(channels, kernel).with_stride(stride).init(device) }
}

/// From U(−bound, bound).
fn uniform<const D: usize>(shape: [usize; D], bound: f64, stream: &mut Stream, device: &Device) -> Param<Tensor<D>> {
    let drawn: Vec<f64> = stream.uniform_vec(shape.iter().product());
    let drawn = drawn.into_iter().map(|u| bound * (2.0 * u - 1.0)).collect();
    Param::from_data(TensorData::new::<f64, _>(drawn, shape), device)
}

/// Returns a linear layer with zero weights and biases, the start of a convex model.
pub fn zero_linear(d_in: usize, d_out: usize, device: &Device) -> Linear {
    Linear {
        weight: Param::from_tensor(Tensor::zeros([d_in, d_out], device)),
        bias: Some(Param::from_tensor(Tensor::zeros([d_out], device))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_in_range_and_fixed_by_the_seed() {
        let make = |seed| linear(16, 8, &mut Stream::new(seed, "init", 0, 0), &Device::default());
        let values = |layer: &Linear| layer.weight.val().try_into_vec_as::<f64>().unwrap();
        let (a, b, c) = (values(&make(0)), values(&make(0)), values(&make(1)));
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert!(a.iter().all(|w| w.abs() <= 0.25) && a.iter().any(|w| w.abs() > 0.2));
    }

    /// With noise as image, a convolution's and a transposed convolution's outputs have its variance times gain².
    #[test]
    fn convolutions_keep_a_signal_s_variance() {
        let (device, mut stream) = (Device::default(), Stream::new(0, "init", 0, 0));
        let spread = |x: Tensor<4>| {
            // Without the edges, where some inputs are missing.
            let x: Vec<f64> = x.slice([0..4, 0..32, 4..12, 4..12]).try_into_vec_as().unwrap();
            x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64
        };
        let x: Tensor<4> = stream.normal([4, 16, 40, 40], &device);
        let halved = conv2d([16, 32], [4, 4], [2, 2], 2f64.sqrt(), &mut stream, &device).forward(x.clone());
        let doubled = conv_transpose2d([16, 32], [4, 4], [2, 2], 1.0, &mut stream, &device).forward(x);
        // There are 8192 outputs, which share inputs with their neighbours, and 32 kernels.
        assert!((spread(halved) / 2.0 - 1.0).abs() < 0.15 && (spread(doubled) - 1.0).abs() < 0.15);
    }
}
