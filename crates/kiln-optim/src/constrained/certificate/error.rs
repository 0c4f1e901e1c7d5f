//! Why a certificate does not hold.

use kiln_tensor::derivative::EvaluationError;

/// Why a certificate does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The numbers do not fit the problem.
    #[error("the certificate has {got} {what}, but the problem has {expected}")]
    Length {
        /// The numbers of which there are too few or too many.
        what: &'static str,
        /// How many the problem has.
        expected: usize,
        /// How many the certificate has.
        got: usize,
    },
    /// A residual is too large.
    #[error("{condition} does not hold: its residual is {residual:.3e}, and at most {allowed:.3e} is allowed")]
    Residual {
        /// Stationarity, primal feasibility, dual feasibility or complementarity.
        condition: &'static str,
        /// The residual.
        residual: f64,
        /// The largest residual that is allowed.
        allowed: f64,
    },
    /// A number differs from the recomputed one.
    #[error("{what} is {found}, but the certificate says {claimed}")]
    Differs {
        /// The number.
        what: String,
        /// Its value in the certificate.
        claimed: String,
        /// Its recomputed value.
        found: String,
    },
    /// The tolerance is too large to show anything.
    #[error("the certificate's tolerance {tol:.1e} is too large to show anything: it must be at most {allowed:.1e}")]
    Tolerance {
        /// The certificate's tolerance.
        tol: f64,
        /// The largest tolerance that is accepted.
        allowed: f64,
    },
    /// The rounding error of the multipliers is larger than the tolerance.
    #[error("the multipliers are as large as {largest:.1e}, so their rounding error is larger than the tolerance")]
    Multipliers {
        /// The largest multiplier.
        largest: f64,
    },
    /// The problem could not be evaluated.
    #[error("the problem could not be evaluated: {0}")]
    Evaluation(#[from] EvaluationError),
}
