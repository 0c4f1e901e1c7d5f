//! Families that approximate a posterior.

mod delta;
mod full_rank;
mod low_rank;
mod mean_field;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{Stream, flat::Layout};

pub use self::{delta::Delta, full_rank::FullRank, low_rank::LowRank, mean_field::MeanField};

/// A distribution q of vectors z, whose parameters are trained.
pub trait Guide: Module {
    /// How many numbers z has.
    fn dims(&self) -> usize;

    /// `particles` draws through which gradients flow, `[s, d]`.
    fn rsample(&self, particles: usize, stream: &mut Stream) -> Tensor<2>;

    /// ln q of each row of z `[s, d]`, `[s]`, in nats.
    fn log_prob(&self, z: Tensor<2>) -> Tensor<1>;

    /// −E ln q, `[1]`, in nats.
    fn entropy(&self) -> Tensor<1>;

    /// E z, `[d]`.
    fn mean(&self) -> Tensor<1>;

    /// The standard deviation of each number, `[d]`.
    fn stddev(&self) -> Tensor<1>;

    /// ln q of each number of the rows of z `[s, d]`, `[s, d]`, where the numbers are independent; None where they are not. The default is None.
    fn log_prob_each(&self, _z: Tensor<2>) -> Option<Tensor<2>> {
        None
    }

    /// ∇ ln q of each row of z `[s, d]` in the trainable parameters, in their [`Layout`]'s order, `[s, p]`. The default takes a backward pass
    /// for each row.
    fn scores(&self, z: Tensor<2>) -> Tensor<2> {
        let layout = Layout::of(self);
        let row = |row: Tensor<2>| layout.gradients(self, &self.log_prob(row).backward());
        let [s, _] = z.dims();
        Tensor::stack(z.chunk(s, 0).into_iter().map(row).collect(), 0)
    }

    /// Whether q has a density; a single point has none. The default is yes.
    fn has_density(&self) -> bool {
        true
    }

    /// How many fixed draws the [average over them](super::SampleAverage) needs to have a maximum. The default is 1.
    fn least_fixed_draws(&self) -> usize {
        1
    }
}
