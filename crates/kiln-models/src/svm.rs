//! Support vector machines, trained in the dual.

mod kernel;
mod smo;

use burn::tensor::{DType, Tensor, TensorData};

pub use self::kernel::Kernel;
use self::{kernel::Rows, smo::Smo};

/// Why a support vector machine cannot be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SvmError {
    /// An option out of its range.
    #[error("{name} must be {expected}, not {got}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// What came.
        got: f64,
    },
    /// Another number of classes than two among the targets.
    #[error(
        "a support vector machine divides two classes, 0 and 1, and both must be among the targets; there is {found}"
    )]
    Classes {
        /// What there is.
        found: String,
    },
    /// Another number of targets, weights or coefficients than of rows.
    #[error("there are {rows} rows and {got} {what}")]
    Length {
        /// Of what.
        what: &'static str,
        /// Rows.
        rows: usize,
        /// How many came.
        got: usize,
    },
    /// Weights that are not above 0 and finite.
    #[error("weight {value} of row {row} must be finite and above 0")]
    Weight {
        /// The first such row.
        row: usize,
        /// Its weight.
        value: String,
    },
    /// Inputs that are not numbers.
    #[error("row {row} of the inputs has a number that is not finite, or whose square is not")]
    NotFinite {
        /// The first such row.
        row: usize,
    },
}

/// Rows of which the kernel with all support vectors is in memory at once.
const ROWS: usize = 1024;

/// How a support vector machine is fitted: minimise ½·‖w‖² + C·Σ ξᵢ subject to yᵢ·(w·φ(xᵢ) + b) ≥ 1 − ξᵢ, ξᵢ ≥ 0 (Cortes and Vapnik,
/// 1995), by its dual,
///
/// > maximise Σ αᵢ − ½·Σ αᵢ·αⱼ·yᵢ·yⱼ·K(xᵢ, xⱼ) subject to Σ yᵢ·αᵢ = 0, 0 ≤ αᵢ ≤ C,
///
/// in which the intercept b is the multiplier of the equality. Two multipliers at a time are improved, chosen by second order
/// information (Fan, Chen and Lin, 2005), as in LIBSVM.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::{Kernel, SvmConfig};
///
/// let x = Tensor::<2>::from_data([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], &Device::default());
/// // Exclusive or: no plane divides it, a radial kernel does.
/// let fit = SvmConfig::new(Kernel::Rbf { gamma: 1.0 }).c(10.0).fit(&x, &[0, 0, 1, 1])?;
/// assert!(fit.converged && fit.kkt_residual < 1e-6);
/// assert!((fit.primal - fit.dual).abs() < 1e-5 * fit.primal);
/// let decision: Vec<f32> = fit.machine.decision(&x).into_data().try_into_vec()?;
/// assert!(decision[0] < 0.0 && decision[1] < 0.0 && decision[2] > 0.0 && decision[3] > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SvmConfig {
    kernel: Kernel,
    c: f64,
    tol: f64,
    max_iter: usize,
    cache_mb: f64,
}

/// A machine and how good it is.
#[derive(Clone, Debug)]
pub struct SvmFit {
    /// The machine.
    pub machine: SupportVectorMachine,
    /// αᵢ of each row.
    pub alpha: Vec<f64>,
    /// Cᵢ of each row: C times its weight.
    pub costs: Vec<f64>,
    /// The rows with αᵢ above 0, which alone make the machine.
    pub support: Vec<usize>,
    /// How many of them are at C: within the margin, or on the wrong side.
    pub at_bound: usize,
    /// ½·‖w‖² + C·Σ max(0, 1 − yᵢ·f(xᵢ)).
    pub primal: f64,
    /// Σ αᵢ − ½·‖w‖².
    pub dual: f64,
    /// The largest violation of the conditions of Karush, Kuhn and Tucker: |yᵢ·f(xᵢ) − 1| where 0 < αᵢ < C, how far it is below 1 where
    /// αᵢ = 0, and above 1 where αᵢ = C.
    pub kkt_residual: f64,
    /// Whether `tol` was reached.
    pub converged: bool,
    /// Pairs improved.
    pub iterations: usize,
}

/// f(x) = Σ αᵢ·yᵢ·K(xᵢ, x) + b.
#[derive(Clone, Debug)]
pub struct SupportVectorMachine {
    kernel: Kernel,
    /// `[s, d]`.
    support: Tensor<2>,
    /// αᵢ·yᵢ, `[s, 1]`.
    coefficients: Tensor<2>,
    intercept: f64,
}

impl SvmConfig {
    /// C = 1, a tolerance of 1e-6, at most 10 million pairs, 200 MB for rows of the kernel's matrix.
    pub fn new(kernel: Kernel) -> Self {
        Self { kernel, c: 1.0, tol: 1e-6, max_iter: 10_000_000, cache_mb: 200.0 }
    }

    /// What a violation of the margin costs, above 0. Default 1.
    #[must_use]
    pub fn c(mut self, c: f64) -> Self {
        self.c = c;
        self
    }

