//! Curves fitted to data.

use burn::{module::Param, tensor::Tensor};
use kiln_tensor::{
    derivative::{EvaluationError, Function, Inputs},
    linalg::Matrix,
    special::tails,
};

use super::{Covariance, LeastSquares, LeastSquaresFit, Residuals, least_squares};
use crate::solver::{IntoVector, SolverError};

/// The options of [`curve_fit`].
///
/// # Example
/// ```
/// use kiln_optim::least_squares::{Curve, LeastSquares, Loss};
///
/// let robust = Curve { fit: LeastSquares { loss: Loss::SoftL1, ..LeastSquares::default() }, ..Curve::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// The standard deviations of y `[m]`, up to a common factor. Default: all equal.
    pub sigma: Option<Vec<f64>>,
    /// Whether `sigma` has the units of y, so that the covariance is not multiplied by the variance of the residuals. Default: false.
    pub absolute_sigma: bool,
    /// The method, its bounds, its loss and when it ends.
    pub fit: LeastSquares,
}

/// The result of [`curve_fit`].
pub struct CurveFit<'a, I> {
    /// The parameters `[n]`.
    pub parameters: Vec<f64>,
    /// The covariance of the parameters.
    pub covariance: Covariance,
    /// The fit: residuals (f(p, x) − y)/σ, Jacobian, objective and status.
    pub fit: LeastSquaresFit,
    /// 1 − Σ r²/Σ ((y − ȳ)/σ)², with the mean ȳ of y weighed by 1/σ².
    pub r_squared: f64,
    absolute_sigma: bool,
    curve: Function<'a, Param<Tensor<1>>, I, 1>,
}

/// A point of a fitted curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The curve's value.
    pub value: f64,
    /// The standard error of the value.
    pub standard_error: f64,
}

/// Fits the parameters p of a curve y ≈ f(p, x) by least squares, from `start`.
///
/// `curve` returns as many numbers as y has, for parameters `[n]` and the data `x`, which may be a tensor, or a tuple of tensors. Its
/// derivatives are exact. The standard errors are those of the linear model at the solution; with `absolute_sigma` false they are
/// scaled by the variance of the residuals.
///
/// This is SciPy's `curve_fit`.
///
/// # Errors
/// Returns [`SolverError`] as [`least_squares`] does, and if the curve has another number of values than y.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::least_squares::{Curve, curve_fit};
///
/// let device = Device::default();
/// let x = Tensor::<1>::from_data([0.0, 1.0, 2.0, 3.0, 4.0], &device);
/// let y = [2.5, 1.53, 0.89, 0.58, 0.31];
/// // Exponential decay a·exp(−b·x).
/// let decay = |p: Tensor<1>, x: Tensor<1>| p.clone().slice(0..1) * (-p.slice(1..2) * x).exp();
/// let fit = curve_fit(decay, x, y, Tensor::from_data([1.0, 1.0], &device), &Curve::default())?;
/// assert!((fit.parameters[0] - 2.5).abs() < 0.05 && (fit.parameters[1] - 0.5).abs() < 0.02);
/// let [low, high] = fit.intervals(0.95)[1];
/// assert!(low < fit.parameters[1] && fit.parameters[1] < high);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
pub fn curve_fit<'a, I: Inputs + 'a>(
    curve: impl Fn(Tensor<1>, I) -> Tensor<1> + Send + Sync + 'a,
    x: I,
    y: impl IntoVector,
    start: Tensor<1>,
    options: &Curve,
) -> Result<CurveFit<'a, I>, SolverError> {
    let y = y.into_vector();
    let parameters = start.clone().into_vector();
    let curve = Function::of_vector_with(start, x, curve);
    let weights = match &options.sigma {
        None => vec![1.0; y.len()],
        Some(sigma) if sigma.len() != y.len() => {
            return Err(SolverError::Length { name: "sigma", expected: y.len(), got: sigma.len() });
        }
        Some(sigma) => sigma.iter().map(|sigma| 1.0 / sigma).collect(),
    };
    if let Some(bad) = weights.iter().find(|weight| !(weight.is_finite() && **weight > 0.0)) {
        return Err(SolverError::Option { name: "sigma", expected: "finite numbers above 0", got: 1.0 / bad });
    }
    let residuals = Weighted { curve: &curve, y: &y, weights: &weights };
    let values = Residuals::residuals(&curve, &parameters)?.len();
    if values != y.len() {
        return Err(SolverError::Length { name: "the curve", expected: y.len(), got: values });
    }
    let fit = least_squares(&residuals, parameters, &options.fit)?;
    let factor = if options.absolute_sigma { 1.0 } else { fit.residual_variance().unwrap_or(f64::NAN) };
    let covariance = fit.covariance().scaled(factor);
    let total: f64 = weights.iter().map(|weight| weight * weight).sum();
    let mean = weights.iter().zip(&y).map(|(weight, y)| weight * weight * y).sum::<f64>() / total;
    let spread: f64 = weights.iter().zip(&y).map(|(weight, y)| (weight * (y - mean)).powi(2)).sum();
    let rest: f64 = fit.residuals.iter().map(|r| r * r).sum();
    Ok(CurveFit {
        parameters: fit.x.clone(),
        covariance,
        r_squared: 1.0 - rest / spread,
        fit,
        absolute_sigma: options.absolute_sigma,
        curve,
    })
}

