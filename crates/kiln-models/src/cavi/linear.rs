//! Bayesian linear regression.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use kiln_tensor::{
    linalg::{Cholesky, Symmetric},
    special::host::{digamma, ln_gamma},
};

use super::{CaviError, CoordinateAscent, divergence};

/// The precision α of the weights' prior.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::cavi::{BayesianLinearRegression, Sweeps, WeightPrecision, ascend};
///
/// let device = Device::default();
/// let x = Tensor::<2>::from_data([[1.0], [2.0], [3.0]], &device);
/// let y = Tensor::<1>::from_data([1.1, 1.9, 3.0], &device);
/// let model = BayesianLinearRegression::new(&x, &y)?;
/// let shrunk = model.clone().weight_precision(WeightPrecision::Fixed(100.0))?;
/// let free = model.weight_precision(WeightPrecision::Gamma { shape: 1e-2, rate: 1e-4 })?;
/// let (shrunk, free) = (ascend(&shrunk, &Sweeps::default())?, ascend(&free, &Sweeps::default())?);
/// assert!(shrunk.posterior.mean()[0] < free.posterior.mean()[0]);
/// # Ok::<(), kiln_models::cavi::CaviError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightPrecision {
    /// A known precision, positive. One sweep then finds the exact posterior, and the bound is ln p(y).
    Fixed(f64),
    /// An unknown precision with a gamma prior.
    Gamma {
        /// The prior's shape, positive.
        shape: f64,
        /// The prior's rate, positive.
        rate: f64,
    },
}

/// Bayesian linear regression with unknown noise precision τ and weight precision α.
///
/// y | w, τ ~ N(X·w, 1/τ), w | τ, α ~ N(0, 1/(τ·α)), τ ~ Gamma, and α ~ Gamma or known. The approximate posterior is q(w, τ)·q(α).
/// Add a constant column to X for an intercept.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::cavi::{BayesianLinearRegression, Sweeps, WeightPrecision, ascend};
///
/// let device = Device::default();
/// let x = Tensor::<2>::from_data([[1.0], [2.0], [3.0]], &device);
/// let y = Tensor::<1>::from_data([1.1, 1.9, 3.0], &device);
/// let model = BayesianLinearRegression::new(&x, &y)?.weight_precision(WeightPrecision::Fixed(0.1))?;
/// let fit = ascend(&model, &Sweeps::default())?;
/// assert!((fit.elbo - model.log_evidence().unwrap()).abs() < 1e-8);
/// # Ok::<(), kiln_models::cavi::CaviError>(())
/// ```
///
/// # References
/// Drugowitsch (2013), *Variational Bayesian inference for linear and logistic regression*, section 2.
#[derive(Clone, Debug)]
pub struct BayesianLinearRegression {
    /// XᵀX.
    gram: Symmetric,
    /// Xᵀy.
    pull: Vec<f64>,
    /// yᵀy.
    energy: f64,
    n: f64,
    d: f64,
    noise: [f64; 2],
    weights: WeightPrecision,
}

/// The approximate posterior of a [`BayesianLinearRegression`], q(w | τ)·q(τ)·q(α) = N(mean, V/τ)·Gamma(shape, rate)·q(α).
#[derive(Clone, Debug)]
pub struct LinearPosterior {
    mean: Vec<f64>,
    /// The Cholesky factor of V⁻¹.
    factor: Cholesky,
    noise: [f64; 2],
    /// Shape and rate of α, if it is unknown.
    weights: Option<[f64; 2]>,
}

impl LinearPosterior {
    /// Returns E w, `[d]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Returns Cov w = V·E[1/τ], `[d, d]`. It is infinite if the shape of τ is at most 1.
    pub fn covariance(&self) -> Symmetric {
        let [shape, rate] = self.noise;
        let scale = if shape > 1.0 { rate / (shape - 1.0) } else { f64::INFINITY };
        let inverse = self.factor.inverse();
        Symmetric::from_fn(self.mean.len(), |i, j| inverse.at(i, j) * scale)
    }

