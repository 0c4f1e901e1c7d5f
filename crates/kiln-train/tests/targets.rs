//! Real-valued targets, inputs of any rank, and models on any device.

use burn::{
    module::{Module, Param},
    nn::Linear,
    tensor::{Device, Int, Tensor},
};
use kiln_data::{Labelled, RegressionExamples, TensorDataset, digits};
use kiln_dist::{Categorical, ConditionalModel, Normal};
use kiln_optim::{MomentumConfig, Schedule, Sgd, StepError};
use kiln_tensor::{Stream, init, weights};
use kiln_train::{LikelihoodOf, MaximumLikelihood, TrainConfig, TrainError, Trainer, evaluate, full_gradient};

/// A linear regression whose standard deviation is a parameter.
#[derive(Module, Debug)]
struct Regression {
    linear: Linear,
    log_scale: Param<Tensor<1>>,
}

impl ConditionalModel for Regression {
    type Output = Normal<2>;

    fn forward(&self, x: Tensor<2>) -> Normal<2> {
        let loc = self.linear.forward(x);
        let [n, _] = loc.dims();
        let log_scale = self.log_scale.val().reshape([1, 1]).repeat_dim(0, n);
        Normal::from_log_scale(loc, log_scale).expect("the shapes agree")
    }
}

fn regression(device: &Device) -> Regression {
    let log_scale = Tensor::<1>::zeros([1], device);
    Regression {
        linear: init::linear(1, 1, &mut Stream::new(0, "init", 0, 0), device),
        log_scale: Param::from_tensor(if device.is_autodiff() { log_scale.require_grad() } else { log_scale }),
    }
}

/// The maximum likelihood estimates of slope, intercept and standard deviation are those of least squares.
#[test]
fn maximum_likelihood_with_a_normal_output_is_least_squares() {
    let x = [-2.0, -1.0, 0.0, 1.0, 2.0];
    // y = 3x + 1 + r with Σr = Σxr = 0, so that least squares finds slope 3 and intercept 1.
    let residuals = [0.5, -0.5, 0.0, -0.5, 0.5];
    let y: Vec<f64> = x.iter().zip(residuals).map(|(x, r)| 3.0 * x + 1.0 + r).collect();
    let data = RegressionExamples::new(x.to_vec(), 1, y).unwrap();
    let config = TrainConfig { epochs: 3000, schedule: Schedule::constant(0.02).unwrap(), ..TrainConfig::default() };
    let momentum = MomentumConfig::new().with_momentum(0.9).build().unwrap();
    let model = regression(&Device::default().autodiff());
    let objective = MaximumLikelihood::new();
    let outcome = Trainer::new(config, momentum).fit(model, &objective, &data, None).unwrap();
    let number = |tensor: Tensor<1>| tensor.into_scalar::<f64>();
    let slope = number(outcome.model.linear.weight.val().reshape([1]));
    let intercept = number(outcome.model.linear.bias.as_ref().unwrap().val());
    let variance = (2.0 * number(outcome.model.log_scale.val())).exp();
    // The mean of r² is 1/5. In f32, after convergence.
    for (found, expected) in [(slope, 3.0), (intercept, 1.0), (variance, 0.2)] {
        assert!((found - expected).abs() < 1e-4, "{found}, expected {expected}");
    }
    let gradient = full_gradient(&outcome.model, &objective, &data, 0).unwrap();
    assert!(gradient.max_abs_grad < 1e-4, "{gradient:?}");
    let nll = 0.5 * (2.0 * std::f64::consts::PI * 0.2).ln() + 0.5;
    assert!((gradient.loss - nll).abs() < 1e-5 && (outcome.train.loss - nll).abs() < 1e-5);
    assert!((evaluate(&outcome.model, &objective, &data, 2, 0).unwrap().loss - nll).abs() < 1e-5);
}

/// A softmax regression on digits: as rows, as tensors of rank 2 and of rank 4, and on a device without autodiff.
#[test]
fn the_same_data_in_other_forms_give_the_same_model() {
    let device = Device::default();
    let images = digits().subset(&(0..200).collect::<Vec<_>>());
    let rows: Vec<usize> = (0..200).collect();
    let classes: Vec<i64> = images.labels().iter().map(|label| i64::from(*label)).collect();
    let pixels = images.pixels(&rows, &device);
    let classes = Tensor::<1, Int>::from_data(classes.as_slice(), &device).reshape([200, 1]);
    let model = |device: &Device| init::linear(64, 10, &mut Stream::new(0, "init", 0, 0), device);
    let config = || TrainConfig {
        epochs: 2,
        batch_size: 16,
        schedule: Schedule::constant(0.1).unwrap(),
        ..TrainConfig::default()
    };
    let flat = LikelihoodOf::new(|model: &Linear, x: Tensor<2>| Categorical::from_logits(model.forward(x))).l2(0.01);
    let fit = || Trainer::new(config(), Sgd);
    let autodiff = device.clone().autodiff();
    let bytes = |model: &Linear| weights::to_bytes(model).unwrap();

    let labelled = Labelled::new(images).unwrap();
    let expected = bytes(&fit().fit(model(&autodiff), &flat, &labelled, None).unwrap().model);
    let plain = bytes(&fit().fit(model(&device), &flat, &labelled, None).unwrap().model);
    assert_eq!(plain, expected);

    let tensors = TensorDataset::new(pixels.clone(), classes.clone()).unwrap();
    assert_eq!(bytes(&fit().fit(model(&device), &flat, &tensors, None).unwrap().model), expected);

    let squares = TensorDataset::new(pixels.reshape([200, 1, 8, 8]), classes).unwrap();
    let deep =
        LikelihoodOf::new(|model: &Linear, x: Tensor<4>| Categorical::from_logits(model.forward(x.flatten::<2>(1, 3))));
    let found = fit().fit(model(&device), &deep.l2(0.01), &squares, None).unwrap().model;
    let numbers = |model: Linear| model.weight.val().try_into_vec_as::<f64>().unwrap();
    let flat = numbers(fit().fit(model(&device), &flat, &tensors, None).unwrap().model);
    // In f32: reshaped inputs are multiplied in another order.
    assert!(numbers(found).iter().zip(flat).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn a_module_without_parameters_cannot_be_trained() {
    let data = RegressionExamples::new(vec![1.0], 1, vec![1.0]).unwrap();
    let objective = LikelihoodOf::new(|_: &burn::nn::Relu, x: Tensor<2>| {
        let scale = x.ones_like();
        Normal::new(x, scale).expect("the scale is positive")
    });
    let result = Trainer::new(TrainConfig::default(), Sgd).fit(burn::nn::Relu::new(), &objective, &data, None);
    assert!(matches!(result, Err(TrainError::Step(StepError::NothingToUpdate))));
}
