//! Stochastic gradients of the evidence lower bound.

use burn::{optim::GradientsParams, tensor::Tensor};
use kiln_dist::LogJoint;
use kiln_tensor::{Stream, flat::Layout};
use serde::{Deserialize, Serialize};

use super::{Guide, ViError, check};
use crate::weighting;

/// A stochastic gradient estimator of the evidence lower bound (ELBO).
///
/// The first six are unbiased for the gradient of the ELBO, E_q [ln p − ln q]. They differ in variance and in their demands on
/// model and guide. The last two estimate the gradient of the importance-weighted bound.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJointOf;
/// use kiln_train::vi::{Estimator, Guide, MeanField, Svi};
///
/// // The score function needs no gradient of the model, and more draws for the same accuracy.
/// let model = LogJointOf::new(1, |z: Tensor<2>| (z - 1.0).square().squeeze_dim::<1>(1) * -0.5);
/// let svi = Svi { estimator: Estimator::LeaveOneOut, particles: 64, steps: 300, lr: Some(0.05), ..Svi::default() };
/// let fit = svi.fit(&model, MeanField::new(1, &Device::default()))?;
/// assert!((fit.guide.mean().into_scalar::<f32>() - 1.0).abs() < 0.2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// The path derivative through the draws, with the guide's entropy in closed form (Kucukelbir et al., 2017).
    Reparameterized,
    /// The path derivative through the draws, with ln q at fixed parameters. The default.
    ///
    /// Its variance goes to zero as the guide approaches the posterior (Roeder, Wu and Duvenaud, 2017).
    #[default]
    StickingTheLanding,
    /// The score function, (ln p − ln q)·∇ln q (Ranganath, Gerrish and Blei, 2014, equation 3).
    ///
    /// The model need not be differentiable. The variance is large.
    ScoreFunction,
    /// The Rao-Blackwellised score function (Ranganath, Gerrish and Blei, 2014, equation 5).
    ///
    /// Each entry zᵢ uses only ln qᵢ and those [factors](LogJoint::factors) of the model that depend on zᵢ. The guide's entries
    /// must be independent.
    RaoBlackwellized,
    /// The score function with the score as control variate (Ranganath, Gerrish and Blei, 2014, equations 7 to 9).
    ///
    /// Each parameter has its own variance-minimising coefficient. The coefficient of each particle is estimated from the other
    /// particles, so the mean stays exact. Needs at least two particles.
    ControlVariate,
    /// The score function with a leave-one-out baseline: the mean of ln p − ln q over the other particles.
    ///
    /// Needs at least two particles (Mnih and Rezende, 2016; Kool, van Hoof and Welling, 2019).
    LeaveOneOut,
    /// The path derivative of the importance-weighted bound E ln (1/k) Σ p/q of k particles.
    ///
    /// (Burda, Grosse and Salakhutdinov, 2015; Domke and Sheldon, 2018.)
    ImportanceWeighted,
    /// The doubly reparameterised gradient of the importance-weighted bound, which has less variance.
    ///
    /// (Tucker, Lawson, Gu and Maddison, 2019, equation 8.)
    DoublyReparameterized,
}

impl Estimator {
    /// All estimators: those of the ELBO first, usually in order of increasing variance.
    pub const ALL: [Self; 8] = [
        Self::StickingTheLanding,
        Self::Reparameterized,
        Self::LeaveOneOut,
        Self::ControlVariate,
        Self::RaoBlackwellized,
        Self::ScoreFunction,
        Self::DoublyReparameterized,
        Self::ImportanceWeighted,
    ];

