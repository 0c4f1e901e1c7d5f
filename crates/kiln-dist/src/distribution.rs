//! What every distribution can do.

use std::sync::OnceLock;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::Stream;

/// A batch of distributions with parameters of rank `D`.
pub trait Distribution<const D: usize>: Clone {
    /// What is drawn: `Tensor<D>` for real values, `Tensor<D, Int>` for classes.
    type Value;

    /// ln p(value), elementwise, in nats.
    fn log_prob(&self, value: Self::Value) -> Tensor<D>;

    /// −E ln p, in nats.
    fn entropy(&self) -> Tensor<D>;

    /// E x.
    fn mean(&self) -> Tensor<D>;

    /// E (x − E x)².
    fn variance(&self) -> Tensor<D>;

    /// A draw, with the randomness of `stream`, through which no gradient flows.
    ///
    /// It is a plain tensor, without autodiff, also when the parameters are tracked: beside tracked tensors it acts as
    /// a constant.
    fn sample(&self, stream: &mut Stream) -> Self::Value;

    /// ln p summed over all axes but the first, shape `[n]`: the examples' log-likelihoods when their entries are
    /// independent.
    fn log_prob_per_example(&self, value: Self::Value) -> Tensor<1> {
        sum_per_example(self.log_prob(value))
    }
}

/// A distribution whose draws are a differentiable function of its parameters and of noise
/// (Kingma and Welling, 2014, section 2.4).
pub trait Reparameterized<const D: usize>: Distribution<D, Value = Tensor<D>> {
    /// The draw that belongs to `noise`, which is standard noise of the parameters' shape.
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D>;

    /// A draw through which gradients flow to the parameters.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D>;

    /// `count` ≥ 1 independent draws, one after the other along the first axis: `[n, ..]` gives `[count·n, ..]`.
    fn rsample_many(&self, count: usize, stream: &mut Stream) -> Tensor<D> {
        Tensor::cat((0..count.max(1)).map(|_| self.rsample(stream)).collect(), 0)
    }
}

/// Kullback–Leibler divergences in closed form.
pub trait KlDivergence<const D: usize, Q> {
    /// KL(self ‖ q) = E_self [ln self − ln q], elementwise, in nats.
    fn kl_divergence(&self, q: &Q) -> Tensor<D>;
}

/// KL(p ‖ q) in nats, elementwise over the batch.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Normal, kl_divergence};
///
/// let device = Device::default();
/// let p = Normal::new(Tensor::<1>::ones([3], &device), Tensor::ones([3], &device))?;
/// let kl: Vec<f32> = kl_divergence(&p, &Normal::standard([3], &device)).try_into_vec_as().unwrap();
/// assert_eq!(kl, [0.5; 3]);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
pub fn kl_divergence<const D: usize, P: KlDivergence<D, Q>, Q>(p: &P, q: &Q) -> Tensor<D> {
    p.kl_divergence(q)
}

/// Sums all axes but the first: `[n, ..]` → `[n]`.
pub fn sum_per_example<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let n = tensor.dims()[0];
    if D == 1 {
        return tensor.reshape([n]);
    }
    let rest = tensor.shape().num_elements() / n.max(1);
    tensor.reshape([n, rest]).sum_dim(1).reshape([n])
}

/// The first axis, and all others as one: `[n, ..]` → `[n, d]`.
pub(crate) fn rows<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let shape = tensor.shape();
    let n = shape[0];
    as_rank(tensor, [n, shape.num_elements() / n.max(1)])
}

/// A reshape that is nothing, also to automatic differentiation, where the shape is that already.
pub(crate) fn as_rank<const D: usize, const E: usize>(tensor: Tensor<D>, shape: [usize; E]) -> Tensor<E> {
    if tensor.dims()[..] == shape[..] {
        return Tensor::from_dispatch(tensor.into_dispatch());
    }
    tensor.reshape(shape)
}

/// What is kept, or is computed now and kept.
///
/// Not by `get_or_init`: the computation is parallel, a thread that waits for it may be given other work, and that work may
/// ask for the same value. To compute it twice does no harm.
pub(crate) fn once<const D: usize>(kept: &OnceLock<Tensor<D>>, compute: impl FnOnce() -> Tensor<D>) -> Tensor<D> {
    if let Some(tensor) = kept.get() {
        return tensor.clone();
    }
    let tensor = compute();
    // Another thread may have been first, with the same numbers.
    let _ = kept.set(tensor.clone());
    tensor
}

/// Host numbers as a tensor of the parameter's shape, device and float type, which need not be the device's default:
/// the numbers are rounded once, from f64 to that type.
pub(crate) fn noise_like<const D: usize>(noise: Vec<f64>, parameter: &Tensor<D>) -> Tensor<D> {
    Tensor::from_data(TensorData::new(noise, parameter.shape()), (&parameter.device(), parameter.dtype()))
}
