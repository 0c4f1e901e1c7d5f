//! The latent posterior, in one stochastic layer or several.

use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor},
};
use kiln_dist::{Batch, Distribution, FromNoise, Normal, Reparameterized};
use kiln_tensor::{
    Stream,
    fused::{Activation, dense},
    init,
};

use super::hidden::{After, gain};

/// Builds dense layers between successive `sizes`. With a gain the weights multiply a signal's variance by its square.
pub(super) fn layers(sizes: &[usize], gain: Option<f64>, stream: &mut Stream, device: &Device) -> Vec<Linear> {
    let mut layer = |pair: &[usize]| match gain {
        Some(gain) => init::scaled_linear(pair[0], pair[1], gain, stream, device),
        None => init::linear(pair[0], pair[1], stream, device),
    };
    sizes.windows(2).map(&mut layer).collect()
}

/// Applies hidden layers in order, each with what follows it, if anything does.
pub(super) fn through(layers: &[Linear], after: &[After<Linear>], x: Tensor<2>, activation: Activation) -> Tensor<2> {
    let after = (0..layers.len()).map(|i| after.get(i));
    layers.iter().zip(after).fold(x, |h, (layer, after)| {
        let h = dense(layer, h, After::of_map(after, activation));
        After::forward(after, h, [1, 1], activation)
    })
}

/// Returns a normal distribution whose μ and ln σ² are linear in `h`.
pub(super) fn normal(h: Tensor<2>, loc: &Linear, log_variance: &Linear) -> Normal<2> {
    let loc = dense(loc, h.clone(), Activation::Identity);
    let log_variance = dense(log_variance, h, Activation::Identity);
    Normal::from_log_variance(loc, log_variance).expect("both heads have the same shape")
}

/// A network from x through hidden layers to the μ and ln σ² of a normal distribution.
#[derive(Module, Debug)]
pub(super) struct GaussianNet {
    hidden: Vec<Linear>,
    loc: Linear,
    log_variance: Linear,
    #[module(skip)]
    activation: Activation,
}

impl GaussianNet {
    /// Builds the network. `sizes` holds the input size and those of the hidden layers.
    fn new(sizes: &[usize], outputs: usize, activation: Activation, stream: &mut Stream, device: &Device) -> Self {
        let hidden = layers(sizes, (activation != Activation::Tanh).then(|| gain(activation)), stream, device);
        let mut head = || init::linear(sizes[sizes.len() - 1], outputs, stream, device);
        Self { hidden, loc: head(), log_variance: head(), activation }
    }

    pub(super) fn forward(&self, x: Tensor<2>) -> Normal<2> {
        normal(through(&self.hidden, &[], x, self.activation), &self.loc, &self.log_variance)
    }

    fn outputs(&self) -> usize {
        self.loc.weight.dims()[1]
    }
}

/// A stochastic layer above another, with q(above | below) and p(below | above).
#[derive(Module, Debug)]
pub(super) struct StochasticLayer {
    up: GaussianNet,
    down: GaussianNet,
}

impl StochasticLayer {
    /// Builds a layer of `dims` dimensions above one of `below`, with `hidden` units between. The way down reverses their order.
    pub(super) fn new(
        (below, dims): (usize, usize),
        hidden: &[usize],
        activation: Activation,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let upwards: Vec<usize> = std::iter::once(below).chain(hidden.iter().copied()).collect();
        let downwards: Vec<usize> = std::iter::once(dims).chain(hidden.iter().rev().copied()).collect();
        let up = GaussianNet::new(&upwards, dims, activation, stream, device);
        Self { up, down: GaussianNet::new(&downwards, below, activation, stream, device) }
    }

    pub(super) fn dims(&self) -> usize {
        self.up.outputs()
    }

    /// Returns p(below | above).
    pub(super) fn prior_below(&self, above: Tensor<2>) -> Normal<2> {
        self.down.forward(above)
    }

    /// Returns the mean of q(above | below).
    pub(super) fn mean_above(&self, below: Tensor<2>) -> Tensor<2> {
        self.up.forward(below).loc()
    }
}

