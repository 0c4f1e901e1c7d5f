//! Logistic and softmax regression from slices, by maximum likelihood.
//!
//! `kiln-models` has the loss with its derivatives and knows no solver, `kiln-optim` has the solvers and knows no model. The facade
//! sees both, so the one-line fit is here.

mod class_weights;
mod error;
mod fit;
mod kept;

use std::ops::ControlFlow;

use burn::tensor::{DType, Tensor, TensorData};
use kiln_models::{Covariance, InferenceError, RegressionLoss, Separation, Sides, dependent_columns};
use kiln_optim::solver::{
    Bounds, L1, Minimization, Outcome, Solver, SolverError, Status, Stop, lbfgs, lbfgs_b, newton, owlqn,
};
use kiln_tensor::{DeviceChoice, fused::in_pool};

use self::kept::Kept;
pub use self::{class_weights::ClassWeights, error::LogisticError, fit::LogisticFit};

/// Settings of a logistic regression (two classes) or a softmax regression (more classes), fitted by maximum likelihood.
///
/// The fit minimises the mean negative log-likelihood plus penalties,
///
/// > Σᵢ sᵢ·(−ln p(yᵢ | xᵢ)) / Σᵢ sᵢ + λ₂/2·‖W‖² + λ₁·‖W‖₁,
///
/// in f64 on the CPU. The intercepts are not penalised. Columns are rescaled internally, so their units do not matter, and the
/// results are in the units of the data. scikit-learn's `C` is 1/(n·λ₂); statsmodels' `Logit` has no penalty, which is the default
/// here.
///
/// # Example
/// ```
/// use kiln::models::LogisticConfig;
///
/// // Hours of study, and whether the exam was passed.
/// let hours = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.25, 4.5, 4.75, 5.0, 5.5];
/// let passed = [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1];
/// let fit = LogisticConfig::new(1).fit(&hours, &passed)?;
/// let slope = &fit.inference.as_ref().expect("the fit is a maximum").coefficients[0];
/// assert!(slope.estimate > 0.0 && slope.p < 0.05);
/// println!("{}", fit.summary());
/// assert_eq!(fit.predict(&[1.0, 5.0])?, [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Hosmer, Lemeshow and Sturdivant, *Applied Logistic Regression* (2013); Albert and Anderson (1984) on separation.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticConfig {
    features: usize,
    classes: Option<usize>,
    l1: f64,
    l2: f64,
    bounds: [f64; 2],
    class_weights: ClassWeights,
    sample_weights: Option<Vec<f64>>,
    covariance: Covariance,
    start: Option<Vec<f64>>,
    gtol: Option<f64>,
    max_iter: usize,
    names: Names,
}

/// Names for the summary. Empty lists stand for `x0`, `x1`, … and `0`, `1`, ….
#[derive(Clone, Debug, PartialEq)]
struct Names {
    target: String,
    features: Vec<String>,
    classes: Vec<String>,
}

impl LogisticConfig {
    /// The default tolerance of the gradient. Newton's method has [`NEWTON_GTOL`](Self::NEWTON_GTOL).
    pub const GTOL: f64 = 1e-8;
    /// The default tolerance of the gradient for Newton's method, which fits models with up to 500 parameters and neither ℓ1 penalty
    /// nor bounds. Its last step squares the error, so that coefficients get all their digits.
    pub const NEWTON_GTOL: f64 = 1e-11;
    /// The default maximum number of iterations.
    pub const MAX_ITER: usize = 10_000;
    /// The largest number of parameters for which Newton's method is used, without an ℓ1 penalty and bounds. It takes a few steps,
    /// but each needs the Hessian.
    pub const NEWTON_PARAMETERS: usize = 500;

    /// Returns the default settings for inputs with `features` columns: no penalty, no bounds, equal weights.
    pub fn new(features: usize) -> Self {
        Self {
            features,
            classes: None,
            l1: 0.0,
            l2: 0.0,
            bounds: [f64::NEG_INFINITY, f64::INFINITY],
            class_weights: ClassWeights::Equal,
            sample_weights: None,
            covariance: Covariance::Nonrobust,
            start: None,
            gtol: None,
            max_iter: Self::MAX_ITER,
            names: Names { target: "y".to_owned(), features: vec![], classes: vec![] },
        }
    }

