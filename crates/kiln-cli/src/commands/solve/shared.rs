//! What problems with and without constraints share: the start, files, Ctrl-C.

use std::{ops::ControlFlow, path::PathBuf};

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::solver::Outcome,
};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::flags::SolveFlags;
use crate::{
    base::{Console, Output, Result, require},
    commands::verify::ProblemCertificate,
    context::{Compute, is_interrupted},
};

/// The files that the flags ask for.
pub(super) struct Files {
    pub(super) history: Option<Output>,
    pub(super) certificate: Option<Output>,
}

impl Files {
    pub(super) fn new(flags: &SolveFlags) -> Result<Self> {
        let output = |path: &Option<PathBuf>| path.as_ref().map(|path| Output::new(path, flags.force)).transpose();
        Ok(Self { history: output(&flags.history)?, certificate: output(&flags.certificate)? })
    }
}

/// Returns the problem's start, or the flag's. `any` is for a function of any number of unknowns.
pub(super) fn start(name: &str, usual: &[f64], any: bool, x0: Option<&[f64]>, compute: &Compute) -> Result<Tensor<1>> {
    let x = x0.unwrap_or(usual);
    let n = usual.len();
    let fits = if any { x.len() >= 2 } else { x.len() == n };
    let expected = if any {
        "2 numbers or more, separated by commas".to_owned()
    } else {
        format!("{n} numbers, separated by commas")
    };
    require(fits, "x0", &expected, x.len())?;
    require(x.iter().all(|x| x.is_finite()), "x0", "finite numbers", name)?;
    Ok(Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), &compute.device))
}

pub(super) fn write_history(file: &Output, outcome: &Outcome) -> Result<()> {
    let lines = outcome.history.iter().map(|iteration| serde_json::to_string(iteration).expect("numbers"));
    let text: String = lines.map(|line| line + "\n").collect();
    file.write(text.as_bytes())
}

/// Writes a certificate, or prints why there is none.
pub(super) fn write_certificate(
    file: &Output,
    made: std::result::Result<ProblemCertificate, String>,
    console: Console,
) -> Result<()> {
    match made {
        Ok(certificate) => file.write_json(&certificate),
        Err(reason) => {
            console.note(format_args!("no certificate in {}: {reason}", file.shown()));
            Ok(())
        }
    }
}

/// Returns a callback that stops at Ctrl-C.
pub(super) fn until_interrupted() -> impl Fn() -> ControlFlow<()> {
    || if is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// The numbers of each variable of the user's own problem; a map in JSON, in which a variable of one entry is a number.
pub(super) struct Named(pub(super) Vec<(String, Vec<f64>)>);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, numbers) in &self.0 {
            match numbers.as_slice() {
                [number] => map.serialize_entry(name, number)?,
                all => map.serialize_entry(name, all)?,
            }
        }
        map.end()
    }
}

/// The lines of x: one, or one per variable of the user's own problem.
pub(super) fn values_text(variables: Option<&Named>, x: &[f64]) -> String {
    match variables {
        None => format!("x              {}", shown(x)),
        Some(Named(all)) => {
            let lines: Vec<String> =
                all.iter().map(|(name, numbers)| format!("{name:<14} {}", shown(numbers))).collect();
            lines.join("\n")
        }
    }
}

/// Formats the first eight numbers.
fn shown(x: &[f64]) -> String {
    let first: Vec<String> = x.iter().take(8).map(|x| format!("{x:.9}")).collect();
    let rest = if x.len() > first.len() { format!(", … ({} in total)", x.len()) } else { String::new() };
    first.join(", ") + &rest
}
