//! The simplex of Nelder and Mead.

use super::{
    limits::{Evaluated, Within, record},
    values::Values,
};
use crate::{
    norms::distance,
    solver::{IntoVector, Iteration, Outcome, SolverError, Status, at_least_one, tolerance, within},
};

/// The options of [`nelder_mead`].
///
/// # Example
/// ```
/// use kiln_optim::derivative_free::NelderMead;
///
/// let options = NelderMead { xtol: 1e-8, ftol: 1e-8, lower: Some(vec![0.0, 0.0]), ..NelderMead::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NelderMead {
    /// Converged if no entry of a vertex differs from that of the best one by more than `xtol`, and the values likewise by more than
    /// `ftol`. Default 1e-4 both, as in SciPy.
    pub xtol: f64,
    /// See `xtol`.
    pub ftol: f64,
    /// The edges of the first simplex, relative to the entries of the start. Default 0.05; an entry near 0 is moved by 0.00025, or by twice
    /// `xtol` if that is more.
    pub edge: f64,
    /// Whether the coefficients depend on the number of variables (Gao and Han, 2012), which helps with many. Default false.
    pub adaptive: bool,
    /// Lower bounds `[n]`. Default: none. Vertices are moved to the nearest point within the bounds.
    pub lower: Option<Vec<f64>>,
    /// Upper bounds `[n]`. Default: none.
    pub upper: Option<Vec<f64>>,
    /// Maximum number of iterations. Default: 200 per variable.
    pub max_iter: Option<usize>,
    /// Maximum number of values. Default: 200 per variable.
    pub max_evaluations: Option<usize>,
}

impl Default for NelderMead {
    fn default() -> Self {
        Self {
            xtol: 1e-4,
            ftol: 1e-4,
            edge: 0.05,
            adaptive: false,
            lower: None,
            upper: None,
            max_iter: None,
            max_evaluations: None,
        }
    }
}

/// The edge of the first simplex where the start is 0.
const EDGE_AT_ZERO: f64 = 0.00025;

/// Minimises a function without gradients, by a simplex that moves and shrinks.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range or the function cannot be evaluated. Everything else is a [`Status`] of the
/// outcome.
///
/// # Example
/// ```
/// use kiln_optim::derivative_free::{NelderMead, SliceValues, nelder_mead};
///
/// let rosenbrock = SliceValues::new(|x: &[f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2));
/// let outcome = nelder_mead(&rosenbrock, [-1.2, 1.0], &NelderMead::default())?;
/// assert!(outcome.success && outcome.to_vec().iter().all(|x| (x - 1.0).abs() < 1e-3));
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Nelder and Mead, *A simplex method for function minimization* (1965). Lagarias, Reeds, Wright and Wright (1998). Gao and Han,
/// *Implementing the Nelder–Mead simplex algorithm with adaptive parameters* (2012).
pub fn nelder_mead<P: Values + ?Sized>(
    problem: &P,
    from: impl IntoVector,
    options: &NelderMead,
) -> Result<Outcome, SolverError> {
    tolerance("xtol", options.xtol)?;
    tolerance("ftol", options.ftol)?;
    within("edge", options.edge, 0.0, f64::INFINITY, "above 0")?;
    let from = from.into_vector();
    let n = from.len();
    let (max_iter, max_values) =
        (options.max_iter.unwrap_or(200 * n.max(1)), options.max_evaluations.unwrap_or(200 * n.max(1)));
    at_least_one("max_iter", max_iter)?;
    at_least_one("max_evaluations", max_values)?;
    let mut f = Within::new(problem, &from, (&options.lower, &options.upper), max_values)?;
    let mut simplex = Simplex::new(&mut f, &from, options)?;
    let mut history: Vec<Iteration> = vec![record(0, simplex.best().value, 0.0, f.evaluations)];
    let status = loop {
        if simplex.best().value == f64::INFINITY {
            break Status::NotFinite;
        }
        if simplex.is_small(options) {
            break Status::SpreadSmall;
        }
        if history.len() > max_iter || f.is_spent() {
            break Status::Budget;
        }
        let before = simplex.best().x.clone();
        simplex.step(&mut f)?;
        history.push(record(history.len(), simplex.best().value, distance(&before, &simplex.best().x), f.evaluations));
    };
    f.outcome(simplex.best(), status, history)
}

/// n + 1 vertices, the best one first.
struct Simplex {
    vertices: Vec<Evaluated>,
    coefficients: Coefficients,
}

