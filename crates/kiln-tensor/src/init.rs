//! Weight initialisation from keyed streams.
//!
//! Burn draws initial weights from the backend's generator, so they differ between backends. Here they come from a
//! [`Stream`], on the host: the same seed starts the same model on every device.

use burn::{
    module::Param,
    nn::Linear,
    tensor::{Device, Tensor, TensorData},
};

use crate::Stream;

/// A linear layer `y = x·W + b` with `W: [d_in, d_out]` and `b: [d_out]`, both from U(−1/√d_in, 1/√d_in).
///
/// This is the initialisation of PyTorch's and Burn's `Linear` (LeCun et al., *Efficient BackProp*, 1998).
pub fn linear(d_in: usize, d_out: usize, stream: &mut Stream, device: &Device) -> Linear {
    let bound = 1.0 / (d_in.max(1) as f64).sqrt();
    let mut draw =
        |n: usize| -> Vec<f64> { stream.uniform_vec(n).into_iter().map(|u| bound * (2.0 * u - 1.0)).collect() };
    let weight = TensorData::new(draw(d_in * d_out), [d_in, d_out]);
    let bias = TensorData::new(draw(d_out), [d_out]);
    Linear { weight: Param::from_data(weight, device), bias: Some(Param::from_data(bias, device)) }
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
