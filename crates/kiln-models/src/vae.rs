//! The variational autoencoder.

mod config;
mod discretized_logistic;
mod error;
mod hidden;
mod images;
mod latent;
mod pixels;
mod prior;
mod running_scale;

use std::borrow::Cow;

use burn::{
    module::{Module, Param},
    nn::Linear,
    tensor::Tensor,
};
use kiln_dist::{Bernoulli, DistError, Distribution, LatentVariableModel, Moments, Normal, Reparameterized};
use kiln_tensor::{
    Stream,
    fused::{Activation, dense},
};

pub use self::{
    config::{HiddenActivation, VaeConfig},
    discretized_logistic::DiscretizedLogistic,
    error::VaeConfigError,
    latent::LatentPosterior,
    pixels::{GreyLevels, Likelihood, PixelDistribution},
    prior::Prior,
};
use self::{
    hidden::After,
    images::{ImageDecoder, ImageEncoder},
    latent::{StochasticLayer, normal, split, through},
    prior::{FlowPrior, VampPrior, log_standard, vamp},
    running_scale::RunningScale,
};

/// A variational autoencoder: p(x, z) = N(z; 0, I)·p(x | z) with q(z | x) = N(μ(x), diag σ²(x)), or with another [prior](Prior). Built by
/// [`VaeConfig::init`].
///
/// The encoder maps x through optional convolutions and hidden layers to μ and ln σ². The decoder maps z through the mirrored layers
/// to the logits or the means of x. Images x have shape `[n, data_dim]`, latent vectors z `[n, latent_dim]`.
///
/// With [several stochastic layers](VaeConfig::latent_dims) z holds them side by side, the layer next to x first. Then
/// p(z) = N(z_L; 0, I)·Π p(z_l | z_{l+1}) and q(z | x) = q(z₁ | x)·Π q(z_{l+1} | z_l), all normal.
///
/// With a [condition](VaeConfig::condition_dim) c, such as a class, it is a model of x given c: p(x | z, c) and q(z | x, c), in which c is a
/// further input of the first dense layers. See [`conditioned`](Self::conditioned).
///
/// Parameters: `encoder.0.*` …, `latent_loc.*`, `latent_log_variance.*`, `decoder.0.*` …; `log_scale` `[1]` or `[channels]` with a
/// Gaussian or logistic likelihood, or `running_scale.log_scale` if it has a [closed form](VaeConfig::optimal_scale); `image_encoder.*` and `image_decoder.*` with convolutions; `above.*` with several stochastic layers;
/// `encoder_after.*` and `decoder_after.*` with normalisation or residual blocks; `vamp.*` and `flow.*` with these priors.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::VaeConfig;
/// use kiln_tensor::Stream;
///
/// let device = Device::default();
/// let model = VaeConfig::new(64).hidden_dim(32).latent_dim(2).init(0, &device)?;
/// assert_eq!(model.reconstruct(Tensor::zeros([5, 64], &device)).dims(), [5, 64]);
/// assert_eq!(model.sample_means(3, &mut Stream::new(0, "samples", 0, 0)).dims(), [3, 64]);
/// # Ok::<(), kiln_models::VaeConfigError>(())
/// ```
///
/// # References
/// Kingma and Welling (2014); Rezende, Mohamed and Wierstra (2014); Burda, Grosse and Salakhutdinov (2015) for two layers; Sohn, Lee and
/// Yan (2015) for conditions.
#[derive(Module, Debug)]
pub struct Vae {
    image_encoder: Option<ImageEncoder>,
    encoder: Vec<Linear>,
    latent_loc: Linear,
    latent_log_variance: Linear,
    above: Vec<StochasticLayer>,
    decoder: Vec<Linear>,
    image_decoder: Option<ImageDecoder>,
    encoder_after: Vec<After<Linear>>,
    decoder_after: Vec<After<Linear>>,
    #[module(skip)]
    activation: Activation,
    log_scale: Option<Param<Tensor<1>>>,
    running_scale: Option<RunningScale>,
    /// Number of levels of a categorical likelihood, or with a scale of a logistic one.
    levels: Option<usize>,
    vamp: Option<VampPrior>,
    flow: Option<FlowPrior>,
    condition_dim: usize,
    /// What the rows of x and z are conditioned on, `[n, condition_dim]`.
    condition: Option<Tensor<2>>,
}

impl Vae {
    /// Returns the number of dimensions of z, over all stochastic layers.
    pub fn latent_dim(&self) -> usize {
        self.latent_dims().iter().sum()
    }

