//! A trust region within bounds.

use burn::tensor::Tensor;

use super::{
    Steihaug,
    radius::{Radius, Trial},
    subproblem::{Quadratic, Subproblem, tolerance},
};
use crate::solver::{
    EvaluationError, Objective, SolverError,
    method::{Move, Solver},
    minimum::Cone,
    problem::{Counted, Point, dots},
    projected::{Bounds, Region, SmoothBox},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// Newton's method in a trust region within bounds (TRON).
///
/// A step begins at a point on the projected gradient path where the quadratic model decreases enough. There the variables at a bound
/// are fixed, and the model is minimised over the others within the region, by a [`Subproblem`]. The result is projected on the bounds,
/// and the variables that are at a bound now are fixed too, until the model is stationary or the step reaches the boundary.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{BoundedTrustRegion, Bounds, Exact, Stop, minimize};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::zeros([2], &Device::default());
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x - 1.0).square().sum());
/// let solver = BoundedTrustRegion::new(Bounds::new([0.0, 0.0], [0.5, 9.0])?, Exact);
/// let outcome = minimize(&f, start, &solver, &Stop::default())?;
/// assert_eq!(outcome.x.try_into_vec_as::<f32>()?, [0.5, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Lin and Moré, *Newton's method for large bound-constrained optimization problems* (1999).
#[derive(Clone, Debug)]
pub struct BoundedTrustRegion<M = Steihaug> {
    /// The bounds.
    pub bounds: Bounds,
    /// How the model is minimised.
    pub subproblem: M,
    /// The radius Δ at the start. Default 1.
    pub initial_radius: f64,
    /// The maximum of Δ. Default 10⁶.
    pub max_radius: f64,
    /// A step is accepted if the value decreases by more than this fraction of the predicted decrease, in [0, ¼). Default 0.01.
    pub eta: f64,
}

impl<M> BoundedTrustRegion<M> {
    /// Returns a solver with default options.
    pub fn new(bounds: Bounds, subproblem: M) -> Self {
        Self { bounds, subproblem, initial_radius: 1.0, max_radius: 1e6, eta: 0.01 }
    }

    fn radius(&self) -> Radius {
        Radius { initial: self.initial_radius, max: self.max_radius, eta: self.eta }
    }
}

/// The radius Δ, the last step along the gradient, and what is known at the point.
#[derive(Clone, Copy, Debug)]
pub struct State<K> {
    radius: f64,
    /// 0 before the first step.
    along_gradient: f64,
    known: K,
}

impl<K: Remember> Remember for State<K> {
    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put_number("trust-region.radius", self.radius);
        snapshot.put_number("trust-region.along-gradient", self.along_gradient);
        self.known.save(snapshot);
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        Ok(Self {
            radius: snapshot.finite("trust-region.radius")?,
            along_gradient: snapshot.finite("trust-region.along-gradient")?,
            known: K::load(snapshot, x)?,
        })
    }
}

impl<P: Objective, M: Subproblem<P>> Solver<P> for BoundedTrustRegion<M> {
    type State = State<M::Known>;

    fn validate(&self, n: usize) -> Result<(), SolverError> {
        self.radius().validate()?;
        self.subproblem.validate()?;
        self.bounds.validate(n)
    }

    fn memory(&self, n: usize, number: usize) -> u64 {
        self.subproblem.memory(n, number)
    }

    fn has_curvature(&self) -> bool {
        true
    }

    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, Self::State), EvaluationError> {
        let state = State { radius: self.initial_radius, along_gradient: 0.0, known: M::Known::default() };
        Ok((problem.at(self.bounds.nearest(x))?, state))
    }

    fn stationarity(&self, at: &Point) -> f64 {
        self.bounds.stationarity(at)
    }

    fn cone(&self, at: &Point, gtol: f64) -> Option<Cone> {
        Some(self.bounds.piece(at).cone(&at.x, gtol))
    }

    fn within(&self, x: Tensor<1>) -> Tensor<1> {
        self.bounds.nearest(x)
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Self::State) -> Result<Move, EvaluationError> {
        let State { radius, along_gradient, known } = state;
        let piece = self.bounds.piece(at);
        let model = self.subproblem.model(problem, at, known)?;
        let inside = Inside { model, at, piece: &piece };
        let found = inside.minimise(*radius, along_gradient)?;
        let Some(step) = found else { return Ok(Move::Stuck) };
        let (point, _) = problem.along(inside.end(&step.s), &step.s)?;
        drop(inside);
        let flatter = self.bounds.stationarity(&point) < self.bounds.stationarity(at);
        let trial = Trial { promise: -step.value, at_rim: step.at_rim, flatter };
        let next = self.radius().judge(problem, at, point, &trial, radius);
        if matches!(next, Move::To(_)) {
            *known = M::Known::default();
        }
        Ok(next)
    }
}

/// The quadratic model within the bounds.
struct Inside<'a, Q> {
    model: Q,
    at: &'a Point,
    piece: &'a SmoothBox,
}

/// A step s within the bounds.
#[derive(Clone)]
struct Step {
    s: Tensor<1>,
    hs: Tensor<1>,
    /// The change of the model, g·s + ½·sᵀ·H·s, below 0.
    value: f64,
    length: f64,
    at_rim: bool,
}

