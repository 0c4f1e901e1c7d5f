//! Parametric distributions that approximate a posterior.

mod delta;
mod full_rank;
mod low_rank;
mod mean_field;

use burn::{module::Module, tensor::Tensor};
use kiln_dist::DistError;
use kiln_tensor::{Stream, flat::Layout};

pub use self::{delta::Delta, full_rank::FullRank, low_rank::LowRank, mean_field::MeanField};

/// A distribution q over vectors z `[d]` with trainable parameters.
///
/// [`MeanField`], [`LowRank`], [`FullRank`] and [`Delta`] implement it.
pub trait Guide: Module {
    /// Returns the number of dimensions d of z.
    fn dims(&self) -> usize;

    /// Draws `particles` differentiable samples, `[s, d]`.
    fn rsample(&self, particles: usize, stream: &mut Stream) -> Tensor<2>;

    /// Returns ln q of each row of z `[s, d]`, as `[s]`, in nats.
    fn log_prob(&self, z: Tensor<2>) -> Tensor<1>;

    /// Returns the entropy −E ln q, as `[1]`, in nats.
    fn entropy(&self) -> Tensor<1>;

    /// Returns the mean of z, `[d]`.
    fn mean(&self) -> Tensor<1>;

    /// Returns the standard deviation of each entry, `[d]`.
    fn stddev(&self) -> Tensor<1>;

    /// Returns ln q of each entry of z `[s, d]`, as `[s, d]`, if the entries are independent.
    ///
    /// The default is `None`: the entries are dependent.
    fn log_prob_each(&self, _z: Tensor<2>) -> Option<Tensor<2>> {
        None
    }

    /// Returns the score ∇ ln q in the trainable parameters for each row of z `[s, d]`, as `[s, p]`.
    ///
    /// Columns follow the parameters' [`Layout`]. The default takes one backward pass per row.
    fn scores(&self, z: Tensor<2>) -> Tensor<2> {
        let layout = Layout::of(self);
        let row = |row: Tensor<2>| layout.gradients(self, &self.log_prob(row).backward());
        let [s, _] = z.dims();
        Tensor::stack(z.chunk(s, 0).into_iter().map(row).collect(), 0)
    }

    /// Returns whether q has a density. A single point has none. The default is `true`.
    fn has_density(&self) -> bool {
        true
    }

    /// Returns the smallest number of fixed draws for which [`SampleAverage`](super::SampleAverage) has a maximum. The default is 1.
    fn least_fixed_draws(&self) -> usize {
        1
    }
}

/// Checks that a part of a guide has `length` entries, or rows, as `loc` has.
fn same_length(loc: (&'static str, &Tensor<1>), part: (&'static str, usize, &[usize])) -> Result<(), DistError> {
    let ((first, loc), (second, length, shape)) = (loc, part);
    if loc.dims()[0] == length && length > 0 {
        return Ok(());
    }
    Err(DistError::Shape { first, first_shape: loc.dims().to_vec(), second, second_shape: shape.to_vec() })
}