    /// Converged when no pair violates the conditions by more, above 0. Default 1e-6.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// Pairs at the most. Default 10 million.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Megabytes for rows of the kernel's matrix that are kept. Default 200.
    #[must_use]
    pub fn cache_mb(mut self, cache_mb: f64) -> Self {
        self.cache_mb = cache_mb;
        self
    }

    /// Fits rows `[n, d]` and their classes, 0 for y = −1 and 1 for y = +1. Computed on the host in f64.
    ///
    /// # Errors
    /// [`SvmError`].
    pub fn fit(&self, inputs: &Tensor<2>, targets: &[usize]) -> Result<SvmFit, SvmError> {
        self.fit_weighted(inputs, targets, &vec![1.0; targets.len()])
    }

    /// The same with a weight for each row, above 0, as if it were there so often: its C is multiplied by it.
    ///
    /// # Errors
    /// [`SvmError`].
    pub fn fit_weighted(&self, inputs: &Tensor<2>, targets: &[usize], weights: &[f64]) -> Result<SvmFit, SvmError> {
        self.validate()?;
        let [n, d] = inputs.dims();
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
            let found = if highest > 1 { format!("class {highest}") } else { "one class alone".to_owned() };
            return Err(SvmError::Classes { found });
        }
        let values: Vec<f64> = inputs.clone().cast(DType::F64).into_data().try_into_vec_as().expect("just cast");
        if let Some(row) = values.chunks(d.max(1)).position(|row| row.iter().any(|x| !(x * x).is_finite())) {
            return Err(SvmError::NotFinite { row });
        }
        let y: Vec<f64> = targets.iter().map(|&target| if target == 1 { 1.0 } else { -1.0 }).collect();
        let rows = Rows::new(self.kernel, &values, d, self.cache_mb);
        let costs: Vec<f64> = weights.iter().map(|weight| weight * self.c).collect();
        let mut smo = Smo::new(rows, &y, &costs);
        let (iterations, converged) = smo.run(self.tol, self.max_iter);
        let ended = smo.end();
        let support: Vec<usize> = (0..n).filter(|&i| ended.signed[i] != 0.0).collect();
        let picked: Vec<f64> = support.iter().flat_map(|&i| values[i * d..(i + 1) * d].iter().copied()).collect();
        let coefficients: Vec<f64> = support.iter().map(|&i| ended.signed[i]).collect();
        let (s, like) = (support.len(), (&inputs.device(), inputs.dtype()));
        let machine = SupportVectorMachine {
            kernel: self.kernel,
            support: Tensor::from_data(TensorData::new(picked, [s, d]), like),
            coefficients: Tensor::from_data(TensorData::new(coefficients, [s, 1]), like),
            intercept: ended.intercept,
        };
        let alpha: Vec<f64> = ended.signed.iter().map(|signed| signed.abs()).collect();
        Ok(SvmFit {
            machine,
            at_bound: alpha.iter().zip(&costs).filter(|(alpha, cost)| alpha >= cost).count(),
            alpha,
            costs,
            support,
            primal: ended.primal,
            dual: ended.dual,
            kkt_residual: ended.kkt_residual,
            converged,
            iterations,
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
    /// Of support vectors `[s, d]`, their αᵢ·yᵢ `[s]`, and the intercept.
    ///
    /// # Errors
    /// [`SvmError::Length`].
    pub fn new(kernel: Kernel, support: Tensor<2>, coefficients: &[f64], intercept: f64) -> Result<Self, SvmError> {
        let ([rows, _], like) = (support.dims(), (&support.device(), support.dtype()));
        if coefficients.len() != rows {
            return Err(SvmError::Length { what: "coefficients", rows, got: coefficients.len() });
        }
        let coefficients = Tensor::from_data(TensorData::new(coefficients.to_vec(), [rows, 1]), like);
        Ok(Self { kernel, support, coefficients, intercept })
    }

    /// f(x) of each row `[n, d]`, as `[n]`: above 0 for the second class, and at ±1 on the margins.
    pub fn decision(&self, inputs: &Tensor<2>) -> Tensor<1> {
        let [n, _] = inputs.dims();
        let part = |start: usize| {
            let rows = inputs.clone().slice(start..(start + ROWS).min(n));
            self.kernel.matrix(&rows, &self.support).matmul(self.coefficients.clone())
        };
        let parts: Vec<Tensor<2>> = (0..n).step_by(ROWS).map(part).collect();
        match parts.is_empty() {
            true => Tensor::empty([0], (&inputs.device(), inputs.dtype())),
            false => Tensor::cat(parts, 0).reshape([n]) + self.intercept,
        }
    }

    /// The kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The support vectors `[s, d]`.
    pub fn support(&self) -> Tensor<2> {
        self.support.clone()
    }

    /// αᵢ·yᵢ of each, `[s]`.
    pub fn coefficients(&self) -> Tensor<1> {
        let [s, _] = self.coefficients.dims();
        self.coefficients.clone().reshape([s])
    }

    /// b.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// w `[d]` of a linear machine.
    pub fn weights(&self) -> Option<Tensor<1>> {
        let [_, d] = self.support.dims();
        let weights = || self.support.clone().transpose().matmul(self.coefficients.clone()).reshape([d]);
        (self.kernel == Kernel::Linear).then(weights)
    }
}
