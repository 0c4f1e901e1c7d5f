//! The likelihood of data under a model with a latent variable, by importance sampling.

use burn::tensor::Tensor;
use kiln_data::Dataset;
use kiln_dist::{Batch, LatentVariableModel, Reparameterized};
use kiln_tensor::{Stream, fused::in_pool, special::host::log_sum_exp};
use serde::Serialize;

use crate::{TrainError, objective::Iwae, place::device_of};

/// Estimates of the likelihood of held-out examples, in nats per example.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Marginal {
    /// Number of examples.
    pub examples: usize,
    /// Number of importance samples per example.
    pub samples: usize,
    /// An estimate of −ln p(x) from above: minus the bound of all samples.
    pub nll: f64,
    /// The standard error of the mean over the examples.
    pub standard_error: f64,
    /// The bounds of fewer samples, averaged over all groups of that size: k = 1 gives the ELBO.
    pub bounds: Vec<Bound>,
    /// Number of dimensions of z whose [`encode`](LatentVariableModel::encode)d value has a variance above 0.01 over the
    /// examples.
    pub active_units: usize,
    /// Number of dimensions of z.
    pub latent_dim: usize,
}

/// The bound of k importance samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// Number of samples.
    pub k: usize,
    /// The bound, in nats.
    pub bound: f64,
}

/// Number of examples whose posterior is computed at once.
const ROWS: usize = 50;
/// Number of draws that are decoded at once if the model has one number per pixel.
const DECODED: usize = 5000;

/// Estimates −ln p(x) of the first `examples` rows of `data` from `samples` (at least 1) draws of z per example.
///
/// `ks` names further bounds to report; those above `samples` are left out. `seed` fixes the draws. The data go to the
/// device of the model's parameters.
///
/// # Errors
/// [`TrainError::Empty`] if there are no examples.
///
/// # Example
///
/// ```
/// use kiln_data::Images;
/// use kiln_dist::LatentVariableModel;
/// use kiln_train::{TrainError, marginal_likelihood};
///
/// fn report<M: LatentVariableModel>(model: &M, test: &Images) -> Result<(), TrainError> {
///     let marginal = marginal_likelihood(model, test, (100, 5000), &[1, 50], 0)?;
///     println!("−ln p(x) = {:.2} ± {:.2} nats", marginal.nll, marginal.standard_error);
///     println!("ELBO = {:.2} nats", marginal.bounds[0].bound);
///     Ok(())
/// }
/// ```
///
/// # References
///
/// Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders* (2016), section 5 and appendix C.
pub fn marginal_likelihood<M, D>(
    model: &M,
    data: &D,
    (examples, samples): (usize, usize),
    ks: &[usize],
    seed: u64,
) -> Result<Marginal, TrainError>
where
    M: LatentVariableModel,
    D: Dataset,
    D::Batch: Into<Tensor<2>>,
{
    let (examples, samples) = (examples.min(data.len()), samples.max(1));
    let Drawn { log_weights, means } = log_weights(model, data, (examples, samples), seed)?;
    let bound = |k: usize| {
        let of_example = |w: &Vec<f64>| mean(w.chunks_exact(k).map(log_mean_exp));
        log_weights.iter().map(of_example).collect::<Vec<f64>>()
    };
    let nll: Vec<f64> = bound(samples).into_iter().map(|b| -b).collect();
    let average = mean(nll.iter().copied());
    #[allow(clippy::cast_precision_loss, reason = "a number of examples")]
    let n = examples as f64;
    let spread = nll.iter().map(|x| (x - average).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let latent_dim = means.first().map_or(0, Vec::len);
    let active = |dimension: usize| {
        let centre = mean(means.iter().map(|m| m[dimension]));
        mean(means.iter().map(|m| (m[dimension] - centre).powi(2))) > 0.01
    };
    Ok(Marginal {
        examples,
        samples,
        nll: average,
        standard_error: (spread / n).sqrt(),
        bounds: ks
            .iter()
            .filter(|k| (1..=samples).contains(*k))
            .map(|&k| Bound { k, bound: mean(bound(k).into_iter()) })
            .collect(),
        active_units: (0..latent_dim).filter(|&d| active(d)).count(),
        latent_dim,
    })
}

/// The bounds of one example, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ExampleBounds {
    /// The ELBO, averaged over all samples.
    pub elbo: f64,
    /// The importance-weighted bound of all samples: a lower bound on ln p(x) that is tighter.
    pub bound: f64,
}

