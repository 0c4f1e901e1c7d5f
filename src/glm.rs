//! Generalised linear models, fitted in one call.

mod error;
mod fit;
mod profile;
mod separation;
mod solve;
mod start;

use std::ops::ControlFlow;

use burn::tensor::{DType, Device, Tensor};
use kiln_models::glm::{
    CovarianceEstimator, Family, FirthLoss, GlmData, GlmLoss, InferenceOptions, Information, Link, Values,
};
use kiln_optim::solver::Iteration;
use kiln_tensor::{DeviceChoice, World, fused::in_pool};

use self::solve::{Callback, Limits};
pub use self::{error::GlmError, fit::GlmFit};

/// Fits a generalised linear model to slices: linear, Poisson, negative binomial, gamma, ordinal regression and others.
///
/// Newton's method fits up to 500 parameters, L-BFGS more, and OWL-QN those with an ℓ1 penalty. Sums are in f64. Rows can be vectors of
/// f64 or f32, sparse, or in a file: see [`Values`]. The result has standard errors, tests and confidence intervals. Features that
/// depend linearly on others are left out, as R does.
///
/// # Example
/// ```
/// use kiln::models::{GlmConfig, glm::Family};
///
/// // Counts of insects by the dose of a poison.
/// let (dose, insects) = ([0.0, 1.0, 2.0, 3.0, 4.0], [20.0, 12.0, 9.0, 4.0, 3.0]);
/// let fit = GlmConfig::new(Family::Poisson, 1).fit(&dose, &insects)?;
/// // Each unit of dose leaves about 62% of the insects.
/// assert!((fit.coefficients()[0].exp() - 0.62).abs() < 0.01);
/// let [low, high] = fit.inference()?.estimates[0].interval;
/// assert!(low < fit.coefficients()[0] && high < 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GlmConfig {
    family: Family,
    features: usize,
    link: Link,
    intercept: bool,
    classes: Option<usize>,
    weights: Option<Values>,
    offset: Option<Values>,
    inflation: (Values, usize),
    l1: f64,
    l2: f64,
    options: InferenceOptions,
    influence: bool,
    firth: bool,
    start: Option<Vec<f64>>,
    gtol: Option<f64>,
    max_iter: usize,
    names: Names,
    world: World,
}

/// Names for the summary. Empty lists stand for `x0`, `x1`, … and `0`, `1`, ….
#[derive(Clone, Debug, PartialEq)]
struct Names {
    response: String,
    features: Vec<String>,
    inflation: Vec<String>,
    classes: Vec<String>,
}

impl GlmConfig {
    /// The default tolerance of the gradient for Newton's method, in units of scaled features.
    pub const GTOL: f64 = 1e-11;
    /// The default tolerance of the gradient for L-BFGS and OWL-QN.
    pub const LBFGS_GTOL: f64 = 1e-8;
    /// The largest number of parameters for which standard errors are computed.
    pub const MOST_WITH_COVARIANCE: usize = 4000;
    /// The default maximum number of iterations.
    pub const MAX_ITER: usize = 1000;
    /// The largest number of parameters for which Newton's method is used.
    pub const NEWTON_PARAMETERS: usize = 500;

    /// Returns the default settings for inputs with `features` columns: the family's first link, an intercept, equal weights.
    pub fn new(family: Family, features: usize) -> Self {
        Self {
            family,
            features,
            link: family.links()[0],
            intercept: true,
            classes: None,
            weights: None,
            offset: None,
            inflation: (Values::default(), 0),
            l1: 0.0,
            l2: 0.0,
            options: InferenceOptions::default(),
            influence: false,
            firth: false,
            start: None,
            gtol: None,
            max_iter: Self::MAX_ITER,
            names: Names { response: "y".to_owned(), features: vec![], inflation: vec![], classes: vec![] },
            world: World::alone(),
        }
    }

