//! The likelihood of data under a model with a latent variable, by annealed importance sampling.

mod config;
mod hamiltonian;

use burn::tensor::Tensor;
use kiln_data::Dataset;
use kiln_dist::LatentVariableModel;
use kiln_optim::ConfigError;
use kiln_tensor::{Stream, fused::in_pool, special::host::log_sum_exp};
use serde::Serialize;

pub use self::config::{AnnealedConfig, AnnealedStart};
use self::hamiltonian::{Annealing, Chains};
use crate::{TrainError, place::for_training};

/// The result of [`annealed_importance`], in nats per example.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Annealed {
    /// Number of examples.
    pub examples: usize,
    /// An estimate of −ln p(x), averaged over the examples. In expectation it is too large, not too small.
    pub nll: f64,
    /// The standard error of `nll` over the examples.
    pub standard_error: f64,
    /// The standard error of `nll` that comes from the chains alone, estimated from their spread.
    pub sampling_error: f64,
    /// The fraction of accepted proposals. About 0.65 is best.
    pub acceptance: f64,
    /// The settings of the estimate.
    pub chains: usize,
    /// Number of temperatures.
    pub temperatures: usize,
    /// The distribution that the chains started from.
    pub start: AnnealedStart,
    /// The estimate of −ln p(x) of each example.
    #[serde(skip)]
    pub of_examples: Vec<f64>,
}

/// Number of chains that run at once.
const AT_ONCE: usize = 2000;

