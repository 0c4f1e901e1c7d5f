//! Certificates: made, read, and the verdict on them.

use std::path::Path;

use kiln::{
    burn::tensor::{DType, Tensor},
    optim::constrained::{Certifiable, Certificate, CertificateError, Multipliers, Proof, SecondOrder},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::base::{Console, Exit, Failure, Result};

/// The kind of a certificate. A run's certificates have kinds of their model's own.
#[derive(Deserialize)]
pub(crate) struct Kind {
    pub(crate) kind: String,
}

/// A certificate with its numbers as they were computed again, or what does not hold.
pub(crate) type Checked = std::result::Result<Certificate, CertificateError>;

/// Returns a certificate that `kiln verify` will accept, or why there is none.
pub(crate) fn certify(
    problem: &dyn Certifiable,
    x: &Tensor<1>,
    multipliers: &Multipliers,
    tol: f64,
) -> std::result::Result<Certificate, String> {
    if x.dtype() != DType::F64 {
        return Err("it needs float type f64".to_owned());
    }
    let made = Certificate::with_tolerance(problem, x, multipliers, tol).map_err(|error| error.to_string())?;
    let found = made.verify(problem, &x.device()).map_err(|error| error.to_string())?;
    // Here without the allowance for rounding, which `verify` needs on another machine.
    if found.holds() { Ok(found) } else { Err("the residuals exceed the tolerance by rounding".to_owned()) }
}

/// Reads a certificate.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{} is not a certificate of Kiln's: {error}", path.display())))
}

/// Checks that a run's model has the numbers of its certificate, up to `rounding` of the model's float type.
pub(crate) fn same_model(own: &[f64], certified: &[f64], rounding: f64) -> std::result::Result<(), CertificateError> {
    let differs = |what: &str, certified: String, own: String| {
        Err(CertificateError::Differs { what: what.to_owned(), claimed: certified, found: own })
    };
    if own.len() != certified.len() {
        return differs(
            "the number of parameters of the run's model",
            certified.len().to_string(),
            own.len().to_string(),
        );
    }
    let size = certified.iter().fold(1.0, |size: f64, number| size.max(number.abs()));
    for (own, certified) in own.iter().zip(certified) {
        // NaN is not near.
        let near = (own - certified).abs() <= 1e2 * rounding * size;
        if !near {
            return differs("a parameter of the run's model", certified.to_string(), own.to_string());
        }
    }
    Ok(())
}

/// Prints the verdict. Exit code 0 or 3.
pub(crate) fn say(what: &str, checked: Checked, console: Console) -> Result<Exit> {
    let result = match &checked {
        Err(error) => serde_json::json!({ "holds": false, "of": what, "reason": error.to_string() }),
        Ok(found) => serde_json::json!({
            "holds": true, "of": what, "fun": found.fun, "residuals": found.residuals, "scale": found.scale, "tol": found.tol,
            "active_count": found.active_count, "active_rank": found.active_rank, "proves": found.proves, "second_order": found.second_order,
            "duality_gap": found.duality_gap,
        }),
    };
    console.result(&result, || match &checked {
        Ok(found) => format!("the certificate of {what} holds\n{}", text(found)),
        Err(error) => format!("the certificate of {what} does not hold: {error}"),
    })?;
    match checked {
        Ok(_) => Ok(Exit::Done),
        Err(error) => {
            Err(Failure { message: format!("the certificate does not hold: {error}"), exit: Exit::NotConverged })
        }
    }
}

/// Describes a certificate.
pub(crate) fn text(certificate: &Certificate) -> String {
    let Certificate { residuals, scale, tol, active_count, active_rank, proves, second_order, duality_gap, .. } =
        certificate;
    let independent =
        if active_count == active_rank { "independent" } else { "dependent, so that the multipliers are not unique" };
    let curvature = match second_order {
        None => "not checked: more than 1000 unknowns".to_owned(),
        Some(SecondOrder { downhill: Some(downhill), .. }) => {
            format!("{:.3e} along a direction, so the point is no minimum", downhill.curvature)
        }
        Some(SecondOrder { smallest_eigenvalue: None, .. }) => {
            "a vertex: the active constraints leave no direction".to_owned()
        }
        Some(SecondOrder { smallest_eigenvalue: Some(smallest), sufficient, .. }) => {
            let verdict = if *sufficient {
                "upward in every direction"
            } else {
                "0 in some direction, as far as the accuracy of the point tells"
            };
            format!("{verdict}: smallest eigenvalue {smallest:.3e}")
        }
    };
    let proves = match proves {
        Some(Proof::GlobalMinimum) => "a global minimum, because the problem is convex".to_owned(),
        Some(proof) => proof.to_string(),
        None => Proof::Stationary.to_string(),
    };
    let gap = duality_gap.map_or_else(String::new, |gap| format!("\nduality gap    {gap:.3e}"));
    format!(
        "proves         {proves}\n\
         residuals      stationarity {:.1e}, primal {:.1e}, dual {:.1e}, complementarity {:.1e}\n\
         allowed        {tol:.1e}, multiplied by {scale:.3} in units of the objective\n\
         active         {active_count} of rank {active_rank}, {independent}\ncurvature      {curvature}{gap}",
        residuals.stationarity, residuals.primal, residuals.dual, residuals.complementarity
    )
}
