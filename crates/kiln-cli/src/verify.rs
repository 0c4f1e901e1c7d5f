//! `kiln verify`: a certificate, against what it is of.

use std::path::Path;

use kiln::{
    burn::tensor::{DType, Device, Tensor, TensorData},
    optim::{
        constrained::{Bounded, Certifiable, Certificate, CertificateError, Multipliers, Split},
        problems,
    },
    tensor::derivative::Function,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

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

    fn check(&self, device: &Device) -> Result<Checked> {
        if let Some(problem) = problems::constrained().into_iter().find(|problem| problem.name == self.problem) {
            if self.lower.is_some() || self.upper.is_some() || self.l1.is_some() {
                return Err(Failure::usage(format!("{} has bounds of its own, and no l1 penalty", self.problem)));
            }
            return Ok(self.certificate.verify(&problem.problem(device), device));
        }
        let problem = problems::all().into_iter().find(|problem| problem.name == self.problem);
        let problem = problem.ok_or_else(|| Failure::usage(format!("no problem is called '{}'", self.problem)))?;
        let numbers = self.certificate.x.len();
        let n = if self.l1.is_some() { numbers / 2 } else { numbers };
        let fits = if problem.any_length { n >= 2 } else { n == problem.start.len() };
        if !fits || (self.l1.is_some() && numbers != 2 * n) {
            let (expected, got) = (problem.start.len(), numbers);
            return Ok(Err(CertificateError::Length { what: "numbers in x", expected, got }));
        }
        let like = Tensor::<1>::from_data(TensorData::new(vec![0.0; n], [n]), device);
        let function = Function::of_vector(like.clone(), |x| problem.value(x));
        if self.l1.is_some() && (self.lower.is_some() || self.upper.is_some()) {
            return Err(Failure::usage("an l1 penalty and bounds exclude one another"));
        }
        if let Some(l1) = self.l1 {
            let smooth = Split::new(&function, like + l1).map_err(Failure::usage)?;
            let (lower, upper) = (vec![0.0; 2 * n], vec![f64::INFINITY; 2 * n]);
            return Ok(self.certificate.verify(&Bounded::new(&smooth, lower, upper).map_err(Failure::usage)?, device));
        }
        let (lower, upper) = (self.side(&self.lower, f64::NEG_INFINITY), self.side(&self.upper, f64::INFINITY));
        Ok(self.certificate.verify(&Bounded::new(&function, lower, upper).map_err(Failure::usage)?, device))
    }

    fn side(&self, given: &Option<Vec<Option<f64>>>, none: f64) -> Vec<f64> {
        match given {
            Some(bounds) => bounds.iter().map(|bound| bound.unwrap_or(none)).collect(),
            None => vec![none; self.certificate.x.len()],
        }
    }

    /// The problem, with what came by flags.
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

/// A certificate with the numbers as they were found, or what does not hold.
pub(crate) type Checked = std::result::Result<Certificate, CertificateError>;

/// A certificate that `kiln verify` will accept, or why there is none.
pub(crate) fn certify(
    problem: &dyn Certifiable,
    x: &Tensor<1>,
    multipliers: &Multipliers,
    tol: f64,
) -> std::result::Result<Certificate, String> {
    if x.dtype() != DType::F64 {
        return Err("it takes numbers of f64".to_owned());
    }
    let made = Certificate::with_tolerance(problem, x, multipliers, tol).map_err(|error| error.to_string())?;
    let found = made.verify(problem, &x.device()).map_err(|error| error.to_string())?;
    // Without the allowance for rounding that another machine may need.
    if found.holds() { Ok(found) } else { Err("the residuals are within the tolerance but for rounding".to_owned()) }
}

pub(crate) fn verify(flags: &VerifyFlags, console: Console) -> Result<Exit> {
    let path = &flags.path;
    if path.is_dir() {
        return of_run(path, &path.join(CERTIFICATE), &flags.machine, console);
    }
    let Kind { kind } = read(path)?;
    if kind != ProblemCertificate::KIND {
        // Of a run, with the data beside it.
        let absolute = std::path::absolute(path).map_err(Failure::internal)?;
        return of_run(absolute.parent().unwrap_or(Path::new(".")), path, &flags.machine, console);
    }
    let certificate: ProblemCertificate = read(path)?;
    let MachineFlags { device, threads, .. } = &flags.machine;
    let run = RunSettings {
        device: device.clone().unwrap_or_else(|| "cpu".to_owned()),
        dtype: Some(Dtype::F64),
        threads: *threads,
        ..RunSettings::default()
    };
    let machine = Machine::start(&run, Dtype::F64)?;
    say(&certificate.of(), certificate.check(&machine.device)?, console)
}

/// A certificate's file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{} is no certificate of Kiln's: {error}", path.display())))
}