/// Estimates −ln p(x) of the first `examples` rows of `data` by annealed importance sampling.
///
/// Chains move from a simple distribution f₀(z) to the posterior through f₀(z)^{1 − t}·p(x, z)^t with t from 0 to 1, by Hamiltonian Monte
/// Carlo. The weights of a chain are unbiased for p(x), whatever the encoder is. It costs one gradient of the decoder per chain, temperature
/// and leapfrog step; [`marginal_likelihood`](crate::marginal_likelihood) is much cheaper and less accurate where the encoder is far from the
/// posterior.
///
/// A pilot run of two chains per example finds the step sizes.
///
/// # Errors
/// [`TrainError::Empty`] if there are no examples, and [`TrainError::Config`] if a number of the settings is 0.
///
/// # Example
///
/// ```
/// use kiln_data::Images;
/// use kiln_dist::LatentVariableModel;
/// use kiln_train::{AnnealedConfig, TrainError, annealed_importance};
///
/// fn report<M: LatentVariableModel>(model: &M, test: &Images) -> Result<(), TrainError> {
///     let estimate = annealed_importance(model, test, 100, &AnnealedConfig::default())?;
///     println!("−ln p(x) = {:.2} ± {:.2} nats", estimate.nll, estimate.sampling_error);
///     Ok(())
/// }
/// ```
///
/// # References
///
/// Neal, *Annealed Importance Sampling* (2001); Wu, Burda, Salakhutdinov and Grosse, *On the Quantitative Analysis of Decoder-Based
/// Generative Models* (2017), whose schedule of temperatures and number of leapfrog steps are used.
pub fn annealed_importance<M, D>(
    model: &M,
    data: &D,
    examples: usize,
    config: &AnnealedConfig,
) -> Result<Annealed, TrainError>
where
    M: LatentVariableModel,
    D: Dataset,
    D::Batch: Into<Tensor<2>>,
{
    for (name, count) in
        [("chains", config.chains), ("temperatures", config.temperatures), ("leapfrog_steps", config.leapfrog_steps)]
    {
        if count == 0 {
            return Err(ConfigError { name, expected: "at least 1", got: 0.0 }.into());
        }
    }
    let examples = examples.min(data.len());
    let (model, device) = for_training(model.clone()).filter(|_| examples > 0).ok_or(TrainError::Empty)?;
    let model = model.no_grad();
    let temperatures = temperatures(config.temperatures);
    let at_once = (AT_ONCE / config.chains).max(1);
    let (weights, accepted) = in_pool(move || {
        let (mut weights, mut accepted) = (Vec::with_capacity(examples), 0.0);
        for (block, first) in (0..examples).step_by(at_once).enumerate() {
            let rows: Vec<usize> = (first..examples.min(first + at_once)).collect();
            let n = rows.len();
            let (given, x) = model.given(data.batch(&rows, &device).into());
            let annealing = Annealing { model: &*given, x: &x, config };
            // Step sizes that depend on the chains they are used in would bias the weights.
            let mut pilot = Chains::start(&annealing, 2, Stream::new(config.seed, "annealed pilot", block as u64, 0));
            let mut steps = vec![STEP; n];
            let mut course = Vec::with_capacity(temperatures.len());
            for pair in temperatures.windows(2) {
                course.push(steps.clone());
                let acceptance = pilot.advance(&annealing, (pair[0], pair[1]), &steps);
                for (step, accepted) in steps.iter_mut().zip(acceptance) {
                    *step = (*step * (ADAPTATION * (accepted - TARGET)).exp()).clamp(1e-4, 10.0);
                }
            }
            let stream = Stream::new(config.seed, "annealed", block as u64, 0);
            let mut chains = Chains::start(&annealing, config.chains, stream);
            for (pair, steps) in temperatures.windows(2).zip(&course) {
                accepted += chains.advance(&annealing, (pair[0], pair[1]), steps).iter().sum::<f64>();
            }
            weights.extend(chains.log_weights());
        }
        (weights, accepted)
    });
    #[allow(clippy::cast_precision_loss, reason = "counts")]
    let (n, k, moves) = (examples as f64, config.chains as f64, (examples * config.temperatures) as f64);
    let of_examples: Vec<f64> = weights.iter().map(|w| k.ln() - log_sum_exp(w)).collect();
    let nll = of_examples.iter().sum::<f64>() / n;
    let spread = of_examples.iter().map(|x| (x - nll).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // The relative variance of a mean of weights, which is the variance of its logarithm to first order.
    let relative_variance = |w: &Vec<f64>| {
        let top = w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let w: Vec<f64> = w.iter().map(|w| (w - top).exp()).collect();
        let mean = w.iter().sum::<f64>() / k;
        w.iter().map(|w| (w / mean - 1.0).powi(2)).sum::<f64>() / ((k - 1.0).max(1.0) * k)
    };
    Ok(Annealed {
        examples,
        nll,
        standard_error: (spread / n).sqrt(),
        sampling_error: weights.iter().map(relative_variance).sum::<f64>().sqrt() / n,
        acceptance: accepted / moves,
        chains: config.chains,
        temperatures: config.temperatures,
        start: config.start,
        of_examples,
    })
}

/// The first step size of the pilot run.
const STEP: f64 = 0.1;
/// How much an acceptance of 1 more changes the logarithm of the step size.
const ADAPTATION: f64 = 0.2;
/// The best rate of acceptance of Hamiltonian Monte Carlo (Beskos et al., 2013).
const TARGET: f64 = 0.65;

/// Returns the temperatures 0 … 1: a sigmoid, with small steps at both ends (Wu et al., 2017, appendix).
fn temperatures(count: usize) -> Vec<f64> {
    let sigmoid = |t: f64| 1.0 / (1.0 + (-t).exp());
    let (low, high) = (sigmoid(-4.0), sigmoid(4.0));
    #[allow(clippy::cast_precision_loss, reason = "a number of temperatures")]
    let at = |i: usize| (sigmoid(4.0 * (2.0 * i as f64 / count as f64 - 1.0)) - low) / (high - low);
    (0..=count).map(at).collect()
}

#[cfg(test)]
mod tests {
    use burn::{
        module::{Module, Param},
        tensor::{Device, Tensor},
    };
    use kiln_dist::Normal;
    use kiln_testkit::{f64_device, tensor};

    use super::*;

    /// x = W·z + noise with z ~ N(0, I): p(x) is N(0, W·Wᵀ + s²·I).
    #[derive(Module, Debug)]
    struct Linear {
        weight: Param<Tensor<2>>,
    }

    /// The noise's standard deviation.
    const NOISE: f64 = 0.5;

    impl LatentVariableModel for Linear {
        type Posterior = Normal<2>;
        type Likelihood = Normal<2>;

        /// An encoder that is not the posterior.
        fn posterior(&self, x: Tensor<2>) -> Normal<2> {
            let loc = self.encode(x);
            Normal::new(loc.clone(), loc.full_like(0.7)).unwrap()
        }

        fn likelihood(&self, z: Tensor<2>) -> Normal<2> {
            let loc = z.matmul(self.weight.val());
            Normal::new(loc.clone(), loc.full_like(NOISE)).unwrap()
        }

        fn encode(&self, x: Tensor<2>) -> Tensor<2> {
            x.narrow(1, 0, 2) * 0.5
        }
    }

    struct Rows(Vec<[f64; 3]>);

    impl Dataset for Rows {
        type Batch = Tensor<2>;

        fn len(&self) -> usize {
            self.0.len()
        }

        fn batch(&self, rows: &[usize], device: &Device) -> Tensor<2> {
            let values: Vec<f64> = rows.iter().flat_map(|row| self.0[*row]).collect();
            tensor(&values, [rows.len(), 3], device)
        }
    }

    /// −ln p(x) of x `[3]` under N(0, W·Wᵀ + s²·I).
    fn exact(x: &[f64], w: [[f64; 3]; 2]) -> f64 {
        let c = |i: usize, j: usize| w[0][i] * w[0][j] + w[1][i] * w[1][j] + if i == j { NOISE * NOISE } else { 0.0 };
        let minor = |i: usize, j: usize| {
            let (r, s) = ((i + 1) % 3, (i + 2) % 3);
            let (t, u) = ((j + 1) % 3, (j + 2) % 3);
            c(r, t) * c(s, u) - c(r, u) * c(s, t)
        };
        let det: f64 = (0..3).map(|j| c(0, j) * minor(0, j)).sum();
        let pairs = (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
        let quadratic: f64 = pairs.map(|(i, j)| x[i] * minor(i, j) / det * x[j]).sum();
        0.5 * (quadratic + det.ln() + 3.0 * (2.0 * std::f64::consts::PI).ln())
    }

    #[test]
    fn the_evidence_of_a_linear_model_is_found_from_either_start() {
        let w = [[1.0, -0.5, 2.0], [0.3, 1.5, 0.0]];
        let device = f64_device();
        let model = Linear { weight: Param::from_tensor(tensor(w.as_flattened(), [2, 3], &device)) };
        let x = [[0.3, -1.0, 2.0], [-2.0, 0.5, 1.0], [1.0, 1.0, 1.0], [4.0, 0.0, -1.0]];
        let expected = x.iter().map(|x| exact(x, w)).sum::<f64>() / 4.0;
        let data = Rows(x.to_vec());
        for start in [AnnealedStart::Encoder, AnnealedStart::Prior] {
            let config = AnnealedConfig { chains: 32, temperatures: 60, start, ..AnnealedConfig::default() };
            let found = annealed_importance(&model, &data, 4, &config).unwrap();
            assert!((found.nll - expected).abs() < 3.0 * found.sampling_error, "{found:?} {expected}");
            assert!(found.sampling_error < 0.1 && (0.4..0.95).contains(&found.acceptance), "{found:?}");
        }
    }

    #[test]
    fn temperatures_go_from_0_to_1() {
        let all = temperatures(10);
        assert_eq!((all.len(), all[0], all[10]), (11, 0.0, 1.0));
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]) && (all[5] - 0.5).abs() < 1e-12);
    }
}
