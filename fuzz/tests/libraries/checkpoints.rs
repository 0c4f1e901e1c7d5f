//! The files of a checkpoint.

use std::fs;

use kiln::{
    burn::{module::Module, tensor::Device},
    optim::AdamConfig,
    prelude::*,
    tensor::init,
    train::{Checkpoints, TrainError},
};
use kiln_fuzz::{Check, Session, mutate, session::scratch};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{ensure, variant};

/// A classifier with one layer.
#[derive(Module, Debug)]
pub(crate) struct Layer {
    linear: burn::nn::Linear,
}

impl ConditionalModel for Layer {
    type Output = Categorical<2>;

    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        Categorical::from_logits(self.linear.forward(inputs))
    }
}

pub(crate) fn layer(device: &Device) -> Layer {
    Layer { linear: init::linear(2, 2, &mut Stream::new(0, "init", 0, 0), device) }
}

/// A run of four epochs over six rows, which was stopped after two.
struct Run {
    folder: TempDir,
    device: Device,
    data: Examples,
}

impl Run {
    fn new() -> Self {
        let names = |prefix: &str| (0..2).map(|i| format!("{prefix}{i}")).collect();
        let inputs = vec![0.1, 0.2, 1.0, -1.0, 0.3, 0.7, -0.4, 0.2, 0.9, 0.8, -0.1, -0.6];
        let data = Examples::new(inputs, vec![0, 1, 0, 1, 1, 0], names("x"), names("c")).expect("sound examples");
        let folder = scratch();
        let device = DeviceChoice::Cpu.resolve().expect("a CPU").device();
        let run = Self { folder, device, data };
        run.trainer(2)
            .fit(layer(&run.device.clone().autodiff()), &MaximumLikelihood::new(), &run.data, None)
            .expect("it trains");
        run
    }

    fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.folder.path(), 1)
    }

    fn trainer(&self, epochs: u64) -> Trainer<'_, Layer> {
        let config = TrainConfig { epochs, batch_size: 4, ..TrainConfig::default() };
        Trainer::new(config, AdamConfig::new().init().expect("sound settings")).checkpoint_to(self.checkpoints())
    }

    /// The three files of the newest checkpoint.
    fn files(&self) -> [Vec<u8>; 3] {
        let checkpoint = self.checkpoints().latest().expect("a checkpoint");
        ["state.json", "model.bpk", "optimizer.bpk"]
            .map(|name| fs::read(checkpoint.path().join(name)).expect("a file of the checkpoint"))
    }

    /// Loads a checkpoint of these three files and trains on.
    fn go_on(&self, [state, model, optimizer]: [&[u8]; 3]) -> Check {
        for entry in fs::read_dir(self.folder.path()).expect("the folder").flatten() {
            fs::remove_dir_all(entry.path()).expect("a checkpoint that can be removed");
        }
        let place = self.folder.path().join("step-000000004");
        fs::create_dir(&place).expect("a folder");
        for (name, bytes) in [("state.json", state), ("model.bpk", model), ("optimizer.bpk", optimizer)] {
            fs::write(place.join(name), bytes).expect("a file");
        }
        let start = layer(&self.device.clone().autodiff());
        let parameters = start.num_params();
        let loaded = match self.trainer(4).load(start) {
            Ok(loaded) => loaded,
            Err(TrainError::Checkpoint(error)) => return Ok(variant(&error)),
            Err(error) => return Ok(variant(&error)),
        };
        match loaded.fit(&MaximumLikelihood::new(), &self.data, None) {
            Ok(outcome) => {
                ensure(outcome.model.num_params() == parameters, || "the model has another size".into())?;
                Ok(format!("{:?}", outcome.status))
            }
            Err(error) => Ok(variant(&error)),
        }
    }
}

/// The text of a `state.json` with the checksums of these files, and of itself.
fn with_checksums(file: &[u8], model: &[u8], optimizer: &[u8]) -> Vec<u8> {
    let hex = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut file: serde_json::Value = serde_json::from_slice(file).expect("a sound state");
    file["state"]["model_sha256"] = hex(model).into();
    file["state"]["optimizer_sha256"] = hex(optimizer).into();
    file["sha256"] = hex(file["state"].to_string().as_bytes()).into();
    serde_json::to_vec(&file).expect("it has string keys only")
}

#[test]
fn checkpoint_state() {
    let run = Run::new();
    let [state, model, optimizer] = run.files();
    Session::new("checkpoint_state").seed(state).mutated_by(|random, input| mutate::json(random, input, &[])).run(
        |state| {
            // The checksums of this process's files, so that a state of another process is the same input.
            let whole = |file: &serde_json::Value| {
                ["model_sha256", "optimizer_sha256"]
                    .iter()
                    .all(|name| file["state"][name].as_str().is_some_and(|sum| sum.len() == 64))
            };
            let sound = serde_json::from_slice(state).is_ok_and(|state| whole(&state));
            let state = if sound { with_checksums(state, &model, &optimizer) } else { state.to_vec() };
            run.go_on([&state, &model, &optimizer])
        },
    );
}

#[test]
fn checkpoint_model() {
    let run = Run::new();
    let [state, model, optimizer] = run.files();
    Session::new("checkpoint_model")
        .seed(model)
        .run(|model| run.go_on([&with_checksums(&state, model, &optimizer), model, &optimizer]));
}

#[test]
fn checkpoint_optimizer() {
    let run = Run::new();
    let [state, model, optimizer] = run.files();
    Session::new("checkpoint_optimizer")
        .seed(optimizer)
        .run(|optimizer| run.go_on([&with_checksums(&state, &model, optimizer), &model, optimizer]));
}
