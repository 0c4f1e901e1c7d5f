//! The named variables of a model, each where it may be, as one vector of real numbers.

use burn::tensor::Tensor;
use kiln_dist::{Bijector, Constraint};

/// A model's latent variables in the order in which they lie in z.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Constraint, Distribution, HalfNormal, Normal};
/// use kiln_train::vi::{LogJointOf, Sites};
///
/// let sites = Sites::new().with("mu", Constraint::Real, 1).with("sigma", Constraint::Positive, 1);
/// let model = LogJointOf::new(sites.dims(), |z: Tensor<2>| {
///     let ([mu, sigma], jacobian) = sites.constrain(z);
///     let prior = Normal::new(mu.zeros_like(), mu.ones_like() * 10.0).unwrap().log_prob(mu.clone())
///         + HalfNormal::new(sigma.ones_like()).unwrap().log_prob(sigma.clone());
///     let y = Tensor::<2>::from_data([[1.2, 0.4, 2.2]], &mu.device()).repeat_dim(0, mu.dims()[0]);
///     let likelihood = Normal::new(mu.repeat_dim(1, 3), sigma.repeat_dim(1, 3)).unwrap().log_prob(y).sum_dim(1);
///     (likelihood + prior).squeeze_dim::<1>(1) + jacobian
/// });
/// # use kiln_train::vi::LogJoint;
/// assert_eq!(model.log_joint(Tensor::zeros([5, 2], &Device::default())).dims(), [5]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sites {
    sites: Vec<Site>,
}

#[derive(Clone, Debug, PartialEq)]
struct Site {
    name: String,
    constraint: Constraint,
    /// Numbers of its value.
    len: usize,
}

impl Sites {
    /// Without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// And a vector of `len` ≥ 1 numbers, after the others.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, constraint: Constraint, len: usize) -> Self {
        self.sites.push(Site { name: name.into(), constraint, len: len.max(1) });
        self
    }

    /// How many numbers z has. A vector on the simplex takes one less than it has, a factor with k² numbers those below its diagonal, or from it on.
    pub fn dims(&self) -> usize {
        self.sites.iter().map(|site| site.constraint.free(site.len)).sum()
    }

    /// A name for each number of the values: the variable's, with an index from 0 where it has several.
    pub fn names(&self) -> Vec<String> {
        let each = |site: &Site| -> Vec<String> {
            if site.len == 1 {
                return vec![site.name.clone()];
            }
            (0..site.len).map(|i| format!("{}[{i}]", site.name)).collect()
        };
        self.sites.iter().flat_map(each).collect()
    }

    /// The variables' values `[s, len]` at each row of z `[s, d]`, and the logarithms `[s]` of the Jacobian's determinants, which belong to the density of z.
    ///
    /// # Panics
    /// When N is not the number of variables, or z has another number of columns than [`dims`](Self::dims).
    pub fn constrain<const N: usize>(&self, z: Tensor<2>) -> ([Tensor<2>; N], Tensor<1>) {
        assert_eq!(N, self.sites.len(), "as many values as variables");
        let [s, d] = z.dims();
        assert_eq!(d, self.dims(), "z has {d} columns, the variables take {}", self.dims());
        let (mut start, mut jacobian) = (0, None);
        let values = std::array::from_fn(|i| {
            let Site { constraint, len, .. } = &self.sites[i];
            let free = constraint.free(*len);
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

    /// The z `[s, d]` of the variables' values, each `[s, len]` and in its range.
    ///
    /// # Panics
    /// When N is not the number of variables.
    pub fn free<const N: usize>(&self, values: [Tensor<2>; N]) -> Tensor<2> {
        assert_eq!(N, self.sites.len(), "as many values as variables");
        let each = values.into_iter().zip(&self.sites).map(|(value, site)| site.constraint.inverse(value));
        Tensor::cat(each.collect(), 1)
    }
}
