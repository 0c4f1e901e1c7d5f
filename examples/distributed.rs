//! A VAE and a regression on the ranks of MPI. Each rank computes its part of the rows.
//!
//! ```sh
//! cargo build --release --features mpi --example distributed
//! mpirun -n 2 target/release/examples/distributed
//! ```
//!
//! Without the feature, or without `mpirun`, it is a world of one rank.

use kiln::{
    models::{GlmConfig, RegressionLoss, glm::Family},
    prelude::*,
    tensor::{World, derivative::Distributed},
};

fn main() -> anyhow::Result<()> {
    #[cfg(feature = "mpi")]
    let mpi = kiln::mpi::Mpi::start()?;
    #[cfg(feature = "mpi")]
    let world = mpi.world();
    #[cfg(not(feature = "mpi"))]
    let world = World::alone();

    let loss = train(&world)?;
    let coefficients = fit(&world)?;
    let (effect, error) = counts(&world)?;
    // Rank 0 prints for all.
    if world.is_root() {
        let seconds = world.traffic().seconds;
        println!("{} ranks, {seconds:.2} s of communication", world.size());
        println!("VAE: {loss:.2} nats; regression: the largest coefficient is {coefficients:.3}");
        println!("counts: each unit multiplies the mean by {:.3} (standard error {error:.4})", effect.exp());
    }
    Ok(())
}

/// Minibatches: every rank has all data, and computes its part of each minibatch.
fn train(world: &World) -> anyhow::Result<f64> {
    let digits = kiln::data::digits();
    let model = VaeConfig::new(64).hidden_dim(32).latent_dim(2).init(0, &device::auto()?.autodiff())?;
    let config = TrainConfig { epochs: 2, ..TrainConfig::default() };
    let trainer = Trainer::new(config, AdamConfig::new().build()?).distributed(world.clone());
    Ok(trainer.fit(model, &Elbo::new(), &digits, None)?.train.loss)
}

/// All rows: every rank has its own rows, and the solver sees the mean over all of them.
fn fit(world: &World) -> anyhow::Result<f64> {
    let (images, labels) = rows(world)?;
    let rows = labels.len();
    let loss = RegressionLoss::new(images, &labels, 10)?.l2(1e-3)?;
    let start = loss.start();
    let all = Distributed::mean(&loss, rows, world)?;
    let stop = Stop { gtol: 1e-3, ..Stop::default() };
    let outcome = minimize(&all, start, &lbfgs(), &stop)?;
    Ok(outcome.x.abs().max().into_scalar::<f64>())
}

/// A generalised linear model, with the standard errors of all rows: every rank has its own rows.
fn counts(world: &World) -> anyhow::Result<(f64, f64)> {
    let rows = world.share_of(10_000);
    let doses: Vec<f64> = rows.clone().map(|row| (row % 10) as f64 / 5.0).collect();
    let counts: Vec<f64> = rows.map(|row| (row * 7 % 5 + row % 10 / 3) as f64).collect();
    let fit = GlmConfig::new(Family::Poisson, 1).distributed(world.clone()).fit(&doses, &counts)?;
    Ok((fit.coefficients()[0], fit.inference()?.estimates[0].standard_error))
}

/// The digits of this rank.
fn rows(world: &World) -> anyhow::Result<(Tensor<2>, Vec<usize>)> {
    let data = Labelled::new(kiln::data::digits())?;
    let own: Vec<usize> = world.share_of(data.len()).collect();
    let Supervised { inputs, targets } = data.batch(&own, &device::auto()?);
    let labels = targets.try_into_vec_as::<i64>().expect("classes are integers");
    Ok((inputs, labels.into_iter().map(|class| class as usize).collect()))
}