    /// Returns shape and rate of the noise precision τ.
    pub fn noise_precision(&self) -> [f64; 2] {
        self.noise
    }

    /// Returns shape and rate of the weight precision α, or `None` if it is fixed.
    pub fn weight_precision(&self) -> Option<[f64; 2]> {
        self.weights
    }
}

impl BayesianLinearRegression {
    /// Builds the model from X `[n, d]` and y `[n]`. The priors of τ and α are Gamma(1e-6, 1e-6), as in scikit-learn's `BayesianRidge`.
    ///
    /// # Errors
    /// Returns [`CaviError`] if the shapes do not fit or if a value is not finite.
    pub fn new(x: &Tensor<2>, y: &Tensor<1>) -> Result<Self, CaviError> {
        let ([n, d], m) = (x.dims(), y.dims()[0]);
        if n == 0 || d == 0 || n != m {
            return Err(CaviError::Shape {
                what: format!(
                    "y must have one value for each row of x, but y has {m} values and x has shape [{n}, {d}]"
                ),
            });
        }
        let (x, y) = (x.clone().without_autodiff(), y.clone().without_autodiff());
        let gram = Symmetric::from_tensor(x.clone().transpose().matmul(x.clone()));
        let pull: Vec<f64> = x
            .transpose()
            .matmul(y.clone().unsqueeze_dim(1))
            .into_data()
            .try_into_vec_as()
            .expect("a float tensor converts to f64");
        let energy = y.square().sum().into_scalar::<f64>();
        if !gram.is_finite() || pull.iter().any(|p| !p.is_finite()) || !energy.is_finite() {
            return Err(CaviError::Data("x or y"));
        }
        #[allow(clippy::cast_precision_loss, reason = "numbers of rows and columns")]
        let (n, d) = (n as f64, d as f64);
        let weights = WeightPrecision::Gamma { shape: 1e-6, rate: 1e-6 };
        Ok(Self { gram, pull, energy, n, d, noise: [1e-6; 2], weights })
    }

    /// Sets shape and rate of the prior of τ, both positive. Default 1e-6 and 1e-6.
    ///
    /// # Errors
    /// Returns [`CaviError::Setting`] if one is not positive and finite.
    pub fn noise_precision(self, shape: f64, rate: f64) -> Result<Self, CaviError> {
        let noise = [positive("shape", shape)?, positive("rate", rate)?];
        Ok(Self { noise, ..self })
    }

    /// Sets the precision α of the weights. Default: unknown, with a Gamma(1e-6, 1e-6) prior.
    ///
    /// # Errors
    /// Returns [`CaviError::Setting`] if a number is not positive and finite.
    pub fn weight_precision(self, weights: WeightPrecision) -> Result<Self, CaviError> {
        match weights {
            WeightPrecision::Fixed(alpha) => positive("weight_precision", alpha).map(drop)?,
            WeightPrecision::Gamma { shape, rate } => {
                positive("shape", shape)?;
                positive("rate", rate)?;
            }
        }
        Ok(Self { weights, ..self })
    }

    /// Returns the exact ln p(y) in nats if α is fixed, else `None`.
    pub fn log_evidence(&self) -> Option<f64> {
        let WeightPrecision::Fixed(alpha) = self.weights else { return None };
        let q = self.given(alpha).ok()?;
        let normaliser = |[shape, rate]: [f64; 2]| ln_gamma(shape) - shape * rate.ln();
        let volume = 0.5 * (self.d * alpha.ln() - q.factor.log_determinant() - self.n * (2.0 * PI).ln());
        Some(volume + normaliser(q.noise) - normaliser(self.noise))
    }