    /// Sets the number of classes, at least 2. Default: one more than the largest target, and at least 2.
    #[must_use]
    pub fn classes(self, classes: usize) -> Self {
        Self { classes: Some(classes), ..self }
    }

    /// Sets the ℓ2 penalty λ₂ ≥ 0. Default 0.
    #[must_use]
    pub fn l2(self, l2: f64) -> Self {
        Self { l2, ..self }
    }

    /// Sets the ℓ1 penalty λ₁ ≥ 0, which sets some weights to exactly zero. Excludes bounds. Default 0.
    #[must_use]
    pub fn l1(self, l1: f64) -> Self {
        Self { l1, ..self }
    }

    /// Bounds all weights except the intercepts: lower ≤ W ≤ upper, either of which may be infinite. Excludes an ℓ1 penalty. Default:
    /// no bounds.
    #[must_use]
    pub fn bounds(self, lower: f64, upper: f64) -> Self {
        Self { bounds: [lower, upper], ..self }
    }

    /// Sets how much the examples of each class count. Default [`ClassWeights::Equal`].
    #[must_use]
    pub fn class_weights(self, class_weights: ClassWeights) -> Self {
        Self { class_weights, ..self }
    }

    /// Sets a weight for each row, finite and not negative. A weight of 2 equals repeating the row. Default: 1 for each row.
    #[must_use]
    pub fn sample_weights(self, weights: &[f64]) -> Self {
        Self { sample_weights: Some(weights.to_vec()), ..self }
    }

    /// Sets the estimator of the coefficients' covariance. Default [`Covariance::Nonrobust`].
    #[must_use]
    pub fn covariance(self, covariance: Covariance) -> Self {
        Self { covariance, ..self }
    }

    /// Sets the largest gradient entry at convergence, positive. Default 1e-8, and 1e-11 for Newton's method.
    #[must_use]
    pub fn gtol(self, gtol: f64) -> Self {
        Self { gtol: Some(gtol), ..self }
    }

    /// Sets the maximum number of iterations, at least 1. Default 10,000.
    #[must_use]
    pub fn max_iter(self, max_iter: usize) -> Self {
        Self { max_iter, ..self }
    }

    /// Sets the names in the [summary](LogisticFit::summary): of the target, of each feature and of each class.
    #[must_use]
    pub fn names(self, target: &str, features: &[&str], classes: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { names: Names { target: target.to_owned(), features: owned(features), classes: owned(classes) }, ..self }
    }

    /// Starts at the coefficients of another fit with the same features and classes, such as one with a larger penalty. Default: at zero.
    #[must_use]
    pub fn start_from(self, fit: &LogisticFit) -> Self {
        let k = fit.intercepts.len();
        let weights = (0..self.features).flat_map(|f| (0..k).map(move |class| (class, f)));
        let weights = weights.map(|(class, f)| fit.coefficients[class].get(f).copied().unwrap_or(0.0));
        let start = weights.chain(fit.intercepts.iter().copied()).collect();
        Self { start: Some(start), ..self }
    }

