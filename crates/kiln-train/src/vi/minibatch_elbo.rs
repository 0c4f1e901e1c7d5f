//! Stochastic variational inference: the evidence lower bound on minibatches.

use std::{fmt, marker::PhantomData};

use burn::tensor::Tensor;
use kiln_dist::DistError;
use kiln_tensor::Stream;

use super::Guide;
use crate::objective::{Loss, Objective};

/// The negative evidence lower bound (ELBO) of a posterior on minibatches, in nats per row of data.
///
/// The data are `rows` rows that are independent given z: ln p(data, z) = ln p(z) + Σᵢ ln p(rowᵢ | z). A minibatch B estimates the sum by
/// rows/|B|·Σ ln p(rowᵢ | z) over its rows, without bias. The gradient goes through the draws of z, and the entropy of the guide has a
/// closed form. A [`Trainer`](crate::Trainer) then fits any [`Guide`], with its schedules, checkpoints and observers. Reports the term
/// `nll`, the mean of −ln p(rowᵢ | z).
///
/// The loss of a whole epoch, times −`rows`, estimates the ELBO. For data that fit into one minibatch, [`Svi`](super::Svi) has more
/// gradient estimators and its own stopping rule.
///
/// # Example
///
/// The mean of a normal sample, with the prior N(0, 1):
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_data::TensorDataset;
/// use kiln_optim::{AdamConfig, Schedule};
/// use kiln_train::{TrainConfig, Trainer, vi::{Guide, MeanField, MinibatchElbo}};
///
/// let device = Device::default();
/// let y = Tensor::<2>::from_data([[1.2], [0.7], [2.1], [1.5], [0.5]], &device);
/// let data = TensorDataset::new(y.clone(), y)?;
/// let elbo = MinibatchElbo::new(
///     5,
///     |z: Tensor<2>| z.square().squeeze_dim(1) * -0.5,
///     |z: Tensor<2>, (y, _): (Tensor<2>, Tensor<2>)| (y.transpose() - z).square() * -0.5,
/// );
/// let config =
///     TrainConfig { epochs: 400, batch_size: 2, schedule: Schedule::linear(0.05, 1200)?, ..TrainConfig::default() };
/// let trainer = Trainer::new(config, AdamConfig::new().build()?);
/// let guide = trainer.fit(MeanField::new(1, &device), &elbo.particles(4), &data, None)?.model;
/// // The posterior is N(1, 1/6): the mean is Σy/6.
/// assert!((guide.mean().into_scalar::<f32>() - 1.0).abs() < 0.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Hoffman, Blei, Wang and Paisley, *Stochastic Variational Inference* (2013); Kucukelbir et al., *Automatic Differentiation
/// Variational Inference* (2017).
pub struct MinibatchElbo<B, P, L> {
    rows: usize,
    particles: usize,
    log_prior: P,
    log_likelihood: L,
    batch: PhantomData<fn(B)>,
}

impl<B, P, L> MinibatchElbo<B, P, L>
where
    P: Fn(Tensor<2>) -> Tensor<1> + Sync,
    L: Fn(Tensor<2>, B) -> Tensor<2> + Sync,
{
    /// Builds the objective for data of `rows` rows, with one draw of z per minibatch.
    ///
    /// `log_prior` maps z `[s, d]` to ln p(z) `[s]`. `log_likelihood` maps z `[s, d]` and a minibatch of b rows to ln p(rowᵢ | z) of
    /// each draw and row, `[s, b]`. Both in nats.
    pub fn new(rows: usize, log_prior: P, log_likelihood: L) -> Self {
        Self { rows, particles: 1, log_prior, log_likelihood, batch: PhantomData }
    }

    /// Sets the number of draws of z per minibatch, at least 1. Default 1.
    #[must_use]
    pub fn particles(self, particles: usize) -> Self {
        Self { particles: particles.max(1), ..self }
    }
}

impl<B, P, L> fmt::Debug for MinibatchElbo<B, P, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, particles, .. } = self;
        f.debug_struct("MinibatchElbo").field("rows", rows).field("particles", particles).finish_non_exhaustive()
    }
}

impl<G, B, P, L> Objective<G, B> for MinibatchElbo<B, P, L>
where
    G: Guide,
    P: Fn(Tensor<2>) -> Tensor<1> + Sync,
    L: Fn(Tensor<2>, B) -> Tensor<2> + Sync,
{
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    fn loss(&self, guide: &G, batch: B, stream: &mut Stream) -> Loss {
        let z = guide.rsample(self.particles, stream);
        let nll = -(self.log_likelihood)(z.clone(), batch).mean();
        let prior = (self.log_prior)(z).mean();
        let kl = -(prior + guide.entropy()) / self.rows.max(1) as f64;
        Loss { value: nll.clone() + kl, terms: vec![("nll", nll)] }
    }

    fn check(&self, guide: &G, batch: B) -> Result<(), DistError> {
        // Two draws: a closure that sums over the draws returns a fitting shape for one.
        let z = guide.valid().mean().without_autodiff().unsqueeze::<2>().repeat_dim(0, 2);
        let prior = (self.log_prior)(z.clone()).dims();
        let likelihood = (self.log_likelihood)(z.clone(), batch).dims();
        let wrong = |second, shape: &[usize]| {
            Err(DistError::Shape { first: "z", first_shape: z.dims().to_vec(), second, second_shape: shape.to_vec() })
        };
        match (prior, likelihood) {
            ([2], [2, _]) => Ok(()),
            ([2], _) => wrong("log_likelihood", &likelihood),
            _ => wrong("log_prior", &prior),
        }
    }
}
