//! Objectives: what a model is trained to make small, in nats an example.

mod constrained;
mod importance;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use kiln_dist::{Batch, ConditionalModel, Distribution, FromNoise, LatentVariableModel, Reparameterized};
use kiln_tensor::Stream;

pub use self::{
    constrained::Constrained,
    importance::{ImportanceGradient, Iwae},
};

/// A loss over one minibatch, and the terms that it is made of.
#[derive(Clone, Debug)]
pub struct Loss {
    /// What is minimised, the mean over the examples, shape `[1]`.
    pub value: Tensor<1>,
    /// Terms to report beside it, by name, each the mean over the examples, shape `[1]`. No gradient is asked of them.
    pub terms: Vec<(&'static str, Tensor<1>)>,
}

/// A function of a model and a minibatch that training makes small.
pub trait Objective<M: Module, B>: Sync {
    /// The loss of `model` on `batch`; noise, where the objective needs it, comes from `stream`.
    fn loss(&self, model: &M, batch: B, stream: &mut Stream) -> Loss;

    /// What is reported for held-out data. The loss, unless part of it concerns the parameters only (a penalty).
    fn held_out(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        self.loss(model, batch, stream)
    }
}

/// Maximum likelihood: −(1/n) Σᵢ log p(yᵢ | xᵢ), with an optional penalty λ/2·‖W‖².
///
/// Minimising it minimises KL(data ‖ model) and the cross-entropy, which differ from it by constants
/// (*Deep Learning*, section 5.5). With λ > 0 it is the MAP estimate under W ~ N(0, I/(nλ)). The penalty is on every
/// parameter of rank 2 or more, that is, on weights and not on intercepts. Reports the term `nll`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MaximumLikelihood {
    l2: f64,
}

impl MaximumLikelihood {
    /// Without penalty.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the penalty λ/2·‖W‖², λ ≥ 0. Default 0.
    pub fn l2(self, lambda: f64) -> Self {
        Self { l2: lambda }
    }

    fn negative_log_likelihood<M, B>(model: &M, batch: B) -> Tensor<1>
    where
        M: ConditionalModel,
        B: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let (inputs, targets) = batch.into();
        -model.forward(inputs).log_prob_per_example(targets).mean()
    }
}

impl<M, B> Objective<M, B> for MaximumLikelihood
where
    M: ConditionalModel,
    B: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    fn loss(&self, model: &M, batch: B, _stream: &mut Stream) -> Loss {
        let nll = Self::negative_log_likelihood(model, batch);
        let value = match (self.l2 > 0.0).then(|| squared_norm_of_weights(model)).flatten() {
            Some(squared_norm) => nll.clone() + squared_norm * (self.l2 / 2.0),
            None => nll.clone(),
        };
        Loss { value, terms: vec![("nll", nll)] }
    }

    fn held_out(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        Self { l2: 0.0 }.loss(model, batch, stream)
    }
}

/// The negative evidence lower bound, −(1/n) Σᵢ [E_q log p(xᵢ | z) − β·KL(q(z | xᵢ) ‖ p(z))].
///
/// Reparameterised samples z estimate the expectation, one an example unless [`particles`](Self::particles) asks for
/// more, and the KL is in closed form (Kingma and Welling, 2014, eq. 10), or estimated by the same samples where the model has none. β = 1 is the ELBO; other values give the β-VAE
/// (Higgins et al., 2017). Reports `reconstruction` (−E log p), `kl`, and `elbo`, the bound itself at β = 1.
#[derive(Clone, Copy, Debug)]
pub struct Elbo {
    beta: f64,
    particles: usize,
}

impl Default for Elbo {
    fn default() -> Self {
        Self { beta: 1.0, particles: 1 }
    }
}

impl Elbo {
    /// The bound, with β = 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// The weight of the KL term, β ≥ 0. Default 1.
    pub fn beta(self, beta: f64) -> Self {
        Self { beta, ..self }
    }

    /// Samples z an example, at least 1. Default 1, which is enough for minibatches of 100 and more
    /// (Kingma and Welling, 2014, section 2.3); a small minibatch gains from more, since their noise dominates there.
    pub fn particles(self, particles: usize) -> Self {
        Self { particles: particles.max(1), ..self }
    }

    /// The loss from a posterior and samples of it, `[n, d_x]` and `[s·n, d_z]`.
    fn assemble<M: LatentVariableModel>(&self, model: &M, x: Tensor<2>, posterior: M::Posterior, z: Tensor<2>) -> Loss {
        let particles = z.dims()[0] / x.dims()[0].max(1);
        let x = if particles > 1 { x.repeat_dim(0, particles) } else { x };
        let kl = model.kl_to_prior(&posterior).unwrap_or_else(|| {
            let posterior = if particles > 1 { posterior.repeated(particles) } else { posterior };
            posterior.log_prob_per_example(z.clone()) - model.log_prior(z.clone())
        });
        let (kl, log_likelihood) = (kl.mean(), model.likelihood(z).log_prob_per_example(x).mean());
        // What is only reported has no place in the graph.
        let [of_likelihood, of_kl] = [&log_likelihood, &kl].map(|term| term.clone().without_autodiff());
        let terms =
            vec![("elbo", of_likelihood.clone() - of_kl.clone()), ("reconstruction", -of_likelihood), ("kl", of_kl)];
        // Multiplied by β = 1 it is itself, and an operation less.
        let kl = if self.beta.to_bits() == 1f64.to_bits() { kl } else { kl * self.beta };
        Loss { value: kl - log_likelihood, terms }
    }

    /// The loss with the posterior's noise given, one sample an example: z = μ + σ·`noise`, both `[n, d_z]`.
    pub fn loss_at_noise<M: LatentVariableModel>(&self, model: &M, x: Tensor<2>, noise: Tensor<2>) -> Loss {
        let posterior = model.posterior(x.clone());
        let z = posterior.rsample_from_noise(noise);
        self.assemble(model, x, posterior, z)
    }
}

impl<M: LatentVariableModel, B: Into<Tensor<2>>> Objective<M, B> for Elbo {
    fn loss(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        let x = batch.into();
        let posterior = model.posterior(x.clone());
        let z = posterior.rsample_many(self.particles, stream);
        self.assemble(model, x, posterior, z)
    }
}

/// Σ w² over the trainable parameters of rank ≥ 2, shape `[1]`; absent when there is none.
fn squared_norm_of_weights<M: Module>(model: &M) -> Option<Tensor<1>> {
    struct Squares(Option<Tensor<1>>);
    impl ModuleVisitor for Squares {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D < 2 {
                return;
            }
            let square = param.val().square().sum();
            self.0 = Some(match self.0.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
    let mut squares = Squares(None);
    model.visit(&mut squares);
    squares.0
}
