//! An objective under constraints.

use std::sync::{Mutex, PoisonError};

use burn::{module::Module, tensor::Tensor};
use kiln_optim::constrained::DualAscent;
use kiln_tensor::Stream;

use super::{Loss, Objective};

/// An objective under constraints on a minibatch, whose multipliers move while the model trains: E[f] is made small subject to E[g] ≤ 0, or
/// E[h] = 0, as [`DualAscent`] has it.
///
/// The function gives the loss and the constraints' values `[m]` of a model on a minibatch. Reported beside the loss's own terms are
/// `constraint`, the largest value, and `multiplier`, the sum of all. Held-out data are measured by the loss alone. A checkpoint does not have the
/// multipliers: [`ascent`](Self::ascent) does, for a run that is to go on.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{ConditionalModel, Distribution};
/// use kiln_optim::{constrained::DualAscent, solver::SolverError};
/// use kiln_tensor::Stream;
/// use kiln_train::{Constrained, Loss, Objective};
///
/// /// Maximum likelihood with predictions of at least half a nat of entropy.
/// fn humble<M>(device: &Device) -> Result<impl Objective<M, (Tensor<2>, <M::Output as Distribution<2>>::Value)>, SolverError>
/// where
///     M: ConditionalModel,
///     M::Output: Distribution<2>,
/// {
///     let ascent = DualAscent::inequalities(1, device).step(0.01)?.penalty(1.0)?;
///     Ok(Constrained::new(ascent, |model: &M, (inputs, targets), _: &mut Stream| {
///         let predicted = model.forward(inputs);
///         let entropy = predicted.entropy().mean();
///         let nll = -predicted.log_prob_per_example(targets).mean();
///         (Loss { value: nll, terms: Vec::new() }, entropy.neg() + 0.5)
///     }))
/// }
/// ```
#[derive(Debug)]
pub struct Constrained<F> {
    ascent: Mutex<DualAscent>,
    function: F,
}

impl<F> Constrained<F> {
    /// With multipliers of `ascent`, of the loss and the constraints that `function` gives.
    pub fn new<M, B>(ascent: DualAscent, function: F) -> Self
    where
        F: Fn(&M, B, &mut Stream) -> (Loss, Tensor<1>),
    {
        Self { ascent: Mutex::new(ascent), function }
    }

    /// The multipliers as they are now.
    pub fn ascent(&self) -> DualAscent {
        self.ascent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<M: Module, B, F> Objective<M, B> for Constrained<F>
where
    F: Fn(&M, B, &mut Stream) -> (Loss, Tensor<1>) + Sync,
{
    fn loss(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        let (Loss { value, mut terms }, constraints) = (self.function)(model, batch, stream);
        let mut ascent = self.ascent.lock().unwrap_or_else(PoisonError::into_inner);
        let term = ascent.term(constraints.clone());
        terms.push(("constraint", constraints.clone().without_autodiff().max()));
        terms.push(("multiplier", ascent.multipliers().sum()));
        ascent.ascend(constraints);
        Loss { value: value + term, terms }
    }

    fn held_out(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        let (Loss { value, mut terms }, constraints) = (self.function)(model, batch, stream);
        terms.push(("constraint", constraints.without_autodiff().max()));
        Loss { value, terms }
    }
}
