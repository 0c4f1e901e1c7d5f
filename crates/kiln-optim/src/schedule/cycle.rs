//! Cosine schedules, and schedules of the momentum.

use super::{Schedule, ScheduleError, curve::Curve};

impl Schedule {
    /// Half a cosine: c_τ + ½(c₀ − c_τ)(1 + cos πk/τ) until `horizon` τ, then c_τ = `last` ≥ 0 (Loshchilov and Hutter, *SGDR*,
    /// 2017, eq. 5).
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `initial` is not positive and finite, `last` is negative or not finite, or `horizon` is 0.
    pub fn cosine(initial: f64, last: f64, horizon: u64) -> Result<Self, ScheduleError> {
        Curve::Cosine { initial, last, horizon }.try_into()
    }

    /// A cosine from `initial` to `last` that restarts after `period` steps. Each period is `growth` ≥ 1 times as long as the one
    /// before (SGDR's T₀ and T_mult). It has no end, and `last` itself is not reached.
    ///
    /// # Errors
    /// Those of [`cosine`](Self::cosine), and [`ScheduleError`] if `period` or `growth` is 0.
    pub fn cosine_restarts(initial: f64, last: f64, period: u64, growth: u64) -> Result<Self, ScheduleError> {
        Curve::CosineRestarts { initial, last, period, growth }.try_into()
    }

    /// Half a cosine from `start` to `peak` over `rise` steps, then half a cosine down to `last` at `horizon`, then `last` (Smith
    /// and Topin, *Super-Convergence*, 2018).
    ///
    /// Usual values are `start` = peak/25, `last` = start/10⁴ and `rise` = 0.3·horizon. The peak is at step `rise`. PyTorch's
    /// `OneCycleLR(total_steps=T, pct_start=p)` is this schedule with `horizon` = T − 1 and `rise` = p·T − 1. For the momentum,
    /// which moves in the opposite direction, `start` and `last` may be above `peak`.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `peak` is not positive and finite, another value is negative or not finite, or `rise` ≥
    /// `horizon`.
    pub fn one_cycle(start: f64, peak: f64, last: f64, rise: u64, horizon: u64) -> Result<Self, ScheduleError> {
        Curve::OneCycle { start, peak, last, rise, horizon }.try_into()
    }

    /// A schedule for the momentum: min(1 − 2^(−1 − log₂(⌊k/250⌋ + 1)), μ_max), which is ½, ¾, ⅚, … every 250 steps, up to `max` in
    /// [½, 1) (Sutskever, Martens, Dahl and Hinton, 2013, eq. 5).
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `max` is outside [½, 1).
    pub fn sutskever(max: f64) -> Result<Self, ScheduleError> {
        Curve::Sutskever { max }.try_into()
    }

    /// A schedule for the momentum: min(k/(k + 3), c_max), which is 0, ¼, ⅖, … up to `max` in (0, 1).
    ///
    /// With it, the error of Nesterov's method is O(1/k²) on every smooth convex function (Nesterov, 1983; in this form Su, Boyd
    /// and Candès, 2016, eq. 2, whose k is larger by one).
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `max` is outside (0, 1). The largest float below 1 is no limit in practice.
    pub fn nesterov(max: f64) -> Result<Self, ScheduleError> {
        Curve::Nesterov { max }.try_into()
    }
}
