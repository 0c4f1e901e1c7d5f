//! The list of models. A new model adds its line at the end of this file's macro call.

use std::path::Path;

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::{
    glm, gmm, logistic,
    model::{Losses, Model, TrainFlags, WarmUpFlags, own_help},
    skeleton, svm, vae,
};
use crate::{
    base::{CONFIG, Console, Exit, Failure, OwnFiles, Result, RunDir, Section},
    flags::{EvalFlags, ExportFlags, PredictFlags, ResumeFlags, RunAccess, VerifyFlags},
    settings,
};

macro_rules! registry {
    ($($variant:ident: $model:ty),* $(,)?) => {
        /// `kiln train`, by model.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Train {
            $(
                #[command(
                    about = <$model>::ABOUT,
                    after_help = <$model>::EXAMPLES,
                    mut_args = own_help::<$model>
                )]
                $variant(Box<TrainFlags<<$model as Model>::Flags>>),
            )*
        }

        /// `kiln warm-up`, by model.
        #[derive(Debug, Subcommand)]
        pub(crate) enum WarmUp {
            $(
                #[command(about = <$model>::ABOUT, mut_args = own_help::<$model>)]
                $variant(Box<WarmUpFlags<<$model as Model>::Flags>>),
            )*
        }

        impl WarmUp {
            /// Compiles and tunes.
            pub(crate) fn run(self, console: Console) -> Result<Exit> {
                match self {
                    $(Self::$variant(flags) => skeleton::warm_up::<$model>(&flags, console),)*
                }
            }
        }

        /// The content of a run's `config.toml`, by model.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub(crate) enum Config {
            $($variant(<$model as Model>::Settings),)*
        }

        impl Train {
            /// Trains.
            pub(crate) fn run(self, console: Console) -> Result<Exit> {
                match self {
                    $(Self::$variant(flags) => skeleton::train::<$model>(*flags, OWN_FILES, console),)*
                }
            }
        }

        impl Config {
            /// The model's name.
            pub(crate) fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$model>::KIND,)*
                }
            }

            /// `kiln resume`.
            pub(crate) fn resume(self, dir: &RunDir, flags: &ResumeFlags, console: Console) -> Result<Exit> {
                match self {
                    $(Self::$variant(settings) => skeleton::resume::<$model>(dir, settings, flags, console),)*
                }
            }

            /// `kiln eval`.
            pub(crate) fn eval(self, dir: RunDir, flags: &EvalFlags, console: Console) -> Result<Exit> {
                match self {
                    $(Self::$variant(settings) => skeleton::eval::<$model>(dir, settings, flags, console),)*
                }
            }

            /// `kiln predict`.
            pub(crate) fn predict(self, dir: RunDir, flags: &PredictFlags, console: Console) -> Result<Exit> {
                let predicts = [$((<$model>::KIND, <$model>::PREDICTS)),*];
                let names: Vec<&str> = predicts.iter().filter(|(_, does)| *does).map(|(name, _)| *name).collect();
                if !names.contains(&self.kind()) {
                    return Err(self.unsupported("predict", &names.join(", "), dir.path()));
                }
                match self {
                    $(Self::$variant(settings) => skeleton::predict::<$model>(dir, settings, flags, console),)*
                }
            }

            /// `kiln export`.
            pub(crate) fn export(self, dir: RunDir, flags: &ExportFlags, console: Console) -> Result<Exit> {
                match self {
                    $(Self::$variant(settings) => skeleton::export::<$model>(dir, settings, flags, console),)*
                }
            }

            /// The part of `kiln report` that needs the model.
            pub(crate) fn report(self, dir: RunDir, access: &RunAccess, console: Console) -> Result<Vec<Section>> {
                match self {
                    $(Self::$variant(settings) => skeleton::report::<$model>(dir, settings, access, console),)*
                }
            }

            /// The losses of the test examples.
            pub(crate) fn losses(self, dir: RunDir, access: &RunAccess, console: Console) -> Result<Option<Losses>> {
                match self {
                    $(Self::$variant(settings) => skeleton::losses::<$model>(dir, settings, access, console),)*
                }
            }

            /// `kiln verify` of a run.
            pub(crate) fn verify(
                self,
                dir: RunDir,
                certificate: &Path,
                flags: &VerifyFlags,
                console: Console,
            ) -> Result<Exit> {
                match self {
                    $(Self::$variant(settings) => {
                        skeleton::verify::<$model>(dir, settings, certificate, flags, console)
                    })*
                }
            }
        }

        const NAMES: [&[&str]; [$(<$model>::KIND),*].len()] = [$(<$model>::FILES),*];

        #[cfg(test)]
        fn defaults() -> Vec<(Config, String)> {
            vec![$({
                let settings = <$model as Model>::Settings::default();
                let text = skeleton::config_text::<$model>(&settings);
                (Config::$variant(settings), text)
            },)*]
        }
    };
}

registry! {
    Vae: vae::Autoencoder,
    Logistic: logistic::Regression,
    Gmm: gmm::Mixture,
    Svm: svm::SupportVector,
    Glm: glm::GeneralizedLinear,
}

/// How a run folder is recognised, whatever its model.
const OWN_FILES: OwnFiles<'static> =
    OwnFiles { names: &NAMES, is_config: |path| settings::parse::<Config>(path).is_ok() };

