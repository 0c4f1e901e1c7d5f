//! Gaussian mixtures, fitted by expectation maximisation (EM).

mod config;
mod covariance;
mod em;
mod kmeans;
mod moments;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::{Stream, special::log_sum_exp};
use serde::{Deserialize, Serialize};

pub use self::{
    config::GmmConfig,
    em::{Degenerate, GmmFit, GmmState},
};
pub(crate) use self::{covariance::Precision, kmeans::nearest_shares, moments::WeightedMoments};

/// The constraint on the components' covariance matrices.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::{CovarianceType, GmmConfig};
///
/// let x = Tensor::<2>::from_data([[0.0, 1.0], [0.2, 1.3], [5.0, 0.1], [5.3, 0.4]], &Device::default());
/// let fit = GmmConfig::new(2).covariance(CovarianceType::Spherical).fit(x)?;
/// assert_eq!(fit.mixture.covariances().dims(), [2, 2, 2]);
/// # Ok::<(), kiln_models::GmmError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CovarianceType {
    /// Each component has its own full matrix. The default.
    #[default]
    Full,
    /// All components share one full matrix.
    Tied,
    /// Each component has its own diagonal matrix.
    Diag,
    /// Each component has one variance for all axes.
    Spherical,
}

/// Why a Gaussian mixture cannot be fitted, built or evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GmmError {
    /// There are fewer rows than components, no components, or no columns.
    #[error(
        "{components} components need at least as many rows and one column, but there are {rows} rows and {columns} columns"
    )]
    TooFew {
        /// Number of components.
        components: usize,
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
    },
    /// The ranks that fit together could not go on.
    #[error(transparent)]
    World(#[from] kiln_tensor::world::WorldError),
    /// A value is NaN or infinite. Holds its row, from 0.
    #[error("row {0} has a value that is not finite")]
    NotFinite(usize),
    /// A setting is out of its range.
    #[error("`{name}` must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// The parts of a mixture, or its start, have wrong shapes.
    #[error("weights, means and covariances must be of {components} components with {columns} columns")]
    Start {
        /// Number of components.
        components: usize,
        /// Number of columns.
        columns: usize,
    },
    /// The inputs have a different number of columns than the mixture.
    #[error("the mixture has {expected} columns but the inputs have {got}")]
    Columns {
        /// Columns of the mixture.
        expected: usize,
        /// Columns of the inputs.
        got: usize,
    },
    /// A covariance matrix is not positive definite.
    #[error(
        "the covariance of component {component} is not positive definite: it has too few rows, or columns are linearly dependent; \
         raise `reg_covar`, or use fewer components or a simpler covariance type"
    )]
    Singular {
        /// The component, from 0.
        component: usize,
    },
    /// An iteration lowered the likelihood by more than rounding can.
    #[error("iteration {sweep} lowered the mean log-likelihood from {before} to {after}; use f64 or raise `reg_covar`")]
    Decreased {
        /// The iteration, from 1.
        sweep: usize,
        /// The mean log-likelihood before the iteration.
        before: f64,
        /// The mean log-likelihood after the iteration.
        after: f64,
    },
}

/// A Gaussian mixture, Σ πₖ·N(μₖ, Σₖ).
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::GaussianMixture;
///
/// let device = Device::default();
/// let means = Tensor::<2>::from_data([[0.0], [4.0]], &device);
/// let mixture = GaussianMixture::new(vec![0.5, 0.5], means, Tensor::ones([2, 1, 1], &device))?;
/// let shares = mixture.responsibilities(&Tensor::from_data([[2.0]], &device))?;
/// assert_eq!(shares.try_into_vec_as::<f32>().unwrap(), [0.5, 0.5]);
/// # Ok::<(), kiln_models::GmmError>(())
/// ```
///
/// # References
/// Bishop, *Pattern Recognition and Machine Learning* (2006), section 9.2.
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    /// The weights πₖ, `[k]`.
    weights: Vec<f64>,
    /// The means μₖ, `[k, d]`.
    means: Tensor<2>,
    /// The covariances Σₖ, each `[d, d]` in row-major order.
    covariances: Vec<Vec<f64>>,
    precisions: Vec<Precision>,
}

