//! The standard deviation of a Gaussian likelihood in closed form.

use std::f64::consts::PI;

use kiln::{
    burn::tensor::TensorData,
    data::{Dataset, digits},
    models::{HiddenActivation, Likelihood, PixelDistribution},
    prelude::*,
    tensor::params::{named, replace},
};
use kiln_testkit::{assert_close, check_gradient, f64_device, tensor, values};

use super::with_parameter;

/// Two pixels in three channels. The posterior is so narrow that z is its mean, to rounding.
fn narrow(per_channel: bool, device: &Device) -> Vae {
    let config = VaeConfig::new(6).hidden_dim(4).latent_dim(2).activation(HiddenActivation::Tanh);
    let config = config.likelihood(Likelihood::Gaussian).image_channels(3).optimal_scale(true);
    let model = config.scale_per_channel(per_channel).init(0, device).unwrap();
    let mut parameters = named(&model);
    for parameter in parameters.iter_mut().filter(|p| p.name == "latent_log_variance.bias") {
        parameter.data = TensorData::new(vec![-80.0; 2], [2]);
    }
    replace(model, parameters).unwrap()
}

fn images(device: &Device) -> Tensor<2> {
    tensor(&Stream::new(3, "images", 0, 0).uniform_vec(30), [5, 6], device)
}

/// −E ln p(x | z) in training, in nats per image.
fn reconstruction(model: &Vae, x: Tensor<2>) -> Tensor<1> {
    let loss = Elbo::new().loss(model, x, &mut Stream::new(0, "noise", 0, 0));
    loss.terms.into_iter().find(|(name, _)| *name == "reconstruction").expect("a term of the ELBO").1
}

/// With σ² at its optimum, the mean squared error, −ln p(x | z) is ½·(ln(2π·σ²) + 1) per value.
#[test]
fn the_loss_is_that_of_the_best_standard_deviation() {
    let device = f64_device();
    for per_channel in [false, true] {
        let model = narrow(per_channel, &device);
        let x = images(&device);
        let squares: Vec<f64> =
            values(model.reconstruct(x.clone())).iter().zip(values(x.clone())).map(|(m, x)| (m - x).powi(2)).collect();
        let of_channel = |channel: usize| squares.iter().skip(channel).step_by(3).sum::<f64>() / 10.0;
        let errors = match per_channel {
            true => vec![of_channel(0), of_channel(1), of_channel(2)],
            false => vec![squares.iter().sum::<f64>() / 30.0],
        };
        let each = 6.0 / errors.len() as f64;
        let expected: f64 = errors.iter().map(|error| 0.5 * each * ((2.0 * PI * error).ln() + 1.0)).sum();
        // Draws of z are within e⁻⁴⁰ of its mean.
        assert_close(&values(reconstruction(&model, x)), &[expected], 1e-12, 0.0, "the reconstruction term");
    }
}

/// The standard deviation depends on all other parameters. At its optimum this does not change the gradient.
#[test]
fn the_gradients_agree_with_differences() {
    for per_channel in [false, true] {
        for (i, parameter) in named(&narrow(per_channel, &f64_device())).iter().enumerate() {
            // The loss does not read the average.
            if parameter.name.starts_with("running_scale") {
                continue;
            }
            let at: Vec<f64> = parameter.data.clone().try_into_vec().unwrap();
            let f = |flat: Tensor<1>| {
                let device = flat.device();
                let model = with_parameter(narrow(per_channel, &device), i, flat);
                Elbo::new().loss(&model, images(&device), &mut Stream::new(0, "noise", 0, 0)).value
            };
            check_gradient(f, &at, 1e-8, &parameter.name);
        }
    }
}

/// After training, the average is the root mean squared error of draws from the posterior.
#[test]
fn the_average_follows_the_error_of_the_training_images() {
    let images = digits();
    let config = VaeConfig::new(64).hidden_dim(64).latent_dim(5).likelihood(Likelihood::Gaussian).optimal_scale(true);
    let model = config.data_mean(images.mean()).data_stddev(images.stddev()).init(0, &f64_device()).unwrap();
    let schedule = Schedule::linear_to(3e-3, 3e-5, 1130).unwrap();
    let config = TrainConfig { epochs: 10, batch_size: 16, schedule, ..TrainConfig::default() };
    let model = Trainer::new(config, AdamConfig::new().build().unwrap()).fit(model, &Elbo::new(), &images, None);
    let model = model.unwrap().model;
    let x = images.batch(&(0..images.len()).collect::<Vec<_>>(), &f64_device());
    let z = model.posterior(x.clone()).rsample(&mut Stream::new(1, "z", 0, 0));
    let error = values((model.likelihood(z.clone()).mean() - x).square().mean())[0].sqrt();
    let PixelDistribution::Gaussian(pixels) = model.likelihood(z) else { unreachable!("the likelihood is Gaussian") };
    let scale = values(pixels.scale())[0];
    // The average is over some 20 minibatches of 1024 squares, whose errors differ from image to image by about a half.
    assert_close(&[scale], &[error], 0.05, 0.0, "the standard deviation");
    assert!(error < 0.25, "it learned: {error}");
}

/// A minibatch that is not finite, and whose gradient an optimiser may skip, leaves no trace.
#[test]
fn the_average_leaves_out_what_is_not_finite() {
    let device = f64_device().autodiff();
    let (model, images) = (narrow(true, &device), images(&device));
    let scales = |model: &Vae| {
        let PixelDistribution::Gaussian(pixels) = model.valid().likelihood(tensor(&[0.0; 2], [1, 2], &f64_device()))
        else {
            unreachable!("the likelihood is Gaussian")
        };
        values(pixels.scale())
    };
    let first = scales(&model);
    let broken = images.clone().slice_fill([0..1, 0..1], f64::NAN);
    drop(reconstruction(&model, broken));
    // The code of that image is no number, and so are all its means.
    assert_eq!(scales(&model), first);
    let fixed = model.clone().fixed_but_prior();
    drop(reconstruction(&fixed, images.clone()));
    assert_eq!(scales(&fixed), first);
    drop(reconstruction(&model, images));
    assert!(scales(&model).iter().zip(&first).all(|(a, b)| (a - b).abs() > 1e-3), "it follows");
}

#[test]
fn another_likelihood_has_no_closed_form() {
    let refused = VaeConfig::new(6).optimal_scale(true).init(0, &f64_device()).unwrap_err();
    assert_eq!(refused.to_string(), "optimal_scale is for a Gaussian likelihood");
}
