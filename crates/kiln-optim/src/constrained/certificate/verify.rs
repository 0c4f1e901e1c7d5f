//! The verification of a certificate.

use burn::tensor::{DType, Device, Tensor, TensorData};
use kiln_tensor::device::machine_epsilon;

use super::{
    super::{Certifiable, kkt::Residuals},
    Certificate, CertificateError, Computed, SecondOrder, Side,
};

impl Certificate {
    /// Returns the largest tolerance that is accepted for a float type: 1e-6 in f64, 3e-4 in f32.
    pub fn largest_tolerance(dtype: DType) -> f64 {
        if dtype == DType::F64 { 1e-6 } else { 3e-4 }
    }

    /// Computes every number again from the problem, on `device` in its float type, and compares it with the certificate. Returns
    /// the recomputed certificate.
    ///
    /// # Errors
    /// Returns the first [`CertificateError`] that is found.
    pub fn verify(&self, problem: &(impl Certifiable + ?Sized), device: &Device) -> Result<Self, CertificateError> {
        let x = Tensor::<1>::from_data(TensorData::new(self.x.clone(), [self.x.len()]), device);
        let allowed = Self::largest_tolerance(x.dtype());
        let believed = self.tol >= 0.0 && self.tol <= allowed;
        if !believed {
            return Err(CertificateError::Tolerance { tol: self.tol, allowed });
        }
        let computed = Self::compute(problem, &x, &self.multipliers, self.tol)?;
        self.compare(&computed, 1e4 * machine_epsilon(x.dtype()))?;
        Ok(computed.certificate)
    }

    /// Compares the numbers with the recomputed ones. `rounding` is the relative difference that another order of summation may
    /// cause.
    fn compare(&self, computed: &Computed, rounding: f64) -> Result<(), CertificateError> {
        let Computed { certificate: found, curvature, forces } = computed;
        let within = self.tol * found.scale;
        // Terms this large could cancel any residual gradient.
        let seen = found.multipliers.largest().is_finite() && 1e-4 * rounding * forces <= within;
        if !seen {
            return Err(CertificateError::Multipliers { largest: found.multipliers.largest() });
        }
        // The residual may exceed the tolerance by rounding error, but not by more than the tolerance.
        let slack = (rounding * forces).min(within) / found.scale;
        for certificate in [found, self] {
            if let Some(error) = certificate.condition_that_fails(slack) {
                return Err(error);
            }
        }
        let (claimed, computed) = (&self.residuals, &found.residuals);
        number("the residual of stationarity", claimed.stationarity, computed.stationarity, within)?;
        number("the residual of primal feasibility", claimed.primal, computed.primal, self.tol)?;
        number("the residual of dual feasibility", claimed.dual, computed.dual, within)?;
        number("the residual of complementarity", claimed.complementarity, computed.complementarity, within)?;
        number("f", self.fun, found.fun, within.max(rounding * found.fun.abs()))?;
        number("the scale", self.scale, found.scale, within.max(rounding * found.scale))?;
        if self.active != found.active {
            return Err(differs("the active set", names(&self.active), names(&found.active)));
        }
        let counts = |certificate: &Self| (certificate.active_count, certificate.active_rank, certificate.directions());
        if counts(self) != counts(found) {
            let what = "the number of active constraints, their rank and the directions that they leave";
            return Err(differs(what, format!("{:?}", counts(self)), format!("{:?}", counts(found))));
        }
        if let (Some(claimed), Some(found)) = (self.proves, found.proves)
            && claimed != found
        {
            return Err(differs("what the numbers prove", claimed.to_string(), found.to_string()));
        }
        let smallest =
            |certificate: &Self| certificate.second_order.as_ref().and_then(|order| order.smallest_eigenvalue);
        optional("the smallest eigenvalue", smallest(self), smallest(found), within.max(1e-8 * curvature))?;
        optional("the duality gap", self.duality_gap, found.duality_gap, within)
    }

    /// The dimension of the second-order condition, and whether it is sufficient.
    fn directions(&self) -> Option<(usize, bool)> {
        self.second_order.as_ref().map(|SecondOrder { dimension, sufficient, .. }| (*dimension, *sufficient))
    }

    /// The first of the four conditions that does not hold within the tolerance and `slack`.
    pub(super) fn condition_that_fails(&self, slack: f64) -> Option<CertificateError> {
        let Residuals { stationarity, primal, dual, complementarity } = self.residuals;
        let allowed = self.tol + slack;
        let conditions = [
            ("stationarity", stationarity, allowed * self.scale),
            ("primal feasibility", primal, allowed),
            ("dual feasibility", dual, allowed * self.scale),
            ("complementarity", complementarity, allowed * self.scale),
        ];
        conditions.into_iter().find_map(|(condition, residual, allowed)| {
            // NaN does not hold.
            let within = residual >= 0.0 && residual <= allowed;
            (!within).then_some(CertificateError::Residual { condition, residual, allowed })
        })
    }
}

fn differs(what: &str, claimed: String, found: String) -> CertificateError {
    CertificateError::Differs { what: what.to_owned(), claimed, found }
}

fn number(what: &str, claimed: f64, found: f64, allowed: f64) -> Result<(), CertificateError> {
    // NaN is not near.
    let near = (claimed - found).abs() <= allowed;
    if near { Ok(()) } else { Err(differs(what, claimed.to_string(), found.to_string())) }
}

fn optional(what: &str, claimed: Option<f64>, found: Option<f64>, allowed: f64) -> Result<(), CertificateError> {
    match (claimed, found) {
        (None, None) => Ok(()),
        (Some(claimed), Some(found)) => number(what, claimed, found, allowed),
        (claimed, found) => Err(differs(what, format!("{claimed:?}"), format!("{found:?}"))),
    }
}

fn names(sides: &[Side]) -> String {
    let named = |side: &Side| format!("{} ({})", side.constraint, side.multiplier);
    sides.iter().map(named).collect::<Vec<_>>().join(", ")
}
