//! A problem with constraints.

use std::sync::Arc;

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use kiln_tensor::{
    derivative::{Function, Inputs},
    flat::Layout,
};

use crate::solver::{IntoVector, SolverError};

type Forward<'a, M, I> = Arc<dyn Fn(&M, I) -> Tensor<1> + Send + Sync + 'a>;

/// Why a problem is not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// No number lies between two bounds, or one is NaN.
    #[error("the bounds of x[{index}] are {lower} and {upper}: they must be numbers with lower ≤ upper")]
    Bounds {
        /// The index of the unknown.
        index: usize,
        /// The lower bound.
        lower: f64,
        /// The upper bound.
        upper: f64,
    },
    /// A vector has the wrong length.
    #[error("{name} must have {expected} entries, not {got}")]
    Length {
        /// The vector.
        name: &'static str,
        /// The length that the problem needs.
        expected: usize,
        /// The length that was given.
        got: usize,
    },
}

/// The problem to minimise f(x) subject to h(x) = 0, g(x) ≤ 0 and bounds on x. See the [module](super).
///
/// x is a vector, or the trainable parameters of a module as one vector. All functions are given the module and the same data. See
/// [`kiln_tensor::derivative`] for the operations that they may use.
///
/// # Example
///
/// ```
/// use burn::{nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
/// use kiln_optim::constrained::ConstrainedProblem;
///
/// let device = Device::default();
/// let layer = LinearConfig::new(3, 1).init(&device);
/// let (x, y) = (Tensor::<2>::ones([8, 3], &device), Tensor::<2>::ones([8, 1], &device));
/// // Least squares with weights of a bounded norm.
/// let problem = ConstrainedProblem::new(&layer, (x, y), |layer: &Linear, (x, y)| (layer.forward(x) - y).square().mean())
///     .module_inequality("norm", |layer, _| layer.weight.val().square().sum() - 1.0);
/// assert_eq!(problem.unknowns(), 4);
/// ```
pub struct ConstrainedProblem<'a, M, I> {
    module: M,
    inputs: I,
    n: usize,
    objective: Forward<'a, M, I>,
    equalities: Vec<Constraint<'a, M, I>>,
    inequalities: Vec<Constraint<'a, M, I>>,
    /// −∞ and ∞ mean no bound.
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

/// The functions with their derivatives.
pub(super) struct Functions<'a, M, I> {
    pub(super) objective: Function<'a, M, I, 1>,
    pub(super) equality: Option<Function<'a, M, I, 1>>,
    pub(super) inequality: Option<Function<'a, M, I, 1>>,
    /// f + λᵀ·h + μᵀ·g, with the multipliers as data.
    pub(super) lagrangian: Function<'a, M, (I, Tensor<1>, Tensor<1>), 1>,
}

impl<'a> ConstrainedProblem<'a, Param<Tensor<1>>, ()> {
    /// Returns the problem to minimise `objective` of a vector as long as `start`.
    ///
    /// To use tensors in the functions, pass them as data with [`of_vector_with`](ConstrainedProblem::of_vector_with).
    pub fn of_vector(start: Tensor<1>, objective: impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync + 'a) -> Self {
        let objective = move |x: &Param<Tensor<1>>, ()| objective(x.val());
        Self::new(&Param::from_tensor(start.without_autodiff()), (), objective)
    }

    /// Adds the constraints h(x) = 0, one per entry of the vector that `h` returns.
    #[must_use]
    pub fn equality(self, name: &str, h: impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.module_equality(name, move |x, ()| h(x.val()))
    }

    /// Adds the constraints g(x) ≤ 0, one per entry of the vector that `g` returns.
    #[must_use]
    pub fn inequality(self, name: &str, g: impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.module_inequality(name, move |x, ()| g(x.val()))
    }
}