    /// Returns E α and E ln α.
    fn expected(&self, weights: Option<[f64; 2]>) -> (f64, f64) {
        match (self.weights, weights) {
            (WeightPrecision::Fixed(alpha), _) => (alpha, alpha.ln()),
            (WeightPrecision::Gamma { shape, rate }, none) => {
                let [shape, rate] = none.unwrap_or([shape, rate]);
                (shape / rate, digamma(shape) - rate.ln())
            }
        }
    }

    /// Returns the optimal q(w, τ) if E α is `alpha`.
    fn given(&self, alpha: f64) -> Result<LinearPosterior, CaviError> {
        let singular = || CaviError::Singular("the precision of the weights".into());
        let factor = self.gram.shifted(alpha).cholesky().ok_or_else(singular)?;
        let mean = factor.solve(&self.pull);
        let explained: f64 = mean.iter().zip(&self.pull).map(|(m, p)| m * p).sum();
        // The residual is a sum of squares, so a negative value is rounding.
        let rest = (self.energy - explained).max(0.0);
        let noise = [self.noise[0] + 0.5 * self.n, self.noise[1] + 0.5 * rest];
        Ok(LinearPosterior { mean, factor, noise, weights: None })
    }

    /// Returns E τ·wᵀw = E[τ]·mᵀm + tr V.
    fn weight_energy(q: &LinearPosterior) -> f64 {
        let inverse = q.factor.inverse();
        let trace: f64 = (0..q.mean.len()).map(|i| inverse.at(i, i)).sum();
        q.noise[0] / q.noise[1] * q.mean.iter().map(|m| m * m).sum::<f64>() + trace
    }
}

fn positive(name: &'static str, value: f64) -> Result<f64, CaviError> {
    let good = value.is_finite() && value > 0.0;
    good.then_some(value).ok_or(CaviError::Setting { name, expected: "positive and finite" })
}

impl CoordinateAscent for BayesianLinearRegression {
    type Posterior = LinearPosterior;

    fn start(&self) -> Result<LinearPosterior, CaviError> {
        self.given(self.expected(None).0)
    }

    fn sweep(&self, q: &LinearPosterior) -> Result<LinearPosterior, CaviError> {
        let next = self.given(self.expected(q.weights).0)?;
        let WeightPrecision::Gamma { shape, rate } = self.weights else { return Ok(next) };
        let weights = Some([shape + 0.5 * self.d, rate + 0.5 * Self::weight_energy(&next)]);
        Ok(LinearPosterior { weights, ..next })
    }

    fn elbo(&self, q: &LinearPosterior) -> f64 {
        let [shape, rate] = q.noise;
        let (tau, ln_tau) = (shape / rate, digamma(shape) - rate.ln());
        let (alpha, ln_alpha) = self.expected(q.weights);
        let inverse = q.factor.inverse();
        let indices = || 0..q.mean.len();
        // tr(XᵀX·V) and mᵀXᵀX·m.
        let spread: f64 =
            indices().map(|i| indices().map(|j| self.gram.at(i, j) * inverse.at(i, j)).sum::<f64>()).sum();
        let product = self.gram.multiply(&q.mean);
        let misfit: f64 = self.energy + indices().map(|i| q.mean[i] * (product[i] - 2.0 * self.pull[i])).sum::<f64>();
        let of_data = 0.5 * (self.n * (ln_tau - (2.0 * PI).ln()) - tau * misfit - spread);
        // E ln p(w | τ, α) − E ln q(w | τ), in which ln τ and ln 2π cancel.
        let of_weights =
            0.5 * (self.d * (ln_alpha + 1.0) - alpha * Self::weight_energy(q) - q.factor.log_determinant());
        let of_alpha = match (self.weights, q.weights) {
            (WeightPrecision::Gamma { shape, rate }, Some(weights)) => divergence::gamma(weights, [shape, rate]),
            _ => 0.0,
        };
        of_data + of_weights - divergence::gamma(q.noise, self.noise) - of_alpha
    }
}
