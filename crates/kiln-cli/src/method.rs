//! The method of a training run: which optimiser, in what steps, on how many examples.
//!
//! The table `[method]` of `config.toml`. What is absent is settled from the data by the model's module, and written down.

use std::{fmt, str::FromStr};

use clap::ValueEnum;
use kiln::{
    optim::{
        AdamConfig, AdamWConfig, Average, FirstOrder, Method, MomentumConfig, NesterovConfig, PlateauConfig, Schedule,
        ScheduleSpec, Sgd, SpecError, TorchSgdConfig,
    },
    train::TrainConfig,
};
use serde::{Deserialize, Serialize};

use crate::{
    config::require,
    failure::{Failure, Result},
};

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

/// The course of the step size: a function of the step, or a controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum LrSchedule {
    Function(ScheduleSpec),
    Plateau(PlateauConfig),
}

/// An average of the iterates, or `none`: so that a flag can take back what a file asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum AverageName {
    None,
    Some(Average),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct MethodSettings {
    pub(crate) optimizer: Option<OptimizerName>,
    pub(crate) lr: Option<f64>,
    pub(crate) schedule: Option<LrSchedule>,
    pub(crate) momentum: Option<f64>,
    pub(crate) momentum_schedule: Option<ScheduleSpec>,
    pub(crate) dampening: Option<f64>,
    pub(crate) weight_decay: Option<f64>,
    pub(crate) beta1: Option<f64>,
    pub(crate) beta2: Option<f64>,
    pub(crate) epsilon: Option<f64>,
    pub(crate) batch_size: Option<usize>,
    pub(crate) batch_schedule: Option<ScheduleSpec>,
    pub(crate) accumulate: Option<u64>,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) skip_non_finite: Option<u64>,
    pub(crate) average: Option<AverageName>,
}

impl MethodSettings {
    /// Refuses what no run can use, before any data is read. A number that is still to be found from the data passes.
    pub(crate) fn check(&self) -> Result<()> {
        require(self.batch_size != Some(0), "batch-size", "at least 1", 0)?;
        require(self.accumulate != Some(0), "accumulate", "at least 1", 0)?;
        if let Some(lr) = self.lr {
            require(lr.is_finite() && lr > 0.0, "lr", "positive and finite", lr)?;
        }
        if let Some(spec) = &self.batch_schedule
            && spec.is_open()
        {
            return Err(Failure::usage(format!(
                "--batch-schedule {spec} needs steps=…: how many steps a run has depends on the batches themselves"
            )));
        }
        self.optimizer(1)?;
        Ok(())
    }

    pub(crate) fn name(&self) -> OptimizerName {
        self.optimizer.unwrap_or(OptimizerName::Adam)
    }

    /// Horizons that were left open become those of a run of `total` steps.
    pub(crate) fn settle_horizons(&mut self, total: u64) {
        if let Some(LrSchedule::Function(spec)) = &mut self.schedule {
            *spec = spec.clone().with_steps(total);
        }
        if let Some(spec) = &mut self.momentum_schedule {
            *spec = spec.clone().with_steps(total);
        }
    }

