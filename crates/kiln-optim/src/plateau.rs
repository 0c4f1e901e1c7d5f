//! A smaller step size when a loss has stopped falling.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    ConfigError,
    first_order::require,
    schedule::{Options, SpecError, through_text, unknown},
};

/// Settings of [`ReduceOnPlateau`], with the names and defaults of PyTorch's `ReduceLROnPlateau`.
///
/// As text, `plateau:factor=0.1,patience=10,threshold=0.0001,cooldown=0,least=0`, every key with a default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlateauConfig {
    /// What the step size is multiplied by, in (0, 1). Default 0.1.
    pub factor: f64,
    /// Losses without improvement that are borne before a reduction. Default 10.
    pub patience: u64,
    /// The relative fall, at least 0, below which a loss is no improvement: it must be under (1 − threshold)·best for a
    /// positive best loss, and the same distance below a negative one. Default 1e-4.
    pub threshold: f64,
    /// Losses after a reduction that are not counted. Default 0.
    pub cooldown: u64,
    /// The smallest multiple of the original step size, in [0, 1]. Default 0.
    pub least: f64,
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, least: 0.0 }
    }
}

/// A controller: it is told a loss now and then, and answers with a multiple of the step size that only falls.
///
/// Unlike a [`Schedule`](crate::Schedule) it has a state, which is saved with a run. PyTorch's `ReduceLROnPlateau` with
/// `threshold_mode='rel'` and `mode='min'`; for a negative best loss PyTorch's relative test asks for a *rise* to
/// (1 − threshold)·best, here the sign is minded.
///
/// ```
/// use kiln_optim::{PlateauConfig, ReduceOnPlateau};
///
/// let mut plateau = ReduceOnPlateau::new(PlateauConfig { patience: 1, ..PlateauConfig::default() })?;
/// let multiples = [3.0, 2.0, 2.0, 2.0, 1.0].map(|loss| plateau.observe(loss));
/// assert_eq!(multiples, [1.0, 1.0, 1.0, 0.1, 0.1]);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReduceOnPlateau {
    config: PlateauConfig,
    best: Option<f64>,
    without_improvement: u64,
    cooling: u64,
    multiple: f64,
}

impl ReduceOnPlateau {
    /// A controller that has seen nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] when a number is out of its range.
    pub fn new(config: PlateauConfig) -> Result<Self, ConfigError> {
        let PlateauConfig { factor, threshold, least, .. } = config;
        require(factor > 0.0 && factor < 1.0, "the plateau's factor", "in (0, 1)", factor)?;
        require((0.0..1.0).contains(&threshold), "the plateau's threshold", "in [0, 1)", threshold)?;
        require((0.0..=1.0).contains(&least), "the plateau's least", "in [0, 1]", least)?;
        Ok(Self { config, best: None, without_improvement: 0, cooling: 0, multiple: 1.0 })
    }

    /// Takes note of a loss, and gives the multiple from now on. A loss that is not finite is no improvement.
    pub fn observe(&mut self, loss: f64) -> f64 {
        let improves = match self.best {
            None => loss.is_finite(),
            Some(best) => loss < best - self.config.threshold * best.abs(),
        };
        if improves {
            self.best = Some(loss);
            self.without_improvement = 0;
        } else {
            self.without_improvement += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.without_improvement = 0;
        }
        if self.without_improvement > self.config.patience {
            self.multiple = (self.multiple * self.config.factor).max(self.config.least);
            self.cooling = self.config.cooldown;
            self.without_improvement = 0;
        }
        self.multiple
    }

    /// The settings.
    pub fn config(&self) -> PlateauConfig {
        self.config
    }

    /// The multiple of the step size that holds now.
    pub fn multiple(&self) -> f64 {
        self.multiple
    }
}

impl FromStr for PlateauConfig {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        if name != NAME {
            return Err(unknown(name, &[NAME]));
        }
        let (mut options, default) = (Options::parse(options)?, Self::default());
        let config = Self {
            factor: options.number("factor", default.factor)?,
            patience: options.maybe_count("patience")?.unwrap_or(default.patience),
            threshold: options.number("threshold", default.threshold)?,
            cooldown: options.maybe_count("cooldown")?.unwrap_or(default.cooldown),
            least: options.number("least", default.least)?,
        };
        options.finish(NAME)?;
        ReduceOnPlateau::new(config)?;
        Ok(config)
    }
}

const NAME: &str = "plateau";

impl fmt::Display for PlateauConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { factor, patience, threshold, cooldown, least } = self;
        write!(f, "{NAME}:factor={factor},patience={patience},threshold={threshold},cooldown={cooldown},least={least}")
    }
}

through_text!(PlateauConfig);
