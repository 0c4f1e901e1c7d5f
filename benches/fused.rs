//! The parts of a training step of the VAE 784-400-20 at batch 128, each by its kernel and by tensor operations.
//!
//! cargo bench --bench fused
//!
//! Forward and back, in f32, on the CPU backend Flex, within rayon's pool as in training. After criterion's report come
//! the ratios, from alternating rounds of both ways.

use std::time::{Duration, Instant};

use criterion::Criterion;
use kiln::{
    burn::tensor::TensorData,
    prelude::*,
    tensor::{
        Stream,
        fused::{
            Activation, bernoulli_log_likelihood, categorical_log_likelihood, in_pool, linear, logsumexp,
            normal_kl_to_standard, normal_sample, set_enabled, squared_norm_and_max_abs,
        },
    },
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 128;

/// A part: its name, and one forward pass with its gradient.
type Part = (&'static str, Box<dyn FnMut() + Send>);

fn leaf(shape: [usize; 2], purpose: &str) -> Tensor<2> {
    plain(shape, purpose).require_grad()
}

fn plain(shape: [usize; 2], purpose: &str) -> Tensor<2> {
    Stream::new(0, purpose, 0, 0).normal(shape, &Device::flex().autodiff()) * 0.1
}

fn parts() -> Vec<Part> {
    let (hidden, latent) = (leaf([BATCH, 400], "hidden"), leaf([BATCH, 20], "latent"));
    let (pixels, weight) = (plain([BATCH, 784], "pixels"), leaf([784, 400], "weight"));
    let (bias, logits) = (leaf([1, 400], "bias"), leaf([BATCH, 784], "logits"));
    let classes = TensorData::new((0..BATCH as i64).map(|i| i % 10).collect::<Vec<_>>(), [BATCH, 1]);
    let classes = Tensor::<2, Int>::from_data(classes, &Device::flex().autodiff());
    let (scores, particles) = (leaf([BATCH, 10], "scores"), leaf([50, BATCH], "particles"));
    let (noise, values) = (plain([BATCH, 20], "noise"), pixels.clone().abs());
    let (gradient, log_scale) = (plain([784, 400], "gradient").without_autodiff(), leaf([BATCH, 20], "log-scale"));
    let x = pixels;
    vec![
        ("linear + bias + relu, 784 → 400", {
            Box::new(move || {
                let bias = bias.clone().reshape([400]);
                let y = linear(x.clone(), weight.clone(), Some(bias), Activation::Relu);
                y.sum().backward();
            })
        }),
        ("Bernoulli log-likelihood, 784", {
            Box::new(move || drop(bernoulli_log_likelihood(logits.clone(), values.clone()).mean().backward()))
        }),
        ("softmax cross-entropy, 10", {
            Box::new(move || drop(categorical_log_likelihood(scores.clone(), classes.clone()).mean().backward()))
        }),
        ("sample and KL, 20", {
            Box::new(move || {
                let z = normal_sample(latent.clone(), log_scale.clone(), noise.clone());
                let kl = normal_kl_to_standard(latent.clone(), log_scale.clone());
                drop((z.sum() + kl.mean()).backward());
            })
        }),
        ("logsumexp over 50 particles", Box::new(move || drop(logsumexp(particles.clone(), 0).mean().backward()))),
        ("norm and largest entry, 784×400", {
            Box::new(move || {
                std::hint::black_box(squared_norm_and_max_abs(gradient.clone()));
            })
        }),
        ("tanh of a layer, 400 → 400", {
            let square = leaf([400, 400], "square");
            Box::new(move || {
                let bias = Some(Tensor::zeros([400], &Device::flex().autodiff()));
                drop(linear(hidden.clone(), square.clone(), bias, Activation::Tanh).sum().backward());
            })
        }),
    ]
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(50);
    for (name, mut part) in parts() {
        for (way, on) in [("kernel", true), ("tensors", false)] {
            set_enabled(on);
            criterion.bench_function(&format!("{name}, {way}"), |bencher| {
                // Criterion itself cannot go into the pool.
                bencher.iter_custom(|rounds| in_pool(|| timed(rounds, &mut part)));
            });
        }
    }
    in_pool(ratios);
}

fn timed(rounds: u64, part: &mut Box<dyn FnMut() + Send>) -> Duration {
    let start = Instant::now();
    (0..rounds).for_each(|_| part());
    start.elapsed()
}

fn ratios() {
    println!("{:<36}{:>12}{:>12}{:>8}", "part", "kernel µs", "tensors µs", "ratio");
    for (name, mut part) in parts() {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..300 {
            for (times, on) in times.iter_mut().zip([true, false]) {
                set_enabled(on);
                let time = timed(1, &mut part);
                // The first rounds warm the caches.
                if round >= 20 {
                    times.push(time);
                }
            }
        }
        let [kernel, tensors] = times.map(median);
        println!("{name:<36}{:>12.1}{:>12.1}{:>8.2}", kernel * 1e6, tensors * 1e6, kernel / tensors);
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
