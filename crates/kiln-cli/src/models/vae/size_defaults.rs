//! Default minibatch sizes, particles and learning rates.

use kiln::optim::ScheduleSpec;

use crate::{names::LrSchedule, settings::MethodSettings};

/// The learning rate is this number divided by √epochs. See `benches/recipes`.
const RATE: f64 = 0.01;

/// The part of the rate for a likelihood with a learned scale. The scale follows the error on the training images, so that a large
/// rate harms new images more.
const SCALE: f64 = 0.6;

/// The largest learning rate.
const HIGHEST: f64 = 2.5e-3;

/// The largest learning rate of networks with several layers of relu or units like it, which lose z under a larger one. It grows with the
/// root of the minibatch size, as the rate does.
const HIGHEST_DEEP: f64 = 1e-3;

/// A shorter run has the rates of the first epochs of a run of this many, so that short runs are parts of each other.
const SHORT: u64 = 10;

/// The largest number of epochs of a run with the minibatches of a short one: the default.
const USUAL: u64 = 20;

/// What the defaults ask of the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) deep_relu: bool,
    /// Whether the likelihood has a scale that is fitted to the training images.
    pub(super) scale: bool,
}

/// The defaults for a number of images and of epochs.
#[derive(Clone, Copy, Debug)]
pub(super) struct SizeDefaults {
    pub(super) batch_size: usize,
    pub(super) particles: usize,
}

impl SizeDefaults {
    /// The defaults for large data.
    pub(super) const LARGE: Self = Self { batch_size: 128, particles: 1 };

    /// Returns the defaults for `n` images and a run of so many epochs.
    ///
    /// The minibatch size is the largest power of two from 4 to 128 with at least 180 steps per epoch. Small data would
    /// otherwise take too few steps in the usual number of epochs. A run of more than 20 epochs has enough steps in larger minibatches: its
    /// number of steps need only grow with the power 0.4 of the epochs. Small minibatches are noisy, so z is sampled more often.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
    pub(super) fn of(n: usize, epochs: u64) -> Self {
        let longer = if epochs > USUAL { epochs as f64 / SHORT as f64 } else { 1.0 };
        let batch_size = 1 << ((n as f64 * longer.powf(0.6) / 180.0) as usize).clamp(4, 128).ilog2();
        Self { batch_size, particles: 128 / batch_size }
    }

    /// Returns how many times larger the minibatch size is than in a short run.
    #[allow(clippy::cast_precision_loss, reason = "a minibatch size")]
    pub(super) fn growth(batch_size: usize, n: usize) -> f64 {
        batch_size as f64 / Self::of(n, SHORT).batch_size as f64
    }
}

/// What the learning rate depends on, beside the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub(super) epochs: u64,
    pub(super) steps_per_epoch: u64,
    /// See [`SizeDefaults::growth`].
    pub(super) growth: f64,
}

/// Returns the first learning rate of a run, and its schedule.
///
/// The rate falls linearly to a hundredth over the run. The first one is proportional to 1/√epochs, as is the constant rate with the best
/// bound for a number of stochastic gradients. Where minibatches grow with the run, there are fewer of them, and the rate grows with the
/// root of their size.
pub(super) fn pace(kind: Kind, length: Length) -> (f64, ScheduleSpec) {
    let Length { epochs, steps_per_epoch, growth } = length;
    let epochs = epochs.max(SHORT);
    #[allow(clippy::cast_precision_loss, reason = "a number of epochs")]
    let rate = RATE * (growth / epochs as f64).sqrt() * if kind.scale { SCALE } else { 1.0 };
    let lr = rate.min(if kind.deep_relu { HIGHEST_DEEP * growth.sqrt() } else { HIGHEST });
    // Two digits, because a user reads it.
    let lr = format!("{lr:.1e}").parse().expect("it is a number");
    let steps = epochs.saturating_mul(steps_per_epoch);
    (lr, format!("linear:last=0.01,steps={steps}").parse().expect("it is a schedule"))
}

/// Steps in which the weight of the KL term rises in networks of several layers.
const RISE: u64 = 100;

/// Returns the epochs in which the weight of the KL term rises from 0: about [`RISE`] steps, and at most a fifth of the run, or of
/// [`SHORT`] epochs if the run is shorter. Networks of several layers that see few images learn to ignore z otherwise.
pub(super) fn kl_warm_up(deep: bool, images: usize, steps_per_epoch: u64, epochs: u64) -> u64 {
    if !deep || SizeDefaults::of(images, SHORT).batch_size == SizeDefaults::LARGE.batch_size {
        return 0;
    }
    RISE.div_ceil(steps_per_epoch.max(1)).min(epochs.max(SHORT) / 5)
}

