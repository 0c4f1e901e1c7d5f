//! Named, constrained variables as one vector of real numbers.

use burn::tensor::Tensor;
use kiln_dist::{Bijector, Constraint, DistError};

/// The N named latent variables of a model, in their order in z.
///
/// Each variable has a [`Constraint`] that maps real numbers to its set. The number of variables is part of the type, so that
/// [`constrain`](Self::constrain) returns exactly as many values.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Constraint, Distribution, HalfNormal, LogJoint, LogJointOf, Normal};
/// use kiln_train::vi::Sites;
///
/// let sites = Sites::new([("mu", Constraint::Real, 1), ("sigma", Constraint::Positive, 1)])?;
/// let model = LogJointOf::new(sites.dims(), |z: Tensor<2>| {
///     let ([mu, sigma], log_jacobian) = sites.constrain(z);
///     let prior = Normal::new(mu.zeros_like(), mu.ones_like() * 10.0).unwrap().log_prob(mu.clone())
///         + HalfNormal::new(sigma.ones_like()).unwrap().log_prob(sigma.clone());
///     let y = Tensor::<2>::from_data([[1.2, 0.4, 2.2]], &mu.device()).repeat_dim(0, mu.dims()[0]);
///     let likelihood = Normal::new(mu.repeat_dim(1, 3), sigma.repeat_dim(1, 3)).unwrap().log_prob(y).sum_dim(1);
///     (likelihood + prior).squeeze_dim::<1>(1) + log_jacobian
/// });
/// assert_eq!(model.log_joint(Tensor::zeros([5, 2], &Device::default())).dims(), [5]);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sites<const N: usize> {
    sites: [Site; N],
}

#[derive(Clone, Debug, PartialEq)]
struct Site {
    name: String,
    constraint: Constraint,
    /// Entries of the constrained value.
    len: usize,
    /// Entries of z that the variable takes.
    free: usize,
}

impl<const N: usize> Sites<N> {
    /// Builds the list from a name, a constraint and the length of the constrained value for each variable.
    ///
    /// The lengths are at least 1. A matrix counts its k² entries.
    ///
    /// # Errors
    /// Returns [`DistError`] if a length is 0, if a matrix has no square number of entries, or if an interval is empty.
    pub fn new<S: Into<String>>(variables: [(S, Constraint, usize); N]) -> Result<Self, DistError> {
        let sites: Vec<Site> = variables
            .into_iter()
            .map(|(name, constraint, len)| Ok(Site { name: name.into(), constraint, len, free: constraint.free(len)? }))
            .collect::<Result<_, DistError>>()?;
        Ok(Self { sites: sites.try_into().expect("one site for each of the N variables") })
    }

    /// Returns the number of dimensions of z.
    ///
    /// A simplex takes one entry fewer than its value. The factor of a covariance takes k(k + 1)/2 entries, and the factor of a
    /// correlation matrix takes k(k − 1)/2.
    pub fn dims(&self) -> usize {
        self.sites.iter().map(|site| site.free).sum()
    }

    /// Returns a name for each entry of the values. A variable with several entries gets an index from 0, as in `eta[0]`.
    pub fn names(&self) -> Vec<String> {
        let each = |site: &Site| -> Vec<String> {
            if site.len == 1 {
                return vec![site.name.clone()];
            }
            (0..site.len).map(|i| format!("{}[{i}]", site.name)).collect()
        };
        self.sites.iter().flat_map(each).collect()
    }

    /// Maps z `[s, d]` to the variables' values, each `[s, len]`, and the logarithm `[s]` of the Jacobian determinant.
    ///
    /// Add the logarithm to the log-density, because z has a density of its own.
    ///
    /// # Panics
    /// If z does not have [`dims`](Self::dims) columns. Inference never calls a model with other columns, if the model's number of
    /// dimensions is `dims()`.
    pub fn constrain(&self, z: Tensor<2>) -> ([Tensor<2>; N], Tensor<1>) {
        let [s, d] = z.dims();
        let dims = self.dims();
        assert_eq!(
            d, dims,
            "z has {d} columns but the variables take {dims}; give the model `sites.dims()` dimensions"
        );
        let (mut start, mut jacobian) = (0, None);
        let values = std::array::from_fn(|i| {
            let Site { constraint, free, .. } = &self.sites[i];
            let x = z.clone().slice([0..s, start..start + free]);
            start += free;
            if *constraint != Constraint::Real {
                let own = constraint.log_abs_det_jacobian(x.clone()).sum_dim(1).squeeze_dim::<1>(1);
                jacobian = Some(jacobian.take().map_or(own.clone(), |sum: Tensor<1>| sum + own));
            }
            constraint.forward(x)
        });
        let jacobian = jacobian.unwrap_or_else(|| Tensor::zeros([s], (&z.device(), z.dtype())));
        (values, jacobian)
    }

    /// Maps the variables' values, each `[s, len]` and inside its set, back to z `[s, d]`.
    pub fn free(&self, values: [Tensor<2>; N]) -> Tensor<2> {
        let each = values.into_iter().zip(&self.sites).map(|(value, site)| site.constraint.inverse(value));
        Tensor::cat(each.collect(), 1)
    }
}