fn of_run(run: &Path, certificate: &Path, flags: &MachineFlags, console: Console) -> Result<Exit> {
    let (dir, config) = RunDir::open(run)?;
    if !certificate.is_file() {
        return Err(Failure::usage(format!("{} has no {CERTIFICATE}: there is nothing to verify", run.display())));
    }
    match config {
        Config::Logistic(settings) => logistic::verify(&dir, certificate, settings, flags, console),
        Config::Svm(settings) => svm::verify(&dir, certificate, settings, flags, console),
        other => Err(crate::wrong_model("verify", "logistic or svm", &other, run)),
    }
}

/// Whether a run's model has the numbers that its certificate is of, in the type of its file.
pub(crate) fn same_model(own: &[f64], certified: &[f64], rounding: f64) -> std::result::Result<(), CertificateError> {
    let differs = |what: &str, certified: String, own: String| {
        Err(CertificateError::Differs { what: what.to_owned(), claimed: certified, found: own })
    };
    if own.len() != certified.len() {
        return differs("how many numbers the run's model has", certified.len().to_string(), own.len().to_string());
    }
    let size = certified.iter().fold(1.0, |size: f64, number| size.max(number.abs()));
    for (own, certified) in own.iter().zip(certified) {
        // What is not a number is not near.
        let near = (own - certified).abs() <= 1e2 * rounding * size;
        if !near {
            return differs("a number of the run's model", certified.to_string(), own.to_string());
        }
    }
    Ok(())
}

/// The verdict. Exit code 0, or 3.
pub(crate) fn say(what: &str, checked: Checked, console: Console) -> Result<Exit> {
    let result = match &checked {
        Err(error) => serde_json::json!({ "holds": false, "of": what, "reason": error.to_string() }),
        Ok(found) => serde_json::json!({
            "holds": true, "of": what, "fun": found.fun, "residuals": found.residuals, "scale": found.scale, "tol": found.tol,
            "active_count": found.active_count, "active_rank": found.active_rank, "second_order": found.second_order,
            "duality_gap": found.duality_gap,
        }),
    };
    console.result(&result, || match &checked {
        Ok(found) => format!("the certificate of {what} holds\n{}", text(found)),
        Err(error) => format!("the certificate of {what} does not hold: {error}"),
    });
    match checked {
        Ok(_) => Ok(Exit::Done),
        Err(error) => {
            Err(Failure { message: format!("the certificate does not hold: {error}"), exit: Exit::NotConverged })
        }
    }
}

/// What a certificate says, in words.
pub(crate) fn text(certificate: &Certificate) -> String {
    let Certificate { residuals, scale, tol, active_count, active_rank, second_order, duality_gap, .. } = certificate;
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
         allowed        {tol:.1e}, times {scale:.3} in units of the value\n\
         active         {active_count} of rank {active_rank}, {independent}\ncurvature      {curvature}{gap}",
        residuals.stationarity, residuals.primal, residuals.dual, residuals.complementarity
    )
}
