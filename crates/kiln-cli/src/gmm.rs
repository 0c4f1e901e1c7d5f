//! Fitting and using a mixture of Gaussians.

use std::time::Instant;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Encoder, Examples, Table},
    models::{Degenerate, GaussianMixture, GmmConfig, GmmError, GmmFit},
};
use serde::Serialize;

use crate::{
    config::{Config, Dtype, GmmModel, GmmSettings, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{EvalFlags, GmmFlags, MachineFlags, PredictFlags},
    machine::Machine,
    model_file::ModelFile,
    record::{DataRecord, MetricsLine, RunRecord},
    rundir::{RunDir, write_whole},
    tables::{Loaded, Purpose, load},
};

const ENCODER: &str = "encoder.json";

/// `result.json`.
#[derive(Debug, Serialize)]
struct GmmResult {
    status: &'static str,
    message: String,
    /// The mean log-likelihood of a training row, in nats.
    log_likelihood: f64,
    bic: f64,
    aic: f64,
    /// Sweeps.
    nit: usize,
    wall_s: f64,
    weights: Vec<f64>,
    /// Components that are hardly any.
    degenerate: Vec<Degenerate>,
    test: Option<Score>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Score {
    n: usize,
    /// The mean log-likelihood of a row, in nats.
    log_likelihood: f64,
}

impl From<GmmError> for Failure {
    fn from(error: GmmError) -> Self {
        match error {
            GmmError::Decreased { .. } => Self::internal(error),
            _ => Self::usage(error),
        }
    }
}

/// `kiln train gmm`.
pub(crate) fn train(flags: GmmFlags, console: Console) -> Result<Exit> {
    let mut settings: GmmSettings = crate::config::layered("gmm", flags.place.config.as_deref(), &flags.config)?;
    check(&settings)?;
    let name = format!("gmm-{}", crate::file_stem(&settings.data.name));
    let dir = RunDir::plan(flags.place.out, &name, flags.place.force)?;
    let machine = Machine::start(&settings.run, Dtype::F64)?;
    settings.run.dtype = Some(machine.dtype);
    let Loaded { encoder, train, test, sha256, .. } =
        load(&settings.data, settings.run.seed, Purpose::Rows, None, console)?;
    let data = DataRecord { name: settings.data.name.clone(), sha256, n_train: train.len(), n_test: test.len() };
    let GmmModel { components, covariance, reg_covar, tol, max_iter } = settings.model;
    let config = GmmConfig::new(components).covariance(covariance).reg_covar(reg_covar).tol(tol).max_iter(max_iter);
    let config = config.seed(settings.run.seed);

    let mut record = RunRecord::new(data, &machine, settings.run.seed);
    let started = Instant::now();
    let fit = config.fit(rows(&train, &machine))?;
    let wall_s = started.elapsed().as_secs_f64();
    record.wall_s = Some(wall_s);

    dir.create()?;
    dir.write_config(&Config::Gmm(settings.clone()))?;
    dir.write_json(ENCODER, &encoder)?;
    dir.write_json("run.json", &record)?;
    write(&fit.mixture, &dir)?;
    dir.write("components.csv", &component_table(&fit.mixture, &encoder)?)?;
    let line = |(step, mean): (usize, &f64)| {
        let line = MetricsLine { step, epoch: step, split: "train", loss: -mean, grad_norm: None };
        serde_json::to_string(&line).expect("numbers") + "\n"
    };
    let log: String = fit.history.iter().enumerate().map(line).collect();
    dir.write("metrics.jsonl", log.as_bytes())?;
    let result = result(&fit, score(&fit.mixture, &test, &machine), wall_s, &dir);
    dir.write_json("result.json", &result)?;
    console.result(&result, || text(&result, &dir));
    if fit.converged {
        return Ok(Exit::Done);
    }
    Err(Failure { message: result.message, exit: Exit::NotConverged })
}

fn check(settings: &GmmSettings) -> Result<()> {
    let GmmModel { components, reg_covar, tol, max_iter, .. } = settings.model;
    require(components >= 1, "components", "at least 1", components)?;
    require(reg_covar >= 0.0 && reg_covar.is_finite(), "reg-covar", "finite and not negative", reg_covar)?;
    require(tol >= 0.0 && tol.is_finite(), "tol", "finite and not negative", tol)?;
    require(max_iter >= 1, "max-iter", "at least 1", max_iter)
}

fn rows(examples: &Examples, machine: &Machine) -> Tensor<2> {
    let data = TensorData::new(examples.inputs().to_vec(), [examples.len(), examples.features()]);
    Tensor::from_data(data, &machine.device)
}

fn score(mixture: &GaussianMixture, test: &Examples, machine: &Machine) -> Option<Score> {
    (!test.is_empty()).then(|| Score {
        n: test.len(),
        log_likelihood: mixture.log_prob(&rows(test, machine)).mean().into_scalar::<f64>(),
    })
}

fn result(fit: &GmmFit, test: Option<Score>, wall_s: f64, dir: &RunDir) -> GmmResult {
    let (status, message) = if fit.converged {
        ("converged", "converged: the last sweep gained less than tol".to_owned())
    } else {
        let run = dir.path().display();
        (
            "not-converged",
            format!(
                "the sweeps allowed are used up, and the last one of {run} gained more than --tol: give more --max-iter"
            ),
        )
    };
    GmmResult {
        status,
        message,
        log_likelihood: fit.log_likelihood,
        bic: fit.bic,
        aic: fit.aic,
        nit: fit.iterations,
        wall_s,
        weights: fit.mixture.weights().to_vec(),
        degenerate: fit.degenerate.clone(),
        test,
    }
}

fn text(result: &GmmResult, dir: &RunDir) -> String {
    let GmmResult { status, nit, wall_s, log_likelihood, bic, aic, weights, degenerate, test, .. } = result;
    let weights: Vec<String> = weights.iter().map(|w| format!("{w:.4}")).collect();
    let test = test.map_or_else(String::new, |s| {
        format!("test   log-likelihood {:.6} nats a row ({} rows)\n", s.log_likelihood, s.n)
    });
    let hardly: String =
        degenerate.iter().map(|d| format!("component {} is hardly one: {}\n", d.component, d.reason)).collect();
    format!(
        "{status}: {nit} sweeps in {wall_s:.1} s\ntrain  log-likelihood {log_likelihood:.6} nats a row  BIC {bic:.3}  AIC {aic:.3}\n\
         {test}{hardly}weights {}\nrun    {}",
        weights.join(" "),
        dir.path().display()
    )
}

/// `component, weight`, then each feature's mean and standard deviation, in the scale of the data as they came.
fn component_table(mixture: &GaussianMixture, encoder: &Encoder) -> Result<Vec<u8>> {
    let (names, scaling) = (encoder.feature_names(), encoder.scaling());
    let d = names.len();
    let (means, covariances) = (crate::to_vec(mixture.means()), crate::to_vec(mixture.covariances()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = names.iter().flat_map(|name| [format!("mean_{name}"), format!("sd_{name}")]);
    let write =
        |writer: &mut csv::Writer<Vec<u8>>, row: Vec<String>| writer.write_record(row).map_err(Failure::internal);
    write(&mut writer, ["component".to_owned(), "weight".to_owned()].into_iter().chain(head).collect())?;
    for (component, weight) in mixture.weights().iter().enumerate() {
        let of_feature = |f: usize| {
            let (mean, scale) = scaling[f];
            let variance = covariances[component * d * d + f * d + f];
            [(means[component * d + f] * scale + mean).to_string(), (variance.sqrt() * scale).to_string()]
        };
        let row = [component.to_string(), weight.to_string()].into_iter().chain((0..d).flat_map(of_feature));
        write(&mut writer, row.collect())?;
    }
    writer.into_inner().map_err(Failure::internal)
}

fn write(mixture: &GaussianMixture, dir: &RunDir) -> Result<()> {
    let weights = TensorData::new(mixture.weights().to_vec(), [mixture.components()]);
    let (means, covariances) = (mixture.means().to_data(), mixture.covariances().to_data());
    ModelFile::write(dir, [("weights", weights), ("means", means), ("covariances", covariances)])
}

/// The mixture of a run, and its encoder.
fn open(dir: &RunDir, machine: &Machine) -> Result<(GaussianMixture, Encoder)> {
    let file = ModelFile::read(dir)?;
    let (means, covariances) = (file.tensor("means", machine)?, file.tensor("covariances", machine)?);
    let mixture = GaussianMixture::new(file.numbers("weights")?, means, covariances)?;
    Ok((mixture, dir.read_json(ENCODER)?))
}

/// `kiln eval` of a mixture.
pub(crate) fn eval(dir: &RunDir, settings: GmmSettings, flags: EvalFlags, console: Console) -> Result<Exit> {
    if flags.samples.is_some() || flags.images.is_some() {
        return Err(Failure::usage("--samples and --images are for a VAE"));
    }
    let MachineFlags { data_dir, .. } = &flags.machine;
    let machine = Machine::again(&settings.run, &flags.machine)?;
    let (mixture, encoder) = open(dir, &machine)?;
    let mut data = settings.data;
    data.data_dir = data_dir.clone().or(data.data_dir);
    let other = flags.data.is_some();
    if let Some(name) = flags.data {
        data.name = name;
        data.test_fraction = 0.0;
    }
    let Loaded { train, test, .. } = load(&data, settings.run.seed, Purpose::Rows, Some(encoder), console)?;
    let rows = if other && test.is_empty() { train } else { test };
    let score = score(&mixture, &rows, &machine);
    let score = score
        .ok_or_else(|| Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"))?;
    console.result(&serde_json::json!({ "data": data.name, "test": score }), || {
        format!("test   log-likelihood {:.6} nats a row ({} rows)", score.log_likelihood, score.n)
    });
    Ok(Exit::Done)
}

/// `kiln predict` of a mixture: the likeliest component of each row, and how likely each is.
pub(crate) fn predict(dir: &RunDir, settings: GmmSettings, flags: PredictFlags, console: Console) -> Result<Exit> {
    let machine = Machine::again(&settings.run, &flags.machine)?;
    let (mixture, encoder) = open(dir, &machine)?;
    let table = Table::read(&flags.data)?;
    let inputs = TensorData::new(encoder.encode_inputs(&table)?, [table.len(), encoder.features()]);
    let parts = crate::to_vec(mixture.responsibilities(&Tensor::from_data(inputs, &machine.device)));
    let names: Vec<String> = (0..mixture.components()).map(|c| c.to_string()).collect();
    let csv = crate::tables::prediction_table(&names, &parts).map_err(|e| Failure::write(&flags.output, e))?;
    write_whole(&flags.output, &csv)?;
    let result = serde_json::json!({ "rows": table.len(), "output": flags.output });
    console.result(&result, || format!("{} predictions in {}", table.len(), flags.output.display()));
    Ok(Exit::Done)
}
