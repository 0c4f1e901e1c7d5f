//! Distributions over real numbers.

pub(crate) mod beta;
pub(crate) mod cauchy;
pub(crate) mod exponential;
pub(crate) mod gamma;
pub(crate) mod gumbel;
pub(crate) mod half_normal;
pub(crate) mod inverse_gamma;
pub(crate) mod laplace;
pub(crate) mod log_normal;
pub(crate) mod normal;
pub(crate) mod student_t;
pub(crate) mod uniform;
pub(crate) mod weibull;

/// ln √(2π).
pub(crate) const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;
/// Euler's γ.
pub(crate) const EULER: f64 = 0.577_215_664_901_532_9;
