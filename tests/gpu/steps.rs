//! Steps that do not wait for the host are the steps that do.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use kiln::{
    optim::{Average, Method, Schedule, TorchSgdConfig},
    prelude::*,
    tensor::params::{NamedTensor, named},
};

use super::gpu;

/// Sees the steps that are due, and has the loop wait for each step, or not.
struct Seen {
    waits: bool,
    reports: Arc<Mutex<Vec<StepReport>>>,
}

impl<M> Observer<M> for Seen {
    fn wants_every_step(&self) -> bool {
        self.waits
    }

    fn on_step(&mut self, report: &StepReport, _: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        if report.due {
            self.reports.lock().unwrap().push(report.clone());
        }
        Ok(ControlFlow::Continue(()))
    }
}

struct Trained {
    outcome: TrainOutcome<SoftmaxRegression>,
    parameters: Vec<NamedTensor>,
    reports: Vec<StepReport>,
}

fn train(waits: bool, optimizer: FirstOrder, config: &TrainConfig, device: &Device, data: &Labelled) -> Trained {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let model = SoftmaxRegression::new(64, data.images().classes(), &device.clone().autodiff());
    let trainer = Trainer::new(config.clone(), optimizer).observe(Seen { waits, reports: reports.clone() });
    let outcome = trainer.fit(model, &MaximumLikelihood::new().l2(0.01), data, Some(data)).unwrap();
    let parameters = named(&outcome.model);
    let reports = reports.lock().unwrap().clone();
    Trained { outcome, parameters, reports }
}

fn config() -> TrainConfig {
    let schedule = Schedule::exponential(0.02, 0.9, 10.0).unwrap();
    TrainConfig { epochs: 2, batch_size: 200, seed: 3, log_every: 4, schedule, ..TrainConfig::default() }
}

type Make = fn() -> FirstOrder;

fn optimizers() -> Vec<(&'static str, Make)> {
    vec![
        ("SGD", || Sgd.into()),
        ("momentum on a schedule", || {
            let schedule = Some(Schedule::sutskever(0.99).unwrap());
            MomentumConfig::new().with_schedule(schedule).build().unwrap().into()
        }),
        ("Nesterov", || NesterovConfig::new().build().unwrap().into()),
        ("PyTorch's SGD", || {
            TorchSgdConfig::new().with_momentum(0.9).with_nesterov(true).with_weight_decay(0.01).build().unwrap().into()
        }),
        ("Adam", || AdamConfig::new().build().unwrap().into()),
        ("AdamW", || AdamWConfig::new().build().unwrap().into()),
        ("Adam with an average", || AdamConfig::new().build().unwrap().averaged(Average::ema(0.9).unwrap()).into()),
        ("Nesterov with a late average", || {
            NesterovConfig::new().build().unwrap().averaged(Average::uniform_from(5)).into()
        }),
        ("groups", || {
            let nesterov = NesterovConfig::new().build().unwrap();
            let first = FirstOrder::from(nesterov.clone().with_weight_decay(1e-3).unwrap());
            first.group(burn::module::ParamGroup::from_predicate("bias"), nesterov.with_lr_scale(2.0).unwrap())
        }),
        ("clipped", || {
            FirstOrder::from(AdamConfig::new().build().unwrap()).clip_norm(0.3).unwrap().clip_value(0.05).unwrap()
        }),
    ]
}

/// Both ways do the same operations in the same order, but for the sum of squares, and for products and sums that a compiler joins into
/// one rounding: some 20 steps, each with a relative difference of one f32 rounding (6e-8) of the largest parameter.
pub(super) fn assert_close(a: &[f64], b: &[f64], what: &str) {
    let largest = b.iter().fold(0f64, |m, x| m.max(x.abs()));
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 2e-6 * largest, "{what}: {a} and {b} of {largest}");
    }
}

/// A loss is a mean over up to 200 rows of ten classes in f32, at parameters that differ as [`assert_close`] says; so is a norm. The logits
/// are sums of 64 such products, which multiplies the difference by less than 5.
pub(super) fn assert_same_loss(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-5 * b.abs(), "{what}: {a} and {b}");
}

fn assert_alike(a: &Trained, b: &Trained, what: &str) {
    for (a, b) in a.parameters.iter().zip(&b.parameters) {
        let [of_a, of_b] = [a, b].map(|parameter| parameter.data.clone().iter::<f64>().collect::<Vec<f64>>());
        assert_close(&of_a, &of_b, &format!("{what}: {}", a.name));
        assert!(of_b.iter().any(|x| *x != 0.0), "{what}: nothing was learned");
    }
    assert_eq!(a.outcome.steps, b.outcome.steps, "{what}");
    assert_eq!(a.outcome.gradients, b.outcome.gradients, "{what}");
    let close = |a: f64, b: f64, of: &str| assert_same_loss(a, b, &format!("{what}, {of}"));
    close(a.outcome.train.loss, b.outcome.train.loss, "training loss");
    close(a.outcome.test.as_ref().unwrap().loss, b.outcome.test.as_ref().unwrap().loss, "test loss");
    close(a.outcome.max_abs_grad, b.outcome.max_abs_grad, "largest entry");
    assert_eq!(a.reports.len(), b.reports.len(), "{what}");
    for (a, b) in a.reports.iter().zip(&b.reports) {
        assert_eq!((a.step, a.epoch, a.batch_size), (b.step, b.epoch, b.batch_size), "{what}");
        assert_eq!((a.lr.to_bits(), a.momentum), (b.lr.to_bits(), b.momentum), "{what}");
        close(a.metrics.loss, b.metrics.loss, "loss of a step");
        close(a.metrics.term("nll").unwrap(), b.metrics.term("nll").unwrap(), "term of a step");
        close(a.grad_norm, b.grad_norm, "norm");
    }
}

#[test]
fn steps_without_waiting_are_the_steps_with_it() {
    let Some(info) = gpu() else { return };
    let data = Labelled::new(kiln::data::digits()).unwrap();
    for (what, optimizer) in optimizers() {
        assert!(optimizer().deferred().is_some(), "{what}: every step waits");
        let waiting = train(true, optimizer(), &config(), &info.device(), &data);
        let ahead = train(false, optimizer(), &config(), &info.device(), &data);
        assert_eq!(ahead.reports.len(), 4, "18 steps, one report in 4");
        assert_alike(&ahead, &waiting, what);
        let on_cpu = train(true, optimizer(), &config(), &Device::flex(), &data);
        let (gpu, cpu) = (ahead.outcome.train.loss, on_cpu.outcome.train.loss);
        assert!((gpu - cpu).abs() <= 1e-4 * cpu, "{what}: {gpu} and {cpu} on the CPU");
    }
}
