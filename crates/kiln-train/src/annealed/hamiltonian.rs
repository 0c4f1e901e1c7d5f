//! Chains that move by Hamiltonian Monte Carlo between two distributions of z.

use burn::tensor::{Tensor, TensorData};
use kiln_dist::{Batch, Distribution, LatentVariableModel, Reparameterized};
use kiln_tensor::Stream;

use super::config::{AnnealedConfig, AnnealedStart};

/// What all chains of some examples share: the model, without gradients of its parameters, and x `[n, d_x]` on its device.
pub(super) struct Annealing<'a, M> {
    pub(super) model: &'a M,
    pub(super) x: &'a Tensor<2>,
    pub(super) config: &'a AnnealedConfig,
}

/// Several chains per example. Row c·n + i is chain c of example i.
pub(super) struct Chains<M: LatentVariableModel> {
    /// `[chains·n, d_z]`, without autodiff.
    z: Tensor<2>,
    x: Tensor<2>,
    /// Where the chains start, if that is the encoder's distribution.
    encoded: Option<M::Posterior>,
    n: usize,
    /// The logarithm of each chain's weight.
    log_weights: Vec<f64>,
    stream: Stream,
}

/// The two log-densities at z, `[m]`, and the gradient of their mixture.
struct Evaluated {
    start: Tensor<1>,
    end: Tensor<1>,
    gradient: Tensor<2>,
}

impl Evaluated {
    /// Returns (1 − t)·ln f₀ + t·ln p(x, z) of each chain.
    fn at(&self, t: f64) -> Tensor<1> {
        mixed(self.start.clone(), self.end.clone(), t)
    }
}

fn mixed(start: Tensor<1>, end: Tensor<1>, t: f64) -> Tensor<1> {
    start * (1.0 - t) + end * t
}

impl<M: LatentVariableModel> Chains<M> {
    /// Starts `count` chains per example.
    pub(super) fn start(annealing: &Annealing<'_, M>, count: usize, mut stream: Stream) -> Self {
        let (x, n) = (annealing.x.clone(), annealing.x.dims()[0]);
        let posterior = annealing.model.posterior(x.clone()).detached().repeated(count);
        let drawn = posterior.rsample(&mut stream).without_autodiff();
        let (z, encoded) = match annealing.config.start {
            AnnealedStart::Encoder => (drawn, Some(posterior)),
            AnnealedStart::Prior => (stream.normal(drawn.dims(), &drawn.device()), None),
        };
        Self { z, x: x.repeat_dim(0, count), encoded, n, log_weights: vec![0.0; count * n], stream }
    }

    fn evaluate(&self, annealing: &Annealing<'_, M>, z: &Tensor<2>, t: f64) -> Evaluated {
        let z = z.clone().autodiff().require_grad();
        let start = match &self.encoded {
            Some(encoded) => encoded.log_prob_per_example(z.clone()),
            None => standard_normal(z.clone()),
        };
        let likelihood = annealing.model.likelihood(z.clone()).log_prob_per_example(self.x.clone());
        let end = likelihood + annealing.model.log_prior(z.clone());
        let gradients = mixed(start.clone(), end.clone(), t).sum().backward();
        let gradient = z.grad(&gradients).expect("z is tracked");
        Evaluated { start: start.without_autodiff(), end: end.without_autodiff(), gradient }
    }

    /// Moves the chains from one temperature to the next: weighs them, then takes one Hamiltonian step that leaves the distribution at the
    /// second temperature as it is. `steps` has the step size of each example. Returns the mean acceptance of each example.
    pub(super) fn advance(&mut self, annealing: &Annealing<'_, M>, (from, to): (f64, f64), steps: &[f64]) -> Vec<f64> {
        let (m, n) = (self.log_weights.len(), self.n);
        let now = self.evaluate(annealing, &self.z, to);
        let gain = numbers((now.end.clone() - now.start.clone()) * (to - from));
        self.log_weights.iter_mut().zip(gain).for_each(|(weight, gain)| *weight += gain);

        let (device, dtype) = (self.z.device(), self.z.dtype());
        let of_chains: Vec<f64> = (0..m).map(|row| steps[row % n]).collect();
        let step = Tensor::<2>::from_data(TensorData::new(of_chains, [m, 1]), (&device, dtype));
        let mut momentum = self.stream.normal::<2>(self.z.dims(), &device).cast(dtype);
        let energy = now.at(to) - kinetic(&momentum);
        let mut z = self.z.clone();
        let mut proposed = now;
        for _ in 0..annealing.config.leapfrog_steps {
            momentum = momentum + step.clone() * proposed.gradient * 0.5;
            z = z + step.clone() * momentum.clone();
            proposed = self.evaluate(annealing, &z, to);
            momentum = momentum + step.clone() * proposed.gradient.clone() * 0.5;
        }
        let gain = numbers(proposed.at(to) - kinetic(&momentum) - energy);
        let mut acceptance = vec![0.0; n];
        let accept = gain.iter().enumerate().map(|(row, gain)| {
            // A proposal that is not finite is refused.
            let probability = if gain.is_nan() { 0.0 } else { gain.exp().min(1.0) };
            acceptance[row % n] += probability;
            self.stream.next_f64() < probability
        });
        let accept: Vec<bool> = accept.collect();
        let accept = Tensor::<1, burn::tensor::Bool>::from_data(TensorData::new(accept, [m]), &device);
        self.z = self.z.clone().mask_where(accept.unsqueeze_dim::<2>(1).expand(z.dims()), z);
        #[allow(clippy::cast_precision_loss, reason = "a number of chains")]
        let chains = (m / n) as f64;
        acceptance.into_iter().map(|sum| sum / chains).collect()
    }

    /// Returns the logarithms of the weights of each example's chains.
    pub(super) fn log_weights(&self) -> Vec<Vec<f64>> {
        let of_example = |i: usize| self.log_weights.iter().skip(i).step_by(self.n).copied().collect();
        (0..self.n).map(of_example).collect()
    }
}

fn standard_normal(z: Tensor<2>) -> Tensor<1> {
    let ln_2_pi = (2.0 * std::f64::consts::PI).ln();
    kiln_dist::sum_per_example((z.square() + ln_2_pi) * -0.5)
}

fn kinetic(momentum: &Tensor<2>) -> Tensor<1> {
    momentum.clone().square().sum_dim(1).squeeze_dim::<1>(1) * 0.5
}

fn numbers(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as().expect("floats")
}
