//! Data that do not fit the model are a typed error, not a panic.

use kiln::{
    burn::tensor::Device,
    data::{Examples, Labelled, digits},
    models::{SoftmaxRegression, VaeConfig},
    optim::Sgd,
    train::{Elbo, MaximumLikelihood, TrainConfig, TrainError, Trainer},
};

#[test]
fn ten_classes_do_not_fit_three_outputs() {
    let device = Device::flex();
    let model = SoftmaxRegression::new(64, 3, &device.clone().autodiff());
    let data = Labelled::new(digits()).unwrap();
    let error =
        Trainer::new(TrainConfig::default(), Sgd).fit(model, &MaximumLikelihood::new(), &data, None).unwrap_err();
    assert!(matches!(error, TrainError::Mismatch(_)), "{error}");
}

#[test]
fn a_table_of_another_width_is_refused() {
    let device = Device::flex();
    let data = Examples::from_slices(&[1.0, 2.0, 3.0, 4.0], 2, &[0, 1]).unwrap();
    let model = SoftmaxRegression::new(3, 2, &device.clone().autodiff());
    let error =
        Trainer::new(TrainConfig::default(), Sgd).fit(model, &MaximumLikelihood::new(), &data, None).unwrap_err();
    assert!(matches!(error, TrainError::Mismatch(_)), "{error}");
    let model = VaeConfig::new(63).hidden_dim(8).latent_dim(2).init(0, &device.autodiff()).unwrap();
    let error = Trainer::new(TrainConfig::default(), Sgd).fit(model, &Elbo::new(), &digits(), None).unwrap_err();
    assert!(matches!(error, TrainError::Mismatch(_)), "{error}");
}