/// Lets the default learning rate of a run of `before` epochs on `n` images fall over `now` epochs, so that a run that is resumed goes on to
/// learn. The minibatch size stays.
pub(super) fn stretch(method: &mut MethodSettings, scale: bool, n: usize, (before, now): (u64, u64)) {
    let Some(LrSchedule::Function(spec)) = &method.schedule else { return };
    let steps = spec.to_string().strip_prefix("linear:last=0.01,steps=").and_then(|steps| steps.parse::<u64>().ok());
    let (Some(lr), Some(steps)) = (method.lr, steps) else { return };
    let steps_per_epoch = steps / before.max(SHORT);
    let growth = SizeDefaults::growth(method.batch_size.unwrap_or(SizeDefaults::LARGE.batch_size), n);
    let length = |epochs| Length { epochs, steps_per_epoch, growth };
    let kinds = [false, true].map(|deep_relu| Kind { deep_relu, scale });
    let is_default = |kind: &Kind| pace(*kind, length(before)) == (lr, spec.clone());
    if let Some(kind) = kinds.into_iter().find(is_default).filter(|_| now > before) {
        let (lr, schedule) = pace(kind, length(now));
        (method.lr, method.schedule) = (Some(lr), Some(LrSchedule::Function(schedule)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Kind = Kind { deep_relu: false, scale: false };

    #[test]
    fn small_data_gets_small_batches_with_many_particles() {
        let defaults = |epochs| [0, 500, 1437, 3000, 10_000, 23_040, 60_000].map(|n| SizeDefaults::of(n, epochs));
        let sizes = |epochs| defaults(epochs).map(|d| d.batch_size);
        assert_eq!(sizes(1), [4, 4, 4, 16, 32, 128, 128]);
        assert_eq!(sizes(20), sizes(1));
        assert_eq!(sizes(40), [4, 4, 16, 32, 64, 128, 128]);
        assert_eq!(sizes(200), [4, 16, 32, 64, 128, 128, 128]);
        assert!(defaults(40).iter().all(|d| d.batch_size * d.particles == 128));
    }

    #[test]
    fn the_rate_falls_with_the_length_of_the_run_up_to_a_limit() {
        let of = |epochs, growth| Length { epochs, steps_per_epoch: 7, growth };
        let rates = |kind: Kind| [1, 16, 100, 400].map(|epochs| pace(kind, of(epochs, 1.0)).0.to_string());
        assert_eq!(rates(WIDE), ["0.0025", "0.0025", "0.001", "0.0005"]);
        assert_eq!(rates(Kind { deep_relu: true, ..WIDE }), ["0.001", "0.001", "0.001", "0.0005"]);
        assert_eq!(rates(Kind { scale: true, ..WIDE }), ["0.0019", "0.0015", "0.0006", "0.0003"]);
        assert_eq!(pace(WIDE, of(30, 1.0)).1.to_string(), "linear:last=0.01,steps=210");
        assert_eq!(pace(WIDE, of(2, 1.0)), pace(WIDE, of(10, 1.0)));
        assert_eq!(pace(Kind { deep_relu: true, ..WIDE }, of(40, 4.0)).0.to_string(), "0.002");
        assert_eq!(pace(WIDE, of(400, 4.0)).0.to_string(), "0.001", "minibatches are four times as large");
    }

    #[test]
    fn the_weight_of_the_kl_rises_in_deep_networks_for_few_images() {
        let epochs = [(1437, 360, 10), (150, 38, 10), (150, 38, 200), (10, 3, 2), (10, 3, 200)]
            .map(|(images, steps, epochs)| kl_warm_up(true, images, steps, epochs));
        assert_eq!(epochs, [1, 2, 3, 2, 34]);
        assert_eq!([kl_warm_up(true, 60_000, 469, 10), kl_warm_up(false, 150, 38, 10)], [0, 0]);
    }

    /// A longer run has the learning rate that it would have had from the start with these minibatches. Settings that the user chose stay.
    #[test]
    fn the_default_schedule_grows_with_the_run() {
        let method = |(lr, schedule): (f64, &str)| MethodSettings {
            lr: Some(lr),
            schedule: Some(LrSchedule::Function(schedule.parse().unwrap())),
            ..MethodSettings::default()
        };
        let stretched = |settings, before, now| {
            let mut settings = method(settings);
            stretch(&mut settings, false, 60_000, (before, now));
            settings
        };
        let short = (2.5e-3, "linear:last=0.01,steps=70");
        assert_eq!(stretched(short, 4, 10), method(short));
        assert_eq!(stretched(short, 4, 100), method((1e-3, "linear:last=0.01,steps=700")));
        assert_eq!(
            stretched((1e-3, "linear:last=0.01,steps=700"), 100, 400),
            method((5e-4, "linear:last=0.01,steps=2800"))
        );
        assert_eq!(
            stretched((1e-3, "linear:last=0.01,steps=700"), 100, 50),
            method((1e-3, "linear:last=0.01,steps=700"))
        );
        assert_eq!(
            stretched((1e-3, "linear:last=0.01,steps=70"), 4, 400),
            method((5e-4, "linear:last=0.01,steps=2800"))
        );
        // The minibatches of a run of 100 epochs on 1437 images are four times as large as those of a short one.
        let mut larger = MethodSettings { batch_size: Some(16), ..method((2e-3, "linear:last=0.01,steps=9000")) };
        stretch(&mut larger, false, 1437, (100, 400));
        let expected = method((1e-3, "linear:last=0.01,steps=36000"));
        assert_eq!((larger.lr, larger.schedule), (expected.lr, expected.schedule));
        for chosen in [(3e-3, "linear:last=0.01,steps=70"), (2.5e-3, "cosine:steps=70")] {
            assert_eq!(stretched(chosen, 4, 16), method(chosen));
        }
    }
}
