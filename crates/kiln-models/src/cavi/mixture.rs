//! The Bayesian Gaussian mixture.

use burn::tensor::{DType, Tensor, TensorData};
use kiln_tensor::{
    World,
    linalg::Symmetric,
    special::{host::digamma, log_sum_exp},
};

use super::{
    CaviError, CoordinateAscent,
    divergence::{self, Wishart},
};
use crate::{
    GaussianMixture, GmmError,
    mixture::{Precision, WeightedMoments, nearest_shares},
};

/// Why a sum over the ranks of a world of one has no error.
const ALONE: &str = "one process waits for nobody";

/// A Bayesian mixture of k Gaussians with conjugate priors.
///
/// π ~ Dirichlet(α₀), Λ ~ Wishart(W₀, ν₀) and μ | Λ ~ N(m₀, (β₀·Λ)⁻¹). The approximate posterior is q(z)·q(π)·Π q(μ, Λ). With a small
/// α₀ superfluous components lose their rows.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor, TensorData};
/// use kiln_models::cavi::{BayesianMixture, Sweeps, ascend};
///
/// // Two clusters of fifty rows, and one component too many.
/// let rows: Vec<f32> = (0..100).map(|i| (i % 2 * 8) as f32 + (i / 2) as f32 / 50.0).collect();
/// let x = Tensor::<2>::from_data(TensorData::new(rows, [100, 1]), &Device::default());
/// let model = BayesianMixture::new(x, 3)?.concentration(1e-3)?;
/// let fit = ascend(&model, &Sweeps { tol: 1e-6, ..Sweeps::default() })?;
/// let kept = fit.posterior.counts().iter().filter(|count| **count >= 1.0).count();
/// assert_eq!(kept, 2);
/// # Ok::<(), kiln_models::cavi::CaviError>(())
/// ```
///
/// # References
/// Bishop, *Pattern Recognition and Machine Learning* (2006), section 10.2.
#[derive(Clone, Debug)]
pub struct BayesianMixture {
    x: Tensor<2>,
    components: usize,
    concentration: f64,
    mean_precision: f64,
    mean: Vec<f64>,
    scale: Wishart,
    start: Option<Tensor<2>>,
    seed: u64,
}

/// The factor of a component, q(μ, Λ) = N(μ; mean, (precision·Λ)⁻¹)·Wishart(Λ; W, dof).
#[derive(Clone, Debug)]
struct Component {
    precision: f64,
    mean: Vec<f64>,
    scale: Wishart,
}

/// The approximate posterior of a [`BayesianMixture`].
#[derive(Clone, Debug)]
pub struct MixturePosterior {
    concentrations: Vec<f64>,
    components: Vec<Component>,
    /// The number of rows per component.
    counts: Vec<f64>,
    /// The responsibilities `[n, k]`, optimal given the other factors.
    shares: Tensor<2>,
    /// Σₙ ln Σₖ of the unnormalised responsibilities.
    normalisers: f64,
}

impl MixturePosterior {
    /// Returns the Dirichlet concentrations of π, `[k]`.
    pub fn concentrations(&self) -> &[f64] {
        &self.concentrations
    }

    /// Returns E μ of each component, `[k][d]`.
    pub fn means(&self) -> Vec<&[f64]> {
        self.components.iter().map(|c| c.mean.as_slice()).collect()
    }

    /// Returns β of each component, `[k]`: the number of observations that its mean is worth.
    pub fn mean_precisions(&self) -> Vec<f64> {
        self.components.iter().map(|c| c.precision).collect()
    }

    /// Returns the degrees of freedom ν of each Λ, `[k]`.
    pub fn degrees_of_freedom(&self) -> Vec<f64> {
        self.components.iter().map(|c| c.scale.dof).collect()
    }

    /// Returns (E Λ)⁻¹ = W⁻¹/ν of a component, `[d, d]`.
    ///
    /// # Panics
    /// If there is no such component.
    pub fn covariance(&self, component: usize) -> Symmetric {
        let Component { scale, .. } = &self.components[component];
        Symmetric::from_fn(scale.rows(), |i, j| scale.inverse_scale.at(i, j) / scale.dof)
    }

    /// Returns the sum of the responsibilities of each component, `[k]`. A component with less than one row is superfluous.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// Returns the posterior probability of each component given each row, `[n, k]`.
    pub fn responsibilities(&self) -> Tensor<2> {
        self.shares.clone()
    }

