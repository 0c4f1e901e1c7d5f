//! BFGS with a dense matrix.

use burn::tensor::Tensor;

use super::{Descent, First, Heading};
use crate::solver::{
    EvaluationError, Objective,
    line::Trial,
    problem::{Counted, Point, dots, epsilon},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// BFGS: d = −B·∇f, with the inverse Hessian B estimated from the steps s and the changes y of the gradient.
///
/// B is a matrix `[n, n]` on the device.
///
/// # Example
/// ```
/// use kiln_optim::solver::{Bfgs, LineSearch, Stop, StrongWolfe, minimize_fn};
///
/// let solver = LineSearch::new(Bfgs { scale: true }, StrongWolfe::default());
/// let square = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * x[0];
///     x[0] * x[0]
/// };
/// assert!(minimize_fn(square, &[3.0], &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Broyden, Fletcher, Goldfarb, Shanno (1970). Nocedal and Wright, *Numerical Optimization* (2006), eq. 6.17.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bfgs {
    /// Whether to multiply the first B, the identity, with s·y / y·y after the first step (eq. 6.20). Default false, as in SciPy.
    pub scale: bool,
}

/// The matrix B; none means the identity.
#[derive(Clone, Debug)]
pub struct State {
    inverse: Option<Tensor<2>>,
}

impl Remember for State {
    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put_number("bfgs.learnt", f64::from(u8::from(self.inverse.is_some())));
        if let Some(inverse) = &self.inverse {
            snapshot.put("bfgs.inverse", inverse);
        }
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        let learnt = snapshot.number("bfgs.learnt")? > 0.0;
        Ok(Self { inverse: learnt.then(|| snapshot.tensor("bfgs.inverse", [x.dims()[0]; 2], x)).transpose()? })
    }
}

fn times(matrix: &Tensor<2>, vector: &Tensor<1>) -> Tensor<1> {
    matrix.clone().matmul(vector.clone().unsqueeze_dim(1)).squeeze_dim(1)
}

impl<P: Objective> Descent<P> for Bfgs {
    type State = State;

    /// B, its change, the change's transpose, and their sum.
    fn memory(&self, n: usize, number: usize) -> u64 {
        squares(n, 4 * number)
    }

    fn start(&self) -> State {
        State { inverse: None }
    }

    fn heading(&self, _: &Counted<'_, P>, at: &Point, state: &mut State) -> Result<Heading, EvaluationError> {
        let Some(inverse) = &state.inverse else { return Ok(Heading::steepest(at)) };
        let direction = times(inverse, &at.gradient).neg();
        let [slope] = dots([[&direction, &at.gradient]]);
        Ok(Heading { direction, slope, first: First::LikeTheLast })
    }

    fn moved(&self, state: &mut State, _: &Heading, from: &Point, to: &Trial) {
        let s = to.point.x.clone() - from.x.clone();
        let y = to.point.gradient.clone() - from.gradient.clone();
        let [sy, yy, ss] = dots([[&s, &y], [&y, &y], [&s, &s]]);
        if !curves(sy, yy, ss, epsilon(&s)) {
            return;
        }
        let [n] = s.dims();
        let inverse = state.inverse.take().unwrap_or_else(|| {
            Tensor::<2>::eye(n, &s.device()).cast(s.dtype()) * if self.scale { sy / yy } else { 1.0 }
        });
        let by = times(&inverse, &y);
        let [yby] = dots([[&y, &by]]);
        // (I − s·yᵀ/s·y)·B·(I − y·sᵀ/s·y) + s·sᵀ/s·y, expanded into u·sᵀ and its transpose.
        let u = s.clone() * (0.5 * (1.0 + yby / sy) / sy) - by * (1.0 / sy);
        let half = u.unsqueeze_dim::<2>(1) * s.unsqueeze_dim::<2>(0);
        state.inverse = Some(inverse + half.clone() + half.transpose());
    }
}

/// The bytes of matrices with n rows and columns.
pub(in crate::solver) fn squares(n: usize, entry: usize) -> u64 {
    (n as u64).saturating_mul(n as u64).saturating_mul(entry as u64)
}

/// Whether s·y shows positive curvature along s. A smaller product is rounding error, and B would not stay positive definite.
pub(super) fn curves(sy: f64, yy: f64, ss: f64, rounding: f64) -> bool {
    sy > rounding * (yy * ss).sqrt()
}
