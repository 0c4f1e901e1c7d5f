//! Schedules as text: `NAME` or `NAME:key=value,key=value`, relative to a base value and to the length of a run.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    Schedule, ScheduleError, SpecError,
    options::{Options, bad, through_text, unknown},
};

/// A schedule without its base value, as on a command line or in a file.
///
/// | text | keys and their defaults |
/// |---|---|
/// | `constant` | |
/// | `linear` | `last=0.01`, `steps` |
/// | `polynomial` | `power=2`, `last=0.01`, `steps` |
/// | `inverse-time` | `kappa`, `power=1`, `unchecked=false` |
/// | `inverse-sqrt` | `kappa=1` |
/// | `exponential`, `step` | `factor`, `every` |
/// | `multi-step` | `factor=0.1`, `at=K/K/…` |
/// | `cosine` | `last=0`, `steps` |
/// | `cosine-restarts` | `period`, `growth=1`, `last=0` |
/// | `one-cycle` | `start=0.04`, `rise=0.3`, `last=4e-6`, `steps` |
/// | `sutskever`, `nesterov` | |
///
/// `last` and `start` are fractions of the base value. `steps` is the horizon; the default is the rest of the run after the
/// warm-up. `rise` is a fraction of the horizon. All steps count from the end of the warm-up.
///
/// The base value is the first value, the peak for `one-cycle`, and the maximum for `sutskever` and `nesterov`. Each schedule also
/// takes `warm-up=N` steps and `from=0.01`, the fraction at which the warm-up starts.
///
/// # Example
///
/// ```
/// use kiln_optim::ScheduleSpec;
///
/// let spec: ScheduleSpec = "cosine:last=0.1,warm-up=100".parse()?;
/// let schedule = spec.build(0.5, 1100)?;
/// assert_eq!((schedule.at(100), schedule.at(1100)), (0.5, 0.05));
/// assert_eq!(spec.to_string(), "cosine:last=0.1,warm-up=100,from=0.01");
/// assert_eq!(spec.with_steps(1100).to_string(), "cosine:last=0.1,steps=1000,warm-up=100,from=0.01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScheduleSpec {
    course: Course,
    warm_up: u64,
    from: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Course {
    Constant,
    Linear { last: f64, steps: Option<u64> },
    Polynomial { power: f64, last: f64, steps: Option<u64> },
    InverseTime { kappa: f64, power: f64, unchecked: bool },
    InverseSqrt { kappa: f64 },
    Exponential { factor: f64, every: f64 },
    Step { factor: f64, every: u64 },
    MultiStep { factor: f64, at: Vec<u64> },
    Cosine { last: f64, steps: Option<u64> },
    CosineRestarts { period: u64, growth: u64, last: f64 },
    OneCycle { start: f64, rise: f64, last: f64, steps: Option<u64> },
    Sutskever,
    Nesterov,
}

/// The names of [`ScheduleSpec`].
const NAMES: [&str; 13] = [
    "constant",
    "linear",
    "polynomial",
    "inverse-time",
    "inverse-sqrt",
    "exponential",
    "step",
    "multi-step",
    "cosine",
    "cosine-restarts",
    "one-cycle",
    "sutskever",
    "nesterov",
];

impl ScheduleSpec {
    /// Returns the spec of a constant value.
    pub fn constant() -> Self {
        Self { course: Course::Constant, warm_up: 0, from: DEFAULT_FROM }
    }

    /// Returns the schedule for a run of `total` steps and a base value.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `base` is not positive and finite, or a parameter is out of its range.
    pub fn build(&self, base: f64, total: u64) -> Result<Schedule, ScheduleError> {
        let horizon = |steps: &Option<u64>| steps.unwrap_or_else(|| self.rest_of(total));
        let schedule = match &self.course {
            Course::Constant => Schedule::constant(base),
            Course::Linear { last, steps } => Schedule::linear_to(base, base * last, horizon(steps)),
            Course::Polynomial { power, last, steps } => {
                Schedule::polynomial(base, base * last, horizon(steps), *power)
            }
            Course::InverseTime { kappa, power, unchecked: false } => Schedule::inverse_time(base, *kappa, *power),
            Course::InverseTime { kappa, power, unchecked: true } => {
                Schedule::inverse_time_unchecked(base, *kappa, *power)
            }
            Course::InverseSqrt { kappa } => Schedule::inverse_sqrt(base, *kappa),
            Course::Exponential { factor, every } => Schedule::exponential(base, *factor, *every),
            Course::Step { factor, every } => Schedule::step(base, *factor, *every),
            Course::MultiStep { factor, at } => Schedule::multi_step(base, *factor, at.clone()),
            Course::Cosine { last, steps } => Schedule::cosine(base, base * last, horizon(steps)),
            Course::CosineRestarts { period, growth, last } => {
                Schedule::cosine_restarts(base, base * last, *period, *growth)
            }
            Course::OneCycle { start, rise, last, steps } => {
                let horizon = horizon(steps);
                Schedule::one_cycle(base * start, base, base * last, (rise * horizon as f64) as u64, horizon)
            }
            Course::Sutskever => Schedule::sutskever(base),
            Course::Nesterov => Schedule::nesterov(base),
        }?;
        if self.warm_up == 0 { Ok(schedule) } else { schedule.warm_up(self.warm_up, self.from) }
    }

    /// Sets a horizon that was not given to that of a run of `total` steps. So the written spec repeats the run, whatever the
    /// length of the repetition.
    pub fn with_steps(mut self, total: u64) -> Self {
        let rest = self.rest_of(total);
        if let Course::Linear { steps, .. }
        | Course::Polynomial { steps, .. }
        | Course::Cosine { steps, .. }
        | Course::OneCycle { steps, .. } = &mut self.course
        {
            steps.get_or_insert(rest);
        }
        self
    }

