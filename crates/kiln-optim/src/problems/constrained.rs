//! Problems with constraints.

use std::sync::Arc;

use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};

use super::{hock_schittkowski, variable::Var};
use crate::constrained::Problem;

type OnTensor = Arc<dyn Fn(Tensor<1>) -> Tensor<1> + Send + Sync>;

/// A problem with constraints, and what is known of its minimum.
#[derive(Clone)]
pub struct ConstrainedProblem {
    /// As in `kiln solve hs71`.
    pub name: &'static str,
    /// A line on what it is.
    pub about: &'static str,
    /// Where solvers start.
    pub start: Vec<f64>,
    /// The smallest value near there that meets the constraints, as published; none where nothing meets them, or there is no minimum.
    pub minimum: Option<f64>,
    /// Lower bounds, −∞ where there is none.
    pub lower: Vec<f64>,
    /// Upper bounds, ∞ where there is none.
    pub upper: Vec<f64>,
    /// Whether f and g are convex and h is affine.
    pub convex: bool,
    objective: OnTensor,
    equalities: Vec<(&'static str, OnTensor)>,
    inequalities: Vec<(&'static str, OnTensor)>,
}

impl std::fmt::Debug for ConstrainedProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ConstrainedProblem").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ConstrainedProblem {
    /// The start as a vector of the device's float type.
    pub fn start(&self, device: &Device) -> Tensor<1> {
        Tensor::from_data(TensorData::new(self.start.clone(), [self.start.len()]), device)
    }

    /// The names of its constraints, and whether it has bounds, in a few words.
    pub fn constraints(&self) -> String {
        let named = |kind: &str, all: &[(&'static str, OnTensor)]| -> Vec<String> {
            all.iter().map(|(name, _)| format!("{name} {kind}")).collect()
        };
        let mut all = named("= 0", &self.equalities);
        all.extend(named("≤ 0", &self.inequalities));
        if self.lower.iter().chain(&self.upper).any(|bound| bound.is_finite()) {
            all.push("bounds".to_owned());
        }
        all.join(", ")
    }

    /// The problem with its derivatives.
    pub fn problem(&self, device: &Device) -> Problem<'static, Param<Tensor<1>>, ()> {
        let objective = self.objective.clone();
        let mut problem = Problem::of_vector(self.start(device), move |x| objective(x));
        for (name, equality) in self.equalities.clone() {
            problem = problem.equality(name, move |x| equality(x));
        }
        for (name, inequality) in self.inequalities.clone() {
            problem = problem.inequality(name, move |x| inequality(x));
        }
        let problem = problem.bounded(self.lower.clone(), self.upper.clone()).expect("bounds of the catalogue");
        if self.convex { problem.convex() } else { problem }
    }
}

/// A problem of `N` unknowns in the making.
pub(super) struct Formulas<const N: usize>(ConstrainedProblem);

impl<const N: usize> Formulas<N> {
    pub(super) fn new(
        name: &'static str,
        start: [f64; N],
        minimum: Option<f64>,
        objective: impl Fn(&[Var; N]) -> Var + Send + Sync + 'static,
    ) -> Self {
        Self(ConstrainedProblem {
            name,
            about: "",
            start: start.to_vec(),
            minimum,
            lower: vec![f64::NEG_INFINITY; N],
            upper: vec![f64::INFINITY; N],
            convex: false,
            objective: Arc::new(move |x| objective(&Var::entries(&x)).tensor()),
            equalities: Vec::new(),
            inequalities: Vec::new(),
        })
    }

    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.0.about = about;
        self
    }

    pub(super) fn convex(mut self) -> Self {
        self.0.convex = true;
        self
    }

    /// c(x) = 0.
    pub(super) fn equal(
        mut self,
        name: &'static str,
        c: impl Fn(&[Var; N]) -> Vec<Var> + Send + Sync + 'static,
    ) -> Self {
        self.0.equalities.push((name, Arc::new(move |x| Var::stack(c(&Var::entries(&x))))));
        self
    }

    /// c(x) ≥ 0, as the collections print it.
    pub(super) fn at_least(
        mut self,
        name: &'static str,
        c: impl Fn(&[Var; N]) -> Vec<Var> + Send + Sync + 'static,
    ) -> Self {
        self.0.inequalities.push((name, Arc::new(move |x| Var::stack(c(&Var::entries(&x))).neg())));
        self
    }

    pub(super) fn lower(mut self, lower: [f64; N]) -> Self {
        self.0.lower = lower.to_vec();
        self
    }

    pub(super) fn upper(mut self, upper: [f64; N]) -> Self {
        self.0.upper = upper.to_vec();
        self
    }

    pub(super) fn done(self) -> ConstrainedProblem {
        self.0
    }
}

/// All of them.
pub fn constrained() -> Vec<ConstrainedProblem> {
    let mut all = textbook();
    all.extend(hock_schittkowski::all());
    all
}

fn textbook() -> Vec<ConstrainedProblem> {
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
