//! What is done with a regression that was fitted: evaluation, predictions.

use kiln::{
    burn::{
        module::Module,
        tensor::{Tensor, TensorData},
    },
    data::{Dataset, Encoder, Table},
    dist::ConditionalModel,
    models::{LogisticRegression, SoftmaxRegression},
};

use super::{
    ENCODER, Job,
    regression::{Regression, with_model},
    report::score_line,
};
use crate::{
    config::LogisticSettings,
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{EvalFlags, PredictFlags},
    machine::Machine,
    rundir::{RunDir, write_whole},
    tables::prediction_table,
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
