//! Training a support vector machine.

mod apply;
mod certificate;

use std::time::Instant;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Encoder, Examples},
    models::{Kernel, SupportVectorMachine, SvmConfig, SvmError, SvmFit},
    optim::constrained::Certificate,
};
use serde::Serialize;

use self::certificate::SvmCertificate;
pub(crate) use self::{
    apply::{eval, predict},
    certificate::verify,
};
use crate::{
    config::{Config, Dtype, Gamma, GammaRule, KernelName, SvmModel, SvmSettings, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::SvmFlags,
    machine::Machine,
    record::{DataRecord, RunRecord},
    rundir::RunDir,
    tables::{Loaded, Purpose, load},
    verify::{CERTIFICATE, text as certificate_text},
};

const ENCODER: &str = "encoder.json";

/// `result.json`.
#[derive(Debug, Serialize)]
struct SvmResult {
    status: &'static str,
    message: String,
    kernel: Kernel,
    c: f64,
    /// ½·‖w‖² + C·Σ ξ, and the dual objective, which is never above it.
    primal: f64,
    dual: f64,
    gap: f64,
    kkt_residual: f64,
    support_vectors: usize,
    at_bound: usize,
    intercept: f64,
    /// Pairs improved.
    nit: usize,
    wall_s: f64,
    train: Score,
    test: Option<Score>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Score {
    n: usize,
    accuracy: f64,
    /// The mean of max(0, 1 − y·f(x)).
    hinge: f64,
}

impl From<SvmError> for Failure {
    fn from(error: SvmError) -> Self {
        Self::usage(error)
    }
}

/// `kiln train svm`.
pub(crate) fn train(flags: SvmFlags, console: Console) -> Result<Exit> {
    let (base, file) = (SvmSettings::base(), flags.place.config.as_deref());
    let mut settings: SvmSettings = crate::config::layered_on(base, "svm", file, &flags.config)?;
    check(&settings.model)?;
    let name = format!("svm-{}", crate::file_stem(&settings.data.name));
    let dir = RunDir::plan(flags.place.out, &name, flags.place.force)?;
    let machine = Machine::start(&settings.run, Dtype::F64)?;
    settings.run.dtype = Some(machine.dtype);
    let Loaded { encoder, train, test, sha256, weights } =
        load(&settings.data, settings.run.seed, Purpose::Classes, None, console)?;
    let classes = train.classes();
    if classes != 2 {
        return Err(Failure::usage(format!(
            "a support vector machine divides two classes, and {} has {classes}: `kiln train logistic` takes any number",
            settings.data.name
        )));
    }
    let data = DataRecord { name: settings.data.name.clone(), sha256, n_train: train.len(), n_test: test.len() };
    let inputs = rows(&train, &machine);
    let kernel = kernel(&mut settings.model, &inputs);
    let SvmModel { c, tol, max_iter, cache_mb, .. } = settings.model;
    let config = SvmConfig::new(kernel).c(c).tol(tol).max_iter(max_iter).cache_mb(cache_mb);

    let mut record = RunRecord::new(data, &machine, settings.run.seed);
    let started = Instant::now();
    let weights = weights.unwrap_or_else(|| vec![1.0; train.len()]);
    let fit = config.fit_weighted(&inputs, train.targets(), &weights)?;
    let wall_s = started.elapsed().as_secs_f64();
    record.wall_s = Some(wall_s);
    let certificate = if fit.converged {
        certificate::of(&fit, kernel, (&inputs, &train), tol)
    } else {
        Err("the machine has not converged".to_owned())
    };

    dir.create()?;
    dir.write_config(&Config::Svm(settings.clone()))?;
    dir.write_json(ENCODER, &encoder)?;
    dir.write_json("run.json", &record)?;
    apply::write(&fit.machine, &dir)?;
    dir.write("support.csv", &support_table(&fit, &train, &inputs)?)?;
    if let Some(weights) = fit.machine.weights() {
        dir.write("coef.csv", &coefficient_table(&encoder, &crate::to_vec(weights), fit.machine.intercept())?)?;
    }
    match &certificate {
        Ok(certificate) => {
            let file = SvmCertificate { kind: "svm".to_owned(), certificate: certificate.clone() };
            dir.write_json(CERTIFICATE, &file)?;
        }
        Err(reason) => console.note(format_args!("no {CERTIFICATE}: {reason}")),
    }
    let (status, message) = if fit.converged {
        ("converged", "converged: no pair of rows violates the optimality conditions by more than tol".to_owned())
    } else {
        (
            "not-converged",
            format!(
                "the pairs allowed are used up, with conditions violated by {:.1e}: give more --max-iter",
                fit.kkt_residual
            ),
        )
    };
    let result = SvmResult {
        status,
        message,
        kernel,
        c,
        primal: fit.primal,
        dual: fit.dual,
        gap: fit.primal - fit.dual,
        kkt_residual: fit.kkt_residual,
        support_vectors: fit.support.len(),
        at_bound: fit.at_bound,
        intercept: fit.machine.intercept(),
        nit: fit.iterations,
        wall_s,
        train: score(&fit.machine, &train, &machine).expect("there are training rows"),
        test: score(&fit.machine, &test, &machine),
    };
    dir.write_json("result.json", &result)?;
    console.result(&result, || text(&result, certificate.as_ref().ok(), &dir));
    if fit.converged {
        return Ok(Exit::Done);
    }
    Err(Failure { message: result.message, exit: Exit::NotConverged })
}

pub(super) fn check(model: &SvmModel) -> Result<()> {
    let above_zero =
        |flag, value: f64| require(value > 0.0 && value.is_finite(), flag, "a finite number above 0", value);
    above_zero("c", model.c)?;
    above_zero("tol", model.tol)?;
    above_zero("cache-mb", model.cache_mb)?;
    if let Gamma::Number(gamma) = model.gamma {
        above_zero("gamma", gamma)?;
        if model.kernel == KernelName::Linear {
            return Err(Failure::usage("--gamma is for --kernel rbf"));
        }
    }
    require(model.max_iter >= 1, "max-iter", "at least 1", model.max_iter)
}

/// The kernel, with γ as a number, which is written to the settings.
fn kernel(model: &mut SvmModel, inputs: &Tensor<2>) -> Kernel {
    if model.kernel == KernelName::Linear {
        return Kernel::Linear;
    }
    let [_, d] = inputs.dims();
    let kernel = match model.gamma {
        Gamma::Number(gamma) => Kernel::Rbf { gamma },
        Gamma::Rule(GammaRule::Scale) => Kernel::rbf_scaled(inputs),
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        Gamma::Rule(GammaRule::Auto) => Kernel::Rbf { gamma: 1.0 / d as f64 },
    };
    if let Kernel::Rbf { gamma } = kernel {
        model.gamma = Gamma::Number(gamma);
    }
    kernel
}

fn rows(examples: &Examples, machine: &Machine) -> Tensor<2> {
    let data = TensorData::new(examples.inputs().to_vec(), [examples.len(), examples.features()]);
    Tensor::from_data(data, &machine.device)
}

fn score(machine: &SupportVectorMachine, examples: &Examples, on: &Machine) -> Option<Score> {
    if examples.is_empty() {
        return None;
    }
    let decision = crate::to_vec(machine.decision(&rows(examples, on)));
    let both = || decision.iter().zip(examples.targets()).map(|(f, &target)| (*f, target == 1));
    // As `predict` has it, on the boundary too.
    let right = both().filter(|(f, positive)| (*f > 0.0) == *positive).count();
    let hinge: f64 = both().map(|(f, positive)| (1.0 - if positive { f } else { -f }).max(0.0)).sum();
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let n = examples.len() as f64;
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let right = right as f64;
    Some(Score { n: examples.len(), accuracy: right / n, hinge: hinge / n })
}

fn text(result: &SvmResult, certificate: Option<&Certificate>, dir: &RunDir) -> String {
    let kernel = match result.kernel {
        Kernel::Linear => "linear".to_owned(),
        Kernel::Rbf { gamma } => format!("rbf, gamma {gamma:.6}"),
    };
    let line = |name: &str, score: &Score| {
        format!("{name}  accuracy {:.4}  hinge {:.4} ({} rows)", score.accuracy, score.hinge, score.n)
    };
    let mut lines = vec![
        format!("{}: {kernel}, C {}, {} pairs in {:.3} s", result.status, result.c, result.nit, result.wall_s),
        format!(
            "primal {:.9}  dual {:.9}  gap {:.1e}  largest violation {:.1e}",
            result.primal, result.dual, result.gap, result.kkt_residual
        ),
        format!("{} support vectors, {} of them at C", result.support_vectors, result.at_bound),
        line("train", &result.train),
    ];
    lines.extend(result.test.as_ref().map(|score| line("test ", score)));
    lines.extend(certificate.map(certificate_text));
    lines.push(format!("run    {}", dir.path().display()));
    lines.join("\n")
}

/// `row, class, alpha, decision`: rows of the training part, counted from 0.
fn support_table(fit: &SvmFit, train: &Examples, inputs: &Tensor<2>) -> Result<Vec<u8>> {
    let decision = crate::to_vec(fit.machine.decision(inputs));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["row", "class", "alpha", "decision"]).map_err(Failure::internal)?;
    for &row in &fit.support {
        let class = train.class_names()[train.targets()[row]].clone();
        let record = [row.to_string(), class, fit.alpha[row].to_string(), decision[row].to_string()];
        writer.write_record(record).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}

/// `name, coef, coef_raw`: in the scale of the encoder's output, and in that of the data as they came.
fn coefficient_table(encoder: &Encoder, weights: &[f64], intercept: f64) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "coef", "coef_raw"]).map_err(Failure::internal)?;
    let mut raw_intercept = intercept;
    for ((name, weight), (mean, scale)) in encoder.feature_names().into_iter().zip(weights).zip(encoder.scaling()) {
        raw_intercept -= weight * mean / scale;
        let record = [name, weight.to_string(), (weight / scale).to_string()];
        writer.write_record(record).map_err(Failure::internal)?;
    }
    let record = ["(intercept)".to_owned(), intercept.to_string(), raw_intercept.to_string()];
    writer.write_record(record).map_err(Failure::internal)?;
    writer.into_inner().map_err(Failure::internal)
}
