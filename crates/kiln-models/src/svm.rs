//! Support vector machines.

mod kernel;
mod smo;

use std::ops::ControlFlow;

use burn::tensor::{DType, Tensor, TensorData};

pub use self::{
    kernel::Kernel,
    smo::{SvmProgress, SvmState},
};
use self::{
    kernel::Rows,
    smo::{End, Smo},
};

/// Why a support vector machine cannot be fitted or built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SvmError {
    /// The state of an earlier fit belongs to other data.
    #[error("the state does not belong to these rows: continue with the data of the earlier fit, or start a new fit")]
    State,
    /// An option is out of its range.
    #[error("`{name}` must be {expected}, not {got}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value given.
        got: f64,
    },
    /// The targets are not of exactly the two classes 0 and 1.
    #[error("an SVM needs targets of both classes 0 and 1, but found {found}")]
    Classes {
        /// What the targets hold instead.
        found: String,
    },
    /// The number of targets, weights or coefficients differs from the number of rows.
    #[error("there are {rows} rows but {got} {what}; give one for each row")]
    Length {
        /// What is counted.
        what: &'static str,
        /// Number of rows.
        rows: usize,
        /// Number of targets, weights or coefficients.
        got: usize,
    },
    /// A weight is not positive and finite.
    #[error("the weight {value} of row {row} must be positive and finite")]
    Weight {
        /// The first such row, from 0.
        row: usize,
        /// Its weight.
        value: String,
    },
    /// An input, or its square, is not finite.
    #[error("row {row} of the inputs has a value that is not finite, or whose square is not finite")]
    NotFinite {
        /// The first such row, from 0.
        row: usize,
    },
    /// The inputs have a different number of columns than the support vectors.
    #[error("the SVM was fitted to {expected} columns, but the inputs have {got}")]
    Columns {
        /// Columns of the support vectors.
        expected: usize,
        /// Columns of the inputs.
        got: usize,
    },
}

/// Rows per block of the kernel matrix between inputs and support vectors.
const ROWS: usize = 1024;

/// Settings of a support vector classifier for two classes.
///
/// The fit minimises ½·‖w‖² + C·Σ ξᵢ subject to yᵢ·(w·φ(xᵢ) + b) ≥ 1 − ξᵢ and ξᵢ ≥ 0. It solves the dual,
///
/// > maximise Σ αᵢ − ½·Σ αᵢ·αⱼ·yᵢ·yⱼ·K(xᵢ, xⱼ) subject to Σ yᵢ·αᵢ = 0, 0 ≤ αᵢ ≤ C,
///
/// by sequential minimal optimisation: each step improves two multipliers, chosen by second-order information as in LIBSVM. The
/// intercept b is the multiplier of the equality constraint.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::{Kernel, SvmConfig};
///
/// let x = Tensor::<2>::from_data([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], &Device::default());
/// // Exclusive or: not linearly separable, but separable with a radial kernel.
/// let fit = SvmConfig::new(Kernel::Rbf { gamma: 1.0 }).c(10.0).fit(&x, &[0, 0, 1, 1])?;
/// assert!(fit.converged && fit.kkt_residual < 1e-6);
/// assert!((fit.primal - fit.dual).abs() < 1e-5 * fit.primal);
/// let decision: Vec<f32> = fit.svm.decision(&x)?.into_data().try_into_vec()?;
/// assert!(decision[0] < 0.0 && decision[1] < 0.0 && decision[2] > 0.0 && decision[3] > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Cortes and Vapnik (1995); Fan, Chen and Lin (2005), *Working set selection using second order information*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SvmConfig {
    kernel: Kernel,
    c: f64,
    tol: f64,
    max_iter: usize,
    cache_mb: f64,
}

/// A fitted SVM with its certificate of optimality. Made by [`SvmConfig::fit`].
#[derive(Clone, Debug)]
pub struct SvmFit {
    /// The fitted SVM.
    pub svm: SupportVectorMachine,
    /// The multiplier αᵢ of each row.
    pub alpha: Vec<f64>,
    /// The upper bound Cᵢ of each row: C times the row's weight.
    pub costs: Vec<f64>,
    /// Indices of the support vectors, the rows with αᵢ > 0.
    pub support: Vec<usize>,
    /// Number of support vectors with αᵢ = C: inside the margin or misclassified.
    pub at_bound: usize,
    /// Primal objective, ½·‖w‖² + C·Σ max(0, 1 − yᵢ·f(xᵢ)).
    pub primal: f64,
    /// Dual objective, Σ αᵢ − ½·‖w‖².
    pub dual: f64,
    /// Largest violation of the KKT conditions on the margin mᵢ = yᵢ·f(xᵢ): |mᵢ − 1| if 0 < αᵢ < C, max(0, 1 − mᵢ) if αᵢ = 0,
    /// max(0, mᵢ − 1) if αᵢ = C.
    pub kkt_residual: f64,
    /// Whether the fit reached `tol`.
    pub converged: bool,
    /// Number of steps.
    pub iterations: usize,
    /// Whether the callback of [`SvmConfig::fit_with`] stopped the fit.
    pub stopped: bool,
    /// The state at the end, from which another fit can continue.
    pub state: SvmState,
}

