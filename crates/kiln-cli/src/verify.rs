//! `kiln verify`: a certificate, against what it is of.

use std::path::Path;

use kiln::{
    burn::tensor::{Device, Tensor, TensorData},
    optim::{
        constrained::{Bounded, Certificate, CertificateError, Split},
        problems,
    },
    tensor::derivative::Function,
};
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Dtype, RunSettings},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{MachineFlags, VerifyFlags},
    logistic,
    machine::Machine,
    rundir::RunDir,
    svm,
};

/// The name of a run's certificate.
pub(crate) const CERTIFICATE: &str = "certificate.json";

/// What a file says that it is. A run's certificates are of its model's own kinds.
#[derive(Deserialize)]
pub(crate) struct Kind {
    pub(crate) kind: String,
}

/// `certificate.json` of a named problem.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProblemCertificate {
    pub(crate) kind: String,
    pub(crate) problem: String,
    /// Bounds that came with the flags; null where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lower: Option<Vec<Option<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upper: Option<Vec<Option<f64>>>,
    /// Of the penalty l1·‖x‖₁: x is then u and v with u − v in its place, as `Split` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) l1: Option<f64>,
    #[serde(flatten)]
    pub(crate) certificate: Certificate,
}

impl ProblemCertificate {
    pub(crate) const KIND: &'static str = "problem";

    pub(crate) fn new(problem: &str, certificate: Certificate) -> Self {
        let (kind, problem) = (Self::KIND.to_owned(), problem.to_owned());
        Self { kind, problem, lower: None, upper: None, l1: None, certificate }
    }

    fn check(&self, device: &Device) -> Result<std::result::Result<(), CertificateError>> {
        if let Some(problem) = problems::constrained().into_iter().find(|problem| problem.name == self.problem) {
            return Ok(self.certificate.verify(&problem.problem(device), device));
        }
        let problem = problems::all().into_iter().find(|problem| problem.name == self.problem);
        let problem = problem.ok_or_else(|| Failure::usage(format!("no problem is called '{}'", self.problem)))?;
        let n = if self.l1.is_some() { self.certificate.x.len() / 2 } else { self.certificate.x.len() };
        let like = Tensor::<1>::from_data(TensorData::new(vec![0.0; n], [n]), device);
        let function = Function::of_vector(like.clone(), |x| problem.value(x));
        let chain = problem.name == "rosenbrock";
        if n != problem.start.len() && !(chain && n >= 2) {
            let (expected, got) = (problem.start.len(), n);
            return Ok(Err(CertificateError::Length { what: "numbers in x", expected, got }));
        }
        if let Some(l1) = self.l1 {
            let split = Split::new(&function, like + l1);
            return Ok(self.certificate.verify(&bounded(&split, vec![0.0; 2 * n], vec![f64::INFINITY; 2 * n]), device));
        }
        let side = |given: &Option<Vec<Option<f64>>>, none: f64| match given {
            Some(bounds) => bounds.iter().map(|bound| bound.unwrap_or(none)).collect(),
            None => vec![none; n],
        };
        let (lower, upper) = (side(&self.lower, f64::NEG_INFINITY), side(&self.upper, f64::INFINITY));
        if lower.len() != n || upper.len() != n {
            return Ok(Err(CertificateError::Length {
                what: "bounds",
                expected: n,
                got: lower.len().min(upper.len()),
            }));
        }
        Ok(self.certificate.verify(&bounded(&function, lower, upper), device))
    }
}

fn bounded<P: kiln::optim::solver::Hessian>(objective: &P, lower: Vec<f64>, upper: Vec<f64>) -> Bounded<'_, P> {
    Bounded::new(objective, lower, upper)
}

pub(crate) fn verify(flags: &VerifyFlags, console: Console) -> Result<Exit> {
    let path = &flags.path;
    if path.is_dir() {
        return of_run(path, &flags.machine, console);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    let no_certificate =
        |error: serde_json::Error| Failure::usage(format!("{} is no certificate of Kiln's: {error}", path.display()));
    let Kind { kind } = serde_json::from_str(&text).map_err(no_certificate)?;
    if kind != ProblemCertificate::KIND {
        // Of a run, with the data beside it.
        let absolute = std::path::absolute(path).map_err(Failure::internal)?;
        return of_run(absolute.parent().unwrap_or(Path::new(".")), &flags.machine, console);
    }
    let certificate: ProblemCertificate = serde_json::from_str(&text).map_err(no_certificate)?;
    let MachineFlags { device, threads, .. } = &flags.machine;
    let run = RunSettings {
        device: device.clone().unwrap_or_else(|| "cpu".to_owned()),
        threads: *threads,
        ..RunSettings::default()
    };
    let machine = Machine::start(&run, Dtype::F64)?;
    let checked = certificate.check(&machine.device)?;
    say(&certificate.problem, &certificate.certificate, checked, console)
}

fn of_run(run: &Path, flags: &MachineFlags, console: Console) -> Result<Exit> {
    match RunDir::open(run)? {
        (dir, Config::Logistic(settings)) => logistic::verify(&dir, settings, flags, console),
        (dir, Config::Svm(settings)) => svm::verify(&dir, settings, flags, console),
        (_, other) => Err(crate::wrong_model("verify", "logistic or svm", &other, run)),
    }
}

/// The verdict. Exit code 0, or 3.
pub(crate) fn say(
    what: &str,
    certificate: &Certificate,
    checked: std::result::Result<(), CertificateError>,
    console: Console,
) -> Result<Exit> {
    let reason = checked.err().map(|error| error.to_string());
    let Certificate { residuals, second_order, duality_gap, active_count, active_rank, .. } = certificate;
    let result = serde_json::json!({
        "holds": reason.is_none(), "of": what, "reason": reason, "residuals": residuals, "active": active_count,
        "rank": active_rank, "second_order": second_order, "duality_gap": duality_gap,
    });
    console.result(&result, || match &reason {
        None => format!("the certificate of {what} holds\n{}", text(certificate)),
        Some(reason) => format!("the certificate of {what} does not hold: {reason}"),
    });
    match reason {
        None => Ok(Exit::Done),
        Some(reason) => {
            Err(Failure { message: format!("the certificate does not hold: {reason}"), exit: Exit::NotConverged })
        }
    }
}

/// What a certificate says, in words.
pub(crate) fn text(certificate: &Certificate) -> String {
    let Certificate { residuals, active_count, active_rank, second_order, duality_gap, .. } = certificate;
    let independent =
        if active_count == active_rank { "independent" } else { "dependent: other multipliers do as well" };
    let curvature = match second_order {
        None => "not looked at: more than 1000 unknowns".to_owned(),
        Some(order) => match order.smallest_eigenvalue {
            None => "a corner: the constraints leave no direction".to_owned(),
            Some(smallest) if order.sufficient => format!("a strict local minimum: smallest eigenvalue {smallest:.3e}"),
            Some(smallest) => format!("not sufficient: smallest eigenvalue {smallest:.3e}"),
        },
    };
    let gap = duality_gap.map_or_else(String::new, |gap| format!("\nduality gap    {gap:.3e}"));
    format!(
        "residuals      stationarity {:.1e}, primal {:.1e}, dual {:.1e}, complementarity {:.1e}\n\
         active         {active_count} of rank {active_rank}, {independent}\ncurvature      {curvature}{gap}",
        residuals.stationarity, residuals.primal, residuals.dual, residuals.complementarity
    )
}
