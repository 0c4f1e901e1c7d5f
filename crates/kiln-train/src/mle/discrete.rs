//! Fits of discrete families.

use burn::tensor::{Int, Tensor, TensorData};
use kiln_dist::{Bernoulli, Binomial, Categorical, Geometric, NegativeBinomial, Poisson};

use super::{
    FitMle, MleError,
    draws::{Draws, fit},
};

impl FitMle for Bernoulli<1> {
    type Data = Tensor<1>;

    fn fit_mle(data: Tensor<1>) -> Result<Self, MleError> {
        let d = Draws::new("Bernoulli", data, "0 or 1", |x| x == 0.0 || (x - 1.0).abs() == 0.0)?;
        d.varies()?;
        Ok(Self::from_probs(d.parameter(d.mean())))
    }
}

impl FitMle for Categorical<1> {
    /// The class indices and the number of classes.
    type Data = (Tensor<1, Int>, usize);

    /// Returns the shares of the classes. A class without draws gets a logit of −∞.
    fn fit_mle((data, classes): (Tensor<1, Int>, usize)) -> Result<Self, MleError> {
        let like = data.device().without_autodiff();
        let d = Draws::new("Categorical", data.float(), "class indices below the number of classes", |x| {
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
    /// The numbers of successes and the number of trials per draw.
    type Data = (Tensor<1>, u32);

    /// Returns the share of successes.
    fn fit_mle((data, trials): (Tensor<1>, u32)) -> Result<Self, MleError> {
        let n = f64::from(trials);
        let d = Draws::new("Binomial", data, "whole numbers from 0 to the number of trials", |x| {
            x >= 0.0 && x <= n && x.fract() == 0.0
        })?;
        let share = d.mean() / n;
        if !(share > 0.0 && share < 1.0) {
            return Err(d.none("all trials or none succeeded, so the probability tends to 1 or 0"));
        }
        Ok(Self::new(d.parameter(n), d.parameter((share / (1.0 - share)).ln()))?)
    }
}

fit!(Poisson, d: counts, { Ok(Self::new(d.parameter(d.mean()))?) });

fit!(Geometric, d: counts, {
    if d.mean() <= 0.0 {
        return Err(d.none("all draws are 0, so the probability tends to 1"));
    }
    Ok(Self::new(d.parameter((1.0 + d.mean()).recip()))?)
});

fit!(NegativeBinomial, d: counts, {
    let (mean, square) = d.moments_of(|x| x);
    if square <= mean {
        return Err(d.none("the variance of the draws does not exceed their mean, so the fit tends to a Poisson distribution"));
    }
    let count = mean * mean / (square - mean);
    d.solve(&[count.ln(), (mean / count).ln()], |t| Self::new(t.positive(0), t.real(1)))
});
