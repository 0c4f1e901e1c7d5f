//! The parameters that make data most likely, family by family.

use std::f64::consts::PI;

use burn::{
    module::Param,
    tensor::{DType, Int, Tensor, TensorData},
};
use kiln_dist::{
    Bernoulli, Beta, Binomial, Categorical, Cauchy, Dirichlet, DistError, Distribution, Exponential, Gamma, Geometric,
    Gumbel, HalfNormal, InverseGamma, Laplace, LogNormal, MultivariateNormal, NegativeBinomial, Normal, Poisson,
    StudentT, Uniform, Weibull,
};
use kiln_optim::solver::{SolverError, Stop, minimize, newton};
use kiln_tensor::derivative::{Function, HvpMethod, Inputs};

/// Why data have no most likely distribution of a family.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MleError {
    /// No data.
    #[error("there are no data")]
    Empty,
    /// A value that no distribution of the family has.
    #[error("{family} has no value {value}, which must be {support}")]
    Support {
        /// The family.
        family: &'static str,
        /// The value.
        value: f64,
        /// Where values are.
        support: &'static str,
    },
    /// The likelihood grows for ever, or has its maximum at no distribution of the family.
    #[error("the likelihood of {family} has no maximum: {reason}")]
    NoMaximum {
        /// The family.
        family: &'static str,
        /// What the data are like.
        reason: &'static str,
    },
    /// The solver refused.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The solver ended away from a maximum.
    #[error("the fit of {family} did not converge: {message}")]
    NotConverged {
        /// The family.
        family: &'static str,
        /// How it ended.
        message: String,
    },
    /// The estimates are no parameters.
    #[error(transparent)]
    Parameters(#[from] DistError),
}

/// A family that can be fitted to independent draws by maximum likelihood: in closed form where there is one, and elsewhere by Newton's
/// method on the mean negative log-likelihood, with its exact Hessian.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Gamma, Moments};
/// use kiln_train::FitMle;
///
/// let data = Tensor::<1>::from_data([0.4, 1.3, 2.2, 0.9, 1.7], &Device::default());
/// let fitted = Gamma::fit_mle(data)?;
/// assert!((fitted.mean().into_scalar::<f32>() - 1.3).abs() < 1e-4);
/// # Ok::<(), kiln_train::MleError>(())
/// ```
pub trait FitMle: Sized {
    /// The draws: `[n]` numbers, or `[n, k]` vectors; with them what is known beforehand.
    type Data;

    /// The most likely distribution, with parameters `[1]`, or `[1, k]` for vectors.
    ///
    /// # Errors
    /// [`MleError`].
    fn fit_mle(data: Self::Data) -> Result<Self, MleError>;
}

/// Data on the host, with what is asked of them.
struct Draws {
    tensor: Tensor<1>,
    numbers: Vec<f64>,
    family: &'static str,
}

impl Draws {
    fn new(
        family: &'static str,
        tensor: Tensor<1>,
        support: &'static str,
        inside: impl Fn(f64) -> bool,
    ) -> Result<Self, MleError> {
        let tensor = tensor.without_autodiff();
        let numbers: Vec<f64> = tensor.to_data().try_into_vec_as().expect("floats");
        if numbers.is_empty() {
            return Err(MleError::Empty);
        }
        match numbers.iter().find(|x| !x.is_finite() || !inside(**x)) {
            Some(&value) => Err(MleError::Support { family, value, support }),
            None => Ok(Self { tensor, numbers, family }),
        }
    }

