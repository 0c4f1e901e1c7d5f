//! What is minimised, and what must hold.

use std::sync::Arc;

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use kiln_tensor::{
    derivative::{Function, Inputs},
    flat::Layout,
};

use crate::solver::SolverError;

type Forward<'a, M, I> = Arc<dyn Fn(&M, I) -> Tensor<1> + Send + Sync + 'a>;

/// What is wrong with a problem, or with what it is given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// Bounds that leave no number, or are none.
    #[error("the bounds of x[{index}] must be numbers, lower ≤ upper, not {lower} and {upper}")]
    Bounds {
        /// Of which unknown.
        index: usize,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
    /// A vector of the wrong length.
    #[error("{name} must have {expected} entries, not {got}")]
    Length {
        /// Which.
        name: &'static str,
        /// How many there are in the problem.
        expected: usize,
        /// How many came.
        got: usize,
    },
}

/// Minimise f(x) subject to h(x) = 0, g(x) ≤ 0 and bounds on x, the trainable parameters of a module as one vector, or a vector itself.
/// See the [module](super).
///
/// What the functions may do is said at [`kiln_tensor::derivative`]. They are given the module, and the same data.
///
/// ```
/// use burn::{nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
/// use kiln_optim::constrained::Problem;
///
/// let device = Device::default();
/// let layer = LinearConfig::new(3, 1).init(&device);
/// let (x, y) = (Tensor::<2>::ones([8, 3], &device), Tensor::<2>::ones([8, 1], &device));
/// // Least squares with weights of a bounded norm.
/// let problem = Problem::new(&layer, (x, y), |layer: &Linear, (x, y)| (layer.forward(x) - y).square().mean())
///     .module_inequality("norm", |layer, _| layer.weight.val().square().sum() - 1.0);
/// assert_eq!(problem.unknowns(), 4);
/// ```
pub struct Problem<'a, M, I> {
    module: M,
    inputs: I,
    n: usize,
    objective: Forward<'a, M, I>,
    equalities: Vec<Constraint<'a, M, I>>,
    inequalities: Vec<Constraint<'a, M, I>>,
    /// −∞ and ∞ where there is none.
    lower: Vec<f64>,
    upper: Vec<f64>,
    convex: bool,
    functions: Functions<'a, M, I>,
}

struct Constraint<'a, M, I> {
    name: String,
    forward: Forward<'a, M, I>,
}

impl<M, I> Clone for Constraint<'_, M, I> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), forward: self.forward.clone() }
    }
}

/// The same, differentiated.
pub(super) struct Functions<'a, M, I> {
    pub(super) objective: Function<'a, M, I, 1>,
    pub(super) equality: Option<Function<'a, M, I, 1>>,
    pub(super) inequality: Option<Function<'a, M, I, 1>>,
    /// f + λᵀ·h + μᵀ·g for the multipliers of its inputs.
    pub(super) lagrangian: Function<'a, M, (I, Tensor<1>, Tensor<1>), 1>,
}

impl<'a> Problem<'a, Param<Tensor<1>>, ()> {
    /// Minimise `objective` of a vector as long as `start`.
    pub fn of_vector(start: Tensor<1>, objective: impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync + 'a) -> Self {
        let objective = move |x: &Param<Tensor<1>>, ()| objective(x.val());
        Self::new(&Param::from_tensor(start.without_autodiff()), (), objective)
    }

    /// With h(x) = 0 for each entry of `h`, a vector of any length.
    #[must_use]
    pub fn equality(self, name: &str, h: impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.module_equality(name, move |x, ()| h(x.val()))
    }

    /// With g(x) ≤ 0 for each entry of `g`, a vector of any length.
    #[must_use]
    pub fn inequality(self, name: &str, g: impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.module_inequality(name, move |x, ()| g(x.val()))
    }
}

