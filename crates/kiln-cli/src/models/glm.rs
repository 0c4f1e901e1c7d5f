//! Generalised linear models: families of responses, formulas, and what a fit says.

mod cv;
mod data;
mod encoder;
mod fit;
mod fitted;
mod flags;
mod libsvm;
mod load;
mod plan;
mod ranks;
mod report;
mod rows;
mod settings;
mod stream;
mod terms;

pub(crate) use self::{cv::cv, flags::GlmFlags};

use self::{
    encoder::GlmEncoder, fitted::FittedGlm, plan::GlmPlan, report::GlmReport, rows::GlmData, settings::GlmSettings,
};
use super::model::{Common, Model, refuse};
use crate::{
    base::{Console, Exit, Failure, MODEL, Result},
    context::{Compute, DataRecord, Finished, Memory, Opened, RunRecord, Session, check_data, prediction},
    flags::{EvalFlags, PredictFlags, ResumeFlags},
    names::Dtype,
    settings::CodingName,
};

/// `kiln train glm`.
pub(crate) enum GeneralizedLinear {}

impl Model for GeneralizedLinear {
    const KIND: &'static str = "glm";
    const ABOUT: &'static str =
        "Generalized linear model: linear, Poisson, negative binomial, gamma, ordinal regression and others";
    const EXAMPLES: &'static str = "\
Examples:
  kiln train glm --data cars.csv --target mpg
  kiln train glm --data claims.csv --family poisson --formula 'claims ~ C(region) * age + offset(log(years))'
  kiln train glm --data words.svm --family binomial --l2 1e-4
  kiln train glm --data wine.csv --target rating --family ordinal --levels bad,fair,good --cov-type hc1";
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("test-fraction", "Fraction of rows to hold out for testing; 0 trains on all rows [default: 0]"),
        ("target", "Name of the column to predict; or give --formula"),
    ];
    const FILES: &'static [&'static str] =
        &["coef.csv", "summary.txt", "terms.csv", "margins.csv", "profile.csv", "influence.csv", "curves.png"];
    const PREDICTS: bool = true;
    const DTYPE: Dtype = Dtype::F64;
    type Flags = GlmFlags;
    type Settings = GlmSettings;
    type Encoder = GlmEncoder;
    type Data = GlmData;
    type Plan = GlmPlan;
    type Report = GlmReport;

    fn common(settings: &mut GlmSettings) -> Common<'_> {
        let GlmSettings { data, run, .. } = settings;
        Common { data: &mut data.name, data_dir: &mut data.data_dir, run }
    }

    /// Coefficients are looked at: all rows, and reference coding.
    fn complete(settings: &mut GlmSettings) {
        settings.data.test_fraction.get_or_insert(0.0);
        if settings.model.formula.is_none() {
            settings.table.coding.get_or_insert(CodingName::Reference);
        }
    }

    fn check(settings: &GlmSettings) -> Result<()> {
        settings.check()
    }

    fn can_be_distributed(_: &GlmSettings) -> bool {
        true
    }

    fn load(settings: &GlmSettings, encoder: Option<GlmEncoder>, console: Console) -> Result<GlmData> {
        load::load(settings, encoder, console)
    }

    fn record(data: &GlmData) -> &DataRecord {
        &data.record
    }

    fn notes(data: &GlmData) -> &[String] {
        &data.notes
    }

    fn plan(settings: GlmSettings, data: GlmData, compute: Compute) -> Result<GlmPlan> {
        GlmPlan::new(settings, data, compute)
    }

    fn settings(plan: &GlmPlan) -> &GlmSettings {
        &plan.settings
    }

    fn encoder(plan: &GlmPlan) -> Option<&GlmEncoder> {
        Some(&plan.data.encoder)
    }

    fn memory(plan: &GlmPlan) -> Memory {
        plan.memory()
    }

    fn fit(plan: &GlmPlan, session: &Session<'_>) -> Result<Finished<GlmReport>> {
        fit::fit(plan, session)
    }

    fn resumed(mut settings: GlmSettings, _record: &RunRecord, flags: &ResumeFlags) -> Result<GlmSettings> {
        refuse(
            &[(flags.epochs.is_some(), "--epochs")],
            "a generalized linear model is fitted by iterations; give --max-iter",
        )?;
        settings.model.max_iter = flags.max_iter.unwrap_or(settings.model.max_iter);
        settings.model.gtol = flags.gtol.or(settings.model.gtol);
        Ok(settings)
    }

    fn eval(mut run: Opened<GlmSettings>, flags: &EvalFlags) -> Result<Exit> {
        flags.refuse_those_of_images()?;
        let fitted = FittedGlm::open(&run)?;
        let (rows, record) = match &flags.data {
            Some(name) => {
                run.settings.table = flags.format.over(&run.settings.table)?;
                load::whole(&run.settings, &fitted.encoder, name)?
            }
            None => {
                flags.format.refuse("needs --data: the run's own data are read as they were")?;
                let own = load::load(&run.settings, Some(fitted.encoder.clone()), run.console)?;
                check_data(&mut run.record, &own.record, flags.access.allow_changed_data, run.console)?;
                let test = own.test.ok_or_else(|| {
                    Failure::usage("there is no test data: give --data, or train with --test-fraction above 0")
                })?;
                (test, own.record)
            }
        };
        let (score, _) = fitted.score(&rows);
        let result = serde_json::json!({ "data": record.name, "test": score, "warnings": run.record.warnings });
        run.console.result(&result, || score.line())?;
        if score.is_finite() {
            return Ok(Exit::Done);
        }
        Err(Failure::diverged(format!(
            "the score on {} is not finite: its values are beyond what the model can compute with",
            record.name
        )))
    }

    fn predict(run: Opened<GlmSettings>, flags: &PredictFlags) -> Result<Exit> {
        if FittedGlm::open(&run)?.encoder.is_libsvm() {
            return libsvm::predict(&run, flags);
        }
        let table = run.settings.table.clone();
        prediction::predict(run, &table, flags, FittedGlm::open)
    }

    fn export(run: &Opened<GlmSettings>) -> Result<Vec<u8>> {
        run.no_checkpoints("a generalized linear model")?;
        run.dir.read(MODEL)
    }
}