impl<I: Inputs> CurveFit<'_, I> {
    /// Returns the standard errors of the parameters `[n]`. That of a parameter that the data do not determine, or that is held at a
    /// bound, is NaN.
    pub fn standard_errors(&self) -> Vec<f64> {
        self.covariance.standard_errors()
    }

    /// Returns the number of standard errors from a value to each end of its interval, by Student's t distribution; by the normal
    /// distribution with absolute σ.
    pub fn quantile(&self, level: f64) -> f64 {
        let probability = 0.5 + 0.5 * level;
        #[allow(clippy::cast_precision_loss, reason = "a number of residuals")]
        match (self.absolute_sigma, self.fit.degrees_of_freedom()) {
            (true, _) => tails::normal_quantile(probability),
            (false, 0) => f64::NAN,
            (false, df) => tails::student_t_quantile(probability, df as f64),
        }
    }

    /// Returns an interval for each parameter that has the probability `level`, such as 0.95.
    pub fn intervals(&self, level: f64) -> Vec<[f64; 2]> {
        let quantile = self.quantile(level);
        let errors = self.standard_errors();
        self.parameters.iter().zip(errors).map(|(p, error)| [p - quantile * error, p + quantile * error]).collect()
    }

    /// Returns the curve at other data, with the standard errors that come from the parameters.
    ///
    /// # Errors
    /// Returns an error if the curve cannot be evaluated.
    pub fn predict(&self, x: I) -> Result<Vec<CurvePoint>, SolverError> {
        let curve = self.curve.clone().with_inputs(x);
        let values = Residuals::residuals(&curve, &self.parameters)?;
        let jacobian = Residuals::jacobian(&curve, &self.parameters, &values)?;
        let n = self.parameters.len();
        // A held parameter adds nothing; one that is not determined makes the error unknown.
        let free: Vec<usize> = (0..n).filter(|j| !self.fit.held.contains(j)).collect();
        let of = |(i, value): (usize, f64)| {
            let row = jacobian.row(i);
            let pairs = free.iter().flat_map(|&j| free.iter().map(move |&k| (j, k)));
            let variance: f64 = pairs.map(|(j, k)| row[j] * self.covariance.at(j, k) * row[k]).sum();
            CurvePoint { value, standard_error: variance.sqrt() }
        };
        Ok(values.into_iter().enumerate().map(of).collect())
    }
}

/// (f(p, x) − y)/σ.
struct Weighted<'c, 'a, I> {
    curve: &'c Function<'a, Param<Tensor<1>>, I, 1>,
    y: &'c [f64],
    weights: &'c [f64],
}

impl<I: Inputs> Residuals for Weighted<'_, '_, I> {
    fn residuals(&self, x: &[f64]) -> Result<Vec<f64>, EvaluationError> {
        let values = Residuals::residuals(self.curve, x)?;
        Ok(values.iter().zip(self.y).zip(self.weights).map(|((value, y), weight)| weight * (value - y)).collect())
    }

    fn jacobian(&self, x: &[f64], residuals: &[f64]) -> Result<Matrix, EvaluationError> {
        let jacobian = Residuals::jacobian(self.curve, x, residuals)?;
        Ok(Matrix::from_fn(jacobian.rows(), jacobian.columns(), |i, j| self.weights[i] * jacobian.at(i, j)))
    }

    fn vector(&self, x: &[f64]) -> Result<Tensor<1>, EvaluationError> {
        Residuals::vector(self.curve, x)
    }
}
