//! act(convolution + b) of images whose channels are next to each other.

#[cfg(feature = "flex")]
use burn::nn::PaddingConfig2d;
use burn::{
    nn::conv::{Conv2d, ConvTranspose2d},
    tensor::Tensor,
};

use super::Activation;
#[cfg(feature = "flex")]
use super::window::Window;

/// Returns act(layer(x)) of images x `[n, height·width·channels]`, in which the channels of a pixel are next to each other, as
/// `[n, height'·width'·channels']` in the same order.
///
/// `size` is height and width. On the CPU it is the product of the images' patches with the weights, with bias and activation in the same
/// pass.
///
/// # Example
/// ```
/// use burn::{nn::conv::Conv2dConfig, tensor::{Device, Tensor}};
/// use kiln_tensor::fused::{Activation, convolve};
///
/// let layer = Conv2dConfig::new([3, 8], [4, 4]).with_stride([2, 2]).init(&Device::default());
/// let x = Tensor::<2>::ones([5, 10 * 12 * 3], &Device::default());
/// assert_eq!(convolve(&layer, x, [10, 12], Activation::Relu).dims(), [5, 4 * 5 * 8]);
/// ```
///
/// # Panics
/// If x does not have as many columns as `size` and the layer's channels say, or the kernel is larger than the padded images.
pub fn convolve(layer: &Conv2d, x: Tensor<2>, size: [usize; 2], activation: Activation) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if let Some(window) =
        window_of(layer, size).filter(|window| is_filled(window, layer.weight.dims()) && super::by_kernel(&x))
    {
        return by_patches(layer, x, window, activation);
    }
    plain(layer, x, size, activation)
}

/// [`convolve`] for a transposed convolution.
///
/// # Example
/// ```
/// use burn::{nn::conv::ConvTranspose2dConfig, tensor::{Device, Tensor}};
/// use kiln_tensor::fused::{Activation, convolve_transposed};
///
/// let layer = ConvTranspose2dConfig::new([8, 3], [4, 4]).with_stride([2, 2]).init(&Device::default());
/// let x = Tensor::<2>::ones([5, 4 * 5 * 8], &Device::default());
/// assert_eq!(convolve_transposed(&layer, x, [4, 5], Activation::Relu).dims(), [5, 10 * 12 * 3]);
/// ```
///
/// # Panics
/// If x does not have as many columns as `size` and the layer's channels say.
pub fn convolve_transposed(
    layer: &ConvTranspose2d,
    x: Tensor<2>,
    size: [usize; 2],
    activation: Activation,
) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if let Some(window) = window_of_transposed(layer, size)
        .filter(|window| is_filled(window, layer.weight.dims()) && super::by_kernel(&x))
    {
        return by_folding(layer, x, window, activation);
    }
    plain_transposed(layer, x, size, activation)
}

fn plain(layer: &Conv2d, x: Tensor<2>, size: [usize; 2], activation: Activation) -> Tensor<2> {
    let channels = layer.weight.dims()[1] * layer.groups;
    rows(activation.of(layer.forward(images(x, size, channels))))
}

fn plain_transposed(layer: &ConvTranspose2d, x: Tensor<2>, size: [usize; 2], activation: Activation) -> Tensor<2> {
    let channels = layer.weight.dims()[0];
    rows(activation.of(layer.forward(images(x, size, channels))))
}

/// From `[n, height·width·channels]` to `[n, channels, height, width]`.
fn images(x: Tensor<2>, [height, width]: [usize; 2], channels: usize) -> Tensor<4> {
    let n = x.dims()[0];
    x.reshape([n, height, width, channels]).permute([0, 3, 1, 2])
}

/// From `[n, channels, height, width]` to `[n, height·width·channels]`.
fn rows(images: Tensor<4>) -> Tensor<2> {
    images.permute([0, 2, 3, 1]).flatten::<2>(1, 3)
}

