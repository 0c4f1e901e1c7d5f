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
//! assert!((fit.elbo - (-1.0 - 0.5 * (4.0 * std::f64::consts::PI).ln())).abs() < 0.01);
//! # Ok(())
//! # }
//! ```

mod guide;
mod laboratory;
mod laplace;
mod psis;
mod svi;

use burn::tensor::Tensor;

pub use self::{
    guide::{FullRank, Guide, MeanField},
    laboratory::{GradientMoments, gradient_moments},
    laplace::{Laplace, laplace},
    psis::{Psis, psis},
    svi::{Estimator, Svi, SviFit, SviStatus, ViError, gradient},
};

/// ln p(data, z) of a model with a latent vector of real numbers.
pub trait LogJoint: Sync {
    /// How many numbers z has.
    fn dims(&self) -> usize;

    /// ln p(data, z) of each row of z `[s, d]`, `[s]`, in nats. Data are brought to `z.device()`.
    fn log_joint(&self, z: Tensor<2>) -> Tensor<1>;
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
