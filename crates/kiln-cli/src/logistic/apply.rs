//! What is done with a regression that was fitted: evaluation, predictions, the check of its certificate.

use std::path::Path;

use kiln::{
    burn::{
        module::Module,
        tensor::{Tensor, TensorData},
    },
    data::{Dataset, Encoder, Table},
    dist::ConditionalModel,
    models::{LogisticRegression, Sides, SoftmaxRegression},
};

use super::{
    ENCODER, Job,
    fit::{FitCertificate, SeparationCertificate},
    regression::{Regression, with_model},
    report::score_line,
};
use crate::{
    config::{Dtype, LogisticSettings},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{EvalFlags, MachineFlags, PredictFlags},
    machine::Machine,
    rundir::{RunDir, write_whole},
    tables::prediction_table,
    verify::{Kind, read, say},
};

/// `kiln eval` of a regression.
pub(crate) fn eval(dir: &RunDir, settings: LogisticSettings, flags: EvalFlags, console: Console) -> Result<Exit> {
    if flags.samples.is_some() || flags.images.is_some() {
        return Err(Failure::usage("--samples and --images are for a VAE"));
    }
    let (data, flags) = (flags.data, &flags.machine);
    let other = data.is_some();
    let mut settings = settings;
    if let Some(name) = data {
        // The training data need not be there any more.
        settings.data.name = name;
        settings.data.test_fraction = 0.0;
        settings.data.sample_weight = None;
    }
    let mut job = Job::reopen(dir, settings, flags, console)?;
    if other && job.test.is_empty() {
        job.test = job.train.clone();
    }
    if job.test.is_empty() {
        return Err(Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"));
    }
    let scores = with_model!(job.classes(), M => job.scores(&dir.load_model(job.model::<M>())?)?);
    let scores = scores.expect("there is test data");
    console.result(&serde_json::json!({ "data": job.data.name, "test": scores }), || score_line(&scores));
    Ok(Exit::Done)
}

/// `kiln predict`.
pub(crate) fn predict(dir: &RunDir, settings: LogisticSettings, flags: PredictFlags, console: Console) -> Result<Exit> {
    let encoder: Encoder = dir.read_json(ENCODER)?;
    let table = Table::read(&flags.data)?;
    let inputs = encoder.encode_inputs(&table)?;
    let machine = Machine::again(&settings.run, &flags.machine)?;
    let (n, features, classes) = (table.len(), encoder.features(), encoder.class_names());
    let inputs = Tensor::from_data(TensorData::new(inputs, [n, features]), &machine.device);
    let probabilities = with_model!(classes.len(), M => {
        let model = dir.load_model(M::init(features, classes.len(), &machine))?;
        crate::to_vec(M::probabilities(&model.valid().forward(inputs)))
    });
    let csv = prediction_table(classes, &probabilities).map_err(|e| Failure::write(&flags.output, e))?;
    write_whole(&flags.output, &csv)?;
    let result = serde_json::json!({ "rows": n, "output": flags.output });
    console.result(&result, || format!("{n} predictions in {}", flags.output.display()));
    Ok(Exit::Done)
}

/// `kiln verify`.
pub(crate) fn verify(
    dir: &RunDir,
    path: &Path,
    settings: LogisticSettings,
    flags: &MachineFlags,
    console: Console,
) -> Result<Exit> {
    let Kind { kind } = read(path)?;
    super::check(&settings)?;
    if kind == FitCertificate::KIND {
        let FitCertificate { certificate, .. } = read(path)?;
        let mut settings = settings;
        // Whatever the run says.
        settings.run.dtype = Some(Dtype::F64);
        let job = Job::reopen(dir, settings, flags, console)?;
        let checked = with_model!(job.classes(), M => {
            job.verify_fit(&certificate, &dir.load_model(job.model::<M>())?)?
        });
        return say(&dir.path().display().to_string(), checked, console);
    }
    if kind != SeparationCertificate::KIND {
        return Err(Failure::usage(format!("{} is a certificate of another kind: {kind}", path.display())));
    }
    let SeparationCertificate { separation, features, classes, .. } = read(path)?;
    let job = Job::reopen(dir, settings, flags, console)?;
    let model = &job.settings.model;
    let of_another = features != job.encoder.feature_names() || classes != job.encoder.class_names();
    if of_another || model.is_penalised() || !model.is_open_to(&separation.weights) {
        let why = if of_another { "it is of other data" } else { "the run's penalty or bounds give it a minimum" };
        return Err(Failure { message: format!("the certificate does not hold: {why}"), exit: Exit::NotConverged });
    }
    let train = &job.train;
    let columns = job.columns();
    if separation.intercepts.len() != columns {
        let got = separation.intercepts.len();
        return Err(Failure::usage(format!("the certificate has weights of {got} classes, the data need {columns}")));
    }
    let sides = separation.sides(train.inputs(), train.targets()).map_err(Failure::usage)?;
    let Sides { on_the_plane, wrong, separates, .. } = sides;
    let holds = separates && on_the_plane == separation.on_the_plane && separation.complete == (on_the_plane == 0);
    let rows = train.len();
    let result =
        serde_json::json!({ "holds": holds, "rows": rows, "on_the_plane": on_the_plane, "on_the_wrong_side": wrong });
    console.result(&result, || {
        let verdict = if holds { "holds" } else { "does not hold" };
        format!(
            "the separation {verdict}: of {rows} rows {on_the_plane} lie on the plane, {wrong} on the wrong side of it"
        )
    });
    if holds {
        return Ok(Exit::Done);
    }
    Err(Failure { message: "the certificate does not hold for the run's data".into(), exit: Exit::NotConverged })
}
