//! Rosenbrock's function of five numbers, minimised by L-BFGS from its value and gradient.

use kiln::prelude::*;

fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
    (1..x.len()).fold(0.0, |value, i| {
        let (a, b) = (1.0 - x[i - 1], x[i] - x[i - 1] * x[i - 1]);
        g[i - 1] -= 2.0 * a + 400.0 * x[i - 1] * b;
        g[i] += 200.0 * b;
        value + a * a + 100.0 * b * b
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let best = minimize_fn(rosenbrock, &[1.3, 0.7, 0.8, 1.9, 1.2], &lbfgs(), &Stop { gtol: 1e-8, ..Stop::default() })?;
    println!("{:?} {:e} {}", best.to_vec(), best.value, best.iterations);

    // Checks of this test, not of the task.
    assert!(best.success && best.to_vec().iter().all(|x| (x - 1.0).abs() < 1e-6));
    Ok(())
}
