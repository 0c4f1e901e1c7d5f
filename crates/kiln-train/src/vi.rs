//! Black-box variational inference: a distribution of a simple family, the guide, brought as near to a posterior as it goes.
//!
//! A model is ln p(data, z) for vectors z of real numbers ([`LogJoint`]); what is constrained comes there by a
//! [`Constraint`](kiln_dist::Constraint), whose Jacobian belongs to the density. The evidence lower bound E_q [ln p(data, z) − ln q(z)] is
//! raised by stochastic gradients, of which there are several [`Estimator`]s (Ranganath, Gerrish and Blei, 2014; Kucukelbir et al., 2017).
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_train::vi::{Guide, LogJointOf, MeanField, Svi};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::default();
//! // z ~ N(0, 1), and one observation 2 of z with unit variance: the posterior is N(1, ½), the evidence N(2; 0, 2).
//! let model = LogJointOf::new(1, |z: Tensor<2>| {
//!     let (prior, likelihood) = (z.clone().square(), (z - 2.0).square());
//!     ((prior + likelihood) * -0.5).squeeze_dim::<1>(1) - (2.0 * std::f64::consts::PI).ln()
//! });
//! let fit = Svi { steps: 1500, ..Svi::default() }.fit(&model, MeanField::new(1, &device))?;
//! assert!((fit.guide.mean().into_scalar::<f32>() - 1.0).abs() < 0.05);
//! assert!((fit.importance.elbo() - (-1.0 - 0.5 * (4.0 * std::f64::consts::PI).ln())).abs() < 0.01);
//! # Ok(())
//! # }
//! ```

mod average;
mod error;
mod estimator;
mod guide;
mod importance;
mod laboratory;
mod laplace;
mod psis;
mod sites;
mod svi;

use burn::tensor::Tensor;

pub use self::{
    average::{SampleAverage, SampleAverageFit},
    error::ViError,
    estimator::{Estimator, gradient},
    guide::{Delta, FullRank, Guide, LowRank, MeanField},
    importance::Importance,
    laboratory::{GradientMoments, gradient_moments},
    laplace::{Laplace, laplace},
    psis::{Psis, psis},
    sites::Sites,
    svi::{Svi, SviFit, SviStatus},
};

/// ln p(data, z) of a model with a latent vector of real numbers.
pub trait LogJoint: Sync {
    /// How many numbers z has.
    fn dims(&self) -> usize;

    /// ln p(data, z) of each row of z `[s, d]`, `[s]`, in nats. Data are brought to `z.device()`.
    fn log_joint(&self, z: Tensor<2>) -> Tensor<1>;

    /// ln p(data, z) as a sum, for [`Estimator::RaoBlackwellized`]. The default is one term with all numbers in it.
    fn factors(&self, z: Tensor<2>) -> Factors {
        Factors::one(self.log_joint(z), self.dims())
    }
}

/// ln p(data, z) as a sum of terms, each of some of the numbers of z only.
#[derive(Clone, Debug)]
pub struct Factors {
    /// The terms `[s, f]` of each row of z `[s, d]`, in nats.
    pub terms: Tensor<2>,
    /// 1 where the term has the number in it, else 0, `[f, d]`.
    pub involved: Tensor<2>,
}

impl Factors {
    /// One term, ln p(data, z) `[s]` itself, with all of `dims` numbers in it.
    pub fn one(log_joint: Tensor<1>, dims: usize) -> Self {
        let involved = Tensor::ones([1, dims], (&log_joint.device().without_autodiff(), log_joint.dtype()));
        Self { terms: log_joint.unsqueeze_dim(1), involved }
    }
}

/// A closure as a [`LogJoint`].
#[derive(Clone, Debug)]
pub struct LogJointOf<F> {
    dims: usize,
    log_joint: F,
}

impl<F: Fn(Tensor<2>) -> Tensor<1> + Sync> LogJointOf<F> {
    /// Of vectors of `dims` numbers.
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
