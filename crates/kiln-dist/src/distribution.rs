//! What distributions can do. What has no closed form is not implemented, and does not compile.

use std::sync::OnceLock;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::Stream;

/// A batch of distributions with parameters of rank `D`.
pub trait Distribution<const D: usize>: Clone {
    /// What is drawn: `Tensor<D>` for real values and counts, `Tensor<D, Int>` for classes.
    type Value;

    /// ln p(value), elementwise, in nats; −∞ outside the support.
    fn log_prob(&self, value: Self::Value) -> Tensor<D>;

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

/// The first two moments, not a number or infinite where the distribution has none.
pub trait Moments<const D: usize>: Distribution<D> {
    /// E x.
    fn mean(&self) -> Tensor<D>;

    /// E (x − E x)².
    fn variance(&self) -> Tensor<D>;

    /// √variance.
    fn stddev(&self) -> Tensor<D> {
        self.variance().sqrt()
    }
}

/// The entropy.
pub trait Entropy<const D: usize>: Distribution<D> {
    /// −E ln p, in nats.
    fn entropy(&self) -> Tensor<D>;
}

/// The distribution function.
pub trait Cdf<const D: usize>: Distribution<D, Value = Tensor<D>> {
    /// P(X ≤ value), elementwise.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D>;
}

/// The inverse of the distribution function.
pub trait Quantile<const D: usize>: Cdf<D> {
    /// The x with P(X ≤ x) = p, for p in (0, 1).
    fn icdf(&self, p: Tensor<D>) -> Tensor<D>;
}

/// A distribution through whose draws gradients flow to the parameters: by a differentiable function of noise (Kingma and Welling, 2014,
/// section 2.4), or by the implicit derivative of its distribution function (Figurnov, Mohamed and Mnih, 2018).
pub trait Reparameterized<const D: usize>: Distribution<D, Value = Tensor<D>> {
    /// A draw through which gradients flow to the parameters.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D>;

    /// `count` ≥ 1 independent draws, one after the other along the first axis: `[n, ..]` gives `[count·n, ..]`.
    fn rsample_many(&self, count: usize, stream: &mut Stream) -> Tensor<D> {
        Tensor::cat((0..count.max(1)).map(|_| self.rsample(stream)).collect(), 0)
    }
}

/// A distribution whose draws are a function of noise that does not depend on the parameters.
pub trait FromNoise<const D: usize>: Reparameterized<D> {
    /// The draw that belongs to `noise`, which is standard noise of the parameters' shape: a draw with location 0 and scale or rate 1.
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D>;
}

/// Copies of a batch of distributions.
pub trait Batch {
    /// The same numbers, at which gradients stop.
    #[must_use]
    fn detached(&self) -> Self;

    /// `count` ≥ 1 copies, one after the other along the first axis: `[n, ..]` gives `[count·n, ..]`.
    #[must_use]
    fn repeated(&self, count: usize) -> Self;
}

/// Kullback–Leibler divergences in closed form.
#[diagnostic::on_unimplemented(
    message = "there is no closed form of KL({Self} ‖ {Q})",
    label = "no closed form for this pair",
    note = "`kl_monte_carlo` estimates it by draws, and says its standard error"
)]
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

/// A number in (0, 1) from one in [0, 1).
pub(crate) fn open(uniform: f64) -> f64 {
    // Half of the distance of two neighbours.
    uniform + f64::EPSILON / 4.0
}

/// Standard noise from numbers in (0, 1) through a quantile function, as a tensor like `parameter`.
pub(crate) fn by_inversion<const D: usize>(
    stream: &mut Stream,
    parameter: &Tensor<D>,
    quantile: impl Fn(f64) -> f64,
) -> Tensor<D> {
    let uniform = stream.uniform_vec(parameter.shape().num_elements());
    noise_like(uniform.into_iter().map(|u| quantile(open(u))).collect(), parameter)
}

/// The parameter's numbers, on the host.
pub(crate) fn host<const D: usize>(parameter: &Tensor<D>) -> Vec<f64> {
    parameter.clone().without_autodiff().into_data().try_into_vec_as().expect("floats")
}

/// The estimate of an expectation, and how far it is likely to be off.
#[derive(Clone, Debug)]
pub struct Estimate<const D: usize> {
    /// The mean of the draws.
    pub mean: Tensor<D>,
    /// The mean's standard deviation, as the draws show it.
    pub standard_error: Tensor<D>,
}

/// KL(p ‖ q) for any two distributions of one kind of value: the mean of ln p(x) − ln q(x) over `draws` ≥ 2 draws from p.
pub fn kl_monte_carlo<const D: usize, P, Q>(p: &P, q: &Q, draws: usize, stream: &mut Stream) -> Estimate<D>
where
    P: Distribution<D>,
    P::Value: Clone,
    Q: Distribution<D, Value = P::Value>,
{
    let draws = draws.max(2);
    let difference = |x: P::Value| (p.log_prob(x.clone()) - q.log_prob(x)).without_autodiff();
    let mut mean = difference(p.sample(stream));
    let mut squares = mean.zeros_like();
    for n in 2..=draws {
        // Welford's recurrence.
        let next = difference(p.sample(stream));
        let before = next.clone() - mean.clone();
        #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
        let n = n as f64;
        mean = mean + before.clone() * n.recip();
        squares = squares + before * (next - mean.clone());
    }
    #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
    let n = draws as f64;
    Estimate { mean, standard_error: (squares * (n * (n - 1.0)).recip()).sqrt() }
}
