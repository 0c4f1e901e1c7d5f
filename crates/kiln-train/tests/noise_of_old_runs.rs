//! A run that an older Kiln began, and this one resumes, sees the noise that it would have seen.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use burn::{
    nn::Linear,
    tensor::{Device, Tensor},
};
use kiln_data::RegressionExamples;
use kiln_optim::{Schedule, Sgd};
use kiln_tensor::{Stream, init};
use kiln_train::{Checkpoints, Loss, Objective, TrainConfig, Trainer};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use sha2::{Digest, Sha256};

type Batch = (Tensor<2>, Tensor<2>);

/// Keeps the noise that it is given.
#[derive(Default)]
struct Noisy(Arc<Mutex<Vec<Vec<f64>>>>);

impl Objective<Linear, Batch> for Noisy {
    fn loss(&self, model: &Linear, (x, y): Batch, stream: &mut Stream) -> Loss {
        let noise: Tensor<2> = stream.normal(y.dims(), &y.device());
        self.0.lock().unwrap().push(noise.clone().try_into_vec_as().unwrap());
        Loss { value: (model.forward(x) - y + noise * 0.01).square().mean(), terms: Vec::new() }
    }
}

const SEED: u64 = 3;

fn noise_of_epochs(folder: &Path, epochs: u64, resumes: bool) -> Vec<Vec<f64>> {
    let inputs: Vec<f64> = (0..16).map(|i| (f64::from(i) * 0.37).sin()).collect();
    let data = RegressionExamples::new(inputs, 2, vec![1.0; 8]).unwrap();
    let schedule = Schedule::constant(0.1).unwrap();
    let config = TrainConfig { epochs, batch_size: 4, schedule, seed: SEED, ..TrainConfig::default() };
    let model = init::linear(2, 1, &mut Stream::new(5, "init", 0, 0), &Device::default());
    let trainer = Trainer::new(config, Sgd).checkpoint_to(Checkpoints::new(folder, 100));
    let objective = Noisy::default();
    let outcome = match resumes {
        true => trainer.load(model).unwrap().fit(&objective, &data, Some(&data)),
        false => trainer.fit(model, &objective, &data, Some(&data)),
    };
    outcome.unwrap();
    let seen = objective.0.lock().unwrap();
    seen.clone()
}

/// Makes the newest checkpoint one of Kiln 0.2: format 3, which does not say how the run makes its noise.
fn make_old(folder: &Path) {
    let newest = Checkpoints::new(folder, 100).latest().unwrap();
    let path = newest.path().join("state.json");
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let position = file["state"]["position"].as_object_mut().unwrap();
    assert_eq!(position.remove("normals"), Some("BoxMuller".into()));
    let digest = Sha256::digest(file["state"].to_string().as_bytes());
    file["sha256"] = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    file["format"] = 3.into();
    fs::write(path, serde_json::to_vec(&file).unwrap()).unwrap();
}

/// What Kiln 0.2 drew: the ziggurat of `rand_distr` on ChaCha8, with seed, the hash of the purpose, epoch and step as its key. The float
/// type of the default device is f32.
fn of_old_kiln(purpose: &str, epoch: u64, step: u64) -> Vec<f64> {
    let hash = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
    let purpose = purpose.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    let key: Vec<u8> = [SEED, purpose, epoch, step].into_iter().flat_map(u64::to_le_bytes).collect();
    let mut rng = rand_chacha::ChaCha8Rng::from_seed(key.try_into().unwrap());
    let draw = |_| {
        let number: f64 = StandardNormal.sample(&mut rng);
        f64::from(number as f32)
    };
    (0..4).map(draw).collect()
}

#[test]
fn an_old_run_keeps_its_noise() {
    let folder = tempfile::tempdir().unwrap();
    let first = noise_of_epochs(folder.path(), 1, false);
    assert_ne!(first[1], of_old_kiln("noise", 0, 1), "a new run has other noise");
    make_old(folder.path());
    // The check of the first batch, two steps, and two batches of the evaluation. And once more, from a checkpoint of this Kiln.
    for epoch in [1, 2] {
        let seen = noise_of_epochs(folder.path(), epoch + 1, true);
        for (step, place) in [(0, "noise"), (1, "noise")] {
            assert!(seen.contains(&of_old_kiln(place, epoch, step)), "epoch {epoch}, step {step}: {seen:?}");
        }
        // The data fit in one batch of the evaluation.
        assert_eq!(seen.last().unwrap()[..4], of_old_kiln("evaluate", 0, 0), "the evaluation of epoch {epoch}");
    }
}
