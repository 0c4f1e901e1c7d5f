//! The table `[method]`: which optimiser, with which step sizes, on how many examples.

use kiln::{
    optim::{
        AdamConfig, AdamWConfig, FirstOrder, Method, MomentumConfig, NesterovConfig, Schedule, ScheduleSpec, Sgd,
        TorchSgdConfig,
    },
    train::{EarlyStopping, TrainConfig},
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Failure, Result, require},
    names::{AverageName, LrSchedule, OptimizerName},
};

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
    pub(crate) initial_second_moment: Option<f64>,
    pub(crate) batch_size: Option<usize>,
    pub(crate) batch_schedule: Option<ScheduleSpec>,
    pub(crate) accumulate: Option<u64>,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) skip_non_finite: Option<u64>,
    pub(crate) average: Option<AverageName>,
    /// Evaluations without a smaller test loss after which the run stops. Absent: never.
    pub(crate) patience: Option<u64>,
}

impl MethodSettings {
    /// Refuses values that no run can use, before any data is read.
    pub(crate) fn check(&self) -> Result<()> {
        require(self.batch_size != Some(0), "batch-size", "at least 1", 0)?;
        require(self.accumulate != Some(0), "accumulate", "at least 1", 0)?;
        require(self.patience != Some(0), "patience", "at least 1", 0)?;
        if let Some(lr) = self.lr {
            require(lr.is_finite() && lr > 0.0, "lr", "positive and finite", lr)?;
        }
        if let Some(spec) = &self.batch_schedule
            && spec.is_open()
        {
            return Err(Failure::usage(format!(
                "--batch-schedule {spec} needs steps=…, because the number of steps depends on the batch sizes"
            )));
        }
        self.optimizer(1)?;
        Ok(())
    }

    pub(crate) fn name(&self) -> OptimizerName {
        self.optimizer.unwrap_or(OptimizerName::Adam)
    }

    /// Closes open horizons: they become those of a run of `total` steps.
    pub(crate) fn settle_horizons(&mut self, total: u64) {
        if let Some(LrSchedule::Function(spec)) = &mut self.schedule {
            *spec = spec.clone().with_steps(total);
        }
        if let Some(spec) = &mut self.momentum_schedule {
            *spec = spec.clone().with_steps(total);
        }
    }

    /// Returns the optimiser with its transforms and its average, for a run of `total` steps. A setting that the method
    /// does not have is an error.
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
        refuse(self.initial_second_moment.is_some(), "initial-second-moment", &[Adam])?;
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
                let mut adam = AdamConfig::new();
                adam.beta_1 = self.beta1.unwrap_or(adam.beta_1);
                adam.beta_2 = self.beta2.unwrap_or(adam.beta_2);
                adam.epsilon = self.epsilon.unwrap_or(adam.epsilon);
                adam.initial_second_moment = self.initial_second_moment.unwrap_or(adam.initial_second_moment);
                self.averaged(adam.build()?)
            }
            AdamW => {
                let mut adam = AdamWConfig::new();
                adam.beta_1 = self.beta1.unwrap_or(adam.beta_1);
                adam.beta_2 = self.beta2.unwrap_or(adam.beta_2);
                adam.epsilon = self.epsilon.unwrap_or(adam.epsilon);
                adam.weight_decay = self.weight_decay.unwrap_or(adam.weight_decay);
                let decay = adam.weight_decay;
                require(decay >= 0.0 && decay.is_finite(), "weight-decay", "finite and not negative", decay)?;
                self.averaged(adam.build()?)
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

    /// Gradients that are not finite are skipped one by one. The mean of a step is clipped.
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

    /// Completes the settings, for a run over `n` examples.
    pub(crate) fn plan(&self, defaults: MethodDefaults, n: usize, epochs: u64) -> Result<MethodPlan> {
        let mut settings = self.clone();
        let batch_size = *settings.batch_size.get_or_insert(defaults.batch_size);
        let lr = *settings.lr.get_or_insert(defaults.lr);
        settings.optimizer.get_or_insert(defaults.optimizer);
        settings.schedule = settings.schedule.or(defaults.schedule);
        settings.momentum = settings.momentum.or(defaults.momentum);
        let accumulate = settings.accumulate.unwrap_or(1);
        let early_stopping = settings.patience.map(|patience| EarlyStopping { patience, ..EarlyStopping::default() });
        let batch_schedule = match &settings.batch_schedule {
            Some(spec) => Some(spec.build(batch_size as f64, 1)?),
            None => None,
        };
        let mut config = TrainConfig { epochs, batch_size, batch_schedule, early_stopping, ..TrainConfig::default() };
        let steps = config.steps(n, accumulate);
        settings.settle_horizons(steps);
        match &settings.schedule {
            Some(LrSchedule::Function(spec)) => config.schedule = spec.build(lr, steps)?,
            Some(LrSchedule::Plateau(plateau)) => {
                config.schedule = Schedule::constant(lr)?;
                config.plateau = Some(*plateau);
            }
            None => config.schedule = Schedule::constant(lr)?,
        }
        Ok(MethodPlan { batch_size, steps, config, settings })
    }
}

/// What a model chooses where the settings say nothing.
#[derive(Clone, Debug)]
pub(crate) struct MethodDefaults {
    pub(crate) optimizer: OptimizerName,
    pub(crate) batch_size: usize,
    pub(crate) lr: f64,
    pub(crate) schedule: Option<LrSchedule>,
    pub(crate) momentum: Option<f64>,
}

/// A complete method.
#[derive(Clone, Debug)]
pub(crate) struct MethodPlan {
    /// The settings with every chosen value filled in, for `config.toml`.
    pub(crate) settings: MethodSettings,
    /// The method's part of the trainer's configuration.
    pub(crate) config: TrainConfig,
    pub(crate) batch_size: usize,
    /// Steps of the whole run.
    pub(crate) steps: u64,
}

impl MethodPlan {
    /// Returns the optimiser for a run of `steps` steps.
    pub(crate) fn optimizer(&self) -> Result<FirstOrder> {
        self.settings.optimizer(self.steps)
    }
}
