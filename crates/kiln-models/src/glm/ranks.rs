//! The processes whose rows a model is fitted to together.

use std::sync::{Arc, OnceLock};

use kiln_tensor::{World, world::WorldError};

/// A world whose first error is kept, as that of a file of rows is. What is computed after it has no meaning, and is not used.
///
/// All ranks make the same calls in the same order: what they decide by is the same on all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranks {
    world: World,
    failure: Arc<OnceLock<WorldError>>,
}

impl Ranks {
    pub(super) fn new(world: World) -> Self {
        Self { world, failure: Arc::default() }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.world.is_alone()
    }

    pub(super) fn failure(&self) -> Option<&WorldError> {
        self.failure.get()
    }

    /// Adds up the ranks' numbers, entry by entry.
    pub(super) fn sum(&self, numbers: &mut [f64]) {
        if self.failure().is_none()
            && let Err(error) = self.world.sum(numbers)
        {
            self.fail(error);
        }
    }

    /// The same for one number.
    pub(super) fn total(&self, number: f64) -> f64 {
        let mut sum = [number];
        self.sum(&mut sum);
        sum[0]
    }

    /// Returns the numbers of each rank, in the order of the ranks.
    pub(super) fn gather(&self, numbers: Vec<f64>) -> Vec<Vec<f64>> {
        if self.is_alone() || self.failure().is_some() {
            return vec![numbers];
        }
        self.world.gather_numbers(&numbers).unwrap_or_else(|error| {
            self.fail(error);
            vec![numbers]
        })
    }

    /// Keeps an error, which ends all that the ranks do together.
    pub(super) fn fail(&self, error: WorldError) {
        let _ = self.failure.set(error);
    }
}
