//! Variational inference with fixed random draws.

use kiln_dist::LogJoint;
use kiln_optim::solver::{Outcome, Stop, lbfgs, minimize};
use kiln_tensor::{Stream, derivative::Function};

use super::{EVALUATION_DRAWS, Guide, Importance, ViError, check, estimator::pathwise_bound};

/// Sample-average approximation: fits a guide with fixed random draws by L-BFGS.
///
/// With fixed noise the evidence lower bound is a deterministic, smooth function of the guide's parameters. L-BFGS maximises it
/// without a learning rate and with a test of convergence. The result is biased by the finite number of draws, so the reported
/// bound uses fresh draws.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJointOf;
/// use kiln_train::vi::{Guide, MeanField, SampleAverage};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = LogJointOf::new(2, |z: Tensor<2>| (z - 1.0).square().sum_dim(1).squeeze_dim::<1>(1) * -0.5);
/// let fit = SampleAverage::default().fit(&model, MeanField::new(2, &Device::default()))?;
/// assert!(fit.outcome.success);
/// // Thirty draws of unit variance leave an error of about 0.2.
/// assert!((fit.guide.mean() - 1.0).abs().max().into_scalar::<f32>() < 0.6);
/// # Ok(())
/// # }
/// ```
///
/// # References
/// Giordano, Ingram and Broderick (2024); Burroni, Domke and Sheldon (2023).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleAverage {
    /// Number of fixed draws, at least the guide's [`least_fixed_draws`](Guide::least_fixed_draws). Default 30.
    pub draws: usize,
    /// Stopping rule of L-BFGS. Default [`Stop::default`].
    pub stop: Stop,
    /// Number of fresh draws that estimate the fitted guide's bound, at least 2. Default 4000.
    pub evaluation_draws: usize,
    /// Seed of the draws. Default 0.
    pub seed: u64,
}

impl Default for SampleAverage {
    fn default() -> Self {
        Self { draws: 30, stop: Stop::default(), evaluation_draws: EVALUATION_DRAWS, seed: 0 }
    }
}

/// The result of [`SampleAverage::fit`].
#[derive(Clone, Debug)]
pub struct SampleAverageFit<G> {
    /// The fitted guide.
    pub guide: G,
    /// Fresh draws from the guide, with its evidence lower bound.
    pub importance: Importance,
    /// The solver's outcome. Its value is minus the average over the fixed draws.
    pub outcome: Outcome,
}

impl SampleAverage {
    /// Maximises the average, starting from `guide`.
    ///
    /// # Errors
    /// Returns [`ViError`] if guide and model do not fit, if a setting is out of its range, or if the solver refuses the problem.
    pub fn fit<G: Guide>(&self, model: &impl LogJoint, guide: G) -> Result<SampleAverageFit<G>, ViError> {
        check::dims(model, guide.dims())?;
        let least = guide.least_fixed_draws();
        if self.draws < least {
            return Err(ViError::FixedDraws { least, got: self.draws });
        }
        if self.evaluation_draws < 2 {
            return Err(ViError::Setting { name: "evaluation_draws", expected: "at least 2" });
        }
        check::model_and_guide(model, &guide, self.draws)?;
        let loss = Function::new(&guide, (), |guide: &G, ()| {
            -pathwise_bound(model, guide, self.draws, &mut Stream::new(self.seed, "fixed-draws", 0, 0))
        });
        let outcome = minimize(&loss, loss.parameters(), &lbfgs(), &self.stop)?;
        let guide = loss.layout().unflatten(guide, &outcome.x).expect("the solver keeps the length of its vector");
        let mut stream = Stream::new(self.seed, "svi-evaluate", 0, 0);
        let importance = Importance::new(model, &guide, self.evaluation_draws, &mut stream)?;
        Ok(SampleAverageFit { guide, importance, outcome })
    }
}
