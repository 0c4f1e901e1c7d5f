//! A step of the first-order methods on the 652 824 parameters of the VAE 784-400-20, beside Burn's own SGD.
//!
//! cargo bench --bench first_order
//!
//! The gradients are fresh tensors in every step, as they are in training, and the model belongs to the optimiser alone.
//! After criterion's report a line for each method gives its time as a ratio to Burn's SGD without momentum, from
//! alternating runs of all: the machine's moods hit them alike.

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion};
use kiln::{
    burn::{
        module::{ModuleVisitor, Param},
        optim::{self, GradientsParams},
    },
    prelude::*,
};

/// A gradient for every parameter, in memory of its own.
fn gradients(model: &Vae) -> GradientsParams {
    struct Fresh(GradientsParams);
    impl ModuleVisitor for Fresh {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.register(param.id, param.val().without_autodiff() * 1e-3);
        }
    }
    let mut fresh = Fresh(GradientsParams::new());
    model.visit(&mut fresh);
    fresh.0
}

fn methods() -> Vec<(&'static str, FirstOrder)> {
    let momentum = optim::momentum::MomentumConfig::new().with_dampening(0.0);
    vec![
        ("burn sgd", FirstOrder::from(optim::SgdConfig::new().build())),
        ("burn sgd + momentum", FirstOrder::from(optim::SgdConfig::new().with_momentum(Some(momentum)).build())),
        ("kiln sgd", FirstOrder::from(Sgd)),
        ("kiln momentum", FirstOrder::from(MomentumConfig::new().build().expect("0.9 is a momentum"))),
        ("kiln nesterov", FirstOrder::from(NesterovConfig::new().build().expect("0.9 is a momentum"))),
        ("kiln torch-sgd + momentum", {
            FirstOrder::from(TorchSgdConfig::new().with_momentum(0.9).build().expect("0.9 is a momentum"))
        }),
    ]
}

fn model() -> Vae {
    VaeConfig::new(784).init(0, &Device::flex().autodiff()).expect("no size is zero")
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(50);
    for (name, mut optimizer) in methods() {
        // A gradient belongs to a parameter by its id, which the template shares.
        let template = model();
        let mut held = Some(template.clone());
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched(
                || gradients(&template),
                |gradients| {
                    let model = held.take().expect("it is put back below");
                    held = Some(optimizer.step(1e-6, model, gradients).expect("every parameter has a gradient"));
                },
                BatchSize::PerIteration,
            );
        });
    }
    ratios();
}

/// Rounds of one step of each method in turn; the median of each method's times over the median of the first's.
fn ratios() {
    let template = model();
    let mut lanes: Vec<_> =
        methods().into_iter().map(|(name, o)| (name, o, Some(template.clone()), Vec::new())).collect();
    for round in 0..400 {
        for (_, optimizer, held, times) in &mut lanes {
            let gradients = gradients(&template);
            let model = held.take().expect("it is put back below");
            let start = Instant::now();
            *held = Some(optimizer.step(1e-6, model, gradients).expect("every parameter has a gradient"));
            // The first rounds make the states and warm the caches.
            if round >= 20 {
                times.push(start.elapsed());
            }
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let first = median(&mut lanes[0].3);
    println!("{:<28}{:>12}{:>10}", "method", "median ms", "ratio");
    for (name, _, _, times) in &mut lanes {
        let time = median(times);
        println!("{name:<28}{:>12.3}{:>10.2}", time * 1e3, time / first);
    }
}
