//! Black-box variational inference: fits a parametric distribution, the guide, to a posterior.
//!
//! A model is a [`LogJoint`](kiln_dist::LogJoint): ln p(data, z) for a vector z of real numbers. A constrained variable, such as
//! a scale, is mapped to its set by a [`Constraint`](kiln_dist::Constraint); [`Sites`] does this for several named variables and
//! returns the logarithm of the Jacobian determinant, which belongs to the density.
//!
//! The guide q maximises the evidence lower bound (ELBO), E_q [ln p(data, z) − ln q(z)]. [`Svi`] follows stochastic gradients of
//! it, of which there are several [`Estimator`]s. [`SampleAverage`] fixes the random draws and runs L-BFGS. [`laplace`] finds the
//! mode and takes the exact Hessian there. [`optimality`] measures how far a fitted guide is from a maximum of the bound.
//!
//! # Example
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_dist::LogJointOf;
//! use kiln_train::vi::{Guide, MeanField, Svi};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::default();
//! // z ~ N(0, 1), and one observation 2 from N(z, 1). The posterior is N(1, ½) and the evidence is N(2; 0, 2).
//! let model = LogJointOf::new(1, |z: Tensor<2>| {
//!     let (prior, likelihood) = (z.clone().square(), (z - 2.0).square());
//!     ((prior + likelihood) * -0.5).squeeze_dim::<1>(1) - (2.0 * std::f64::consts::PI).ln()
//! });
//! let fit = Svi { steps: 1500, lr: Some(0.05), ..Svi::default() }.fit(&model, MeanField::new(1, &device))?;
//! assert!((fit.guide.mean().into_scalar::<f32>() - 1.0).abs() < 0.05);
//! assert!((fit.importance.elbo() - (-1.0 - 0.5 * (4.0 * std::f64::consts::PI).ln())).abs() < 0.01);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! Ranganath, Gerrish and Blei (2014), *Black box variational inference*; Kucukelbir et al. (2017), *Automatic differentiation
//! variational inference*.

mod average;
mod check;
mod error;
mod estimator;
mod guide;
mod importance;
mod laboratory;
mod laplace;
mod minibatch_elbo;
mod optimality;
mod psis;
mod sites;
mod svi;

pub use self::{
    average::{SampleAverage, SampleAverageFit},
    error::ViError,
    estimator::{Estimator, gradient},
    guide::{Delta, FullRank, Guide, LowRank, MeanField},
    importance::Importance,
    laboratory::{GradientMoments, gradient_moments},
    laplace::{LaplaceApproximation, laplace},
    minibatch_elbo::MinibatchElbo,
    optimality::{Optimality, optimality},
    psis::{Psis, psis},
    sites::Sites,
    svi::{Svi, SviFit, SviStatus},
};

/// The default number of draws from a fitted guide that estimate its evidence lower bound.
const EVALUATION_DRAWS: usize = 4000;