    /// Sets the link, one of the family's [`links`](Family::links).
    #[must_use]
    pub fn link(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// Sets whether the linear predictor has an intercept. Default: yes.
    #[must_use]
    pub fn intercept(self, intercept: bool) -> Self {
        Self { intercept, ..self }
    }

    /// Sets the number of classes, at least 2, for families with classes. Default: one more than the largest response.
    #[must_use]
    pub fn classes(self, classes: usize) -> Self {
        Self { classes: Some(classes), ..self }
    }

    /// Sets a weight for each row, finite and not negative. A weight of 2 equals repeating the row. Default: 1 for each row.
    #[must_use]
    pub fn weights(self, weights: impl Into<Values>) -> Self {
        Self { weights: Some(weights.into()), ..self }
    }

    /// Sets a number for each row that is added to its linear predictor, such as the logarithm of an exposure. Default: 0.
    #[must_use]
    pub fn offset(self, offset: impl Into<Values>) -> Self {
        Self { offset: Some(offset.into()), ..self }
    }

    /// Sets the features on which the probability of additional zeros depends: `inputs` has rows of `features` numbers. Only for
    /// [`Family::ZeroInflatedPoisson`]. Default: none.
    #[must_use]
    pub fn inflation(self, inputs: impl Into<Values>, features: usize) -> Self {
        Self { inflation: (inputs.into(), features), ..self }
    }

    /// Adds the penalty λ/2·‖b‖² on the coefficients of the features to the mean loss, λ ≥ 0. Default: 0. Intercepts are not penalised.
    ///
    /// λ is 1/(n·C) with scikit-learn's C. A penalised fit has no standard errors. Not for [`Family::Multinomial`].
    #[must_use]
    pub fn l2(self, lambda: f64) -> Self {
        Self { l2: lambda, ..self }
    }

    /// Adds the penalty λ·‖b‖₁ on the coefficients of the features to the mean loss, λ ≥ 0: it sets some of them to zero. Default: 0.
    #[must_use]
    pub fn l1(self, lambda: f64) -> Self {
        Self { l1: lambda, ..self }
    }

    /// Sets the estimator of the covariance. Default [`CovarianceEstimator::Nonrobust`].
    #[must_use]
    pub fn covariance(mut self, covariance: CovarianceEstimator) -> Self {
        self.options.covariance = covariance;
        self
    }

    /// Sets the information whose inverse is the covariance. Default: the expected information for families with one linear
    /// predictor, and the observed information for the others.
    #[must_use]
    pub fn information(mut self, information: Information) -> Self {
        self.options.information = Some(information);
        self
    }

    /// Sets the level of confidence intervals, in (0, 1). Default 0.95.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.options.level = level;
        self
    }

    /// Sets whether residuals, leverages and Cook's distances are computed: [`GlmFit::influence`]. Default: no.
    #[must_use]
    pub fn influence(self, influence: bool) -> Self {
        Self { influence, ..self }
    }

    /// Sets whether Firth's penalty is added to a logistic regression. Default: no. Its estimates have less bias, and are finite for
    /// separable classes. Only for [`Family::Binomial`] with the logit link.
    #[must_use]
    pub fn firth(self, firth: bool) -> Self {
        Self { firth, ..self }
    }

    /// Starts at the parameters of another fit of the same family and features, such as one with a larger penalty. Default: the best
    /// constant mean.
    #[must_use]
    pub fn start_from(self, fit: &GlmFit) -> Self {
        Self { start: Some(fit.model.parameters.clone()), ..self }
    }

    /// Sets the largest gradient entry at convergence, positive. Default 1e-11 with Newton's method, and 1e-8 with L-BFGS
    /// and OWL-QN. After Newton's method, up to 10 million features in all rows, the estimates are then improved to rounding error.
    #[must_use]
    pub fn gtol(self, gtol: f64) -> Self {
        Self { gtol: Some(gtol), ..self }
    }

    /// Sets the maximum number of iterations, at least 1. Default 1000.
    #[must_use]
    pub fn max_iter(self, max_iter: usize) -> Self {
        Self { max_iter, ..self }
    }

