//! Default minibatch sizes, particles and learning rates.

use kiln::optim::ScheduleSpec;

use crate::{names::LrSchedule, settings::MethodSettings};

/// The first learning rate on small data in a short run, and the epochs over which it decays. They are the same for all runs of up to
/// this many epochs.
const SHORT_LR: f64 = 4e-3;
const SHORT_EPOCHS: u64 = 8;
/// The first learning rate in a run of at least twice as many epochs. A larger one fits the training images better and new images
/// worse: 1000 images of MNIST, 20 epochs, −124.3 nats with this one, and −129.8 with 4e-3.
const LONG_LR: f64 = 2e-3;

/// The part of these rates for a likelihood with a learned scale. The scale follows the error on the training images, so that
/// a large rate harms new images more: 150 images of MNIST, 40 epochs, 170 nats with this one, and −1965 with 2e-3.
const SCALE: f64 = 0.25;

/// The first learning rate on small data.
fn small_data_lr(epochs: u64, scale: bool) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a number of epochs")]
    let share = SHORT_EPOCHS as f64 / epochs.max(SHORT_EPOCHS) as f64;
    (SHORT_LR * share).max(LONG_LR) * if scale { SCALE } else { 1.0 }
}

/// What the defaults ask of the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) deep_relu: bool,
    /// Whether the likelihood has a learned scale.
    pub(super) scale: bool,
}

/// The defaults for a number of images.
pub(super) struct SizeDefaults {
    pub(super) batch_size: usize,
    pub(super) particles: usize,
    pub(super) lr: f64,
    /// Whether the learning rate falls over the run.
    falls: bool,
}

impl SizeDefaults {
    pub(super) const LARGE: Self = Self { batch_size: 128, particles: 1, lr: 1e-3, falls: false };

    /// Returns the defaults for `n` images and a run of `epochs` epochs.
    ///
    /// The minibatch size is the largest power of two from 4 to 128 with at least 180 steps per epoch. Small data would
    /// otherwise take too few steps in the usual number of epochs. Small minibatches are noisy, so z is sampled more often,
    /// and the learning rate decays to a hundredth over the run. Networks with several relu layers lose z under
    /// such a large learning rate, and get the usual one.
    pub(super) fn of(n: usize, kind: Kind, epochs: u64) -> Self {
        let batch_size = 1 << (n / 180).clamp(4, 128).ilog2();
        let falls = batch_size < 128 && !kind.deep_relu;
        let lr = if falls { small_data_lr(epochs, kind.scale) } else { Self::LARGE.lr };
        Self { batch_size, particles: 128 / batch_size, lr, falls }
    }

    pub(super) fn schedule(&self, n: usize, accumulate: u64, epochs: u64) -> Option<ScheduleSpec> {
        let steps = epochs.max(SHORT_EPOCHS).saturating_mul((n.div_ceil(self.batch_size) as u64).div_ceil(accumulate));
        self.falls.then(|| linear(steps))
    }
}

fn linear(steps: u64) -> ScheduleSpec {
    format!("linear:last=0.01,steps={steps}").parse().expect("it is a schedule")
}

/// Lets the default learning rate of a run of `before` epochs decay over `now` epochs, so that a run that is resumed goes on to learn.
pub(super) fn stretch(method: &mut MethodSettings, scale: bool, (before, now): (u64, u64)) {
    let (before, now) = (before.max(SHORT_EPOCHS), now.max(SHORT_EPOCHS));
    let Some(LrSchedule::Function(spec)) = &method.schedule else { return };
    let steps = spec.to_string().strip_prefix("linear:last=0.01,steps=").and_then(|steps| steps.parse::<u64>().ok());
    let (Some(steps), Some(lr)) = (steps, method.lr) else { return };
    let is_default = lr.to_bits() == small_data_lr(before, scale).to_bits() && steps % before == 0;
    if is_default && now > before {
        method.schedule = Some(LrSchedule::Function(linear(steps / before * now)));
        method.lr = Some(small_data_lr(now, scale));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Kind = Kind { deep_relu: false, scale: false };

    #[test]
    fn small_data_gets_small_batches_with_many_particles_and_decaying_steps() {
        let recipes = [0, 500, 1437, 3000, 23_040, 60_000].map(|n| SizeDefaults::of(n, WIDE, 5));
        assert_eq!(recipes.each_ref().map(|r| r.batch_size), [4, 4, 4, 16, 128, 128]);
        assert!(recipes.iter().all(|r| r.batch_size * r.particles == 128));
        let recipe = |n, epochs| {
            let defaults = SizeDefaults::of(n, WIDE, epochs);
            (defaults.lr, defaults.schedule(n, 1, epochs).map(|spec| spec.to_string()))
        };
        assert_eq!(recipe(1438, 2), (0.004, Some("linear:last=0.01,steps=2880".into())));
        assert_eq!(recipe(1438, 8), recipe(1438, 2));
        assert_eq!(recipe(1438, 10), (0.0032, Some("linear:last=0.01,steps=3600".into())));
        assert_eq!(recipe(10, 100), (0.002, Some("linear:last=0.01,steps=300".into())));
        assert_eq!(recipe(60_000, 100), (0.001, None));
        let deep = SizeDefaults::of(500, Kind { deep_relu: true, ..WIDE }, 5);
        assert!(deep.lr < SizeDefaults::of(500, WIDE, 5).lr && deep.schedule(500, 1, 5).is_none());
        let gaussian = SizeDefaults::of(10, Kind { scale: true, ..WIDE }, 100);
        assert_eq!((gaussian.lr, gaussian.schedule(10, 1, 100)), (0.0005, Some(linear(300))));
    }

    /// A longer run has the settings that it would have had from the start. Settings that the user chose stay.
    #[test]
    fn the_default_schedule_grows_with_the_run() {
        let method = |lr: f64, schedule: &str| MethodSettings {
            lr: Some(lr),
            schedule: Some(LrSchedule::Function(schedule.parse().unwrap())),
            ..MethodSettings::default()
        };
        let stretched = |mut settings: MethodSettings, before, now| {
            stretch(&mut settings, false, (before, now));
            settings
        };
        let short = method(0.004, "linear:last=0.01,steps=2880");
        assert_eq!(stretched(short.clone(), 4, 8), short);
        assert_eq!(stretched(short, 4, 16), method(0.002, "linear:last=0.01,steps=5760"));
        let long = method(0.002, "linear:last=0.01,steps=300");
        assert_eq!(stretched(long.clone(), 100, 200), method(0.002, "linear:last=0.01,steps=600"));
        assert_eq!(stretched(long.clone(), 100, 50), long);
        for chosen in [method(0.003, "linear:last=0.01,steps=2880"), method(0.004, "cosine:steps=2880")] {
            assert_eq!(stretched(chosen.clone(), 4, 16), chosen);
        }
    }
}
