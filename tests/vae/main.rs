//! The VAE's ELBO and its gradients against PyTorch in float64 (`reference/vae.json`), and against differences.

use std::collections::BTreeMap;

use kiln::{
    burn::optim::GradientsParams,
    prelude::*,
    tensor::{
        derivative::Function,
        params::{NamedTensor, named, replace},
    },
};
use kiln_testkit::{assert_close, check_gradient, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

mod blocks;
mod priors;
mod scale;

const TOLERANCE: f64 = 1e-9;

/// The reference's parameter names and Kiln's.
const NAMES: [(&str, &str); 10] = [
    ("enc_w", "encoder.0.weight"),
    ("enc_b", "encoder.0.bias"),
    ("mu_w", "latent_loc.weight"),
    ("mu_b", "latent_loc.bias"),
    ("lv_w", "latent_log_variance.weight"),
    ("lv_b", "latent_log_variance.bias"),
    ("dec_w", "decoder.0.weight"),
    ("dec_b", "decoder.0.bias"),
    ("out_w", "decoder.1.weight"),
    ("out_b", "decoder.1.bias"),
];

fn model(json: &Value, device: &Device) -> Vae {
    let blank = VaeConfig::new(6).hidden_dim(4).latent_dim(2).init(0, device).unwrap();
    let mut parameters: Vec<NamedTensor> = named(&blank);
    for parameter in &mut parameters {
        let (theirs, _) =
            NAMES.iter().find(|(_, ours)| *ours == parameter.name).expect("every parameter has a reference");
        let shape = parameter.data.shape().to_vec();
        parameter.data = kiln::burn::tensor::TensorData::new(numbers(&json["params"][theirs]), shape);
    }
    replace(blank, parameters).unwrap()
}

fn x(json: &Value, device: &Device) -> Tensor<2> {
    tensor(&numbers(&json["x"]), [5, 6], device)
}

fn noise(json: &Value, device: &Device) -> Tensor<2> {
    tensor(&numbers(&json["eps"][0]), [5, 2], device)
}

/// Each parameter's gradient, by name.
fn gradients(model: &Vae, gradients: &GradientsParams) -> BTreeMap<String, Vec<f64>> {
    use kiln::burn::module::{ModuleVisitor, Param};
    struct Reader<'a>(&'a GradientsParams, Vec<Vec<f64>>);
    impl ModuleVisitor for Reader<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.push(values(self.0.get::<D>(param.id).expect("every parameter has a gradient")));
        }
    }
    let mut reader = Reader(gradients, Vec::new());
    model.visit(&mut reader);
    named(model).into_iter().map(|p| p.name).zip(reader.1).collect()
}

#[test]
fn terms_of_the_elbo_match_pytorch() {
    let (json, device) = (reference("vae"), f64_device());
    let (model, x, noise) = (model(&json, &device), x(&json, &device), noise(&json, &device));
    let posterior = model.posterior(x.clone());
    let z = posterior.rsample_from_noise(noise.clone());
    let log_likelihood = model.likelihood(z).log_prob_per_example(x.clone());
    assert_close(&values(log_likelihood), &numbers(&json["log_px_given_z"]), TOLERANCE, 0.0, "ln p(x | z)");
    let kl = model.kl_to_prior(&posterior);
    assert_close(&values(kl.expect("a closed form")), &numbers(&json["kl"]), TOLERANCE, 0.0, "KL");
    let loss = Elbo::new().loss_at_noise(&model, x.clone(), noise.clone());
    assert_close(&values(-loss.value), &numbers(&json["elbo"]), TOLERANCE, 0.0, "ELBO");
    let loss = Elbo::new().beta(4.0).loss_at_noise(&model, x, noise);
    assert_close(&values(-loss.value), &numbers(&json["beta4_elbo"]), TOLERANCE, 0.0, "ELBO at β = 4");
    let elbo = loss.terms.into_iter().find(|(name, _)| *name == "elbo").unwrap().1;
    assert_close(&values(elbo), &numbers(&json["elbo"]), TOLERANCE, 0.0, "the term elbo is the bound at any β");
}

