//! The evidence lower bound.

use burn::tensor::Tensor;
use kiln_dist::{Batch, DistError, Distribution, FromNoise, LatentVariableModel, Reparameterized};
use kiln_optim::Schedule;
use kiln_tensor::{
    Stream,
    fused::{Evidence, evidence},
};

use super::{Loss, Objective};

/// The negative evidence lower bound, −(1/n) Σᵢ [E_q log p(xᵢ | z) − β·KL(q(z | xᵢ) ‖ p(z))].
///
/// Reparameterised samples of z estimate the expectation: one per example by default, see [`particles`](Self::particles).
/// The KL is in closed form if the model has one, and is estimated from the same samples otherwise. β = 1 gives the ELBO,
/// other values the β-VAE. Reports the terms `reconstruction` (−E log p), `kl`, and `elbo` (the bound at β = 1).
///
/// Held-out data are measured with the final β, and without [free bits](Self::free_bits).
///
/// # Example
///
/// ```
/// use kiln_dist::LatentVariableModel;
/// use kiln_data::Images;
/// use kiln_optim::{AdamConfig, Schedule};
/// use kiln_train::{Elbo, TrainConfig, TrainOutcome, Trainer};
///
/// fn train<M: LatentVariableModel>(model: M, images: &Images) -> Result<TrainOutcome<M>, Box<dyn std::error::Error>> {
///     // β rises from 0 to 4 in the first 1000 steps.
///     let annealing = Schedule::constant(1.0)?.warm_up(1000, 0.0)?;
///     let objective = Elbo::new().beta(4.0).anneal(annealing).particles(8);
///     Ok(Trainer::new(TrainConfig::default(), AdamConfig::new().build()?).fit(model, &objective, images, None)?)
/// }
/// ```
///
/// # References
///
/// Kingma and Welling, *Auto-Encoding Variational Bayes* (2014), equation 10; Higgins et al., *β-VAE* (2017).
#[derive(Clone, Debug)]
pub struct Elbo {
    beta: f64,
    annealing: Option<Schedule>,
    free_bits: f64,
    particles: usize,
}

/// What a loss is computed for.
#[derive(Clone, Copy)]
enum Purpose {
    Training,
    Evaluation,
}

impl Default for Elbo {
    fn default() -> Self {
        Self { beta: 1.0, annealing: None, free_bits: 0.0, particles: 1 }
    }
}

impl Elbo {
    /// The ELBO: β = 1 and one sample per example.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the weight of the KL term, β ≥ 0. Default 1.
    pub fn beta(self, beta: f64) -> Self {
        Self { beta, ..self }
    }

    /// Multiplies β by a function of the step during training (Bowman et al., *Generating Sentences from a Continuous Space*, 2016).
    /// A weight that starts at 0 lets the model use z before the KL term can make it ignore z. Default: β is constant.
    ///
    /// [`Schedule::warm_up`] gives the usual linear rise, and [`Schedule::join`] repeats it (Fu et al., *Cyclical Annealing Schedule*,
    /// 2019).
    pub fn anneal(self, annealing: Schedule) -> Self {
        Self { annealing: Some(annealing), ..self }
    }

    /// Sets the information that each dimension of z may have without a cost, in nats, at least 0. Default 0.
    ///
    /// In training, a dimension whose KL is below this value counts with this value. The KL of a dimension is the mean over the minibatch.
    /// The model must have the KL of each dimension in closed form.
    ///
    /// # References
    ///
    /// Kingma et al., *Improved Variational Inference with Inverse Autoregressive Flow* (2016), equation 15.
    pub fn free_bits(self, nats: f64) -> Self {
        Self { free_bits: nats, ..self }
    }

    /// Sets the number of samples of z per example, at least 1. Default 1.
    ///
    /// One sample is enough for minibatches of 100 examples and more (Kingma and Welling, 2014, section 2.3). With small
    /// minibatches more samples help, because the noise of the samples dominates there.
    pub fn particles(self, particles: usize) -> Self {
        Self { particles: particles.max(1), ..self }
    }