/// The posterior q(z | x) of a [`Vae`](super::Vae): normal with a diagonal covariance in each stochastic layer, given the layer below.
///
/// Values have shape `[n, d]` and hold the layers side by side, the layer next to x first.
#[derive(Clone, Debug)]
pub struct LatentPosterior {
    first: Normal<2>,
    above: Vec<GaussianNet>,
}

impl LatentPosterior {
    pub(super) fn new(first: Normal<2>, above: &[StochasticLayer]) -> Self {
        Self { first, above: above.iter().map(|layer| layer.up.clone()).collect() }
    }

    /// Returns the distribution of the layer next to x.
    pub fn first(&self) -> &Normal<2> {
        &self.first
    }

    /// Returns whether there is only one stochastic layer.
    pub fn is_one_layer(&self) -> bool {
        self.above.is_empty()
    }

    /// Applies `draw` to the distribution of each layer, from below, and concatenates the results.
    fn draw(&self, mut draw: impl FnMut(&Normal<2>) -> Tensor<2>) -> Tensor<2> {
        let first = draw(&self.first);
        if self.is_one_layer() {
            return first;
        }
        let mut layers = vec![first];
        for net in &self.above {
            let next = draw(&net.forward(layers[layers.len() - 1].clone()));
            layers.push(next);
        }
        Tensor::cat(layers, 1)
    }

    /// Returns the distribution of each layer given `value`, with the layer's part of the value.
    fn layers(&self, value: Tensor<2>) -> Vec<(Normal<2>, Tensor<2>)> {
        let widths = std::iter::once(self.first.loc().dims()[1]).chain(self.above.iter().map(GaussianNet::outputs));
        let parts = split(value, widths);
        let given = self.above.iter().zip(&parts).map(|(net, below)| net.forward(below.clone()));
        std::iter::once(self.first.clone()).chain(given).collect::<Vec<_>>().into_iter().zip(parts).collect()
    }
}

/// Splits the columns of `[n, d]` into parts of the given widths.
pub(super) fn split(value: Tensor<2>, widths: impl Iterator<Item = usize>) -> Vec<Tensor<2>> {
    let n = value.dims()[0];
    let mut start = 0;
    let part = |width: usize| {
        let columns = start..start + width;
        start += width;
        value.clone().slice([0..n, columns])
    };
    widths.map(part).collect()
}

impl Distribution<2> for LatentPosterior {
    type Value = Tensor<2>;

    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        if self.is_one_layer() {
            return self.first.log_prob(value);
        }
        Tensor::cat(self.layers(value).into_iter().map(|(q, z)| q.log_prob(z)).collect(), 1)
    }

    fn log_prob_per_example(&self, value: Tensor<2>) -> Tensor<1> {
        if self.is_one_layer() {
            return self.first.log_prob_per_example(value);
        }
        let each = self.layers(value).into_iter().map(|(q, z)| q.log_prob_per_example(z));
        each.reduce(|sum, layer| sum + layer).expect("there is at least one layer")
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        self.detached().rsample(stream)
    }
}

impl Reparameterized<2> for LatentPosterior {
    fn rsample(&self, stream: &mut Stream) -> Tensor<2> {
        self.draw(|q| q.rsample(stream))
    }

    fn rsample_many(&self, count: usize, stream: &mut Stream) -> Tensor<2> {
        if self.is_one_layer() {
            return self.first.rsample_many(count, stream);
        }
        self.repeated(count).rsample(stream)
    }
}

impl FromNoise<2> for LatentPosterior {
    fn rsample_from_noise(&self, noise: Tensor<2>) -> Tensor<2> {
        if self.is_one_layer() {
            return self.first.rsample_from_noise(noise);
        }
        let widths = std::iter::once(self.first.loc().dims()[1]).chain(self.above.iter().map(GaussianNet::outputs));
        let mut parts = split(noise, widths).into_iter();
        self.draw(|q| q.rsample_from_noise(parts.next().expect("one part for each layer")))
    }
}

impl Batch for LatentPosterior {
    fn detached(&self) -> Self {
        Self { first: self.first.detached(), above: self.above.iter().map(Module::valid).collect() }
    }

    fn repeated(&self, count: usize) -> Self {
        Self { first: self.first.repeated(count), above: self.above.clone() }
    }
}
