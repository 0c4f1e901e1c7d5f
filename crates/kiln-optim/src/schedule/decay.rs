//! Schedules that decay: constant, polynomial, inverse time, exponential, steps.

use super::{Schedule, ScheduleError, curve::Curve};

impl Schedule {
    /// A constant value.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `value` is not positive and finite. There is no upper limit.
    pub fn constant(value: f64) -> Result<Self, ScheduleError> {
        Curve::Constant { value }.try_into()
    }

    /// A straight line, (1 − k/τ)·c₀ + (k/τ)·c_τ with c_τ = c₀/100, until `horizon` τ, then c_τ (*Deep Learning*, eq. 8.14).
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `initial` is not positive and finite, or `horizon` is 0.
    pub fn linear(initial: f64, horizon: u64) -> Result<Self, ScheduleError> {
        Self::linear_to(initial, initial / 100.0, horizon)
    }

    /// A straight line to c_τ = `last` ≥ 0, which may be above `initial`.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `initial` is not positive and finite, `last` is negative or not finite, or `horizon` is 0.
    pub fn linear_to(initial: f64, last: f64, horizon: u64) -> Result<Self, ScheduleError> {
        Curve::Linear { initial, last, horizon }.try_into()
    }

    /// Polynomial decay: c_τ + (c₀ − c_τ)(1 − k/τ)^p until `horizon` τ, then c_τ = `last`. With `power` p = 1 it is linear.
    ///
    /// # Errors
    /// Those of [`linear_to`](Self::linear_to), and [`ScheduleError`] if `power` is not positive and finite.
    pub fn polynomial(initial: f64, last: f64, horizon: u64, power: f64) -> Result<Self, ScheduleError> {
        Curve::Polynomial { initial, last, horizon, power }.try_into()
    }

    /// Inverse time decay: c₀/(1 + k/κ)^p with `power` p in (½, 1]. It has no end.
    ///
    /// For these p, Σε_k = ∞ and Σε_k² < ∞, so the steps reach any distance and their noise vanishes (Robbins and Monro, 1951;
    /// Bottou, Curtis and Nocedal, *Optimization Methods for Large-Scale Machine Learning*, 2018, eq. 4.19). `kappa` κ > 0 is the
    /// step at which the decay begins; it need not be a whole number.
    ///
    /// # Errors
    /// Returns [`ScheduleError::RobbinsMonro`] for another p, and [`ScheduleError::Parameter`] if a number is not positive and
    /// finite.
    pub fn inverse_time(initial: f64, kappa: f64, power: f64) -> Result<Self, ScheduleError> {
        Curve::InverseTime { initial, kappa, power, unchecked: false }.try_into()
    }

    /// Inverse time decay with any p > 0, if you know that the Robbins–Monro conditions may fail.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if a number is not positive and finite.
    pub fn inverse_time_unchecked(initial: f64, kappa: f64, power: f64) -> Result<Self, ScheduleError> {
        Curve::InverseTime { initial, kappa, power, unchecked: true }.try_into()
    }

    /// Inverse square root decay: c₀/√(1 + k/κ), for convex objectives that are not strongly convex, with averaged iterates
    /// (Nemirovski, Juditsky, Lan and Shapiro, 2009). Σε² diverges logarithmically. It has no end.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if a number is not positive and finite.
    pub fn inverse_sqrt(initial: f64, kappa: f64) -> Result<Self, ScheduleError> {
        Self::inverse_time_unchecked(initial, kappa, 0.5)
    }

    /// Exponential decay: c₀·γ^(k/s), smoothly by the factor γ = `factor` per s = `every` steps. It has no end; γ > 1 grows.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if a number is not positive and finite.
    pub fn exponential(initial: f64, factor: f64, every: f64) -> Result<Self, ScheduleError> {
        Curve::Exponential { initial, factor, every }.try_into()
    }

    /// Step decay: c₀·γ^⌊k/s⌋, by the factor γ = `factor` after each s = `every` steps. It has no end.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if a number is not positive and finite, or `every` is 0.
    pub fn step(initial: f64, factor: f64, every: u64) -> Result<Self, ScheduleError> {
        Curve::Step { initial, factor, every }.try_into()
    }

    /// Step decay at milestones: c₀·γ^(number of milestones ≤ k). It is constant after the last milestone.
    ///
    /// # Errors
    /// Returns [`ScheduleError::Milestones`] if the milestones do not increase, and [`ScheduleError::Parameter`] if a number is not
    /// positive and finite.
    pub fn multi_step(initial: f64, factor: f64, milestones: Vec<u64>) -> Result<Self, ScheduleError> {
        Curve::MultiStep { initial, factor, milestones }.try_into()
    }
}
