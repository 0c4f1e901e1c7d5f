//! Problems with many unknowns and sparse derivatives, as functions on slices.

/// The problem to minimise f(x) subject to h(x) = 0, g(x) ≤ 0 and bounds on x, with sparse derivatives.
///
/// All constraints are one vector c = (h, g), the equalities first. A derivative is a list of entries: their places are asked for once, and
/// their values at each point, in the same order. Entries with the same place are added.
///
/// A function that is not defined at a point returns a number that is not finite.
///
/// # Example
/// The Rosenbrock function within the unit disc:
///
/// ```
/// use kiln_optim::constrained::{ConstrainedStop, InteriorPoint, SparseProblem, minimize_sparse};
///
/// struct Disc;
///
/// impl SparseProblem for Disc {
///     fn unknowns(&self) -> usize {
///         2
///     }
///     fn inequalities(&self) -> usize {
///         1
///     }
///     fn objective(&self, x: &[f64]) -> f64 {
///         (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2)
///     }
///     fn gradient(&self, x: &[f64], gradient: &mut [f64]) {
///         let t = x[1] - x[0] * x[0];
///         gradient.copy_from_slice(&[-2.0 * (1.0 - x[0]) - 400.0 * x[0] * t, 200.0 * t]);
///     }
///     fn constraints(&self, x: &[f64], values: &mut [f64]) {
///         values[0] = x[0] * x[0] + x[1] * x[1] - 1.0;
///     }
///     fn jacobian_places(&self) -> Vec<(usize, usize)> {
///         vec![(0, 0), (0, 1)]
///     }
///     fn jacobian(&self, x: &[f64], values: &mut [f64]) {
///         values.copy_from_slice(&[2.0 * x[0], 2.0 * x[1]]);
///     }
///     fn hessian_places(&self) -> Vec<(usize, usize)> {
///         vec![(0, 0), (1, 0), (1, 1)]
///     }
///     fn hessian(&self, x: &[f64], factor: f64, multipliers: &[f64], values: &mut [f64]) {
///         let curved = 2.0 * multipliers[0];
///         values[0] = factor * (2.0 + 1200.0 * x[0] * x[0] - 400.0 * x[1]) + curved;
///         values[1] = factor * -400.0 * x[0];
///         values[2] = factor * 200.0 + curved;
///     }
/// }
///
/// let solution = minimize_sparse(&Disc, &[0.0, 0.0], &InteriorPoint::default(), &ConstrainedStop::default())?;
/// let x = solution.outcome.to_vec();
/// assert!(solution.outcome.success && (x[0] - 0.786_415).abs() < 1e-6 && (x[1] - 0.617_698).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SparseProblem {
    /// Returns the number of unknowns n.
    fn unknowns(&self) -> usize;

    /// Returns the number of entries of h. Default 0.
    fn equalities(&self) -> usize {
        0
    }

    /// Returns the number of entries of g. Default 0.
    fn inequalities(&self) -> usize {
        0
    }

    /// Returns the lower and upper bounds, `[n]` each; −∞ and ∞ mean no bound, which is the default.
    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        (vec![f64::NEG_INFINITY; self.unknowns()], vec![f64::INFINITY; self.unknowns()])
    }

    /// Returns f(x).
    fn objective(&self, x: &[f64]) -> f64;

    /// Writes ∇f(x), `[n]`.
    fn gradient(&self, x: &[f64], gradient: &mut [f64]);

    /// Writes c(x) = (h, g). Default: nothing.
    fn constraints(&self, x: &[f64], values: &mut [f64]) {
        let _ = (x, values);
    }

    /// Returns the places (row, column) of the entries of the Jacobian of c. Default: none.
    fn jacobian_places(&self) -> Vec<(usize, usize)> {
        Vec::new()
    }

    /// Writes the entries of the Jacobian at x, in the order of their places. Default: nothing.
    fn jacobian(&self, x: &[f64], values: &mut [f64]) {
        let _ = (x, values);
    }

    /// Returns the places (row, column) of the entries of the Hessian of the Lagrangian, with row ≥ column. Default: none, which suits functions
    /// that are all linear, and solvers with [`LagrangianHessian::Bfgs`](crate::constrained::LagrangianHessian::Bfgs), which do not ask.
    fn hessian_places(&self) -> Vec<(usize, usize)> {
        Vec::new()
    }

    /// Writes the entries of `factor`·∇²f(x) + Σ multiplierᵢ·∇²cᵢ(x), in the order of their places. Default: nothing.
    fn hessian(&self, x: &[f64], factor: f64, multipliers: &[f64], values: &mut [f64]) {
        let _ = (x, factor, multipliers, values);
    }
}
