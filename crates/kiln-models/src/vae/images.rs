//! Convolutions between images and dense layers.

use burn::{
    module::{Module, Param},
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, ConvTranspose2d},
    },
    tensor::{Device, Tensor},
};
use kiln_tensor::{
    Stream,
    fused::{Activation, convolve, convolve_transposed},
    init,
};

use super::hidden::{After, Build, gain};

/// The kernel side. With stride 2 each convolution halves or doubles a side. A multiple of the stride avoids checkerboard artefacts
/// (Odena, Dumoulin and Olah, 2016).
const KERNEL: usize = 4;

/// Returns height and width of an image and after each of `layers` convolutions, or `None` if one would leave no pixel.
pub(super) fn sides(size: [usize; 2], layers: usize) -> Option<Vec<[usize; 2]>> {
    let mut all = vec![size];
    for _ in 0..layers {
        let next = all[all.len() - 1].map(|side| side / 2);
        if next.contains(&0) {
            return None;
        }
        all.push(next);
    }
    Some(all)
}

/// Exchanges the axes of `[n, a, b]`, both times as rows of a·b values.
fn transposed(x: Tensor<2>, [a, b]: [usize; 2]) -> Tensor<2> {
    let n = x.dims()[0];
    x.reshape([n, a, b]).swap_dims(1, 2).reshape([n, a * b])
}

/// Convolutions from images `[n, height·width·channels]`, channel by channel within a pixel, to `[n, channels·height'·width']`.
#[derive(Module, Debug)]
pub(super) struct ImageEncoder {
    convolutions: Vec<Conv2d>,
    size: [usize; 2],
    image_channels: usize,
    after: Vec<After<Conv2d>>,
    #[module(skip)]
    activation: Activation,
}

impl ImageEncoder {
    pub(super) fn new(
        (size, image_channels): ([usize; 2], usize),
        channels: &[usize],
        build: Build,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let all: Vec<usize> = std::iter::once(image_channels).chain(channels.iter().copied()).collect();
        let one = |pair: &[usize]| Conv2d {
            padding: PaddingConfig2d::Explicit(1, 1, 1, 1),
            ..init::conv2d([pair[0], pair[1]], [KERNEL; 2], [2, 2], gain(build.activation), stream, device)
        };
        let convolutions = all.windows(2).map(one).collect();
        let after = After::layers(channels, build, stream, device);
        Self { convolutions, size, image_channels, after, activation: build.activation }
    }

    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut size = self.size;
        let mut rows = x;
        for (i, layer) in self.convolutions.iter().enumerate() {
            let after = self.after.get(i);
            rows = convolve(layer, rows, size, After::of_map(after, self.activation));
            size = size.map(|side| side / 2);
            rows = After::forward(after, rows, size, self.activation);
        }
        let pixels = size[0] * size[1];
        let channels = rows.dims()[1] / pixels.max(1);
        transposed(rows, [pixels, channels])
    }

    /// Returns the number of values of an image.
    pub(super) fn pixels(&self) -> usize {
        self.size[0] * self.size[1] * self.image_channels
    }
}

/// Transposed convolutions from `[n, channels·height'·width']` to `[n, height·width·outputs]`, pixel by pixel, with a bias per output.
#[derive(Module, Debug)]
pub(super) struct ImageDecoder {
    convolutions: Vec<ConvTranspose2d>,
    pub(super) bias: Param<Tensor<1>>,
    from: [usize; 3],
    /// What follows the dense layers, and each convolution but the last.
    after: Vec<After<Conv2d>>,
    #[module(skip)]
    activation: Activation,
}

impl ImageDecoder {
    /// Builds the decoder from the result of [`sides`] and the encoder's `channels`, both starting at the image. `outputs` are those of a
    /// pixel, of all its channels.
    pub(super) fn new(
        sides: &[[usize; 2]],
        channels: &[usize],
        outputs: usize,
        build: Build,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let all: Vec<usize> = std::iter::once(outputs).chain(channels.iter().copied()).collect();
        let one = |i: usize| {
            // No activation follows the last convolution.
            let gain = if i == 0 { 1.0 } else { gain(build.activation) };
            let mut layer = init::conv_transpose2d([all[i + 1], all[i]], [KERNEL; 2], [2, 2], gain, stream, device);
            layer.padding = [1, 1];
            // An odd side lost a pixel in the encoder.
            layer.padding_out = [0, 1].map(|axis| sides[i][axis] - 2 * sides[i + 1][axis]);
            if i == 0 {
                layer.bias = None;
            }
            layer
        };
        let convolutions = (0..channels.len()).rev().map(one).collect();
        let [height, width] = sides[sides.len() - 1];
        let bias = Param::from_tensor(Tensor::zeros([sides[0][0] * sides[0][1] * outputs], device));
        let inwards: Vec<usize> = channels.iter().rev().copied().collect();
        let mut after = After::layers(&inwards, build, stream, device);
        // The dense layers have applied the first activation.
        if let Some(first) = after.first_mut() {
            first.norm = None;
        }
        let from = [inwards[0], height, width];
        Self { convolutions, bias, from, after, activation: build.activation }
    }

    pub(super) fn forward(&self, h: Tensor<2>) -> Tensor<2> {
        let [channels, height, width] = self.from;
        let (mut rows, mut size) = (transposed(h, [channels, height * width]), [height, width]);
        rows = After::forward(self.after.first(), rows, size, self.activation);
        for (i, layer) in self.convolutions.iter().enumerate() {
            let last = i + 1 == self.convolutions.len();
            let after = self.after.get(i + 1);
            let activation = if last { Activation::Identity } else { After::of_map(after, self.activation) };
            rows = convolve_transposed(layer, rows, size, activation);
            // The kernel is twice as wide as the stride, and the padding half of that.
            size = [0, 1].map(|axis| 2 * size[axis] + layer.padding_out[axis]);
            rows = After::forward(after, rows, size, self.activation);
        }
        rows + self.bias.val().unsqueeze()
    }
}
