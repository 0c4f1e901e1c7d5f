//! What shows that a machine is the solution of its dual.

use std::path::Path;

use kiln::{
    burn::{
        module::Param,
        tensor::{Tensor, TensorData},
    },
    data::{Dataset, Examples},
    models::{Kernel, SupportVectorMachine, SvmFit},
    optim::constrained::{Certifiable, Certificate, CertificateError, Problem},
    tensor::device::rounding_unit,
};
use serde::{Deserialize, Serialize};

use super::{apply::open, rows};
use crate::{
    config::{Dtype, RunSettings, SvmSettings},
    console::Console,
    failure::{Exit, Result},
    flags::MachineFlags,
    machine::Machine,
    rundir::RunDir,
    tables::{Loaded, Purpose, load},
    verify::{self, read, same_model, say},
};

/// Rows beyond which there is no certificate: it is computed from the whole matrix of the kernel.
const CERTIFIED: usize = 5000;

/// `certificate.json`: α and its multipliers, of which that of the equality is the intercept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SvmCertificate {
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) certificate: Certificate,
}

/// C of each row.
fn costs(c: f64, weights: &[f64]) -> Vec<f64> {
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

/// Of a fit; or why there is none.
pub(super) fn of(
    fit: &SvmFit,
    kernel: Kernel,
    (inputs, train): (&Tensor<2>, &Examples),
    tol: f64,
) -> std::result::Result<Certificate, String> {
    if train.len() > CERTIFIED {
        return Err(format!("more than {CERTIFIED} rows"));
    }
    let data = TensorData::new(fit.alpha.clone(), [fit.alpha.len()]);
    let alpha = Tensor::from_data(data, (&inputs.device(), inputs.dtype()));
    let (problem, intercept) = (dual(kernel, inputs, train, fit.costs.clone()), [fit.machine.intercept()]);
    let multipliers = problem.bound_multipliers(&alpha, &intercept, &[], 0.0).map_err(|error| error.to_string())?;
    verify::certify(&problem, &alpha, &multipliers, tol)
}

/// `kiln verify` of a machine.
pub(crate) fn verify(
    dir: &RunDir,
    path: &Path,
    settings: SvmSettings,
    flags: &MachineFlags,
    console: Console,
) -> Result<Exit> {
    let SvmCertificate { certificate, .. } = read(path)?;
    // In f64, whatever the run says.
    let run = RunSettings { dtype: Some(Dtype::F64), ..settings.run.clone() };
    let machine = Machine::again(&run, flags)?;
    let (support, encoder) = open(dir, &settings, &machine)?;
    let mut data = settings.data;
    data.data_dir = flags.data_dir.clone().or(data.data_dir);
    let Loaded { train, weights, .. } = load(&data, settings.run.seed, Purpose::Classes, Some(encoder), console)?;
    let weights = weights.unwrap_or_else(|| vec![1.0; train.len()]);
    let problem = dual(support.kernel(), &rows(&train, &machine), &train, costs(settings.model.c, &weights));
    let checked = certificate.verify(&problem, &machine.device);
    let checked = checked.and_then(|found| is_of(&found, &support, &train).map(|()| found));
    say(&dir.path().display().to_string(), checked, console)
}

/// Whether the machine is the one that is certified: its support vectors, their α·y, and its intercept.
fn is_of(
    certificate: &Certificate,
    machine: &SupportVectorMachine,
    train: &Examples,
) -> std::result::Result<(), CertificateError> {
    let support: Vec<usize> = (0..certificate.x.len()).filter(|&row| certificate.x[row] != 0.0).collect();
    let sign = |row: usize| if train.targets()[row] == 1 { 1.0 } else { -1.0 };
    let mut certified: Vec<f64> = support.iter().map(|&row| sign(row) * certificate.x[row]).collect();
    certified.extend(&certificate.multipliers.equality);
    certified.extend(support.iter().flat_map(|&row| train.row(row)));
    let mut own = crate::to_vec(machine.coefficients());
    own.push(machine.intercept());
    own.extend(crate::to_vec(machine.support()));
    same_model(&own, &certified, rounding_unit(machine.support().dtype()))
}
