//! Weight initialisation from keyed streams.
//!
//! Burn draws initial weights from the backend's generator, so they differ between backends. Here they come from a
//! [`Stream`], on the host: the same seed starts the same model on every device.

use burn::{
    module::Param,
    nn::{
        Linear,
        conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig},
    },
    tensor::{Device, Tensor, TensorData},
};

use crate::Stream;

/// A linear layer `y = x·W + b` with `W: [d_in, d_out]` and `b: [d_out]`, both from U(−1/√d_in, 1/√d_in).
///
/// This is the initialisation of PyTorch's and Burn's `Linear` (LeCun et al., *Efficient BackProp*, 1998).
pub fn linear(d_in: usize, d_out: usize, stream: &mut Stream, device: &Device) -> Linear {
    let weight = uniform([d_in, d_out], d_in, stream, device);
    Linear { weight, bias: Some(uniform([d_out], d_in, stream, device)) }
}

/// A convolution of `[d_in, d_out]` channels with a kernel of `[height, width]`, its weights and biases from U(−1/√f, 1/√f) with
/// f = d_in·height·width, the numbers that each output is made of. Steps of one, no padding: other ones are its fields.
pub fn conv2d(channels: [usize; 2], kernel: [usize; 2], stream: &mut Stream, device: &Device) -> Conv2d {
    let ([d_in, d_out], [height, width]) = (channels, kernel);
    let fan_in = d_in * height * width;
    let weight = uniform([d_out, d_in, height, width], fan_in, stream, device);
    let bias = Some(uniform([d_out], fan_in, stream, device));
    // What the configuration would draw is never drawn: parameters are made when they are asked for.
    Conv2d { weight, bias, ..Conv2dConfig::new(channels, kernel).init(device) }
}

/// A transposed convolution likewise, with f = d_out·height·width, as in PyTorch.
pub fn conv_transpose2d(
    channels: [usize; 2],
    kernel: [usize; 2],
    stream: &mut Stream,
    device: &Device,
) -> ConvTranspose2d {
    let ([d_in, d_out], [height, width]) = (channels, kernel);
    let fan_in = d_out * height * width;
    let weight = uniform([d_in, d_out, height, width], fan_in, stream, device);
    let bias = Some(uniform([d_out], fan_in, stream, device));
    ConvTranspose2d { weight, bias, ..ConvTranspose2dConfig::new(channels, kernel).init(device) }
}

/// From U(−1/√fan_in, 1/√fan_in).
fn uniform<const D: usize>(shape: [usize; D], fan_in: usize, stream: &mut Stream, device: &Device) -> Param<Tensor<D>> {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    let drawn: Vec<f64> = stream.uniform_vec(shape.iter().product());
    let drawn = drawn.into_iter().map(|u| bound * (2.0 * u - 1.0)).collect();
    Param::from_data(TensorData::new::<f64, _>(drawn, shape), device)
}

/// A linear layer whose weights and biases are zero: the start of a convex model.
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
}