impl<'a, I: Inputs + 'a> ConstrainedProblem<'a, Param<Tensor<1>>, I> {
    /// Returns the problem to minimise `objective` of a vector as long as `start` and of `data`, which the constraints are given
    /// too.
    ///
    /// A tensor that a function uses must be in `data`: the exact Hessian and certificates need it there.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_optim::constrained::{Certificate, ConstrainedProblem, ConstrainedStop, Sqp, minimize_constrained};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // The point of the plane Σ x = 1 that is nearest to a target.
    /// let device = Device::default();
    /// let (start, target) = (Tensor::<1>::zeros([3], &device), Tensor::<1>::from_data([1.0, 2.0, 3.0], &device));
    /// let distance = |x: Tensor<1>, target: Tensor<1>| (x - target).square().sum();
    /// let problem = ConstrainedProblem::of_vector_with(start.clone(), target, distance)
    ///     .equality_with("plane", |x: Tensor<1>, _| x.sum() - 1.0);
    /// let solution = minimize_constrained(&problem, start, &Sqp::default(), &ConstrainedStop::default())?;
    /// assert!(Certificate::of(&problem, &solution.outcome.x, &solution.multipliers)?.holds());
    /// # Ok(())
    /// # }
    /// ```
    pub fn of_vector_with(
        start: Tensor<1>,
        data: I,
        objective: impl Fn(Tensor<1>, I) -> Tensor<1> + Send + Sync + 'a,
    ) -> Self {
        let objective = move |x: &Param<Tensor<1>>, data| objective(x.val(), data);
        Self::new(&Param::from_tensor(start.without_autodiff()), data, objective)
    }

    /// Adds the constraints h(x, data) = 0, one per entry of the vector that `h` returns.
    #[must_use]
    pub fn equality_with(self, name: &str, h: impl Fn(Tensor<1>, I) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.module_equality(name, move |x, data| h(x.val(), data))
    }

    /// Adds the constraints g(x, data) ≤ 0, one per entry of the vector that `g` returns.
    #[must_use]
    pub fn inequality_with(self, name: &str, g: impl Fn(Tensor<1>, I) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.module_inequality(name, move |x, data| g(x.val(), data))
    }
}

impl<'a, M: Module + 'a, I: Inputs + 'a> ConstrainedProblem<'a, M, I> {
    /// Returns the problem to minimise `objective` of the trainable parameters of `module`, given `inputs`.
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

    /// Adds the constraints h = 0, one per entry of the vector that `h` returns for the module and the data.
    #[must_use]
    pub fn module_equality(mut self, name: &str, h: impl Fn(&M, I) -> Tensor<1> + Send + Sync + 'a) -> Self {
        self.equalities.push(Constraint { name: name.to_owned(), forward: Arc::new(h) });
        self.rebuilt()
    }

    /// Adds the constraints g ≤ 0, one per entry of the vector that `g` returns for the module and the data.
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

    /// Sets the bounds lower ≤ x ≤ upper, `n` numbers each: slices, arrays, `Vec`s or tensors. An infinite entry means no bound.
    ///
    /// # Errors
    /// Returns [`ProblemError`] if a length is wrong, or no number lies between two bounds.
    pub fn bounded(mut self, lower: impl IntoVector, upper: impl IntoVector) -> Result<Self, ProblemError> {
        let (lower, upper) = (lower.into_vector(), upper.into_vector());
        check_bounds(self.n, &lower, &upper)?;
        (self.lower, self.upper) = (lower, upper);
        Ok(self)
    }

    /// Declares that f and g are convex and h is affine, so that a Karush-Kuhn-Tucker point is a global minimum. Kiln does not
    /// check this. A [`Certificate`](super::Certificate) then has a duality gap.
    #[must_use]
    pub fn convex(mut self) -> Self {
        self.convex = true;
        self
    }

    /// Returns the number of unknowns.
    pub fn unknowns(&self) -> usize {
        self.n
    }

    /// Returns whether the problem was declared [`convex`](Self::convex).
    pub fn is_convex(&self) -> bool {
        self.convex
    }

    /// Returns the lower bounds; −∞ means no bound.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// Returns the upper bounds; ∞ means no bound.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// Returns the names of the equalities, one per entry, such as `flow[2]`. It evaluates them at the module's parameters.
    pub fn equality_names(&self) -> Vec<String> {
        self.names(&self.equalities)
    }

    /// Returns the names of the inequalities, one per entry. It evaluates them at the module's parameters.
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

    /// Returns the objective.
    pub fn objective(&self) -> &Function<'a, M, I, 1> {
        &self.functions.objective
    }

    /// Returns the parameters of the module that the problem was made with, `[n]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.functions.objective.parameters()
    }

    pub(super) fn functions(&self) -> &Functions<'a, M, I> {
        &self.functions
    }

    pub(super) fn inputs(&self) -> &I {
        &self.inputs
    }

    /// Returns a function that combines f, h and g with other data. h and g are none if the problem has none.
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

    /// Checks the length of a vector.
    pub(super) fn fits(&self, x: &Tensor<1>) -> Result<(), SolverError> {
        let [got] = x.dims();
        if got == self.n { Ok(()) } else { Err(SolverError::Length { name: "start", expected: self.n, got }) }
    }

    /// Projects x on the bounds.
    pub(super) fn within_bounds(&self, x: &[f64]) -> Vec<f64> {
        x.iter().zip(self.lower.iter().zip(&self.upper)).map(|(x, (low, high))| x.max(*low).min(*high)).collect()
    }

    pub(super) fn has_bounds(&self) -> bool {
        self.lower.iter().chain(&self.upper).any(|bound| bound.is_finite())
    }
}

/// Checks that bounds have `n` entries and that a number lies between each pair.
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
        // A missing constraint has one multiplier, which is unused.
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
