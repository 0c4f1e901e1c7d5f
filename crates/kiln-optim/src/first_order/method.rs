//! What Kiln asks of a first-order method beside Burn's `Optimizer`.

use burn::{
    optim::{AdaGrad, Adafactor, Adan, Lamb, Lion, Muon, Optimizer, RmsProp},
    tensor::Tensor,
};

use super::{Average, Averaged};

/// A per-parameter [`Optimizer`] that says what it is called, and where its iterate is.
///
/// Implemented for Kiln's methods and for Burn's. For your own, `NAME` alone is enough unless the module leaves the
/// iterate while it trains.
pub trait Method: Optimizer {
    /// What a checkpoint calls the method.
    const NAME: &'static str;

    /// Whether the module holds another point than the iterate θ while it trains.
    const IS_AHEAD: bool = false;

    /// Whether it keeps an average of its iterates.
    const KEEPS_AVERAGE: bool = false;

    /// The iterate θ of a parameter whose module holds `tensor`.
    fn iterate<const D: usize>(tensor: Tensor<D>, _state: &Self::State<D>) -> Tensor<D> {
        tensor
    }

    /// The average of the iterates, for a method that keeps one.
    fn average<const D: usize>(_state: &Self::State<D>) -> Option<Tensor<D>> {
        None
    }

    /// The momentum α of step `step`, for a log; absent for a method that has none of its own to report.
    fn momentum_at(&self, _step: u64) -> Option<f64> {
        None
    }

    /// The same steps, with an average of the iterates kept beside them.
    fn averaged(self, average: Average) -> Averaged<Self> {
        Averaged::new(self, average)
    }
}

macro_rules! burns_own {
    ($($method:ty => $name:literal),* $(,)?) => { $(
        impl Method for $method {
            const NAME: &'static str = $name;
        }
    )* };
}

burns_own! {
    AdaGrad => "burn-adagrad",
    Adafactor => "burn-adafactor",
    burn::optim::Adam => "burn-adam",
    burn::optim::AdamW => "burn-adamw",
    Adan => "burn-adan",
    Lamb => "burn-lamb",
    Lion => "burn-lion",
    Muon => "burn-muon",
    RmsProp => "burn-rmsprop",
    burn::optim::Sgd => "burn-sgd",
}