    /// Returns the mixture with E π, E μ and (E Λ)⁻¹.
    ///
    /// # Errors
    /// Returns [`GmmError::Singular`] if a covariance is not positive definite.
    pub fn mixture(&self) -> Result<GaussianMixture, GmmError> {
        let (k, d) = (self.components.len(), self.components[0].mean.len());
        let total: f64 = self.concentrations.iter().sum();
        let weights = self.concentrations.iter().map(|a| a / total).collect();
        let means: Vec<f64> = self.components.iter().flat_map(|c| c.mean.iter().copied()).collect();
        let covariances = (0..k).flat_map(|c| {
            let covariance = self.covariance(c);
            (0..d * d).map(move |i| covariance.at(i / d, i % d)).collect::<Vec<_>>()
        });
        let like = (&self.shares.device(), self.shares.dtype());
        let covariances = TensorData::new(covariances.collect(), [k, d, d]);
        GaussianMixture::new(
            weights,
            Tensor::from_data(TensorData::new(means, [k, d]), like),
            Tensor::from_data(covariances, like),
        )
    }
}

impl BayesianMixture {
    /// Builds the model from rows x `[n, d]` and a number of components.
    ///
    /// The priors are those of scikit-learn: α₀ = 1/k, β₀ = 1, m₀ the means of the columns, ν₀ = d, and W₀⁻¹ their covariance.
    ///
    /// # Errors
    /// Returns [`CaviError`] if there are fewer than two rows or fewer rows than components, no component, a value that is not
    /// finite, or linearly dependent columns.
    pub fn new(x: Tensor<2>, components: usize) -> Result<Self, CaviError> {
        let x = x.without_autodiff();
        let [n, d] = x.dims();
        if n < 2 || d == 0 || components == 0 || components > n {
            let what = format!(
                "{components} components need at least as many rows, two rows and one column, but x has shape [{n}, {d}]"
            );
            return Err(CaviError::Shape { what });
        }
        let WeightedMoments { means, scatters, .. } =
            WeightedMoments::of(&x, &x.ones_like().slice([0..n, 0..1]), &World::alone()).expect(ALONE);
        let mean: Vec<f64> = means.into_data().try_into_vec_as().expect("a float tensor converts to f64");
        if mean.iter().chain(&scatters[0]).any(|x| !x.is_finite()) {
            return Err(CaviError::Data("x"));
        }
        #[allow(clippy::cast_precision_loss, reason = "numbers of rows, columns and components")]
        let (degrees, dof, k) = (n as f64 - 1.0, d as f64, components as f64);
        let covariance = Symmetric::from_fn(d, |i, j| scatters[0][i * d + j] / degrees);
        let scale =
            Wishart::new(covariance, dof).ok_or_else(|| CaviError::Singular("the covariance of the columns".into()))?;
        let (concentration, mean_precision) = (k.recip(), 1.0);
        Ok(Self { x, components, concentration, mean_precision, mean, scale, start: None, seed: 0 })
    }

    /// Sets the concentration α₀, positive. Default 1/k.
    ///
    /// # Errors
    /// Returns [`CaviError::Setting`] if it is not positive and finite.
    pub fn concentration(self, concentration: f64) -> Result<Self, CaviError> {
        if !(concentration.is_finite() && concentration > 0.0) {
            return Err(CaviError::Setting { name: "concentration", expected: "positive and finite" });
        }
        Ok(Self { concentration, ..self })
    }

    /// Sets β₀, the number of observations that the prior mean is worth, positive. Default 1.
    ///
    /// # Errors
    /// Returns [`CaviError::Setting`] if it is not positive and finite.
    pub fn mean_precision(self, mean_precision: f64) -> Result<Self, CaviError> {
        if !(mean_precision.is_finite() && mean_precision > 0.0) {
            return Err(CaviError::Setting { name: "mean_precision", expected: "positive and finite" });
        }
        Ok(Self { mean_precision, ..self })
    }

