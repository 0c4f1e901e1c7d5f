//! Stochastic gradients of the evidence lower bound.

use burn::{optim::GradientsParams, tensor::Tensor};
use kiln_tensor::{Stream, flat::Layout};
use serde::{Deserialize, Serialize};

use super::{Guide, LogJoint, ViError};
use crate::weighting;

/// How the gradient of the bound is estimated. The first six have the exact gradient of E_q [ln p − ln q] as their mean; they differ in variance,
/// and in what they ask of model and guide. The last two are of the importance-weighted bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// Through the draws, with the guide's entropy in closed form (Kucukelbir et al., 2017). The default.
    #[default]
    Reparameterized,
    /// Through the draws, with ln q at fixed parameters: its variance goes to zero as the guide becomes the posterior (Roeder, Wu and
    /// Duvenaud, 2017).
    StickingTheLanding,
    /// (ln p − ln q)·∇ln q: the model need not be differentiable, and the variance is large (Ranganath, Gerrish and Blei, 2014, (3)).
    ScoreFunction,
    /// The same, where the number zᵢ's own ∇ln qᵢ meets only ln qᵢ and the model's [factors](LogJoint::factors) that zᵢ is in (Ranganath,
    /// Gerrish and Blei, 2014, (5)). For a guide of independent numbers.
    RaoBlackwellized,
    /// The score function less a multiple a·∇ln q of the score, whose mean is zero, each parameter with the a that leaves it the least
    /// variance (Ranganath, Gerrish and Blei, 2014, (7) to (9)). For each particle a comes from the others, so that the mean stays exact: at
    /// least two.
    ControlVariate,
    /// The score function less the mean of the other particles' ln p − ln q (Mnih and Rezende, 2016; Kool, van Hoof and Welling, 2019): at
    /// least two.
    LeaveOneOut,
    /// Of the importance-weighted bound E ln (1/k) Σ p/q of k particles (Burda, Grosse and Salakhutdinov, 2015; Domke and Sheldon, 2018),
    /// through the draws.
    ImportanceWeighted,
    /// Of the same bound, doubly reparameterised: with less variance (Tucker, Lawson, Gu and Maddison, 2019, (8)).
    DoublyReparameterized,
}

impl Estimator {
    /// Every estimator, those that have less variance as a rule first.
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

    /// Its name, as in `sticking-the-landing`.
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

    /// Whether its mean is the gradient of E_q [ln p − ln q], and not of the importance-weighted bound.
    pub fn is_of_elbo(self) -> bool {
        !matches!(self, Self::ImportanceWeighted | Self::DoublyReparameterized)
    }

    fn uses_scores(self) -> bool {
        matches!(self, Self::ScoreFunction | Self::RaoBlackwellized | Self::ControlVariate | Self::LeaveOneOut)
    }

    /// Whether it can be had of `particles` draws of `guide`.
    pub(super) fn check(self, guide: &impl Guide, particles: usize) -> Result<(), ViError> {
        let pairs = matches!(self, Self::ControlVariate | Self::LeaveOneOut);
        let refused = |name, expected| Err(ViError::Setting { name, expected });
        if particles == 0 || (pairs && particles < 2) {
            return refused("particles", "at least 1, and 2 for a baseline made of the others");
        }
        if !guide.has_density() && (self.uses_scores() || !self.is_of_elbo()) {
            return refused("estimator", "reparameterized or sticking-the-landing for a guide that is one point");
        }
        if self == Self::RaoBlackwellized && guide.log_prob_each(guide.mean().unsqueeze()).is_none() {
            return refused(
                "estimator",
                "another than rao-blackwellized for a guide whose numbers depend on one another",
            );
        }
        Ok(())
    }
}

/// An estimate of the bound by `particles` draws, and of the gradient of −bound in the guide's parameters.
///
/// # Errors
/// [`ViError::Setting`] where the estimator cannot be had of such a guide, or of so few draws.
pub fn gradient<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> Result<(f64, GradientsParams), ViError> {
    estimator.check(guide, particles)?;
    Ok(checked_gradient(model, guide, estimator, particles, stream))
}

/// As [`gradient`], of an estimator that the guide was found to have.
pub(super) fn checked_gradient<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> (f64, GradientsParams) {
    let (bound, descent) = estimate(model, guide, estimator, particles, stream);
    let gradients = match descent {
        Descent::Loss(loss) => GradientsParams::from_grads(loss.backward(), guide),
        Descent::Vector(vector) => {
            Layout::of(guide).gradients_of(guide, &vector).expect("it has the guide's own layout")
        }
    };
    // Only now, that the device knows all of its work.
    let bound: Vec<f64> = bound.into_data().try_into_vec_as().expect("floats");
    (bound[0], gradients)
}

/// The gradient of −bound in the guide's parameters.
pub(super) enum Descent {
    /// Of this loss `[1]`, by a backward pass.
    Loss(Tensor<1>),
    /// Its numbers `[p]`, in the order of the parameters' [`Layout`].
    Vector(Tensor<1>),
}

