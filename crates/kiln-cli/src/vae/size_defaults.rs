//! Batches, particles and step sizes when nothing else is asked for.

use kiln::optim::ScheduleSpec;

/// ε₀ on small data, and the epochs over which it decays. Not tied to the length of the run: two halves of a run, one
/// resumed after the other, take the steps of the whole.
const SMALL_DATA_LR: f64 = 4e-3;
const SMALL_DATA_EPOCHS: u64 = 8;

/// What is done for a data set of some size when nothing else is asked for.
pub(super) struct SizeDefaults {
    pub(super) batch_size: usize,
    pub(super) particles: usize,
    pub(super) lr: f64,
}

impl SizeDefaults {
    pub(super) const LARGE: Self = Self { batch_size: 128, particles: 1, lr: 1e-3 };

    /// Small data gets small batches, the largest power of two from 4 to 128 that leaves at least 180 steps to an epoch:
    /// it would otherwise see too few steps to learn from in the usual number of epochs. The noise of so few examples is
    /// made up for by particles, and by steps that decay to a hundredth over the first epochs. Several layers of relu one above another give z
    /// up under such large steps, and get the usual ones.
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
