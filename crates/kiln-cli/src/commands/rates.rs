//! `kiln rates`: measured convergence rates beside those of the theory.

mod experiments;
mod problem;

use std::path::PathBuf;

use clap::{Args, builder::PossibleValuesParser};

use self::experiments::{Finding, Measure, NAMES, TOLERANCE, run};
use crate::{
    base::{
        Console, Exit, OutputFolder, Result, count,
        plot::{Axis, Curve, Legend, Marks, Panel},
        table,
    },
    context::Compute,
    names::Dtype,
    settings::RunSettings,
};

const JSON: &str = "rates.json";
const PICTURE: &str = "rates.png";

#[derive(Args, Debug)]
pub(crate) struct RatesFlags {
    /// Methods to measure [default: all]
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(NAMES))]
    only: Vec<String>,
    /// Folder for rates.json and rates.png [default: not written]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing files in that folder
    #[arg(long)]
    force: bool,
    /// Random seed of the gradient noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Number of CPU threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    threads: Option<usize>,
}

/// `kiln rates`.
pub(crate) fn rates(flags: RatesFlags, console: Console) -> Result<Exit> {
    let names: Vec<&str> =
        if flags.only.is_empty() { NAMES.to_vec() } else { flags.only.iter().map(String::as_str).collect() };
    let out = flags.out.as_ref().map(|out| OutputFolder::new(out, &[JSON, PICTURE], flags.force)).transpose()?;
    // The curves fall to 1e-150, which needs f64, which the CPU has.
    let settings = RunSettings {
        device: "cpu".into(),
        dtype: Some(Dtype::F64),
        seed: flags.seed,
        threads: flags.threads,
        ..RunSettings::default()
    };
    let compute = Compute::start(&settings, Dtype::F64)?;
    let mut findings = Vec::new();
    for name in names {
        console.note(format_args!("measuring {name}"));
        findings.push(run(name, flags.seed, &compute.device)?);
    }
    let json = serde_json::json!({ "seed": flags.seed, "tolerance": TOLERANCE, "findings": findings });
    if let Some(out) = &out {
        out.write_report((JSON, &json), (PICTURE, &panels(&findings)))?;
    }
    console.result(&json, || report(&findings))?;
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
        text += &format!("\n{}: more than 10% from the theory: {}", finding.name, finding.reason);
    }
    text
}

/// Both show straight lines: geometric convergence over steps, and powers of the step over its logarithm.
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

/// Errors below 1e-30 show nothing new.
fn points(finding: &Finding) -> Vec<(f64, f64)> {
    finding.curve.iter().filter(|(_, error)| *error > 1e-30).map(|(k, error)| (*k as f64, *error)).collect()
}