    /// Fits the model to rows `x` and their classes `y`.
    ///
    /// `x` holds `y.len()` rows of `features` numbers in row-major order; `y` holds class indices from 0.
    ///
    /// Without a penalty and bounds, a column that is a linear combination of an intercept and the columns before it is left out, as
    /// R does: [`LogisticFit::dropped`] has it, its coefficient is 0, and the other columns have standard errors.
    ///
    /// # Errors
    /// Returns [`LogisticError::Shape`] if the lengths do not fit, [`LogisticError::Separable`] if the maximum likelihood estimate
    /// does not exist, and [`LogisticError::NotConverged`], which holds the result so far, if the solver stops early.
    pub fn fit(&self, x: &[f64], y: &[usize]) -> Result<LogisticFit, LogisticError> {
        let classes = self.validate(x, y)?;
        let device = DeviceChoice::Cpu.resolve()?.device();
        let dropped =
            if self.is_penalised() || self.is_bounded() { Vec::new() } else { dependent_columns(x, self.features) };
        let kept = Kept::new(self.features, &dropped);
        let x = &*kept.columns(x);
        let inputs = TensorData::new(x.to_vec(), [y.len(), kept.len()]);
        let inputs = Tensor::<2>::from_data(inputs, (&device, DType::F64));
        let loss = RegressionLoss::new(inputs, y, classes)?.l2(self.l2)?;
        let loss = match self.class_weights.of_rows(self.sample_weights.as_deref(), y, classes)? {
            Some(weights) => loss.weights(&weights)?,
            None => loss,
        };
        let loss = loss.rescaled();
        let mut outcome = in_pool(|| self.minimize(&loss))?;
        if self.l1 == 0.0 && !self.is_bounded() {
            outcome.x = loss.centred(&outcome.x);
        }
        let parameters = loss.parameter_count();
        let small = parameters <= RegressionLoss::LARGEST_HESSIAN;
        let converged = outcome.success
            || (self.stopped_at_rounding(outcome.status) && small && loss.is_converged_to_rounding(&outcome.x));
        let has_maximum = converged && small && loss.has_maximum_near(&outcome.x);
        if outcome.status != Status::NotFinite && !has_maximum {
            self.check_separation(&loss, &outcome, (x, y), &kept)?;
        }
        let inference = if converged { self.inference(&loss, &outcome) } else { Err(InferenceError::NotConverged) };
        let fit = LogisticFit::new(self, classes, (&loss, outcome), inference, (kept, dropped));
        if converged {
            return Ok(fit);
        }
        Err(LogisticError::NotConverged { gtol: self.tolerance(parameters), fit: Box::new(fit) })
    }