    /// Sets the responsibilities `[n, k]` to start from, instead of k-means. Rows sum to 1.
    ///
    /// # Errors
    /// Returns [`CaviError::Shape`] if the shape is another, and [`CaviError::Data`] if a row is not a probability vector.
    pub fn start_from(self, shares: Tensor<2>) -> Result<Self, CaviError> {
        let wanted = [self.x.dims()[0], self.components];
        if shares.dims() != wanted {
            let what = format!("the responsibilities must have shape {wanted:?}, not {:?}", shares.dims());
            return Err(CaviError::Shape { what });
        }
        let shares = shares.without_autodiff();
        let numbers: Vec<f64> = shares.to_data().try_into_vec_as().expect("a float tensor converts to f64");
        let is_one = |row: &[f64]| row.iter().all(|x| *x >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() < 1e-4;
        if !numbers.chunks_exact(self.components).all(is_one) {
            return Err(CaviError::Data("a row of responsibilities"));
        }
        Ok(Self { start: Some(shares), ..self })
    }

    /// Sets the seed of k-means. Default 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Updates the other factors given these shares (Bishop, (10.58) to (10.63)), then the shares ((10.46), (10.64) to (10.66)).
    fn given(&self, shares: &Tensor<2>) -> Result<MixturePosterior, CaviError> {
        let WeightedMoments { counts, means, scatters } =
            WeightedMoments::of(&self.x, shares, &World::alone()).expect(ALONE);
        let means: Vec<f64> = means.into_data().try_into_vec_as().expect("a float tensor converts to f64");
        let d = self.mean.len();
        let component = |k: usize| {
            let (count, at) = (counts[k], &means[k * d..(k + 1) * d]);
            let precision = self.mean_precision + count;
            let mean: Vec<f64> =
                (0..d).map(|i| (self.mean_precision * self.mean[i] + count * at[i]) / precision).collect();
            let pull = self.mean_precision * count / precision;
            let apart: Vec<f64> = (0..d).map(|i| at[i] - self.mean[i]).collect();
            let inverse_scale = Symmetric::from_fn(d, |i, j| {
                self.scale.inverse_scale.at(i, j) + scatters[k][i * d + j] + pull * apart[i] * apart[j]
            });
            let scale = Wishart::new(inverse_scale, self.scale.dof + count);
            let scale = scale.ok_or_else(|| CaviError::Singular(format!("the scale of component {k}")))?;
            Ok(Component { precision, mean, scale })
        };
        let components = (0..self.components).map(component).collect::<Result<Vec<_>, CaviError>>()?;
        let concentrations: Vec<f64> = counts.iter().map(|count| self.concentration + count).collect();
        let of_total = digamma(concentrations.iter().sum());
        let columns = components.iter().zip(&concentrations).map(|(component, concentration)| {
            let density = expected_log_density(component, &self.x)?;
            Ok(density + (digamma(*concentration) - of_total))
        });
        let logits = Tensor::cat(columns.collect::<Result<Vec<_>, CaviError>>()?, 1);
        let all = log_sum_exp(logits.clone(), 1);
        let normalisers = all.clone().sum().into_scalar::<f64>();
        let shares = (logits - all).exp();
        let counts = shares.clone().sum_dim(0).into_data().try_into_vec_as().expect("a float tensor converts to f64");
        Ok(MixturePosterior { concentrations, components, counts, shares, normalisers })
    }

    /// Returns KL(q(μ, Λ) ‖ p(μ, Λ)) of a component.
    fn divergence(&self, q: &Component) -> f64 {
        let d = self.mean.len();
        let apart: Vec<f64> = (0..d).map(|i| q.mean[i] - self.mean[i]).collect();
        let distance: f64 = q.scale.factor.solve(&apart).iter().zip(&apart).map(|(a, b)| a * b).sum();
        let ratio = self.mean_precision / q.precision;
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        let of_mean = 0.5 * (d as f64 * (ratio - 1.0 - ratio.ln()) + self.mean_precision * q.scale.dof * distance);
        of_mean + q.scale.divergence(&self.scale)
    }
}

/// Returns E_q ln N(x; μ, Λ⁻¹), `[n, 1]`.
fn expected_log_density(component: &Component, x: &Tensor<2>) -> Result<Tensor<2>, CaviError> {
    let Component { precision, mean, scale } = component;
    let d = mean.len();
    let covariance: Vec<f64> = (0..d * d).map(|i| scale.inverse_scale.at(i / d, i % d) / scale.dof).collect();
    let density =
        Precision::of(&covariance, x).ok_or_else(|| CaviError::Singular("a component's covariance".into()))?;
    let centre = Tensor::from_data(TensorData::new(mean.clone(), [1, d]), (&x.device(), x.dtype()));
    // The density at (E Λ)⁻¹ contains ln |E Λ| = ln |W| + d·ln ν instead of E ln |Λ| = ln |W| + d·ln 2 + Σ ψ.
    #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
    let correction = 0.5 * (scale.digammas() + d as f64 * ((2.0 / scale.dof).ln() - precision.recip()));
    Ok(density.log_density(x.clone() - centre) + correction)
}

impl CoordinateAscent for BayesianMixture {
    type Posterior = MixturePosterior;

    fn start(&self) -> Result<MixturePosterior, CaviError> {
        match &self.start {
            Some(shares) => self.given(shares),
            None => {
                let shares = nearest_shares(&self.x, self.components, self.seed, 0, &World::alone());
                self.given(&shares.expect(ALONE))
            }
        }
    }

    fn sweep(&self, q: &MixturePosterior) -> Result<MixturePosterior, CaviError> {
        self.given(&q.shares)
    }

    /// With optimal q(z), E ln p(x, z | π, μ, Λ) − E ln q(z) is the sum of the normalisers of the responsibilities.
    fn elbo(&self, q: &MixturePosterior) -> f64 {
        let of_components: f64 = q.components.iter().map(|component| self.divergence(component)).sum();
        q.normalisers - divergence::dirichlet(&q.concentrations, self.concentration) - of_components
    }

    fn rounding(&self) -> f64 {
        if self.x.dtype() == DType::F64 { 1e-10 } else { 1e-4 }
    }
}