struct Coefficients {
    reflect: f64,
    expand: f64,
    contract: f64,
    shrink: f64,
}

impl Coefficients {
    #[allow(clippy::cast_precision_loss, reason = "a number of variables")]
    fn new(n: usize, adaptive: bool) -> Self {
        let n = n as f64;
        if adaptive && n > 1.0 {
            Self { reflect: 1.0, expand: 1.0 + 2.0 / n, contract: 0.75 - 0.5 / n, shrink: 1.0 - 1.0 / n }
        } else {
            Self { reflect: 1.0, expand: 2.0, contract: 0.5, shrink: 0.5 }
        }
    }
}

impl Simplex {
    fn new<P: Values + ?Sized>(
        f: &mut Within<'_, P>,
        start: &[f64],
        options: &NelderMead,
    ) -> Result<Self, SolverError> {
        let start = f.nearest(start);
        let mut points = vec![start.clone()];
        for j in 0..start.len() {
            let mut x = start.clone();
            let edge = x[j].abs() * options.edge;
            // An edge within the tolerance would count as converged.
            let edge = if edge > options.xtol { edge.copysign(x[j]) } else { EDGE_AT_ZERO.max(2.0 * options.xtol) };
            let (low, high) = f.bounds(j);
            // To the other side of a bound that is in the way, or to the bound with more room.
            x[j] = match () {
                () if (low..=high).contains(&(x[j] + edge)) => x[j] + edge,
                () if (low..=high).contains(&(x[j] - edge)) => x[j] - edge,
                () if high - x[j] > x[j] - low => high,
                () => low,
            };
            points.push(x);
        }
        let vertices: Result<Vec<Evaluated>, SolverError> = points.into_iter().map(|x| f.at(x)).collect();
        let mut simplex = Self { vertices: vertices?, coefficients: Coefficients::new(start.len(), options.adaptive) };
        simplex.sort();
        Ok(simplex)
    }

    fn best(&self) -> &Evaluated {
        &self.vertices[0]
    }

    fn sort(&mut self) {
        self.vertices.sort_by(|a, b| a.value.total_cmp(&b.value));
    }

    fn is_small(&self, options: &NelderMead) -> bool {
        let best = self.best();
        self.vertices[1..].iter().all(|vertex| {
            let near = vertex.x.iter().zip(&best.x).all(|(x, best)| (x - best).abs() <= options.xtol);
            near && (vertex.value - best.value).abs() <= options.ftol
        })
    }

    /// Replaces the worst vertex, or shrinks the simplex towards the best one.
    fn step<P: Values + ?Sized>(&mut self, f: &mut Within<'_, P>) -> Result<(), SolverError> {
        let Coefficients { reflect, expand, contract, shrink } = self.coefficients;
        let n = self.vertices.len() - 1;
        let worst = self.vertices[n].clone();
        #[allow(clippy::cast_precision_loss, reason = "a number of variables")]
        let centre: Vec<f64> =
            (0..n).map(|j| self.vertices[..n].iter().map(|vertex| vertex.x[j]).sum::<f64>() / n as f64).collect();
        // (1 + t)·centre − t·worst.
        let along = |f: &mut Within<'_, P>, t: f64| {
            let x: Vec<f64> = centre.iter().zip(&worst.x).map(|(c, w)| (1.0 + t) * c - t * w).collect();
            let x = f.nearest(&x);
            f.at(x)
        };
        let reflected = along(f, reflect)?;
        let (best, second) = (self.vertices[0].value, self.vertices[n - 1].value);
        let better = if reflected.value < best {
            let expanded = along(f, reflect * expand)?;
            Some(if expanded.value < reflected.value { expanded } else { reflected })
        } else if reflected.value < second {
            Some(reflected)
        } else if reflected.value < worst.value {
            let outside = along(f, contract * reflect)?;
            (outside.value <= reflected.value).then_some(outside)
        } else {
            let inside = along(f, -contract)?;
            (inside.value < worst.value).then_some(inside)
        };
        if let Some(better) = better {
            self.vertices[n] = better;
        } else {
            let best = self.vertices[0].x.clone();
            for vertex in &mut self.vertices[1..] {
                let x: Vec<f64> = best.iter().zip(&vertex.x).map(|(b, x)| b + shrink * (x - b)).collect();
                *vertex = f.at(f.nearest(&x))?;
            }
        }
        self.sort();
        Ok(())
    }
}
