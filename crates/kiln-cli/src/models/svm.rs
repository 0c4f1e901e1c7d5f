//! Support vector machines for two classes.

mod certificate;
mod checkpoint;
mod fit;
mod fitted;
mod flags;
mod plan;
mod settings;

use std::path::Path;

use kiln::data::Encoder;

use self::{fit::SvmReport, fitted::FittedSvm, flags::SvmFlags, plan::SvmPlan, settings::SvmSettings};
use super::model::{Common, Model, refuse};
use crate::{
    base::{Console, Exit, MODEL, Result},
    context::{
        Compute, DataRecord, Finished, Loaded, Memory, Opened, Part, Purpose, RunRecord, Session, Source, load,
        prediction, prediction::ByEncoder, tabular,
    },
    flags::{EvalFlags, PredictFlags, ResumeFlags, VerifyFlags},
    names::Dtype,
};

/// `kiln train svm`.
pub(crate) enum SupportVector {}

impl Model for SupportVector {
    const KIND: &'static str = "svm";
    const ABOUT: &'static str = "Support vector machine for two classes";
    const EXAMPLES: &'static str = "\
Examples:
  kiln train svm --data patients.csv --target outcome
  kiln train svm --data patients.csv --target outcome --kernel linear --c 0.1 --out runs/svm";
    const HELP: &'static [(&'static str, &'static str)] =
        &[("standardize", "Scale numeric columns to mean 0 and standard deviation 1 [default: true]")];
    const FILES: &'static [&'static str] = &["support.csv", "coef.csv"];
    const PREDICTS: bool = true;
    const DTYPE: Dtype = Dtype::F64;
    type Flags = SvmFlags;
    type Settings = SvmSettings;
    type Encoder = Encoder;
    type Data = Loaded;
    type Plan = SvmPlan;
    type Report = SvmReport;

    /// A kernel adds up columns, and a column of large numbers would drown the others.
    fn base(_flags: &SvmFlags, _config: Option<&Path>) -> Result<toml::Table> {
        Ok(toml::toml! {
            [data]
            standardize = true
        })
    }

    fn common(settings: &mut SvmSettings) -> Common<'_> {
        let SvmSettings { data, run, .. } = settings;
        Common { data: &mut data.name, data_dir: &mut data.data_dir, run }
    }

    fn check(settings: &SvmSettings) -> Result<()> {
        settings.check()
    }

    fn load(settings: &SvmSettings, encoder: Option<Encoder>, console: Console) -> Result<Loaded> {
        load(
            &Source::of_table(&settings.data, &settings.table, settings.run.seed),
            (Purpose::Classes, Part::Split),
            encoder,
            console,
        )
    }

    fn record(data: &Loaded) -> &DataRecord {
        &data.record
    }

    fn notes(data: &Loaded) -> &[String] {
        &data.notes
    }

    fn plan(settings: SvmSettings, data: Loaded, compute: Compute) -> Result<SvmPlan> {
        SvmPlan::new(settings, data, compute)
    }

    fn settings(plan: &SvmPlan) -> &SvmSettings {
        &plan.settings
    }

    fn encoder(plan: &SvmPlan) -> Option<&Encoder> {
        Some(&plan.data.encoder)
    }

    fn memory(plan: &SvmPlan) -> Memory {
        plan.memory()
    }

    fn fit(plan: &SvmPlan, session: &Session<'_>) -> Result<Finished<SvmReport>> {
        fit::fit(plan, session)
    }

    fn resumed(mut settings: SvmSettings, _record: &RunRecord, flags: &ResumeFlags) -> Result<SvmSettings> {
        refuse(
            &[(flags.epochs.is_some(), "--epochs"), (flags.gtol.is_some(), "--gtol")],
            "a support vector machine is fitted by updates of pairs; give --max-iter",
        )?;
        settings.model.max_iter = flags.max_iter.unwrap_or(settings.model.max_iter);
        Ok(settings)
    }

    fn eval(run: Opened<SvmSettings>, flags: &EvalFlags) -> Result<Exit> {
        let source = Source::of_table(&run.settings.data, &run.settings.table, run.settings.run.seed);
        tabular::eval(run, (source, Purpose::Classes), flags, FittedSvm::open)
    }

    fn predict(run: Opened<SvmSettings>, flags: &PredictFlags) -> Result<Exit> {
        let table = run.settings.table.clone();
        prediction::predict(run, &table, flags, |run| ByEncoder::open(run, FittedSvm::open))
    }

    fn verify(run: Opened<SvmSettings>, certificate: &Path, _flags: &VerifyFlags) -> Result<Exit> {
        certificate::verify(run, certificate)
    }

    fn export(run: &Opened<SvmSettings>) -> Result<Vec<u8>> {
        run.no_checkpoints("sequential minimal optimization")?;
        run.dir.read(MODEL)
    }
}
