//! `kiln rates`: the convergence that the theory promises, measured.

mod experiments;
mod problem;

use crate::{
    config::{Dtype, RunSettings},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::RatesFlags,
    list::table,
    machine::Machine,
    plot::{self, Axis, Curve, Legend, Marks, Panel},
    rundir::{write_json, write_whole},
};

pub(crate) use self::experiments::NAMES;
use self::experiments::{Finding, Measure, TOLERANCE, run};

/// `kiln rates`.
pub(crate) fn rates(flags: RatesFlags, console: Console) -> Result<Exit> {
    let names: Vec<&str> =
        if flags.only.is_empty() { NAMES.to_vec() } else { flags.only.iter().map(String::as_str).collect() };
    if let Some(out) = &flags.out {
        // Before minutes of work, not after.
        std::fs::create_dir_all(out)
            .map_err(|e| Failure::usage(format!("cannot use {} as --out: {e}", out.display())))?;
    }
    // The curves fall to 1e-150: f64, on the CPU.
    let settings = RunSettings {
        device: "cpu".into(),
        dtype: Some(Dtype::F64),
        seed: flags.seed,
        threads: flags.threads,
        ..RunSettings::default()
    };
    let machine = Machine::start(&settings, Dtype::F64)?;
    let mut findings = Vec::new();
    for name in names {
        console.note(format_args!("measuring {name}"));
        findings.push(run(name, flags.seed, &machine.device)?);
    }
    let json = serde_json::json!({ "seed": flags.seed, "tolerance": TOLERANCE, "findings": findings });
    if let Some(out) = &flags.out {
        write_json(&out.join("rates.json"), &json)?;
        if let Some(png) = plot::png(&panels(&findings)) {
            write_whole(&out.join("rates.png"), &png)?;
        }
    }
    console.result(&json, || report(&findings));
    Ok(Exit::Done)
}

fn report(findings: &[Finding]) -> String {
    let number = |x: f64| format!("{x:.4}");
    let rows = findings.iter().map(|f| {
        [
            f.name.to_owned(),
            f.problem.to_owned(),
            f.method.to_owned(),
            f.measure.name().to_owned(),
            number(f.measured.value),
            format!("[{}, {}]", number(f.measured.low), number(f.measured.high)),
            number(f.theory),
            format!("{:+.1}%", 100.0 * f.deviation),
            f.formula.to_owned(),
        ]
    });
    let header = ["NAME", "PROBLEM", "METHOD", "MEASURE", "MEASURED", "INTERVAL", "THEORY", "OFF", "FORMULA"];
    let mut text = table(header, rows.collect());
    for finding in findings.iter().filter(|f| f.deviation.abs() > TOLERANCE) {
        text += &format!("\n{}: more than a tenth off the theory: {}", finding.name, finding.reason);
    }
    text
}

/// Straight lines both: geometric convergence over steps, and powers of the step over its logarithm.
fn panels(findings: &[Finding]) -> [Panel; 2] {
    let curves = |wanted: &dyn Fn(Measure) -> bool| {
        let chosen = findings.iter().filter(|f| wanted(f.measure));
        chosen.map(|f| Curve { name: f.name.to_owned(), points: points(f) }).collect()
    };
    [
        Panel {
            title: "Geometric convergence".into(),
            x: Axis::linear("step"),
            y: Axis::logarithmic("J(θ) − min J"),
            curves: curves(&|measure| measure == Measure::Rate),
            legend: Legend::UpperRight,
            marks: Marks::Lines,
        },
        Panel {
            title: "Powers of the step, and a floor".into(),
            x: Axis::logarithmic("step"),
            y: Axis::logarithmic("J(θ) − min J"),
            curves: curves(&|measure| measure != Measure::Rate),
            legend: Legend::LowerLeft,
            marks: Marks::Lines,
        },
    ]
}

/// Below 1e-30 there is nothing to see that is not seen above.
fn points(finding: &Finding) -> Vec<(f64, f64)> {
    finding.curve.iter().filter(|(_, error)| *error > 1e-30).map(|(k, error)| (*k as f64, *error)).collect()
}