#[test]
fn every_gradient_matches_pytorch() {
    let (json, device) = (reference("vae"), f64_device().autodiff());
    let model = model(&json, &device);
    let loss = Elbo::new().loss_at_noise(&model, x(&json, &device), noise(&json, &device));
    let gradients = gradients(&model, &GradientsParams::from_grads(loss.value.backward(), &model));
    for (theirs, ours) in NAMES {
        let expected = numbers(&json["neg_elbo_grads"][theirs]);
        // Entries near zero are sums of terms of order 1e-1: an absolute floor of the same 1e-9.
        assert_close(&gradients[ours], &expected, TOLERANCE, TOLERANCE, ours);
    }
}

/// The exact product with the Hessian of the whole loss, reparameterised sample and KL included.
#[test]
fn the_product_with_the_hessian_matches_pytorch() {
    let (json, expected, device) = (reference("vae"), reference("vae_curvature"), f64_device());
    let net = model(&json, &device);
    let data = (x(&json, &device), noise(&json, &device));
    let loss = Function::new(&net, data, |net: &Vae, (x, noise)| Elbo::new().loss_at_noise(net, x, noise).value);
    // The vector has the parameters in the order of the module's fields.
    let in_order = |key: &str| -> Vec<f64> {
        let ours = named(&net).into_iter().map(|parameter| parameter.name);
        let theirs = ours.map(|name| NAMES.iter().find(|(_, ours)| *ours == name).expect("a reference").0);
        theirs.flat_map(|name| numbers(&expected[key][name])).collect()
    };
    let direction = in_order("direction");
    let v = tensor(&direction, [direction.len()], &device);
    let w = loss.parameters();
    let product = values(loss.hvp(&w, &v).unwrap());
    // Sums over five rows of some tens of products of the order of 1.
    assert_close(&product, &in_order("hvp"), 1e-10, 1e-13, "H·v");
    assert_eq!(product.len(), direction.len());
}

/// The noise of the first `k` samples, `[k·5, 2]`.
fn noises(json: &Value, k: usize, device: &Device) -> Tensor<2> {
    let all = numbers(&json["eps"]);
    tensor(&all[..k * 10], [k * 5, 2], device)
}

#[test]
fn the_importance_weighted_bound_and_its_gradients_match_pytorch() {
    let (json, device) = (reference("vae"), f64_device().autodiff());
    let model = model(&json, &device);
    let k = json["iwae_k"].as_u64().unwrap() as usize;
    let loss = Iwae::new(k).loss_at_noise(&model, x(&json, &device), noises(&json, k, &device));
    assert_close(&values(-loss.value.clone()), &numbers(&json["iwae"]), TOLERANCE, 0.0, "the bound");
    let gradients = gradients(&model, &GradientsParams::from_grads(loss.value.backward(), &model));
    for (theirs, ours) in NAMES {
        let expected = numbers(&json["neg_iwae_grads"][theirs]);
        assert_close(&gradients[ours], &expected, TOLERANCE, TOLERANCE, ours);
    }
    // One sample: the ELBO with its KL by that sample.
    let loss = Iwae::new(1).loss_at_noise(&model, x(&json, &device), noises(&json, 1, &device));
    let weights = numbers(&json["single_sample_log_weights"]);
    let mean = weights.iter().sum::<f64>() / 5.0;
    assert_close(&values(-loss.value), &[mean], TOLERANCE, 0.0, "k = 1");
    let elbo = loss.terms.into_iter().find(|(name, _)| *name == "elbo").unwrap().1;
    assert_close(&values(elbo), &[mean], TOLERANCE, 0.0, "the term elbo");
    // Rényi's bound falls from order 0 to the ELBO at 1, and is the former's value at 0.
    let bound = |alpha: f64| {
        let loss = Iwae::new(k).alpha(alpha).loss_at_noise(&model, x(&json, &device), noises(&json, k, &device));
        -values(loss.value)[0]
    };
    assert!(bound(-1.0) > bound(0.0) && bound(0.0) > bound(0.5) && bound(0.5) > bound(0.999));
    // The slope in α is half the variance of ln w, some units.
    assert_close(&[bound(1.0)], &[bound(1.0 - 1e-6)], 1e-6, 0.0, "α = 1 is the limit");
    assert_close(&[bound(1e-9)], &numbers(&json["iwae"]), 1e-7, 0.0, "α → 0");
}

