//! The certificate of a support vector machine: its solution of the dual satisfies the optimality conditions.

use std::path::Path;

use kiln::{
    burn::{
        module::Param,
        tensor::{Tensor, TensorData},
    },
    data::{Dataset, Examples},
    models::{Kernel, SupportVectorMachine, SvmFit},
    optim::constrained::{Certifiable, Certificate, CertificateError, ConstrainedProblem},
    tensor::device::machine_epsilon,
};
use serde::{Deserialize, Serialize};

use super::{fitted::FittedSvm, settings::SvmSettings};
use crate::{
    base::{Exit, Result, to_vec},
    context::{
        Loaded, Opened, Part, Purpose, Source,
        certificate::{certify, read, same_model, say},
        check_certified, load,
        tabular::{encoder, rows},
    },
};

/// The largest number of rows with a certificate, which needs the whole kernel matrix.
const CERTIFIED: usize = 5000;

/// `certificate.json`: α and its multipliers. The multiplier of the equality is the intercept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SvmCertificate {
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) certificate: Certificate,
}

/// Returns C of each row.
fn costs(c: f64, weights: &[f64]) -> Vec<f64> {
    weights.iter().map(|weight| weight * c).collect()
}

/// The dual as a problem: minimise ½·αᵀQα − Σ α subject to yᵀα = 0 and 0 ≤ α ≤ C.
pub(super) fn dual(
    kernel: Kernel,
    inputs: &Tensor<2>,
    train: &Examples,
    costs: Vec<f64>,
) -> ConstrainedProblem<'static, Param<Tensor<1>>, ()> {
    let n = costs.len();
    let signs: Vec<f64> = train.targets().iter().map(|&target| if target == 1 { 1.0 } else { -1.0 }).collect();
    let y = Tensor::<1>::from_data(TensorData::new(signs, [n]), (&inputs.device(), inputs.dtype()));
    let signed = y.clone().reshape([n, 1]);
    let q = kernel.matrix(inputs, inputs) * signed.clone().matmul(signed.transpose());
    ConstrainedProblem::of_vector(y.zeros_like(), move |alpha: Tensor<1>| {
        let q = q.clone().to_device(&alpha.device());
        let product = q.matmul(alpha.clone().reshape([n, 1])).reshape([n]);
        (alpha.clone() * (product * 0.5 - 1.0)).sum()
    })
    .equality("balance", move |alpha: Tensor<1>| (y.clone().to_device(&alpha.device()) * alpha).sum())
    .bounded(vec![0.0; n], costs)
    .expect("C is above 0")
    .convex()
}

/// Returns the certificate of a fit, or why there is none.
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
    let (problem, intercept) = (dual(kernel, inputs, train, fit.costs.clone()), [fit.svm.intercept()]);
    let multipliers = problem.bound_multipliers(&alpha, &intercept, &[], 0.0).map_err(|error| error.to_string())?;
    certify(&problem, &alpha, &multipliers, tol)
}

/// `kiln verify` of a support vector machine.
pub(super) fn verify(run: Opened<SvmSettings>, path: &Path) -> Result<Exit> {
    let SvmCertificate { certificate, .. } = read(path)?;
    let encoder = encoder(&run)?;
    let FittedSvm(svm) = FittedSvm::open(&run, &encoder)?;
    let source = Source::of_table(&run.settings.data, &run.settings.table, run.settings.run.seed);
    let Loaded { train, weights, record, .. } =
        load(&source, (Purpose::Classes, Part::Split), Some(encoder), run.console)?;
    check_certified(&run.record, &record)?;
    let weights = weights.unwrap_or_else(|| vec![1.0; train.len()]);
    let problem = dual(svm.kernel(), &rows(&train, &run.compute), &train, costs(run.settings.model.c, &weights));
    let checked = certificate.verify(&problem, &run.compute.device);
    let checked = checked.and_then(|found| is_of(&found, &svm, &train).map(|()| found));
    say(&run.dir.path().display().to_string(), checked, run.console)
}

/// Checks that the SVM is the certified one: its support vectors, their α·y, and its intercept.
fn is_of(
    certificate: &Certificate,
    svm: &SupportVectorMachine,
    train: &Examples,
) -> std::result::Result<(), CertificateError> {
    let support: Vec<usize> = (0..certificate.x.len()).filter(|&row| certificate.x[row] != 0.0).collect();
    let sign = |row: usize| if train.targets()[row] == 1 { 1.0 } else { -1.0 };
    let mut certified: Vec<f64> = support.iter().map(|&row| sign(row) * certificate.x[row]).collect();
    certified.extend(&certificate.multipliers.equality);
    certified.extend(support.iter().flat_map(|&row| train.row(row)));
    let mut own = to_vec(svm.coefficients());
    own.push(svm.intercept());
    own.extend(to_vec(svm.support()));
    same_model(&own, &certified, machine_epsilon(svm.support().dtype()))
}