/// An estimate `[1]` of the bound, and of the gradient of −bound.
pub(super) fn estimate<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    estimator: Estimator,
    particles: usize,
    stream: &mut Stream,
) -> (Tensor<1>, Descent) {
    let (bound, loss) = match estimator {
        Estimator::ControlVariate => {
            let (bound, gradient) = control_variate(model, guide, particles, stream);
            return (bound, Descent::Vector(gradient));
        }
        Estimator::Reparameterized => {
            let bound = pathwise_bound(model, guide, particles, stream);
            (fixed(&bound), -bound)
        }
        Estimator::StickingTheLanding => {
            let z = guide.rsample(particles, stream);
            let log_q = guide.clone().no_grad().log_prob(z.clone());
            let bound = (model.log_joint(z) - log_q).mean();
            (fixed(&bound), -bound)
        }
        Estimator::ScoreFunction => {
            let Scored { gain, log_q, .. } = Scored::new(model, guide, particles, stream);
            (gain.clone().mean(), -(gain * log_q).mean())
        }
        Estimator::LeaveOneOut => {
            let Scored { gain, log_q, .. } = Scored::new(model, guide, particles, stream);
            #[allow(clippy::cast_precision_loss, reason = "a number of particles")]
            let n = particles as f64;
            // A particle less the mean of the others is its distance from the mean of all, enlarged.
            let advantage = (gain.clone() - gain.clone().mean()) * (n / (n - 1.0));
            (gain.mean(), -(advantage * log_q).mean())
        }
        Estimator::RaoBlackwellized => {
            let z = guide.valid().rsample(particles, stream);
            let factors = model.factors(z.clone());
            let terms = factors.terms.without_autodiff();
            let each = guide.log_prob_each(z).expect("checked before");
            let plain = each.clone().without_autodiff();
            let bound = (terms.clone().sum_dim(1) - plain.clone().sum_dim(1)).squeeze_dim::<1>(1).mean();
            let gain = terms.matmul(factors.involved) - plain;
            (bound, -(gain * each).sum_dim(1).mean())
        }
        Estimator::ImportanceWeighted => {
            let z = guide.rsample(particles, stream);
            let bound = weighted_bound(model.log_joint(z.clone()) - guide.log_prob(z));
            (fixed(&bound), -bound)
        }
        Estimator::DoublyReparameterized => {
            // Of ln q only the path through z is kept. What each draw weighs is known from a pass without gradients.
            let z = guide.rsample(particles, stream);
            let still = z.clone().without_autodiff();
            let log_weights = model.log_joint(still.clone()) - guide.valid().log_prob(still);
            let z = weighting::reweight_paths(z, log_weights.unsqueeze_dim(1), 0.0);
            let log_q = guide.clone().no_grad().log_prob(z.clone());
            let bound = weighted_bound(model.log_joint(z) - log_q);
            (fixed(&bound), -bound)
        }
    };
    (bound, Descent::Loss(loss))
}

/// E ln p by the stream's draws, through which gradients flow, with the guide's entropy in closed form, `[1]`.
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

/// ln (1/k) Σ w of ln w `[k]`, `[1]`.
fn weighted_bound(log_weights: Tensor<1>) -> Tensor<1> {
    weighting::bound(log_weights.unsqueeze_dim(1), 0.0).squeeze_dim(1)
}

/// Draws z `[s, d]` through which no gradients flow.
struct Scored {
    z: Tensor<2>,
    /// ln p − ln q, without gradients, `[s]`.
    gain: Tensor<1>,
    log_q: Tensor<1>,
}

impl Scored {
    fn new<G: Guide>(model: &impl LogJoint, guide: &G, particles: usize, stream: &mut Stream) -> Self {
        let z = guide.valid().rsample(particles, stream);
        let log_q = guide.log_prob(z.clone());
        Self { gain: model.log_joint(z.clone()).without_autodiff() - fixed(&log_q), log_q, z }
    }
}

fn control_variate<G: Guide>(
    model: &impl LogJoint,
    guide: &G,
    particles: usize,
    stream: &mut Stream,
) -> (Tensor<1>, Tensor<1>) {
    let Scored { z, gain, .. } = Scored::new(model, guide, particles, stream);
    let scores = guide.scores(z).without_autodiff();
    let column = gain.clone().unsqueeze_dim::<2>(1);
    // The mean of the scores h is zero, so that the best a = Cov(gain·h, h)/Var h is E gain·h²/E h².
    let squares = scores.clone().square();
    let weighted = squares.clone() * column.clone();
    let others = |all: Tensor<2>| all.clone().sum_dim(0) - all;
    // Where no other particle has a score, there is nothing to go by.
    let multiple = others(weighted) / others(squares).clamp_min(f64::from(f32::MIN_POSITIVE));
    let gradient = -(scores * (column - multiple)).mean_dim(0).squeeze_dim::<1>(0);
    (gain.mean(), gradient)
}
