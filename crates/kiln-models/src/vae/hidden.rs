//! What may follow the linear map of a hidden layer: normalisation and residual blocks.

use burn::{
    module::{Module, Param},
    nn::{Linear, PaddingConfig2d, conv::Conv2d},
    tensor::{Device, Tensor},
};
use kiln_tensor::{
    Stream,
    fused::{Activation, convolve, dense},
    init,
};

/// Added to the variance of a row, so that a row of equal numbers has no infinite scale. PyTorch's default.
const EPSILON: f64 = 1e-5;

/// The kernel side of a residual block's convolutions. They keep the size of the image.
const KERNEL: usize = 3;

/// How hidden layers are built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Build {
    pub(super) activation: Activation,
    /// Whether the outputs of a linear map are normalised before the activation.
    pub(super) norm: bool,
    /// Number of residual blocks after the activation.
    pub(super) blocks: usize,
}

/// A linear map of rows, which are vectors or images whose channels are next to each other.
pub(super) trait RowMap: Module {
    /// Returns a map that keeps the number of channels and the size.
    fn square(channels: usize, gain: f64, stream: &mut Stream, device: &Device) -> Self;

    /// Sets weights and biases to zero.
    fn zero(self) -> Self;

    fn apply(&self, rows: Tensor<2>, size: [usize; 2]) -> Tensor<2>;
}

impl RowMap for Linear {
    fn square(channels: usize, gain: f64, stream: &mut Stream, device: &Device) -> Self {
        init::scaled_linear(channels, channels, gain, stream, device)
    }

    fn zero(self) -> Self {
        Self { weight: zeros(&self.weight), bias: self.bias.as_ref().map(zeros) }
    }

    fn apply(&self, rows: Tensor<2>, _: [usize; 2]) -> Tensor<2> {
        dense(self, rows, Activation::Identity)
    }
}

impl RowMap for Conv2d {
    fn square(channels: usize, gain: f64, stream: &mut Stream, device: &Device) -> Self {
        let side = KERNEL / 2;
        Self {
            padding: PaddingConfig2d::Explicit(side, side, side, side),
            ..init::conv2d([channels; 2], [KERNEL; 2], [1, 1], gain, stream, device)
        }
    }

    fn zero(self) -> Self {
        let (weight, bias) = (zeros(&self.weight), self.bias.as_ref().map(zeros));
        Self { weight, bias, ..self }
    }

    fn apply(&self, rows: Tensor<2>, size: [usize; 2]) -> Tensor<2> {
        convolve(self, rows, size, Activation::Identity)
    }
}

fn zeros<const D: usize>(param: &Param<Tensor<D>>) -> Param<Tensor<D>> {
    Param::from_tensor(param.val().detach().zeros_like())
}

/// Layer normalisation: a row less its mean, divided by its standard deviation, with a learned factor and summand for each channel.
///
/// For images the mean is over all places and channels, which is group normalisation with one group. Unlike batch normalisation it
/// does not depend on the other rows, so that each example has a likelihood of its own.
///
/// Ba, Kiros and Hinton (2016); Wu and He (2018).
#[derive(Module, Debug)]
pub(super) struct RowNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl RowNorm {
    pub(super) fn new(channels: usize, device: &Device) -> Self {
        let [gamma, beta] = [Tensor::ones([channels], device), Tensor::zeros([channels], device)];
        Self { gamma: Param::from_tensor(gamma), beta: Param::from_tensor(beta) }
    }

    /// Normalises rows `[n, places·channels]`.
    pub(super) fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let [n, width] = rows.dims();
        let channels = self.gamma.dims()[0];
        let centred = rows.clone() - rows.mean_dim(1);
        let scale = (centred.clone().square().mean_dim(1) + EPSILON).sqrt().recip();
        let places = (centred * scale).reshape([n, width / channels, channels]);
        let each = |param: &Param<Tensor<1>>| param.val().reshape([1, 1, channels]);
        (places * each(&self.gamma) + each(&self.beta)).reshape([n, width])
    }
}

/// h + L₂(act(N₂(L₁(act(N₁(h)))))), where L are linear maps and N normalisations, if there are any.
///
/// L₂ starts at zero, so that a block starts as the identity. He, Zhang, Ren and Sun, *Identity Mappings in Deep Residual Networks*
/// (2016); Goyal et al. (2017) for the start.
#[derive(Module, Debug)]
pub(super) struct ResidualBlock<L: Module> {
    norms: Vec<RowNorm>,
    first: L,
    second: L,
}

impl<L: RowMap> ResidualBlock<L> {
    fn new(channels: usize, build: Build, stream: &mut Stream, device: &Device) -> Self {
        let norms =
            if build.norm { vec![RowNorm::new(channels, device), RowNorm::new(channels, device)] } else { Vec::new() };
        let mut map = || L::square(channels, gain(build.activation), stream, device);
        Self { norms, first: map(), second: map().zero() }
    }

