//! `kiln verify`: checks a certificate against its problem, or against the data of its run.

use std::path::Path;

use kiln::{
    burn::{
        module::Param,
        tensor::{Device, Tensor, TensorData},
    },
    optim::{
        constrained::{Bounded, Certificate, CertificateError, Split},
        problems,
    },
    tensor::derivative::Function,
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{CERTIFICATE, Console, Exit, Failure, Result, RunDir},
    context::{
        Compute, OwnProblem,
        certificate::{Checked, Kind, read, say},
    },
    flags::{MachineFlags, VerifyFlags},
    models::Config,
    names::Dtype,
    settings::RunSettings,
};

/// `certificate.json` of a named problem.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProblemCertificate {
    pub(crate) kind: String,
    pub(crate) problem: String,
    /// Bounds of the flags; null where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lower: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upper: Option<Vec<Option<f64>>>,
    /// The weight of a penalty l1·‖x‖₁. x then holds u and v with u − v in its place, as in `Split`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) l1: Option<f64>,
    /// The text of the user's own problem. `problem` is then the name of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(flatten)]
    pub(crate) certificate: Certificate,
}

impl ProblemCertificate {
    pub(crate) const KIND: &'static str = "problem";

    pub(crate) fn new(problem: &str, certificate: Certificate) -> Self {
        let (kind, problem) = (Self::KIND.to_owned(), problem.to_owned());
        Self { kind, problem, lower: None, upper: None, l1: None, source: None, certificate }
    }

    /// The certificate of a problem of the user's own.
    pub(crate) fn of_own(own: &OwnProblem, certificate: Certificate) -> Self {
        Self { source: Some(own.source.clone()), ..Self::new(&own.name, certificate) }
    }

    fn check(&self, device: &Device) -> Result<Checked> {
        if let Some(source) = &self.source {
            let own = OwnProblem::parse(&self.problem, source)?;
            own.check(device)?;
            let has_own = own.has_bounds() || own.problem.has_constraints();
            if has_own && (self.lower.is_some() || self.upper.is_some() || self.l1.is_some()) {
                return Err(Failure::usage(format!("{} has its own bounds and takes no l1 penalty", self.problem)));
            }
            if own.problem.has_constraints() {
                return Ok(self.certificate.verify(&own.problem.constrained(device), device));
            }
            let function = own.problem.objective(device);
            if has_own {
                let bounded = Bounded::new(&function, own.problem.lower(), own.problem.upper());
                return Ok(self.certificate.verify(&bounded.map_err(Failure::usage)?, device));
            }
            return self.check_function(&function, device);
        }
        if let Some(problem) = problems::constrained().into_iter().find(|problem| problem.name == self.problem) {
            if self.lower.is_some() || self.upper.is_some() || self.l1.is_some() {
                return Err(Failure::usage(format!("{} has its own bounds and takes no l1 penalty", self.problem)));
            }
            return Ok(self.certificate.verify(&problem.problem(device), device));
        }
        let problem = problems::all().into_iter().find(|problem| problem.name == self.problem);
        let problem = problem.ok_or_else(|| Failure::usage(format!("no problem is called '{}'", self.problem)))?;
        let n = self.unknowns();
        let fits = if problem.any_length { n >= 2 } else { n == problem.start.len() };
        if !fits {
            let (expected, got) = (problem.start.len(), self.certificate.x.len());
            return Ok(Err(CertificateError::Length { what: "numbers in x", expected, got }));
        }
        let like = Tensor::<1>::from_data(TensorData::new(vec![0.0; n], [n]), device);
        self.check_function(&Function::of_vector(like, |x| problem.value(x)), device)
    }

    fn unknowns(&self) -> usize {
        let numbers = self.certificate.x.len();
        if self.l1.is_some() { numbers / 2 } else { numbers }
    }

    /// Checks the certificate of a function with the bounds or the penalty of the flags.
    fn check_function(&self, function: &Function<'_, Param<Tensor<1>>, (), 1>, device: &Device) -> Result<Checked> {
        let (n, got) = (function.parameters().dims()[0], self.certificate.x.len());
        if self.unknowns() != n || (self.l1.is_some() && got != 2 * n) {
            let expected = if self.l1.is_some() { 2 * n } else { n };
            return Ok(Err(CertificateError::Length { what: "numbers in x", expected, got }));
        }
        if self.l1.is_some() && (self.lower.is_some() || self.upper.is_some()) {
            return Err(Failure::usage("a certificate cannot have both an l1 penalty and bounds"));
        }
        if let Some(l1) = self.l1 {
            let smooth = Split::new(function, function.parameters().zeros_like() + l1).map_err(Failure::usage)?;
            let (lower, upper) = (vec![0.0; 2 * n], vec![f64::INFINITY; 2 * n]);
            return Ok(self.certificate.verify(&Bounded::new(&smooth, lower, upper).map_err(Failure::usage)?, device));
        }
        let (lower, upper) = (self.side(&self.lower, f64::NEG_INFINITY), self.side(&self.upper, f64::INFINITY));
        Ok(self.certificate.verify(&Bounded::new(function, lower, upper).map_err(Failure::usage)?, device))
    }

    fn side(&self, given: &Option<Vec<Option<f64>>>, none: f64) -> Vec<f64> {
        match given {
            Some(bounds) => bounds.iter().map(|bound| bound.unwrap_or(none)).collect(),
            None => vec![none; self.certificate.x.len()],
        }
    }

    /// The problem with the bounds and the penalty of the flags.
    fn of(&self) -> String {
        let numbers = |bounds: &[Option<f64>]| -> String {
            let each = bounds.iter().map(|bound| bound.map_or_else(|| "none".to_owned(), |bound| bound.to_string()));
            each.collect::<Vec<_>>().join(", ")
        };
        let lower = self.lower.iter().map(|bounds| format!("within lower bounds {}", numbers(bounds)));
        let upper = self.upper.iter().map(|bounds| format!("within upper bounds {}", numbers(bounds)));
        let l1 = self.l1.iter().map(|l1| format!("with an l1 penalty of {l1}"));
        [self.problem.clone()].into_iter().chain(lower).chain(upper).chain(l1).collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn verify(flags: &VerifyFlags, console: Console) -> Result<Exit> {
    let path = &flags.path;
    if path.is_dir() {
        return of_run(path, &path.join(CERTIFICATE), flags, console);
    }
    let Kind { kind } = read(path)?;
    if kind != ProblemCertificate::KIND {
        // A run's certificate: its folder tells where the data are.
        let absolute = std::path::absolute(path).map_err(Failure::internal)?;
        return of_run(absolute.parent().unwrap_or(Path::new(".")), path, flags, console);
    }
    let certificate: ProblemCertificate = read(path)?;
    let MachineFlags { device, threads, .. } = &flags.machine;
    let run = RunSettings {
        device: device.clone().unwrap_or_else(|| "cpu".to_owned()),
        dtype: Some(Dtype::F64),
        threads: *threads,
        ..RunSettings::default()
    };
    let compute = Compute::start(&run, Dtype::F64)?;
    say(&certificate.of(), certificate.check(&compute.device)?, console)
}

fn of_run(run: &Path, certificate: &Path, flags: &VerifyFlags, console: Console) -> Result<Exit> {
    let dir = RunDir::open(run)?;
    let config = Config::of(&dir)?;
    if !certificate.is_file() {
        return Err(Failure::usage(format!("{} has no {CERTIFICATE}, so there is nothing to verify", run.display())));
    }
    config.verify(dir, certificate, flags, console)
}