    /// Returns the name in kebab case, as in `sticking-the-landing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reparameterized => "reparameterized",
            Self::StickingTheLanding => "sticking-the-landing",
            Self::ScoreFunction => "score-function",
            Self::RaoBlackwellized => "rao-blackwellized",
            Self::ControlVariate => "control-variate",
            Self::LeaveOneOut => "leave-one-out",
            Self::ImportanceWeighted => "importance-weighted",
            Self::DoublyReparameterized => "doubly-reparameterized",
        }
    }

    /// Returns whether it estimates the gradient of the ELBO rather than of the importance-weighted bound.
    pub fn is_of_elbo(self) -> bool {
        !matches!(self, Self::ImportanceWeighted | Self::DoublyReparameterized)
    }

    fn uses_scores(self) -> bool {
        matches!(self, Self::ScoreFunction | Self::RaoBlackwellized | Self::ControlVariate | Self::LeaveOneOut)
    }

    /// Checks that the estimator supports this guide and number of particles.
    pub(super) fn check(self, guide: &impl Guide, particles: usize) -> Result<(), ViError> {
        let pairs = matches!(self, Self::ControlVariate | Self::LeaveOneOut);
        let refused = |name, expected| Err(ViError::Setting { name, expected });
        if particles == 0 || (pairs && particles < 2) {
            return refused("particles", "at least 1, and at least 2 for leave-one-out and control-variate");
        }
        if !guide.has_density() && (self.uses_scores() || !self.is_of_elbo()) {
            return refused(
                "estimator",
                "reparameterized or sticking-the-landing, because this guide is a single point",
            );
        }
        if self == Self::RaoBlackwellized && guide.log_prob_each(guide.mean().unsqueeze()).is_none() {
            return refused("estimator", "other than rao-blackwellized, because this guide's entries are dependent");
        }
        Ok(())
    }
}

/// Estimates the bound, in nats, and the gradient of −bound in the guide's parameters, from `particles` draws.
///
/// # Errors
/// Returns [`ViError`] if guide and model do not fit, or if the estimator does not support the guide or the number of particles.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJointOf;
/// use kiln_tensor::Stream;
/// use kiln_train::vi::{Estimator, MeanField, gradient};
///
/// let model = LogJointOf::new(1, |z: Tensor<2>| z.square().squeeze_dim::<1>(1) * -0.5);
/// let guide = MeanField::new(1, &Device::default());
/// let mut stream = Stream::new(0, "gradient", 0, 0);
/// let (bound, _gradients) = gradient(&model, &guide, Estimator::Reparameterized, 8, &mut stream)?;
/// assert!(bound.is_finite());
/// # Ok::<(), kiln_train::vi::ViError>(())
/// ```
pub fn gradient<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> Result<(f64, GradientsParams), ViError> {
    estimator.check(guide, particles)?;
    check::dims(model, guide.dims())?;
    checked_gradient(model, guide, estimator, particles, stream)
}

/// As [`gradient`], without checking guide, estimator and number of particles again.
pub(super) fn checked_gradient<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> Result<(f64, GradientsParams), ViError> {
    let (bound, descent) = estimate(model, guide, estimator, particles, stream)?;
    let gradients = match descent {
        Descent::Loss(loss) => GradientsParams::from_grads(loss.backward(), guide),
        Descent::Vector(vector) => {
            Layout::of(guide).gradients_of(guide, &vector).expect("the vector follows the guide's layout")
        }
    };
    // Read back only now, after all work was sent to the device.
    let bound: Vec<f64> = bound.into_data().try_into_vec_as().expect("a float tensor converts to f64");
    Ok((bound[0], gradients))
}

/// The gradient of −bound in the guide's parameters, in one of two forms.
pub(super) enum Descent {
    /// A loss `[1]` whose backward pass gives the gradient.
    Loss(Tensor<1>),
    /// The gradient itself, `[p]`, in the order of the parameters' [`Layout`].
    Vector(Tensor<1>),
}

