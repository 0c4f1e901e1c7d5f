//! What shows that a machine is the solution of its dual.

use kiln::{
    burn::{
        module::Param,
        tensor::{Tensor, TensorData},
    },
    data::{Dataset, Examples},
    models::{Kernel, SupportVectorMachine, SvmFit},
    optim::constrained::{Certifiable, Certificate, CertificateError, Problem, Stop},
    tensor::device::rounding_unit,
};
use serde::{Deserialize, Serialize};

use super::{apply::open, rows};
use crate::{
    config::SvmSettings,
    console::Console,
    failure::{Exit, Failure, Result},
    flags::MachineFlags,
    machine::Machine,
    rundir::RunDir,
    tables::{Loaded, Purpose, load},
    verify::{CERTIFICATE, say},
};

/// `certificate.json`: α and its multipliers, of which that of the equality is the intercept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SvmCertificate {
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) certificate: Certificate,
}

/// C of each row.
pub(super) fn costs(c: f64, weights: &[f64]) -> Vec<f64> {
    weights.iter().map(|weight| weight * c).collect()
}

/// The dual as a problem: minimise ½·αᵀQα − Σ α subject to yᵀα = 0 and 0 ≤ α ≤ C.
pub(super) fn dual(
    kernel: Kernel,
    inputs: &Tensor<2>,
    train: &Examples,
    costs: Vec<f64>,
) -> Problem<'static, Param<Tensor<1>>, ()> {
    let n = costs.len();
    let signs: Vec<f64> = train.targets().iter().map(|&target| if target == 1 { 1.0 } else { -1.0 }).collect();
    let y = Tensor::<1>::from_data(TensorData::new(signs, [n]), (&inputs.device(), inputs.dtype()));
    let signed = y.clone().reshape([n, 1]);
    let q = kernel.matrix(inputs, inputs) * signed.clone().matmul(signed.transpose());
    Problem::of_vector(y.zeros_like(), move |alpha: Tensor<1>| {
        let q = q.clone().to_device(&alpha.device());
        let product = q.matmul(alpha.clone().reshape([n, 1])).reshape([n]);
        (alpha.clone() * (product * 0.5 - 1.0)).sum()
    })
    .equality("balance", move |alpha: Tensor<1>| (y.clone().to_device(&alpha.device()) * alpha).sum())
    .bounded(vec![0.0; n], costs)
    .expect("C is above 0")
    .convex()
}

/// Of a fit.
pub(super) fn certify(
    fit: &SvmFit,
    problem: Problem<'static, Param<Tensor<1>>, ()>,
    inputs: &Tensor<2>,
    tol: f64,
) -> Result<Certificate> {
    let data = TensorData::new(fit.alpha.clone(), [fit.alpha.len()]);
    let alpha = Tensor::from_data(data, (&inputs.device(), inputs.dtype()));
    let failed = |error: &dyn std::fmt::Display| Failure::internal(format!("no certificate: {error}"));
    let intercept = [fit.machine.intercept()];
    // Numbers of f32 do not come as near as the machine, which was found in f64.
    let tol = tol.max(Stop::default().tolerance(inputs.dtype()));
    let multipliers = problem.bound_multipliers(&alpha, &intercept, &[], tol).map_err(|e| failed(&e))?;
    Certificate::with_tolerance(&problem, &alpha, &multipliers, tol).map_err(|e| failed(&e))
}

/// `kiln verify` of a machine.
pub(crate) fn verify(dir: &RunDir, settings: SvmSettings, flags: &MachineFlags, console: Console) -> Result<Exit> {
    let run = dir.path().display().to_string();
    if !dir.file(CERTIFICATE).is_file() {
        return Err(Failure::usage(format!("{run} has no {CERTIFICATE}: there is nothing to verify")));
    }
    let SvmCertificate { certificate, .. } = dir.read_json(CERTIFICATE)?;
    let machine = Machine::again(&settings.run, flags)?;
    let (support, encoder) = open(dir, &settings, &machine)?;
    let mut data = settings.data;
    data.data_dir = flags.data_dir.clone().or(data.data_dir);
    let Loaded { train, weights, .. } = load(&data, settings.run.seed, Purpose::Classes, Some(encoder), console)?;
    let weights = weights.unwrap_or_else(|| vec![1.0; train.len()]);
    let problem = dual(support.kernel(), &rows(&train, &machine), &train, costs(settings.model.c, &weights));
    let checked = certificate.verify(&problem, &machine.device).and_then(|()| is_of(&certificate, &support, &train));
    say(&run, &certificate, checked, console)
}

/// Whether the machine is the one that is certified: its α·y, and its intercept.
fn is_of(
    certificate: &Certificate,
    machine: &SupportVectorMachine,
    train: &Examples,
) -> std::result::Result<(), CertificateError> {
    let sign = |row: usize| if train.targets()[row] == 1 { 1.0 } else { -1.0 };
    let certified: Vec<f64> = (0..certificate.x.len())
        .filter(|&row| certificate.x[row] != 0.0)
        .map(|row| sign(row) * certificate.x[row])
        .collect();
    let own = crate::to_vec(machine.coefficients());
    let differs =
        |what: &str, claimed: String, found: String| CertificateError::Differs { what: what.into(), claimed, found };
    if own.len() != certified.len() {
        let numbers = (certified.len().to_string(), own.len().to_string());
        return Err(differs("the number of the model's support vectors", numbers.0, numbers.1));
    }
    let rounding = 1e2 * rounding_unit(machine.support().dtype());
    let intercept = (machine.intercept(), certificate.multipliers.equality[0]);
    for (own, certified) in own.into_iter().zip(certified).chain([intercept]) {
        if (own - certified).abs() > rounding * certified.abs().max(1.0) {
            return Err(differs("a number of the run's model", certified.to_string(), own.to_string()));
        }
    }
    Ok(())
}
