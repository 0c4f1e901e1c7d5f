//! A variational autoencoder on 8×8 digits, in Rust: the ELBO of every epoch, and a look at what it dreams.
//!
//! cargo run --release --example vae_digits
//!
//! This should reach a test ELBO of −25 nats in ten epochs; knowing nothing costs 64 ln 2 = 44.4.

use kiln::{
    data::{HoldOut, Locate, load_images},
    prelude::*,
    train::{EpochReport, Observer, TrainError},
};

/// Prints the test ELBO of each epoch.
struct Print;

impl Observer for Print {
    fn on_epoch(&mut self, report: &EpochReport) -> Result<(), TrainError> {
        if report.split == "test" {
            println!("epoch {:>2}  ELBO {:.2} nats", report.epoch, -report.metrics.loss);
        }
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let device = "auto".parse::<DeviceChoice>()?.resolve()?.device();
    let digits = load_images("digits", &Locate::default(), HoldOut::default(), &mut |_| {})?;
    let model = VaeConfig::new(64).hidden_dim(400).latent_dim(10).init(0, &device.clone().autodiff())?;
    let config = TrainConfig { epochs: 10, batch_size: 8, ..TrainConfig::default() };
    let outcome = Trainer::new(config, AdamConfig::new().init()?).observe(Print).fit(
        model,
        &Elbo::new(),
        &digits.train,
        Some(&digits.test),
        &device,
    )?;

    let image: Vec<f32> = outcome.model.sample_means(1, &mut Stream::new(1, "dream", 0, 0)).try_into_vec_as()?;
    for row in image.chunks(8) {
        println!("{}", row.iter().map(|p| [' ', '.', '+', '#'][(p * 3.99) as usize]).collect::<String>());
    }
    Ok(())
}