    fn real(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "finite", |_| true)
    }

    fn positive(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "positive", |x| x > 0.0)
    }

    fn not_negative(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "0 or more", |x| x >= 0.0)
    }

    fn counts(family: &'static str, tensor: Tensor<1>) -> Result<Self, MleError> {
        Self::new(family, tensor, "0, 1, 2, …", |x| x >= 0.0 && x.fract() == 0.0)
    }

    fn mean_of(&self, f: impl Fn(f64) -> f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
        let n = self.numbers.len() as f64;
        self.numbers.iter().map(|x| f(*x)).sum::<f64>() / n
    }

    fn mean(&self) -> f64 {
        self.mean_of(|x| x)
    }

    /// The mean and the mean square about it.
    fn moments_of(&self, f: impl Fn(f64) -> f64) -> (f64, f64) {
        let mean = self.mean_of(&f);
        (mean, self.mean_of(|x| (f(x) - mean).powi(2)))
    }

    fn quantile(&self, part: f64) -> f64 {
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

    fn varies(&self) -> Result<(), MleError> {
        let first = self.numbers[0];
        if self.numbers.iter().any(|x| x.to_bits() != first.to_bits()) {
            return Ok(());
        }
        Err(self.none("all draws are equal"))
    }

    fn has_more_than_zeros(&self) -> Result<(), MleError> {
        if self.mean() > 0.0 { Ok(()) } else { Err(self.none("all draws are 0")) }
    }

    fn none(&self, reason: &'static str) -> MleError {
        MleError::NoMaximum { family: self.family, reason }
    }

    fn parameter(&self, x: f64) -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![x], [1]), (&self.tensor.device(), self.tensor.dtype()))
    }

    /// The family at the θ that minimises its mean negative log-likelihood, from `start`.
    fn solve<P: Distribution<1, Value = Tensor<1>>>(
        &self,
        start: &[f64],
        family: impl Fn(Theta) -> Result<P, DistError> + Send + Sync,
    ) -> Result<P, MleError> {
        let like = (&self.tensor.device(), self.tensor.dtype());
        let start = Tensor::<1>::from_data(TensorData::new(start.to_vec(), [start.len()]), like);
        let parameter = Param::from_tensor(start.clone());
        let loss = Function::new(&parameter, self.tensor.clone(), |theta: &Param<Tensor<1>>, data: Tensor<1>| {
            let family = family(Theta(theta.val())).expect("every parameter is one number");
            -family.log_prob(data).mean()
        });
        Ok(family(Theta(most_likely(self.family, loss)?))?)
    }
}

/// The minimum of a mean negative log-likelihood, from the function's own parameters on.
fn most_likely<I: Inputs>(
    family: &'static str,
    loss: Function<'_, Param<Tensor<1>>, I, 1>,
) -> Result<Tensor<1>, MleError> {
    let loss = loss.with_hvp_method(HvpMethod::Auto);
    let start = loss.parameters();
    let (gtol, enough) = if start.dtype() == DType::F64 { (1e-11, 1e-7) } else { (1e-6, 1e-3) };
    let outcome = minimize(&loss, start, &newton(), &Stop { gtol, max_iter: 500, ..Stop::default() })?;
    // The last digits may be lost in rounding.
    if !outcome.success && (outcome.grad_norm.is_nan() || outcome.grad_norm > enough) {
        return Err(MleError::NotConverged { family, message: outcome.message });
    }
    Ok(outcome.x)
}

/// The free numbers of a family.
#[derive(Clone)]
struct Theta(Tensor<1>);

impl Theta {
    fn real(&self, index: usize) -> Tensor<1> {
        self.0.clone().slice(index..=index)
    }

    fn positive(&self, index: usize) -> Tensor<1> {
        self.real(index).exp()
    }
}

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

fit!(Normal, d: real, {
    d.varies()?;
    let (mean, square) = d.moments_of(|x| x);
    Ok(Self::new(d.parameter(mean), d.parameter(square.sqrt()))?)
});

fit!(LogNormal, d: positive, {
    d.varies()?;
    let (mean, square) = d.moments_of(f64::ln);
    Ok(Self::new(d.parameter(mean), d.parameter(square.sqrt()))?)
});

fit!(Laplace, d: real,
/// The median, and the mean distance from it.
{
    d.varies()?;
    let median = d.quantile(0.5);
    Ok(Self::new(d.parameter(median), d.parameter(d.mean_of(|x| (x - median).abs())))?)
});

fit!(Exponential, d: not_negative, {
    d.has_more_than_zeros()?;
    Ok(Self::new(d.parameter(d.mean().recip()))?)
});

fit!(HalfNormal, d: not_negative, {
    d.has_more_than_zeros()?;
    Ok(Self::new(d.parameter(d.mean_of(|x| x * x).sqrt()))?)
});

fit!(Uniform, d: real,
/// The smallest and the largest draw.
{
    d.varies()?;
    Ok(Self::new(d.parameter(d.quantile(0.0)), d.parameter(d.quantile(1.0)))?)
});

fit!(Poisson, d: counts, { Ok(Self::new(d.parameter(d.mean()))?) });

fit!(Geometric, d: counts, {
    if d.mean() <= 0.0 {
        return Err(d.none("all draws are 0, of which the probability 1 is the limit"));
    }
    Ok(Self::new(d.parameter((1.0 + d.mean()).recip()))?)
});

impl FitMle for Bernoulli<1> {
    type Data = Tensor<1>;

