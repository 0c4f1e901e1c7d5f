//! The options of a search.

use serde::{Deserialize, Serialize};

/// How the equations are solved.
///
/// # Example
/// ```
/// use kiln_optim::root::{RootFinder, RootMethod};
///
/// assert_eq!(RootFinder::default().method, RootMethod::Hybrid);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootMethod {
    /// Powell's hybrid of Newton's step and the steepest descent of ‖F‖², in a trust region. The default.
    #[default]
    Hybrid,
    /// Newton's method, with shorter steps where ‖F‖ does not fall.
    Newton,
    /// Broyden's method: the Jacobian is computed once, and then learnt from the steps. It is computed again where a step fails.
    Broyden,
}

/// The options of [`root`](super::root).
///
/// # Example
/// ```
/// use kiln_optim::root::{RootFinder, RootMethod};
///
/// let finder = RootFinder { method: RootMethod::Broyden, tol: 1e-8, ..RootFinder::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RootFinder {
    /// The method.
    pub method: RootMethod,
    /// It is a root if every |Fᵢ| is at most this. Default 1e-10.
    pub tol: f64,
    /// Maximum number of iterations. Default 500.
    pub max_iter: usize,
}

impl Default for RootFinder {
    fn default() -> Self {
        Self { method: RootMethod::Hybrid, tol: 1e-10, max_iter: 500 }
    }
}
