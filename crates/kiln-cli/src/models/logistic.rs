//! Logistic and softmax regression.

mod certificate;
mod coefficients;
mod cv;
mod fitted;
mod flags;
mod lr_find;
mod optimize;
mod plan;
mod regression;
mod report;
mod settings;
mod solve;
mod solver_log;

use std::path::Path;

use kiln::data::Encoder;

pub(crate) use self::{cv::cv, flags::LogisticFlags, lr_find::lr_find};
use self::{
    fitted::FittedRegression,
    plan::{How, LogisticPlan},
    regression::with_model,
    report::LogisticReport,
    settings::LogisticSettings,
};
use super::model::{Common, Model, refuse};
use crate::{
    base::{Console, Exit, Result},
    context::{
        Compute, DataRecord, Finished, Loaded, Memory, Opened, Part, Purpose, RunRecord, Session, Source, load,
        prediction, prediction::ByEncoder, tabular,
    },
    flags::{EvalFlags, PredictFlags, ResumeFlags, VerifyFlags},
    names::Dtype,
};

/// `kiln train logistic`.
pub(crate) enum Regression {}

impl Model for Regression {
    const KIND: &'static str = "logistic";
    const ABOUT: &'static str = "Logistic regression (two classes) or softmax regression";
    const EXAMPLES: &'static str = "\
A solver fits the model, unless --epochs or an option of the optimizer is given.
Values with [default: automatic] are chosen from the data and saved in config.toml.

Examples:
  kiln train logistic --data patients.csv --target outcome
  kiln train logistic --data patients.csv --target outcome --l2 0.01 --standardize
  kiln train logistic --data mnist --optimizer sgd --epochs 5 --out runs/softmax";
    const HELP: &'static [(&'static str, &'static str)] = &[(
        "test-fraction",
        "Fraction of rows to hold out for testing [default: 0.2; 0 for a maximum likelihood fit of a table by a solver]",
    )];
    const FILES: &'static [&'static str] = &["curves.png", "coef.csv", "summary.txt"];
    const PREDICTS: bool = true;
    const DTYPE: Dtype = Dtype::F64;
    type Flags = LogisticFlags;
    type Settings = LogisticSettings;
    type Encoder = Encoder;
    type Data = Loaded;
    type Plan = LogisticPlan;
    type Report = LogisticReport;

    fn common(settings: &mut LogisticSettings) -> Common<'_> {
        let LogisticSettings { data, run, .. } = settings;
        Common { data: &mut data.name, data_dir: &mut data.data_dir, run }
    }

    fn complete(settings: &mut LogisticSettings) {
        settings.complete();
    }

    fn can_be_distributed(_: &LogisticSettings) -> bool {
        true
    }

    fn check(settings: &LogisticSettings) -> Result<()> {
        settings.check()
    }

    fn load(settings: &LogisticSettings, encoder: Option<Encoder>, console: Console) -> Result<Loaded> {
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

    fn plan(settings: LogisticSettings, data: Loaded, compute: Compute) -> Result<LogisticPlan> {
        LogisticPlan::new(settings, data, compute)
    }

    fn settings(plan: &LogisticPlan) -> &LogisticSettings {
        &plan.settings
    }

    fn encoder(plan: &LogisticPlan) -> Option<&Encoder> {
        Some(&plan.data.encoder)
    }

    fn memory(plan: &LogisticPlan) -> Memory {
        plan.memory()
    }

    fn fit(plan: &LogisticPlan, session: &Session<'_>) -> Result<Finished<LogisticReport>> {
        with_model!(plan.classes(), M => match &plan.how {
            How::Solver(solver) => solve::fit::<M>(plan, *solver, session),
            How::Optimizer(optimizer) => optimize::fit::<M>(plan, optimizer, session),
        })
    }

    fn resumed(mut settings: LogisticSettings, _record: &RunRecord, flags: &ResumeFlags) -> Result<LogisticSettings> {
        match settings.solver.name {
            Some(_) => {
                refuse(&[(flags.epochs.is_some(), "--epochs")], "the run is fitted by a solver; give --max-iter")?
            }
            None => refuse(
                &[(flags.max_iter.is_some(), "--max-iter")],
                "the run is trained by an optimizer; give --epochs",
            )?,
        }
        settings.train.epochs = flags.epochs.or(settings.train.epochs);
        settings.train.gtol = flags.gtol.or(settings.train.gtol);
        settings.solver.max_iter = flags.max_iter.or(settings.solver.max_iter);
        Ok(settings)
    }

    fn eval(run: Opened<LogisticSettings>, flags: &EvalFlags) -> Result<Exit> {
        let source = Source::of_table(&run.settings.data, &run.settings.table, run.settings.run.seed);
        let classes = fitted::classes(&run)?;
        with_model!(classes, M => {
            tabular::eval(run, (source, Purpose::Classes), flags, FittedRegression::<M>::open)
        })
    }

    fn predict(run: Opened<LogisticSettings>, flags: &PredictFlags) -> Result<Exit> {
        let classes = fitted::classes(&run)?;
        let table = run.settings.table.clone();
        with_model!(classes, M => {
            prediction::predict(run, &table, flags, |run| ByEncoder::open(run, FittedRegression::<M>::open))
        })
    }

    fn verify(run: Opened<LogisticSettings>, certificate: &Path, _flags: &VerifyFlags) -> Result<Exit> {
        certificate::verify(run, certificate)
    }

    fn export(run: &Opened<LogisticSettings>) -> Result<Vec<u8>> {
        let classes = fitted::classes(run)?;
        with_model!(classes, M => FittedRegression::<M>::open(run, &tabular::encoder(run)?)?.to_bytes())
    }
}
