//! Multipliers that are updated in a training loop.

use burn::tensor::Tensor;

use crate::solver::{SolverError, within};

/// Lagrange multipliers for training by minibatches, without inner problems.
///
/// Each step descends on the parameters and ascends on the multipliers: λ ← λ + η·h and μ ← max(0, μ + η·g), with the constraints'
/// values h and g on the minibatch. With a penalty ρ above 0, the term in the loss is that of the augmented Lagrangian, ρ/2·(max(0,
/// g + μ/ρ)² − (μ/ρ)²). It has the same saddle point and damps the oscillation around it.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::constrained::DualAscent;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Minimise (x − 2)² subject to x ≤ 1: x = 1, with a multiplier of 2.
/// let device = Device::default();
/// let mut x = Tensor::<1>::zeros([1], &device);
/// let mut ascent = DualAscent::inequalities(1, &device).step(0.5)?.penalty(1.0)?;
/// for _ in 0..300 {
///     let at = x.clone().autodiff().require_grad();
///     let constraint = at.clone() - 1.0;
///     let loss = (at.clone() - 2.0).square() + ascent.term(constraint.clone());
///     let gradient = at.grad(&loss.backward()).expect("the loss depends on x");
///     ascent.ascend(constraint);
///     x = x - gradient * 0.1;
/// }
/// assert!((x.into_scalar::<f32>() - 1.0).abs() < 1e-3);
/// assert!((ascent.multipliers().into_scalar::<f32>() - 2.0).abs() < 1e-2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DualAscent {
    multipliers: Tensor<1>,
    step: f64,
    penalty: f64,
    signed: bool,
}

impl DualAscent {
    /// Returns multipliers for `m` constraints g ≤ 0. They start at 0, with a step size of 0.01 and no penalty.
    pub fn inequalities(m: usize, device: &burn::tensor::Device) -> Self {
        Self { multipliers: Tensor::zeros([m], device), step: 0.01, penalty: 0.0, signed: false }
    }

    /// Returns multipliers for `m` constraints h = 0. They start at 0, with a step size of 0.01 and no penalty.
    pub fn equalities(m: usize, device: &burn::tensor::Device) -> Self {
        Self { signed: true, ..Self::inequalities(m, device) }
    }

    /// Sets the step size η, above 0. Default 0.01.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`].
    pub fn step(self, step: f64) -> Result<Self, SolverError> {
        within("step", step, 0.0, f64::INFINITY, "finite and above 0")?;
        Ok(Self { step, ..self })
    }

    /// Sets the penalty ρ, at least 0. Default 0.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`].
    pub fn penalty(self, penalty: f64) -> Result<Self, SolverError> {
        if penalty >= 0.0 && penalty.is_finite() {
            return Ok(Self { penalty, ..self });
        }
        Err(SolverError::Option { name: "penalty", expected: "finite and at least 0", got: penalty })
    }

    /// Sets the multipliers `[m]`, for example to saved ones.
    #[must_use]
    pub fn from_multipliers(self, multipliers: Tensor<1>) -> Self {
        Self { multipliers: multipliers.without_autodiff(), ..self }
    }

    /// Returns the term that is added to the loss for constraints with values `[m]`, as `[1]`.
    pub fn term(&self, constraints: Tensor<1>) -> Tensor<1> {
        let multipliers = self.multipliers.clone();
        if self.penalty <= 0.0 {
            return (constraints * multipliers).sum();
        }
        let shift = multipliers.clone() * self.penalty.recip();
        let moved = constraints + shift.clone();
        let moved = if self.signed { moved } else { moved.clamp_min(0.0) };
        (moved.square() - shift.square()).sum() * (0.5 * self.penalty)
    }

    /// Updates the multipliers with the constraints' values `[m]`, on their device and without a read. Values that are not finite
    /// change nothing.
    pub fn ascend(&mut self, constraints: Tensor<1>) {
        let broken = constraints.clone().is_nan().bool_or(constraints.clone().is_inf());
        let constraints = constraints.mask_fill(broken, 0.0);
        let moved = self.multipliers.clone() + constraints.without_autodiff() * self.step;
        self.multipliers = if self.signed { moved } else { moved.clamp_min(0.0) };
    }

    /// Returns λ or μ, `[m]`.
    pub fn multipliers(&self) -> Tensor<1> {
        self.multipliers.clone()
    }
}