    /// Returns the number of dimensions of each stochastic layer, the layer next to x first.
    pub fn latent_dims(&self) -> Vec<usize> {
        let first = self.latent_loc.weight.dims()[1];
        std::iter::once(first).chain(self.above.iter().map(StochasticLayer::dims)).collect()
    }

    /// Returns the number of pixels of x.
    pub fn data_dim(&self) -> usize {
        let first = self.encoder.first().unwrap_or(&self.latent_loc);
        let of_dense = || first.weight.dims()[0] - self.condition_dim;
        self.image_encoder.as_ref().map_or_else(of_dense, ImageEncoder::pixels)
    }

    /// Returns the number of columns of a condition: 0 for a model without one.
    pub fn condition_dim(&self) -> usize {
        self.condition_dim
    }

    /// Returns the model of images given `condition` `[n, condition_dim]`: p(x, z | c) = p(z)·p(x | z, c) and q(z | x, c).
    ///
    /// Row i belongs to image i. If z has k·n rows, they are k copies of the n rows, one after the other. One row is for all images.
    ///
    /// # Panics
    /// If the condition has another number of columns. The model that it returns panics on rows whose number is not a multiple of n.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_models::VaeConfig;
    /// use kiln_tensor::Stream;
    ///
    /// let device = Device::default();
    /// let model = VaeConfig::new(64).condition_dim(3).init(0, &device)?;
    /// // Ten images of the second of three classes.
    /// let class = Tensor::from_data([[0.0, 1.0, 0.0]], &device);
    /// let images = model.conditioned(class).sample_means(10, &mut Stream::new(0, "samples", 0, 0));
    /// assert_eq!(images.dims(), [10, 64]);
    /// # Ok::<(), kiln_models::VaeConfigError>(())
    /// ```
    pub fn conditioned(&self, condition: Tensor<2>) -> Self {
        let (got, expected) = (condition.dims()[1], self.condition_dim);
        assert_eq!(got, expected, "the model is conditioned on {expected} columns but there are {got}");
        Self { condition: Some(condition), ..self.clone() }
    }

    /// Appends the condition to rows of x or z.
    fn with_condition(&self, rows: Tensor<2>) -> Tensor<2> {
        if self.condition_dim == 0 {
            return rows;
        }
        let condition = self.condition.clone().expect("a conditional model is used through `conditioned` or `given`");
        let copies = rows.dims()[0] / condition.dims()[0].max(1);
        let condition = if copies > 1 { condition.repeat_dim(0, copies) } else { condition };
        Tensor::cat(vec![rows, condition], 1)
    }

    /// Draws `n` latent vectors from the prior, `[n, latent_dim]`.
    pub fn sample_prior(&self, n: usize, stream: &mut Stream) -> Tensor<2> {
        let device = self.latent_loc.weight.val().device();
        let dims = self.latent_dims();
        if let Some(components) = self.components() {
            return vamp::sample(&components, n, stream);
        }
        if let Some(flow) = &self.flow {
            return flow.transformed(stream.normal([n, dims[0]], &device));
        }
        let mut layers = vec![stream.normal([n, dims[dims.len() - 1]], &device)];
        for layer in self.above.iter().rev() {
            let below = layer.prior_below(layers[layers.len() - 1].clone()).sample(stream);
            layers.push(below);
        }
        layers.reverse();
        Tensor::cat(layers, 1)
    }

    /// Returns the means of p(x | z) for `n` draws z from the prior, `[n, data_dim]`.
    pub fn sample_means(&self, n: usize, stream: &mut Stream) -> Tensor<2> {
        self.likelihood(self.sample_prior(n, stream)).mean()
    }

    /// Returns the mean of p(x | z) at the encoding z of x, `[n, data_dim]`.
    pub fn reconstruct(&self, x: Tensor<2>) -> Tensor<2> {
        self.likelihood(self.encode(x)).mean()
    }

    /// Returns the learned images of a VampPrior, `[K, data_dim]`, with pixels in (0, 1), or `None` with another prior.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::Device;
    /// use kiln_models::{Prior, VaeConfig};
    ///
    /// let vae = VaeConfig::new(64).prior(Prior::Vamp(50)).init(0, &Device::default())?;
    /// assert_eq!(vae.pseudo_inputs().unwrap().dims(), [50, 64]);
    /// # Ok::<(), kiln_models::VaeConfigError>(())
    /// ```
    pub fn pseudo_inputs(&self) -> Option<Tensor<2>> {
        self.vamp.as_ref().map(VampPrior::images)
    }