impl Config {
    /// Reads the settings of a run.
    pub(crate) fn of(dir: &RunDir) -> Result<Self> {
        settings::parse(&dir.file(CONFIG))
    }

    /// The error for a command that works with other models only.
    pub(crate) fn unsupported(&self, command: &str, needed: &str, run: &Path) -> Failure {
        Failure::usage(format!(
            "{} is a run of the model {}: `kiln {command}` needs a run of {needed}",
            run.display(),
            self.kind()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{models::vae::VaeSettings, settings::layered};
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        train: Train,
    }

    fn vae(args: &[&str], file: Option<&Path>) -> Result<VaeSettings> {
        let line = Line::parse_from([&["kiln", "vae"], args].concat());
        let Train::Vae(flags) = line.train else { unreachable!("vae was parsed") };
        layered(vae::Autoencoder::base(&flags.config, None)?, "vae", file, &flags.config)
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
        for (config, text) in defaults() {
            std::fs::write(&path, text).unwrap();
            assert_eq!(settings::parse::<Config>(&path).unwrap(), config);
        }
    }

    /// A flag that no setting has, or a setting that no flag sets, would be silently lost.
    #[test]
    fn every_setting_has_a_flag_of_its_name() {
        let train = Line::command();
        let keys = |model: &str, keys: toml::Table| {
            let flags: Vec<String> = train
                .find_subcommand(model)
                .unwrap()
                .get_arguments()
                .filter_map(|a| a.get_long().map(str::to_owned))
                .filter(|a| {
                    !["out", "force", "config", "recipe", "fit-prior", "help", "json", "quiet"].contains(&a.as_str())
                })
                .collect();
            for (_, table) in keys.iter().filter(|(key, _)| *key != "kind") {
                for key in table.as_table().unwrap().keys() {
                    assert!(flags.contains(key), "{model}: the setting {key} has no flag");
                }
            }
            flags
        };
        let all: Vec<String> = ["--data x --data-dir y --test-fraction 0.1 --train-images 9 --validation-fraction 0.1 --size 8x8 --fit pad --color grey --skip-bad --binarize fixed --hidden-dim 1,2 --latent-dim 1",
            "--likelihood gaussian --epochs 1 --batch-size 1 --optimizer nesterov --lr 1 --momentum 0.5 --schedule linear",
            "--momentum-schedule sutskever --dampening 0 --weight-decay 0 --batch-schedule constant --accumulate 2",
            "--beta1 0.8 --beta2 0.9 --epsilon 1 --initial-second-moment 1 --clip-norm 1 --skip-non-finite 3 --average uniform --particles 2",
            "--patience 4 --objective elbo --beta 1 --log-every 1 --keep 1 --device cpu --dtype f32 --seed 1 --threads 1",
            "--matmul tf32 --no-fused --activation tanh --layer-norm --residual-blocks 1 --k 3 --upper-hidden-dim 3 --channels 4,5 --levels 8 --condition class --prior vamp --pseudo-inputs 5 --flow-layers 2",
            "--scale optimal --scale-per-channel --kl-warm-up 2 --kl-cycles 3 --free-bits 0 --final last --tensorboard --augment-flip --augment-shift 1"]
            .iter()
            .flat_map(|line| line.split(' ').map(str::to_owned))
            .collect();
        let settings = vae(&all.iter().map(String::as_str).collect::<Vec<_>>(), None).unwrap();
        let flags = keys("vae", toml::Table::try_from(settings).unwrap());
        for flag in flags {
            assert!(all.contains(&format!("--{flag}")), "the flag --{flag} is not in this test");
        }
        for (config, text) in defaults() {
            keys(config.kind(), text.parse().unwrap());
        }
    }

    /// What a flag's help says of its default must be true.
    #[test]
    fn the_defaults_in_the_help_are_the_settings() {
        let train = Line::command();
        let mut checked = 0;
        for (config, text) in defaults() {
            let tables: toml::Table = text.parse().unwrap();
            let command = train.find_subcommand(config.kind()).unwrap();
            for argument in command.get_arguments() {
                let (Some(flag), Some(help)) = (argument.get_long(), argument.get_help()) else { continue };
                let help = help.to_string();
                let Some(stated) = help.split_once("[default: ").and_then(|(_, rest)| rest.split([';', ']']).next())
                else {
                    continue;
                };
                let set = tables.values().find_map(|table| table.as_table()?.get(flag));
                let Some(set) = set else { continue };
                let same = match set {
                    toml::Value::String(text) => text == stated,
                    toml::Value::Array(_) => set.to_string().replace(['[', ']', ' '], "") == stated,
                    number => match (number.to_string().parse::<f64>(), stated.parse::<f64>()) {
                        (Ok(number), Ok(stated)) => number.to_bits() == stated.to_bits(),
                        _ => number.to_string() == stated,
                    },
                };
                // An SVM's own base of settings standardizes.
                let differs = flag == "standardize" && config.kind() == "svm";
                assert!(same || differs, "{}: --{flag} is {set}, and its help says {stated}", config.kind());
                checked += 1;
            }
        }
        assert!(checked > 25, "{checked} defaults were checked");
    }
}
