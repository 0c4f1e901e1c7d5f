//! Tasks of README.md and the guide, by a program that depends on Kiln alone.

use kiln::{
    data::{Encoder, Table},
    dist::{Gamma, Moments},
    models::RegressionLoss,
    optim::solver::lbfgs,
    prelude::*,
    train::{
        FitMle,
        vi::{Estimator, Guide, MeanField, Svi},
    },
};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn numbers(tensor: Tensor<1>) -> Result<Vec<f64>> {
    Ok(tensor.into_data().try_into_vec_as::<f64>()?)
}

/// A CSV table, encoded, fitted by a solver.
#[test]
fn fits_a_logistic_regression() -> Result {
    let text: String =
        (0..40).map(|i| format!("{},{},{}\n", i, i % 3, if i * 7 % 40 > 19 { "yes" } else { "no" })).collect();
    let table = Table::parse("data.csv", &format!("age,visits,bought\n{text}"))?;
    let rows: Vec<usize> = (0..table.len()).collect();
    let data = Encoder::fit(&table, Some("bought"), &rows, true)?.encode(&table)?;

    let device = DeviceChoice::Cpu.resolve()?.device();
    let inputs = Tensor::<1>::from_data(data.inputs(), &device).reshape([table.len(), data.features()]);
    let loss = RegressionLoss::new(inputs, data.targets(), data.classes())?.l2(0.1)?;
    let outcome = minimize(&loss, loss.start(), &lbfgs(), &Stop { gtol: 1e-4, ..Stop::default() })?;
    // Two equally frequent classes that the inputs barely tell apart: less than ln 2, which is the loss without inputs.
    assert!(outcome.success && outcome.value < 2f64.ln() + 1e-6, "{}: {}", outcome.message, outcome.value);
    assert_eq!(loss.parameters(&outcome.x).dims(), [3]);
    Ok(())
}

/// README's program.
#[test]
fn trains_a_vae_on_digits() -> Result {
    let device = DeviceChoice::Auto.resolve()?.device();
    let digits = kiln::data::digits();
    let model = VaeConfig::new(64).hidden_dim(100).latent_dim(5).init(0, &device.clone().autodiff())?;
    let nesterov = NesterovConfig::new().with_momentum(0.9).build()?;
    let config = TrainConfig { epochs: 2, schedule: Schedule::linear(0.03, 75)?, ..TrainConfig::default() };
    let outcome = Trainer::new(config, nesterov).fit(model, &Elbo::new(), &digits, None)?;
    // 64 ln 2 = 44.4 nats is the loss of a model that has learnt nothing.
    assert!(outcome.train.loss < 40.0, "{} nats per image", outcome.train.loss);
    Ok(())
}

/// The most likely gamma distribution has the mean of the data.
#[test]
fn fits_a_distribution() -> Result {
    let device = DeviceChoice::Cpu.resolve()?.device();
    let waits = Tensor::<1>::from_data([0.4, 1.3, 2.2, 0.9, 1.7, 0.2, 3.1], &device);
    let fitted = Gamma::fit_mle(waits.clone())?;
    let (mean, average) = (numbers(fitted.mean())?[0], numbers(waits.mean())?[0]);
    assert!((mean - average).abs() < 1e-4, "{mean} and {average}");
    Ok(())
}

/// A normal posterior: five observations of N(z, 1), a prior N(0, 1). The mean is Σy/6, the variance 1/6.
#[test]
fn infers_a_posterior() -> Result {
    let device = DeviceChoice::Cpu.resolve()?.device();
    let observed = [1.2, 0.7, 2.1, 1.5, 0.5];
    let model = LogJointOf::new(1, |z: Tensor<2>| {
        let y = Tensor::<2>::from_data([observed], &z.device());
        let likelihood = (y - z.clone()).square().sum_dim(1) * -0.5;
        (likelihood - z.square() * 0.5).squeeze_dim(1)
    });
    let svi = Svi { estimator: Estimator::StickingTheLanding, steps: 800, ..Svi::default() };
    let fit = svi.fit(&model, MeanField::new(1, &device))?;
    let mean = numbers(fit.guide.mean())?[0];
    assert!((mean - 1.0).abs() < 0.05, "a mean of {mean}, not 1");
    Ok(())
}

/// Logistic regression from slices, with standard errors.
#[test]
fn fits_from_slices() -> Result {
    let hours = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.25, 4.5, 4.75, 5.0, 5.5];
    let passed = [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1];
    let fit = LogisticConfig::new(1).fit(&hours, &passed)?;
    assert_eq!(fit.predict(&[1.0, 5.0])?, [0, 1]);
    assert!(fit.summary().contains("Logit"));
    Ok(())
}

/// A plain closure, minimised without tensors.
#[test]
fn minimises_a_closure() -> Result {
    let rosenbrock = |x: &[f64], g: &mut [f64]| {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        (g[0], g[1]) = (-2.0 * a - 400.0 * x[0] * b, 200.0 * b);
        a * a + 100.0 * b * b
    };
    let outcome = minimize_fn(rosenbrock, &[-1.2, 1.0], &lbfgs(), &Stop::default())?;
    assert!(outcome.success && outcome.to_vec().iter().all(|x| (x - 1.0).abs() < 1e-6));
    Ok(())
}

/// Weights to a file and back.
#[test]
fn saves_and_loads_weights() -> Result {
    let device = device::auto()?;
    let vae = |seed| VaeConfig::new(64).hidden_dim(8).latent_dim(2).init(seed, &device);
    let path = std::env::temp_dir().join(format!("outside-{}.safetensors", std::process::id()));
    weights::save(&vae(1)?, &path)?;
    let loaded = weights::load(vae(2)?, &path)?;
    assert_eq!(weights::to_bytes(&loaded)?, weights::to_bytes(&vae(1)?)?);
    std::fs::remove_file(path)?;
    Ok(())
}