/// The mean of a gradient over draws, and its mean squared deviation, entry by entry.
fn moments(draws: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let (n, d) = (draws.len() as f64, draws[0].len());
    let mean: Vec<f64> = (0..d).map(|i| draws.iter().map(|g| g[i]).sum::<f64>() / n).collect();
    let variance = (0..d).map(|i| draws.iter().map(|g| (g[i] - mean[i]).powi(2)).sum::<f64>() / n).collect();
    (mean, variance)
}

/// The doubly reparameterised gradient: the decoder's is the plain one to the digit; the encoder's has the plain one's mean, and less
/// variance.
#[test]
fn the_doubly_reparameterised_gradient_is_unbiased_with_less_variance() {
    let (json, device) = (reference("vae"), f64_device().autodiff());
    let model = model(&json, &device);
    let (k, draws) = (5usize, 3000usize);
    for alpha in [0.0, 0.4] {
        let of = |how: ImportanceGradient, draw: u64| {
            let noise = Stream::new(11, "dreg", 0, draw).normal([k * 5, 2], &device);
            let loss = Iwae::new(k).alpha(alpha).gradient(how).loss_at_noise(&model, x(&json, &device), noise);
            let value = values(loss.value.clone())[0];
            (gradients(&model, &GradientsParams::from_grads(loss.value.backward(), &model)), value)
        };
        let part = |gradients: &BTreeMap<String, Vec<f64>>, encoder: bool| -> Vec<f64> {
            let wanted = gradients.iter().filter(|(name, _)| name.starts_with("decoder") != encoder);
            wanted.flat_map(|(_, g)| g.iter().copied()).collect()
        };
        let (mut plain, mut doubly) = (Vec::new(), Vec::new());
        for draw in 0..draws as u64 {
            let (a, value) = of(ImportanceGradient::Plain, draw);
            let (b, same) = of(ImportanceGradient::DoublyReparameterized, draw);
            if draw < 5 {
                assert_close(&[value], &[same], 1e-13, 0.0, "the bound is the same");
                assert_close(&part(&a, false), &part(&b, false), 1e-10, 1e-13, "the decoder's gradient");
            }
            plain.push(part(&a, true));
            doubly.push(part(&b, true));
        }
        let ((mean, spread), (other, less)) = (moments(&plain), moments(&doubly));
        for i in 0..mean.len() {
            let error = ((spread[i] + less[i]) / draws as f64).sqrt();
            assert!((mean[i] - other[i]).abs() <= 4.5 * error + 1e-12, "{i}: {} and {}, ± {error}", mean[i], other[i]);
        }
        let (spread, less) = (spread.iter().sum::<f64>(), less.iter().sum::<f64>());
        assert!(less < 0.8 * spread, "order {alpha}: variance {less} beside {spread}");
    }
}

/// Both likelihoods, by differences in one parameter after another.
#[test]
fn every_gradient_agrees_with_differences() {
    use kiln::models::Likelihood;
    let json = reference("vae");
    for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian] {
        let config = VaeConfig::new(6).hidden_dim(4).latent_dim(2).likelihood(likelihood);
        check_gradients(&config, &format!("{likelihood:?}"), |device| (x(&json, device), noise(&json, device)));
    }
}

/// Compares the gradient of the ELBO in each parameter with differences. `inputs` are the images and the noise.
fn check_gradients(config: &VaeConfig, what: &str, inputs: impl Fn(&Device) -> (Tensor<2>, Tensor<2>)) {
    check_gradients_of(|device| config.init(3, device).unwrap(), what, inputs);
}

/// The same for a model that `build` returns.
fn check_gradients_of(build: impl Fn(&Device) -> Vae, what: &str, inputs: impl Fn(&Device) -> (Tensor<2>, Tensor<2>)) {
    let names: Vec<NamedTensor> = named(&build(&f64_device()));
    for (i, parameter) in names.iter().enumerate() {
        let at: Vec<f64> = parameter.data.clone().try_into_vec().unwrap();
        let f = |flat: Tensor<1>| {
            let device = flat.device();
            let (x, noise) = inputs(&device);
            let blank = build(&device);
            Elbo::new().loss_at_noise(&with_parameter(blank, i, flat), x, noise).value
        };
        // A relu's kink within the step of 6e-6 would show: these weights have none there.
        check_gradient(f, &at, 1e-8, &format!("{what} {}", parameter.name));
    }
}