    /// Checks data and settings, and returns the number of classes.
    fn validate(&self, x: &[f64], y: &[usize]) -> Result<usize, LogisticError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let [lower, upper] = self.bounds;
        let excluded = self.l1 > 0.0 && self.is_bounded();
        for (holds, name, expected) in [
            (self.features > 0, "features", "at least 1"),
            (self.classes.is_none_or(|classes| classes >= 2), "classes", "at least 2"),
            (self.l1 == 0.0 || positive(self.l1), "l1", "finite and not negative"),
            (self.l2 == 0.0 || positive(self.l2), "l2", "finite and not negative"),
            (lower <= upper, "bounds", "a lower bound that is not above the upper bound"),
            (!excluded, "l1", "0 if there are bounds"),
            (self.gtol.is_none_or(positive), "gtol", "positive and finite"),
            (self.max_iter > 0, "max_iter", "at least 1"),
        ] {
            if !holds {
                return Err(LogisticError::Setting { name, expected });
            }
        }
        fit::check_rows(x, self.features, Some(y.len()))?;
        let largest = y.iter().max().map_or(1, |largest| largest.saturating_add(1));
        let classes = self.classes.unwrap_or(largest.max(2));
        for (what, names, expected) in
            [("features", &self.names.features, self.features), ("classes", &self.names.classes, classes)]
        {
            if !names.is_empty() && names.len() != expected {
                return Err(LogisticError::Names { what, expected, got: names.len() });
            }
        }
        Ok(classes)
    }

    fn is_penalised(&self) -> bool {
        self.l1 > 0.0 || self.l2 > 0.0
    }

    fn is_bounded(&self) -> bool {
        self.bounds.iter().any(|bound| bound.is_finite())
    }

    /// Returns whether a solver that stopped may have reached the rounding errors of the loss.
    fn stopped_at_rounding(&self, status: Status) -> bool {
        self.l1 == 0.0
            && !self.is_bounded()
            && matches!(status, Status::NoProgress | Status::AtRounding | Status::Stalled)
    }

    fn minimize(&self, loss: &RegressionLoss) -> Result<Outcome, SolverError> {
        if self.l1 > 0.0 {
            return self.run(loss, &owlqn(L1::new(loss.l1_weights(self.l1))?));
        }
        if self.is_bounded() {
            let (lower, upper) = loss.bounds(self.bounds[0], self.bounds[1]);
            return self.run(loss, &lbfgs_b(Bounds::new(lower, upper)?));
        }
        if self.is_by_newton(loss.parameter_count()) {
            return self.run(loss, &newton());
        }
        self.run(loss, &lbfgs())
    }

    fn is_by_newton(&self, parameters: usize) -> bool {
        self.l1 == 0.0 && !self.is_bounded() && parameters <= Self::NEWTON_PARAMETERS
    }

    fn tolerance(&self, parameters: usize) -> f64 {
        self.gtol.unwrap_or(if self.is_by_newton(parameters) { Self::NEWTON_GTOL } else { Self::GTOL })
    }

    fn run<S: Solver<RegressionLoss>>(&self, loss: &RegressionLoss, solver: &S) -> Result<Outcome, SolverError> {
        let gtol = self.tolerance(loss.parameter_count());
        let stop = Stop { gtol, max_iter: self.max_iter, ..Stop::default() };
        // Without penalty and bounds, the parameters of separable data grow without limit.
        let may_diverge = !self.is_penalised() && !self.is_bounded();
        // A fit that leaves columns out starts at zero.
        let start = self.start.as_ref().filter(|start| start.len() == loss.parameter_count());
        let start = start.map_or_else(|| loss.start(), |start| loss.vector_at(start));
        Minimization::new(loss, start, solver, stop)?.run(|minimization| {
            let separated = may_diverge && loss.is_separated(minimization.last().value);
            if separated { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }

    /// Returns an error if the classes are separable and nothing keeps the parameters finite.
    fn check_separation(
        &self,
        loss: &RegressionLoss,
        outcome: &Outcome,
        (x, y): (&[f64], &[usize]),
        kept: &Kept,
    ) -> Result<(), LogisticError> {
        if self.is_penalised() {
            return Ok(());
        }
        let small = loss.parameter_count() <= RegressionLoss::LARGEST_HESSIAN;
        let found = if small { loss.separation(&outcome.x) } else { None };
        let certificate = found.filter(|found| self.is_open_to(&found.weights) && Self::separates(found, x, y));
        if certificate.is_some() || (!self.is_bounded() && loss.is_separated(outcome.value)) {
            let all = |found: Separation| Separation {
                weights: kept.with_zeros(&found.weights, found.intercepts.len()),
                ..found
            };
            return Err(LogisticError::Separable { certificate: certificate.map(all).map(Box::new) });
        }
        Ok(())
    }

    /// Returns whether the certificate holds on the data themselves.
    fn separates(found: &Separation, x: &[f64], y: &[usize]) -> bool {
        let same = |sides: Sides| sides.on_the_plane == found.on_the_plane && sides.complete == found.complete;
        found.sides(x, y).is_ok_and(|sides| sides.separates && same(sides))
    }

    /// Returns whether the bounds allow the weights to grow without limit along a direction.
    fn is_open_to(&self, direction: &[f64]) -> bool {
        let [lower, upper] = self.bounds.map(f64::is_finite);
        let rises = direction.iter().any(|w| *w > Separation::ROUNDING);
        let falls = direction.iter().any(|w| *w < -Separation::ROUNDING);
        !(rises && upper || falls && lower)
    }

    fn inference(&self, loss: &RegressionLoss, outcome: &Outcome) -> Result<kiln_models::Inference, InferenceError> {
        if self.is_penalised() {
            return Err(InferenceError::Penalised);
        }
        if self.is_bounded() {
            return Err(InferenceError::Bounded);
        }
        if self.class_weights != ClassWeights::Equal {
            return Err(InferenceError::ClassWeights);
        }
        let (parameters, largest) = (loss.parameter_count(), RegressionLoss::LARGEST_HESSIAN);
        if parameters > largest {
            return Err(InferenceError::TooManyParameters { parameters, largest });
        }
        loss.inference(&outcome.x, self.covariance)
    }
}
