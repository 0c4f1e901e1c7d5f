//! The plan of a VAE's training run.

use kiln::{
    burn::tensor::Tensor,
    data::{Dataset, ImageShape, Images},
    dist::DistError,
    models::{Vae, VaeConfig},
    optim::{Schedule, schedule::Piece},
    tensor::Stream,
    train::{Elbo, ImportanceGradient, Iwae, Loss, Objective, TrainConfig},
};

use super::{
    data::ImageSet,
    model_settings::VaeModel,
    settings::{ObjectiveName, VaeSettings, VaeTrain},
    size_defaults::{self, Kind, Length, SizeDefaults, pace},
};
use crate::{
    base::{Result, ranks::world},
    context::{Compute, Memory},
    names::{LrSchedule, OptimizerName},
    settings::{MethodDefaults, MethodPlan},
};

/// Test images per evaluation batch where there is one number per pixel. It affects memory, and the noise, which is drawn
/// per batch.
pub(super) const EVALUATION_BATCH: usize = 1000;

/// The learning rate if minibatches, a schedule, or another optimiser than Adam are asked for.
const LR: f64 = 1e-3;

/// Samples of the latent variables per evaluation batch, of all images together.
const EVALUATION_SAMPLES: usize = 250_000;
/// Numbers of a forward pass in an evaluation: 256 MB in f32.
const EVALUATION_NUMBERS: usize = 64_000_000;

/// A complete training run.
pub(crate) struct VaePlan {
    pub(super) settings: VaeSettings,
    pub(super) data: ImageSet,
    pub(super) compute: Compute,
    pub(super) method: MethodPlan,
    pub(super) config: TrainConfig,
    pub(super) objective: VaeObjective,
    pub(super) model: VaeConfig,
}

/// What is maximised.
#[derive(Clone, Debug)]
pub(super) enum VaeObjective {
    Elbo(Elbo),
    Iwae(Iwae),
}

impl VaeObjective {
    fn bound<B: Into<Tensor<2>>>(&self) -> &dyn Objective<Vae, B> {
        match self {
            Self::Elbo(objective) => objective,
            Self::Iwae(objective) => objective,
        }
    }
}

impl<B: Into<Tensor<2>>> Objective<Vae, B> for VaeObjective {
    fn loss(&self, model: &Vae, batch: B, stream: &mut Stream) -> Loss {
        self.bound().loss(model, batch, stream)
    }

    fn loss_at_step(&self, step: u64, model: &Vae, batch: B, stream: &mut Stream) -> Loss {
        self.bound().loss_at_step(step, model, batch, stream)
    }

    fn held_out(&self, model: &Vae, batch: B, stream: &mut Stream) -> Loss {
        self.bound().held_out(model, batch, stream)
    }

    fn check(&self, model: &Vae, batch: B) -> std::result::Result<(), DistError> {
        self.bound().check(model, batch)
    }

    fn can_be_captured(&self) -> bool {
        self.bound::<B>().can_be_captured()
    }

    fn is_mean_over_rows(&self) -> bool {
        self.bound::<B>().is_mean_over_rows()
    }
}

impl VaePlan {
    pub(super) fn new(mut settings: VaeSettings, data: ImageSet, compute: Compute) -> Result<Self> {
        let (n, images) = (data.train.len(), data.images());
        let model = settings.model.config(images.shape(), data.classes.len());
        let (asked, epochs) = (&settings.method, settings.train.epochs);
        let sized = asked.batch_size.is_none() && asked.batch_schedule.is_none();
        let kind = Kind { deep_relu: model.is_deep_relu(), scale: settings.model.likelihood.has_scale() };
        let usual = if sized { SizeDefaults::of(n, epochs) } else { SizeDefaults::LARGE };
        let is_adam = asked.optimizer.is_none_or(|name| matches!(name, OptimizerName::Adam | OptimizerName::AdamW));
        let (lr, schedule) = if sized && is_adam && asked.lr.is_none() && asked.schedule.is_none() {
            let epoch = TrainConfig { epochs: 1, batch_size: usual.batch_size, ..TrainConfig::default() };
            let steps_per_epoch = epoch.steps(n, asked.accumulate.unwrap_or(1));
            let growth = SizeDefaults::growth(usual.batch_size, n);
            let (lr, schedule) = pace(kind, Length { epochs, steps_per_epoch, growth });
            (lr, Some(LrSchedule::Function(schedule)))
        } else {
            (LR, None)
        };
        let optimizer = OptimizerName::Adam;
        let defaults = MethodDefaults { optimizer, batch_size: usual.batch_size, lr, schedule, momentum: None };
        let method = asked.plan(defaults, n, epochs)?;
        method.optimizer()?;
        let train = &mut settings.train;
        match train.objective {
            ObjectiveName::Elbo => {
                train.particles.get_or_insert(usual.particles);
            }
            ObjectiveName::Iwae | ObjectiveName::Dreg => drop(train.k.get_or_insert(VaeSettings::K)),
        }
        settings.method = method.settings.clone();
        settings.model.activation = Some(settings.model.activation());
        let config = TrainConfig {
            seed: settings.run.seed,
            log_every: settings.train.log_every,
            evaluation_batch: evaluation_batch(&settings, images.shape()),
            ..method.config.clone()
        };
        let accumulate = settings.method.accumulate.unwrap_or(1);
        let steps = |epochs| TrainConfig { epochs, ..config.clone() }.steps(n, accumulate);
        if settings.train.objective == ObjectiveName::Elbo {
            // An encoder that is fixed cannot lose z.
            let can_lose_z = settings.model.is_deep() && settings.train.fit_prior.is_none();
            let usual = size_defaults::kl_warm_up(can_lose_z, n, steps(1), epochs);
            settings.train.kl_warm_up.get_or_insert(usual);
        }
        let objective = match (objective(&settings), annealing(&settings.train, steps)?) {
            (VaeObjective::Elbo(elbo), Some(annealing)) => VaeObjective::Elbo(elbo.anneal(annealing)),
            (objective, _) => objective,
        };
        // Each rank reads its part of the images.
        let world = world();
        let sums = images.pixel_sums(world.share_of(n)).over(&world)?;
        let model = model.data_mean(sums.mean()).data_stddev(sums.stddev());
        let model = model.channel_stddevs(sums.channel_stddevs(images.shape().channels));
        Ok(Self { settings, data, compute, method, config, objective, model })
    }