/// A support vector classifier, f(x) = Σ αᵢ·yᵢ·K(xᵢ, x) + b.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::{Kernel, SupportVectorMachine};
///
/// let device = Device::default();
/// // One support vector of each class: f(x) = x.
/// let support = Tensor::<2>::from_data([[-1.0], [1.0]], &device);
/// let svm = SupportVectorMachine::new(Kernel::Linear, support, &[-0.5, 0.5], 0.0)?;
/// let decision: f32 = svm.decision(&Tensor::from_data([[3.0]], &device))?.into_scalar();
/// assert!((decision - 3.0).abs() < 1e-6);
/// # Ok::<(), kiln_models::SvmError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SupportVectorMachine {
    kernel: Kernel,
    /// The support vectors, `[s, d]`.
    support: Tensor<2>,
    /// αᵢ·yᵢ of each support vector, `[s, 1]`.
    coefficients: Tensor<2>,
    intercept: f64,
}

impl SvmConfig {
    /// The default cost C of a margin violation.
    pub const C: f64 = 1.0;
    /// The default tolerance.
    pub const TOL: f64 = 1e-6;
    /// The default maximum number of steps.
    pub const MAX_ITER: usize = 10_000_000;
    /// The default cache size in megabytes.
    pub const CACHE_MB: f64 = 200.0;

    /// Returns the default settings for a kernel.
    pub fn new(kernel: Kernel) -> Self {
        Self { kernel, c: Self::C, tol: Self::TOL, max_iter: Self::MAX_ITER, cache_mb: Self::CACHE_MB }
    }

    /// Sets the cost C of a margin violation, positive. Default 1.
    #[must_use]
    pub fn c(mut self, c: f64) -> Self {
        self.c = c;
        self
    }

    /// Sets the tolerance of the KKT conditions, positive. Default 1e-6.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// Sets the maximum number of steps, at least 1. Default 10 million.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the size of the cache of kernel matrix rows, in megabytes. Default 200.
    #[must_use]
    pub fn cache_mb(mut self, cache_mb: f64) -> Self {
        self.cache_mb = cache_mb;
        self
    }

    /// Fits the SVM to rows `[n, d]` and their classes, 0 for y = −1 and 1 for y = +1.
    ///
    /// The fit runs on the host in f64.
    ///
    /// # Errors
    /// Returns [`SvmError`] if an option is out of its range, if the lengths differ, if the targets are not of both classes 0 and
    /// 1, or if an input is not finite.
    pub fn fit(&self, inputs: &Tensor<2>, targets: &[usize]) -> Result<SvmFit, SvmError> {
        self.fit_weighted(inputs, targets, &vec![1.0; targets.len()])
    }

    /// Fits the SVM with a positive weight for each row, which multiplies the row's C. A weight of 2 equals repeating the row.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`SvmError::Weight`] if a weight is not positive and finite.
    pub fn fit_weighted(&self, inputs: &Tensor<2>, targets: &[usize], weights: &[f64]) -> Result<SvmFit, SvmError> {
        self.fit_with(inputs, targets, weights, None, |_| ControlFlow::Continue(()))
    }

