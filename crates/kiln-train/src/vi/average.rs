//! The bound as a function without chance: the average over fixed draws.

use kiln_optim::solver::{Outcome, Stop, lbfgs, minimize};
use kiln_tensor::{Stream, derivative::Function};

use super::{Guide, Importance, LogJoint, ViError, estimator::pathwise_bound};

/// Sample-average approximation: the draws' noise is fixed, the bound becomes a smooth function of the guide's parameters, and L-BFGS climbs
/// it to the top, without a step size, and with a test of convergence (Giordano, Ingram and Broderick, 2024; Burroni, Domke and
/// Sheldon, 2023). What the few draws miss stays in the result: its bound is told of other draws.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_train::vi::{Guide, LogJointOf, MeanField, SampleAverage};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = LogJointOf::new(2, |z: Tensor<2>| (z - 1.0).square().sum_dim(1).squeeze_dim::<1>(1) * -0.5);
/// let fit = SampleAverage::default().fit(&model, MeanField::new(2, &Device::default()))?;
/// assert!(fit.outcome.success);
/// // Thirty draws of unit variance leave an error of 0.2 or so.
/// assert!((fit.guide.mean() - 1.0).abs().max().into_scalar::<f32>() < 0.6);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleAverage {
    /// Draws that the bound is averaged over, at least the guide's [`least_fixed_draws`](Guide::least_fixed_draws). Default 30.
    pub draws: usize,
    /// When L-BFGS stops. Default the solvers'.
    pub stop: Stop,
    /// Draws of the guide that the fit ends with, at least 2. Default 1000.
    pub evaluation: usize,
    /// Fixes the draws. Default 0.
    pub seed: u64,
}

impl Default for SampleAverage {
    fn default() -> Self {
        Self { draws: 30, stop: Stop::default(), evaluation: 1000, seed: 0 }
    }
}

/// A guide at the top of an average over fixed draws.
#[derive(Clone, Debug)]
pub struct SampleAverageFit<G> {
    /// The guide.
    pub guide: G,
    /// Other draws of it, with its evidence lower bound.
    pub importance: Importance,
    /// How the solver ended; its value is minus the average over the fixed draws.
    pub outcome: Outcome,
}

impl SampleAverage {
    /// Raises the average from where `guide` is.
    ///
    /// # Errors
    /// [`ViError::Dims`], [`ViError::FixedDraws`], [`ViError::Setting`], [`ViError::Solver`].
    pub fn fit<G: Guide>(&self, model: &impl LogJoint, guide: G) -> Result<SampleAverageFit<G>, ViError> {
        let got = guide.dims();
        if got != model.dims() {
            return Err(ViError::Dims { expected: model.dims(), got });
        }
        let least = guide.least_fixed_draws();
        if self.draws < least {
            return Err(ViError::FixedDraws { least, got: self.draws });
        }
        if self.evaluation < 2 {
            return Err(ViError::Setting { name: "evaluation", expected: "at least 2" });
        }
        let loss = Function::new(&guide, (), |guide: &G, ()| {
            -pathwise_bound(model, guide, self.draws, &mut Stream::new(self.seed, "fixed-draws", 0, 0))
        });
        let outcome = minimize(&loss, loss.parameters(), &lbfgs(), &self.stop)?;
        let guide = loss.layout().unflatten(guide, &outcome.x).expect("the solver keeps the length");
        let mut stream = Stream::new(self.seed, "svi-evaluate", 0, 0);
        let importance = Importance::new(model, &guide, self.evaluation, &mut stream);
        Ok(SampleAverageFit { guide, importance, outcome })
    }
}
