//! L-BFGS within bounds.

use burn::tensor::Tensor;

use super::{
    Objective, SolverError,
    descent::Memory,
    minimize::{Move, Solver},
    problem::{Counted, Point, dot, read, rounding},
};

/// Minimises within lower ≤ x ≤ upper, by projection in two metrics (Bertsekas, 1982; Kim, Sra and Dhillon, 2010): coordinates at a bound
/// to which the gradient pulls them are held; the others take the step of L-BFGS among themselves; and the step is projected on
/// the bounds, and halved until the value falls by `c1` of what the gradient promises. What must become small is the projected gradient,
/// the largest entry of P(x − ∇f) − x, as for SciPy's L-BFGS-B; the start is projected too.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{BoundedLbfgs, Stop, minimize};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::default();
/// let vector = |values: [f64; 2]| Tensor::<1>::from_data(values, &device);
/// let f = Function::of_vector(vector([0.0, 0.0]), |x: Tensor<1>| (x - 1.0).square().sum());
/// let solver = BoundedLbfgs::new(vector([0.0, 0.0]), vector([0.5, f64::INFINITY]))?;
/// let outcome = minimize(&f, f.parameters(), &solver, &Stop::default())?;
/// assert!(outcome.success);
/// assert_eq!(outcome.x.try_into_vec_as::<f32>()?, [0.5, 1.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BoundedLbfgs {
    lower: Tensor<1>,
    upper: Tensor<1>,
    /// How many steps are remembered, at least 1. Default 10.
    pub history_size: usize,
    /// Which part of the promised decrease must be won, in (0, ½). Default 1e-4.
    pub c1: f64,
    /// Points tried along one direction. Default 40.
    pub max_trials: usize,
}

impl BoundedLbfgs {
    /// Within the two vectors `[n]`, infinite where there is no bound.
    ///
    /// # Errors
    /// When they are not of one length, or a lower bound is above its upper one, or one is not a number.
    pub fn new(lower: Tensor<1>, upper: Tensor<1>) -> Result<Self, SolverError> {
        let (lower, upper) = (lower.without_autodiff(), upper.without_autodiff());
        #[allow(clippy::cast_precision_loss, reason = "a length, for a message")]
        let got = upper.dims()[0] as f64;
        if lower.dims() != upper.dims() {
            return Err(SolverError::Option { name: "upper", expected: "as long as lower", got });
        }
        let ordered = lower.clone().lower_equal(upper.clone()).all().into_scalar::<bool>();
        if !ordered {
            return Err(SolverError::Option {
                name: "lower",
                expected: "at most upper, entry by entry",
                got: f64::NAN,
            });
        }
        Ok(Self { lower, upper, history_size: 10, c1: 1e-4, max_trials: 40 })
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        x.max_pair(self.lower.clone()).min_pair(self.upper.clone())
    }

    /// The largest entry of P(x − ∇f) − x.
    fn projected_gradient(&self, at: &Point) -> f64 {
        let step = self.project(at.x.clone() - at.gradient.clone()) - at.x.clone();
        let [largest] = read([step.abs().max()]);
        largest
    }

    /// 1 where a coordinate may move, 0 where it is at a bound to which the gradient pulls it.
    fn free(&self, at: &Point) -> Tensor<1> {
        let g = &at.gradient;
        let low = at.x.clone().lower_equal(self.lower.clone()).bool_and(g.clone().greater_scalar(0.0));
        let high = at.x.clone().greater_equal(self.upper.clone()).bool_and(g.clone().lower_scalar(0.0));
        g.ones_like().mask_fill(low.bool_or(high), 0.0)
    }
}

impl<P: Objective> Solver<P> for BoundedLbfgs {
    type State = Memory;

    fn start(&self, at: &Point) -> Result<Memory, SolverError> {
        if !(self.c1 > 0.0 && self.c1 < 0.5) {
            return Err(SolverError::Option { name: "c1", expected: "in (0, 0.5)", got: self.c1 });
        }
        #[allow(clippy::cast_precision_loss, reason = "a length, for a message")]
        if at.x.dims() != self.lower.dims() {
            let got = self.lower.dims()[0] as f64;
            return Err(SolverError::Option { name: "lower", expected: "as long as the start", got });
        }
        Memory::new(self.history_size)
    }

    fn feasible(&self, x: Tensor<1>) -> Tensor<1> {
        if x.dims() == self.lower.dims() { self.project(x) } else { x }
    }

    fn stationarity(&self, at: &Point) -> f64 {
        self.projected_gradient(at)
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, memory: &mut Memory) -> Result<Move, SolverError> {
        let free = self.free(at);
        let gradient = at.gradient.clone() * free.clone();
        for attempt in 0..2 {
            let (direction, first) = if memory.is_empty() {
                let [norm] = read([dot(&gradient, &gradient)]);
                (gradient.clone().neg(), norm.sqrt().recip().min(1.0))
            } else {
                (memory.masked(&free).times(&gradient).neg(), 1.0)
            };
            let mut t = first;
            for _ in 0..self.max_trials {
                let x = self.project(at.x.clone() + direction.clone() * t);
                let step = x.clone() - at.x.clone();
                let (point, _) = problem.along(x, &step)?;
                let [promise] = read([dot(&at.gradient, &step)]);
                let lower = point.value < at.value && point.value <= at.value + self.c1 * promise;
                // Where the difference is lost in rounding, the gradient must say that it is better.
                let noise = 10.0 * rounding(&at.x) * at.value.abs();
                let lost = promise < 0.0 && -promise <= noise && point.value <= at.value + noise;
                if point.is_finite()
                    && promise < 0.0
                    && (lower || (lost && self.projected_gradient(&point) < self.projected_gradient(at)))
                {
                    memory.learn(at, &point);
                    return Ok(Move::To(Box::new(point)));
                }
                t *= 0.5;
            }
            if attempt == 0 && memory.is_empty() {
                break;
            }
            *memory = Memory::new(self.history_size)?;
        }
        Ok(Move::Stuck)
    }
}
