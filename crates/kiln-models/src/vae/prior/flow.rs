//! The density of an invertible network.

use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor},
};
use kiln_dist::sum_per_example;
use kiln_tensor::{
    Stream,
    fused::{Activation, dense},
    init,
};

use super::standard::log_standard;

/// The largest logarithm of the factor of one layer.
const LARGEST: f64 = 2.0;

/// z = f(ε) with ε ~ N(0, I), where f is a chain of coupling layers.
///
/// A layer keeps one part of its input, a, and changes the other one, b: b ← b·exp(s(a)) + t(a). The parts change places from layer to
/// layer. It is inverted, and its Jacobian determinant is known, without inverting s and t.
#[derive(Module, Debug)]
pub(in super::super) struct FlowPrior {
    layers: Vec<Coupling>,
}

impl FlowPrior {
    /// Builds `count` layers over `dims` dimensions, at least 2, that start as the identity.
    pub(in super::super) fn new(count: usize, dims: usize, stream: &mut Stream, device: &Device) -> Self {
        let layer = |i: usize| {
            let first = dims / 2;
            let (kept, changed) = if i.is_multiple_of(2) { (first, dims - first) } else { (dims - first, first) };
            Coupling::new(kept, changed, (8 * dims).clamp(32, 256), stream, device)
        };
        Self { layers: (0..count).map(layer).collect() }
    }

    /// Returns ln p(z) of each row, `[n]`.
    pub(in super::super) fn log_density(&self, z: Tensor<2>) -> Tensor<1> {
        let (mut parts, mut log_factors) = (halves(z), None::<Tensor<1>>);
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let [kept, changed] = order(i);
            let (log_factor, shift) = layer.forward(parts[kept].clone());
            parts[changed] = (parts[changed].clone() - shift) * (-log_factor.clone()).exp();
            let sum = sum_per_example(log_factor);
            log_factors = Some(match log_factors {
                Some(all) => all + sum,
                None => sum,
            });
        }
        let of_noise = log_standard(Tensor::cat(parts.to_vec(), 1));
        match log_factors {
            Some(all) => of_noise - all,
            None => of_noise,
        }
    }

    /// Returns f(ε) of each row.
    pub(in super::super) fn transformed(&self, noise: Tensor<2>) -> Tensor<2> {
        let mut parts = halves(noise);
        for (i, layer) in self.layers.iter().enumerate() {
            let [kept, changed] = order(i);
            let (log_factor, shift) = layer.forward(parts[kept].clone());
            parts[changed] = parts[changed].clone() * log_factor.exp() + shift;
        }
        Tensor::cat(parts.to_vec(), 1)
    }
}

/// The index of the part that layer `i` keeps, and of the one that it changes.
fn order(i: usize) -> [usize; 2] {
    if i.is_multiple_of(2) { [0, 1] } else { [1, 0] }
}

fn halves(z: Tensor<2>) -> [Tensor<2>; 2] {
    let dims = z.dims()[1];
    let first = dims / 2;
    [z.clone().narrow(1, 0, first), z.narrow(1, first, dims - first)]
}

/// The network of s and t.
#[derive(Module, Debug)]
struct Coupling {
    hidden: Vec<Linear>,
    log_factor: Linear,
    shift: Linear,
}

impl Coupling {
    fn new(kept: usize, changed: usize, units: usize, stream: &mut Stream, device: &Device) -> Self {
        let mut hidden = |inputs: usize| init::scaled_linear(inputs, units, std::f64::consts::SQRT_2, stream, device);
        let hidden = vec![hidden(kept), hidden(units)];
        let [log_factor, shift] = [0; 2].map(|_| init::zero_linear(units, changed, device));
        Self { hidden, log_factor, shift }
    }

    /// Returns s(a) and t(a).
    fn forward(&self, kept: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let hidden = self.hidden.iter().fold(kept, |h, layer| dense(layer, h, Activation::Silu));
        let log_factor = dense(&self.log_factor, hidden.clone(), Activation::Tanh) * LARGEST;
        (log_factor, dense(&self.shift, hidden, Activation::Identity))
    }
}
