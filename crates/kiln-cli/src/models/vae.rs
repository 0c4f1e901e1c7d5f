//! The variational autoencoder: trained, evaluated, sampled from.

mod apply;
mod conditions;
mod data;
mod eval;
mod fit;
mod flags;
mod image_size;
mod latent;
mod latent_flags;
mod lr_find;
mod model_settings;
mod pictures;
mod plan;
mod report;
mod rows;
mod sample_flags;
mod second_stage;
mod settings;
mod size_defaults;
mod table;
mod table_flags;

use std::path::Path;

use kiln::tensor::weights;

pub(crate) use self::{
    apply::{reconstruct, sample},
    flags::VaeFlags,
    image_size::ImageSize,
    latent::latent,
    latent_flags::LatentCommand,
    lr_find::lr_find,
    sample_flags::{ReconstructFlags, SampleFlags},
    settings::VaeSettings,
    table::{embed, score},
    table_flags::{EmbedFlags, ScoreFlags},
};
use self::{data::ImageSet, fit::VaeReport, model_settings::Scale, plan::VaePlan};
use super::model::{Common, Losses, Model, refuse};
use crate::{
    base::{Console, Exit, Failure, Result, Section},
    context::{Compute, DataRecord, Finished, Memory, Opened, RunRecord, Session},
    flags::{EvalFlags, ResumeFlags},
    names::Dtype,
};

/// `kiln train vae`.
pub(crate) enum Autoencoder {}

/// The settings that `--recipe iwae` stands for.
const IWAE: &str = include_str!("vae/recipes/iwae.toml");

impl Model for Autoencoder {
    const KIND: &'static str = "vae";
    const ABOUT: &'static str = "Variational autoencoder on images";
    const EXAMPLES: &'static str = "\
Values with [default: automatic] are chosen from the data and saved in config.toml.

Examples:
  kiln train vae
  kiln train vae --data mnist --epochs 50 --binarize dynamic --out runs/mnist
  kiln train vae --data photos --size 64x64 --channels 32,64 --likelihood gaussian
  kiln train vae --data mnist --optimizer nesterov --lr 0.01 --schedule cosine";
    const HELP: &'static [(&'static str, &'static str)] = &[("dtype", "Floating-point type [default: f32]")];
    const FILES: &'static [&'static str] = &[
        "samples.png",
        "reconstructions.png",
        "loss.svg",
        "traversal.png",
        "interpolation.png",
        "latent-map.png",
        "embedding.csv",
        "scores.csv",
    ];
    const PREDICTS: bool = false;
    const DTYPE: Dtype = Dtype::F32;
    type Flags = VaeFlags;
    type Settings = VaeSettings;
    type Encoder = kiln::data::Encoder;
    type Data = ImageSet;
    type Plan = VaePlan;
    type Report = VaeReport;

    fn base(flags: &VaeFlags, config: Option<&Path>) -> Result<toml::Table> {
        match (&flags.recipe, &flags.fit_prior) {
            (None, None) => Ok(toml::Table::new()),
            _ if config.is_some() => Err(Failure::usage("--recipe and --fit-prior cannot be combined with --config")),
            (Some(_), None) => IWAE.parse().map_err(Failure::internal),
            (None, Some(run)) => second_stage::base(run),
            (Some(_), Some(_)) => Err(Failure::usage("--recipe cannot be combined with --fit-prior")),
        }
    }

    fn common(settings: &mut VaeSettings) -> Common<'_> {
        let VaeSettings { data, run, .. } = settings;
        Common { data: &mut data.name, data_dir: &mut data.data_dir, run }
    }

    /// Free bits, and the best scale, look at a whole minibatch.
    fn can_be_distributed(settings: &Self::Settings) -> bool {
        settings.train.free_bits <= 0.0 && settings.model.scale == Scale::Learned
    }

    fn check(settings: &VaeSettings) -> Result<()> {
        settings.check()
    }

    fn load(settings: &VaeSettings, _encoder: Option<kiln::data::Encoder>, console: Console) -> Result<ImageSet> {
        ImageSet::load(settings, console)
    }

    fn record(data: &ImageSet) -> &DataRecord {
        &data.record
    }

    fn notes(data: &ImageSet) -> &[String] {
        &data.notes
    }

    fn plan(settings: VaeSettings, data: ImageSet, compute: Compute) -> Result<VaePlan> {
        VaePlan::new(settings, data, compute)
    }

    fn settings(plan: &VaePlan) -> &VaeSettings {
        &plan.settings
    }

    fn memory(plan: &VaePlan) -> Memory {
        plan.memory()
    }

    fn fit(plan: &VaePlan, session: &Session<'_>) -> Result<Finished<VaeReport>> {
        fit::fit(plan, session)
    }

    fn resumed(mut settings: VaeSettings, record: &RunRecord, flags: &ResumeFlags) -> Result<VaeSettings> {
        refuse(
            &[(flags.max_iter.is_some(), "--max-iter"), (flags.gtol.is_some(), "--gtol")],
            "a VAE is trained by an optimizer; give --epochs",
        )?;
        if let Some(epochs) = flags.epochs {
            let scale = settings.model.likelihood.has_scale();
            let n = record.data.n_train;
            size_defaults::stretch(&mut settings.method, scale, n, (settings.train.epochs, epochs));
            settings.train.epochs = epochs;
        }
        Ok(settings)
    }

    fn eval(run: Opened<VaeSettings>, flags: &EvalFlags) -> Result<Exit> {
        flags.format.refuse("is for tables, and a VAE reads images")?;
        eval::eval(run, flags)
    }

    fn report(run: &mut Opened<VaeSettings>, allow_changed_data: bool) -> Result<Vec<Section>> {
        report::sections(run, allow_changed_data)
    }

    fn losses(run: &mut Opened<VaeSettings>, allow_changed_data: bool) -> Result<Option<Losses>> {
        report::losses(run, allow_changed_data)
    }

    fn export(run: &Opened<VaeSettings>) -> Result<Vec<u8>> {
        let model = apply::load_model(run, apply::image_shape(run)?)?;
        Ok(weights::to_bytes(&model)?)
    }
}
