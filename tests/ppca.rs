//! A VAE whose optimum is known: with linear networks and a Gaussian likelihood it is probabilistic principal component analysis.

use kiln::{prelude::*, tensor::linalg::Symmetric, tensor::params::named};
use kiln_testkit::reference;

/// The mean log-likelihood of images x under N(b, W·Wᵀ + σ²·I), in nats. With the eigenvectors uᵢ of Wᵀ·W's larger twin W·Wᵀ it is a sum over
/// directions.
fn log_likelihood(images: &[Vec<f64>], weight: &[f64], bias: &[f64], variance: f64) -> f64 {
    let d = bias.len();
    let q = weight.len() / d;
    let outer = Symmetric::from_fn(d, |i, j| (0..q).map(|k| weight[k * d + i] * weight[k * d + j]).sum());
    let eigen = outer.eigen().expect("finite weights");
    let total: Vec<f64> = eigen.values.iter().map(|value| value.max(0.0) + variance).collect();
    let log_det: f64 = total.iter().map(|value| value.ln()).sum();
    let of_image = |x: &Vec<f64>| {
        let along = |i: usize| -> f64 {
            let projected: f64 = eigen.vector(i).iter().zip(x.iter().zip(bias)).map(|(u, (x, b))| u * (x - b)).sum();
            projected * projected / total[i]
        };
        -0.5 * ((0..d).map(along).sum::<f64>() + log_det + d as f64 * (2.0 * std::f64::consts::PI).ln())
    };
    images.iter().map(of_image).sum::<f64>() / images.len() as f64
}

/// Tipping and Bishop's closed form (1999) is the judge: `tests/reference/gen/make_vae_likelihoods.py`.
#[test]
fn a_linear_vae_reaches_the_likelihood_of_probabilistic_pca() -> Result<(), Box<dyn std::error::Error>> {
    let optimum = &reference("vae_likelihoods")["probabilistic_pca_of_digits"][1];
    let (best, q) = (optimum["log_likelihood"].as_f64().unwrap(), optimum["latent_dim"].as_u64().unwrap() as usize);
    let digits = kiln::data::digits();
    let device = kiln::tensor::device::auto()?.autodiff();
    let config =
        VaeConfig::new(64).hidden_dims(Vec::new()).latent_dim(q).likelihood(kiln::models::Likelihood::Gaussian);
    let model = config.data_mean(digits.mean()).data_stddev(digits.stddev()).init(0, &device)?;
    let (epochs, batch_size) = (300, 64);
    let steps = epochs * 1797u64.div_ceil(batch_size as u64);
    let schedule = Schedule::cosine(0.01, 0.0, steps)?;
    let train = TrainConfig { epochs, batch_size, schedule, log_every: 10_000, ..TrainConfig::default() };
    // With one sample this is the estimator of Roeder, Wu and Duvenaud (2017), whose noise vanishes where the encoder is exact.
    let objective = Iwae::new(1).gradient(ImportanceGradient::DoublyReparameterized);
    let outcome = Trainer::new(train, AdamConfig::new().build()?).fit(model, &objective, &digits, None)?;

    let parameters = named(&outcome.model);
    let values = |name: &str| -> Vec<f64> {
        let found = parameters.iter().find(|p| p.name == name).expect("it has this name");
        found.data.clone().try_into_vec_as().expect("floats")
    };
    let scale = values("log_scale")[0].exp();
    let images: Vec<Vec<f64>> =
        (0..digits.len()).map(|row| digits.image(row).iter().map(|byte| f64::from(*byte) / 16.0).collect()).collect();
    let found = log_likelihood(&images, &values("decoder.0.weight"), &values("decoder.0.bias"), scale * scale);
    assert!(found < best + 1e-3, "no model of the family is better than {best}: {found}");
    assert!(best - found < 1e-3 * best.abs(), "{found} nats per image, and {best} is the optimum");
    assert!((scale / optimum["stddev"].as_f64().unwrap() - 1.0).abs() < 1e-2);
    Ok(())
}