    fn forward(&self, h: Tensor<2>, size: [usize; 2], activation: Activation) -> Tensor<2> {
        let active = |norm: usize, rows: Tensor<2>| match self.norms.get(norm) {
            Some(norm) => activation.of(norm.forward(rows)),
            None => activation.of(rows),
        };
        let inner = self.first.apply(active(0, h.clone()), size);
        h + self.second.apply(active(1, inner), size)
    }
}

/// What follows the linear map of one hidden layer.
#[derive(Module, Debug)]
pub(super) struct After<L: Module> {
    pub(super) norm: Option<RowNorm>,
    blocks: Vec<ResidualBlock<L>>,
}

impl<L: RowMap> After<L> {
    /// Builds what follows layers with these numbers of channels. The list is empty if nothing but the activation follows.
    pub(super) fn layers(channels: &[usize], build: Build, stream: &mut Stream, device: &Device) -> Vec<Self> {
        if !build.norm && build.blocks == 0 {
            return Vec::new();
        }
        let mut one = |channels: usize| Self {
            norm: build.norm.then(|| RowNorm::new(channels, device)),
            blocks: (0..build.blocks).map(|_| ResidualBlock::new(channels, build, stream, device)).collect(),
        };
        channels.iter().map(|channels| one(*channels)).collect()
    }

    /// Returns the activation that the linear map before may apply in its own pass.
    pub(super) fn of_map(after: Option<&Self>, activation: Activation) -> Activation {
        if after.is_some_and(|after| after.norm.is_some()) { Activation::Identity } else { activation }
    }

    /// Goes on from the output of the linear map, to which [`of_map`](Self::of_map) was applied.
    pub(super) fn forward(
        after: Option<&Self>,
        rows: Tensor<2>,
        size: [usize; 2],
        activation: Activation,
    ) -> Tensor<2> {
        let Some(after) = after else { return rows };
        let rows = match &after.norm {
            Some(norm) => activation.of(norm.forward(rows)),
            None => rows,
        };
        after.blocks.iter().fold(rows, |h, block| block.forward(h, size, activation))
    }
}

/// Returns the gain with which weights keep the size of a signal through layers with this activation (He et al., 2015).
pub(super) fn gain(activation: Activation) -> f64 {
    if activation == Activation::Tanh { 1.0 } else { std::f64::consts::SQRT_2 }
}

#[cfg(test)]
mod tests {
    use kiln_testkit::{assert_close, tensor, values};

    use super::*;

    /// PyTorch 2.9.1, `torch.nn.functional.group_norm(x, 1, gamma, beta)` in f64 on an image of 2 channels and 2 places.
    #[test]
    fn a_row_is_normalised_as_pytorch_does_it() {
        let device = Device::default();
        let mut norm = RowNorm::new(2, &device);
        norm.gamma = Param::from_tensor(tensor::<1>(&[1.5, -0.5], [2], &device));
        norm.beta = Param::from_tensor(tensor::<1>(&[0.1, 0.2], [2], &device));
        let rows = tensor::<2>(&[1.0, 2.0, 4.0, -3.0, 5.0, 5.0, 5.0, 5.0], [2, 4], &device);
        let expected =
            [0.1, 0.003_884_015_720_207_412, 1.865_043_858_518_133_5, 0.984_463_937_119_170_4, 0.1, 0.2, 0.1, 0.2];
        // In f32.
        assert_close(&values(norm.forward(rows)), &expected, 1e-6, 1e-6, "group_norm");
    }

    /// A new block changes nothing, and then learns.
    #[test]
    fn a_block_starts_as_the_identity() {
        let device = Device::default();
        let mut stream = Stream::new(0, "block", 0, 0);
        for norm in [false, true] {
            let build = Build { activation: Activation::Silu, norm, blocks: 2 };
            let images = Tensor::<2>::from_data(
                burn::tensor::TensorData::new(stream.normal_vec(2 * 3 * 4 * 5), [2, 3 * 4 * 5]),
                &device,
            );
            let after = After::<Conv2d>::layers(&[5], build, &mut stream, &device);
            let mut all = after.into_iter().next().unwrap();
            all.norm = None;
            let same = After::forward(Some(&all), images.clone(), [3, 4], Activation::Silu);
            assert_eq!(values(same), values(images.clone()));
            let block = &mut all.blocks[0];
            block.second.weight = Param::from_tensor(block.second.weight.val() + 0.1);
            let other = After::forward(Some(&all), images.clone(), [3, 4], Activation::Silu);
            assert_ne!(values(other), values(images));
        }
        assert!(
            After::<Linear>::layers(
                &[3],
                Build { activation: Activation::Relu, norm: false, blocks: 0 },
                &mut stream,
                &device
            )
            .is_empty()
        );
    }
}
