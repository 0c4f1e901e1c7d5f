//! Newton's method with the whole Hessian.

use burn::tensor::{Tensor, TensorData};

use super::{Descent, First, Heading};
use crate::solver::{
    EvaluationError, Hessian, SolverError,
    line::Trial,
    problem::{Counted, Point, rounding},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// d = −(H + αI)⁻¹·∇f, by Cholesky's factor on the host in f64. α is 0 where H is positive definite; elsewhere, as near a
/// saddle, it is the first that makes H + αI so of 8·n·ε·‖H‖ and of the doubles of `damping`·‖H‖ (Nocedal and Wright, Numerical
/// Optimization, 2nd ed., Algorithm 3.3), and half of it is tried first at the next point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newton {
    /// The first α tried, in units of the largest entry of H. Default 1e-3.
    pub damping: f64,
    /// An α that is always added, for a Hessian that is singular or nearly so. Default 0.
    pub ridge: f64,
}

impl Default for Newton {
    fn default() -> Self {
        Self { damping: 1e-3, ridge: 0.0 }
    }
}

/// The α of the last point.
#[derive(Clone, Copy, Debug)]
pub struct State {
    shift: f64,
}

impl Remember for State {
    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put_number("newton.shift", self.shift);
    }

    fn load(snapshot: &Snapshot, _: &Tensor<1>) -> Result<Self, SnapshotError> {
        Ok(Self { shift: snapshot.finite("newton.shift")? })
    }
}

impl<P: Hessian> Descent<P> for Newton {
    type State = State;

    fn validate(&self) -> Result<(), SolverError> {
        if !(self.damping > 0.0 && self.damping.is_finite()) {
            return Err(SolverError::Option { name: "damping", expected: "a positive number", got: self.damping });
        }
        if !(self.ridge >= 0.0 && self.ridge.is_finite()) {
            return Err(SolverError::Option { name: "ridge", expected: "a finite number, 0 or more", got: self.ridge });
        }
        Ok(())
    }

    fn start(&self) -> State {
        State { shift: 0.0 }
    }

    fn heading(&self, problem: &Counted<'_, P>, at: &Point, state: &mut State) -> Result<Heading, EvaluationError> {
        let hessian = problem.hessian(&at.x)?.shifted(self.ridge);
        if !hessian.is_finite() {
            return Ok(Heading::steepest(at));
        }
        let n = hessian.rows();
        let largest = (0..n)
            .flat_map(|i| (0..=i).map(move |j| (i, j)))
            .fold(0.0, |largest: f64, (i, j)| largest.max(hessian.at(i, j).abs()));
        // A matrix that is singular and no worse needs no more than rounding's share: the gradient is zero along what it does
        // not see.
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let of_rounding = 8.0 * n as f64 * rounding(&at.x) * largest;
        let first = (state.shift / 2.0).max(self.damping * largest);
        let mut shift = 0.0;
        let factor = loop {
            if let Some(factor) = hessian.shifted(shift).cholesky() {
                break factor;
            }
            shift = if shift == 0.0 { of_rounding } else { first.max(2.0 * shift) };
            // A Hessian of zeros says nothing, and one of numbers at the end of their range cannot be shifted.
            if largest == 0.0 || !shift.is_finite() {
                state.shift = 0.0;
                return Ok(Heading::steepest(at));
            }
        };
        state.shift = shift;
        let gradient: Vec<f64> = at.gradient.to_data().try_into_vec_as().expect("floats");
        let direction: Vec<f64> = factor.solve(&gradient).into_iter().map(std::ops::Neg::neg).collect();
        let slope = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum();
        let data = TensorData::new(direction, [n]);
        let direction = Tensor::from_data(data, (&at.x.device(), at.x.dtype()));
        Ok(Heading { direction, slope, first: First::One })
    }

    fn moved(&self, _: &mut State, _: &Heading, _: &Point, _: &Trial) {}
}
