//! A step that is captured once and replayed is the step that is computed each time, to the bit.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig};
use kiln::{
    data::{Binarize, Binarized},
    optim::{Average, Method, Schedule},
    prelude::*,
    tensor::{Stream, device::Backend, params::named},
    train::Loss,
};

use super::gpu;

/// Keeps the reports, and, if it is asked to, the models that it is shown.
struct Seen {
    reports: Arc<Mutex<Vec<String>>>,
    keeps: bool,
    kept: Vec<Vae>,
}

impl Observer<Vae> for Seen {
    fn wants_every_step(&self) -> bool {
        false
    }

    fn on_step(&mut self, report: &StepReport, model: &Watched<'_, Vae>) -> Result<ControlFlow<()>, TrainError> {
        let StepReport { step, metrics, lr, grad_norm, .. } = report;
        self.reports.lock().unwrap().push(format!("{step} {metrics:?} {lr:?} {grad_norm:?}"));
        if self.keeps {
            self.kept.push(model.module().clone());
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What must not differ by a bit: the parameters, the status, and what was reported.
#[derive(Debug, PartialEq)]
struct Trained {
    parameters: Vec<u32>,
    status: TrainStatus,
    steps: u64,
    reports: Vec<String>,
    train: String,
    test: String,
}

fn bits<M: Module>(model: &M) -> Vec<u32> {
    named(model).into_iter().flat_map(|p| p.data.iter::<f32>().map(f32::to_bits).collect::<Vec<_>>()).collect()
}

/// A run of six epochs of 14 steps of 128 images, the last of which is smaller. Returns also the number of replayed steps.
fn train<O>(captures: bool, keeps: bool, optimizer: FirstOrder, objective: &O, device: &Device) -> (Trained, u64)
where
    O: Objective<Vae, Tensor<2>>,
{
    let data =
        Binarized::new(kiln::data::digits().subset(&(0..1750).collect::<Vec<_>>()), Binarize::Dynamic, 7, "train");
    let reports = Arc::new(Mutex::new(Vec::new()));
    let model = VaeConfig::new(64).hidden_dim(64).latent_dim(4).init(3, &device.clone().autodiff()).unwrap();
    let schedule = Schedule::exponential(0.005, 0.9, 10.0).unwrap();
    let config = TrainConfig { epochs: 6, batch_size: 128, seed: 3, log_every: 9, schedule, ..TrainConfig::default() };
    let seen = Seen { reports: reports.clone(), keeps, kept: Vec::new() };
    let mut trainer = Trainer::new(config, optimizer).observe(seen);
    if captures {
        trainer = trainer.capture_steps();
    }
    let outcome = trainer.fit(model, objective, &data, Some(&data)).unwrap();
    let trained = Trained {
        parameters: bits(&outcome.model),
        status: outcome.status,
        steps: outcome.steps,
        reports: reports.lock().unwrap().clone(),
        train: format!("{:?}", outcome.train),
        test: format!("{:?}", outcome.test),
    };
    (trained, outcome.replayed)
}

fn compare<O: Objective<Vae, Tensor<2>>>(what: &str, keeps: bool, make: impl Fn() -> FirstOrder, objective: &O) -> u64 {
    let info = gpu().unwrap();
    let run = |captures| train(captures, keeps, make(), objective, &info.device());
    let ((computed, none), (captured, replayed)) = (run(false), run(true));
    assert_eq!(none, 0);
    assert_eq!(captured.reports, computed.reports, "{what}");
    assert_eq!(captured, computed, "{what}");
    replayed
}

fn adam() -> FirstOrder {
    AdamConfig::new().build().unwrap().into()
}

/// 84 steps. Some at the beginning are computed, and the last batch of each epoch.
const MOST: u64 = 84 - 6 - 4;

#[test]
fn replayed_steps_are_computed_steps() {
    if gpu().is_none() {
        return;
    }
    type Make = fn() -> FirstOrder;
    let cases: [(&str, Make); 4] = [
        ("Adam, clipped, averaged", || {
            let adam = AdamConfig::new().build().unwrap().averaged(Average::ema(0.9).unwrap());
            FirstOrder::from(adam).clip_norm(20.0).unwrap().clip_value(2.0).unwrap()
        }),
        ("Nesterov, with an average that begins late", || {
            NesterovConfig::new().build().unwrap().averaged(Average::uniform_from(20)).into()
        }),
        ("momentum on a schedule", || {
            MomentumConfig::new().with_schedule(Some(Schedule::sutskever(0.99).unwrap())).build().unwrap().into()
        }),
        ("AdamW", || AdamWConfig::new().build().unwrap().into()),
    ];
    for (what, make) in cases {
        let replayed = compare(what, false, make, &Elbo::new());
        eprintln!("{what}: {replayed} of 84 steps replayed");
        assert!((50..=MOST).contains(&replayed), "{what}: {replayed} replayed");
    }
    // With one particle the products have sizes for which they are tuned already.
    let replayed = compare("IWAE", false, adam, &Iwae::new(1));
    assert!(replayed >= 50, "IWAE: {replayed} replayed");
}

#[test]
fn a_model_that_someone_keeps_is_not_written() {
    if gpu().is_none() {
        return;
    }
    let replayed = compare("kept", true, adam, &Elbo::new());
    eprintln!("{replayed} steps replayed between the copies");
}

/// Objectives that say that they can be captured, and cannot.
enum Pretender {
    /// Draws on the host, another number in every step.
    Draws,
    /// Copies a tensor to the device, always the same.
    Copies,
}

impl Objective<Vae, Tensor<2>> for Pretender {
    fn loss(&self, model: &Vae, batch: Tensor<2>, stream: &mut Stream) -> Loss {
        let device = batch.device();
        let loss = Elbo::new().loss(model, batch, stream);
        let value = match self {
            Self::Draws => loss.value * (1.0 + stream.next_f64()),
            Self::Copies => loss.value * Tensor::from_data([1.25], &device),
        };
        Loss { value, ..loss }
    }

    fn can_be_captured(&self) -> bool {
        true
    }
}

#[test]
fn what_cannot_be_captured_is_computed() {
    let Some(info) = gpu() else { return };
    assert_eq!(compare("draws on the host", false, adam, &Pretender::Draws), 0);
    let replayed = compare("copies to the device", false, adam, &Pretender::Copies);
    // CUDA captures the copy, too, and repeats it.
    assert!(replayed == 0 || info.backend == Backend::Cuda, "{replayed} replayed");
}

/// A module with a layer that a graph would freeze.
#[derive(Module, Debug)]
struct Layered {
    linear: burn::nn::Linear,
    norm: Option<BatchNorm>,
    dropout: Option<Dropout>,
}

impl ConditionalModel for Layered {
    type Output = Categorical<2>;

    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        let x = match &self.norm {
            Some(norm) => norm.forward(inputs),
            None => inputs,
        };
        let x = match &self.dropout {
            Some(dropout) => dropout.forward(x),
            None => x,
        };
        Categorical::from_logits(self.linear.forward(x))
    }
}

#[test]
fn layers_that_change_by_themselves_are_computed() {
    let Some(info) = gpu() else { return };
    let device = info.device().autodiff();
    let data = Labelled::new(kiln::data::digits()).unwrap();
    let run = |norm, dropout| {
        let linear = kiln::tensor::init::linear(64, 10, &mut Stream::new(0, "init", 0, 0), &device);
        let model = Layered { linear, norm, dropout };
        let schedule = Schedule::constant(0.01).unwrap();
        let config = TrainConfig { epochs: 1, batch_size: 64, log_every: 14, schedule, ..TrainConfig::default() };
        let trainer = Trainer::new(config, adam()).capture_steps();
        trainer.fit(model, &MaximumLikelihood::new(), &data, None).unwrap().replayed
    };
    assert_eq!(run(Some(BatchNormConfig::new(64).init(&device)), None), 0, "running averages");
    assert_eq!(run(None, Some(DropoutConfig::new(0.5).init())), 0, "the device's random numbers");
    assert!(run(None, None) > 10, "the same without them");
}