/// Where the kernel of a layer lies, or none for layers that the kernels do not have.
#[cfg(feature = "flex")]
fn window_of(layer: &Conv2d, [height, width]: [usize; 2]) -> Option<Window> {
    let PaddingConfig2d::Explicit(top, left, bottom, right) = layer.padding else {
        return (layer.padding == PaddingConfig2d::Valid)
            .then(|| window(layer, [height, width], [0, 0], [0, 0]))
            .flatten();
    };
    window(layer, [height, width], [top, left], [bottom, right])
}

#[cfg(feature = "flex")]
fn window(layer: &Conv2d, [height, width]: [usize; 2], before: [usize; 2], behind: [usize; 2]) -> Option<Window> {
    if layer.groups != 1 || layer.dilation != [1, 1] {
        return None;
    }
    let [_, channels, kh, kw] = layer.weight.dims();
    let positions = |side: usize, axis: usize, kernel: usize| {
        Some((side + before[axis] + behind[axis]).checked_sub(kernel)? / layer.stride[axis] + 1)
    };
    let out = [positions(height, 0, kh)?, positions(width, 1, kw)?];
    Some(Window { height, width, channels, kernel: [kh, kw], stride: layer.stride, padding: before, out })
}

#[cfg(feature = "flex")]
fn window_of_transposed(layer: &ConvTranspose2d, size: [usize; 2]) -> Option<Window> {
    if layer.groups != 1 || layer.dilation != [1, 1] {
        return None;
    }
    let [_, channels, kh, kw] = layer.weight.dims();
    let side = |axis: usize, kernel: usize| {
        let last = (size[axis].checked_sub(1)? * layer.stride[axis]) + kernel + layer.padding_out[axis];
        last.checked_sub(2 * layer.padding[axis])
    };
    let (height, width) = (side(0, kh)?, side(1, kw)?);
    Some(Window { height, width, channels, kernel: [kh, kw], stride: layer.stride, padding: layer.padding, out: size })
}

#[cfg(feature = "flex")]
fn by_patches(layer: &Conv2d, x: Tensor<2>, window: Window, activation: Activation) -> Tensor<2> {
    use super::flex::Fused;
    use burn::backend::Dispatch;
    assert_eq!(x.dims()[1], window.image_len(), "x has the values of images of this size");
    let (weight, outputs) = (layer.weight.val(), layer.weight.dims()[0]);
    let bias = layer.bias.as_ref().map_or_else(|| zeros(outputs, &x), |bias| bias.val());
    let [x, weight, bias] = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
    let (epilogue, gate) = activation.parts();
    let y = Tensor::from_dispatch(Dispatch::fused_convolve(x, weight, bias, window, epilogue));
    gate.into_iter().fold(y, |y, gate| gate.of(y))
}

#[cfg(feature = "flex")]
fn by_folding(layer: &ConvTranspose2d, x: Tensor<2>, window: Window, activation: Activation) -> Tensor<2> {
    use super::flex::Fused;
    use burn::backend::Dispatch;
    let (weight, inputs) = (layer.weight.val(), layer.weight.dims()[0]);
    assert_eq!(x.dims()[1], window.patches() * inputs, "x has the values of images of this size");
    let bias = layer.bias.as_ref().map_or_else(|| zeros(window.channels, &x), |bias| bias.val());
    let [x, weight, bias] = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
    let (epilogue, gate) = activation.parts();
    let y = Tensor::from_dispatch(Dispatch::fused_convolve_transposed(x, weight, bias, window, epilogue));
    gate.into_iter().fold(y, |y, gate| gate.of(y))
}

/// Whether images, patches and weights have values. The kernels pair the images with their results, so neither may be empty.
#[cfg(feature = "flex")]
fn is_filled(window: &Window, weight: [usize; 4]) -> bool {
    !weight.contains(&0) && window.image_len() > 0 && window.patches() > 0
}

/// The bias of a layer without one.
#[cfg(feature = "flex")]
fn zeros(channels: usize, x: &Tensor<2>) -> Tensor<1> {
    Tensor::zeros([channels], (&x.device().without_autodiff(), x.dtype()))
}

#[cfg(test)]
mod tests {
    use burn::{
        module::{Param, ParamId},
        nn::conv::{Conv2dConfig, ConvTranspose2dConfig},
    };
    use kiln_testkit::f64_device;