    /// Sets the names in the [summary](GlmFit::summary): of the response, of each feature and of each class.
    #[must_use]
    pub fn names(mut self, response: &str, features: &[&str], classes: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.names.response = response.to_owned();
        (self.names.features, self.names.classes) = (owned(features), owned(classes));
        self
    }

    /// Sets the names of the features of the inflation in the summary.
    #[must_use]
    pub fn inflation_names(mut self, features: &[&str]) -> Self {
        self.names.inflation = features.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Fits the model to the rows of all ranks of a world. Each rank gives its own rows, all ranks call the same methods, and each gets the
    /// same result; [`GlmFit::fitted`] and [`GlmFit::influence`] are of its own rows. The crate `kiln-mpi` has the world of a cluster.
    /// Default: this process alone.
    ///
    /// # Example
    /// ```
    /// use kiln::{models::{GlmConfig, glm::Family}, tensor::world::threads};
    ///
    /// let (dose, insects) = ([0.0, 1.0, 2.0, 3.0, 4.0], [20.0, 12.0, 9.0, 4.0, 3.0]);
    /// let config = GlmConfig::new(Family::Poisson, 1);
    /// let alone = config.fit(&dose, &insects)?;
    /// for fit in threads(2, |world| {
    ///     let own = world.share_of(5);
    ///     config.clone().distributed(world.clone()).fit(&dose[own.clone()], &insects[own])
    /// }) {
    ///     assert!((fit?.coefficients()[0] - alone.coefficients()[0]).abs() < 1e-12);
    /// }
    /// # Ok::<(), kiln::models::GlmError>(())
    /// ```
    #[must_use]
    pub fn distributed(self, world: World) -> Self {
        Self { world, ..self }
    }

    /// Fits the model to rows `x` and their responses `y`.
    ///
    /// `x` holds `y.len()` rows of `features` numbers in row-major order. A class is given by its index, from 0.
    ///
    /// # Errors
    /// Returns [`GlmError::Data`] if lengths or responses do not fit the family, [`GlmError::Separable`] if the maximum likelihood
    /// estimate does not exist, and [`GlmError::NotConverged`], which holds the result so far, if the solver stops early.
    pub fn fit(&self, x: &[f64], y: &[f64]) -> Result<GlmFit, GlmError> {
        self.fit_with(x, y, |_| ControlFlow::Continue(()))
    }

    /// Fits as [`fit`](Self::fit), calls `callback` after each iteration, and stops if it breaks. Features in an `Arc`
    /// are not copied. [`Values`] lists what else the rows can be: f32, sparse, or in a file.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    pub fn fit_with(
        &self,
        x: impl Into<Values>,
        y: impl Into<Values>,
        mut callback: impl FnMut(&Iteration) -> ControlFlow<()> + Send,
    ) -> Result<GlmFit, GlmError> {
        let data = self.data(x, y)?;
        in_pool(|| self.fit_data(data, &mut callback))
    }

    /// The largest log-likelihood, without any inference.
    fn best_log_likelihood(
        &self,
        x: impl Into<Values>,
        y: impl Into<Values>,
        mut callback: impl FnMut(&Iteration) -> ControlFlow<()> + Send,
    ) -> Result<f64, GlmError> {
        let data = self.data(x, y)?;
        let constant = solve::constant_model(&data)?;
        let (loss, device) = (GlmLoss::new(data)?, DeviceChoice::Cpu.resolve()?.device());
        let rows = loss.row_count();
        let solved = in_pool(|| {
            let start = self.start_of(&loss, (&constant, rows), &device)?;
            solve::solve(&loss, (start, DType::F64), self.limits(rows), &mut callback)
        })?;
        let log_likelihood = loss.log_likelihood(&solved.x, 1.0);
        loss.check().map_err(GlmError::Evaluation)?;
        Ok(log_likelihood)
    }

