//! First-order methods, schedules and averages.

use std::{fmt, str::FromStr};

use clap::ValueEnum;
use kiln::optim::{Average, PlateauConfig, ScheduleSpec, SpecError};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OptimizerName {
    Sgd,
    Momentum,
    Nesterov,
    TorchSgd,
    TorchNesterov,
    Adam,
    #[serde(rename = "adamw")]
    #[value(name = "adamw")]
    AdamW,
}

/// A learning-rate schedule: a function of the step, or a controller that watches the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum LrSchedule {
    Function(ScheduleSpec),
    Plateau(PlateauConfig),
}

/// An average of the iterates, or `none`, so that a flag can override a file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum AverageName {
    None,
    Some(Average),
}

impl fmt::Display for OptimizerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no name is skipped");
        f.write_str(value.get_name())
    }
}

impl FromStr for LrSchedule {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if text == "plateau" || text.starts_with("plateau:") {
            return text.parse().map(Self::Plateau);
        }
        text.parse().map(Self::Function)
    }
}

impl fmt::Display for LrSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(spec) => spec.fmt(f),
            Self::Plateau(config) => config.fmt(f),
        }
    }
}

impl FromStr for AverageName {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::Some) }
    }
}

impl fmt::Display for AverageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Some(average) => average.fmt(f),
        }
    }
}

macro_rules! through_text {
    ($($name:ty),*) => { $(
        impl TryFrom<String> for $name {
            type Error = SpecError;

            fn try_from(text: String) -> Result<Self, SpecError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )* };
}

through_text!(LrSchedule, AverageName);
