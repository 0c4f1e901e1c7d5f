//! What a run is made of, apart from the model and the data.

use std::sync::{Arc, atomic::AtomicBool};

use kiln_optim::FirstOrder;
use kiln_tensor::World;

use crate::{Checkpoints, Observer, TrainConfig};

/// The parts that [`Trainer`](crate::Trainer) collects.
pub(crate) struct Setup<'a, M> {
    pub(crate) config: TrainConfig,
    pub(crate) optimizer: FirstOrder,
    pub(crate) observers: Vec<Box<dyn Observer<M> + 'a>>,
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) interrupt: Arc<AtomicBool>,
    /// The name of the held-out data in reports.
    pub(crate) held_out: &'static str,
    /// Whether a step on a GPU may be captured.
    pub(crate) captures: bool,
    /// The processes that train together.
    pub(crate) world: World,
}
