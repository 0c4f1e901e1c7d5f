//! Sums of squares by the Gauss–Newton matrix, against NIST's certified values.

use burn::{module::Param, tensor::Tensor};
use kiln_optim::solver::{Stop, minimize, newton, newton_cg, trust_ncg};
use kiln_tensor::derivative::{Function, GaussNewton};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

#[test]
fn the_certified_parameters_are_found() {
    let device = f64_device();
    for row in reference("least_squares")["rows"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let column = |key: &str| {
            let numbers = numbers(&row[key]);
            tensor(&numbers, [numbers.len()], &device)
        };
        let scale = column("scale");
        let start = column("start") / scale.clone();
        let curve = Function::new(
            &Param::from_tensor(start.clone()),
            (column("x"), scale.clone()),
            |w: &Param<Tensor<1>>, (x, scale): (Tensor<1>, Tensor<1>)| {
                let b = w.val() * scale;
                let b = |i: usize| b.clone().slice(i..=i);
                match name {
                    "misra1a" => b(0) * (-(-b(1) * x).exp() + 1.0),
                    _ => b(0) / ((b(1) - b(2) * x).exp() + 1.0),
                }
            },
        );
        let loss = GaussNewton::new(curve, column("y"), |z: Tensor<1>, y| (z - y).square().sum()).unwrap();
        let stop = Stop { gtol: 1e-7, max_iter: 100, ..Stop::default() };
        for (outcome, what) in [
            (minimize(&loss, start.clone(), &trust_ncg(), &stop).unwrap(), "trust-ncg"),
            (minimize(&loss, start.clone(), &newton(), &stop).unwrap(), "newton"),
            (minimize(&loss, start, &newton_cg(), &stop).unwrap(), "newton-cg"),
        ] {
            let what = format!("{name} by {what} in {} steps", outcome.iterations);
            println!("{what}");
            assert!(outcome.success, "{what}: {} {:e}", outcome.message, outcome.grad_norm);
            assert_close(&[outcome.value], &numbers(&row["residual"]), 1e-9, 0.0, &what);
            // Eleven digits are certified. The gradient sums products of size 100 with residuals that have an error of 1e-14 each, so
            // 1e-7 is near its noise; curvatures are above 100.
            assert_close(&values(outcome.x * scale.clone()), &numbers(&row["certified"]), 1e-9, 0.0, &what);
        }
    }
}