/// Returns bounds on ln p(x) of each of the first `examples` rows of `data`, from `samples` (at least 1) draws of z per example.
///
/// Examples with low values are unusual under the model. The mean over the examples of the negative `bound` is
/// [`Marginal::nll`]. `seed` fixes the draws, and the same seed gives the same draws for all models with as many latent dimensions.
///
/// # Errors
/// [`TrainError::Empty`] if there are no examples.
///
/// # Example
///
/// ```
/// use kiln_data::Images;
/// use kiln_dist::LatentVariableModel;
/// use kiln_train::{TrainError, example_bounds};
///
/// /// Returns the image that is least likely under the model.
/// fn strangest<M: LatentVariableModel>(model: &M, images: &Images) -> Result<Option<usize>, TrainError> {
///     let bounds = example_bounds(model, images, (1000, 50), 0)?;
///     Ok((0..bounds.len()).min_by(|&a, &b| bounds[a].bound.total_cmp(&bounds[b].bound)))
/// }
/// ```
pub fn example_bounds<M, D>(
    model: &M,
    data: &D,
    (examples, samples): (usize, usize),
    seed: u64,
) -> Result<Vec<ExampleBounds>, TrainError>
where
    M: LatentVariableModel,
    D: Dataset,
    D::Batch: Into<Tensor<2>>,
{
    let drawn = log_weights(model, data, (examples.min(data.len()), samples.max(1)), seed)?;
    let bounds = |w: &Vec<f64>| ExampleBounds { elbo: mean(w.iter().copied()), bound: log_mean_exp(w) };
    Ok(drawn.log_weights.iter().map(bounds).collect())
}

/// What was drawn for each example: ln w of each sample, and the encoded mean.
struct Drawn {
    log_weights: Vec<Vec<f64>>,
    means: Vec<Vec<f64>>,
}

/// Draws `samples` of z for each of the first `examples` rows.
fn log_weights<M, D>(model: &M, data: &D, (examples, samples): (usize, usize), seed: u64) -> Result<Drawn, TrainError>
where
    M: LatentVariableModel,
    D: Dataset,
    D::Batch: Into<Tensor<2>>,
{
    if examples == 0 {
        return Err(TrainError::Empty);
    }
    let model = model.valid();
    let device = device_of(&model).unwrap_or_default().without_autodiff();
    Ok(in_pool(move || {
        let (mut log_weights, mut means) = (Vec::with_capacity(examples), Vec::new());
        for (block, first) in (0..examples).step_by(ROWS).enumerate() {
            let rows: Vec<usize> = (first..examples.min(first + ROWS)).collect();
            let n = rows.len();
            let (model, x) = model.given(data.batch(&rows, &device).into());
            let posterior = model.posterior(x.clone());
            let mean = model.encode(x.clone());
            let latent_dim = mean.dims()[1];
            means.extend(host(mean).chunks_exact(latent_dim).map(<[f64]>::to_vec));
            // One column of log-weights per example.
            let mut columns: Vec<Vec<f64>> = (0..n).map(|_| Vec::with_capacity(samples)).collect();
            let at_once = (DECODED / n / model.outputs_per_entry()).max(1);
            for (part, start) in (0..samples).step_by(at_once).enumerate() {
                let k = at_once.min(samples - start);
                let posterior = posterior.repeated(k);
                let z = posterior.rsample(&mut Stream::new(seed, "marginal", block as u64, part as u64));
                for row in host(Iwae::log_weights(&*model, &x, &posterior, z)).chunks_exact(n) {
                    columns.iter_mut().zip(row).for_each(|(column, w)| column.push(*w));
                }
            }
            log_weights.extend(columns);
        }
        Drawn { log_weights, means }
    }))
}

fn host(tensor: Tensor<2>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as().expect("floats")
}

fn mean(numbers: impl ExactSizeIterator<Item = f64>) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a length")]
    let n = numbers.len() as f64;
    numbers.sum::<f64>() / n
}

/// Returns ln (1/k) Σ e^w.
fn log_mean_exp(w: &[f64]) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a length")]
    let ln_k = (w.len() as f64).ln();
    log_sum_exp(w) - ln_k
}