/// The model must decrease by this fraction of its slope.
const ENOUGH: f64 = 0.01;
/// Maximum number of steps along the gradient.
const MAX_TRIALS: usize = 60;

impl<Q: Quadratic> Inside<'_, Q> {
    /// Minimises the model within ‖s‖ ≤ Δ and the bounds, about. None if no step decreases it.
    fn minimise(&self, radius: f64, along_gradient: &mut f64) -> Result<Option<Step>, EvaluationError> {
        let Some(mut step) = self.along_gradient(radius, along_gradient)? else { return Ok(None) };
        let [n] = step.s.dims();
        let mut target = None;
        for _ in 0..=n {
            let gradient = self.at.gradient.clone() + step.hs.clone();
            let free = self.free(&step.s);
            let reduced = gradient.clone() * free.clone();
            let [square, count] = dots([[&reduced, &reduced], [&free, &free]]);
            let target = *target.get_or_insert_with(|| tolerance(square.sqrt()));
            if count == 0.0 || square.sqrt() <= target {
                break;
            }
            let part = self.model.minimise(&gradient, Some(&free), radius)?;
            let Some(next) = self.projected(&step, &gradient, &part.p, part.promise)? else { break };
            step = next;
            if part.at_rim {
                step.at_rim = true;
                break;
            }
        }
        Ok(Some(step))
    }

    /// A step along the projected gradient at which the model decreases enough.
    fn along_gradient(&self, radius: f64, last: &mut f64) -> Result<Option<Step>, EvaluationError> {
        let Point { gradient, gradient_norm, .. } = self.at;
        let mut alpha = if *last > 0.0 { *last } else { (1.0_f64).min(radius / gradient_norm) };
        let at = |alpha: f64| {
            let s = self.between(gradient.clone() * -alpha);
            self.step(s)
        };
        let is_enough = |step: &Step| {
            let [slope] = dots([[gradient, &step.s]]);
            slope < 0.0 && step.value <= ENOUGH * slope && step.length <= radius
        };
        let mut found = at(alpha)?;
        if is_enough(&found) {
            // Longer, as long as it is enough and the step still grows.
            for _ in 0..MAX_TRIALS {
                let longer = at(10.0 * alpha)?;
                if !is_enough(&longer) || longer.length <= found.length || longer.value >= found.value {
                    break;
                }
                alpha *= 10.0;
                found = longer;
            }
        } else {
            let mut trials = 0;
            while !is_enough(&found) {
                trials += 1;
                if trials == MAX_TRIALS {
                    return Ok(None);
                }
                alpha *= 0.1;
                found = at(alpha)?;
            }
        }
        *last = alpha;
        Ok(Some(found))
    }

    /// Goes from a step in a direction, within the bounds. None if that does not decrease the model.
    fn projected(
        &self,
        from: &Step,
        gradient: &Tensor<1>,
        direction: &Tensor<1>,
        promise: f64,
    ) -> Result<Option<Step>, EvaluationError> {
        if promise.is_nan() || promise <= 0.0 {
            return Ok(None);
        }
        let mut t = 1.0;
        for _ in 0..MAX_TRIALS {
            let next = self.step(self.between(from.s.clone() + direction.clone() * t))?;
            let change = next.s.clone() - from.s.clone();
            let [slope] = dots([[gradient, &change]]);
            if next.value <= from.value + ENOUGH * slope.min(0.0) && next.value < from.value {
                return Ok(Some(Step { at_rim: from.at_rim, ..next }));
            }
            t *= 0.5;
        }
        Ok(None)
    }

    /// The step that leads to the projection of x + s.
    fn between(&self, s: Tensor<1>) -> Tensor<1> {
        let (low, high) = self.room();
        s.max_pair(low).min_pair(high)
    }

    /// The distances to the bounds.
    fn room(&self) -> (Tensor<1>, Tensor<1>) {
        (self.piece.lower.clone() - self.at.x.clone(), self.piece.upper.clone() - self.at.x.clone())
    }

    /// 1 for a variable that s does not lead to a bound. The sum x + s may be rounded to a number beside the bound.
    fn free(&self, s: &Tensor<1>) -> Tensor<1> {
        let (low, high) = self.room();
        let at_bound = s.clone().lower_equal(low).bool_or(s.clone().greater_equal(high));
        s.ones_like().mask_fill(at_bound, 0.0)
    }

    /// x + s, exactly at the bounds that s leads to.
    fn end(&self, s: &Tensor<1>) -> Tensor<1> {
        let (low, high) = self.room();
        let x = self.piece.project(self.at.x.clone() + s.clone());
        let x = x.mask_where(s.clone().lower_equal(low), self.piece.lower.clone());
        x.mask_where(s.clone().greater_equal(high), self.piece.upper.clone())
    }

    fn step(&self, s: Tensor<1>) -> Result<Step, EvaluationError> {
        let hs = self.model.product(&s)?;
        let [slope, curvature, square] = dots([[&self.at.gradient, &s], [&s, &hs], [&s, &s]]);
        Ok(Step { value: slope + 0.5 * curvature, length: square.sqrt(), s, hs, at_rim: false })
    }
}
