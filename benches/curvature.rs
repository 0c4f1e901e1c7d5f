//! What curvature costs: an exact product with the Hessian of the perceptron 784-400-10 on 128 examples, in units of its
//! gradient, and the same product by differences.
//!
//! cargo bench --bench curvature
//!
//! In f32, on the CPU backend Flex, within rayon's pool; the layers and the likelihood of the gradient go through the fused
//! kernels. Medians of ratios over alternating rounds.

use std::time::{Duration, Instant};

use kiln::{
    burn::{nn::Linear, tensor::TensorData},
    prelude::*,
    tensor::{
        Stream,
        derivative::{Function, HvpMethod},
        fused::{Activation, categorical_log_likelihood, dense, in_pool},
        init,
    },
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Module, Debug)]
struct Perceptron {
    hidden: Linear,
    output: Linear,
}

fn time(repeats: u32, work: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    (0..repeats).for_each(|_| work());
    start.elapsed() / repeats
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    in_pool(run);
}

fn run() {
    let device = Device::flex();
    let mut stream = Stream::new(0, "init", 0, 0);
    let net = Perceptron {
        hidden: init::linear(784, 400, &mut stream, &device),
        output: init::linear(400, 10, &mut stream, &device),
    };
    let x = Stream::new(0, "pixels", 0, 0).uniform::<2>([128, 784], &device);
    let labels = TensorData::new((0..128i64).map(|i| i % 10).collect::<Vec<_>>(), [128, 1]);
    let labels = Tensor::<2, Int>::from_data(labels, &device);
    let loss = Function::new(&net, (x, labels), |net: &Perceptron, (x, labels): (Tensor<2>, Tensor<2, Int>)| {
        let logits = dense(&net.output, dense(&net.hidden, x, Activation::Tanh), Activation::Identity);
        categorical_log_likelihood(logits, labels).mean().neg()
    });
    let w = loss.parameters();
    let v = Stream::new(0, "direction", 0, 0).normal::<1>(w.dims(), &device);
    let differences = loss.clone().with_hvp_method(HvpMethod::Differences);
    let mut gradient = || drop(loss.value_and_grad(&w).expect("it has a gradient"));
    let mut exact = || drop(loss.hvp(&w, &v).expect("every operation has a rule"));
    let mut by_differences = || drop(differences.hvp(&w, &v).expect("it has a gradient"));
    for _ in 0..3 {
        time(20, &mut gradient);
        time(20, &mut exact);
        time(5, &mut by_differences);
    }
    let rounds: Vec<[f64; 3]> = (0..30)
        .map(|_| [time(20, &mut gradient), time(20, &mut exact), time(5, &mut by_differences)].map(|d| d.as_secs_f64()))
        .collect();
    let column = |i: usize| median(rounds.iter().map(|round| round[i]).collect());
    let ratio = |i: usize| median(rounds.iter().map(|round| round[i] / round[0]).collect());
    println!("| 784-400-10, batch 128 | ms | gradients |\n|---|---:|---:|");
    for (i, name) in ["gradient", "H·v, exact", "H·v, by differences"].into_iter().enumerate() {
        println!("| {name} | {:.2} | {:.2} |", 1e3 * column(i), ratio(i));
    }
}
