//! Fits of continuous families of single numbers.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use kiln_dist::{
    Beta, Cauchy, Exponential, Gamma, Gumbel, HalfNormal, InverseGamma, Laplace, LogNormal, Normal, StudentT, Uniform,
    Weibull,
};

use super::{
    FitMle, MleError,
    draws::{Draws, fit},
};

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
/// Returns the median and the mean absolute deviation from it.
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
/// Returns the smallest and the largest draw.
{
    d.varies()?;
    Ok(Self::new(d.parameter(d.quantile(0.0)), d.parameter(d.quantile(1.0)))?)
});

fit!(Gamma, d: positive, {
    d.varies()?;
    let (mean, square) = d.moments_of(|x| x);
    let start = [(mean * mean / square).ln(), (mean / square).ln()];
    d.solve(&start, |t| Self::new(t.positive(0), t.positive(1)))
});

fit!(InverseGamma, d: positive,
/// Fits a gamma distribution to the reciprocals.
{
    d.varies()?;
    let own = |error| match error {
        MleError::NotConverged { message, .. } => MleError::NotConverged { family: "InverseGamma", message },
        MleError::Support { .. } => d.none("a draw is so small that its reciprocal overflows"),
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
/// Starts from the quartiles. The likelihood can have several maxima; this is the one near the quartiles.
{
    d.varies()?;
    let half = (d.quantile(0.75) - d.quantile(0.25)) / 2.0;
    let half = if half > 0.0 { half } else { d.moments_of(|x| x).1.sqrt() };
    d.solve(&[d.quantile(0.5), half.ln()], |t| Self::new(t.real(0), t.positive(1)))
});

fit!(StudentT, d: real,
/// Starts from five degrees of freedom, the median and the quartiles, and returns the maximum near them.
///
/// If the tails are not heavier than normal tails, there is no maximum: the likelihood increases with the degrees of freedom.
{
    d.varies()?;
    let half = (d.quantile(0.75) - d.quantile(0.25)) / 2.0;
    let half = if half > 0.0 { half } else { d.moments_of(|x| x).1.sqrt() };
    let start = [5f64.ln(), d.quantile(0.5), (half / 0.73).ln()];
    let fitted = d.solve(&start, |t| Self::new(t.positive(0), t.real(1), t.positive(2)));
    // At the normal limit the log-likelihood has the slope (kurtosis − 3)/4 in 1/df, so up to 3 the limit is a local maximum.
    let (mean, square) = d.moments_of(|x| x);
    let is_light = d.mean_of(|x| ((x - mean).powi(2) / square).powi(2)) <= 3.0;
    let at_the_limit = match &fitted {
        Ok(fitted) => fitted.df().into_scalar::<f64>() > 1e5,
        Err(MleError::NotConverged { .. }) => is_light,
        Err(_) => false,
    };
    if at_the_limit {
        return Err(d.none("the tails are not heavier than normal tails, so the fit tends to a normal distribution"));
    }
    fitted
});