    /// Returns whether the horizon depends on the length of the run.
    pub fn is_open(&self) -> bool {
        self.clone().with_steps(1) != *self
    }

    fn rest_of(&self, total: u64) -> u64 {
        total.saturating_sub(self.warm_up).max(1)
    }
}

/// The fraction of the base value at which a warm-up starts.
const DEFAULT_FROM: f64 = 0.01;

impl FromStr for ScheduleSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let mut options = Options::parse(options)?;
        let course = match name {
            "constant" => Course::Constant,
            "linear" => Course::Linear { last: options.number("last", 0.01)?, steps: options.maybe_count("steps")? },
            "polynomial" => Course::Polynomial {
                power: options.number("power", 2.0)?,
                last: options.number("last", 0.01)?,
                steps: options.maybe_count("steps")?,
            },
            "inverse-time" => Course::InverseTime {
                kappa: options.need_number("inverse-time", "kappa", "kappa=1000")?,
                power: options.number("power", 1.0)?,
                unchecked: options.flag("unchecked")?,
            },
            "inverse-sqrt" => Course::InverseSqrt { kappa: options.number("kappa", 1.0)? },
            "exponential" => Course::Exponential {
                factor: options.need_number("exponential", "factor", EXAMPLE)?,
                every: options.need_number("exponential", "every", EXAMPLE)?,
            },
            "step" => Course::Step {
                factor: options.need_number("step", "factor", EXAMPLE)?,
                every: options.need_count("step", "every", EXAMPLE)?,
            },
            "multi-step" => Course::MultiStep { factor: options.number("factor", 0.1)?, at: options.milestones()? },
            "cosine" => Course::Cosine { last: options.number("last", 0.0)?, steps: options.maybe_count("steps")? },
            "cosine-restarts" => Course::CosineRestarts {
                period: options.need_count("cosine-restarts", "period", "period=1000")?,
                growth: options.maybe_count("growth")?.unwrap_or(1),
                last: options.number("last", 0.0)?,
            },
            "one-cycle" => Course::OneCycle {
                start: options.number("start", 0.04)?,
                rise: options.number("rise", 0.3)?,
                last: options.number("last", 4e-6)?,
                steps: options.maybe_count("steps")?,
            },
            "sutskever" => Course::Sutskever,
            "nesterov" => Course::Nesterov,
            other => return Err(unknown(other, &NAMES)),
        };
        let (warm_up, from) = (options.maybe_count("warm-up")?.unwrap_or(0), options.read("from", "a number")?);
        if let (0, Some(from)) = (warm_up, from) {
            return Err(bad(&format!("from={from}"), "warm-up=N beside it"));
        }
        let from = from.unwrap_or(DEFAULT_FROM);
        options.finish(name)?;
        let spec = Self { course, warm_up, from };
        // Ranges do not depend on the base value or on the length of the run.
        let base = if matches!(spec.course, Course::Sutskever | Course::Nesterov) { 0.9 } else { 1.0 };
        spec.build(base, 1_000_000)?;
        Ok(spec)
    }
}

const EXAMPLE: &str = "factor=0.5,every=1000";

impl fmt::Display for ScheduleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options: Vec<String> = Vec::new();
        let mut open = None;
        let name = match &self.course {
            Course::Constant => "constant",
            Course::Linear { last, steps } => {
                options.push(format!("last={last}"));
                open = *steps;
                "linear"
            }
            Course::Polynomial { power, last, steps } => {
                options.extend([format!("power={power}"), format!("last={last}")]);
                open = *steps;
                "polynomial"
            }
            Course::InverseTime { kappa, power, unchecked } => {
                options.extend([format!("kappa={kappa}"), format!("power={power}")]);
                options.extend(unchecked.then(|| "unchecked=true".to_owned()));
                "inverse-time"
            }
            Course::InverseSqrt { kappa } => {
                options.push(format!("kappa={kappa}"));
                "inverse-sqrt"
            }
            Course::Exponential { factor, every } => {
                options.extend([format!("factor={factor}"), format!("every={every}")]);
                "exponential"
            }
            Course::Step { factor, every } => {
                options.extend([format!("factor={factor}"), format!("every={every}")]);
                "step"
            }
            Course::MultiStep { factor, at } => {
                let at: Vec<String> = at.iter().map(u64::to_string).collect();
                options.extend([format!("factor={factor}"), format!("at={}", at.join("/"))]);
                "multi-step"
            }
            Course::Cosine { last, steps } => {
                options.push(format!("last={last}"));
                open = *steps;
                "cosine"
            }
            Course::CosineRestarts { period, growth, last } => {
                options.extend([format!("period={period}"), format!("growth={growth}"), format!("last={last}")]);
                "cosine-restarts"
            }
            Course::OneCycle { start, rise, last, steps } => {
                options.extend([format!("start={start}"), format!("rise={rise}"), format!("last={last}")]);
                open = *steps;
                "one-cycle"
            }
            Course::Sutskever => "sutskever",
            Course::Nesterov => "nesterov",
        };
        options.extend(open.map(|steps| format!("steps={steps}")));
        if self.warm_up > 0 {
            options.extend([format!("warm-up={}", self.warm_up), format!("from={}", self.from)]);
        }
        f.write_str(name)?;
        if options.is_empty() { Ok(()) } else { write!(f, ":{}", options.join(",")) }
    }
}

through_text!(ScheduleSpec);