/// Convolutions of images in colour, whose channels are next to each other.
#[test]
fn every_gradient_in_colour_agrees_with_differences() {
    use kiln::models::{HiddenActivation, Likelihood};
    let mut stream = Stream::new(4, "test", 0, 0);
    let (x, eps) = (stream.uniform_vec(2 * 60), stream.normal_vec(2 * 2));
    for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian, Likelihood::Categorical(3)] {
        let config =
            VaeConfig::new(60).hidden_dim(4).latent_dim(2).image_channels(3).activation(HiddenActivation::Tanh);
        let config = config.convolutions([4, 5], vec![2, 3]).likelihood(likelihood);
        let inputs = |device: &Device| (tensor(&x, [2, 60], device), tensor(&eps, [2, 2], device));
        check_gradients(&config, &format!("{likelihood:?} in colour"), inputs);
    }
}

/// The model with its `index`-th parameter taken from `flat`, through which gradients flow.
fn with_parameter(model: Vae, index: usize, flat: Tensor<1>) -> Vae {
    use kiln::burn::module::{ModuleMapper, Param};
    struct Put(Option<Tensor<1>>, usize);
    impl ModuleMapper for Put {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let here = self.1 == 0;
            self.1 = self.1.wrapping_sub(1);
            match here.then(|| self.0.take()).flatten() {
                Some(flat) => {
                    let (id, old, mapper) = param.consume();
                    Param::from_mapped_value(id, flat.reshape(old.shape()), mapper)
                }
                None => param,
            }
        }
    }
    model.map(&mut Put(Some(flat), index))
}

/// The model with a reference's parameters, which have Kiln's own names.
fn named_model(json: &Value, config: &VaeConfig, device: &Device) -> Vae {
    let blank = config.init(0, device).unwrap();
    let mut parameters = named(&blank);
    assert_eq!(parameters.len(), json["params"].as_object().unwrap().len());
    for parameter in &mut parameters {
        let shape = parameter.data.shape().to_vec();
        parameter.data = kiln::burn::tensor::TensorData::new(numbers(&json["params"][&parameter.name]), shape);
    }
    replace(blank, parameters).unwrap()
}

/// A loss, and its gradients in all parameters, beside a reference's.
fn assert_bound(model: &Vae, loss: Tensor<1>, expected: &Value, what: &str) {
    assert_close(&values(-loss.clone()), &numbers(&expected["value"]), TOLERANCE, 0.0, what);
    for (name, gradient) in gradients(model, &GradientsParams::from_grads(loss.backward(), model)) {
        let expected = numbers(&expected["gradients"][&name]);
        assert_close(&gradient, &expected, TOLERANCE, TOLERANCE, &format!("{what}: {name}"));
    }
}

#[test]
fn two_stochastic_layers_are_pytorch_s() {
    use kiln::{
        models::HiddenActivation,
        train::{ImportanceGradient, Iwae},
    };
    let (json, device) = (&reference("vae_layers")["two_layers"], f64_device().autodiff());
    let config = VaeConfig::new(6).hidden_dims(vec![5, 4]).activation(HiddenActivation::Tanh);
    let config = config.latent_dims(vec![3, 2]).upper_hidden_dims(vec![4]);
    let model = named_model(json, &config, &device);
    assert_eq!((model.latent_dim(), model.latent_dims()), (5, vec![3, 2]));
    let x: Tensor<2> = tensor(&numbers(&json["x"]), [5, 6], &device);
    let noise: Tensor<2> = tensor(&numbers(&json["eps"]), [15, 5], &device);
    let loss = Iwae::new(3).loss_at_noise(&model, x.clone(), noise.clone());
    assert_bound(&model, loss.value, &json["iwae"], "the importance-weighted bound");
    let first = noise.clone().slice([0..5, 0..5]);
    let loss = Elbo::new().loss_at_noise(&model, x.clone(), first);
    assert_bound(&model, loss.value, &json["elbo"], "the ELBO by a sample");
    // By several samples: the mean of the logarithms of the weights of the same ones.
    let stream = || Stream::new(4, "test", 0, 0);
    let several = Objective::loss(&Elbo::new().particles(3), &model, x.clone(), &mut stream());
    let weighted = Objective::loss(&Iwae::new(3), &model, x.clone(), &mut stream());
    let elbo = weighted.terms.into_iter().find(|(name, _)| *name == "elbo").unwrap().1;
    assert_close(&values(-several.value), &values(elbo), 1e-12, 0.0, "the ELBO by three samples");
    // Doubly reparameterised the value is the same; so are the decoder's and the prior's gradients, which have no such estimate.
    let doubly = Iwae::new(3).gradient(ImportanceGradient::DoublyReparameterized);
    let loss = doubly.loss_at_noise(&model, x.clone(), noise.clone()).value;
    assert_close(&values(-loss.clone()), &numbers(&json["iwae"]["value"]), TOLERANCE, 0.0, "its value");
    let gradients = gradients(&model, &GradientsParams::from_grads(loss.backward(), &model));
    for (name, gradient) in gradients.iter().filter(|(name, _)| name.starts_with("decoder") || name.contains("down")) {
        let expected = numbers(&json["iwae"]["gradients"][name]);
        assert_close(gradient, &expected, TOLERANCE, TOLERANCE, &format!("doubly reparameterised: {name}"));
    }
    // Draws of the prior, and what stands for x, pass through both layers.
    assert_eq!(model.sample_means(4, &mut Stream::new(0, "test", 0, 0)).dims(), [4, 6]);
    assert_eq!((model.encode(x.clone()).dims(), model.reconstruct(x).dims()), ([5, 5], [5, 6]));
}

