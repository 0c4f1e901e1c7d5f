//! A VAE of digits: test ELBO, pictures of samples and of reconstructions.

use kiln::{
    data::{HoldOut, Locate, load_images},
    prelude::*,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir();
    let device = device::auto()?;
    let digits = load_images("digits", &Locate::default(), HoldOut::default(), &mut |_| {})?;
    let model = VaeConfig::new(64).hidden_dim(200).latent_dim(10).init(0, &device)?;
    let config = TrainConfig { epochs: 50, batch_size: 32, ..TrainConfig::default() };
    let trainer = Trainer::new(config, AdamConfig::new().build()?);
    let outcome = trainer.fit(model, &Elbo::new(), &digits.train, Some(&digits.test))?;
    let elbo = -outcome.test.expect("there is a test set").loss;
    println!("test ELBO {elbo:.2} nats");

    let model = outcome.model;
    let images = digits.test.batch(&[0, 1, 2, 3, 4, 5, 6, 7], &device);
    let pairs = Tensor::cat(vec![images.clone(), model.reconstruct(images)], 0);
    let samples = model.sample_means(64, &mut Stream::new(0, "samples", 0, 0));
    for (name, pixels) in [("samples.png", samples), ("reconstructions.png", pairs)] {
        std::fs::write(folder.join(name), ImageGrid::new(8, 8).to_png(&pixels.try_into_vec_as::<f64>()?)?)?;
    }

    // Checks of this test, not of the task.
    // PyTorch ends at -24.7 nats.
    assert!(elbo > -26.0);
    Ok(())
}
