//! What the command line needs to know of a model.

use std::{
    fmt::Debug,
    path::{Path, PathBuf},
};

use clap::{Arg, Args};
use serde::{Serialize, de::DeserializeOwned};

use super::files::sections_of_files;
use crate::{
    base::{Console, Exit, Failure, Result, Section},
    context::{Compute, DataRecord, Finished, Memory, Opened, RunRecord, Session},
    flags::{EvalFlags, PlaceFlags, PredictFlags, ResumeFlags, VerifyFlags},
    names::Dtype,
    settings::RunSettings,
};

/// A model: from flags to a trained run, and what can be done with the run.
///
/// `kiln train` goes through the functions from top to bottom. Each may refuse, and nothing is written before
/// [`fit`](Self::fit).
pub(crate) trait Model: Sized {
    /// The name on the command line and in `config.toml`.
    const KIND: &'static str;
    /// The help text of `kiln train KIND`.
    const ABOUT: &'static str;
    /// Example commands, shown below the help text.
    const EXAMPLES: &'static str;
    /// Help texts of shared flags that differ for this model, by flag.
    const HELP: &'static [(&'static str, &'static str)] = &[];
    /// Names of files in a run folder that only this model writes.
    const FILES: &'static [&'static str];
    /// Whether `kiln predict` works with its runs.
    const PREDICTS: bool;
    /// The float type unless `--dtype` is given.
    const DTYPE: Dtype;
    /// Flags that mirror the tables of the settings, all optional.
    type Flags: Args + Serialize + Debug;
    /// The content of `config.toml`.
    type Settings: Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq;
    /// `encoder.json`: what turns a table into numbers.
    type Encoder: Serialize + DeserializeOwned;
    /// The data, split and encoded.
    type Data;
    /// The complete and checked description of a fit, with its data. It does not change any more.
    type Plan;
    /// `result.json`.
    type Report: Serialize;

    /// Settings below the file of `--config` and the flags, where they differ from the defaults.
    fn base(_flags: &Self::Flags, _config: Option<&Path>) -> Result<toml::Table> {
        Ok(toml::Table::new())
    }

    /// The settings that every model has.
    fn common(settings: &mut Self::Settings) -> Common<'_>;

    /// Completes settings that follow from others. Settings of a run that exists are complete.
    fn complete(_settings: &mut Self::Settings) {}

    /// Refuses settings that no data can make valid.
    fn check(settings: &Self::Settings) -> Result<()>;

    /// Whether several processes can share the fit: its trainer, or what it uses in its place, works in the
    /// [`world`](crate::base::ranks::world).
    fn can_be_distributed(_settings: &Self::Settings) -> bool {
        false
    }

    /// Reads the data. A run that exists has an encoder, if its data are a table.
    fn load(settings: &Self::Settings, encoder: Option<Self::Encoder>, console: Console) -> Result<Self::Data>;

    /// The data's part of `run.json`.
    fn record(data: &Self::Data) -> &DataRecord;

    /// What was left out of the data without being asked, a line each.
    fn notes(_data: &Self::Data) -> &[String] {
        &[]
    }

    /// Completes the settings from the data.
    fn plan(settings: Self::Settings, data: Self::Data, compute: Compute) -> Result<Self::Plan>;

    /// The complete settings.
    fn settings(plan: &Self::Plan) -> &Self::Settings;

    /// The encoder, if the data are a table.
    fn encoder(_plan: &Self::Plan) -> Option<&Self::Encoder> {
        None
    }

    /// The memory that the fit will need.
    fn memory(plan: &Self::Plan) -> Memory;

    /// Fits, from the start or from a checkpoint, and writes all files but `result.json`.
    fn fit(plan: &Self::Plan, session: &Session<'_>) -> Result<Finished<Self::Report>>;

    /// The settings of a run that is resumed.
    fn resumed(settings: Self::Settings, record: &RunRecord, flags: &ResumeFlags) -> Result<Self::Settings>;

    /// `kiln eval`.
    fn eval(run: Opened<Self::Settings>, flags: &EvalFlags) -> Result<Exit>;

    /// `kiln predict`. [`PREDICTS`](Self::PREDICTS) tells whether the model has it.
    fn predict(run: Opened<Self::Settings>, _flags: &PredictFlags) -> Result<Exit> {
        Err(unsupported::<Self>("predict", run.dir.path()))
    }

    /// `kiln verify`.
    fn verify(run: Opened<Self::Settings>, _certificate: &Path, _flags: &VerifyFlags) -> Result<Exit> {
        Err(unsupported::<Self>("verify", run.dir.path()))
    }

    /// The sections of `kiln report` that need the model. The default shows the tables and pictures in the run's folder.
    fn report(run: &mut Opened<Self::Settings>, _allow_changed_data: bool) -> Result<Vec<Section>> {
        Ok(sections_of_files(&run.dir, Self::FILES))
    }

    /// The loss of each test example in nats, lower is better, with a digest of the examples. None if the model has no such losses.
    fn losses(_run: &mut Opened<Self::Settings>, _allow_changed_data: bool) -> Result<Option<Losses>> {
        Ok(None)
    }

    /// `kiln export`: the bytes of a safetensors file.
    fn export(run: &Opened<Self::Settings>) -> Result<Vec<u8>>;
}

/// The loss of each test example, in nats.
pub(crate) struct Losses {
    pub(crate) of_examples: Vec<f64>,
    /// Equal for equal examples in the same order.
    pub(crate) digest: u64,
    /// What the losses are.
    pub(crate) name: &'static str,
}

/// The settings that every model has.
pub(crate) struct Common<'a> {
    /// The name or path of the data.
    pub(crate) data: &'a mut String,
    pub(crate) data_dir: &'a mut Option<PathBuf>,
    pub(crate) run: &'a mut RunSettings,
}

/// The flags of `kiln train MODEL`.
#[derive(Args, Debug)]
pub(crate) struct TrainFlags<F: Args> {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) config: F,
}

/// The flags of `kiln warm-up MODEL`.
#[derive(Args, Debug)]
pub(crate) struct WarmUpFlags<F: Args> {
    /// TOML file with settings, such as the config.toml of a run; flags override it
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: F,
}

/// Gives a flag the model's own help text.
pub(crate) fn own_help<M: Model>(flag: Arg) -> Arg {
    match M::HELP.iter().find(|(name, _)| flag.get_long() == Some(name)) {
        Some((_, text)) => flag.help(*text),
        None => flag,
    }
}

fn unsupported<M: Model>(command: &str, run: &Path) -> Failure {
    Failure::usage(format!(
        "{} is a run of the model {}, which `kiln {command}` does not support",
        run.display(),
        M::KIND
    ))
}

/// Refuses flags of `kiln resume` that another kind of fit has.
pub(crate) fn refuse(given: &[(bool, &str)], why: &str) -> Result<()> {
    match given.iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(Failure::usage(format!("{flag} cannot be used here: {why}"))),
        None => Ok(()),
    }
}