    /// The optimiser, with its transforms and its average, for a run of `total` steps. A setting that the method does not
    /// have is an error.
    pub(crate) fn optimizer(&self, total: u64) -> Result<FirstOrder> {
        use OptimizerName::{Adam, AdamW, Momentum, Nesterov, Sgd as Plain, TorchNesterov, TorchSgd};
        let name = self.name();
        let refuse = |given: bool, flag: &str, takers: &[OptimizerName]| {
            if !given || takers.contains(&name) {
                return Ok(());
            }
            let takers: Vec<String> = takers.iter().map(ToString::to_string).collect();
            Err(Failure::usage(format!("--{flag} is for --optimizer {} only", takers.join(", "))))
        };
        refuse(self.momentum.is_some(), "momentum", &[Momentum, Nesterov, TorchSgd, TorchNesterov])?;
        refuse(self.momentum_schedule.is_some(), "momentum-schedule", &[Momentum, Nesterov])?;
        refuse(self.dampening.is_some(), "dampening", &[TorchSgd])?;
        refuse(self.weight_decay.is_some(), "weight-decay", &[TorchSgd, TorchNesterov, AdamW])?;
        for (given, flag) in [(self.beta1, "beta1"), (self.beta2, "beta2"), (self.epsilon, "epsilon")] {
            refuse(given.is_some(), flag, &[Adam, AdamW])?;
        }
        let (beta1, beta2) = (self.beta1.unwrap_or(0.9), self.beta2.unwrap_or(0.999));
        let epsilon = self.epsilon.unwrap_or(1e-8);

        let momentum = self.momentum.unwrap_or(0.9);
        let schedule = match &self.momentum_schedule {
            Some(spec) => Some(spec.build(momentum, total)?),
            None => None,
        };
        let torch = TorchSgdConfig::new()
            .with_dampening(self.dampening.unwrap_or(0.0))
            .with_weight_decay(self.weight_decay.unwrap_or(0.0));
        let optimizer = match name {
            Plain => self.averaged(Sgd),
            Momentum => self.averaged(MomentumConfig::new().with_momentum(momentum).with_schedule(schedule).build()?),
            Nesterov => self.averaged(NesterovConfig::new().with_momentum(momentum).with_schedule(schedule).build()?),
            // PyTorch's default is no momentum.
            TorchSgd => self.averaged(torch.with_momentum(self.momentum.unwrap_or(0.0)).build()?),
            TorchNesterov => self.averaged(torch.with_momentum(momentum).with_nesterov(true).build()?),
            Adam => {
                let adam = AdamConfig::new().with_beta_1(beta1).with_beta_2(beta2).with_epsilon(epsilon);
                self.averaged(adam.build()?)
            }
            AdamW => {
                let decay = self.weight_decay.unwrap_or(1e-4);
                require(decay >= 0.0 && decay.is_finite(), "weight-decay", "finite and not negative", decay)?;
                let adam = AdamWConfig::new().with_beta_1(beta1).with_beta_2(beta2).with_epsilon(epsilon);
                self.averaged(adam.with_weight_decay(decay).build()?)
            }
        };
        self.transformed(optimizer)
    }

    fn averaged(&self, method: impl Method) -> FirstOrder {
        match self.average {
            Some(AverageName::Some(average)) => method.averaged(average).into(),
            _ => method.into(),
        }
    }

    /// Gradients that are not finite are left out one by one; what is clipped is a step's mean.
    fn transformed(&self, mut optimizer: FirstOrder) -> Result<FirstOrder> {
        if let Some(at_most) = self.skip_non_finite.filter(|n| *n > 0) {
            optimizer = optimizer.skip_non_finite(at_most)?;
        }
        if let Some(every) = self.accumulate.filter(|n| *n > 1) {
            optimizer = optimizer.accumulate(every)?;
        }
        if let Some(max) = self.clip_norm {
            optimizer = optimizer.clip_norm(max)?;
        }
        Ok(optimizer)
    }

    /// The part of the trainer's settings that is the method's, for `n` examples. Batch size and step size are settled.
    pub(crate) fn train_config(&self, n: usize, epochs: u64) -> Result<TrainConfig> {
        let batch_size = self.batch_size.unwrap_or(n);
        let batch_schedule = match &self.batch_schedule {
            Some(spec) => Some(spec.build(batch_size as f64, 1)?),
            None => None,
        };
        let mut config = TrainConfig { epochs, batch_size, batch_schedule, ..TrainConfig::default() };
        let total = config.steps(n, self.accumulate.unwrap_or(1));
        let lr = self.lr.unwrap_or(1e-3);
        config.schedule = match &self.schedule {
            Some(LrSchedule::Function(spec)) => spec.build(lr, total)?,
            _ => Schedule::constant(lr)?,
        };
        if let Some(LrSchedule::Plateau(plateau)) = self.schedule {
            config.plateau = Some(plateau);
        }
        Ok(config)
    }
}

impl fmt::Display for OptimizerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no name is skipped");
        f.write_str(value.get_name())
    }
}

impl FromStr for LrSchedule {
    type Err = SpecError;

    fn from_str(text: &str) -> std::result::Result<Self, SpecError> {
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

    fn from_str(text: &str) -> std::result::Result<Self, SpecError> {
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

            fn try_from(text: String) -> std::result::Result<Self, SpecError> {
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
