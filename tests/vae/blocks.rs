//! Activations, normalisation, residual blocks and conditions, against PyTorch in float64 (`reference/vae_blocks.json`).

use kiln::{
    burn::optim::GradientsParams,
    models::HiddenActivation,
    prelude::*,
    train::{ImportanceGradient, Iwae},
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

use super::{gradients, named_model};

/// GELU and SiLU, layer normalisation and residual blocks of both kinds; the second model is given one of three classes.
#[test]
fn blocks_and_classes_match_pytorch() {
    for (name, activation) in [("gelu", HiddenActivation::Gelu), ("silu", HiddenActivation::Silu)] {
        let (json, device) = (&reference("vae_blocks")[name], f64_device().autodiff());
        let classes = json["classes"].as_u64().unwrap() as usize;
        let config = VaeConfig::new(35).hidden_dim(6).latent_dim(2).convolutions([5, 7], vec![2, 3]);
        let config = config.activation(activation).layer_norm(true).residual_blocks(1).condition_dim(classes);
        let model = named_model(json, &config, &device);
        let mut rows: Tensor<2> = tensor(&numbers(&json["x"]), [4, 35], &device);
        if classes > 0 {
            rows = Tensor::cat(vec![rows, tensor(&numbers(&json["given"]), [4, classes], &device)], 1);
        }
        let noise: Tensor<2> = tensor(&numbers(&json["eps"]), [4, 2], &device);
        let loss = Elbo::new().loss_at_noise(&model, rows, noise);
        assert_close(&values(-loss.value.clone()), &numbers(&json["elbo"]), 1e-12, 0.0, name);
        let of_parameters = gradients(&model, &GradientsParams::from_grads(loss.value.backward(), &model));
        let expected = json["gradients"].as_object().unwrap();
        assert_eq!(of_parameters.len(), expected.len(), "{name}: as many parameters");
        for (parameter, gradient) in expected {
            assert_close(&of_parameters[parameter], &numbers(gradient), 1e-10, 1e-12, &format!("{name} {parameter}"));
        }
    }
}

/// Several samples of an image have its class, and one class is for all images.
#[test]
fn a_condition_belongs_to_its_image() {
    let device = f64_device();
    let model = VaeConfig::new(6).hidden_dim(5).latent_dim(2).condition_dim(3).init(0, &device).unwrap();
    assert_eq!((model.data_dim(), model.condition_dim()), (6, 3));
    let mut stream = Stream::new(0, "condition", 0, 0);
    let z = stream.normal::<2>([4, 2], &device);
    let indicators = |classes: &[usize]| {
        let values: Vec<f64> =
            classes.iter().flat_map(|class| (0..3).map(|i| f64::from(u8::from(i == *class)))).collect();
        tensor::<2>(&values, [classes.len(), 3], &device)
    };
    let both = model.conditioned(indicators(&[2, 0])).likelihood(z.clone()).mean();
    let one = |class: usize, row: usize| {
        values(model.conditioned(indicators(&[class])).likelihood(z.clone()).mean())[6 * row..6 * (row + 1)].to_vec()
    };
    let expected = [one(2, 0), one(0, 1), one(2, 2), one(0, 3)].concat();
    assert_close(&values(both), &expected, 1e-14, 0.0, "rows 0 and 2 are of class 2");
    let rows = Tensor::<2>::ones([2, 6], &device);
    let error = model.check_inputs(&rows).unwrap_err().to_string();
    assert_eq!(error, "the model takes 9 columns but the inputs have 6");
    let with = Tensor::cat(vec![rows, indicators(&[1, 1])], 1);
    let (given, x) = model.given(with.clone());
    assert_eq!(x.dims(), [2, 6]);
    assert_eq!(values(given.encode(x.clone())), values(model.conditioned(indicators(&[1])).encode(x)));
    // The bound of all images is the mean of those of each, also with the other gradient.
    let noise = z;
    for how in [ImportanceGradient::Plain, ImportanceGradient::DoublyReparameterized] {
        let with = Tensor::cat(vec![x_of(&device), indicators(&[2, 0])], 1);
        let bound = |rows: Tensor<2>, noise: Tensor<2>| {
            values(Iwae::new(2).gradient(how).loss_at_noise(&model, rows, noise).value)[0]
        };
        let of_image = |i: usize| {
            let noise = Tensor::cat(vec![noise.clone().narrow(0, i, 1), noise.clone().narrow(0, 2 + i, 1)], 0);
            bound(with.clone().narrow(0, i, 1), noise)
        };
        let mean = (of_image(0) + of_image(1)) / 2.0;
        assert_close(&[bound(with.clone(), noise.clone())], &[mean], 1e-13, 0.0, &format!("{how:?}"));
    }
}

/// Two images.
fn x_of(device: &Device) -> Tensor<2> {
    tensor(&[0.1, 0.9, 0.3, 0.0, 1.0, 0.5, 0.7, 0.2, 0.0, 0.4, 0.6, 1.0], [2, 6], device)
}
