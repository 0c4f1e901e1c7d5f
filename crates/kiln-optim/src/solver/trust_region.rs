//! A step within a region in which the quadratic model is trusted.

use burn::tensor::Tensor;

use super::{
    EvaluationError, HessianProduct, SolverError,
    method::{Move, Solver},
    problem::{Counted, Point, dots, epsilon},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// Newton's method in a trust region.
///
/// The step p minimises the model f + ∇f·p + ½·pᵀ·H·p within ‖p‖ ≤ Δ by conjugate gradients. The radius Δ grows if the model is
/// good and the step reaches the boundary, and shrinks if the model is bad. Directions of negative curvature are followed to the
/// boundary, so the solver leaves saddle points.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Stop, TrustRegion, minimize};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::from_data([3.0], &Device::default());
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x - 1.0).square());
/// let solver = TrustRegion { initial_radius: 0.5, ..TrustRegion::default() };
/// assert!(minimize(&f, start, &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Steihaug (1983). Nocedal and Wright, *Numerical Optimization* (2006), algorithms 4.1 and 7.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrustRegion {
    /// The radius Δ at the start. Default 1.
    pub initial_radius: f64,
    /// The maximum of Δ. Default 1000.
    pub max_radius: f64,
    /// A step is accepted if the value decreases by more than this fraction of the predicted decrease, in [0, ¼). Default 0.15.
    pub eta: f64,
}

impl Default for TrustRegion {
    fn default() -> Self {
        Self { initial_radius: 1.0, max_radius: 1000.0, eta: 0.15 }
    }
}

/// The radius Δ.
#[derive(Clone, Copy, Debug)]
pub struct State {
    radius: f64,
}

impl Remember for State {
    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put_number("trust-region.radius", self.radius);
    }

    fn load(snapshot: &Snapshot, _: &Tensor<1>) -> Result<Self, SnapshotError> {
        Ok(Self { radius: snapshot.finite("trust-region.radius")? })
    }
}

/// A step of the model, and the decrease that the model predicts.
struct Step {
    p: Tensor<1>,
    /// f − m(p), above 0.
    promise: f64,
    at_rim: bool,
}

impl TrustRegion {
    fn steihaug<P: HessianProduct>(problem: &Counted<'_, P>, at: &Point, radius: f64) -> Result<Step, EvaluationError> {
        let tolerance = at.gradient_norm * at.gradient_norm.sqrt().min(0.5);
        let (mut z, mut hz) = (at.gradient.zeros_like(), at.gradient.zeros_like());
        let mut r = at.gradient.clone();
        let mut d = r.clone().neg();
        let mut square = at.gradient_norm.powi(2);
        let [n] = at.x.dims();
        for _ in 0..2 * n.max(10) {
            let hd = problem.hvp(&at.x, &d)?;
            let [curvature, zz, zd, dd] = dots([[&d, &hd], [&z, &z], [&z, &d], [&d, &d]]);
            if !curvature.is_finite() {
                // Without a product, the gradient's direction within the region, or what is known.
                let is_first = zz <= 0.0;
                let p = if is_first { d * (radius / dd.sqrt()) } else { z };
                let promise = if is_first { radius * at.gradient_norm } else { promise(at, &p, &hz) };
                return Ok(Step { promise, p, at_rim: is_first });
            }
            let alpha = square / curvature;
            let next = zz + 2.0 * alpha * zd + alpha * alpha * dd;
            if curvature <= 0.0 || next.sqrt() >= radius {
                // Go to the boundary: ‖z + τ·d‖ = Δ.
                let discriminant = (zd * zd + dd * (radius * radius - zz)).max(0.0).sqrt();
                let tau =
                    if zd > 0.0 { (radius * radius - zz) / (zd + discriminant) } else { (discriminant - zd) / dd };
                let (p, hp) = (z + d * tau, hz + hd * tau);
                return Ok(Step { promise: promise(at, &p, &hp), p, at_rim: true });
            }
            z = z + d.clone() * alpha;
            hz = hz + hd.clone() * alpha;
            r = r + hd * alpha;
            let [next_square] = dots([[&r, &r]]);
            if next_square.sqrt() < tolerance {
                break;
            }
            d = d * (next_square / square) - r.clone();
            square = next_square;
        }
        Ok(Step { promise: promise(at, &z, &hz), p: z, at_rim: false })
    }
}

fn promise(at: &Point, p: &Tensor<1>, hp: &Tensor<1>) -> f64 {
    let [slope, curvature] = dots([[&at.gradient, p], [p, hp]]);
    -slope - 0.5 * curvature
}

impl<P: HessianProduct> Solver<P> for TrustRegion {
    type State = State;

    fn validate(&self, _: usize) -> Result<(), SolverError> {
        let radii = self.initial_radius > 0.0 && self.initial_radius < self.max_radius && self.max_radius.is_finite();
        if !radii {
            let (expected, got) = ("above 0 and below max_radius, both finite", self.initial_radius);
            return Err(SolverError::Option { name: "initial_radius", expected, got });
        }
        if !(0.0..0.25).contains(&self.eta) {
            return Err(SolverError::Option { name: "eta", expected: "in [0, 0.25)", got: self.eta });
        }
        Ok(())
    }

    fn has_curvature(&self) -> bool {
        true
    }

    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, State), EvaluationError> {
        Ok((problem.at(x)?, State { radius: self.initial_radius }))
    }

    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut State) -> Result<Move, EvaluationError> {
        let step = Self::steihaug(problem, at, state.radius)?;
        if step.promise.is_nan() || step.promise <= 0.0 {
            return Ok(Move::Stuck);
        }
        let (point, _) = problem.along(at.x.clone() + step.p.clone(), &step.p)?;
        let noise = problem.rounding(at);
        // If both decreases are below rounding, the model is trusted if the gradient shrinks.
        let lost = step.promise <= noise && (at.value - point.value).abs() <= noise;
        let ratio = if !point.is_finite() {
            f64::NEG_INFINITY
        } else if lost && point.gradient_norm < at.gradient_norm {
            1.0
        } else {
            (at.value - point.value) / step.promise
        };
        if ratio < 0.25 {
            state.radius *= 0.25;
        } else if ratio > 0.75 && step.at_rim {
            state.radius = (2.0 * state.radius).min(self.max_radius);
        }
        if ratio > self.eta {
            return Ok(Move::To(Box::new(point)));
        }
        // In a smaller region no step would change x.
        let [length] = dots([[&at.x, &at.x]]);
        let smallest = epsilon(&at.x) * length.sqrt().max(f64::MIN_POSITIVE);
        Ok(if state.radius < smallest { Move::Stuck } else { Move::Refused })
    }
}
