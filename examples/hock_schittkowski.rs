//! The problems of Hock and Schittkowski by Kiln's solvers and by SciPy's SLSQP, as a table.
//!
//! cargo run --release --example hock_schittkowski
//!
//! By SQP this should reach the published minimum of each of the 70, but for three whose usual start leads it, and SLSQP, to another minimum
//! (hs16, hs20 and hs33), and one with the exact Hessian (hs2). SLSQP's numbers are those of tests/reference/hock_schittkowski.json.

use kiln::{
    burn::tensor::FloatDType,
    optim::{
        constrained::{AugmentedLagrangian, LagrangianHessian, Solution, Sqp, Stop, minimize},
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
    println!("| problem | minimum | SQP, BFGS | SQP, exact | augmented Lagrangian | SLSQP | SLSQP, ftol 1e-12 |");
    println!("|---|---|---|---|---|---|---|");
    let stop = Stop { max_iter: 3000, ..Stop::default() };
    for problem in constrained().iter().filter(|problem| problem.name.starts_with("hs")) {
        let (on_device, start) = (problem.problem(&device), || problem.start(&device));
        let exact = Sqp { hessian: LagrangianHessian::Exact, ..Sqp::default() };
        let solutions = [
            minimize(&on_device, start(), &Sqp::default(), &stop)?,
            minimize(&on_device, start(), &exact, &stop)?,
            minimize(&on_device, start(), &AugmentedLagrangian::default(), &stop)?,
        ];
        let minimum = problem.minimum.expect("published");
        let ours = solutions.map(|solution| cell(&solution, minimum)).join(" | ");
        let row = rows.iter().find(|row| row["problem"] == problem.name).expect("a row for each problem");
        let theirs = ["usual", "tight"].map(|how| slsqp(&row[how], minimum)).join(" | ");
        println!("| {} | {minimum} | {ours} | {theirs} |", problem.name);
    }
    Ok(())
}

/// `iterations/evaluations`, and in brackets where it ended if that is another value, or no end.
fn counts(iterations: u64, evaluations: u64, value: f64, minimum: f64, success: bool) -> String {
    let near = (value - minimum).abs() <= 1e-6 * minimum.abs().max(1.0);
    let other = if near { String::new() } else { format!(" ({value:.6})") };
    format!("{iterations}/{evaluations}{other}{}", if success { "" } else { " no end" })
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