impl<'a, M: Module + 'a, I: Inputs + 'a> Problem<'a, M, I> {
    /// Minimise `objective` of the trainable parameters of `module`, given `inputs`.
    pub fn new(module: &M, inputs: I, objective: impl Fn(&M, I) -> Tensor<1> + Send + Sync + 'a) -> Self {
        let objective: Forward<'a, M, I> = Arc::new(objective);
        let functions = Functions::new(module, &inputs, &objective, &[], &[]);
        let n = functions.objective.layout().len();
        Self {
            module: module.clone(),
            inputs,
            n,
            objective,
            equalities: Vec::new(),
            inequalities: Vec::new(),
            lower: vec![f64::NEG_INFINITY; n],
            upper: vec![f64::INFINITY; n],
            convex: false,
            functions,
        }
    }

    /// With h = 0 for each entry of `h` of the module and the data, a vector of any length.
    #[must_use]
    pub fn module_equality(mut self, name: &str, h: impl Fn(&M, I) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.equalities.push(Constraint { name: name.to_owned(), forward: Arc::new(h) });
        self.rebuilt()
    }

    /// With g ≤ 0 for each entry of `g` of the module and the data, a vector of any length.
    #[must_use]
    pub fn module_inequality(mut self, name: &str, g: impl Fn(&M, I) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.inequalities.push(Constraint { name: name.to_owned(), forward: Arc::new(g) });
        self.rebuilt()
    }

    fn rebuilt(mut self) -> Self {
        self.functions =
            Functions::new(&self.module, &self.inputs, &self.objective, &self.equalities, &self.inequalities);
        self
    }

    /// With lower ≤ x ≤ upper, `n` numbers each, infinite where there is no bound.
    ///
    /// # Errors
    /// When they are not of that length, or leave no number.
    pub fn bounded(mut self, lower: Vec<f64>, upper: Vec<f64>) -> Result<Self, ProblemError> {
        check_bounds(self.n, &lower, &upper)?;
        (self.lower, self.upper) = (lower, upper);
        Ok(self)
    }

    /// Says that f and g are convex and h is affine, which makes a point that fulfils the conditions a global minimum. Kiln takes the
    /// word for it; a [`Certificate`](super::Certificate) then has the duality gap.
    #[must_use]
    pub fn convex(mut self) -> Self {
        self.convex = true;
        self
    }

    /// How many numbers x has.
    pub fn unknowns(&self) -> usize {
        self.n
    }

    /// Whether it was said to be [`convex`](Self::convex).
    pub fn is_convex(&self) -> bool {
        self.convex
    }

    /// The lower bounds, −∞ where there is none.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// The upper bounds, ∞ where there is none.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// The names of the equalities, one for each entry, as in `flow[2]`, at a point where they can be evaluated.
    pub fn equality_names(&self) -> Vec<String> {
        self.names(&self.equalities)
    }

    /// The same of the inequalities.
    pub fn inequality_names(&self) -> Vec<String> {
        self.names(&self.inequalities)
    }

    fn names(&self, constraints: &[Constraint<'a, M, I>]) -> Vec<String> {
        let names = constraints.iter().flat_map(|Constraint { name, forward }| {
            let [entries] = forward(&self.module.valid(), self.inputs.clone()).dims();
            (0..entries).map(move |i| if entries == 1 { name.clone() } else { format!("{name}[{i}]") })
        });
        names.collect()
    }

    /// The objective alone.
    pub fn objective(&self) -> &Function<'a, M, I, 1> {
        &self.functions.objective
    }

