//! Trains your own Burn module by maximum likelihood with Nesterov's method: a classifier of digits.
//!
//! ```sh
//! cargo run --release --example own_model
//! ```
//!
//! The program should reach an accuracy of 96% on the held-out digits.

use kiln::{
    burn::{nn::Linear, tensor::activation::tanh},
    data::stratified_split,
    prelude::*,
    tensor::init,
};

/// A multilayer perceptron: tanh(x·W₁ + b₁)·W₂ + b₂ are the logits of ten classes.
#[derive(Module, Debug)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl ConditionalModel for Mlp {
    type Output = Categorical<2>;

    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        Categorical::from_logits(self.output.forward(tanh(self.hidden.forward(inputs))))
    }
}

fn main() -> anyhow::Result<()> {
    let device = "auto".parse::<DeviceChoice>()?.resolve()?.device();
    let digits = kiln::data::digits();
    let split = stratified_split(&digits.targets(), 0.2, 0)?;
    let (train, test) = (Labelled::new(digits.subset(&split.train))?, Labelled::new(digits.subset(&split.test))?);

    let mut stream = Stream::new(0, "init", 0, 0);
    let model =
        Mlp { hidden: init::linear(64, 64, &mut stream, &device), output: init::linear(64, 10, &mut stream, &device) };

    let config =
        TrainConfig { epochs: 30, batch_size: 32, schedule: Schedule::constant(0.05)?, ..TrainConfig::default() };
    let nesterov = NesterovConfig::new().with_momentum(0.9).build()?;
    let objective = MaximumLikelihood::new();
    let outcome = Trainer::new(config, nesterov).fit(model, &objective, &train, Some(&test))?;

    let rows: Vec<usize> = (0..test.len()).collect();
    let batch = test.batch(&rows, &device);
    let predicted = outcome.model.forward(batch.inputs).most_likely();
    let right: i64 = predicted.equal(batch.targets).int().sum().into_scalar();
    let nll = outcome.test.map_or(f64::NAN, |test| test.loss);
    println!("accuracy {:.3}, {nll:.3} nats per image", right as f64 / test.len() as f64);
    Ok(())
}
