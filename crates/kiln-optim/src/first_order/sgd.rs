//! Stochastic gradient descent: θ ← θ − εg.

use burn::{
    optim::{ModuleOptimizer, Optimizer},
    tensor::{Device, Tensor},
};

use super::Method;

/// Stochastic gradient descent, θ ← θ − εg (Robbins and Monro, 1951; *Deep Learning*, algorithm 8.1).
///
/// It has no hyperparameter but the step size ε, which comes with every step, and no state.
///
/// ```
/// use kiln_optim::{FirstOrder, Sgd};
///
/// let optimizer = FirstOrder::from(Sgd);      // for Kiln's trainer
/// let for_burn = Sgd.init();                  // for Burn's own training loop
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sgd;

impl Sgd {
    /// The optimiser of a whole module.
    pub fn init(self) -> ModuleOptimizer {
        self.into()
    }
}

impl Optimizer for Sgd {
    type State<const D: usize> = ();

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        _state: Option<()>,
    ) -> (Tensor<D>, Option<()>) {
        (tensor - grad * lr, None)
    }

    fn to_device<const D: usize>(_state: (), _device: &Device) {}
}

impl Method for Sgd {
    const NAME: &'static str = "sgd";
}
