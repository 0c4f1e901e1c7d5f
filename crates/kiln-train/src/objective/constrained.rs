//! An objective under constraints.

use std::sync::{Mutex, PoisonError};

use burn::{module::Module, tensor::Tensor};
use kiln_optim::constrained::DualAscent;
use kiln_tensor::Stream;

use super::{Loss, Objective};

/// An objective under constraints that are measured on a minibatch, with multipliers that move while the model trains.
///
/// It minimises the mean of f subject to a mean of g of at most 0, or a mean of h equal to 0; see [`DualAscent`]. The function
/// returns the loss and the values `[m]` of the constraints. Reports, beside the loss's own terms, `constraint` (the largest
/// value) and `multiplier` (the sum of all multipliers). Held-out data are measured by the loss alone.
///
/// A checkpoint does not contain the multipliers. To continue a run, save [`ascent`](Self::ascent) yourself.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{ConditionalModel, Distribution, Entropy};
/// use kiln_optim::{constrained::DualAscent, solver::SolverError};
/// use kiln_tensor::Stream;
/// use kiln_train::{Constrained, Loss, Objective};
///
/// /// Maximum likelihood with a mean entropy of the predictions of at least half a nat.
/// fn humble<M>(device: &Device) -> Result<impl Objective<M, (Tensor<2>, <M::Output as Distribution<2>>::Value)>, SolverError>
/// where
///     M: ConditionalModel,
///     M::Output: Distribution<2> + Entropy<2>,
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
    /// The objective with the multipliers of `ascent`, and the loss and constraints of `function`.
    pub fn new<M, B>(ascent: DualAscent, function: F) -> Self
    where
        F: Fn(&M, B, &mut Stream) -> (Loss, Tensor<1>),
    {
        Self { ascent: Mutex::new(ascent), function }
    }

    /// Returns the current multipliers.
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

#[cfg(test)]
mod tests {
    use burn::{module::Param, tensor::Device};

    use super::*;

    type Vector = Param<Tensor<1>>;

    fn number(tensor: Tensor<1>) -> f64 {
        tensor.into_scalar::<f64>()
    }

    /// The nearest point to (3, 1) with x + y ≤ 2, or = 2, is (2, 0), with a multiplier of 2. Without an active constraint it is
    /// (3, 1), with a multiplier of 0.
    #[test]
    fn descent_and_ascent_meet_at_the_saddle() {
        let device = Device::default();
        for (ascent, allowed, expected, multiplier) in [
            (DualAscent::inequalities(1, &device), 2.0, [2.0, 0.0], 2.0),
            (DualAscent::equalities(1, &device), 2.0, [2.0, 0.0], 2.0),
            (DualAscent::equalities(1, &device), 6.0, [4.0, 2.0], -2.0),
            (DualAscent::inequalities(1, &device), 6.0, [3.0, 1.0], 0.0),
        ] {
            for penalty in [0.0, 1.0] {
                let ascent = ascent.clone().step(0.05).unwrap().penalty(penalty).unwrap();
                let objective = Constrained::new(ascent, move |x: &Vector, target: Tensor<1>, _: &mut Stream| {
                    let value = (x.val() - target).square().sum();
                    (Loss { value, terms: Vec::new() }, x.val().sum() - allowed)
                });
                let target = Tensor::<1>::from_data([3.0, 1.0], &device);
                let mut stream = Stream::new(0, "none", 0, 0);
                let mut x = Tensor::<1>::zeros([2], &device);
                for _ in 0..2000 {
                    let at = Param::from_tensor(x.clone().autodiff().require_grad());
                    let Loss { value, .. } = objective.loss(&at, target.clone(), &mut stream);
                    x = x - at.val().grad(&value.backward()).unwrap() * 0.1;
                }
                let found: Vec<f64> = x.clone().try_into_vec_as().unwrap();
                let price = number(objective.ascent().multipliers());
                // In f32, for numbers near 1.
                assert!(found.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-4), "{found:?} with {penalty}");
                assert!((price - multiplier).abs() < 1e-4, "{price}, not {multiplier}, with {penalty}");
                // Held-out data do not move the multiplier.
                let held_out = objective.held_out(&Param::from_tensor(x), target, &mut stream);
                assert_eq!(number(objective.ascent().multipliers()).to_bits(), price.to_bits());
                let distance = (expected[0] - 3.0).powi(2) + (expected[1] - 1.0f64).powi(2);
                assert!((number(held_out.value) - distance).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let ascent = || DualAscent::inequalities(1, &Device::default());
        assert!(ascent().step(0.0).is_err() && ascent().step(f64::NAN).is_err());
        assert!(ascent().penalty(-1.0).is_err() && ascent().penalty(f64::INFINITY).is_err());
    }
}
