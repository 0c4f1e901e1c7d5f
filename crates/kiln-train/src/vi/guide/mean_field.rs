//! Independent normal numbers.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kiln_dist::{Distribution, Entropy, Independent, Normal, Reparameterized};
use kiln_tensor::Stream;

use super::Guide;

/// Independent normal numbers: the mean-field family. It fits each number's precision given the others, so that where they are
/// correlated it is too narrow.
#[derive(Module, Debug)]
pub struct MeanField {
    loc: Param<Tensor<1>>,
    log_scale: Param<Tensor<1>>,
}

impl MeanField {
    /// N(0, 0.1²) in each of `dims` ≥ 1 numbers, as Pyro's guides start.
    pub fn new(dims: usize, device: &Device) -> Self {
        let device = device.clone().autodiff();
        Self {
            loc: Param::from_tensor(Tensor::zeros([dims], &device)),
            log_scale: Param::from_tensor(Tensor::full([dims], 0.1f64.ln(), &device)),
        }
    }

    /// From a mean and standard deviations, each `[d]`.
    pub fn from_parts(loc: Tensor<1>, scale: Tensor<1>) -> Self {
        let own = |tensor: Tensor<1>| Param::from_tensor(tensor.without_autodiff().autodiff());
        Self { loc: own(loc), log_scale: own(scale.log()) }
    }

    fn one(&self) -> Independent<Normal<2>> {
        let row = |p: &Param<Tensor<1>>| p.val().unsqueeze::<2>();
        Independent::new(Normal::from_log_scale(row(&self.loc), row(&self.log_scale)).expect("the shapes are one"))
    }
}

impl Guide for MeanField {
    fn dims(&self) -> usize {
        self.loc.dims()[0]
    }

    fn rsample(&self, particles: usize, stream: &mut Stream) -> Tensor<2> {
        self.one().base().rsample_many(particles, stream)
    }

    fn log_prob(&self, z: Tensor<2>) -> Tensor<1> {
        self.one().log_prob(z).squeeze_dim(1)
    }

    fn entropy(&self) -> Tensor<1> {
        self.one().entropy().squeeze_dim(1)
    }

    fn mean(&self) -> Tensor<1> {
        self.loc.val()
    }

    fn stddev(&self) -> Tensor<1> {
        self.log_scale.val().exp()
    }

    fn log_prob_each(&self, z: Tensor<2>) -> Option<Tensor<2>> {
        Some(self.one().base().log_prob(z))
    }

    /// (z − μ)/σ² and (z − μ)²/σ² − 1.
    fn scores(&self, z: Tensor<2>) -> Tensor<2> {
        let row = |p: &Param<Tensor<1>>| p.val().without_autodiff().unsqueeze::<2>();
        let inverse_scale = row(&self.log_scale).neg().exp();
        let apart = (z - row(&self.loc)) * inverse_scale.clone();
        Tensor::cat(vec![apart.clone() * inverse_scale, apart.square() - 1.0], 1)
    }
}
