//! The traits of distributions. A quantity without a closed form is not implemented, so its use does not compile.

use std::sync::OnceLock;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::Stream;

use crate::DistError;

/// A batch of distributions whose parameters are tensors of rank `D`.
pub trait Distribution<const D: usize>: Clone {
    /// The type of a value: `Tensor<D>` for real numbers and counts, `Tensor<D, Int>` for classes.
    type Value;

    /// Returns ln p(value), elementwise, in nats. Outside the support it is −∞.
    fn log_prob(&self, value: Self::Value) -> Tensor<D>;

    /// Draws a value without gradients, using the random numbers of `stream`.
    ///
    /// The result is a plain tensor without autodiff, even if the parameters are tracked. It acts as a constant.
    fn sample(&self, stream: &mut Stream) -> Self::Value;

    /// Returns ln p summed over all axes except the first, `[n]`, in nats.
    ///
    /// These are the log-likelihoods of the examples if their entries are independent.
    fn log_prob_per_example(&self, value: Self::Value) -> Tensor<1> {
        sum_per_example(self.log_prob(value))
    }

    /// Checks that [`log_prob`](Self::log_prob) accepts the value. May wait for the device. The default accepts all.
    ///
    /// # Errors
    /// Returns [`DistError`] with the first entry that is not accepted.
    fn check_value(&self, _value: &Self::Value) -> Result<(), DistError> {
        Ok(())
    }
}

/// Distributions with a mean and a variance. A moment that does not exist is NaN or infinite.
pub trait Moments<const D: usize>: Distribution<D> {
    /// Returns the mean E x.
    fn mean(&self) -> Tensor<D>;

    /// Returns the variance E (x − E x)².
    fn variance(&self) -> Tensor<D>;

    /// Returns the standard deviation, the square root of the variance.
    fn stddev(&self) -> Tensor<D> {
        self.variance().sqrt()
    }
}

/// Distributions with a computable entropy.
pub trait Entropy<const D: usize>: Distribution<D> {
    /// Returns the entropy −E ln p, in nats.
    fn entropy(&self) -> Tensor<D>;
}

/// Distributions with a cumulative distribution function.
pub trait Cdf<const D: usize>: Distribution<D, Value = Tensor<D>> {
    /// Returns P(X ≤ value), elementwise.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D>;
}

/// Distributions with a quantile function, the inverse of the cumulative distribution function.
pub trait Quantile<const D: usize>: Cdf<D> {
    /// Returns the x with P(X ≤ x) = p, for p in (0, 1).
    fn icdf(&self, p: Tensor<D>) -> Tensor<D>;
}

/// Distributions whose draws are differentiable in the parameters.
///
/// A draw is a differentiable function of noise (Kingma and Welling, 2014, section 2.4), or has an implicit derivative from the
/// cumulative distribution function (Figurnov, Mohamed and Mnih, 2018).
pub trait Reparameterized<const D: usize>: Distribution<D, Value = Tensor<D>> {
    /// Draws a value through which gradients flow to the parameters.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D>;

    /// Draws `count` ≥ 1 independent values, concatenated along the first axis: `[n, ..]` gives `[count·n, ..]`.
    fn rsample_many(&self, count: usize, stream: &mut Stream) -> Tensor<D> {
        Tensor::cat((0..count.max(1)).map(|_| self.rsample(stream)).collect(), 0)
    }
}

/// Distributions whose draws are a function of the parameters and of parameter-free noise.
pub trait FromNoise<const D: usize>: Reparameterized<D> {
    /// Returns the draw for `noise` of the parameters' shape, which is a draw with location 0 and scale or rate 1.
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D>;
}

/// Copies of a batch of distributions.
pub trait Batch {
    /// Returns a copy whose parameters are constants without gradients.
    #[must_use]
    fn detached(&self) -> Self;

    /// Returns `count` ≥ 1 copies, concatenated along the first axis: `[n, ..]` gives `[count·n, ..]`.
    #[must_use]
    fn repeated(&self, count: usize) -> Self;
}

/// Pairs of distributions with a Kullback–Leibler divergence in closed form.
#[diagnostic::on_unimplemented(
    message = "there is no closed form of KL({Self} ‖ {Q})",
    label = "no closed form for this pair",
    note = "`kl_monte_carlo` estimates it from draws, with a standard error"
)]
pub trait KlDivergence<const D: usize, Q> {
    /// Returns KL(self ‖ q) = E_self [ln self − ln q], elementwise, in nats.
    fn kl_divergence(&self, q: &Q) -> Tensor<D>;
}

/// Returns the Kullback–Leibler divergence KL(p ‖ q), elementwise over the batch, in nats.
///
/// # Example
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