    /// Returns the loss from x `[n, d_x]`, the posterior, its samples z `[s·n, d_z]`, and the KL of each example, if it has a closed form.
    fn assemble<M: LatentVariableModel>(
        (beta, purpose): (f64, Purpose),
        model: &M,
        x: Tensor<2>,
        posterior: M::Posterior,
        (z, kl): (Tensor<2>, Option<Tensor<1>>),
    ) -> Loss {
        let particles = z.dims()[0] / x.dims()[0].max(1);
        let x = if particles > 1 { x.repeat_dim(0, particles) } else { x };
        let kl = kl.unwrap_or_else(|| {
            let posterior = if particles > 1 { posterior.repeated(particles) } else { posterior };
            posterior.log_prob_per_example(z.clone()) - model.log_prior(z.clone())
        });
        let likelihood = match purpose {
            Purpose::Training => model.likelihood_in_training(z, &x),
            Purpose::Evaluation => model.likelihood(z),
        };
        let log_likelihood = likelihood.log_prob_per_example(x);
        let Evidence { loss, bound, reconstruction, divergence } = evidence(log_likelihood, kl, beta);
        Loss { value: loss, terms: vec![("elbo", bound), ("reconstruction", reconstruction), ("kl", divergence)] }
    }

    fn with_beta<M: LatentVariableModel>(
        &self,
        weight: (f64, Purpose),
        model: &M,
        rows: Tensor<2>,
        stream: &mut Stream,
    ) -> Loss {
        let (model, x) = model.given(rows);
        let model = &*model;
        let posterior = model.posterior(x.clone());
        let sample = model.sample_with_kl(&posterior, self.particles, stream);
        Self::assemble(weight, model, x, posterior, sample)
    }

    /// Returns the loss in training, with free bits.
    fn in_training<M: LatentVariableModel>(&self, beta: f64, model: &M, rows: Tensor<2>, stream: &mut Stream) -> Loss {
        if self.free_bits <= 0.0 {
            return self.with_beta((beta, Purpose::Training), model, rows, stream);
        }
        let (model, x) = model.given(rows);
        let model = &*model;
        let posterior = model.posterior(x.clone());
        let each = model.kl_per_dimension(&posterior).expect("`check` was called");
        let sample = (posterior.rsample_many(self.particles, stream), Some(each.clone().sum_dim(1).squeeze_dim(1)));
        // Each dimension counts as at least its free bits. The difference from the loss without them has a gradient only there.
        let Loss { value, terms } = Self::assemble((beta, Purpose::Training), model, x, posterior, sample);
        let lacking = each.mean_dim(0).neg().add_scalar(self.free_bits).clamp_min(0.0).sum();
        Loss { value: value + lacking * beta, terms }
    }

    /// Returns the loss with given noise, one sample per example: z = μ + σ·`noise`, with `noise` `[n, d_z]`.
    pub fn loss_at_noise<M: LatentVariableModel>(&self, model: &M, rows: Tensor<2>, noise: Tensor<2>) -> Loss {
        let (model, x) = model.given(rows);
        let model = &*model;
        let posterior = model.posterior(x.clone());
        let sample = (posterior.rsample_from_noise(noise), model.kl_to_prior(&posterior));
        Self::assemble((self.beta, Purpose::Evaluation), model, x, posterior, sample)
    }
}

impl<M: LatentVariableModel, B: Into<Tensor<2>>> Objective<M, B> for Elbo {
    fn loss(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        self.in_training(self.beta, model, batch.into(), stream)
    }

    fn loss_at_step(&self, step: u64, model: &M, batch: B, stream: &mut Stream) -> Loss {
        let weight = self.annealing.as_ref().map_or(1.0, |annealing| annealing.at(step));
        self.in_training(self.beta * weight, model, batch.into(), stream)
    }

    fn held_out(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        self.with_beta((self.beta, Purpose::Evaluation), model, batch.into(), stream)
    }

    fn can_be_captured(&self) -> bool {
        self.annealing.is_none()
    }

    /// Returns false with free bits, which look at the whole minibatch.
    fn is_mean_over_rows(&self) -> bool {
        self.free_bits <= 0.0
    }

    fn check(&self, model: &M, batch: B) -> Result<(), DistError> {
        let rows = batch.into();
        model.check_inputs(&rows)?;
        let (model, x) = model.given(rows);
        if self.free_bits > 0.0 && model.kl_per_dimension(&model.posterior(x)).is_none() {
            return Err(DistError::NoKlPerDimension);
        }
        Ok(())
    }
}
