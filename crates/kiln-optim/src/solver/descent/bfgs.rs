//! BFGS with a dense matrix.

use burn::tensor::Tensor;

use super::{Descent, First, Heading};
use crate::solver::{
    EvaluationError, Objective,
    line::Trial,
    problem::{Counted, Point, dot, read, rounding},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// d = −B·∇f, with B the inverse Hessian as the steps s and the changes y of the gradient show it
/// (Broyden, Fletcher, Goldfarb and Shanno, 1970; Nocedal and Wright, Numerical Optimization, 2nd ed., (6.17)). B is on the
/// device, `[n, n]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bfgs {
    /// Multiplies the first B, the identity, with s·y / y·y after the first step (6.20). Off by default, as in SciPy.
    pub scale: bool,
}

/// B, none while it is the identity.
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

    fn start(&self) -> State {
        State { inverse: None }
    }

    fn heading(&self, _: &Counted<'_, P>, at: &Point, state: &mut State) -> Result<Heading, EvaluationError> {
        let Some(inverse) = &state.inverse else { return Ok(Heading::steepest(at)) };
        let direction = times(inverse, &at.gradient).neg();
        let [slope] = read([dot(&direction, &at.gradient)]);
        Ok(Heading { direction, slope, first: First::LikeTheLast })
    }

    fn moved(&self, state: &mut State, _: &Heading, from: &Point, to: &Trial) {
        let s = to.point.x.clone() - from.x.clone();
        let y = to.point.gradient.clone() - from.gradient.clone();
        let [sy, yy, ss] = read([dot(&s, &y), dot(&y, &y), dot(&s, &s)]);
        if !curves(sy, yy, ss, rounding(&s)) {
            return;
        }
        let [n] = s.dims();
        let inverse = state.inverse.take().unwrap_or_else(|| {
            Tensor::<2>::eye(n, &s.device()).cast(s.dtype()) * if self.scale { sy / yy } else { 1.0 }
        });
        let by = times(&inverse, &y);
        let [yby] = read([dot(&y, &by)]);
        // (I − s·yᵀ/s·y)·B·(I − y·sᵀ/s·y) + s·sᵀ/s·y, multiplied out: u·sᵀ and its transpose.
        let u = s.clone() * (0.5 * (1.0 + yby / sy) / sy) - by * (1.0 / sy);
        let half = u.unsqueeze_dim::<2>(1) * s.unsqueeze_dim::<2>(0);
        state.inverse = Some(inverse + half.clone() + half.transpose());
    }
}

/// Whether s·y says that the function curves up along s; below this the pair is noise, and the matrix would not stay
/// positive definite.
pub(super) fn curves(sy: f64, yy: f64, ss: f64, rounding: f64) -> bool {
    sy > rounding * (yy * ss).sqrt()
}
