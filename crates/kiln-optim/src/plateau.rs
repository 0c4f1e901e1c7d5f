//! A learning rate that falls when the loss stops improving.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    ConfigError,
    first_order::require,
    schedule::{Options, SpecError, through_text, unknown},
};

/// Settings of [`ReduceOnPlateau`], with the names and defaults of PyTorch's `ReduceLROnPlateau`.
///
/// As text: `plateau:factor=0.1,patience=10,threshold=0.0001,cooldown=0,least=0`. Each key is optional.
///
/// # Example
/// ```
/// use kiln_optim::PlateauConfig;
///
/// let config: PlateauConfig = "plateau:factor=0.5,patience=3".parse()?;
/// assert_eq!(config, PlateauConfig { factor: 0.5, patience: 3, ..PlateauConfig::default() });
/// # Ok::<(), kiln_optim::SpecError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlateauConfig {
    /// Factor by which the learning rate is multiplied, in (0, 1). Default 0.1.
    pub factor: f64,
    /// Number of losses without improvement before a reduction. Default 10.
    pub patience: u64,
    /// The least relative improvement that counts, in [0, 1). A loss must be below best − threshold·|best|. Default 1e-4.
    pub threshold: f64,
    /// Number of losses after a reduction that do not count. Default 0.
    pub cooldown: u64,
    /// The smallest multiple of the original learning rate, in [0, 1]. Default 0.
    pub least: f64,
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, least: 0.0 }
    }
}

/// A controller that observes a loss and returns a multiple of the learning rate, which only falls.
///
/// Unlike a [`Schedule`](crate::Schedule) it has a state, which is saved with a run. It is PyTorch's `ReduceLROnPlateau` with
/// `threshold_mode='rel'` and `mode='min'`, except for a negative best loss: PyTorch would then ask for a loss of at most (1 −
/// threshold)·best, which is a rise.
///
/// # Example
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
    /// Returns a controller that has observed nothing.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if a number is out of its range.
    pub fn new(config: PlateauConfig) -> Result<Self, ConfigError> {
        let PlateauConfig { factor, threshold, least, .. } = config;
        require(factor > 0.0 && factor < 1.0, "the plateau's factor", "in (0, 1)", factor)?;
        require((0.0..1.0).contains(&threshold), "the plateau's threshold", "in [0, 1)", threshold)?;
        require((0.0..=1.0).contains(&least), "the plateau's least", "in [0, 1]", least)?;
        Ok(Self { config, best: None, without_improvement: 0, cooling: 0, multiple: 1.0 })
    }

    /// Observes a loss and returns the new multiple. A loss that is not finite is no improvement.
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

    /// Returns the settings.
    pub fn config(&self) -> PlateauConfig {
        self.config
    }

    /// Returns the current multiple of the learning rate.
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
