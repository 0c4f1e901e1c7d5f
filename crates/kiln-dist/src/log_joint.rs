//! The contract between a posterior's model and black-box inference: an unnormalised log-density.

use burn::tensor::Tensor;

/// The log joint density ln p(data, z) of a model whose latent variable z is a vector of real numbers.
///
/// The posterior of z is this density, normalised. Variational inference (`kiln_train::vi`) and Laplace's approximation ask for
/// nothing else. A variable that must lie in a set, such as the positive numbers, is mapped there by a
/// [`Constraint`](crate::Constraint); the logarithm of the map's Jacobian determinant is then a part of the density of z.
///
/// A closure implements the trait through [`LogJointOf`].
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJoint;
///
/// /// z ~ N(0, 1), and one observation 2 from N(z, 1), both without their constants.
/// struct OneObservation;
///
/// impl LogJoint for OneObservation {
///     fn dims(&self) -> usize {
///         1
///     }
///
///     fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
///         ((z.clone().square() + (z - 2.0).square()) * -0.5).squeeze_dim(1)
///     }
/// }
///
/// // One value for each of the five rows of z.
/// assert_eq!(OneObservation.log_joint(Tensor::zeros([5, 1], &Device::default())).dims(), [5]);
/// ```
pub trait LogJoint: Sync {
    /// Returns the number of dimensions d of z.
    fn dims(&self) -> usize;

    /// Returns ln p(data, z) of each row of z `[s, d]`, as `[s]`, in nats.
    ///
    /// The model moves its data to `z.device()`.
    fn log_joint(&self, z: Tensor<2>) -> Tensor<1>;

    /// Returns ln p(data, z) as a sum of terms that each depend on some entries of z only.
    ///
    /// The Rao-Blackwellised gradient estimator uses them. The default is one term that depends on all entries.
    fn factors(&self, z: Tensor<2>) -> Factors {
        Factors::one(self.log_joint(z), self.dims())
    }
}

/// The log joint density as a sum of f terms, each a function of some entries of z.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::Factors;
///
/// // Two draws of a vector of three independent entries: one term for each entry.
/// let device = Device::default();
/// let z = Tensor::<2>::from_data([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]], &device);
/// let factors = Factors { terms: z.square() * -0.5, involved: Tensor::eye(3, &device) };
/// assert_eq!(factors.terms.dims(), [2, 3]);
/// ```
#[derive(Clone, Debug)]
pub struct Factors {
    /// The terms `[s, f]` for each row of z `[s, d]`, in nats.
    pub terms: Tensor<2>,
    /// 1 where the term depends on the entry, else 0, `[f, d]`.
    pub involved: Tensor<2>,
}

impl Factors {
    /// Returns the log joint density `[s]` as one term that depends on all `dims` entries of z.
    pub fn one(log_joint: Tensor<1>, dims: usize) -> Self {
        let involved = Tensor::ones([1, dims], (&log_joint.device().without_autodiff(), log_joint.dtype()));
        Self { terms: log_joint.unsqueeze_dim(1), involved }
    }
}

/// A closure as a [`LogJoint`].
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{LogJoint, LogJointOf};
///
/// // A standard normal vector of three entries, without its constant.
/// let model = LogJointOf::new(3, |z: Tensor<2>| z.square().sum_dim(1).squeeze_dim::<1>(1) * -0.5);
/// assert_eq!(model.log_joint(Tensor::zeros([5, 3], &Device::default())).dims(), [5]);
/// ```
#[derive(Clone, Debug)]
pub struct LogJointOf<F> {
    dims: usize,
    log_joint: F,
}

impl<F: Fn(Tensor<2>) -> Tensor<1> + Sync> LogJointOf<F> {
    /// Wraps a closure that maps z `[s, dims]` to ln p(data, z) `[s]`.
    ///
    /// Inference checks the shape of the result: a closure that sums over the rows too is refused.
    pub fn new(dims: usize, log_joint: F) -> Self {
        Self { dims, log_joint }
    }
}

impl<F: Fn(Tensor<2>) -> Tensor<1> + Sync> LogJoint for LogJointOf<F> {
    fn dims(&self) -> usize {
        self.dims
    }

    fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        (self.log_joint)(z)
    }
}
