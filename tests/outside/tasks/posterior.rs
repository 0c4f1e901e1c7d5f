//! Bayesian logistic regression of the breast cancer data on minibatches, with a mean-field guide.

use kiln::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = kiln::data::breast_cancer();
    let data = Encoder::fit_all(&table, Some("benign"), true)?.encode(&table)?;
    let log_prior = |z: Tensor<2>| z.square().sum_dim(1).squeeze_dim(1) * -0.5;
    let log_likelihood = |z: Tensor<2>, batch: Supervised| {
        let logits = z.clone().narrow(1, 0, 30).matmul(batch.inputs.transpose()) + z.narrow(1, 30, 1);
        Bernoulli::from_logits(logits).log_prob(batch.targets.float().transpose())
    };
    let elbo = MinibatchElbo::new(data.len(), log_prior, log_likelihood);
    let schedule = Schedule::constant(0.002)?;
    let config = TrainConfig { epochs: 2222, batch_size: 64, schedule, ..TrainConfig::default() };
    let trainer = Trainer::new(config, AdamConfig::new().build()?);
    let guide = trainer.fit(MeanField::new(31, &device::auto()?), &elbo, &data, None)?.model;
    println!("means {:.3?}", guide.mean().try_into_vec_as::<f64>()?);
    println!("standard deviations {:.3?}", guide.stddev().try_into_vec_as::<f64>()?);

    // Checks of this test, not of the task.
    // NumPyro finds -1.491 ± 0.497 and -1.605 ± 0.308 for two of the weights.
    let (means, sds) = (guide.mean().try_into_vec_as::<f64>()?, guide.stddev().try_into_vec_as::<f64>()?);
    assert!((means[10] + 1.49).abs() < 0.2 && (means[21] + 1.60).abs() < 0.15, "{means:?}");
    assert!((sds[10] - 0.50).abs() < 0.1 && (sds[21] - 0.31).abs() < 0.05, "{sds:?}");
    Ok(())
}
