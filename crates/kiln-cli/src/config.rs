//! What a training run does: the content of `config.toml`.
//!
//! Defaults, then the file of `--config`, then flags: each layer overrides the one before, key by key.

mod svm;
mod vae;

use std::path::{Path, PathBuf};

use kiln::{
    burn::tensor::FloatDType,
    models::{Covariance, CovarianceType, Separation},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(crate) use self::{
    svm::{Gamma, GammaRule, KernelName, SvmModel, SvmSettings},
    vae::{ObjectiveName, VaeSettings},
};
use crate::{
    failure::{Failure, Result},
    method::MethodSettings,
    solver::SolverSettings,
};

/// A run's settings, by the kind of its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Config {
    Vae(VaeSettings),
    Logistic(LogisticSettings),
    Gmm(GmmSettings),
    Svm(SvmSettings),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogisticSettings {
    pub(crate) data: TabularData,
    pub(crate) model: LogisticModel,
    pub(crate) solver: SolverSettings,
    pub(crate) method: MethodSettings,
    pub(crate) train: LogisticTrain,
    pub(crate) run: RunSettings,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GmmSettings {
    pub(crate) data: TabularData,
    pub(crate) model: GmmModel,
    pub(crate) run: RunSettings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GmmModel {
    pub(crate) components: usize,
    pub(crate) covariance: CovarianceType,
    pub(crate) reg_covar: f64,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
}

impl Default for GmmModel {
    fn default() -> Self {
        Self { components: 2, covariance: CovarianceType::Full, reg_covar: 1e-6, tol: 1e-6, max_iter: 1000 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TabularData {
    #[serde(rename = "data")]
    pub(crate) name: String,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) target: Option<String>,
    pub(crate) sample_weight: Option<String>,
    pub(crate) test_fraction: f64,
    pub(crate) standardize: bool,
}

impl Default for TabularData {
    fn default() -> Self {
        Self {
            name: "breast-cancer".into(),
            data_dir: None,
            target: None,
            sample_weight: None,
            test_fraction: 0.2,
            standardize: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogisticModel {
    pub(crate) l2: f64,
    pub(crate) l1: f64,
    /// Bounds of the weights.
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) class_weight: ClassWeight,
    pub(crate) cov_type: Covariance,
}

impl LogisticModel {
    pub(crate) fn is_penalised(&self) -> bool {
        self.l1 > 0.0 || self.l2 > 0.0
    }

    /// Whether the fit is another than that of maximum likelihood.
    pub(crate) fn is_biased(&self) -> bool {
        self.is_penalised() || self.is_bounded() || self.class_weight != ClassWeight::None
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.lower.is_some() || self.upper.is_some()
    }

    /// Whether weights may go along a direction for ever.
    pub(crate) fn is_open_to(&self, direction: &[f64]) -> bool {
        let upwards = direction.iter().any(|w| *w > Separation::ROUNDING);
        let downwards = direction.iter().any(|w| *w < -Separation::ROUNDING);
        !(upwards && self.upper.is_some() || downwards && self.lower.is_some())
    }
}

/// How much an example of each class counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClassWeight {
    /// As much as any other.
    #[default]
    None,
    /// So that each class counts as much as any other: n / (classes · its rows).
    Balanced,
}

/// Absent numbers are found from the data, and written to `config.toml` as they were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogisticTrain {
    pub(crate) epochs: Option<u64>,
    pub(crate) gtol: Option<f64>,
    pub(crate) log_every: u64,
    pub(crate) keep: usize,
}

impl Default for LogisticTrain {
    fn default() -> Self {
        Self { epochs: None, gtol: None, log_every: 100, keep: 2 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dtype {
    F32,
    F64,
}

impl Dtype {
    pub(crate) fn float(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::F64 => FloatDType::F64,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RunSettings {
    pub(crate) device: String,
    pub(crate) dtype: Option<Dtype>,
    pub(crate) seed: u64,
    pub(crate) threads: Option<usize>,
    /// Whether the CPU's fused kernels are off.
    pub(crate) no_fused: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { device: "auto".into(), dtype: None, seed: 0, threads: None, no_fused: false }
    }
}

impl Config {
    /// The settings of a run that was made before.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        read_table(path)?.try_into().map_err(|e| bad_settings(path, &e))
    }

    pub(crate) fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("settings are tables of plain values")
    }

    /// What the model is called on the command line.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Vae(_) => "vae",
            Self::Logistic(_) => "logistic",
            Self::Gmm(_) => "gmm",
            Self::Svm(_) => "svm",
        }
    }
}

/// Defaults, overridden by the file, overridden by the flags.
///
/// `kind` is the model that the command line names; a file of another kind is refused.
pub(crate) fn layered<S: DeserializeOwned>(kind: &str, file: Option<&Path>, flags: &impl Serialize) -> Result<S> {
    layered_on(toml::Table::new(), kind, file, flags)
}

/// As [`layered`], with settings below the file that are others than those of every model.
pub(crate) fn layered_on<S: DeserializeOwned>(
    mut base: toml::Table,
    kind: &str,
    file: Option<&Path>,
    flags: &impl Serialize,
) -> Result<S> {
    if let Some(path) = file {
        for (key, value) in read_table(path)? {
            match (base.get_mut(&key), value) {
                (Some(toml::Value::Table(below)), toml::Value::Table(above)) => below.extend(above),
                (_, value) => drop(base.insert(key, value)),
            }
        }
    }
    over(base, file.unwrap_or_else(|| Path::new("the command line")), kind, flags)
}

/// As [`layered`], with a recipe of the program's in place of the file.
pub(crate) fn from_recipe<S: DeserializeOwned>(kind: &str, recipe: &str, flags: &impl Serialize) -> Result<S> {
    over(recipe.parse().map_err(Failure::internal)?, Path::new("the command line"), kind, flags)
}

/// Flags over settings that came from `path`.
fn over<S: DeserializeOwned>(mut settings: toml::Table, path: &Path, kind: &str, flags: &impl Serialize) -> Result<S> {
    if let Some(other) = settings.remove("kind")
        && other.as_str() != Some(kind)
    {
        return Err(Failure::usage(format!("the --config file is for {other}, not for '{kind}'")));
    }
    let flags = toml::Table::try_from(flags).map_err(Failure::usage)?;
    for (table, values) in flags {
        let (toml::Value::Table(values), entry) = (values, settings.entry(table.clone())) else { continue };
        let below = entry.or_insert_with(|| toml::Table::new().into());
        let below = below
            .as_table_mut()
            .ok_or_else(|| Failure::usage(format!("'{table}' must be a table in the --config file")))?;
        below.extend(values);
    }
    settings.try_into().map_err(|e| bad_settings(path, &e))
}

fn read_table(path: &Path) -> Result<toml::Table> {
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
    text.parse().map_err(|e| bad_settings(path, &e))
}

fn bad_settings(path: &Path, error: &toml::de::Error) -> Failure {
    Failure::usage(format!("bad settings in {}: {}", path.display(), error.to_string().trim().replace('\n', " ")))
}

/// Refuses a number that no run can use, by the name of its flag, with its dash where that is one.
pub(crate) fn require(holds: bool, flag: &str, expected: &str, got: impl std::fmt::Display) -> Result<()> {
    let dashes = if flag.starts_with('-') { "" } else { "--" };
    if holds { Ok(()) } else { Err(Failure::usage(format!("{dashes}{flag} must be {expected}, got {got}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Command, Flags, Train};
    use clap::{CommandFactory, Parser};

    fn vae(args: &[&str], file: Option<&Path>) -> Result<VaeSettings> {
        let flags = Flags::parse_from([&["kiln", "train", "vae"], args].concat());
        let Command::Train(Train::Vae(flags)) = flags.command else { unreachable!("train vae was parsed") };
        layered("vae", file, &flags.config)
    }

    #[test]
    fn flags_override_the_file_which_overrides_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "kind = \"vae\"\n[method]\nlr = 0.5\n[train]\nepochs = 3\n[data]\ndata = \"mnist\"\n")
            .unwrap();
        let settings = vae(&["--epochs", "7"], Some(&path)).unwrap();
        assert_eq!((settings.train.epochs, settings.data.name.as_str()), (7, "mnist"));
        assert_eq!((settings.method.lr, settings.train.keep), (Some(0.5), 2));
    }

    #[test]
    fn a_key_that_means_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "[method]\nlearning-rate = 0.5\n").unwrap();
        let failure = vae(&[], Some(&path)).unwrap_err();
        assert!(failure.message.contains("learning-rate") && failure.message.contains("c.toml"), "{}", failure.message);
        std::fs::write(&path, "kind = \"logistic\"\n").unwrap();
        assert!(vae(&[], Some(&path)).unwrap_err().message.contains("logistic"));
    }

    #[test]
    fn settings_come_back_from_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for config in [
            Config::Vae(VaeSettings::default()),
            Config::Logistic(LogisticSettings::default()),
            Config::Gmm(GmmSettings::default()),
            Config::Svm(SvmSettings::default()),
        ] {
            std::fs::write(&path, config.to_toml()).unwrap();
            assert_eq!(Config::read(&path).unwrap(), config);
        }
    }

    /// A flag that no setting has, or a setting that no flag sets, would be silently lost.
    #[test]
    fn every_setting_has_a_flag_of_its_name() {
        let command = Flags::command();
        let train = command.find_subcommand("train").unwrap();
        let keys = |model: &str, keys: toml::Table| {
            let flags: Vec<String> = train
                .find_subcommand(model)
                .unwrap()
                .get_arguments()
                .filter_map(|a| a.get_long().map(str::to_owned))
                .filter(|a| !["out", "force", "config", "recipe", "help", "json", "quiet"].contains(&a.as_str()))
                .collect();
            for (_, table) in keys.iter().filter(|(key, _)| *key != "kind") {
                for key in table.as_table().unwrap().keys() {
                    assert!(flags.contains(key), "{model}: the setting {key} has no flag");
                }
            }
            flags
        };
        let all: Vec<String> = ["--data x --data-dir y --test-fraction 0.1 --binarize fixed --hidden-dim 1,2 --latent-dim 1",
            "--likelihood gaussian --epochs 1 --batch-size 1 --optimizer nesterov --lr 1 --momentum 0.5 --schedule linear",
            "--momentum-schedule sutskever --dampening 0 --weight-decay 0 --batch-schedule constant --accumulate 2",
            "--beta1 0.8 --beta2 0.9 --epsilon 1 --clip-norm 1 --skip-non-finite 3 --average uniform --particles 2",
            "--objective elbo --beta 1 --log-every 1 --keep 1 --device cpu --dtype f32 --seed 1 --threads 1",
            "--no-fused --activation tanh --k 3 --upper-hidden-dim 3 --channels 4,5 --levels 8"]
            .iter()
            .flat_map(|line| line.split(' ').map(str::to_owned))
            .collect();
        let settings = vae(&all.iter().map(String::as_str).collect::<Vec<_>>(), None).unwrap();
        let flags = keys("vae", toml::Table::try_from(Config::Vae(settings)).unwrap());
        for flag in flags {
            assert!(all.contains(&format!("--{flag}")), "the flag --{flag} is not in this test");
        }
        keys("logistic", toml::Table::try_from(Config::Logistic(LogisticSettings::default())).unwrap());
        keys("gmm", toml::Table::try_from(Config::Gmm(GmmSettings::default())).unwrap());
        keys("svm", toml::Table::try_from(Config::Svm(SvmSettings::default())).unwrap());
    }
}
