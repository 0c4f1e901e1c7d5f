//! What an objective asks of a model: a forward pass that gives a distribution.

use burn::{module::Module, tensor::Tensor};

use crate::{Batch, Distribution, FromNoise, continuous::LN_SQRT_2PI, sum_per_example};

/// A model of p(y | x).
///
/// ```
/// use burn::{module::Module, nn::Linear, tensor::Tensor};
/// use kiln_dist::{ConditionalModel, Normal};
///
/// /// Linear regression with unit variance.
/// #[derive(Module, Debug)]
/// struct Regression {
///     linear: Linear,
/// }
///
/// impl ConditionalModel for Regression {
///     type Output = Normal<2>;
///
///     fn forward(&self, inputs: Tensor<2>) -> Normal<2> {
///         let mean = self.linear.forward(inputs);
///         Normal::new(mean.clone(), mean.ones_like()).expect("equal shapes")
///     }
/// }
/// ```
pub trait ConditionalModel: Module {
    /// The family of p(y | x), its first axis over the examples.
    type Output: Distribution<2>;

    /// p(y | x) for inputs `[n, d]`.
    fn forward(&self, inputs: Tensor<2>) -> Self::Output;
}

/// A model p(x, z) = p(z)·p(x | z) of data x with a latent z, and a posterior q(z | x) that is computed from x.
///
/// ```
/// use burn::{module::Module, nn::Linear, tensor::Tensor};
/// use kiln_dist::{Bernoulli, LatentVariableModel, Normal};
///
/// #[derive(Module, Debug)]
/// struct Tiny {
///     loc: Linear,
///     log_variance: Linear,
///     decoder: Linear,
/// }
///
/// impl LatentVariableModel for Tiny {
///     type Posterior = Normal<2>;
///     type Likelihood = Bernoulli<2>;
///
///     fn posterior(&self, x: Tensor<2>) -> Normal<2> {
///         Normal::from_log_variance(self.loc.forward(x.clone()), self.log_variance.forward(x)).expect("equal shapes")
///     }
///
///     fn likelihood(&self, z: Tensor<2>) -> Bernoulli<2> {
///         Bernoulli::from_logits(self.decoder.forward(z))
///     }
///
///     fn encode(&self, x: Tensor<2>) -> Tensor<2> {
///         self.loc.forward(x)
///     }
///
///     fn kl_to_prior(&self, posterior: &Normal<2>) -> Option<Tensor<1>> {
///         Some(posterior.kl_to_standard_per_example())
///     }
/// }
/// ```
pub trait LatentVariableModel: Module {
    /// The family of q(z | x).
    type Posterior: FromNoise<2> + Batch;
    /// The family of p(x | z).
    type Likelihood: Distribution<2, Value = Tensor<2>>;

    /// q(z | x) for x `[n, d_x]`, over `[n, d_z]`.
    fn posterior(&self, x: Tensor<2>) -> Self::Posterior;

    /// p(x | z) for z `[n, d_z]`, over `[n, d_x]`.
    fn likelihood(&self, z: Tensor<2>) -> Self::Likelihood;

    /// The z that stands for x, `[n, d_z]`: the posterior's mean, or what comes next to it.
    fn encode(&self, x: Tensor<2>) -> Tensor<2>;

    /// ln p(z) of each row, `[n]`, in nats: that of N(0, I) unless the model says otherwise.
    fn log_prior(&self, z: Tensor<2>) -> Tensor<1> {
        sum_per_example(z.square() * -0.5 - LN_SQRT_2PI)
    }

    /// Numbers that p(x | z) has for each entry of x, 1 unless the model says otherwise: what works in blocks takes blocks so much smaller.
    fn outputs_per_entry(&self) -> usize {
        1
    }

    /// KL(q(z | x) ‖ p(z)) in closed form, of each example, `[n]`, in nats; None, the default, where there is none.
    fn kl_to_prior(&self, _posterior: &Self::Posterior) -> Option<Tensor<1>> {
        None
    }
}