    fn fit_mle(data: Tensor<1>) -> Result<Self, MleError> {
        let d = Draws::new("Bernoulli", data, "0 or 1", |x| x == 0.0 || (x - 1.0).abs() == 0.0)?;
        d.varies()?;
        Ok(Self::from_probs(d.parameter(d.mean())))
    }
}

fit!(Gamma, d: positive, {
    d.varies()?;
    let (mean, square) = d.moments_of(|x| x);
    let start = [(mean * mean / square).ln(), (mean / square).ln()];
    d.solve(&start, |t| Self::new(t.positive(0), t.positive(1)))
});

fit!(InverseGamma, d: positive,
/// By the gamma distribution of the reciprocals.
{
    d.varies()?;
    let own = |error| match error {
        MleError::NotConverged { message, .. } => MleError::NotConverged { family: "InverseGamma", message },
        MleError::Support { .. } => d.none("some draw is so small that its reciprocal is no number"),
        other => other,
    };
    let of_reciprocals = Gamma::fit_mle(d.tensor.clone().recip()).map_err(own)?;
    Ok(Self::new(of_reciprocals.concentration(), of_reciprocals.rate())?)
});

impl FitMle for Beta<1> {
    type Data = Tensor<1>;

    fn fit_mle(data: Tensor<1>) -> Result<Self, MleError> {
        let d = Draws::new("Beta", data, "inside (0, 1)", |x| x > 0.0 && x < 1.0)?;
        d.varies()?;
        let (mean, square) = d.moments_of(|x| x);
        let size = (mean * (1.0 - mean) / square - 1.0).max(0.1);
        d.solve(&[(mean * size).ln(), ((1.0 - mean) * size).ln()], |t| Self::new(t.positive(0), t.positive(1)))
    }
}

fit!(Gumbel, d: real, {
    d.varies()?;
    let (mean, square) = d.moments_of(|x| x);
    let scale = (6.0 * square).sqrt() / PI;
    d.solve(&[mean - 0.577 * scale, scale.ln()], |t| Self::new(t.real(0), t.positive(1)))
});

fit!(Weibull, d: positive, {
    d.varies()?;
    let (mean, square) = d.moments_of(f64::ln);
    let k = 1.28 / square.sqrt();
    d.solve(&[mean + 0.577 / k, k.ln()], |t| Self::new(t.positive(0), t.positive(1)))
});

fit!(Cauchy, d: real,
/// From the quartiles: the likelihood can have several maxima, and this is the one near them.
{
    d.varies()?;
    let half = (d.quantile(0.75) - d.quantile(0.25)) / 2.0;
    let half = if half > 0.0 { half } else { d.moments_of(|x| x).1.sqrt() };
    d.solve(&[d.quantile(0.5), half.ln()], |t| Self::new(t.real(0), t.positive(1)))
});

fit!(StudentT, d: real,
/// From five degrees of freedom, the median and the quartiles: the likelihood can have several maxima, and this is the one near them.
/// Draws whose tails are no heavier than a normal distribution's have none: the likelihood grows with the degrees of freedom.
{
    d.varies()?;
    let half = (d.quantile(0.75) - d.quantile(0.25)) / 2.0;
    let half = if half > 0.0 { half } else { d.moments_of(|x| x).1.sqrt() };
    let start = [5f64.ln(), d.quantile(0.5), (half / 0.73).ln()];
    let fitted = d.solve(&start, |t| Self::new(t.positive(0), t.real(1), t.positive(2)));
    // At the normal limit the log-likelihood's slope in 1/df is (kurtosis − 3)/4: up to 3 the limit is a maximum of its own.
    let (mean, square) = d.moments_of(|x| x);
    let is_light = d.mean_of(|x| ((x - mean).powi(2) / square).powi(2)) <= 3.0;
    let at_the_limit = match &fitted {
        Ok(fitted) => fitted.df().into_scalar::<f64>() > 1e5,
        Err(_) => is_light,
    };
    if at_the_limit {
        return Err(d.none("the draws' tails are no heavier than a normal distribution's, which is its limit"));
    }
    fitted
});

fit!(NegativeBinomial, d: counts, {
    let (mean, square) = d.moments_of(|x| x);
    if square <= mean {
        return Err(d.none("the draws spread no more than a Poisson distribution's, which is its limit"));
    }
    let count = mean * mean / (square - mean);
    d.solve(&[count.ln(), (mean / count).ln()], |t| Self::new(t.positive(0), t.real(1)))
});

