//! Measures how fast gradient descent, momentum and Nesterov's method converge on an ill-conditioned quadratic.
//!
//! ```sh
//! cargo run --release --example convergence
//! ```
//!
//! In theory the distance to the minimum falls per step by a factor of (κ − 1)/(κ + 1), (√κ − 1)/(√κ + 1) and 1 − 1/√κ. The program
//! should print rates within 2% of these. `kiln rates` measures more.

use kiln::{
    burn::{module::Param, optim::GradientsParams, tensor::TensorData},
    optim::rate,
    prelude::*,
};

/// Condition number: curvatures from 1/κ to 1.
const KAPPA: f64 = 400.0;

#[derive(Module, Debug)]
struct Point {
    x: Param<Tensor<1>>,
}

/// The errors J(θ_k) = ½ Σ aθ² at each step, from a start at the vector of ones. The minimum of J is 0.
fn errors(mut optimizer: FirstOrder, lr: f64, steps: u64) -> anyhow::Result<Vec<(u64, f64)>> {
    let device = Device::default().autodiff();
    let curvatures: Vec<f64> = (0..10).map(|i| KAPPA.powf(-f64::from(i) / 9.0)).collect();
    let a = Tensor::<1>::from_data(TensorData::new(curvatures, [10]), &device);
    let mut point = Point { x: Param::from_tensor(Tensor::ones([10], &device)) };
    let error = |point: &Point| (point.x.val().square() * a.clone()).sum() * 0.5;
    let mut curve = Vec::new();
    for k in 0..steps {
        curve.push((k, error(&optimizer.iterate(&point)).without_autodiff().into_scalar::<f64>()));
        let gradients = GradientsParams::from_grads(error(&point).backward(), &point);
        point = optimizer.step(lr, point, gradients)?;
    }
    Ok(curve)
}

fn main() -> anyhow::Result<()> {
    Device::flex().configure(kiln::burn::tensor::FloatDType::F64)?;
    let root = KAPPA.sqrt();
    let polyak = ((root - 1.0) / (root + 1.0)).powi(2);
    let momentum = MomentumConfig::new().with_momentum(polyak).build()?;
    let nesterov = NesterovConfig::new().with_momentum((root - 1.0) / (root + 1.0)).build()?;
    for (name, optimizer, lr, factor) in [
        ("gradient descent", Sgd.into(), 2.0 / (1.0 + 1.0 / KAPPA), (KAPPA - 1.0) / (KAPPA + 1.0)),
        ("momentum", momentum.into(), (2.0 / (1.0 + 1.0 / root)).powi(2), (root - 1.0) / (root + 1.0)),
        ("Nesterov", nesterov.into(), 1.0, 1.0 - 1.0 / root),
    ] {
        let curve = errors(optimizer, lr, 2500)?;
        // The error is proportional to the square of the distance.
        let measured = (-0.5 * rate::linear(&curve[500..])?.value).exp();
        let off = 100.0 * (measured.ln() / factor.ln() - 1.0);
        println!("{name:<17} factor a step {measured:.5}, theory {factor:.5} ({off:+.1}%)");
    }
    Ok(())
}