    /// Checks the settings, and puts them together with the data.
    fn data(&self, x: impl Into<Values>, y: impl Into<Values>) -> Result<GlmData, GlmError> {
        for (holds, name, expected) in [
            (self.gtol.is_none_or(|gtol| gtol > 0.0 && gtol.is_finite()), "gtol", "positive and finite"),
            (self.max_iter > 0, "max_iter", "at least 1"),
            (self.options.level > 0.0 && self.options.level < 1.0, "level", "above 0 and below 1"),
            (self.l1 >= 0.0 && self.l1.is_finite(), "l1", "finite and not negative"),
            (!self.firth || self.l1 + self.l2 == 0.0, "firth", "off with another penalty"),
            (
                self.options.information != Some(Information::Expected) || self.family.has_expected_information(),
                "information",
                "observed for a family with several linear predictors",
            ),
        ] {
            if !holds {
                return Err(GlmError::Setting { name, expected });
            }
        }
        let data = GlmData::new(self.family, x, self.features, y);
        Ok(GlmData {
            link: self.link,
            intercept: self.intercept,
            classes: self.classes.unwrap_or(data.classes),
            weights: self.weights.clone(),
            offset: self.offset.clone(),
            inflation: self.inflation.clone(),
            l2: self.l2,
            is_penalised: self.is_penalised(),
            world: self.world.clone(),
            ..data
        })
    }

    /// Returns whether the estimates are not those of maximum likelihood.
    fn is_penalised(&self) -> bool {
        self.l1 > 0.0 || self.l2 > 0.0
    }

    /// The tolerance of the gradient for so many parameters.
    fn tolerance(&self, parameters: usize) -> f64 {
        self.limits(0).gtol(self.l1 <= 0.0 && parameters <= Self::NEWTON_PARAMETERS)
    }

    fn limits(&self, rows: usize) -> Limits {
        Limits { gtol: self.gtol, max_iter: self.max_iter, rows }
    }

    /// Returns where a fit starts: at the best constant mean, or at the estimates from a part of many rows.
    fn start_of(
        &self,
        loss: &GlmLoss,
        (constant, rows): (&GlmLoss, usize),
        device: &Device,
    ) -> Result<Tensor<1>, GlmError> {
        let start = loss.start(device);
        let is_quadratic = self.family == Family::Gaussian && self.link == Link::Identity;
        if self.firth || self.l1 > 0.0 || is_quadratic {
            return Ok(start);
        }
        Ok(start::of_a_part(loss, (constant, &start), rows)?.unwrap_or(start))
    }

    fn fit_data(&self, data: GlmData, callback: Callback<'_>) -> Result<GlmFit, GlmError> {
        let device = DeviceChoice::Cpu.resolve()?.device();
        let constant = solve::constant_model(&data)?;
        let binary = separation::Binary::of(&data, self.firth || self.is_penalised())?;
        let loss = GlmLoss::new(data)?;
        let rows = loss.row_count();
        let start = match self.start.as_ref().and_then(|start| loss.vector_at(start)) {
            Some(start) => solve::vector(&start, (&device, DType::F64)),
            None => self.start_of(&loss, (&constant, rows), &device)?,
        };
        let (start, limits) = ((start, DType::F64), self.limits(rows));
        // If one rank stops, all do.
        let callback: Callback<'_> = &mut |step: &Iteration| match loss.is_any_rank(callback(step).is_break()) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let mut solved = match (self.firth, FirthLoss::new(&loss)) {
            (false, _) if self.l1 > 0.0 => solve::solve_with_l1(&loss, start, self.l1, limits, callback)?,
            (false, _) => solve::solve(&loss, start, limits, callback)?,
            (true, Some(penalised)) => solve::solve(&penalised, start, limits, callback)?,
            (true, None) => {
                return Err(GlmError::Setting {
                    name: "firth",
                    expected: "off, but for a binomial family with a logit link",
                });
            }
        };
        loss.check().map_err(GlmError::Evaluation)?;
        if !self.firth && !self.is_penalised() {
            separation::check(&loss, binary, &mut solved)?;
        }
        let null = solve::null_fit(&loss, &constant, &solved, (&device, limits))?;
        GlmFit::new(self, &loss, solved, &null)
    }
}
