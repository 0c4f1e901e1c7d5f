//! Draws on the host, and the solver for families without a closed form.

use burn::{
    module::Param,
    tensor::{DType, Tensor, TensorData},
};
use kiln_dist::{DistError, Distribution};
use kiln_optim::solver::{Outcome, Stop, minimize, newton};
use kiln_tensor::derivative::{Function, HvpMethod, Inputs};

use super::MleError;

/// Draws with their values on the host.
pub(super) struct Draws {
    pub(super) tensor: Tensor<1>,
    pub(super) numbers: Vec<f64>,
    pub(super) family: &'static str,
}

impl Draws {
    pub(super) fn new(
        family: &'static str,
        tensor: Tensor<1>,
        support: &'static str,
        inside: impl Fn(f64) -> bool,
    ) -> Result<Self, MleError> {
        let tensor = tensor.without_autodiff();
        let numbers: Vec<f64> = tensor.to_data().try_into_vec_as().expect("a float tensor converts to f64");
        if numbers.is_empty() {
            return Err(MleError::Empty);
        }
        match numbers.iter().find(|x| !x.is_finite() || !inside(**x)) {
            Some(&value) => Err(MleError::Support { family, value, support }),
            None => Ok(Self { tensor, numbers, family }),
        }
    }

    pub(super) fn real(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "finite", |_| true)
    }

    pub(super) fn positive(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "positive", |x| x > 0.0)
    }

    pub(super) fn not_negative(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "not negative", |x| x >= 0.0)
    }

    pub(super) fn counts(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "0, 1, 2, …", |x| x >= 0.0 && x.fract() == 0.0)
    }

    pub(super) fn mean_of(&self, f: impl Fn(f64) -> f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
        let n = self.numbers.len() as f64;
        self.numbers.iter().map(|x| f(*x)).sum::<f64>() / n
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean_of(|x| x)
    }

    /// Returns the mean and the mean squared deviation of f(x).
    pub(super) fn moments_of(&self, f: impl Fn(f64) -> f64) -> (f64, f64) {
        let mean = self.mean_of(&f);
        (mean, self.mean_of(|x| (f(x) - mean).powi(2)))
    }

    pub(super) fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.numbers.clone();
        sorted.sort_by(f64::total_cmp);
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of the draws"
        )]
        let (at, last) = (part * (sorted.len() - 1) as f64, sorted.len() - 1);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of the draws")]
        let below = at.floor() as usize;
        let part = at - at.floor();
        sorted[below] * (1.0 - part) + sorted[(below + 1).min(last)] * part
    }

    pub(super) fn varies(&self) -> Result<(), MleError> {
        let first = self.numbers[0];
        if self.numbers.iter().any(|x| x.to_bits() != first.to_bits()) {
            return Ok(());
        }
        Err(self.none("all draws are equal"))
    }

    pub(super) fn has_more_than_zeros(&self) -> Result<(), MleError> {
        if self.mean() > 0.0 { Ok(()) } else { Err(self.none("all draws are 0")) }
    }

    pub(super) fn none(&self, reason: &'static str) -> MleError {
        MleError::NoMaximum { family: self.family, reason }
    }

    pub(super) fn parameter(&self, x: f64) -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![x], [1]), (&self.tensor.device(), self.tensor.dtype()))
    }

    /// Returns the family at the θ that minimises its mean negative log-likelihood, starting from `start`.
    pub(super) fn solve<P: Distribution<1, Value = Tensor<1>>>(
        &self,
        start: &[f64],
        family: impl Fn(Theta) -> Result<P, DistError> + Send + Sync,
    ) -> Result<P, MleError> {
        let like = (&self.tensor.device(), self.tensor.dtype());
        let start = Tensor::<1>::from_data(TensorData::new(start.to_vec(), [start.len()]), like);
        let parameter = Param::from_tensor(start.clone());
        let loss = Function::new(&parameter, self.tensor.clone(), |theta: &Param<Tensor<1>>, data: Tensor<1>| {
            let family = family(Theta(theta.val())).expect("each parameter is one number");
            -family.log_prob(data).mean()
        });
        Ok(family(Theta(most_likely(self.family, loss)?))?)
    }
}

/// Minimises a mean negative log-likelihood by Newton's method, starting from the function's parameters.
pub(super) fn most_likely<I: Inputs>(
    family: &'static str,
    loss: Function<'_, Param<Tensor<1>>, I, 1>,
) -> Result<Tensor<1>, MleError> {
    let loss = loss.with_hvp_method(HvpMethod::Auto);
    let start = loss.parameters();
    let stop = stop(&start);
    reached(family, minimize(&loss, start, &newton(), &stop)?)
}

/// Returns the stopping rule of a fit in the float type of `start`.
pub(super) fn stop(start: &Tensor<1>) -> Stop {
    let gtol = if start.dtype() == DType::F64 { 1e-11 } else { 1e-6 };
    Stop { gtol, max_iter: 500, ..Stop::default() }
}

/// Returns the solver's point if it is a minimum.
pub(super) fn reached(family: &'static str, outcome: Outcome) -> Result<Tensor<1>, MleError> {
    // Rounding may stop the solver before its tolerance.
    let enough = if outcome.x.dtype() == DType::F64 { 1e-7 } else { 1e-3 };
    if !outcome.success && (outcome.grad_norm.is_nan() || outcome.grad_norm > enough) {
        return Err(MleError::NotConverged { family, message: outcome.message });
    }
    Ok(outcome.x)
}

/// The unconstrained parameters of a family.
#[derive(Clone)]
pub(super) struct Theta(Tensor<1>);

impl Theta {
    pub(super) fn real(&self, index: usize) -> Tensor<1> {
        self.0.clone().slice(index..=index)
    }

    pub(super) fn positive(&self, index: usize) -> Tensor<1> {
        self.real(index).exp()
    }
}

/// Implements [`FitMle`] for a family of numbers. `$body` computes the fit from the draws `$draws` with support `$support`.
macro_rules! fit {
    ($family:ident, $draws:ident: $support:ident, $(#[$doc:meta])* $body:block) => {
        impl FitMle for $family<1> {
            type Data = Tensor<1>;

            $(#[$doc])*
            fn fit_mle(data: Tensor<1>) -> Result<Self, MleError> {
                let $draws = Draws::$support(stringify!($family), data)?;
                $body
            }
        }
    };
}

pub(super) use fit;
