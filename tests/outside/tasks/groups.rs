//! Two groups of parameters with learning rates and weight decays of their own, Nesterov's momentum, a cosine schedule.

use kiln::prelude::*;

#[derive(Module, Debug)]
struct Mlp {
    body: nn::Linear,
    head: nn::Linear,
}

impl ConditionalModel for Mlp {
    type Output = Categorical<2>;

    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        Categorical::from_logits(self.head.forward(activation::relu(self.body.forward(inputs))))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = device::auto()?;
    let digits = Labelled::new(kiln::data::digits())?;
    let mut stream = Stream::new(0, "init", 0, 0);
    let model =
        Mlp { body: init::linear(64, 64, &mut stream, &device), head: init::linear(64, 10, &mut stream, &device) };

    let sgd = TorchSgdConfig::new().with_momentum(0.9).with_nesterov(true).build()?;
    let optimizer = FirstOrder::from(sgd.clone().with_weight_decay(1e-3)?)
        .group(ParamGroup::from_predicate("head"), sgd.with_lr_scale(0.1)?);
    let schedule = Schedule::cosine(0.05, 0.0, 20 * digits.len().div_ceil(32) as u64)?;
    let config = TrainConfig { epochs: 20, batch_size: 32, schedule, ..TrainConfig::default() };
    let outcome = Trainer::new(config, optimizer).fit(model, &MaximumLikelihood::new(), &digits, None)?;
    println!("loss {:.4}", outcome.train.loss);

    // Checks of this test, not of the task.
    // PyTorch ends at 0.124.
    assert!(outcome.train.loss < 0.2, "{}", outcome.train.loss);
    Ok(())
}
