//! The second of two stages: a prior is fitted to the model of a run, which stays as it is.

use std::path::Path;

use kiln::models::Vae;

use super::{
    apply::load_model,
    model_settings::{PriorName, VaeModel},
    plan::VaePlan,
    settings::{ImageData, VaeSettings},
};
use crate::{
    base::{CONFIG, Console, Failure, RUN, Result, RunDir},
    context::{Opened, RunRecord},
    settings::{bad_settings, read_table},
};

/// Returns the settings from which the second stage starts: those of the run, without its optimiser and its objective.
pub(super) fn base(run: &Path) -> Result<toml::Table> {
    let dir = RunDir::open(run)?;
    let mut all = read_table(&dir.file(CONFIG))?;
    let kind = all.get("kind").and_then(toml::Value::as_str).unwrap_or("vae");
    if kind != "vae" {
        return Err(Failure::usage(format!("--fit-prior needs the run of a VAE, and {} is of {kind}", run.display())));
    }
    let mut table = toml::Table::new();
    for name in ["data", "model"] {
        table.extend(all.remove_entry(name));
    }
    if let Some(model) = table.get_mut("model").and_then(toml::Value::as_table_mut) {
        for of_prior in ["prior", "pseudo-inputs", "flow-layers"] {
            model.remove(of_prior);
        }
    }
    // The seed divides the images.
    let seed = all.get("run").and_then(|run| run.get("seed")).cloned();
    table.insert("run".into(), seed.map(|seed| ("seed".to_owned(), seed)).into_iter().collect::<toml::Table>().into());
    let path = std::path::absolute(run).map_err(Failure::usage)?.display().to_string();
    table.insert("train".into(), toml::Table::from_iter([("fit-prior".to_owned(), path.into())]).into());
    Ok(table)
}

/// Returns the model with which the second stage starts: the one that `run` ended with, and an untrained prior.
pub(super) fn start(plan: &VaePlan, untrained: &Vae, run: &Path, console: Console) -> Result<Vae> {
    let dir = RunDir::open(run)
        .map_err(|e| Failure::usage(format!("--fit-prior: {}; give --out another folder than that", e.message)))?;
    let mut table = read_table(&dir.file(CONFIG))?;
    table.remove("kind");
    let settings: VaeSettings = table.try_into().map_err(|e| bad_settings(&dir.file(CONFIG), &e))?;
    let record: RunRecord = dir.read_json(RUN)?;
    let same_images = plan.data.record.sha256 == record.data.sha256 && fixed(&settings) == fixed(&plan.settings);
    if !same_images {
        return Err(Failure::usage(format!(
            "--fit-prior keeps the images, the seed and the networks of {}: leave out the flags that change them",
            run.display()
        )));
    }
    let opened = Opened::with(dir, settings, record, plan.compute.clone(), console);
    let shape = plan.data.train.images().shape();
    Ok(load_model(&opened, shape)?.with_prior_of(untrained))
}

/// Returns the settings that both stages share.
fn fixed(settings: &VaeSettings) -> (VaeModel, ImageData, u64) {
    let model =
        VaeModel { prior: PriorName::Standard, pseudo_inputs: None, flow_layers: None, ..settings.model.clone() };
    let data = ImageData { name: String::new(), data_dir: None, ..settings.data.clone() };
    (model, data, settings.run.seed)
}
