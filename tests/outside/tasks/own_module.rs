//! An own network for digits: minibatches, Nesterov's method, early stopping, test accuracy.

use kiln::prelude::*;

#[derive(Module, Debug)]
struct Mlp {
    hidden: nn::Linear,
    output: nn::Linear,
}

impl ConditionalModel for Mlp {
    type Output = Categorical<2>;

    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        Categorical::from_logits(self.output.forward(activation::relu(self.hidden.forward(inputs))))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = device::auto()?;
    let digits = kiln::data::digits();
    let split = kiln::data::stratified_split(&digits.targets(), 0.2, 0)?;
    let (train, test) = (Labelled::new(digits.subset(&split.train))?, Labelled::new(digits.subset(&split.test))?);
    let mut stream = Stream::new(0, "init", 0, 0);
    let hidden = init::linear(64, 64, &mut stream, &device);
    let model = Mlp { hidden, output: init::linear(64, 10, &mut stream, &device) };

    let early_stopping = Some(EarlyStopping { patience: 5, ..EarlyStopping::default() });
    let schedule = Schedule::constant(0.02)?;
    let config = TrainConfig { epochs: 200, batch_size: 32, schedule, early_stopping, ..TrainConfig::default() };
    let nesterov = NesterovConfig::new().with_momentum(0.9).build()?;
    let outcome = Trainer::new(config, nesterov).fit(model, &MaximumLikelihood::new(), &train, Some(&test))?;

    let rows: Vec<usize> = (0..test.len()).collect();
    let batch = test.batch(&rows, &device);
    let right = outcome.model.forward(batch.inputs).most_likely().equal(batch.targets);
    let accuracy = right.int().sum().into_scalar::<i64>() as f64 / test.len() as f64;
    println!("test accuracy {accuracy:.3} after {} epochs", outcome.epochs);

    // Checks of this test, not of the task.
    assert!(accuracy > 0.95 && outcome.epochs < 200);
    Ok(())
}
