//! Schedules that go one way: constant, polynomial, inverse time, exponential, in steps.

use super::{Schedule, ScheduleError, curve::Curve};

impl Schedule {
    /// c for ever.
    ///
    /// # Errors
    /// When `value` is not positive and finite. There is no upper limit.
    pub fn constant(value: f64) -> Result<Self, ScheduleError> {
        Curve::Constant { value }.try_into()
    }

    /// (1 − k/τ)·c₀ + (k/τ)·c_τ with c_τ = c₀/100, up to `horizon` = τ, and c_τ from there on
    /// (*Deep Learning*, eq. 8.14).
    ///
    /// # Errors
    /// When `initial` is not positive and finite, or `horizon` is 0.
    pub fn linear(initial: f64, horizon: u64) -> Result<Self, ScheduleError> {
        Self::linear_to(initial, initial / 100.0, horizon)
    }

    /// The same with c_τ = `last` ≥ 0, which may lie above `initial`.
    ///
    /// # Errors
    /// When `initial` is not positive and finite, `last` is negative or not finite, or `horizon` is 0.
    pub fn linear_to(initial: f64, last: f64, horizon: u64) -> Result<Self, ScheduleError> {
        Curve::Linear { initial, last, horizon }.try_into()
    }

    /// c_τ + (c₀ − c_τ)(1 − k/τ)^p up to `horizon` = τ, and c_τ = `last` from there on. With `power` = p = 1 it is linear.
    ///
    /// # Errors
    /// Those of [`linear_to`](Self::linear_to), or when `power` is not positive and finite.
    pub fn polynomial(initial: f64, last: f64, horizon: u64, power: f64) -> Result<Self, ScheduleError> {
        Curve::Polynomial { initial, last, horizon, power }.try_into()
    }

    /// c₀/(1 + k/κ)^p with `power` = p in (½, 1], which never ends.
    ///
    /// With such p, Σε_k = ∞ and Σε_k² < ∞: the steps reach any distance, and their noise dies out
    /// (Robbins and Monro, 1951; Bottou, Curtis and Nocedal, *Optimization Methods for Large-Scale Machine Learning*,
    /// 2018, eq. 4.19). `kappa` = κ > 0, in steps, is where the decay sets in; it need not be whole.
    ///
    /// # Errors
    /// [`ScheduleError::RobbinsMonro`] for another p; [`ScheduleError::Parameter`] when a number is not positive and
    /// finite.
    pub fn inverse_time(initial: f64, kappa: f64, power: f64) -> Result<Self, ScheduleError> {
        Curve::InverseTime { initial, kappa, power, unchecked: false }.try_into()
    }

    /// The same with any p > 0: the caller knows why the Robbins–Monro conditions may fail.
    ///
    /// # Errors
    /// When a number is not positive and finite.
    pub fn inverse_time_unchecked(initial: f64, kappa: f64, power: f64) -> Result<Self, ScheduleError> {
        Curve::InverseTime { initial, kappa, power, unchecked: true }.try_into()
    }

    /// c₀/√(1 + k/κ): the decay for objectives that are convex and not strongly so, when iterates are averaged
    /// (Nemirovski, Juditsky, Lan and Shapiro, 2009). Σε² diverges, by a logarithm. It never ends.
    ///
    /// # Errors
    /// When a number is not positive and finite.
    pub fn inverse_sqrt(initial: f64, kappa: f64) -> Result<Self, ScheduleError> {
        Self::inverse_time_unchecked(initial, kappa, 0.5)
    }

    /// c₀·γ^(k/s): by the factor γ = `factor` every s = `every` steps, smoothly, without end. γ > 1 grows.
    ///
    /// # Errors
    /// When a number is not positive and finite.
    pub fn exponential(initial: f64, factor: f64, every: f64) -> Result<Self, ScheduleError> {
        Curve::Exponential { initial, factor, every }.try_into()
    }

    /// c₀·γ^⌊k/s⌋: by the factor γ at once, every s = `every` steps, without end.
    ///
    /// # Errors
    /// When a number is not positive and finite, or `every` is 0.
    pub fn step(initial: f64, factor: f64, every: u64) -> Result<Self, ScheduleError> {
        Curve::Step { initial, factor, every }.try_into()
    }

    /// c₀·γ^(number of milestones ≤ k): by the factor γ at once, at each milestone; after the last one it stays.
    ///
    /// # Errors
    /// [`ScheduleError::Milestones`] when they do not grow; [`ScheduleError::Parameter`] when a number is not positive
    /// and finite.
    pub fn multi_step(initial: f64, factor: f64, milestones: Vec<u64>) -> Result<Self, ScheduleError> {
        Curve::MultiStep { initial, factor, milestones }.try_into()
    }
}
