//! The formulas of all schedules in one table, and the ranges of their parameters in another.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::ScheduleError;

/// The content of a [`Schedule`](super::Schedule), and its form in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Curve {
    Constant { value: f64 },
    Linear { initial: f64, last: f64, horizon: u64 },
    Polynomial { initial: f64, last: f64, horizon: u64, power: f64 },
    InverseTime { initial: f64, kappa: f64, power: f64, unchecked: bool },
    Exponential { initial: f64, factor: f64, every: f64 },
    Step { initial: f64, factor: f64, every: u64 },
    MultiStep { initial: f64, factor: f64, milestones: Vec<u64> },
    Cosine { initial: f64, last: f64, horizon: u64 },
    CosineRestarts { initial: f64, last: f64, period: u64, growth: u64 },
    OneCycle { start: f64, peak: f64, last: f64, rise: u64, horizon: u64 },
    Sutskever { max: f64 },
    Nesterov { max: f64 },
    WarmUp { steps: u64, start: f64, then: Box<Curve> },
    Join { pieces: Vec<CurvePiece>, last: Box<Curve> },
    Scaled { factor: f64, schedule: Box<Curve> },
}

/// A piece of [`Curve::Join`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CurvePiece {
    pub(super) schedule: Curve,
    pub(super) steps: u64,
}

impl Curve {
    pub(super) fn check(&self) -> Result<(), ScheduleError> {
        match self {
            Self::Constant { value } => positive("value", *value),
            Self::Linear { initial, last, horizon } | Self::Cosine { initial, last, horizon } => {
                ends(*initial, *last)?;
                at_least_1("horizon", *horizon)
            }
            Self::Polynomial { initial, last, horizon, power } => {
                ends(*initial, *last)?;
                at_least_1("horizon", *horizon)?;
                positive("power", *power)
            }
            Self::InverseTime { initial, kappa, power, unchecked } => {
                positive("initial value", *initial)?;
                positive("κ", *kappa)?;
                positive("power", *power)?;
                if *unchecked || (*power > 0.5 && *power <= 1.0) {
                    Ok(())
                } else {
                    Err(ScheduleError::RobbinsMonro(*power))
                }
            }
            Self::Exponential { initial, factor, every } => {
                positive("initial value", *initial)?;
                positive("factor", *factor)?;
                positive("interval", *every)
            }
            Self::Step { initial, factor, every } => {
                positive("initial value", *initial)?;
                positive("factor", *factor)?;
                at_least_1("interval", *every)
            }
            Self::MultiStep { initial, factor, milestones } => {
                positive("initial value", *initial)?;
                positive("factor", *factor)?;
                if milestones.windows(2).all(|pair| pair[0] < pair[1]) {
                    Ok(())
                } else {
                    Err(ScheduleError::Milestones(milestones.clone()))
                }
            }
            Self::CosineRestarts { initial, last, period, growth } => {
                ends(*initial, *last)?;
                at_least_1("period", *period)?;
                at_least_1("growth", *growth)
            }
            Self::OneCycle { start, peak, last, rise, horizon } => {
                positive("peak", *peak)?;
                not_negative("start", *start)?;
                not_negative("last value", *last)?;
                at_least_1("horizon", *horizon)?;
                require(*rise < *horizon, "rise", "shorter than the horizon", *rise as f64)
            }
            Self::Sutskever { max } => require((0.5..1.0).contains(max), "maximum", "in [1/2, 1)", *max),
            Self::Nesterov { max } => require(*max > 0.0 && *max < 1.0, "maximum", "in (0, 1)", *max),
            Self::WarmUp { start, then, .. } => {
                then.check()?;
                require((0.0..=1.0).contains(start), "warm-up's start", "a fraction in [0, 1]", *start)
            }
            Self::Join { pieces, last } => {
                for CurvePiece { schedule, steps } in pieces {
                    schedule.check()?;
                    at_least_1("piece's length", *steps)?;
                }
                last.check()
            }
            Self::Scaled { factor, schedule } => {
                schedule.check()?;
                positive("factor", *factor)
            }
        }
    }

