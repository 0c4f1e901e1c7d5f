//! What is done with a machine that was trained: evaluation, predictions.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Encoder, Table},
    models::{Kernel, SupportVectorMachine},
};

use super::{ENCODER, check, score};
use crate::{
    config::{Gamma, KernelName, SvmModel, SvmSettings},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{EvalFlags, PredictFlags},
    machine::Machine,
    model_file::ModelFile,
    rundir::{RunDir, write_whole},
    tables::{Loaded, Purpose, load},
};

pub(super) fn write(machine: &SupportVectorMachine, dir: &RunDir) -> Result<()> {
    let intercept = TensorData::new(vec![machine.intercept()], [1]);
    let (support, coefficients) = (machine.support().to_data(), machine.coefficients().to_data());
    ModelFile::write(dir, [("support", support), ("coefficients", coefficients), ("intercept", intercept)])
}

/// The machine of a run, and its encoder.
pub(super) fn open(dir: &RunDir, settings: &SvmSettings, machine: &Machine) -> Result<(SupportVectorMachine, Encoder)> {
    check(&settings.model)?;
    let (file, encoder): (_, Encoder) = (ModelFile::read(dir)?, dir.read_json(ENCODER)?);
    let (support, coefficients) = (file.tensor("support", machine)?, file.numbers("coefficients")?);
    let intercept = file.numbers("intercept")?.first().copied();
    let intercept = intercept.ok_or_else(|| file.damaged(&"it has no intercept"))?;
    let opened = SupportVectorMachine::new(settled_kernel(&settings.model)?, support, &coefficients, intercept);
    let opened = opened.map_err(|error| file.damaged(&error))?;
    let [_, columns] = opened.support().dims();
    if columns != encoder.features() {
        return Err(
            file.damaged(&format!("its support vectors have {columns} columns, the data {}", encoder.features()))
        );
    }
    Ok((opened, encoder))
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
