//! Stochastic gradient descent: θ ← θ − εg.

use burn::{
    optim::{ModuleOptimizer, Optimizer},
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::{Elements, Pass, Real, pass};

use super::Method;

/// Stochastic gradient descent, θ ← θ − εg (Robbins and Monro, 1951; *Deep Learning*, algorithm 8.1).
///
/// It has no state and no hyperparameter except the learning rate ε, which is passed to every step.
///
/// # Example
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
    /// Returns the Burn optimiser of a whole module.
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
        let [tensor] = pass(&GradientStep { lr }, [tensor], grad);
        (tensor, None)
    }

    fn to_device<const D: usize>(_state: (), _device: &Device) {}
}

/// θ ← θ − εg.
#[derive(Clone, Copy)]
pub(super) struct GradientStep {
    pub(super) lr: f64,
}

impl Pass<1> for GradientStep {
    #[inline(always)]
    fn element<E: Real>(&self, [theta]: [E; 1], gradient: E) -> [E; 1] {
        [theta - gradient * E::of(self.lr)]
    }

    fn tensors<const D: usize>(&self, [theta]: [Tensor<D>; 1], gradient: Tensor<D>) -> [Tensor<D>; 1] {
        [theta - gradient * self.lr]
    }

    #[inline(never)]
    fn everywhere(&self, elements: Elements<'_, 1>) {
        elements.update(self);
    }
}

impl Method for Sgd {
    const NAME: &'static str = "sgd";
    const BY_PASSES: bool = true;
}