    /// Fits the SVM from the state of an earlier fit, if one is given. Calls `callback` every 1000 steps, which can stop the
    /// fit. A fit that is stopped and continued gives the same bits as an uninterrupted one.
    ///
    /// # Errors
    /// As [`fit_weighted`](Self::fit_weighted), and [`SvmError::State`] if the state does not match the data.
    pub fn fit_with(
        &self,
        inputs: &Tensor<2>,
        targets: &[usize],
        weights: &[f64],
        from: Option<SvmState>,
        callback: impl FnMut(&SvmProgress<'_>) -> ControlFlow<()>,
    ) -> Result<SvmFit, SvmError> {
        self.validate()?;
        let [n, d] = inputs.dims();
        if d == 0 {
            return Err(SvmError::Option { name: "columns", expected: "at least 1", got: 0.0 });
        }
        if targets.len() != n {
            return Err(SvmError::Length { what: "targets", rows: n, got: targets.len() });
        }
        if weights.len() != n {
            return Err(SvmError::Length { what: "weights", rows: n, got: weights.len() });
        }
        if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w > 0.0)) {
            return Err(SvmError::Weight { row, value: weights[row].to_string() });
        }
        let classes = |class: usize| targets.iter().filter(|&&target| target == class).count();
        if classes(0) + classes(1) != n || classes(0) == 0 || classes(1) == 0 {
            let highest = targets.iter().max().copied().unwrap_or(0);
            let found = if highest > 1 { format!("class {highest}") } else { "one class only".to_owned() };
            return Err(SvmError::Classes { found });
        }
        let values: Vec<f64> =
            inputs.clone().cast(DType::F64).into_data().try_into_vec_as().expect("a float tensor converts to f64");
        if let Some(row) = values.chunks(d.max(1)).position(|row| row.iter().any(|x| !(x * x).is_finite())) {
            return Err(SvmError::NotFinite { row });
        }
        let y: Vec<f64> = targets.iter().map(|&target| if target == 1 { 1.0 } else { -1.0 }).collect();
        let rows = Rows::new(self.kernel, &values, d, self.cache_mb);
        let costs: Vec<f64> = weights.iter().map(|weight| weight * self.c).collect();
        let mut smo = Smo::new(rows, &y, &costs);
        if let Some(state) = from
            && !smo.restore(state)
        {
            return Err(SvmError::State);
        }
        let end = smo.run(self.tol, self.max_iter, callback);
        let state = smo.state();
        let ended = smo.end();
        let support: Vec<usize> = (0..n).filter(|&i| ended.signed[i] != 0.0).collect();
        let picked: Vec<f64> = support.iter().flat_map(|&i| values[i * d..(i + 1) * d].iter().copied()).collect();
        let coefficients: Vec<f64> = support.iter().map(|&i| ended.signed[i]).collect();
        let (s, like) = (support.len(), (&inputs.device(), inputs.dtype()));
        let svm = SupportVectorMachine {
            kernel: self.kernel,
            support: Tensor::from_data(TensorData::new(picked, [s, d]), like),
            coefficients: Tensor::from_data(TensorData::new(coefficients, [s, 1]), like),
            intercept: ended.intercept,
        };
        let alpha: Vec<f64> = ended.signed.iter().map(|signed| signed.abs()).collect();
        Ok(SvmFit {
            svm,
            at_bound: alpha.iter().zip(&costs).filter(|(alpha, cost)| alpha >= cost).count(),
            alpha,
            costs,
            support,
            primal: ended.primal,
            dual: ended.dual,
            kkt_residual: ended.kkt_residual,
            converged: end == End::Converged,
            stopped: end == End::Stopped,
            iterations: state.iterations(),
            state,
        })
    }

    fn validate(&self) -> Result<(), SvmError> {
        let gamma = match self.kernel {
            Kernel::Linear => 1.0,
            Kernel::Rbf { gamma } => gamma,
        };
        for (name, value) in [("c", self.c), ("tol", self.tol), ("gamma", gamma), ("cache_mb", self.cache_mb)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(SvmError::Option { name, expected: "finite and above 0", got: value });
            }
        }
        if self.max_iter == 0 {
            return Err(SvmError::Option { name: "max_iter", expected: "at least 1", got: 0.0 });
        }
        Ok(())
    }
}

impl SupportVectorMachine {
    /// Builds an SVM from support vectors `[s, d]`, their αᵢ·yᵢ `[s]`, and the intercept.
    ///
    /// # Errors
    /// Returns [`SvmError::Length`] if the number of coefficients differs from the number of support vectors.
    pub fn new(kernel: Kernel, support: Tensor<2>, coefficients: &[f64], intercept: f64) -> Result<Self, SvmError> {
        let ([rows, _], like) = (support.dims(), (&support.device(), support.dtype()));
        if coefficients.len() != rows {
            return Err(SvmError::Length { what: "coefficients", rows, got: coefficients.len() });
        }
        let coefficients = Tensor::from_data(TensorData::new(coefficients.to_vec(), [rows, 1]), like);
        Ok(Self { kernel, support, coefficients, intercept })
    }

    /// Returns f(x) of each row `[n, d]`, as `[n]`: positive for class 1, ±1 on the margins.
    ///
    /// # Errors
    /// Returns [`SvmError::Columns`] if the inputs have a different number of columns than the support vectors.
    pub fn decision(&self, inputs: &Tensor<2>) -> Result<Tensor<1>, SvmError> {
        let ([n, got], [_, expected]) = (inputs.dims(), self.support.dims());
        if got != expected {
            return Err(SvmError::Columns { expected, got });
        }
        let part = |start: usize| {
            let rows = inputs.clone().slice(start..(start + ROWS).min(n));
            self.kernel.matrix(&rows, &self.support).matmul(self.coefficients.clone())
        };
        let parts: Vec<Tensor<2>> = (0..n).step_by(ROWS).map(part).collect();
        Ok(match parts.is_empty() {
            true => Tensor::empty([0], (&inputs.device(), inputs.dtype())),
            false => Tensor::cat(parts, 0).reshape([n]) + self.intercept,
        })
    }

    /// Returns the kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Returns the support vectors, `[s, d]`.
    pub fn support(&self) -> Tensor<2> {
        self.support.clone()
    }

    /// Returns αᵢ·yᵢ of each support vector, `[s]`.
    pub fn coefficients(&self) -> Tensor<1> {
        let [s, _] = self.coefficients.dims();
        self.coefficients.clone().reshape([s])
    }

    /// Returns the intercept b.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Returns the weights w `[d]` of a linear SVM, and `None` for other kernels.
    pub fn weights(&self) -> Option<Tensor<1>> {
        let [_, d] = self.support.dims();
        let weights = || self.support.clone().transpose().matmul(self.coefficients.clone()).reshape([d]);
        (self.kernel == Kernel::Linear).then(weights)
    }
}
