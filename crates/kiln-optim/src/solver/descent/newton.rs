//! Newton's method with the dense Hessian.

use burn::tensor::{Tensor, TensorData};

use super::{Descent, First, Heading, bfgs::squares};
use crate::solver::{
    EvaluationError, Hessian, SolverError,
    line::Trial,
    problem::{Counted, Point, epsilon},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// Newton's method: d = −(H + αI)⁻¹·∇f, by a Cholesky factor on the host in f64.
///
/// The shift α is 0 if H is positive definite. Otherwise, for example near a saddle point, α is the first of 8·n·ε·‖H‖,
/// `damping`·‖H‖ and its doubles for which H + αI is positive definite. The next point tries α/2 first.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Armijo, LineSearch, Newton, Stop, minimize};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::from_data([3.0], &Device::default());
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x - 1.0).square());
/// let solver = LineSearch::new(Newton { ridge: 1e-6, ..Newton::default() }, Armijo::default());
/// assert!(minimize(&f, start, &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Nocedal and Wright, *Numerical Optimization* (2006), algorithm 3.3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newton {
    /// The first shift α to try, relative to the largest entry of H. Default 1e-3.
    pub damping: f64,
    /// A shift α that is always added, for a Hessian that is nearly singular. Default 0.
    pub ridge: f64,
}

impl Default for Newton {
    fn default() -> Self {
        Self { damping: 1e-3, ridge: 0.0 }
    }
}

/// The shift α of the last point.
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

    /// The Hessian and its factor on the host, where they are f64 and half of them is kept, and the identity on the device.
    fn memory(&self, n: usize, number: usize) -> u64 {
        squares(n, 12 + number)
    }

    fn has_curvature(&self) -> bool {
        true
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
        // A singular positive semidefinite matrix needs only a shift of the size of rounding: the gradient is 0 along its null
        // space.
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let of_rounding = 8.0 * n as f64 * epsilon(&at.x) * largest;
        let first = (state.shift / 2.0).max(self.damping * largest);
        let mut shift = 0.0;
        let factor = loop {
            if let Some(factor) = hessian.shifted(shift).cholesky() {
                break factor;
            }
            shift = if shift == 0.0 { of_rounding } else { first.max(2.0 * shift) };
            // A zero Hessian has no information, and one at the end of the number range cannot be shifted.
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