/// Sums over all axes except the first: `[n, ..]` → `[n]`.
pub fn sum_per_example<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let n = tensor.dims()[0];
    if D == 1 {
        return tensor.reshape([n]);
    }
    let rest = tensor.shape().num_elements() / n.max(1);
    tensor.reshape([n, rest]).sum_dim(1).reshape([n])
}

/// Flattens all axes except the first: `[n, ..]` → `[n, d]`.
pub(crate) fn rows<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let shape = tensor.shape();
    let n = shape[0];
    as_rank(tensor, [n, shape.num_elements() / n.max(1)])
}

/// Reshapes. If the shape already fits, it is a no-op, also in the autodiff graph.
pub(crate) fn as_rank<const D: usize, const E: usize>(tensor: Tensor<D>, shape: [usize; E]) -> Tensor<E> {
    if tensor.dims()[..] == shape[..] {
        return Tensor::from_dispatch(tensor.into_dispatch());
    }
    tensor.reshape(shape)
}

/// Returns a cached value, computed on first use.
///
/// `get_or_init` could deadlock: the computation is parallel, and a waiting thread may run other work that asks for the same value.
/// Computing it twice does no harm.
pub(crate) fn once<const D: usize>(kept: &OnceLock<Tensor<D>>, compute: impl FnOnce() -> Tensor<D>) -> Tensor<D> {
    if let Some(tensor) = kept.get() {
        return tensor.clone();
    }
    let tensor = compute();
    // Another thread may have stored the same value first.
    let _ = kept.set(tensor.clone());
    tensor
}

/// Makes a tensor of the parameter's shape, device and float type from host numbers.
///
/// The numbers are rounded once, from f64 to that type, which need not be the device's default.
pub(crate) fn noise_like<const D: usize>(noise: Vec<f64>, parameter: &Tensor<D>) -> Tensor<D> {
    Tensor::from_data(TensorData::new(noise, parameter.shape()), (&parameter.device(), parameter.dtype()))
}

/// Draws N(0, 1) noise of the parameter's shape, device and float type.
pub(crate) fn normal_like<const D: usize>(stream: &mut Stream, parameter: &Tensor<D>) -> Tensor<D> {
    stream.normal(parameter.shape(), (&parameter.device(), parameter.dtype()))
}

/// Maps a number in [0, 1) to one in (0, 1).
pub(crate) fn open(uniform: f64) -> f64 {
    // Half the distance between adjacent numbers.
    uniform + f64::EPSILON / 4.0
}

/// Draws standard noise through a quantile function, as a tensor like `parameter`.
pub(crate) fn by_inversion<const D: usize>(
    stream: &mut Stream,
    parameter: &Tensor<D>,
    quantile: impl Fn(f64) -> f64,
) -> Tensor<D> {
    let uniform = stream.uniform_vec(parameter.shape().num_elements());
    noise_like(uniform.into_iter().map(|u| quantile(open(u))).collect(), parameter)
}

/// Reads a parameter back to the host.
pub(crate) fn host<const D: usize>(parameter: &Tensor<D>) -> Vec<f64> {
    parameter.clone().without_autodiff().into_data().try_into_vec_as().expect("a float tensor converts to f64")
}

/// A Monte Carlo estimate with its standard error. Made by [`kl_monte_carlo`].
#[derive(Clone, Debug)]
pub struct MonteCarloEstimate<const D: usize> {
    /// The estimate: the mean over the draws.
    pub mean: Tensor<D>,
    /// The standard error of the mean, estimated from the draws.
    pub standard_error: Tensor<D>,
}

/// Estimates KL(p ‖ q) in nats as the mean of ln p(x) − ln q(x) over `draws` draws x from p, at least 2.
///
/// It works for all pairs of distributions with the same type of values.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Normal, kl_monte_carlo};
/// use kiln_tensor::Stream;
///
/// let device = Device::default();
/// let p = Normal::new(Tensor::<1>::ones([1], &device), Tensor::ones([1], &device))?;
/// let kl = kl_monte_carlo(&p, &Normal::standard([1], &device), 1000, &mut Stream::new(0, "kl", 0, 0));
/// let (mean, error): (f32, f32) = (kl.mean.into_scalar(), kl.standard_error.into_scalar());
/// assert!((mean - 0.5).abs() < 4.0 * error);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
pub fn kl_monte_carlo<const D: usize, P, Q>(p: &P, q: &Q, draws: usize, stream: &mut Stream) -> MonteCarloEstimate<D>
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
        // Welford's online algorithm.
        let next = difference(p.sample(stream));
        let before = next.clone() - mean.clone();
        #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
        let n = n as f64;
        mean = mean + before.clone() * n.recip();
        squares = squares + before * (next - mean.clone());
    }
    #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
    let n = draws as f64;
    MonteCarloEstimate { mean, standard_error: (squares * (n * (n - 1.0)).recip()).sqrt() }
}
