//! Mixtures of Gaussians, by expectation maximisation.

mod checkpoint;
mod fit;
mod fitted;
mod flags;
mod plan;
mod settings;

use kiln::data::Encoder;

use self::{fit::GmmReport, fitted::FittedMixture, flags::GmmFlags, plan::GmmPlan, settings::GmmSettings};
use super::model::{Common, Model, refuse};
use crate::{
    base::{Console, Exit, MODEL, Result},
    context::{
        Compute, DataRecord, Finished, Loaded, Memory, Opened, Part, Purpose, RunRecord, Session, Source, load,
        prediction, prediction::ByEncoder, tabular,
    },
    flags::{EvalFlags, PredictFlags, ResumeFlags},
    names::Dtype,
};

/// `kiln train gmm`.
pub(crate) enum Mixture {}

impl Model for Mixture {
    const KIND: &'static str = "gmm";
    const ABOUT: &'static str = "Gaussian mixture model, fitted by expectation maximization (EM)";
    const EXAMPLES: &'static str = "\
Examples:
  kiln train gmm --data iris.csv --target species --components 3
  kiln train gmm --data iris.csv --drop species,id --covariance diag --out runs/iris";
    const FILES: &'static [&'static str] = &["components.csv"];
    const PREDICTS: bool = true;
    const DTYPE: Dtype = Dtype::F64;
    type Flags = GmmFlags;
    type Settings = GmmSettings;
    type Encoder = Encoder;
    type Data = Loaded;
    type Plan = GmmPlan;
    type Report = GmmReport;

    fn common(settings: &mut GmmSettings) -> Common<'_> {
        let GmmSettings { data, run, .. } = settings;
        Common { data: &mut data.name, data_dir: &mut data.data_dir, run }
    }

    fn can_be_distributed(_: &GmmSettings) -> bool {
        true
    }

    fn check(settings: &GmmSettings) -> Result<()> {
        settings.check()
    }

    fn load(settings: &GmmSettings, encoder: Option<Encoder>, console: Console) -> Result<Loaded> {
        load(
            &Source::of_rows(&settings.data, &settings.table, settings.run.seed),
            (Purpose::Rows, Part::Split),
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

    fn plan(settings: GmmSettings, data: Loaded, compute: Compute) -> Result<GmmPlan> {
        Ok(GmmPlan::new(settings, data, compute))
    }

    fn settings(plan: &GmmPlan) -> &GmmSettings {
        &plan.settings
    }

    fn encoder(plan: &GmmPlan) -> Option<&Encoder> {
        Some(&plan.data.encoder)
    }

    fn memory(plan: &GmmPlan) -> Memory {
        plan.memory()
    }

    fn fit(plan: &GmmPlan, session: &Session<'_>) -> Result<Finished<GmmReport>> {
        fit::fit(plan, session)
    }

    fn resumed(mut settings: GmmSettings, _record: &RunRecord, flags: &ResumeFlags) -> Result<GmmSettings> {
        refuse(
            &[(flags.epochs.is_some(), "--epochs"), (flags.gtol.is_some(), "--gtol")],
            "a mixture is fitted by EM iterations; give --max-iter",
        )?;
        settings.model.max_iter = flags.max_iter.unwrap_or(settings.model.max_iter);
        Ok(settings)
    }

    fn eval(run: Opened<GmmSettings>, flags: &EvalFlags) -> Result<Exit> {
        let source = Source::of_rows(&run.settings.data, &run.settings.table, run.settings.run.seed);
        tabular::eval(run, (source, Purpose::Rows), flags, FittedMixture::open)
    }

    fn predict(run: Opened<GmmSettings>, flags: &PredictFlags) -> Result<Exit> {
        let table = run.settings.table.clone();
        prediction::predict(run, &table, flags, |run| ByEncoder::open(run, FittedMixture::open))
    }

    fn export(run: &Opened<GmmSettings>) -> Result<Vec<u8>> {
        run.no_checkpoints("EM")?;
        run.dir.read(MODEL)
    }
}