impl FitMle for MultivariateNormal {
    type Data = Tensor<2>;

    /// The mean and the covariance of the rows.
    fn fit_mle(data: Tensor<2>) -> Result<Self, MleError> {
        let data = data.without_autodiff();
        let [n, k] = data.dims();
        if n == 0 {
            return Err(MleError::Empty);
        }
        Draws::real("MultivariateNormal", data.clone().flatten(0, 1))?;
        let mean = data.clone().mean_dim(0);
        let apart = data - mean.clone();
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let covariance = apart.clone().transpose().matmul(apart) / n as f64;
        let fitted = Self::from_covariance(mean, covariance.reshape([1, k, k]))?;
        fitted.validated().map_err(|_| MleError::NoMaximum {
            family: "MultivariateNormal",
            reason: "the rows lie in a subspace: there are too few of them, or columns depend on one another",
        })
    }
}

impl FitMle for Categorical<1> {
    /// Classes, and how many there are.
    type Data = (Tensor<1, Int>, usize);

    /// The classes' shares: −∞ for the logarithm of one that is not among the draws.
    fn fit_mle((data, classes): (Tensor<1, Int>, usize)) -> Result<Self, MleError> {
        let like = data.device().without_autodiff();
        let d = Draws::new("Categorical", data.float(), "a class below their number", |x| {
            #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
            let classes = classes as f64;
            x >= 0.0 && x < classes
        })?;
        #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
        let share = |class: usize| d.mean_of(|x| f64::from(u8::from((x - class as f64).abs() < 0.5))).ln();
        let logits: Vec<f64> = (0..classes).map(share).collect();
        Ok(Self::from_logits(Tensor::from_data(TensorData::new(logits, [classes]), &like)))
    }
}

impl FitMle for Binomial<1> {
    /// Successes, and the number of trials of each draw.
    type Data = (Tensor<1>, u32);

    /// The share of successes.
    fn fit_mle((data, trials): (Tensor<1>, u32)) -> Result<Self, MleError> {
        let n = f64::from(trials);
        let d = Draws::new("Binomial", data, "a whole number from 0 to that of the trials", |x| {
            x >= 0.0 && x <= n && x.fract() == 0.0
        })?;
        let share = d.mean() / n;
        if !(share > 0.0 && share < 1.0) {
            return Err(d.none("all trials, or none, succeeded, of which the probability 1 or 0 is the limit"));
        }
        Ok(Self::new(d.parameter(n), d.parameter((share / (1.0 - share)).ln()))?)
    }
}

impl FitMle for Dirichlet<2> {
    type Data = Tensor<2>;

    /// From the moments (Minka, Estimating a Dirichlet distribution, 2000).
    fn fit_mle(data: Tensor<2>) -> Result<Self, MleError> {
        let data = data.without_autodiff();
        let [n, k] = data.dims();
        if n == 0 || k == 0 {
            return Err(MleError::Empty);
        }
        let d = Draws::new("Dirichlet", data.clone().flatten(0, 1), "inside (0, 1)", |x| x > 0.0 && x < 1.0)?;
        let off = |row: &[f64]| (row.iter().sum::<f64>() - 1.0).abs();
        if let Some(row) = d.numbers.chunks_exact(k).find(|row| off(row) > 1e-4) {
            let value = row.iter().sum();
            return Err(MleError::Support { family: "Dirichlet", value, support: "1, the sum of a row" });
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let moment =
            |j: usize, power: i32| d.numbers.iter().skip(j).step_by(k).map(|x| x.powi(power)).sum::<f64>() / n as f64;
        let (mean, square) = (moment(0, 1), moment(0, 2) - moment(0, 1).powi(2));
        if square <= 0.0 {
            d.varies()?;
            return Err(d.none("all rows are equal"));
        }
        let size = (mean * (1.0 - mean) / square - 1.0).max(0.1);
        let start: Vec<f64> = (0..k).map(|j| (moment(j, 1) * size).ln()).collect();
        let start = Tensor::<1>::from_data(TensorData::new(start, [k]), (&data.device(), data.dtype()));
        let loss = Function::new(&Param::from_tensor(start), data, |theta: &Param<Tensor<1>>, data: Tensor<2>| {
            -Self::new(theta.val().exp().unsqueeze()).log_prob(data).mean()
        });
        Ok(Self::new(most_likely("Dirichlet", loss)?.exp().unsqueeze()))
    }
}