    /// Returns the model with the prior of `other`.
    ///
    /// # Panics
    /// If the models have other latent dimensions, or `other` has a [`Prior::Vamp`] of images of another size.
    ///
    /// # Example
    ///
    /// Two stages (Dai and Wipf, *Diagnosing and Enhancing VAE Models*, 2019, fit a second VAE): the model is trained with N(0, I) first,
    /// and then a prior is fitted to the codes of the images.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use kiln_models::{Prior, VaeConfig};
    ///
    /// let config = VaeConfig::new(64).latent_dim(4);
    /// let trained = config.init(0, &Device::default())?;
    /// // … and after its training:
    /// let flow = config.prior(Prior::Flow(4)).init(1, &Device::default())?;
    /// let second = trained.with_prior_of(&flow).fixed_but_prior();
    /// # Ok::<(), kiln_models::VaeConfigError>(())
    /// ```
    pub fn with_prior_of(&self, other: &Self) -> Self {
        assert_eq!(self.latent_dims(), other.latent_dims(), "the latent dimensions of both models");
        assert!(
            other.vamp.is_none() || self.data_dim() == other.data_dim(),
            "the images of both models differ in size"
        );
        Self { vamp: other.vamp.clone(), flow: other.flow.clone(), ..self.clone() }
    }

    /// Returns the model with all parameters fixed but those of a [learned prior](Prior): training changes the prior alone.
    pub fn fixed_but_prior(self) -> Self {
        let (vamp, flow) = (self.vamp.clone(), self.flow.clone());
        let fixed = self.no_grad();
        Self { vamp, flow, running_scale: fixed.running_scale.map(RunningScale::fixed), ..fixed }
    }

    /// Returns the posteriors of the learned images of a VampPrior.
    fn components(&self) -> Option<Normal<2>> {
        Some(self.posterior(self.pseudo_inputs()?).first().clone())
    }

    /// Returns whether p(z) is N(0, I) in one stochastic layer, to which the KL has a closed form.
    fn is_standard(&self) -> bool {
        self.above.is_empty() && self.vamp.is_none() && self.flow.is_none()
    }

    /// Returns the outputs of the decoder, `[n, data_dim · outputs]`.
    fn decode(&self, z: Tensor<2>) -> Tensor<2> {
        let ([_, got], expected) = (z.dims(), self.latent_dim());
        assert_eq!(got, expected, "the model has {expected} latent dimensions but z has {got} columns");
        let z = self.with_condition(self.split(z).swap_remove(0));
        let hidden = |layers, z| through(layers, &self.decoder_after, z, self.activation);
        match &self.image_decoder {
            None => {
                let (last, before) = self.decoder.split_last().expect("`VaeConfig::init` makes at least two layers");
                dense(last, hidden(before, z), Activation::Identity)
            }
            Some(images) => images.forward(hidden(&self.decoder, z)),
        }
    }

    /// Returns p(x | z) from the outputs of the decoder, with this scale if it has one: `[1]` or `[channels]`.
    fn pixels(&self, output: Tensor<2>, log_scale: Option<Tensor<1>>) -> PixelDistribution {
        let [n, width] = output.dims();
        let Some(log_scale) = log_scale else {
            return match self.levels {
                None => PixelDistribution::Bernoulli(Bernoulli::from_logits(output)),
                Some(levels) => {
                    let logits = output.reshape([n, self.data_dim(), levels]);
                    let grey = GreyLevels::from_logits(logits).expect("`VaeConfig` has at least two levels");
                    PixelDistribution::Categorical(grey)
                }
            };
        };
        let log_scale: Tensor<2> = match log_scale.dims()[0] {
            1 => log_scale.reshape([1, 1]),
            // The channels of a pixel are next to each other.
            channels => log_scale.reshape([1, channels]).expand([width / channels, channels]).reshape([1, width]),
        };
        match self.levels {
            Some(levels) => PixelDistribution::Logistic(
                DiscretizedLogistic::new(output, log_scale, levels).expect("the shapes and levels are checked"),
            ),
            None => PixelDistribution::Gaussian(
                Normal::from_log_scale(output, log_scale.expand([n, width])).expect("the shapes are equal"),
            ),
        }
    }

    /// Splits z into its stochastic layers.
    fn split(&self, z: Tensor<2>) -> Vec<Tensor<2>> {
        if self.above.is_empty() { vec![z] } else { split(z, self.latent_dims().into_iter()) }
    }
}

impl LatentVariableModel for Vae {
    type Posterior = LatentPosterior;
    type Likelihood = PixelDistribution;