    use super::*;
    use crate::fused::tests::{ALL, agree, normals};

    /// Images, height, width, channels in and out, kernel, stride, padding. The second has several blocks of images, and the third several
    /// groups of them with more than one block each.
    const CASES: [[usize; 8]; 9] = [
        [3, 28, 28, 1, 4, 4, 2, 1],
        [5, 8, 8, 64, 3, 8, 1, 2],
        [18, 8, 8, 64, 3, 8, 1, 2],
        [3, 7, 5, 3, 2, 4, 2, 1],
        [3, 6, 9, 2, 5, 3, 1, 1],
        [3, 5, 5, 4, 3, 1, 1, 0],
        [3, 5, 8, 1, 2, 2, 3, 0],
        [3, 4, 4, 2, 3, 4, 2, 2],
        [3, 3, 3, 2, 2, 5, 1, 2],
    ];

    /// A parameter that is part of a larger computation.
    fn initialized<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
        Param::initialized(ParamId::new(), value)
    }

    #[test]
    fn convolutions_agree_with_burn_s_forward_and_back() {
        // Before the layers' own weights, which are replaced.
        f64_device();
        for [n, height, width, inputs, outputs, kernel, stride, padding] in CASES {
            for activation in ALL {
                // Outputs of about 1, so that rounding is not magnified.
                let scale = ((inputs * kernel * kernel) as f64).sqrt();
                let data = [
                    normals([n, height * width * inputs], "x"),
                    normals([outputs, inputs * kernel * kernel], "weight"),
                    normals([1, outputs], "bias"),
                ];
                let with = |f: fn(&Conv2d, Tensor<2>, [usize; 2], Activation) -> Tensor<2>| {
                    move |[x, weight, bias]: [Tensor<2>; 3]| {
                        let config = Conv2dConfig::new([inputs, outputs], [kernel; 2]).with_stride([stride; 2]);
                        let padding = PaddingConfig2d::Explicit(padding, padding, padding, padding);
                        let mut layer = config.with_padding(padding).init(&x.device());
                        layer.weight = initialized(weight.div_scalar(scale).reshape([outputs, inputs, kernel, kernel]));
                        layer.bias = Some(initialized(bias.reshape([outputs])));
                        f(&layer, x, [height, width], activation)
                    }
                };
                agree(data, with(convolve), with(plain), &format!("{height}×{width}, {kernel}, {activation:?}"));
            }
        }
    }

    #[test]
    fn transposed_convolutions_agree_with_burn_s_forward_and_back() {
        f64_device();
        for [n, height, width, inputs, outputs, kernel, stride, padding] in CASES {
            for (activation, extra) in [(Activation::Relu, 0), (Activation::Tanh, 1), (Activation::Identity, 0)] {
                if extra >= stride {
                    continue;
                }
                // Outputs of about 1, so that rounding is not magnified.
                let scale = ((inputs * kernel * kernel) as f64).sqrt();
                let data = [
                    normals([n, height * width * inputs], "x"),
                    normals([inputs, outputs * kernel * kernel], "weight"),
                    normals([1, outputs], "bias"),
                ];
                let with = |f: fn(&ConvTranspose2d, Tensor<2>, [usize; 2], Activation) -> Tensor<2>| {
                    move |[x, weight, bias]: [Tensor<2>; 3]| {
                        let config = ConvTranspose2dConfig::new([inputs, outputs], [kernel; 2])
                            .with_stride([stride; 2])
                            .with_padding([padding; 2])
                            .with_padding_out([extra; 2]);
                        let mut layer = config.init(&x.device());
                        layer.weight = initialized(weight.div_scalar(scale).reshape([inputs, outputs, kernel, kernel]));
                        layer.bias = Some(initialized(bias.reshape([outputs])));
                        f(&layer, x, [height, width], activation)
                    }
                };
                let what = format!("transposed {height}×{width}, {kernel}, {activation:?}");
                agree(data, with(convolve_transposed), with(plain_transposed), &what);
            }
        }
    }
}
