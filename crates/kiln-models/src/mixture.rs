//! Mixtures of Gaussians, fitted by expectation and maximisation.

mod covariance;
mod em;
mod kmeans;
mod moments;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::{Stream, special::log_sum_exp};
use serde::{Deserialize, Serialize};

pub use self::em::{Degenerate, GmmConfig, GmmFit};
pub(crate) use self::{covariance::Precision, kmeans::nearest_shares, moments::Moments};

/// What the components' covariances have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CovarianceType {
    /// Nothing: each component has a matrix of its own. The default.
    #[default]
    Full,
    /// One matrix for all.
    Tied,
    /// Each has variances of its own along the axes, and no correlations.
    Diag,
    /// Each has one variance for all axes.
    Spherical,
}

/// Why a mixture cannot be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GmmError {
    /// Fewer rows than components, or no columns.
    #[error("{components} components need as many rows, and a column: there are {rows} rows and {columns} columns")]
    TooFew {
        /// Components.
        components: usize,
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// A number that is infinite, or none.
    #[error("row {0} has a number that is not finite")]
    NotFinite(usize),
    /// A setting out of its range.
    #[error("{name} must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// A start of another shape.
    #[error("the start must have {components} components of {columns} columns")]
    Start {
        /// Components.
        components: usize,
        /// Columns.
        columns: usize,
    },
    /// A covariance that is not positive definite.
    #[error(
        "the covariance of component {component} is not positive definite: it has collapsed onto too few rows, or columns depend on one \
         another; raise reg_covar, or ask for fewer components or a simpler covariance"
    )]
    Singular {
        /// The component, from 0.
        component: usize,
    },
    /// A sweep that lowered the likelihood, which cannot be but by rounding.
    #[error("sweep {sweep} lowered the log-likelihood from {before} to {after}")]
    Decreased {
        /// The sweep.
        sweep: usize,
        /// The mean log-likelihood before it.
        before: f64,
        /// And after.
        after: f64,
    },
}

/// Σ πₖ·N(μₖ, Σₖ) (Bishop, Pattern Recognition and Machine Learning, 2006, section 9.2).
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    /// πₖ, `[k]`.
    weights: Vec<f64>,
    /// μₖ, `[k, d]`.
    means: Tensor<2>,
    /// Σₖ, each `[d, d]` row by row.
    covariances: Vec<Vec<f64>>,
    precisions: Vec<Precision>,
}

impl GaussianMixture {
    /// From weights `[k]`, means `[k, d]` and covariances `[k, d, d]`.
    ///
    /// # Errors
    /// [`GmmError::Start`], [`GmmError::Setting`] for weights that are negative or do not sum to 1, [`GmmError::Singular`].
    pub fn new(weights: Vec<f64>, means: Tensor<2>, covariances: Tensor<3>) -> Result<Self, GmmError> {
        let ([components, columns], k) = (means.dims(), weights.len());
        if covariances.dims() != [k, columns, columns] || components != k || k == 0 {
            return Err(GmmError::Start { components, columns });
        }
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|w| w.is_nan() || *w < 0.0) || (sum - 1.0).abs() > 1e-6 {
            return Err(GmmError::Setting { name: "weights", expected: "not negative, with the sum 1" });
        }
        let all: Vec<f64> = covariances.into_data().try_into_vec_as().expect("floats");
        let covariances = all.chunks_exact(columns * columns).map(<[f64]>::to_vec).collect();
        Self::of(weights, means.without_autodiff(), covariances)
    }

    fn of(weights: Vec<f64>, means: Tensor<2>, covariances: Vec<Vec<f64>>) -> Result<Self, GmmError> {
        let precision = |(component, covariance): (usize, &Vec<f64>)| {
            Precision::of(covariance, &means).ok_or(GmmError::Singular { component })
        };
        let precisions = covariances.iter().enumerate().map(precision).collect::<Result<_, _>>()?;
        Ok(Self { weights, means, covariances, precisions })
    }

    /// How many components there are.
    pub fn components(&self) -> usize {
        self.weights.len()
    }

    /// πₖ, `[k]`.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// μₖ, `[k, d]`.
    pub fn means(&self) -> Tensor<2> {
        self.means.clone()
    }

    /// Σₖ, `[k, d, d]`.
    pub fn covariances(&self) -> Tensor<3> {
        let (k, d) = (self.components(), self.means.dims()[1]);
        let all: Vec<f64> = self.covariances.concat();
        Tensor::from_data(TensorData::new(all, [k, d, d]), (&self.means.device(), self.means.dtype()))
    }

    /// ln πₖ·N(x; μₖ, Σₖ) of each row and component, `[n, k]`.
    pub fn component_log_probs(&self, x: &Tensor<2>) -> Tensor<2> {
        let columns = self.precisions.iter().enumerate().map(|(component, precision)| {
            let apart = x.clone() - self.means.clone().slice(component..=component);
            precision.log_density(apart) + self.weights[component].ln()
        });
        Tensor::cat(columns.collect(), 1)
    }

    /// ln p(x) of each row, `[n]`, in nats.
    pub fn log_prob(&self, x: &Tensor<2>) -> Tensor<1> {
        log_sum_exp(self.component_log_probs(x), 1).squeeze_dim(1)
    }

    /// How likely each component is to have given each row, `[n, k]`.
    pub fn responsibilities(&self, x: &Tensor<2>) -> Tensor<2> {
        let log_probs = self.component_log_probs(x);
        (log_probs.clone() - log_sum_exp(log_probs, 1)).exp()
    }

    /// `n` draws, `[n, d]`, and the component of each.
    pub fn sample(&self, n: usize, stream: &mut Stream) -> (Tensor<2>, Vec<usize>) {
        let d = self.means.dims()[1];
        let means: Vec<f64> = self.means.to_data().try_into_vec_as().expect("floats");
        let roots: Vec<Vec<f64>> = self.precisions.iter().map(|p| p.root(d)).collect();
        let mut rows = Vec::with_capacity(n * d);
        let mut labels = Vec::with_capacity(n);
        for _ in 0..n {
            let mut left = stream.next_f64();
            let last = self.components() - 1;
            let component = self.weights[..last].iter().position(|w| {
                left -= w;
                left < 0.0
            });
            let component = component.unwrap_or(last);
            let noise = stream.normal_vec(d);
            for i in 0..d {
                let moved: f64 = (0..=i).map(|j| roots[component][i * d + j] * noise[j]).sum();
                rows.push(means[component * d + i] + moved);
            }
            labels.push(component);
        }
        let like = (&self.means.device(), self.means.dtype());
        (Tensor::from_data(TensorData::new(rows, [n, d]), like), labels)
    }

    /// Free numbers: weights, means and covariances.
    pub fn parameters(&self, covariance: CovarianceType) -> usize {
        let (k, d) = (self.components(), self.means.dims()[1]);
        let of_covariances = match covariance {
            CovarianceType::Full => k * d * (d + 1) / 2,
            CovarianceType::Tied => d * (d + 1) / 2,
            CovarianceType::Diag => k * d,
            CovarianceType::Spherical => k,
        };
        k - 1 + k * d + of_covariances
    }
}
