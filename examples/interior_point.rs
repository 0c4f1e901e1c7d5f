//! Times the interior-point method on large problems: control of the Van der Pol oscillator, and the dual of a support vector machine.
//!
//! ```sh
//! cargo run --release --example interior_point -- control 3333
//! cargo run --release --example interior_point -- svm y.npy z.npy
//! ```
//!
//! `benches/interior/run.py` makes the files, runs this beside Ipopt and OSQP, and prints a table.

use std::time::Instant;

use kiln::optim::{
    constrained::{ConstrainedStop, InteriorPoint, QuadraticProgram, SparseProblem, minimize_sparse},
    problems::VanDerPol,
};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["control", steps] => {
            let control = VanDerPol { steps: steps.parse()? };
            report(&control, &control.start())
        }
        ["svm", labels, matrix] => {
            let (y, (rows, columns, values)) = (read(labels)?.2, read(matrix)?);
            if rows == columns { dense_dual(&y, &values) } else { low_rank_dual(&y, columns, &values) }
        }
        _ => anyhow::bail!("give `control STEPS` or `svm LABELS.npy MATRIX.npy`"),
    }
}

/// Minimise ½·aᵀ·Q·a − Σ a subject to yᵀ·a = 0 and 0 ≤ a ≤ 1.
fn dense_dual(y: &[f64], q: &[f64]) -> anyhow::Result<()> {
    let n = y.len();
    let entries = (0..n).flat_map(|i| (0..=i).map(move |j| (i, j, q[i * n + j])));
    let dual = QuadraticProgram::new(vec![-1.0; n], entries)
        .equality((0..n).map(|j| (0, j, y[j])), [0.0])
        .within(vec![0.0; n], vec![1.0; n]);
    report(&dual, &vec![0.5; n])
}

/// The same with Q = Z·Zᵀ: the unknowns are a and w = Zᵀ·a.
fn low_rank_dual(y: &[f64], k: usize, z: &[f64]) -> anyhow::Result<()> {
    let n = y.len();
    let linear = [vec![-1.0; n], vec![0.0; k]].concat();
    let sums = (0..n).flat_map(|i| (0..k).map(move |j| (j, i, z[i * k + j])));
    let dual = QuadraticProgram::new(linear, (n..n + k).map(|j| (j, j, 1.0)))
        .equality((0..n).map(|j| (0, j, y[j])), [0.0])
        .equality(sums.chain((0..k).map(|j| (j, n + j, -1.0))), vec![0.0; k])
        .within([vec![0.0; n], vec![f64::NEG_INFINITY; k]].concat(), [vec![1.0; n], vec![f64::INFINITY; k]].concat());
    report(&dual, &[vec![0.5; n], vec![0.0; k]].concat())
}

fn report(problem: &impl SparseProblem, start: &[f64]) -> anyhow::Result<()> {
    let clock = Instant::now();
    let solution = minimize_sparse(problem, start, &InteriorPoint::default(), &ConstrainedStop::default())?;
    let seconds = clock.elapsed().as_secs_f64();
    let (outcome, residuals) = (&solution.outcome, solution.residuals.largest());
    println!(
        "{}",
        serde_json::json!({
            "value": outcome.value, "iterations": outcome.iterations, "seconds": seconds, "residuals": residuals,
            "success": outcome.success, "message": outcome.message,
        })
    );
    Ok(())
}

/// Reads a NumPy file of f64: rows, columns and values.
fn read(path: &str) -> anyhow::Result<(usize, usize, Vec<f64>)> {
    let bytes = std::fs::read(path)?;
    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..length])?;
    anyhow::ensure!(header.contains("'<f8'") && header.contains("False"), "{path}: float64 by rows is needed");
    let shape = header.split('(').nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
    let sizes: Vec<usize> = shape.split(',').filter_map(|size| size.trim().parse().ok()).collect();
    let values = bytes[length..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes"))).collect();
    Ok((sizes[0], sizes.get(1).copied().unwrap_or(1), values))
}
