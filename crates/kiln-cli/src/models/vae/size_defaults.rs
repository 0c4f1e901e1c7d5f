//! Default minibatch sizes, particles and learning rates.

use kiln::optim::ScheduleSpec;

/// The first learning rate on small data, and the epochs over which it decays. These do not depend on the length of the
/// run, so that a resumed run takes the steps of an uninterrupted one.
const SMALL_DATA_LR: f64 = 4e-3;
const SMALL_DATA_EPOCHS: u64 = 8;

/// The defaults for a number of images.
pub(super) struct SizeDefaults {
    pub(super) batch_size: usize,
    pub(super) particles: usize,
    pub(super) lr: f64,
}

impl SizeDefaults {
    pub(super) const LARGE: Self = Self { batch_size: 128, particles: 1, lr: 1e-3 };

    /// Returns the defaults for `n` images.
    ///
    /// The minibatch size is the largest power of two from 4 to 128 with at least 180 steps per epoch. Small data would
    /// otherwise take too few steps in the usual number of epochs. Small minibatches are noisy, so z is sampled more often,
    /// and the learning rate decays to a hundredth over the first epochs. Networks with several relu layers lose z under
    /// such a large learning rate, and get the usual one.
    pub(super) fn of(n: usize, deep_relu: bool) -> Self {
        let batch_size = 1 << (n / 180).clamp(4, 128).ilog2();
        let lr = if batch_size < 128 && !deep_relu { SMALL_DATA_LR } else { Self::LARGE.lr };
        Self { batch_size, particles: 128 / batch_size, lr }
    }

    pub(super) fn schedule(&self, n: usize, accumulate: u64) -> Option<ScheduleSpec> {
        let steps = SMALL_DATA_EPOCHS * (n.div_ceil(self.batch_size) as u64).div_ceil(accumulate);
        (self.lr > Self::LARGE.lr).then(|| format!("linear:steps={steps}").parse().expect("it is a schedule"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_data_gets_small_batches_with_many_particles_and_decaying_steps() {
        let recipes = [0, 500, 1437, 3000, 23_040, 60_000].map(|n| SizeDefaults::of(n, false));
        assert_eq!(recipes.each_ref().map(|r| r.batch_size), [4, 4, 4, 16, 128, 128]);
        assert!(recipes.iter().all(|r| r.batch_size * r.particles == 128));
        let schedule = |n| SizeDefaults::of(n, false).schedule(n, 1).map(|spec| spec.to_string());
        assert_eq!(schedule(1438), Some("linear:last=0.01,steps=2880".into()));
        assert_eq!(schedule(60_000), None);
        let deep = SizeDefaults::of(500, true);
        assert!(deep.lr < SizeDefaults::of(500, false).lr && deep.schedule(500, 1).is_none());
    }
}
