//! Trains a variational autoencoder on 8×8 digits, prints the test ELBO of each epoch, and draws a sample.
//!
//! ```sh
//! cargo run --release --example vae_digits
//! ```
//!
//! The program should reach a test ELBO of −25 nats in ten epochs. A model that has learned nothing has an ELBO of −64 ln 2 = −44.4.

use std::ops::ControlFlow;

use kiln::{
    data::{HoldOut, Locate, load_images},
    prelude::*,
};

/// Prints the test ELBO after each epoch.
struct Print;

impl<M> Observer<M> for Print {
    fn on_epoch(&mut self, report: &EpochReport, _: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        if report.split == "test" {
            println!("epoch {:>2}  ELBO {:.2} nats", report.epoch, -report.metrics.loss);
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn main() -> anyhow::Result<()> {
    let device = "auto".parse::<DeviceChoice>()?.resolve()?.device();
    let digits = load_images("digits", &Locate::default(), HoldOut::default(), &mut |_| {})?;
    let model = VaeConfig::new(64).hidden_dim(400).latent_dim(10).init(0, &device.clone().autodiff())?;
    let config = TrainConfig { epochs: 10, batch_size: 8, ..TrainConfig::default() };
    let outcome = Trainer::new(config, AdamConfig::new().build()?).observe(Print).fit(
        model,
        &Elbo::new(),
        &digits.train,
        Some(&digits.test),
    )?;

    let image: Vec<f32> = outcome.model.sample_means(1, &mut Stream::new(1, "dream", 0, 0)).try_into_vec_as()?;
    for row in image.chunks(8) {
        println!("{}", row.iter().map(|p| [' ', '.', '+', '#'][(p * 3.99) as usize]).collect::<String>());
    }
    Ok(())
}