/// Estimates the bound `[1]` and the gradient of −bound.
pub(super) fn estimate<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> Result<(Tensor<1>, Descent), ViError> {
    let (bound, loss) = match estimator {
        Estimator::ControlVariate => {
            let (bound, gradient) = control_variate(model, guide, particles, stream)?;
            return Ok((bound, Descent::Vector(gradient)));
        }
        Estimator::Reparameterized => {
            let z = guide.rsample(particles, stream);
            let bound = check::log_joint(model, z)?.mean() + guide.entropy();
            (fixed(&bound), -bound)
        }
        Estimator::StickingTheLanding => {
            let z = guide.rsample(particles, stream);
            let log_q = guide.clone().no_grad().log_prob(z.clone());
            let bound = (check::log_joint(model, z)? - log_q).mean();
            (fixed(&bound), -bound)
        }
        Estimator::ScoreFunction => {
            let Scored { gain, log_q, .. } = Scored::new(model, guide, particles, stream)?;
            (gain.clone().mean(), -(gain * log_q).mean())
        }
        Estimator::LeaveOneOut => {
            let Scored { gain, log_q, .. } = Scored::new(model, guide, particles, stream)?;
            #[allow(clippy::cast_precision_loss, reason = "a number of particles")]
            let n = particles as f64;
            // The difference to the mean of the others is n/(n − 1) times the difference to the mean of all.
            let advantage = (gain.clone() - gain.clone().mean()) * (n / (n - 1.0));
            (gain.mean(), -(advantage * log_q).mean())
        }
        Estimator::RaoBlackwellized => {
            let z = guide.valid().rsample(particles, stream);
            let factors = check::factors(model, z.clone())?;
            let terms = factors.terms.without_autodiff();
            let each = guide.log_prob_each(z).expect("`check` found independent entries");
            let plain = each.clone().without_autodiff();
            let bound = (terms.clone().sum_dim(1) - plain.clone().sum_dim(1)).squeeze_dim::<1>(1).mean();
            let gain = terms.matmul(factors.involved) - plain;
            (bound, -(gain * each).sum_dim(1).mean())
        }
        Estimator::ImportanceWeighted => {
            let z = guide.rsample(particles, stream);
            let bound = weighted_bound(check::log_joint(model, z.clone())? - guide.log_prob(z));
            (fixed(&bound), -bound)
        }
        Estimator::DoublyReparameterized => {
            // ln q contributes only through the path of z. The weights come from a pass without gradients.
            let z = guide.rsample(particles, stream);
            let still = z.clone().without_autodiff();
            let log_weights = check::log_joint(model, still.clone())? - guide.valid().log_prob(still);
            let z = weighting::reweight_paths(z, log_weights.unsqueeze_dim(1), 0.0);
            let log_q = guide.clone().no_grad().log_prob(z.clone());
            let bound = weighted_bound(check::log_joint(model, z)? - log_q);
            (fixed(&bound), -bound)
        }
    };
    Ok((bound, Descent::Loss(loss)))
}

/// Estimates the bound `[1]` by differentiable draws, with the guide's entropy in closed form.
///
/// The caller checked the model's shapes: this function runs inside a recorded closure, which cannot fail.
pub(super) fn pathwise_bound<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    particles: usize,
    stream: &mut Stream,
) -> Tensor<1> {
    model.log_joint(guide.rsample(particles, stream)).mean() + guide.entropy()
}

fn fixed(tensor: &Tensor<1>) -> Tensor<1> {
    tensor.clone().without_autodiff()
}

/// Returns ln (1/k) Σ w, as `[1]`, from ln w `[k]`.
fn weighted_bound(log_weights: Tensor<1>) -> Tensor<1> {
    weighting::bound(log_weights.unsqueeze_dim(1), 0.0).squeeze_dim(1)
}

/// Draws z `[s, d]` without gradients.
struct Scored {
    z: Tensor<2>,
    /// ln p − ln q, without gradients, `[s]`.
    gain: Tensor<1>,
    log_q: Tensor<1>,
}

impl Scored {
    fn new<G: Guide>(model: &impl LogJoint, guide: &G, particles: usize, stream: &mut Stream) -> Result<Self, ViError> {
        let z = guide.valid().rsample(particles, stream);
        let log_q = guide.log_prob(z.clone());
        let gain = check::log_joint(model, z.clone())?.without_autodiff() - fixed(&log_q);
        Ok(Self { z, gain, log_q })
    }
}

fn control_variate<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    particles: usize,
    stream: &mut Stream,
) -> Result<(Tensor<1>, Tensor<1>), ViError> {
    let Scored { z, gain, .. } = Scored::new(model, guide, particles, stream)?;
    let scores = guide.scores(z).without_autodiff();
    let column = gain.clone().unsqueeze_dim::<2>(1);
    // The scores h have mean zero, so the best coefficient Cov(gain·h, h)/Var h is E gain·h²/E h².
    let squares = scores.clone().square();
    let weighted = squares.clone() * column.clone();
    let others = |all: Tensor<2>| all.clone().sum_dim(0) - all;
    // The clamp covers parameters for which no other particle has a score.
    let multiple = others(weighted) / others(squares).clamp_min(f64::from(f32::MIN_POSITIVE));
    let gradient = -(scores * (column - multiple)).mean_dim(0).squeeze_dim::<1>(0);
    Ok((gain.mean(), gradient))
}