    pub(super) fn at(&self, k: u64) -> f64 {
        match self {
            Self::Constant { value } => *value,
            Self::Linear { initial, last, horizon } => match fraction(k, *horizon) {
                Some(t) => (1.0 - t) * initial + t * last,
                None => *last,
            },
            Self::Polynomial { initial, last, horizon, power } => match fraction(k, *horizon) {
                Some(t) => last + (initial - last) * (1.0 - t).powf(*power),
                None => *last,
            },
            Self::InverseTime { initial, kappa, power, .. } => initial / (1.0 + k as f64 / kappa).powf(*power),
            Self::Exponential { initial, factor, every } => initial * factor.powf(k as f64 / every),
            Self::Step { initial, factor, every } => initial * power(*factor, k / every),
            Self::MultiStep { initial, factor, milestones } => {
                initial * power(*factor, milestones.partition_point(|m| *m <= k) as u64)
            }
            Self::Cosine { initial, last, horizon } => cosine(*initial, *last, fraction(k, *horizon)),
            Self::CosineRestarts { initial, last, period, growth } => {
                let (at, length) = within_period(k, *period, *growth);
                cosine(*initial, *last, fraction(at, length))
            }
            Self::OneCycle { start, peak, last, rise, horizon } => {
                if k < *rise {
                    cosine(*start, *peak, fraction(k, *rise))
                } else {
                    cosine(*peak, *last, fraction(k - rise, horizon - rise))
                }
            }
            // 2^(−1 − log₂ m) = 1/(2m).
            Self::Sutskever { max } => (1.0 - 0.5 / ((k / 250) as f64 + 1.0)).min(*max),
            Self::Nesterov { max } => (k as f64 / (k as f64 + 3.0)).min(*max),
            Self::WarmUp { steps, start, then } => {
                if k >= *steps {
                    return then.at(k - steps);
                }
                then.at(0) * (start + (1.0 - start) * (k as f64 / *steps as f64))
            }
            Self::Join { pieces, last } => {
                let mut since = k;
                for piece in pieces {
                    if since < piece.steps {
                        return piece.schedule.at(since);
                    }
                    since -= piece.steps;
                }
                last.at(since)
            }
            Self::Scaled { factor, schedule } => factor * schedule.at(k),
        }
    }

    pub(super) fn bounds(&self) -> (f64, f64) {
        let between = |a: f64, b: f64| (a.min(b), a.max(b));
        match self {
            Self::Constant { value } => (*value, *value),
            Self::Linear { initial, last, .. }
            | Self::Polynomial { initial, last, .. }
            | Self::Cosine { initial, last, .. }
            | Self::CosineRestarts { initial, last, .. } => between(*initial, *last),
            Self::InverseTime { initial, .. } => (0.0, *initial),
            Self::Exponential { initial, factor, .. } | Self::Step { initial, factor, .. } => {
                if *factor > 1.0 {
                    (*initial, f64::INFINITY)
                } else if *factor < 1.0 {
                    (0.0, *initial)
                } else {
                    (*initial, *initial)
                }
            }
            Self::MultiStep { initial, .. } => between(*initial, self.at(u64::MAX)),
            Self::OneCycle { start, peak, last, .. } => {
                let (low, high) = between(*start, *peak);
                (low.min(*last), high.max(*last))
            }
            Self::Sutskever { max } => (0.5, *max),
            Self::Nesterov { max } => (0.0, *max),
            Self::WarmUp { steps, start, then } => {
                let (low, high) = then.bounds();
                let first = if *steps == 0 { then.at(0) } else { then.at(0) * start };
                (low.min(first), high)
            }
            Self::Join { pieces, last } => pieces
                .iter()
                .map(|piece| piece.schedule.bounds())
                .fold(last.bounds(), |(low, high), (l, h)| (low.min(l), high.max(h))),
            Self::Scaled { factor, schedule } => {
                let (low, high) = schedule.bounds();
                (factor * low, factor * high)
            }
        }
    }
}

/// k/τ, or none from the horizon on.
fn fraction(k: u64, horizon: u64) -> Option<f64> {
    (k < horizon).then(|| k as f64 / horizon as f64)
}

/// Half a cosine from `from` to `to`.
fn cosine(from: f64, to: f64, t: Option<f64>) -> f64 {
    match t {
        Some(t) => to + 0.5 * (from - to) * (1.0 + (PI * t).cos()),
        None => to,
    }
}

/// The step within its period, and the length of the period: `period`, then each `growth` times the one before.
fn within_period(k: u64, period: u64, growth: u64) -> (u64, u64) {
    if growth == 1 {
        return (k % period, period);
    }
    let (mut at, mut length) = (k, period);
    while at >= length {
        at -= length;
        length = length.saturating_mul(growth);
    }
    (at, length)
}

/// `factor`^n, by `powi` if n fits, which is exact for powers of two.
fn power(factor: f64, n: u64) -> f64 {
    i32::try_from(n).map_or_else(|_| factor.powf(n as f64), |n| factor.powi(n))
}

fn require(holds: bool, name: &'static str, expected: &'static str, got: f64) -> Result<(), ScheduleError> {
    if holds { Ok(()) } else { Err(ScheduleError::Parameter { name, expected, got }) }
}

fn positive(name: &'static str, value: f64) -> Result<(), ScheduleError> {
    require(value.is_finite() && value > 0.0, name, "positive and finite", value)
}

fn at_least_1(name: &'static str, value: u64) -> Result<(), ScheduleError> {
    require(value >= 1, name, "at least 1 step", value as f64)
}

/// Checks a first value above 0 and a last one of at least 0.
fn ends(initial: f64, last: f64) -> Result<(), ScheduleError> {
    positive("initial value", initial)?;
    not_negative("last value", last)
}

fn not_negative(name: &'static str, value: f64) -> Result<(), ScheduleError> {
    require(value.is_finite() && value >= 0.0, name, "finite and not negative", value)
}
