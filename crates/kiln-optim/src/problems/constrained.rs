//! The catalogue of test problems with constraints.

use super::{
    formulas::{ConstrainedTestProblem, Formulas},
    hock_schittkowski,
};

/// Returns all test problems with constraints.
pub fn constrained() -> Vec<ConstrainedTestProblem> {
    let mut all = textbook();
    all.extend(hock_schittkowski::all());
    all
}

fn textbook() -> Vec<ConstrainedTestProblem> {
    let counts = [5.0, 2.0, 7.0, 1.0];
    let total: f64 = counts.iter().sum();
    vec![
        Formulas::new("circle", [-2.0, -0.5], Some(-2.0), |[x, y]| x + y)
            .about("a linear function on a circle; the multiplier is 1/2")
            .equal("circle", |[x, y]| vec![x.sq() + y.sq() - 2.0])
            .done(),
        Formulas::new("halfplane-quadratic", [0.1, 0.1], Some(0.5), |[x, y]| (x - 2.0).sq() + (y - 1.0).sq())
            .about("the nearest point of a triangle; the multiplier is 1")
            .at_least("triangle", |[x, y]| vec![2.0 - x - y, x.clone(), y.clone()])
            .convex()
            .done(),
        Formulas::new(
            "categorical-mle",
            [0.25; 4],
            Some(-counts.iter().map(|n| n * (n / total).ln()).sum::<f64>()),
            |[a, b, c, d]| -(5.0 * a.ln() + 2.0 * b.ln() + 7.0 * c.ln() + d.ln()),
        )
        .about("maximum likelihood of a categorical for the counts 5, 2, 7, 1; the multiplier is their sum, 15")
        .equal("total", |[a, b, c, d]| vec![a + b + c + d - 1.0])
        .lower([0.0; 4])
        .convex()
        .done(),
        Formulas::new("infeasible", [3.0, 2.0], None, |[x, y]| x.sq() + y.sq())
            .about("a half-plane that misses a disc: nothing meets both")
            .at_least("disc", |[x, y]| vec![1.0 - x.sq() - y.sq()])
            .at_least("halfplane", |[x, y]| vec![x + y - 4.0])
            .convex()
            .done(),
        Formulas::new("unbounded", [1.0, 1.0], None, |[x, y]| x - y)
            .about("falls for ever between the constraints")
            .at_least("halfplane", |[x, y]| vec![y - x])
            .lower([0.0, 0.0])
            .convex()
            .done(),
        Formulas::new("redundant", [4.0, -1.0, 2.0], Some(1.0 / 3.0), |[x, y, z]| x.sq() + y.sq() + z.sq())
            .about("the same plane three times: its multipliers are not unique")
            .equal("plane", |[x, y, z]| vec![x + y + z - 1.0, 2.0 * (x + y + z) - 2.0])
            .at_least("halfspace", |[x, y, z]| vec![x + y + z - 1.0])
            .convex()
            .done(),
        Formulas::new("outside-domain", [-1.0, 2.0], Some(-2.0 * std::f64::consts::LN_2), |[x, y]| -(x.ln() + y.ln()))
            .about("a start at which the logarithm is not defined: the constraint alone leads into its domain")
            .equal("sum", |[x, y]| vec![x + y - 4.0])
            .at_least("inside", |[x, y]| vec![x - 0.1, y - 0.1])
            .convex()
            .done(),
    ]
}
