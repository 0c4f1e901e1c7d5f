//! The contracts between a model and an objective: a forward pass that returns a distribution.

use std::borrow::Cow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::Stream;

use crate::{Batch, DistError, Distribution, FromNoise, Reparameterized, continuous::LN_SQRT_2PI, sum_per_example};

/// A model of p(y | x). Its forward pass returns a distribution.
///
/// # Example
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
    /// The family of p(y | x). Its first axis counts the examples.
    type Output: Distribution<2>;

    /// Returns p(y | x) for inputs `[n, d]`.
    fn forward(&self, inputs: Tensor<2>) -> Self::Output;

    /// Checks that [`forward`](Self::forward) accepts inputs of this shape. The default accepts all.
    ///
    /// # Errors
    /// Returns [`DistError::Columns`] if the inputs have a wrong number of columns.
    fn check_inputs(&self, _inputs: &Tensor<2>) -> Result<(), DistError> {
        Ok(())
    }
}

/// A model p(x, z) = p(z)·p(x | z) of data x with a latent variable z, and an amortised posterior q(z | x).
///
/// # Example
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

    /// Returns q(z | x) for x `[n, d_x]`. Its values have shape `[n, d_z]`.
    fn posterior(&self, x: Tensor<2>) -> Self::Posterior;

    /// Returns p(x | z) for z `[n, d_z]`. Its values have shape `[n, d_x]`.
    fn likelihood(&self, z: Tensor<2>) -> Self::Likelihood;

    /// Returns p(x | z) in the loss of a training step, which evaluates it at `x`, of the same rows as z. The default is
    /// [`likelihood`](Self::likelihood). A model overrides this if a parameter of p(x | z) has its optimum in closed form; it may
    /// then update a running average of that parameter.
    fn likelihood_in_training(&self, z: Tensor<2>, _x: &Tensor<2>) -> Self::Likelihood {
        self.likelihood(z)
    }

    /// Returns a point estimate of z for x, `[n, d_z]`: the posterior's mean or an approximation of it.
    fn encode(&self, x: Tensor<2>) -> Tensor<2>;

    /// Returns ln p(z) of each row, `[n]`, in nats. The default prior is N(0, I).
    fn log_prior(&self, z: Tensor<2>) -> Tensor<1> {
        sum_per_example(z.square() * -0.5 - LN_SQRT_2PI)
    }

    /// Returns the number of values that p(x | z) holds per entry of x. The default is 1.
    ///
    /// Code that evaluates in blocks divides its block size by this number to bound its memory.
    fn outputs_per_entry(&self) -> usize {
        1
    }

    /// Returns KL(q(z | x) ‖ p(z)) of each example in closed form, `[n]`, in nats. The default is `None`: no closed form.
    fn kl_to_prior(&self, _posterior: &Self::Posterior) -> Option<Tensor<1>> {
        None
    }

    /// Returns the KL of each dimension of z in closed form, `[n, d_z]`, in nats: [`kl_to_prior`](Self::kl_to_prior) is its sum. The
    /// default is `None`. Free bits need it.
    fn kl_per_dimension(&self, _posterior: &Self::Posterior) -> Option<Tensor<2>> {
        None
    }

    /// Returns `count` [samples](Reparameterized::rsample_many) of the posterior, and [`kl_to_prior`](Self::kl_to_prior). A model
    /// overrides this if it computes both faster together.
    fn sample_with_kl(
        &self,
        posterior: &Self::Posterior,
        count: usize,
        stream: &mut Stream,
    ) -> (Tensor<2>, Option<Tensor<1>>) {
        (posterior.rsample_many(count, stream), self.kl_to_prior(posterior))
    }

    /// Splits rows of data into x and what the model is conditioned on, such as a class: returns the model given the latter, and x.
    ///
    /// All other functions are called on the model that this one returns. The default is a model without a condition: itself, and the
    /// rows as they are.
    fn given(&self, rows: Tensor<2>) -> (Cow<'_, Self>, Tensor<2>) {
        (Cow::Borrowed(self), rows)
    }

    /// Checks that [`given`](Self::given) accepts rows of this shape. The default accepts all.
    ///
    /// # Errors
    /// Returns [`DistError::Columns`] if they have a wrong number of columns.
    fn check_inputs(&self, _rows: &Tensor<2>) -> Result<(), DistError> {
        Ok(())
    }
}
