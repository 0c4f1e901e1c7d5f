//! Learned distributions of z: they are densities, and their draws are from them.

use kiln::{
    burn::tensor::TensorData,
    models::{HiddenActivation, Prior},
    prelude::*,
    tensor::params::{named, replace},
};
use kiln_testkit::{assert_close, f64_device, tensor, values};

use super::check_gradients_of;

/// A model with two latent dimensions whose prior is far from N(0, I): the last layers of a flow start at zero.
fn shaken(prior: Prior, device: &Device) -> Vae {
    let config = VaeConfig::new(6).hidden_dim(5).latent_dim(2).activation(HiddenActivation::Tanh);
    let model = config.prior(prior).init(0, device).unwrap();
    let mut stream = Stream::new(0, "shaken", 0, 0);
    let mut parameters = named(&model);
    // A flow's factors are exponentials of sums over many units.
    let size = if matches!(prior, Prior::Flow(_)) { 0.06 } else { 0.15 };
    for parameter in &mut parameters {
        let (shape, old) = (parameter.data.shape().to_vec(), parameter.data.clone().try_into_vec_as::<f64>().unwrap());
        let new: Vec<f64> = old.iter().zip(stream.normal_vec(old.len())).map(|(x, e)| x + size * e).collect();
        parameter.data = TensorData::new(new, shape);
    }
    replace(model, parameters).unwrap()
}

/// Sums f(z)·p(z) over a grid in the plane, whose error is that of the density beyond it.
fn integrals(model: &Vae) -> [f64; 4] {
    let (side, width) = (500, 20.0);
    let step = 2.0 * width / side as f64;
    let at = |i: usize| -width + (i as f64 + 0.5) * step;
    let points: Vec<f64> = (0..side * side).flat_map(|i| [at(i / side), at(i % side)]).collect();
    let ln_p = values(model.log_prior(tensor::<2>(&points, [side * side, 2], &f64_device())));
    let mut sums = [0.0; 4];
    for (z, ln_p) in points.chunks_exact(2).zip(&ln_p) {
        let p = ln_p.exp() * step * step;
        for (sum, f) in sums.iter_mut().zip([1.0, z[0], z[1], z[0] * z[1]]) {
            *sum += f * p;
        }
    }
    sums
}

#[test]
fn a_learned_prior_is_a_density_and_its_draws_are_from_it() {
    for prior in [Prior::Vamp(7), Prior::Flow(3)] {
        let model = shaken(prior, &f64_device());
        let [whole, a, b, product] = integrals(&model);
        // The midpoint rule is exact to rounding for smooth functions that vanish at the ends.
        assert_close(&[whole], &[1.0], 1e-6, 0.0, &format!("{prior:?}: the integral"));
        let n = 200_000;
        let draws = values(model.sample_prior(n, &mut Stream::new(1, "draws", 0, 0)));
        let mean = |f: &dyn Fn(&[f64]) -> f64| draws.chunks_exact(2).map(f).sum::<f64>() / n as f64;
        let drawn = [mean(&|z| z[0]), mean(&|z| z[1]), mean(&|z| z[0] * z[1])];
        // Five standard errors of numbers of the order of 1.5.
        assert_close(&drawn, &[a, b, product], 0.0, 5.0 * 1.5 / (n as f64).sqrt(), &format!("{prior:?}: the moments"));
    }
}

/// The mixture, number by number.
#[test]
fn a_vamp_prior_is_the_mean_of_the_posteriors_of_its_images() {
    let device = f64_device();
    let model = shaken(Prior::Vamp(3), &device);
    let posterior = model.posterior(model.pseudo_inputs().unwrap());
    let (loc, scale) = (values(posterior.first().loc()), values(posterior.first().scale()));
    let z = [0.3, -1.1, 2.0, 0.4];
    let density = |z: &[f64]| {
        let component = |k: usize| -> f64 {
            let one = |d: usize| {
                let (m, s) = (loc[2 * k + d], scale[2 * k + d]);
                (-0.5 * ((z[d] - m) / s).powi(2)).exp() / (s * (2.0 * std::f64::consts::PI).sqrt())
            };
            one(0) * one(1)
        };
        ((0..3).map(component).sum::<f64>() / 3.0).ln()
    };
    let expected = [density(&z[..2]), density(&z[2..])];
    assert_close(&values(model.log_prior(tensor::<2>(&z, [2, 2], &device))), &expected, 1e-12, 1e-12, "ln p(z)");
    assert!(model.kl_to_prior(&posterior).is_none() && model.kl_per_dimension(&posterior).is_none());
}

#[test]
fn a_flow_starts_at_the_standard_normal() {
    let device = f64_device();
    let config = VaeConfig::new(6).hidden_dim(5).latent_dim(3);
    let [standard, flow] =
        [Prior::Standard, Prior::Flow(4)].map(|prior| config.clone().prior(prior).init(0, &device).unwrap());
    let z = Stream::new(0, "z", 0, 0).normal::<2>([5, 3], &device);
    assert_close(&values(flow.log_prior(z.clone())), &values(standard.log_prior(z)), 1e-14, 0.0, "ln p(z)");
}

#[test]
fn every_gradient_of_a_learned_prior_agrees_with_differences() {
    let mut stream = Stream::new(4, "test", 0, 0);
    let (x, eps) = (stream.uniform_vec(2 * 6), stream.normal_vec(2 * 2));
    for prior in [Prior::Vamp(3), Prior::Flow(2)] {
        let inputs = |device: &Device| (tensor(&x, [2, 6], device), tensor(&eps, [2, 2], device));
        check_gradients_of(|device| shaken(prior, device), &format!("{prior:?}"), inputs);
    }
}

#[test]
fn priors_that_do_not_fit_are_refused() {
    let message = |config: VaeConfig| config.init(0, &f64_device()).unwrap_err().to_string();
    let config = VaeConfig::new(6);
    assert!(message(config.clone().prior(Prior::Vamp(0))).contains("pseudo_inputs must be at least 1"));
    assert!(message(config.clone().prior(Prior::Flow(2)).latent_dim(1)).contains("two latent dimensions"));
    assert!(message(config.clone().prior(Prior::Flow(2)).latent_dims(vec![3, 2])).contains("one stochastic layer"));
    assert!(message(config.prior(Prior::Vamp(2)).condition_dim(3)).contains("without a condition"));
}
