//! A module of the user's own, trained by maximum likelihood. `use kiln::prelude::*` is all that `#[derive(Module)]` needs.

use kiln::{
    burn::{nn::Linear, tensor::activation::tanh},
    data::{Labelled, stratified_split},
    prelude::*,
    tensor::init,
};

/// A perceptron with one hidden layer.
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

#[test]
fn trains_a_classifier() -> Result<(), Box<dyn std::error::Error>> {
    let device = DeviceChoice::Auto.resolve()?.device();
    let digits = kiln::data::digits();
    let split = stratified_split(&digits.targets(), 0.2, 0)?;
    let (train, test) = (Labelled::new(digits.subset(&split.train))?, Labelled::new(digits.subset(&split.test))?);

    let mut stream = Stream::new(0, "init", 0, 0);
    let autodiff = device.clone().autodiff();
    let model = Mlp {
        hidden: init::linear(64, 64, &mut stream, &autodiff),
        output: init::linear(64, 10, &mut stream, &autodiff),
    };
    let config =
        TrainConfig { epochs: 10, batch_size: 32, schedule: Schedule::constant(0.05)?, ..TrainConfig::default() };
    let nesterov = NesterovConfig::new().with_momentum(0.9).build()?;
    let outcome = Trainer::new(config, nesterov).fit(model, &MaximumLikelihood::new(), &train, Some(&test))?;

    let nll = outcome.test.ok_or("there is a test set")?.loss;
    assert!(nll < 0.3, "{nll} nats per image");
    Ok(())
}

mod nested {
    /// The derives work in any module that imports the prelude.
    use kiln::prelude::*;

    /// A point in the plane: a module with one parameter.
    #[derive(Module, Debug)]
    pub struct Point {
        pub at: burn::module::Param<Tensor<1>>,
    }

    /// Settings that Burn writes as JSON.
    #[derive(burn::config::Config, Debug)]
    pub struct Settings {
        #[config(default = 2)]
        pub dims: usize,
    }
}

#[test]
fn minimises_a_closure() -> Result<(), Box<dyn std::error::Error>> {
    use kiln::optim::solver::bfgs;

    let device = DeviceChoice::Cpu.resolve()?.device();
    let start = Tensor::<1>::from_data([-1.2, 1.0], &device);
    let point = nested::Point { at: kiln::burn::module::Param::from_tensor(start) };
    let rosenbrock = Function::new(&point, (), |point: &nested::Point, ()| {
        let (x, y) = (point.at.val().narrow(0, 0, 1), point.at.val().narrow(0, 1, 1));
        (x.clone() - 1.0).square() + (y - x.square()).square() * 100.0
    });
    let outcome = minimize(&rosenbrock, rosenbrock.parameters(), &bfgs(), &Stop { gtol: 1e-3, ..Stop::default() })?;
    let x: Vec<f64> = outcome.x.into_data().try_into_vec_as::<f64>()?;
    assert!(outcome.success && x.iter().all(|x| (x - 1.0).abs() < 0.01), "{}: {x:?}", outcome.message);
    assert_eq!(nested::Settings::new().dims, 2);
    Ok(())
}
