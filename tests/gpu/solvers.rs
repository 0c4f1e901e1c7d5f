//! Solvers and products with the Hessian on a GPU, beside the CPU.

use kiln::{
    burn::{
        nn::{Linear, LinearConfig},
        tensor::{DType, Int, activation::log_softmax},
    },
    models::RegressionLoss,
    optim::solver::{Stop, lbfgs, minimize, newton_cg, trust_ncg},
    prelude::*,
    tensor::derivative::{Function, Objective as _},
};

use super::gpu;

fn digits(device: &Device, n: usize) -> (Tensor<2>, Vec<usize>) {
    let rows: Vec<usize> = (0..n).collect();
    let digits = kiln::data::digits().subset(&rows);
    (digits.pixels(&rows, device), digits.targets())
}

fn values(x: Tensor<1>) -> Vec<f64> {
    x.try_into_vec_as().unwrap()
}

fn assert_near(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    let size = expected.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * size, "{what}, entry {i}: {a} on the GPU, {b} on the CPU");
    }
}

/// The end of a fit on the GPU is one for the CPU in f64: the gradient there is within twice the tolerance, once for the tolerance and once for
/// the rounding of f32 sums over 600 rows, and the loss is the smallest one to the rounding of f32. The weights are compared too: their
/// curvature is at least the penalty, 0.01, so that a gradient of 1e-5 along one direction is a distance of 1e-3 on each side. Intercepts have
/// no penalty, and a curvature that is much smaller.
#[test]
fn a_regression_has_the_same_minimum() {
    let Some(info) = gpu() else { return };
    const GTOL: f64 = 1e-5;
    let loss = |device: &Device, dtype: DType| {
        let (x, y) = digits(device, 600);
        RegressionLoss::new(x.cast(dtype), &y, 10).unwrap().l2(0.01).unwrap()
    };
    let fitted = |loss: &RegressionLoss| {
        let stop = Stop { gtol: GTOL, max_iter: 200, ..Stop::default() };
        let start = || loss.start();
        let runs = [
            minimize(loss, start(), &lbfgs(), &stop).unwrap(),
            minimize(loss, start(), &newton_cg(), &stop).unwrap(),
            minimize(loss, start(), &trust_ncg(), &stop).unwrap(),
        ];
        runs.map(|outcome| (outcome.value, values(outcome.x), outcome.iterations, outcome.evaluations.values))
    };
    let (cpu, precise) = (loss(&Device::flex(), DType::F32), loss(&Device::flex(), DType::F64));
    let stop = Stop { gtol: 1e-9, ..Stop::default() };
    let smallest = minimize(&precise, precise.start(), &trust_ncg(), &stop).unwrap().value;
    let names = ["l-bfgs", "newton-cg", "trust-ncg"];
    for ((cpu, gpu), name) in fitted(&cpu).into_iter().zip(fitted(&loss(&info.device(), DType::F32))).zip(names) {
        eprintln!("{name}: {} and {} iterations, {} and {} values", cpu.2, gpu.2, cpu.3, gpu.3);
        let end = Tensor::from_data(gpu.1.as_slice(), (&Device::flex(), DType::F64));
        let (value, gradient) = precise.value_and_grad(&end).unwrap();
        let (value, gradient) = (value.into_scalar::<f64>(), values(gradient));
        let largest = gradient.into_iter().fold(0.0f64, |max, g| max.max(g.abs()));
        eprintln!("{name}: {:.1e} above the smallest loss, gradient {largest:.1e}", value - smallest);
        assert!(largest <= 2.0 * GTOL, "{name}: on the CPU the gradient is {largest:e} there");
        assert!((value - smallest) / smallest <= 1e-6, "{name}: {value}, but the smallest loss is {smallest}");
        assert_near(&[gpu.0], &[value], 1e-6, name);
        let weights = gpu.1.len() - 10;
        assert_near(&gpu.1[..weights], &cpu.1[..weights], 2e-3, name);
    }
}

#[test]
fn products_with_the_hessian_are_those_of_the_cpu() {
    let Some(info) = gpu() else { return };
    let of = |device: &Device| {
        let layer = LinearConfig::new(64, 10).init(device);
        let (x, y) = digits(device, 100);
        let y: Vec<i32> = y.into_iter().map(|class| class as i32).collect();
        let y = Tensor::<1, Int>::from_data(y.as_slice(), device).unsqueeze_dim::<2>(1);
        let loss = Function::new(&layer, (x, y), |layer: &Linear, (x, y): (Tensor<2>, Tensor<2, Int>)| {
            -log_softmax(layer.forward(x).tanh() * 3.0, 1).gather(1, y).mean()
        });
        let n = loss.parameters().dims()[0];
        let vector = |purpose: &str, scale: f64| {
            let data: Vec<f64> = Stream::new(7, purpose, 0, 0).normal_vec(n).iter().map(|x| x * scale).collect();
            Tensor::<1>::from_data(data.as_slice(), device)
        };
        let (at, v) = (vector("at", 0.1), vector("v", 1.0));
        let (value, gradient) = loss.value_and_grad(&at).unwrap();
        [values(value), values(gradient), values(loss.hvp(&at, &v).unwrap())]
    };
    let (cpu, gpu) = (of(&Device::flex()), of(&info.device()));
    for ((cpu, gpu), what) in cpu.iter().zip(&gpu).zip(["value", "gradient", "H·v"]) {
        // Sums of 100 examples and 64 inputs, each rounded a few times.
        assert_near(gpu, cpu, 1e-5, what);
    }
}