/// The encoder's doubly reparameterised gradients have another value at each draw, and the same mean.
#[test]
fn two_stochastic_layers_have_one_gradient_in_the_mean() {
    use kiln::train::{ImportanceGradient, Iwae};
    let (json, device) = (&reference("vae_layers")["two_layers"], f64_device().autodiff());
    let config = VaeConfig::new(6).hidden_dims(vec![5, 4]).activation(kiln::models::HiddenActivation::Tanh);
    let model = named_model(json, &config.latent_dims(vec![3, 2]).upper_hidden_dims(vec![4]), &device);
    let x: Tensor<2> = tensor(&numbers(&json["x"]), [5, 6], &device);
    let draws = |how, seed| -> Vec<Vec<f64>> {
        let one = |repeat| {
            let mut stream = Stream::new(seed, "test", 0, repeat);
            let loss = Objective::loss(&Iwae::new(4).gradient(how), &model, x.clone(), &mut stream);
            let all = gradients(&model, &GradientsParams::from_grads(loss.value.backward(), &model));
            all.into_iter()
                .filter(|(name, _)| name.contains("up.") || name.contains("latent"))
                .flat_map(|g| g.1)
                .collect()
        };
        (0..4000).map(one).collect()
    };
    let (plain, of_plain) = moments(&draws(ImportanceGradient::Plain, 1));
    let (doubly, of_doubly) = moments(&draws(ImportanceGradient::DoublyReparameterized, 2));
    for (i, (a, b)) in plain.iter().zip(&doubly).enumerate() {
        let error = ((of_plain[i] + of_doubly[i]) / 4000.0).sqrt();
        // Of 58 numbers the furthest is seldom beyond 4 standard errors.
        assert!((a - b).abs() < 4.5 * error, "{i}: {a} and {b} ± {error}");
    }
    let (plain, doubly) = (of_plain.iter().sum::<f64>(), of_doubly.iter().sum::<f64>());
    assert!(doubly < 0.9 * plain, "variance {doubly} beside {plain}");
}

#[test]
fn convolutions_and_grey_levels_are_pytorch_s() {
    use kiln::{models::Likelihood, prelude::Entropy as _};
    let (json, device) = (&reference("vae_layers")["convolutional"], f64_device().autodiff());
    let config = VaeConfig::new(35).hidden_dim(6).latent_dim(2).convolutions([5, 7], vec![2, 3]);
    let model = named_model(json, &config.likelihood(Likelihood::Categorical(4)), &device);
    let x: Tensor<2> = tensor(&numbers(&json["x"]), [4, 35], &device);
    let noise: Tensor<2> = tensor(&numbers(&json["eps"]), [4, 2], &device);
    let z = model.posterior(x.clone()).rsample_from_noise(noise.clone());
    let d = model.likelihood(z);
    let close = |got: Tensor<2>, key: &str| {
        // Some hundred roundings of numbers of the order of 1.
        assert_close(&values(got), &numbers(&json[key]), 1e-12, 1e-14, key);
    };
    close(d.log_prob_per_example(x.clone()).unsqueeze(), "log_likelihood");
    close(d.log_prob(x.clone()).sum_dim(1), "log_likelihood");
    close(d.mean(), "mean");
    close(d.variance(), "variance");
    close(d.entropy(), "entropy");
    let drawn = values(d.sample(&mut Stream::new(0, "test", 0, 0)));
    assert!(drawn.iter().all(|x| (x * 3.0 - (x * 3.0).round()).abs() < 1e-12 && (0.0..=1.0).contains(x)), "{drawn:?}");
    let loss = Elbo::new().loss_at_noise(&model, x, noise);
    assert_bound(&model, loss.value, &json["elbo"], "the ELBO");
}

