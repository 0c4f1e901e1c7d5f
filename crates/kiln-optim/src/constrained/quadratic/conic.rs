//! The interior-point method.

use clarabel::{
    algebra::CscMatrix,
    solver::{DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT},
};
use kiln_tensor::linalg::Symmetric;

use crate::norms::max_abs;

/// Why there is no step.
#[derive(Clone, Debug)]
pub(in crate::constrained) enum NoStep {
    /// The linear constraints contradict one another, or the solver lost all accuracy.
    Contradiction,
    /// The model has almost no curvature along this direction, within the linear constraints.
    Ray(Vec<f64>),
}

/// The solution: the unknowns, and the multiplier and slack of each row.
pub(super) struct Conic {
    pub(super) x: Vec<f64>,
    pub(super) z: Vec<f64>,
    pub(super) s: Vec<f64>,
}

/// Solves the programme with the interior-point method of `clarabel` (Goulart and Chen, 2024), for steps of length about `unit`.
pub(super) fn conic(
    (hessian, mut cost): (&Symmetric, Vec<f64>),
    unit: f64,
    triplets: &[(usize, usize, f64)],
    right: &[f64],
    equalities: usize,
) -> Result<Conic, NoStep> {
    let n = hessian.rows();
    #[allow(clippy::float_cmp, reason = "as the caller says it")]
    let price =
        if unit == 1.0 { 1.0 } else { max_abs(&cost[..n]).max(unit * hessian_size(hessian)).max(f64::MIN_POSITIVE) };
    cost.iter_mut().for_each(|q| *q /= price);
    let right: Vec<f64> = right.iter().map(|b| b / unit).collect();
    let columns = cost.len();
    let upper =
        (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, hessian.at(i, j) * (unit / price)));
    let upper: Vec<_> = upper.filter(|(_, _, value)| *value != 0.0).collect();
    let sparse = |rows: usize, entries: &[(usize, usize, f64)]| {
        let (i, j) = (entries.iter().map(|e| e.0).collect(), entries.iter().map(|e| e.1).collect());
        CscMatrix::new_from_triplets(rows, columns, i, j, entries.iter().map(|e| e.2).collect())
    };
    let settings = DefaultSettings {
        verbose: false,
        tol_gap_abs: 1e-11,
        tol_gap_rel: 1e-11,
        tol_feas: 1e-11,
        // Presolve would drop rows, whose multipliers are needed.
        presolve_enable: false,
        ..DefaultSettings::default()
    };
    let cones = [ZeroConeT(equalities), NonnegativeConeT(right.len() - equalities)];
    let mut solver =
        DefaultSolver::new(&sparse(columns, &upper), &cost, &sparse(right.len(), triplets), &right, &cones, settings)
            .map_err(|_| NoStep::Contradiction)?;
    solver.solve();
    let solution = &solver.solution;
    // If the tolerance is out of reach, the residuals relative to the data decide.
    let usable = match solution.status {
        SolverStatus::Solved => true,
        SolverStatus::AlmostSolved
        | SolverStatus::InsufficientProgress
        | SolverStatus::NumericalError
        | SolverStatus::MaxIterations => solution.r_prim < 1e-6 && solution.r_dual < 1e-6,
        _ => false,
    };
    let finite = solution.x.iter().chain(&solution.z).all(|value| value.is_finite());
    let times = |values: &[f64], factor: f64| values.iter().map(|value| value * factor).collect();
    if usable && finite {
        return Ok(Conic { x: times(&solution.x, unit), z: times(&solution.z, price), s: times(&solution.s, unit) });
    }
    Err(match solution.status {
        SolverStatus::DualInfeasible if finite => NoStep::Ray(solution.x[..n].to_vec()),
        _ => NoStep::Contradiction,
    })
}

pub(super) fn hessian_size(hessian: &Symmetric) -> f64 {
    (0..hessian.rows()).fold(0.0, |size, i| hessian.at(i, i).abs().max(size))
}
