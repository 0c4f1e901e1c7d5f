//! Schedules along cosines, and schedules of the momentum.

use super::{Schedule, ScheduleError, curve::Curve};

impl Schedule {
    /// c_τ + ½(c₀ − c_τ)(1 + cos πk/τ) up to `horizon` = τ, and c_τ = `last` ≥ 0 from there on
    /// (Loshchilov and Hutter, *SGDR*, 2017, eq. 5).
    ///
    /// # Errors
    /// When `initial` is not positive and finite, `last` is negative or not finite, or `horizon` is 0.
    pub fn cosine(initial: f64, last: f64, horizon: u64) -> Result<Self, ScheduleError> {
        Curve::Cosine { initial, last, horizon }.try_into()
    }

    /// A cosine from `initial` to `last` that starts anew after `period` steps, each period `growth` ≥ 1 times as long as
    /// the one before (SGDR's T₀ and T_mult). It never ends. `last` itself is not reached, as the next period begins.
    ///
    /// # Errors
    /// Those of [`cosine`](Self::cosine), or when `period` or `growth` is 0.
    pub fn cosine_restarts(initial: f64, last: f64, period: u64, growth: u64) -> Result<Self, ScheduleError> {
        Curve::CosineRestarts { initial, last, period, growth }.try_into()
    }

    /// Half a cosine from `start` to `peak` over `rise` steps, then half a cosine down to `last` at `horizon`, and `last`
    /// from there on (Smith and Topin, *Super-Convergence*, 2018).
    ///
    /// Usual: `start` = peak/25, `last` = start/10⁴, a `rise` of 0.3·horizon. The peak is at step `rise`; PyTorch's
    /// `OneCycleLR(total_steps=T, pct_start=p)` is this schedule with `horizon` = T − 1 and `rise` = p·T − 1.
    /// For the momentum, which goes the other way, `start` and `last` may lie above `peak`.
    ///
    /// # Errors
    /// When `peak` is not positive and finite, another value is negative or not finite, or `rise` ≥ `horizon`.
    pub fn one_cycle(start: f64, peak: f64, last: f64, rise: u64, horizon: u64) -> Result<Self, ScheduleError> {
        Curve::OneCycle { start, peak, last, rise, horizon }.try_into()
    }

    /// μ_k = min(1 − 2^(−1 − log₂(⌊k/250⌋ + 1)), μ_max): ½, ¾, ⅚, … every 250 steps, up to `max` in [½, 1), where it stays
    /// (Sutskever, Martens, Dahl and Hinton, 2013, eq. 5). A schedule for the momentum.
    ///
    /// # Errors
    /// When `max` is outside [½, 1).
    pub fn sutskever(max: f64) -> Result<Self, ScheduleError> {
        Curve::Sutskever { max }.try_into()
    }

    /// min(k/(k + 3), c_max): 0, ¼, ⅖, … towards 1, where `max` in (0, 1) stops it. The momentum with which Nesterov's
    /// method has an error of O(1/k²) on every smooth convex function, strongly convex or not
    /// (Nesterov, 1983; in this form Su, Boyd and Candès, 2016, eq. 2, whose k is one more).
    ///
    /// # Errors
    /// When `max` is outside (0, 1). The largest float below 1 leaves it without a bound in practice.
    pub fn nesterov(max: f64) -> Result<Self, ScheduleError> {
        Curve::Nesterov { max }.try_into()
    }
}
