//! Resuming is exact for layers that draw from the device's own random numbers.
//!
//! This file has one test only: the CPU backends have one generator per process, which other tests would disturb.

use burn::{
    module::Module,
    nn::{Dropout, DropoutConfig, Linear},
    tensor::{Device, Tensor, activation::relu},
};
use kiln_data::{Labelled, digits};
use kiln_dist::Categorical;
use kiln_optim::AdamConfig;
use kiln_tensor::{Stream, init, weights};
use kiln_train::{Checkpoints, LikelihoodOf, TrainConfig, TrainStatus, Trainer};

#[derive(Module, Debug)]
struct Net {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

fn net() -> Net {
    let (device, mut stream) = (Device::default(), Stream::new(0, "init", 0, 0));
    Net {
        hidden: init::linear(64, 16, &mut stream, &device),
        dropout: DropoutConfig::new(0.5).init(),
        output: init::linear(16, 10, &mut stream, &device),
    }
}

#[test]
fn a_module_with_dropout_resumes_exactly() {
    let data = Labelled::new(digits().subset(&(0..300).collect::<Vec<_>>())).unwrap();
    let objective = LikelihoodOf::new(|net: &Net, x: Tensor<2>| {
        Categorical::from_logits(net.output.forward(net.dropout.forward(relu(net.hidden.forward(x)))))
    });
    let trainer = |epochs, seed| {
        let config = TrainConfig { epochs, seed, batch_size: 32, ..TrainConfig::default() };
        Trainer::new(config, AdamConfig::new().build().unwrap())
    };
    let whole = trainer(4, 7).fit(net(), &objective, &data, Some(&data)).unwrap();
    assert_eq!(whole.status, TrainStatus::Completed);

    let folder = tempfile::tempdir().unwrap();
    let saved = |epochs| trainer(epochs, 7).checkpoint_to(Checkpoints::new(folder.path(), 1));
    saved(2).fit(net(), &objective, &data, Some(&data)).unwrap();
    // Another use of the generator between the two processes.
    Device::default().seed(12345);
    let resumed = saved(4).load(net()).unwrap().fit(&objective, &data, Some(&data)).unwrap();
    assert_eq!(weights::to_bytes(&resumed.model).unwrap(), weights::to_bytes(&whole.model).unwrap());
    assert_eq!((resumed.train, resumed.test), (whole.train, whole.test));

    // Dropout does draw, and the seed decides what: with another seed the masks are others.
    let data_in_order = |seed| {
        let config = TrainConfig { epochs: 1, seed, batch_size: 1000, ..TrainConfig::default() };
        Trainer::new(config, AdamConfig::new().build().unwrap()).fit(net(), &objective, &data, None).unwrap().train.loss
    };
    assert!((data_in_order(1) - data_in_order(2)).abs() > 1e-6);
    assert_eq!(data_in_order(1).to_bits(), data_in_order(1).to_bits());
}