#[test]
fn images_of_another_width_are_refused() {
    let device = f64_device();
    let model = VaeConfig::new(6).hidden_dim(3).latent_dim(2).init(0, &device).unwrap();
    LatentVariableModel::check_inputs(&model, &Tensor::zeros([4, 6], &device)).unwrap();
    let error = LatentVariableModel::check_inputs(&model, &Tensor::zeros([4, 5], &device)).unwrap_err();
    assert_eq!(error.to_string(), "the model takes 6 columns but the inputs have 5");
}

#[test]
#[should_panic(expected = "the model takes images of 6 values but x has 5 columns")]
fn a_forward_pass_on_another_width_says_so() {
    let device = f64_device();
    let model = VaeConfig::new(6).hidden_dim(3).latent_dim(2).init(0, &device).unwrap();
    let _ = model.posterior(Tensor::zeros([4, 5], &device));
}

#[test]
fn sizes_of_zero_are_refused() {
    let message = VaeConfig::new(6).latent_dim(0).init(0, &f64_device()).unwrap_err().to_string();
    assert_eq!(message, "latent_dim must be at least 1, got 0");
}

/// The annealed objective at a step is that of a smaller β, and free bits add what a dimension lacks. The KLs of PyTorch are the witness.
#[test]
fn the_weight_of_the_kl_follows_its_schedule_and_free_bits_are_free() {
    let (json, device) = (reference("vae"), f64_device().autodiff());
    let (model, x) = (model(&json, &device), x(&json, &device));
    let noise = || Stream::new(3, "noise", 0, 0);
    let value = |loss: kiln::train::Loss| values(loss.value)[0];
    let beta = |beta: f64| value(Elbo::new().beta(beta).loss(&model, x.clone(), &mut noise()));
    let annealed = Elbo::new().beta(4.0).anneal(Schedule::constant(1.0).unwrap().warm_up(8, 0.0).unwrap());
    let at = |step: u64| value(annealed.loss_at_step(step, &model, x.clone(), &mut noise()));
    assert_close(&[0, 2, 8, 100].map(at), &[0.0, 1.0, 4.0, 4.0].map(beta), 1e-14, 0.0, "annealed");
    assert_close(&[value(annealed.held_out(&model, x.clone(), &mut noise()))], &[beta(4.0)], 1e-14, 0.0, "held out");
    assert!(!Objective::<Vae, Tensor<2>>::can_be_captured(&annealed));

    let posterior = model.posterior(x.clone());
    let each = model.kl_per_dimension(&posterior).unwrap();
    let sums = numbers(&json["kl"]);
    assert_close(&values(each.clone().sum_dim(1)), &sums, TOLERANCE, 0.0, "the KL of an example");
    let means = values(each.mean_dim(0));
    // Between the two dimensions' values, so that one of them has too little.
    let lambda = 0.5 * (means[0] + means[1]);
    let lacking: f64 = means.iter().map(|kl| (lambda - kl).max(0.0)).sum();
    let free = Elbo::new().free_bits(lambda);
    let found = value(free.loss(&model, x.clone(), &mut noise()));
    assert_close(&[found], &[beta(1.0) + lacking], 1e-12, 0.0, "free bits");
    assert!(lacking > 1e-3 && !Objective::<Vae, Tensor<2>>::is_mean_over_rows(&free));
    assert_close(&[value(free.held_out(&model, x.clone(), &mut noise()))], &[beta(1.0)], 1e-14, 0.0, "held out");
    let deep = VaeConfig::new(6).hidden_dim(4).latent_dims(vec![3, 2]).init(0, &device).unwrap();
    assert!(Objective::<Vae, Tensor<2>>::check(&free, &deep, x).unwrap_err().to_string().contains("free bits"));
}
