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
    assert_close(&values(kl), &numbers(&json["kl"]), TOLERANCE, 0.0, "KL");
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

/// Both likelihoods, by differences in one parameter after another.
#[test]
fn every_gradient_agrees_with_differences() {
    use kiln::models::Likelihood;
    let json = reference("vae");
    for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian] {
        let config = VaeConfig::new(6).hidden_dim(4).latent_dim(2).likelihood(likelihood);
        let names: Vec<NamedTensor> = named(&config.init(3, &f64_device()).unwrap());
        for (i, parameter) in names.iter().enumerate() {
            let at: Vec<f64> = parameter.data.clone().try_into_vec().unwrap();
            let f = |flat: Tensor<1>| {
                let device = flat.device();
                let blank = config.init(3, &device).unwrap();
                Elbo::new()
                    .loss_at_noise(&with_parameter(blank, i, flat), x(&json, &device), noise(&json, &device))
                    .value
            };
            // A relu's kink within the step of 6e-6 would show: these weights have none there.
            check_gradient(f, &at, 1e-8, &format!("{likelihood:?} {}", parameter.name));
        }
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

#[test]
fn sizes_of_zero_are_refused() {
    let message = VaeConfig::new(6).latent_dim(0).init(0, &f64_device()).unwrap_err().to_string();
    assert_eq!(message, "latent_dim must be at least 1, got 0");
}
