//! Kiln's side of the comparison on a GPU: seconds per step, and per fit, as one JSON object. `run.sh` starts it.
//!
//! ```text
//! gpu --device cuda:0 [--smoke]
//! ```

use std::time::Instant;

use kiln::{
    burn::tensor::TensorData,
    data::Images,
    models::{HiddenActivation, RegressionLoss},
    optim::solver::{Stop, lbfgs, minimize},
    prelude::*,
    tensor::DeviceChoice,
};
use serde_json::{Map, Value, json};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1));
    // `cargo bench` and `cargo test` start it without a device.
    let Some(device) = after("--device") else { return };
    let smoke = arguments.iter().any(|a| a == "--smoke");
    let info = device.parse::<DeviceChoice>().and_then(|choice| choice.resolve()).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2);
    });
    let mut results = Map::new();
    results.insert("library".into(), json!(format!("kiln {}", env!("CARGO_PKG_VERSION"))));
    results.insert("device".into(), json!(info.name));
    results.insert("card".into(), json!(info.description));
    let vae = || VaeConfig::new(784).hidden_dim(400).latent_dim(20);
    let iwae = || VaeConfig::new(784).hidden_dims(vec![200, 200]).activation(HiddenActivation::Tanh).latent_dim(50);
    let device = info.device();
    for (key, config, batch) in [("vae-128", vae(), 128), ("vae-4096", vae(), 4096)] {
        results.insert(key.into(), step(&config, &Elbo::new(), batch, &device, smoke, true));
        results.insert(format!("{key}-computed"), step(&config, &Elbo::new(), batch, &device, smoke, false));
    }
    results.insert("iwae-20".into(), step(&iwae(), &Iwae::new(50), 20, &device, smoke, true));
    let (seconds, loss) = logistic(if smoke { 10_000 } else { 1_000_000 }, 100, &device);
    results.insert("logistic".into(), json!(seconds));
    results.insert("logistic-loss".into(), json!(loss));
    println!("{}", Value::Object(results));
}

/// Seconds per step of a training run, after a run of the same shapes: the median of five runs. A step is captured, or each is computed.
fn step<O: Objective<Vae, Tensor<2>>>(
    config: &VaeConfig,
    objective: &O,
    batch: usize,
    device: &Device,
    smoke: bool,
    captures: bool,
) -> Value {
    let steps = if smoke { 3 } else { (50_000 / batch).clamp(50, 400) };
    let rows = steps * batch;
    let bits = Stream::new(0, "pixels", 0, 0).uniform_vec(rows.min(20_000) * 784);
    let pixels: Vec<u8> = (0..rows * 784).map(|i| u8::from(bits[i % bits.len()] > 0.5)).collect();
    let images = Images::unlabelled(pixels, 28, 28, 1).expect("zeros and ones");
    let run = || {
        let schedule = Schedule::constant(1e-3).expect("it is positive");
        let train = TrainConfig { epochs: 1, batch_size: batch, log_every: 10_000, schedule, ..TrainConfig::default() };
        let model = config.init(0, &device.clone().autodiff()).expect("no size is zero");
        let mut trainer = Trainer::new(train, AdamConfig::new().build().expect("the defaults are in range"));
        if captures {
            trainer = trainer.capture_steps();
        }
        let outcome = trainer.fit(model, objective, &images, None).expect("it trains");
        batch as f64 / outcome.examples_per_s
    };
    run();
    let mut times: Vec<f64> = (0..if smoke { 1 } else { 5 }).map(|_| run()).collect();
    times.sort_by(f64::total_cmp);
    json!(times[times.len() / 2])
}

/// Seconds of an L-BFGS fit with a penalty of 1e-4 to a gradient of 1e-6 per row, and its loss; the median of three fits.
fn logistic(n: usize, d: usize, device: &Device) -> (f64, f64) {
    let mut stream = Stream::new(0, "rows", 0, 0);
    let x: Vec<f32> = stream.uniform_vec(n * d).into_iter().map(|u| (2.0 * u - 1.0) as f32).collect();
    let weight: Vec<f64> = stream.uniform_vec(d).into_iter().map(|u| 2.0 * u - 1.0).collect();
    let noise = stream.uniform_vec(n);
    let side = |i: usize| x[i * d..][..d].iter().zip(&weight).map(|(x, w)| f64::from(*x) * w).sum::<f64>();
    let y: Vec<usize> = (0..n).map(|i| usize::from(side(i) + 4.0 * noise[i] - 2.0 > 0.0)).collect();
    let x = Tensor::<2>::from_data(TensorData::new(x, [n, d]), device);
    let fit = || {
        let begin = Instant::now();
        let loss = RegressionLoss::new(x.clone(), &y, 2).expect("rows and classes").l2(1e-4).expect("a penalty");
        let stop = Stop { gtol: 1e-6, ..Stop::default() };
        let outcome = minimize(&loss, loss.start(), &lbfgs(), &stop).expect("it can be evaluated");
        (begin.elapsed().as_secs_f64(), outcome.value)
    };
    fit();
    let mut fits: Vec<(f64, f64)> = (0..3).map(|_| fit()).collect();
    fits.sort_by(|a, b| a.0.total_cmp(&b.0));
    fits[1]
}
