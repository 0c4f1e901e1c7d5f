//! Nonlinear conjugate gradients.

use burn::tensor::Tensor;

use super::{Descent, First, Heading};
use crate::solver::{
    EvaluationError, Objective, SolverError,
    line::Trial,
    problem::{Counted, Point, dots},
    snapshot::{Remember, Snapshot, SnapshotError},
};

/// The formula of β in d = −∇f + β·d₀.
///
/// g is the gradient, g₀ and d₀ the previous gradient and direction, and y = g − g₀. With an exact line search, each formula
/// minimises a convex quadratic in n steps (Nocedal and Wright, *Numerical Optimization*, 2006, §5.2).
///
/// # Example
/// ```
/// use kiln_optim::solver::{CgFormula, NonlinearCg};
///
/// let descent = NonlinearCg { formula: CgFormula::HestenesStiefel, ..NonlinearCg::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CgFormula {
    /// Fletcher and Reeves (1964): g·g / g₀·g₀.
    FletcherReeves,
    /// Polak and Ribière (1969), not below 0 (Gilbert and Nocedal, 1992): max(g·y / g₀·g₀, 0). The default.
    #[default]
    PolakRibierePlus,
    /// Hestenes and Stiefel (1952), not below 0: max(g·y / d₀·y, 0).
    HestenesStiefel,
    /// Dai and Yuan (1999): g·g / d₀·y.
    DaiYuan,
    /// Hager and Zhang (2005), `CG_DESCENT`: (y − 2·d₀·(y·y) / (d₀·y))·g / d₀·y, not below −1 / (‖d₀‖·min(0.01, ‖g₀‖)).
    HagerZhang,
}

/// Nonlinear conjugate gradients: d = −∇f + β·d₀, with the previous direction d₀.
///
/// # Example
/// ```
/// use kiln_optim::solver::{CgFormula, HagerZhang, LineSearch, NonlinearCg, Stop, minimize_fn};
///
/// let descent = NonlinearCg { formula: CgFormula::DaiYuan, ..NonlinearCg::default() };
/// let square = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * x[0];
///     x[0] * x[0]
/// };
/// let solver = LineSearch::new(descent, HagerZhang::default());
/// assert!(minimize_fn(square, &[3.0], &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NonlinearCg {
    /// The formula of β. Default Polak–Ribière+.
    pub formula: CgFormula,
    /// Restarts from −∇f if |g·g₀| is at least this fraction of g·g, so that successive gradients are far from orthogonal (Powell,
    /// 1977). Default: none, no restarts.
    pub restart: Option<f64>,
}

/// The next direction, computed after a step is accepted.
#[derive(Clone, Debug)]
pub struct State {
    next: Option<(Tensor<1>, f64)>,
}

impl Remember for State {
    fn save(&self, snapshot: &mut Snapshot) {
        // Slopes are below 0, so 0 means no direction.
        let slope = self.next.as_ref().map_or(0.0, |(_, slope)| *slope);
        snapshot.put_number("nonlinear-cg.slope", slope);
        if let Some((direction, _)) = &self.next {
            snapshot.put("nonlinear-cg.direction", direction);
        }
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        let slope = snapshot.number("nonlinear-cg.slope")?;
        let direction = (slope < 0.0).then(|| snapshot.vector("nonlinear-cg.direction", x)).transpose()?;
        Ok(Self { next: direction.map(|direction| (direction, slope)) })
    }
}

impl<P: Objective> Descent<P> for NonlinearCg {
    type State = State;

    fn validate(&self) -> Result<(), SolverError> {
        match self.restart {
            Some(part) if part.is_nan() || part <= 0.0 => {
                Err(SolverError::Option { name: "restart", expected: "above 0", got: part })
            }
            _ => Ok(()),
        }
    }

    fn start(&self) -> State {
        State { next: None }
    }

    fn heading(&self, _: &Counted<'_, P>, at: &Point, state: &mut State) -> Result<Heading, EvaluationError> {
        Ok(match &state.next {
            Some((direction, slope)) => {
                Heading { direction: direction.clone(), slope: *slope, first: First::LikeTheLast }
            }
            None => Heading::steepest(at),
        })
    }

    fn moved(&self, state: &mut State, heading: &Heading, from: &Point, to: &Trial) {
        let (g, g0, d0) = (&to.point.gradient, &from.gradient, &heading.direction);
        let (square, square0) = (to.point.gradient_norm.powi(2), from.gradient_norm.powi(2));
        // Computing y·g, y·d₀ and y·y from products of the gradients would cancel.
        let y = g.clone() - g0.clone();
        let [yg, yd, yy, dd] = dots([[&y, g], [&y, d0], [&y, &y], [d0, d0]]);
        let beta = match self.formula {
            CgFormula::FletcherReeves => square / square0,
            CgFormula::PolakRibierePlus => (yg / square0).max(0.0),
            CgFormula::HestenesStiefel => (yg / yd).max(0.0),
            CgFormula::DaiYuan => square / yd,
            CgFormula::HagerZhang => {
                let floor = -1.0 / (dd.sqrt() * from.gradient_norm.min(0.01));
                ((yg - 2.0 * yy * to.slope / yd) / yd).max(floor)
            }
        };
        let apart = self.restart.is_none_or(|part| (square - yg).abs() < part * square);
        let direction = d0.clone() * beta - g.clone();
        let slope = beta * to.slope - square;
        // If the direction does not descend, or β is NaN, the next direction is −∇f.
        state.next = (apart && slope < 0.0).then_some((direction, slope));
    }
}
