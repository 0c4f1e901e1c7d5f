//! Special functions that Burn lacks, or computes in f32 on some backends.
//!
//! The functions of the first table consist of tensor operations. They run on the device, can be differentiated any number of
//! times, and can be recorded by [`derivative`](crate::derivative). Errors are those of f64 against mpmath in 40 digits, in the
//! tests; in f32 they are some units of rounding, 6e-8.
//!
//! | function | domain | error in f64 |
//! |---|---|---|
//! | [`sigmoid`], [`softplus`] | all | 1e-15 relative |
//! | [`expm1`], [`log1mexp`] | all, x < 0 | 2e-15 relative |
//! | [`log_sum_exp`] | all | 1e-15 |
//! | [`erf`] | all | 2e-15 relative |
//! | [`erfc`], [`normal_cdf`] | all | ε·x² relative: 2e-13 where they are 1e-300 |
//! | [`normal_log_cdf`] | all | 2e-14 relative |
//! | [`erfinv`], [`normal_icdf`] | (−1, 1), (0, 1) | 4e-15 relative, and 1e-15 beside the zero of the second |
//! | [`ln_gamma`] | x > 0 | 4e-15 relative, also at its zeros |
//! | [`ln_beta`] | x > 0 | 1e-14 relative, and 2e-14 beside its zeros |
//! | [`ln_poisson`] | a ≥ 0 | 4e-15 relative, and 4e-15 beside its zeros |
//! | [`ln_gamma_entropy`], [`digamma`] | a > 0, x > 0 | 2e-15 relative, and 1e-14 beside their zeros |
//!
//! The incomplete functions are computed on the host, elementwise, with their first derivatives in all arguments. They read from
//! the device, so they cannot be recorded.
//!
//! | function | domain | error |
//! |---|---|---|
//! | [`gamma_p`], [`gamma_q`] | a > 0, x ≥ 0 | 5e-13 relative up to a = 1e5; Q also 3e-16 of 1 |
//! | [`beta_i`] | a, b > 0, x in [0, 1] | 1e-12 relative up to a + b = 1e4, and 3e-16 of 1 |
//!
//! [`host`] has them for plain numbers, and [`tails`] the tail probabilities and quantiles that tests and intervals use.
//!
//! # Example
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kiln_tensor::special;
//!
//! let x = Tensor::<1>::from_data([1.0, 4.0], &Device::default());
//! let ln_gamma: Vec<f64> = special::ln_gamma(x).try_into_vec_as().unwrap();
//! assert!((ln_gamma[1] - 6f64.ln()).abs() < 1e-6); // Γ(4) = 3!
//! ```

mod elementwise;
mod erf;
mod gamma;
pub mod host;
mod logs;
pub mod tails;

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
pub(crate) use self::erf::LN_ERFCX;
pub use self::{
    elementwise::{beta_i, gamma_p, gamma_q, with_partials},
    erf::{erf, erfc, erfinv, normal_cdf, normal_icdf, normal_log_cdf},
    gamma::{digamma, ln_beta, ln_gamma, ln_gamma_entropy, ln_poisson},
    logs::{expm1, log_sum_exp, log1mexp, sigmoid, softplus},
};

/// |x|, with the derivative 1 at x = 0 instead of Burn's 0.
///
/// A function that is computed from |x| and the sign of x then has its right-hand derivative at 0, which is the derivative wherever
/// the function is smooth.
fn magnitude<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let negative = x.clone().lower_scalar(0.0);
    x.clone().mask_where(negative, -x)
}

/// Σ cᵢ·xⁱ, by Horner's rule.
fn polynomial<const D: usize>(x: &Tensor<D>, coefficients: &[f64]) -> Tensor<D> {
    let (last, rest) = coefficients.split_last().expect("a polynomial has a coefficient");
    let start = x.clone() * 0.0 + *last;
    rest.iter().rev().fold(start, |sum, c| sum * x.clone() + *c)
}