    /// The memory of weights, optimiser, activations and images.
    pub(super) fn memory(&self) -> Memory {
        let (settings, number) = (&self.settings, self.compute.dtype.size());
        let model = &settings.model;
        let images = self.data.images();
        let pixels = images.dims();
        let of = |images: &Images| if images.is_in_memory() { images.len() } else { 0 };
        let held_out = [self.data.validation.as_ref(), Some(&self.data.test)];
        let held_out: Vec<usize> = held_out.into_iter().flatten().map(|images| of(images.images())).collect();
        let memory = Memory::default().with("images", &[of(images) + held_out.iter().sum::<usize>(), pixels], 1);
        // Weights, gradients, two moments of Adam, and the copies that a checkpoint makes.
        let memory = with_weights(memory, model, pixels, 8, number);
        let [rows, width] = activations(settings, images.shape());
        let batch = self.config.batch_size.min(self.data.train.len());
        let largest = self.data.held_out().len().max(self.data.test.len());
        // The forward pass, its gradients, and an evaluation without them.
        let memory = memory.with("activations", &[batch, rows, width, 4], number);
        memory.with("evaluation", &[self.config.evaluation_batch.min(largest), rows, width, 2], number)
    }
}

/// Adds the memory of `copies` of the weights of a model for images of this many pixels.
pub(super) fn with_weights(memory: Memory, model: &VaeModel, pixels: usize, copies: usize, number: u64) -> Memory {
    let outputs = pixels.saturating_mul(model.outputs_per_pixel());
    let latent = |layer: usize| model.latent_dim.0[layer];
    let hidden = &model.hidden_dim.0;
    let mut widths = vec![pixels];
    widths.extend(hidden);
    let add = |memory: Memory, factors: &[usize]| memory.with("weights", &[factors, &[copies]].concat(), number);
    let memory = widths.windows(2).fold(memory, |memory, pair| add(memory, &[pair[0], pair[1], 2]));
    let memory = memory.with("weights", &[model.pseudo_inputs(), pixels, copies], number);
    let memory = memory.with("weights", &[model.flow_layers(), model.flow_weights(), copies], number);
    let blocks = model.residual_blocks;
    let mut memory = hidden.iter().fold(memory, |memory, units| add(memory, &[*units, *units, 4, blocks]));
    let last = *widths.last().expect("it has the pixels");
    memory = add(memory, &[last, latent(0), 3]);
    memory = add(memory, &[hidden.first().copied().unwrap_or(latent(0)), outputs]);
    let upper = model.upper_hidden_dim.as_ref().map_or(100, |sizes| sizes.0.iter().copied().max().unwrap_or(100));
    for pair in model.latent_dim.0.windows(2) {
        memory = add(memory, &[pair[0].saturating_add(pair[1]), upper, 4]);
    }
    for channels in model.channels.iter().flat_map(|sizes| sizes.0.windows(2)) {
        memory = add(memory, &[channels[0], channels[1], 16, 2]);
    }
    for channels in model.channels.iter().flat_map(|sizes| &sizes.0) {
        memory = add(memory, &[*channels, *channels, 9, 4, blocks]);
    }
    memory
}

