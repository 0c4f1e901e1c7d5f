//! A test problem with constraints, written as formulas.

use std::sync::Arc;

use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};

use super::variable::Var;
use crate::constrained::ConstrainedProblem;

type OnTensor = Arc<dyn Fn(Tensor<1>) -> Tensor<1> + Send + Sync>;

/// A test problem with constraints.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_optim::{constrained::{ConstrainedStop, Sqp, minimize_constrained}, problems};
///
/// let (device, all) = (Device::default(), problems::constrained());
/// let circle = all.iter().find(|problem| problem.name == "circle").unwrap();
/// let stop = ConstrainedStop::default();
/// let solution = minimize_constrained(&circle.problem(&device), circle.start(&device), &Sqp::default(), &stop)?;
/// assert!((solution.outcome.value - circle.minimum.unwrap()).abs() < 1e-3);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
#[derive(Clone)]
pub struct ConstrainedTestProblem {
    /// The name, as in `kiln solve hs71`.
    pub name: &'static str,
    /// What the problem is, in one line.
    pub about: &'static str,
    /// The start.
    pub start: Vec<f64>,
    /// The published minimum; none if the problem is infeasible or unbounded.
    pub minimum: Option<f64>,
    /// Lower bounds; −∞ means no bound.
    pub lower: Vec<f64>,
    /// Upper bounds; ∞ means no bound.
    pub upper: Vec<f64>,
    /// Whether f and g are convex and h is affine.
    pub convex: bool,
    objective: OnTensor,
    equalities: Vec<(&'static str, OnTensor)>,
    inequalities: Vec<(&'static str, OnTensor)>,
}

impl std::fmt::Debug for ConstrainedTestProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ConstrainedTestProblem").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ConstrainedTestProblem {
    /// Returns the start as a vector in the device's float type.
    pub fn start(&self, device: &Device) -> Tensor<1> {
        Tensor::from_data(TensorData::new(self.start.clone(), [self.start.len()]), device)
    }

    /// Returns the names of the constraints, and whether there are bounds, in a few words.
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

    /// Returns the problem with its derivatives.
    pub fn problem(&self, device: &Device) -> ConstrainedProblem<'static, Param<Tensor<1>>, ()> {
        let objective = self.objective.clone();
        let mut problem = ConstrainedProblem::of_vector(self.start(device), move |x| objective(x));
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

/// A problem of `N` unknowns, under construction.
pub(super) struct Formulas<const N: usize>(ConstrainedTestProblem);

impl<const N: usize> Formulas<N> {
    pub(super) fn new(
        name: &'static str,
        start: [f64; N],
        minimum: Option<f64>,
        objective: impl Fn(&[Var; N]) -> Var + Send + Sync + 'static,
    ) -> Self {
        Self(ConstrainedTestProblem {
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

    /// Adds c(x) = 0.
    pub(super) fn equal(
        mut self,
        name: &'static str,
        c: impl Fn(&[Var; N]) -> Vec<Var> + Send + Sync + 'static,
    ) -> Self {
        self.0.equalities.push((name, Arc::new(move |x| Var::stack(c(&Var::entries(&x))))));
        self
    }

    /// Adds c(x) ≥ 0, the form of the published collections.
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

    pub(super) fn done(self) -> ConstrainedTestProblem {
        self.0
    }
}
