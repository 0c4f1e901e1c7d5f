//! The GPU backend against the CPU: same seed, same data, the same losses.
//!
//! On a machine without a GPU this runs on a software Vulkan driver. Without any adapter it is skipped, and says so;
//! with the variable `KILN_EXPECT_ADAPTER` set, as in CI, that is a failure.
#![cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]

mod captured;
mod fused;
mod halts;
mod noise;
mod products;
mod rows;
mod solvers;
mod steps;

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use kiln::{
    prelude::*,
    tensor::device::{Backend, DeviceInfo, available},
};

const STEPS: usize = 20;

/// The losses of a run's steps.
struct Losses(Arc<Mutex<Vec<f64>>>);

impl<M> Observer<M> for Losses {
    fn on_step(&mut self, report: &StepReport, _: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        self.0.lock().unwrap().push(report.metrics.loss);
        Ok(ControlFlow::Continue(()))
    }
}

/// The device of the variable `KILN_GPU`, such as `vulkan:0`, or the first of any GPU backend.
fn gpu() -> Option<DeviceInfo> {
    let asked = std::env::var("KILN_GPU").ok();
    let is_gpu = |info: &DeviceInfo| match &asked {
        Some(name) => info.name == *name,
        None => matches!(info.backend, Backend::Cuda | Backend::Vulkan | Backend::Wgpu),
    };
    let found = available().into_iter().find(is_gpu);
    match &found {
        Some(info) => eprintln!("on {} ({}, {})", info.name, info.kind, info.description),
        None => {
            let expected = asked.is_some() || std::env::var_os("KILN_EXPECT_ADAPTER").is_some();
            assert!(!expected, "the GPU backends of this build find no adapter on this machine");
            eprintln!("skipped: the GPU backends of this build find no adapter on this machine");
        }
    }
    found
}

/// Losses of the first steps of `train` on a device.
fn losses<M: Module>(lr: f64, train: impl FnOnce(Trainer<'_, M>)) -> Vec<f64> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let schedule = Schedule::constant(lr).unwrap();
    let config = TrainConfig { epochs: 2, batch_size: 128, seed: 3, schedule, ..TrainConfig::default() };
    train(Trainer::new(config, AdamConfig::new().init().unwrap()).observe(Losses(seen.clone())));
    let seen = seen.lock().unwrap();
    assert!(seen.len() >= STEPS, "only {} steps", seen.len());
    seen[..STEPS].to_vec()
}

/// f32 with another order of summation: the relative difference of a step is near 1e-6, and 20 steps add up.
fn assert_equal_losses(cpu: &[f64], gpu: &[f64]) {
    for (step, (cpu, gpu)) in cpu.iter().zip(gpu).enumerate() {
        assert!((cpu - gpu).abs() <= 1e-4 * cpu.abs(), "step {step}: {cpu} on the CPU, {gpu} on the GPU");
    }
    assert!(cpu[STEPS - 1] < 0.9 * cpu[0], "the model learned nothing: {cpu:?}");
}

#[test]
fn a_vae_trains_alike_on_cpu_and_gpu() {
    let Some(info) = gpu() else { return };
    let data = kiln::data::digits();
    let run = |device: Device| {
        let model = VaeConfig::new(64).hidden_dim(64).latent_dim(4).init(3, &device.clone().autodiff()).unwrap();
        losses(1e-3, |trainer| drop(trainer.fit(model, &Elbo::new(), &data, None).unwrap()))
    };
    assert_equal_losses(&run(Device::flex()), &run(info.device()));
}

#[test]
fn softmax_regression_trains_alike_on_cpu_and_gpu() {
    let Some(info) = gpu() else { return };
    let data = Labelled::new(kiln::data::digits()).unwrap();
    let classes = data.images().classes();
    let run = |device: Device| {
        let model = SoftmaxRegression::new(64, classes, &device.clone().autodiff());
        losses(1e-2, |trainer| drop(trainer.fit(model, &MaximumLikelihood::new().l2(0.01), &data, None).unwrap()))
    };
    assert_equal_losses(&run(Device::flex()), &run(info.device()));
}