/// The numbers per image that a forward pass makes: samples of the latent variables, and units of all layers.
pub(super) fn activations(settings: &VaeSettings, shape: ImageShape) -> [usize; 2] {
    let (model, pixels) = (&settings.model, shape.dims());
    // Each convolution halves the sides, and the decoder mirrors it.
    let mut places = [shape.height, shape.width];
    let of_channels = model.channels.iter().flat_map(|sizes| &sizes.0).fold(0usize, |sum, channels| {
        places = places.map(|side| side / 2);
        sum.saturating_add(channels.saturating_mul(2 * places[0] * places[1]))
    });
    let rows = match settings.train.objective {
        ObjectiveName::Elbo => settings.train.particles.unwrap_or(1),
        ObjectiveName::Iwae | ObjectiveName::Dreg => settings.train.k.unwrap_or(VaeSettings::K),
    };
    let layers = model.hidden_dim.0.iter().chain(&model.latent_dim.0);
    let wide = layers.fold(0usize, |sum, width| sum.saturating_add(*width));
    let outputs = pixels.saturating_mul(model.outputs_per_pixel());
    // A normalisation has four numbers per unit that the backward pass reads, and a block two of its maps.
    let each = model.residual_blocks.saturating_mul(if model.layer_norm { 10 } else { 4 });
    let each = each.saturating_add(if model.layer_norm { 5 } else { 1 });
    // Each sample is compared with each component of a mixture.
    let of_prior = model.pseudo_inputs().saturating_mul(model.latent_dim.0[0]).saturating_mul(4);
    let width = wide.saturating_add(of_channels).saturating_mul(each).saturating_add(outputs);
    [rows, width.saturating_add(of_prior)]
}

/// [`EVALUATION_BATCH`], and fewer images if a pixel has a number per grey level, if there are very many samples per image, or if the
/// images are large.
pub(super) fn evaluation_batch(settings: &VaeSettings, shape: ImageShape) -> usize {
    let [samples, width] = activations(settings, shape);
    let most = (EVALUATION_SAMPLES / samples.max(1)).min(EVALUATION_NUMBERS / samples.saturating_mul(width).max(1));
    (EVALUATION_BATCH / settings.model.outputs_per_pixel()).min(most).max(1)
}

/// Returns the factor of β as a function of the step, if β rises. `steps` returns the number of steps of so many epochs.
fn annealing(train: &VaeTrain, steps: impl Fn(u64) -> u64) -> Result<Option<Schedule>> {
    let Some(epochs) = train.kl_warm_up.filter(|epochs| *epochs > 0) else { return Ok(None) };
    let rise = Schedule::constant(1.0)?.warm_up(steps(epochs), 0.0)?;
    let period = steps(epochs.saturating_mul(2));
    // A run has no more cycles than epochs.
    let repeated = train.kl_cycles.min(train.epochs).saturating_sub(1);
    let pieces = (0..repeated).map(|_| Piece { schedule: rise.clone(), steps: period }).collect();
    Ok(Some(Schedule::join(pieces, rise)?))
}

/// Returns the objective, without annealing.
pub(super) fn objective(settings: &VaeSettings) -> VaeObjective {
    let train = &settings.train;
    let importance = Iwae::new(train.k.unwrap_or(VaeSettings::K));
    match train.objective {
        ObjectiveName::Elbo => {
            let elbo = Elbo::new().beta(train.beta).free_bits(train.free_bits);
            VaeObjective::Elbo(elbo.particles(train.particles.unwrap_or(1)))
        }
        ObjectiveName::Iwae => VaeObjective::Iwae(importance),
        ObjectiveName::Dreg => VaeObjective::Iwae(importance.gradient(ImportanceGradient::DoublyReparameterized)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a GPU captures no step, and several processes are refused.
    #[test]
    fn an_objective_says_of_itself_what_its_bound_says() {
        for objective in [VaeObjective::Elbo(Elbo::new()), VaeObjective::Iwae(Iwae::new(2))] {
            assert!(Objective::<Vae, Tensor<2>>::can_be_captured(&objective));
            assert!(Objective::<Vae, Tensor<2>>::is_mean_over_rows(&objective));
        }
    }

    #[test]
    fn the_weight_of_the_kl_rises_again_in_each_cycle() {
        let train = VaeTrain { kl_warm_up: Some(2), kl_cycles: 2, ..VaeTrain::default() };
        let annealing = annealing(&train, |epochs| 10 * epochs).unwrap().unwrap();
        let halves = [0, 10, 20, 39, 40, 50, 60, 1000].map(|step| (2.0 * annealing.at(step)).to_string());
        assert_eq!(halves, ["0", "1", "2", "2", "0", "1", "2", "2"]);
    }

    #[test]
    fn an_evaluation_batch_has_a_bounded_number_of_samples() {
        let with = |particles| {
            let mut settings = VaeSettings::default();
            settings.train.particles = particles;
            evaluation_batch(&settings, ImageShape { height: 8, width: 8, channels: 1 })
        };
        assert_eq!([with(None), with(Some(64)), with(Some(65_536)), with(Some(usize::MAX))], [1000, 1000, 2, 1]);
    }
}
