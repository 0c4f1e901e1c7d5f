//! Default minibatch sizes, particles and learning rates.

use kiln::optim::ScheduleSpec;

use crate::{names::LrSchedule, settings::MethodSettings};

/// The largest learning rate.
const HIGHEST: f64 = 2.5e-3;

/// The largest learning rate of networks with several relu layers, which lose z under a larger one.
const HIGHEST_DEEP: f64 = 1e-3;

/// The learning rate is this number times √(minibatch size / steps). See `benches/recipes`.
const RATE: f64 = 0.032;

/// The part of the rate for a likelihood with a learned scale. The scale follows the error on the training images, so that a large
/// rate harms new images more.
const SCALE: f64 = 0.25;

/// What the defaults ask of the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) deep_relu: bool,
    /// Whether the likelihood has a learned scale.
    pub(super) scale: bool,
}

/// The defaults for a number of images.
#[derive(Clone, Copy, Debug)]
pub(super) struct SizeDefaults {
    pub(super) batch_size: usize,
    pub(super) particles: usize,
}

impl SizeDefaults {
    /// The defaults for large data.
    pub(super) const LARGE: Self = Self { batch_size: 128, particles: 1 };

    /// Returns the defaults for `n` images.
    ///
    /// The minibatch size is the largest power of two from 4 to 128 with at least 180 steps per epoch. Small data would
    /// otherwise take too few steps in the usual number of epochs. Small minibatches are noisy, so z is sampled more often.
    pub(super) fn of(n: usize) -> Self {
        let batch_size = 1 << (n / 180).clamp(4, 128).ilog2();
        Self { batch_size, particles: 128 / batch_size }
    }

    /// Returns the learning rate, and its schedule, of a run with this many steps.
    ///
    /// The rate falls linearly to a hundredth over the run. The first one is proportional to 1/√steps, which is the constant rate with
    /// the best bound for stochastic gradients, and to √(minibatch size), because the noise of a minibatch is inversely proportional to it.
    pub(super) fn pace(&self, kind: Kind, steps: u64) -> (f64, ScheduleSpec) {
        #[allow(clippy::cast_precision_loss, reason = "numbers of steps and images")]
        let rate = RATE * (self.batch_size as f64 / steps.max(1) as f64).sqrt() * if kind.scale { SCALE } else { 1.0 };
        let lr = rate.min(if kind.deep_relu { HIGHEST_DEEP } else { HIGHEST });
        // Two digits, because a user reads it.
        let lr = format!("{lr:.1e}").parse().expect("it is a number");
        (lr, format!("linear:last=0.01,steps={steps}").parse().expect("it is a schedule"))
    }
}

/// Lets the default learning rate of a run of `before` epochs fall over `now` epochs, so that a run that is resumed goes on to learn.
pub(super) fn stretch(method: &mut MethodSettings, scale: bool, (before, now): (u64, u64)) {
    let Some(LrSchedule::Function(spec)) = &method.schedule else { return };
    let (Some(lr), Some(batch_size)) = (method.lr, method.batch_size) else { return };
    let steps = spec.to_string().strip_prefix("linear:last=0.01,steps=").and_then(|steps| steps.parse::<u64>().ok());
    let Some(steps) = steps.filter(|steps| before > 0 && steps % before == 0 && now > before) else { return };
    let defaults = SizeDefaults { batch_size, particles: 1 };
    let paces = [false, true].map(|deep_relu| Kind { deep_relu, scale });
    let pace = paces.into_iter().find(|kind| defaults.pace(*kind, steps).0.to_bits() == lr.to_bits());
    if let Some(kind) = pace {
        let (lr, schedule) = defaults.pace(kind, steps / before * now);
        (method.lr, method.schedule) = (Some(lr), Some(LrSchedule::Function(schedule)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Kind = Kind { deep_relu: false, scale: false };

    #[test]
    fn small_data_gets_small_batches_with_many_particles() {
        let defaults = [0, 500, 1437, 3000, 23_040, 60_000].map(SizeDefaults::of);
        assert_eq!(defaults.map(|d| d.batch_size), [4, 4, 4, 16, 128, 128]);
        assert!(defaults.iter().all(|d| d.batch_size * d.particles == 128));
    }

    #[test]
    fn the_rate_falls_with_the_length_of_the_run_up_to_a_limit() {
        let pace = |n: usize, kind, steps| {
            let (lr, schedule) = SizeDefaults::of(n).pace(kind, steps);
            assert_eq!(schedule.to_string(), format!("linear:last=0.01,steps={steps}"));
            lr
        };
        assert_eq!([1, 256, 1024, 102_400].map(|steps| pace(10, WIDE, steps)), [2.5e-3, 2.5e-3, 2e-3, 2e-4]);
        // The same images in larger minibatches: fewer steps at a larger rate.
        assert_eq!([pace(10, WIDE, 102_400), pace(60_000, WIDE, 102_400 / 8)], [2e-4, 2.5e-3]);
        assert_eq!(pace(60_000, WIDE, 131_072), 1e-3);
        let deep = Kind { deep_relu: true, ..WIDE };
        assert_eq!([100, 102_400].map(|steps| pace(10, deep, steps)), [1e-3, 2e-4]);
        let gaussian = Kind { scale: true, ..WIDE };
        assert_eq!([1, 1024].map(|steps| pace(10, gaussian, steps)), [2.5e-3, 5e-4]);
    }

    /// A longer run has the settings that it would have had from the start. Settings that the user chose stay.
    #[test]
    fn the_default_schedule_grows_with_the_run() {
        let method = |lr: f64, schedule: &str| MethodSettings {
            lr: Some(lr),
            batch_size: Some(4),
            schedule: Some(LrSchedule::Function(schedule.parse().unwrap())),
            ..MethodSettings::default()
        };
        let stretched = |mut settings: MethodSettings, before, now| {
            stretch(&mut settings, false, (before, now));
            settings
        };
        let short = method(2e-3, "linear:last=0.01,steps=1024");
        assert_eq!(stretched(short.clone(), 4, 400), method(2e-4, "linear:last=0.01,steps=102400"));
        assert_eq!(stretched(short.clone(), 4, 2), short);
        let deep = method(1e-3, "linear:last=0.01,steps=1024");
        assert_eq!(stretched(deep, 4, 400), method(2e-4, "linear:last=0.01,steps=102400"));
        for chosen in [method(3e-3, "linear:last=0.01,steps=1024"), method(2e-3, "cosine:steps=1024")] {
            assert_eq!(stretched(chosen.clone(), 4, 16), chosen);
        }
    }
}