    /// Returns q(z | x) for x `[n, data_dim]`.
    ///
    /// # Panics
    /// If x does not have `data_dim` columns, and if a conditional model has no [condition](Vae::conditioned).
    fn posterior(&self, x: Tensor<2>) -> LatentPosterior {
        let ([_, got], expected) = (x.dims(), self.data_dim());
        assert_eq!(got, expected, "the model takes images of {expected} values but x has {got} columns");
        let x = match &self.image_encoder {
            Some(images) => images.forward(x),
            None => x,
        };
        let hidden = through(&self.encoder, &self.encoder_after, self.with_condition(x), self.activation);
        LatentPosterior::new(normal(hidden, &self.latent_loc, &self.latent_log_variance), &self.above)
    }

    /// Returns p(x | z) for z `[n, latent_dim]`.
    ///
    /// # Panics
    /// If z does not have `latent_dim` columns.
    fn likelihood(&self, z: Tensor<2>) -> PixelDistribution {
        let learned = self.log_scale.as_ref().map(Param::val);
        let log_scale = learned.or_else(|| self.running_scale.as_ref().map(RunningScale::val));
        self.pixels(self.decode(z), log_scale)
    }

    /// Returns p(x | z), with the standard deviation that is best for `x` if it has a [closed form](VaeConfig::optimal_scale). Its running
    /// average then includes `x`.
    fn likelihood_in_training(&self, z: Tensor<2>, x: &Tensor<2>) -> PixelDistribution {
        let running = self.running_scale.as_ref().filter(|running| !running.is_fixed());
        let Some(running) = running else { return self.likelihood(z) };
        let means = self.decode(z);
        let log_scale = running.best_for(&means, x);
        self.pixels(means, Some(log_scale))
    }

    /// Returns μ(x). With several stochastic layers, each layer's mean is computed at the mean of the layer below.
    fn encode(&self, x: Tensor<2>) -> Tensor<2> {
        let mut layers = vec![self.posterior(x).first().mean()];
        for layer in &self.above {
            layers.push(layer.mean_above(layers[layers.len() - 1].clone()));
        }
        if layers.len() == 1 { layers.remove(0) } else { Tensor::cat(layers, 1) }
    }

    fn log_prior(&self, z: Tensor<2>) -> Tensor<1> {
        if let Some(components) = self.components() {
            return vamp::log_density(&components, z);
        }
        if let Some(flow) = &self.flow {
            return flow.log_density(z);
        }
        let layers = self.split(z);
        let (top, below) = layers.split_last().expect("there is at least one layer");
        let of_top = log_standard(top.clone());
        let pairs = self.above.iter().zip(below.iter().zip(&layers[1..]));
        pairs.fold(of_top, |sum, (layer, (z, above))| {
            sum + layer.prior_below(above.clone()).log_prob_per_example(z.clone())
        })
    }

    /// Returns the number of grey levels of a categorical likelihood.
    fn outputs_per_entry(&self) -> usize {
        self.levels.filter(|_| self.log_scale.is_none()).unwrap_or(1)
    }

    /// Returns `None` with several stochastic layers, and with a prior that is learned.
    fn kl_to_prior(&self, posterior: &LatentPosterior) -> Option<Tensor<1>> {
        self.is_standard().then(|| posterior.first().kl_to_standard_per_example())
    }

    /// Returns `None` with several stochastic layers, and with a prior that is learned.
    fn kl_per_dimension(&self, posterior: &LatentPosterior) -> Option<Tensor<2>> {
        self.is_standard().then(|| posterior.first().kl_to_standard())
    }

    fn sample_with_kl(
        &self,
        posterior: &LatentPosterior,
        count: usize,
        stream: &mut Stream,
    ) -> (Tensor<2>, Option<Tensor<1>>) {
        if count == 1 && self.is_standard() {
            let (z, kl) = posterior.first().rsample_with_kl_to_standard(stream);
            return (z, Some(kl));
        }
        (posterior.rsample_many(count, stream), self.kl_to_prior(posterior))
    }

    /// Splits rows `[n, data_dim + condition_dim]`, in which the condition comes last.
    fn given(&self, rows: Tensor<2>) -> (Cow<'_, Self>, Tensor<2>) {
        if self.condition_dim == 0 {
            return (Cow::Borrowed(self), rows);
        }
        let pixels = self.data_dim();
        let condition = rows.clone().narrow(1, pixels, self.condition_dim);
        (Cow::Owned(self.conditioned(condition)), rows.narrow(1, 0, pixels))
    }

    fn check_inputs(&self, rows: &Tensor<2>) -> Result<(), DistError> {
        let ([_, got], expected) = (rows.dims(), self.data_dim() + self.condition_dim);
        if got == expected { Ok(()) } else { Err(DistError::Columns { expected, got }) }
    }
}
