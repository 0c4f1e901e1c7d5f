//! What is done with a machine that was trained: evaluation, predictions.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Encoder, Table},
    models::{Kernel, SupportVectorMachine},
    tensor::weights,
};

use super::{ENCODER, MODEL, score};
use crate::{
    config::{Gamma, KernelName, SvmModel, SvmSettings},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{EvalFlags, PredictFlags},
    machine::Machine,
    rundir::{RunDir, write_whole},
    tables::{Loaded, Purpose, load},
};

/// The machine of a run, and its encoder.
pub(super) fn open(dir: &RunDir, settings: &SvmSettings, machine: &Machine) -> Result<(SupportVectorMachine, Encoder)> {
    let path = dir.file(MODEL);
    let damaged = |reason: String| Failure::usage(format!("{} is damaged: {reason}", path.display()));
    let bytes = std::fs::read(&path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
    let tensors = weights::decode(&bytes).map_err(damaged)?;
    let find = |name: &str, rank: usize| {
        let found = tensors.iter().find(|tensor| tensor.name == name && tensor.data.shape().num_dims() == rank);
        found.map(|tensor| tensor.data.clone()).ok_or_else(|| damaged(format!("it has no '{name}'")))
    };
    let numbers = |name: &str| find(name, 1)?.try_into_vec_as::<f64>().map_err(|e| damaged(format!("{e:?}")));
    let (coefficients, intercept) = (numbers("coefficients")?, numbers("intercept")?);
    let intercept = intercept.first().copied().ok_or_else(|| damaged("it has no intercept".to_owned()))?;
    let support = Tensor::from_data(find("support", 2)?, (&machine.device, machine.dtype.float().into()));
    let kernel = settled_kernel(&settings.model)?;
    let machine = SupportVectorMachine::new(kernel, support, &coefficients, intercept);
    Ok((machine.map_err(|error| damaged(error.to_string()))?, dir.read_json(ENCODER)?))
}

/// `kiln eval` of a machine.
pub(crate) fn eval(dir: &RunDir, settings: SvmSettings, flags: EvalFlags, console: Console) -> Result<Exit> {
    if flags.samples.is_some() || flags.images.is_some() {
        return Err(Failure::usage("--samples and --images are for a VAE"));
    }
    let machine = Machine::again(&settings.run, &flags.machine)?;
    let (support, encoder) = open(dir, &settings, &machine)?;
    let mut data = settings.data;
    data.data_dir = flags.machine.data_dir.clone().or(data.data_dir);
    let other = flags.data.is_some();
    if let Some(name) = flags.data {
        data.name = name;
        data.test_fraction = 0.0;
    }
    let Loaded { train, test, .. } = load(&data, settings.run.seed, Purpose::Classes, Some(encoder), console)?;
    let rows = if other && test.is_empty() { train } else { test };
    let score = score(&support, &rows, &machine)
        .ok_or_else(|| Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"))?;
    console.result(&serde_json::json!({ "data": data.name, "test": score }), || {
        format!("test   accuracy {:.4}  hinge {:.4} ({} rows)", score.accuracy, score.hinge, score.n)
    });
    Ok(Exit::Done)
}

/// `kiln predict` of a machine: the class of each row, and how far it is from the boundary.
pub(crate) fn predict(dir: &RunDir, settings: SvmSettings, flags: PredictFlags, console: Console) -> Result<Exit> {
    let machine = Machine::again(&settings.run, &flags.machine)?;
    let (support, encoder) = open(dir, &settings, &machine)?;
    let table = Table::read(&flags.data)?;
    let inputs = TensorData::new(encoder.encode_inputs(&table)?, [table.len(), encoder.features()]);
    let decision = crate::to_vec(support.decision(&Tensor::from_data(inputs, &machine.device)));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["prediction", "decision"]).map_err(Failure::internal)?;
    let classes = encoder.class_names();
    for f in decision {
        let record = [classes[usize::from(f > 0.0)].clone(), f.to_string()];
        writer.write_record(record).map_err(Failure::internal)?;
    }
    write_whole(&flags.output, &writer.into_inner().map_err(Failure::internal)?)?;
    let result = serde_json::json!({ "rows": table.len(), "output": flags.output });
    console.result(&result, || format!("{} predictions in {}", table.len(), flags.output.display()));
    Ok(Exit::Done)
}

fn settled_kernel(model: &SvmModel) -> Result<Kernel> {
    match (model.kernel, model.gamma) {
        (KernelName::Linear, _) => Ok(Kernel::Linear),
        (KernelName::Rbf, Gamma::Number(gamma)) => Ok(Kernel::Rbf { gamma }),
        (KernelName::Rbf, Gamma::Rule(_)) => Err(Failure::usage("the run's config.toml has no number for gamma")),
    }
}
