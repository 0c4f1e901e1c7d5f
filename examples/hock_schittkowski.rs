//! Solves the problems of Hock and Schittkowski by Kiln's solvers and prints a table beside SciPy's SLSQP.
//!
//! ```sh
//! cargo run --release --example hock_schittkowski
//! ```
//!
//! The table is in docs/src/theory/hock-schittkowski.md. SQP should reach the published minimum of each of the 70 problems, with these
//! exceptions: from the usual starts of hs16, hs20 and hs33, SQP and SLSQP reach another minimum, and with the exact Hessian SQP does so on hs2.
//! SLSQP's numbers are in tests/reference/hock_schittkowski.json.

use kiln::{
    burn::tensor::FloatDType,
    optim::{
        constrained::{
            AugmentedLagrangian, ConstrainedStop, InteriorPoint, LagrangianHessian, Solution, Sqp, minimize_constrained,
        },
        problems::constrained,
    },
    prelude::*,
    tensor::device::with_dtype,
};
use serde_json::Value;

fn main() -> anyhow::Result<()> {
    let device = with_dtype(&"flex".parse::<DeviceChoice>()?.resolve()?, FloatDType::F64)?;
    let reference: Value = serde_json::from_str(include_str!("../tests/reference/hock_schittkowski.json"))?;
    let rows = reference["problems"].as_array().expect("an array of problems");
    println!(
        "| problem | minimum | SQP, BFGS | SQP, exact | interior point | augmented Lagrangian | SLSQP | SLSQP, ftol 1e-12 |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let stop = ConstrainedStop { max_iter: 3000, ..ConstrainedStop::default() };
    for problem in constrained().iter().filter(|problem| problem.name.starts_with("hs")) {
        let (on_device, start) = (problem.problem(&device), || problem.start(&device));
        let exact = Sqp { hessian: LagrangianHessian::Exact, ..Sqp::default() };
        let solutions = [
            minimize_constrained(&on_device, start(), &Sqp::default(), &stop)?,
            minimize_constrained(&on_device, start(), &exact, &stop)?,
            minimize_constrained(&on_device, start(), &InteriorPoint::default(), &stop)?,
            minimize_constrained(&on_device, start(), &AugmentedLagrangian::default(), &stop)?,
        ];
        let minimum = problem.minimum.expect("published");
        let ours = solutions.map(|solution| cell(&solution, minimum)).join(" | ");
        let row = rows.iter().find(|row| row["problem"] == problem.name).expect("a row for each problem");
        let theirs = ["usual", "tight"].map(|how| slsqp(&row[how], minimum)).join(" | ");
        println!("| {} | {minimum} | {ours} | {theirs} |", problem.name);
    }
    Ok(())
}

/// `iterations/evaluations`, then the final value in brackets if it is not the minimum, then "not converged" without success.
fn counts(iterations: u64, evaluations: u64, value: f64, minimum: f64, success: bool) -> String {
    let near = (value - minimum).abs() <= 1e-6 * minimum.abs().max(1.0);
    let other = if near { String::new() } else { format!(" ({value:.6})") };
    format!("{iterations}/{evaluations}{other}{}", if success { "" } else { " not converged" })
}

fn cell(Solution { outcome, .. }: &Solution, minimum: f64) -> String {
    let (iterations, evaluations) = (outcome.iterations as u64, outcome.evaluations.values as u64);
    counts(iterations, evaluations, outcome.value, minimum, outcome.success)
}

fn slsqp(run: &Value, minimum: f64) -> String {
    let count = |name: &str| run[name].as_u64().expect("a count");
    let value = run["fun"].as_f64().expect("a value");
    counts(count("nit"), count("nfev"), value, minimum, run["success"] == true)
}