    /// The parameters of the module that the problem was made with, `[n]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.functions.objective.parameters()
    }

    pub(super) fn functions(&self) -> &Functions<'a, M, I> {
        &self.functions
    }

    pub(super) fn inputs(&self) -> &I {
        &self.inputs
    }

    /// A function that is made of f, h and g, each of which is none where the problem has none, and of other data.
    pub(super) fn compose<J: Inputs + 'a>(
        &self,
        data: J,
        combine: impl Fn(Parts<'_>, J) -> Tensor<1> + Send + Sync + 'a,
    ) -> Function<'a, M, (I, J), 1> {
        let (objective, equalities, inequalities) =
            (self.objective.clone(), self.equalities.clone(), self.inequalities.clone());
        Function::new(&self.module, (self.inputs.clone(), data), move |module, (inputs, data): (I, J)| {
            let objective = || objective(module, inputs.clone());
            let equality = stacked(&equalities, module, &inputs);
            let inequality = stacked(&inequalities, module, &inputs);
            combine(Parts { objective: &objective, equality, inequality }, data)
        })
    }

    /// Refuses a vector that is no x.
    pub(super) fn fits(&self, x: &Tensor<1>) -> Result<(), SolverError> {
        let [got] = x.dims();
        if got == self.n { Ok(()) } else { Err(SolverError::Length { name: "start", expected: self.n, got }) }
    }

    /// x brought within the bounds.
    pub(super) fn within_bounds(&self, x: &[f64]) -> Vec<f64> {
        x.iter().zip(self.lower.iter().zip(&self.upper)).map(|(x, (low, high))| x.max(*low).min(*high)).collect()
    }

    pub(super) fn has_bounds(&self) -> bool {
        self.lower.iter().chain(&self.upper).any(|bound| bound.is_finite())
    }
}

/// Refuses bounds that are not `n` pairs of numbers with room between them.
pub(super) fn check_bounds(n: usize, lower: &[f64], upper: &[f64]) -> Result<(), ProblemError> {
    for (name, side) in [("lower", lower), ("upper", upper)] {
        if side.len() != n {
            return Err(ProblemError::Length { name, expected: n, got: side.len() });
        }
    }
    for (index, (&lower, &upper)) in lower.iter().zip(upper).enumerate() {
        let leaves = lower <= upper && lower < f64::INFINITY && upper > f64::NEG_INFINITY;
        if !leaves {
            return Err(ProblemError::Bounds { index, lower, upper });
        }
    }
    Ok(())
}

/// f, h and g of one module and its data.
pub(super) struct Parts<'p> {
    pub(super) objective: &'p dyn Fn() -> Tensor<1>,
    pub(super) equality: Option<Tensor<1>>,
    pub(super) inequality: Option<Tensor<1>>,
}

fn stacked<M, I: Clone>(constraints: &[Constraint<'_, M, I>], module: &M, inputs: &I) -> Option<Tensor<1>> {
    let values: Vec<_> = constraints.iter().map(|constraint| (constraint.forward)(module, inputs.clone())).collect();
    (!values.is_empty()).then(|| Tensor::cat(values, 0))
}

impl<'a, M: Module + 'a, I: Inputs + 'a> Functions<'a, M, I> {
    fn new(
        module: &M,
        inputs: &I,
        objective: &Forward<'a, M, I>,
        equalities: &[Constraint<'a, M, I>],
        inequalities: &[Constraint<'a, M, I>],
    ) -> Self {
        let vector = |constraints: &[Constraint<'a, M, I>]| {
            let constraints = constraints.to_vec();
            (!constraints.is_empty()).then(|| {
                Function::new(module, inputs.clone(), move |module, inputs| {
                    stacked(&constraints, module, &inputs).expect("there are some")
                })
            })
        };
        let (f, h, g, layout) = (objective.clone(), equalities.to_vec(), inequalities.to_vec(), Layout::of(module));
        // A multiplier of nothing, where there are no such constraints.
        let none = || layout.flatten(module).slice(0..1);
        let lagrangian = Function::new(
            module,
            (inputs.clone(), none(), none()),
            move |module, (inputs, equality, inequality): (I, Tensor<1>, Tensor<1>)| {
                let mut value = f(module, inputs.clone());
                for (constraints, multipliers) in [(&h, equality), (&g, inequality)] {
                    if let Some(entries) = stacked(constraints, module, &inputs) {
                        value = value + (entries * multipliers).sum();
                    }
                }
                value
            },
        );
        let f = objective.clone();
        Self {
            objective: Function::new(module, inputs.clone(), move |module, inputs| f(module, inputs)),
            equality: vector(equalities),
            inequality: vector(inequalities),
            lagrangian,
        }
    }
}