impl GaussianMixture {
    /// Builds a mixture from weights `[k]`, means `[k, d]` and covariances `[k, d, d]`.
    ///
    /// # Errors
    /// Returns [`GmmError::Start`] if the shapes do not fit, [`GmmError::Setting`] if a weight is negative or the weights do not sum
    /// to 1, and [`GmmError::Singular`] if a covariance is not positive definite.
    pub fn new(weights: Vec<f64>, means: Tensor<2>, covariances: Tensor<3>) -> Result<Self, GmmError> {
        let ([components, columns], k) = (means.dims(), weights.len());
        if covariances.dims() != [k, columns, columns] || components != k || k == 0 {
            return Err(GmmError::Start { components, columns });
        }
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|w| w.is_nan() || *w < 0.0) || (sum - 1.0).abs() > 1e-6 {
            return Err(GmmError::Setting { name: "weights", expected: "not negative, with sum 1" });
        }
        let all: Vec<f64> = covariances.into_data().try_into_vec_as().expect("a float tensor converts to f64");
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

    /// Returns the number of components.
    pub fn components(&self) -> usize {
        self.weights.len()
    }

    /// Returns the weights πₖ, `[k]`.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Returns the means μₖ, `[k, d]`.
    pub fn means(&self) -> Tensor<2> {
        self.means.clone()
    }

    /// Returns the covariances Σₖ, `[k, d, d]`.
    pub fn covariances(&self) -> Tensor<3> {
        let (k, d) = (self.components(), self.means.dims()[1]);
        let all: Vec<f64> = self.covariances.concat();
        Tensor::from_data(TensorData::new(all, [k, d, d]), (&self.means.device(), self.means.dtype()))
    }

    /// Returns ln πₖ·N(x; μₖ, Σₖ) of each row and component, `[n, k]`, in nats.
    ///
    /// # Errors
    /// Returns [`GmmError::Columns`] if x has a wrong number of columns.
    pub fn component_log_probs(&self, x: &Tensor<2>) -> Result<Tensor<2>, GmmError> {
        let ([_, got], [_, expected]) = (x.dims(), self.means.dims());
        if got == expected { Ok(self.joint(x)) } else { Err(GmmError::Columns { expected, got }) }
    }

    /// As [`component_log_probs`](Self::component_log_probs), for inputs that were checked.
    fn joint(&self, x: &Tensor<2>) -> Tensor<2> {
        let columns = self.precisions.iter().enumerate().map(|(component, precision)| {
            let apart = x.clone() - self.means.clone().slice(component..=component);
            precision.log_density(apart) + self.weights[component].ln()
        });
        Tensor::cat(columns.collect(), 1)
    }

    /// Returns ln p(x) of each row, `[n]`, in nats.
    ///
    /// # Errors
    /// Returns [`GmmError::Columns`] if x has a wrong number of columns.
    pub fn log_prob(&self, x: &Tensor<2>) -> Result<Tensor<1>, GmmError> {
        Ok(log_sum_exp(self.component_log_probs(x)?, 1).squeeze_dim(1))
    }

    /// Returns the posterior probability of each component given each row, `[n, k]`.
    ///
    /// # Errors
    /// Returns [`GmmError::Columns`] if x has a wrong number of columns.
    pub fn responsibilities(&self, x: &Tensor<2>) -> Result<Tensor<2>, GmmError> {
        let log_probs = self.component_log_probs(x)?;
        Ok((log_probs.clone() - log_sum_exp(log_probs, 1)).exp())
    }

    /// Returns the most probable component of each row, counted from 0.
    ///
    /// # Errors
    /// Returns [`GmmError::Columns`] if x has a wrong number of columns.
    pub fn predict(&self, x: &Tensor<2>) -> Result<Vec<usize>, GmmError> {
        let components = self.component_log_probs(x)?.argmax(1);
        let components: Vec<i64> = components.into_data().try_into_vec_as().expect("indices convert to i64");
        Ok(components.into_iter().map(|k| usize::try_from(k).expect("an index is not negative")).collect())
    }

    /// Draws `n` rows, `[n, d]`, and returns the component of each.
    pub fn sample(&self, n: usize, stream: &mut Stream) -> (Tensor<2>, Vec<usize>) {
        let d = self.means.dims()[1];
        let means: Vec<f64> = self.means.to_data().try_into_vec_as().expect("a float tensor converts to f64");
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

    /// Returns the number of free parameters of weights, means and covariances of the given type.
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
