//! The normal distribution.

use std::sync::OnceLock;

use burn::tensor::{Device, Shape, Tensor};
use kiln_tensor::{
    Stream, fused,
    special::{normal_cdf, normal_icdf},
};

use super::LN_SQRT_2PI;
use crate::{
    Batch, Cdf, DistError, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::{as_rank, normal_like, once, rows, sum_per_example},
    error::check_values,
    family::broadcast,
};

/// A normal distribution with mean `loc` and standard deviation `scale`, elementwise.
///
/// The scale is stored as given, as σ or as ln σ. The other form is computed on first use, so a network that outputs ln σ² keeps
/// full precision.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Distribution, Normal};
///
/// let device = Device::default();
/// let d = Normal::new(Tensor::<1>::from_data([0.0, 1.0], &device), Tensor::ones([2], &device))?;
/// assert_eq!(d.log_prob(Tensor::zeros([2], &device)).dims(), [2]);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Normal<const D: usize> {
    loc: Tensor<D>,
    given: Scale<D>,
    /// The other form of the scale, computed on first use.
    other: OnceLock<Tensor<D>>,
}

#[derive(Clone, Debug)]
enum Scale<const D: usize> {
    /// The scale σ.
    Plain(Tensor<D>),
    /// The logarithm ln σ.
    Log(Tensor<D>),
}

impl<const D: usize> Scale<D> {
    fn map(&self, f: impl Fn(&Tensor<D>) -> Tensor<D>) -> Self {
        match self {
            Self::Plain(scale) => Self::Plain(f(scale)),
            Self::Log(log_scale) => Self::Log(f(log_scale)),
        }
    }
}

impl<const D: usize> From<(Tensor<D>, Scale<D>)> for Normal<D> {
    fn from((loc, given): (Tensor<D>, Scale<D>)) -> Self {
        Self { loc, given, other: OnceLock::new() }
    }
}

impl<const D: usize> Normal<D> {
    /// Builds the distribution from the mean and the standard deviation, whose shapes broadcast.
    ///
    /// The values are not checked, because that would wait for the device. A scale that is not positive gives NaN or meaningless
    /// results; [`validated`](Self::validated) checks the values.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not broadcast.
    pub fn new(loc: Tensor<D>, scale: Tensor<D>) -> Result<Self, DistError> {
        let [loc, scale] = broadcast([("loc", loc), ("scale", scale)])?;
        Ok((loc, Scale::Plain(scale)).into())
    }

    /// Builds the distribution from the mean and ln σ, any real number, whose shapes broadcast.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not broadcast.
    pub fn from_log_scale(loc: Tensor<D>, log_scale: Tensor<D>) -> Result<Self, DistError> {
        let [loc, log_scale] = broadcast([("loc", loc), ("log_scale", log_scale)])?;
        Ok((loc, Scale::Log(log_scale)).into())
    }

    /// Builds the distribution from the mean and ln σ², the output of a VAE's encoder. Shapes broadcast.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not broadcast.
    pub fn from_log_variance(loc: Tensor<D>, log_variance: Tensor<D>) -> Result<Self, DistError> {
        Self::from_log_scale(loc, log_variance * 0.5)
    }

    /// Builds N(0, 1) in the float type of `device`.
    pub fn standard(shape: impl Into<Shape>, device: &Device) -> Self {
        let zeros = Tensor::zeros(shape.into(), device);
        (zeros.clone(), Scale::Log(zeros)).into()
    }

    /// Checks the values and returns the distribution. Waits for the device.
    ///
    /// # Errors
    /// Returns [`DistError::Value`] if a mean is not finite or a standard deviation is not positive and finite.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("loc", "finite", &self.loc, Tensor::is_finite)?;
        check_values("scale", "finite and positive", &self.scale(), |s| {
            s.clone().is_finite().bool_and(s.greater_scalar(0.0))
        })?;
        Ok(self)
    }

    /// Returns the mean μ.
    pub fn loc(&self) -> Tensor<D> {
        self.loc.clone()
    }

    /// Returns the standard deviation σ.
    pub fn scale(&self) -> Tensor<D> {
        match &self.given {
            Scale::Plain(scale) => scale.clone(),
            Scale::Log(log_scale) => once(&self.other, || log_scale.clone().exp()),
        }
    }

    /// Returns ln σ.
    pub fn log_scale(&self) -> Tensor<D> {
        match &self.given {
            Scale::Plain(scale) => once(&self.other, || scale.clone().log()),
            Scale::Log(log_scale) => log_scale.clone(),
        }
    }

    /// Returns KL(self ‖ N(0, 1)) = ½(σ² + μ² − 1) − ln σ (Kingma and Welling, 2014, appendix B).
    pub fn kl_to_standard(&self) -> Tensor<D> {
        (self.scale().square() + self.loc.clone().square() - 1.0) * 0.5 - self.log_scale()
    }

    /// Returns [`kl_to_standard`](Self::kl_to_standard) summed over all axes except the first, `[n]`.
    ///
    /// It runs in one pass if the scale was given by its logarithm.
    pub fn kl_to_standard_per_example(&self) -> Tensor<1> {
        match &self.given {
            Scale::Log(log_scale) => fused::normal_kl_to_standard(rows(self.loc.clone()), rows(log_scale.clone())),
            Scale::Plain(_) => sum_per_example(self.kl_to_standard()),
        }
    }

    /// Returns a [sample](Reparameterized::rsample) and [`kl_to_standard_per_example`](Self::kl_to_standard_per_example).
    ///
    /// On a GPU they take one pass together if the scale was given by its logarithm.
    ///
    /// # Example
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::Normal;
    /// use kiln_tensor::Stream;
    ///
    /// let zeros = Tensor::<2>::zeros([3, 2], &Device::default());
    /// let posterior = Normal::from_log_scale(zeros.clone(), zeros)?;
    /// let (z, kl) = posterior.rsample_with_kl_to_standard(&mut Stream::new(0, "noise", 0, 0));
    /// assert_eq!((z.dims(), kl.into_data().try_to_vec::<f32>().unwrap()), ([3, 2], vec![0.0; 3]));
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    pub fn rsample_with_kl_to_standard(&self, stream: &mut Stream) -> (Tensor<D>, Tensor<1>) {
        match &self.given {
            Scale::Log(log_scale) if log_scale.dims() == self.loc.dims() => {
                let (loc, noise) = (rows(self.loc.clone()), rows(normal_like(stream, &self.loc)));
                let (sample, kl) = fused::normal_sample_with_kl(loc, rows(log_scale.clone()), noise);
                (as_rank(sample, self.loc.dims()), kl)
            }
            _ => (self.rsample(stream), self.kl_to_standard_per_example()),
        }
    }
}

impl<const D: usize> Distribution<D> for Normal<D> {
    type Value = Tensor<D>;

    /// Returns −½((x − μ)/σ)² − ln σ − ln √(2π).
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let z = (value - self.loc.clone()) / self.scale();
        z.square() * -0.5 - self.log_scale() - LN_SQRT_2PI
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Batch for Normal<D> {
    fn detached(&self) -> Self {
        let plain = |tensor: &Tensor<D>| tensor.clone().without_autodiff();
        Self::from((plain(&self.loc), self.given.map(plain)))
    }

    fn repeated(&self, count: usize) -> Self {
        if count <= 1 {
            return self.clone();
        }
        let repeat = |tensor: &Tensor<D>| tensor.clone().repeat_dim(0, count);
        Self::from((repeat(&self.loc), self.given.map(repeat)))
    }
}

impl<const D: usize> Entropy<D> for Normal<D> {
    /// Returns ½ + ln √(2π) + ln σ.
    fn entropy(&self) -> Tensor<D> {
        self.log_scale() + (0.5 + LN_SQRT_2PI)
    }
}

impl<const D: usize> Moments<D> for Normal<D> {
    fn mean(&self) -> Tensor<D> {
        self.loc.clone()
    }

    fn variance(&self) -> Tensor<D> {
        self.scale().square()
    }

    fn stddev(&self) -> Tensor<D> {
        self.scale()
    }
}

impl<const D: usize> Cdf<D> for Normal<D> {
    /// Returns Φ((x − μ)/σ).
    ///
    /// The left tail keeps its relative precision: in f64 the result at −30σ, 4.9e-198, has twelve correct digits. For the right
    /// tail, 1 − P(X ≤ x), mirror the distribution.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        normal_cdf((value - self.loc.clone()) / self.scale())
    }
}

impl<const D: usize> Quantile<D> for Normal<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        self.loc.clone() + self.scale() * normal_icdf(p)
    }
}

impl<const D: usize> FromNoise<D> for Normal<D> {
    /// Returns μ + σ·noise, with the noise cast to the float type of the parameters.
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        let noise = if noise.dtype() == self.loc.dtype() { noise } else { noise.cast(self.loc.dtype()) };
        match &self.given {
            Scale::Log(log_scale) if noise.dims() == self.loc.dims() => {
                let shape = self.loc.dims();
                as_rank(fused::normal_sample(rows(self.loc.clone()), rows(log_scale.clone()), rows(noise)), shape)
            }
            _ => self.loc.clone() + self.scale() * noise,
        }
    }
}

impl<const D: usize> Reparameterized<D> for Normal<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(normal_like(stream, &self.loc))
    }

    fn rsample_many(&self, count: usize, stream: &mut Stream) -> Tensor<D> {
        self.repeated(count).rsample(stream)
    }
}

impl<const D: usize> KlDivergence<D, Self> for Normal<D> {
    /// Returns ln(σ_q/σ_p) + ½(σ_p² + (μ_p − μ_q)²)/σ_q² − ½.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let log_ratio = self.log_scale() - q.log_scale();
        let distance = (self.loc.clone() - q.loc.clone()) / q.scale();
        ((log_ratio.clone() * 2.0).exp() + distance.square() - 1.0) * 0.5 - log_ratio
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::DType;
    use kiln_testkit::{assert_close, check_gradient, f64_device, numbers, reference, tensor, values};

    use super::*;

    fn normal(loc: &[f64], scale: &[f64]) -> Normal<1> {
        let device = f64_device();
        Normal::new(tensor(loc, [loc.len()], &device), tensor(scale, [scale.len()], &device)).unwrap()
    }

    #[test]
    fn the_cdf_matches_pytorch() {
        let json = reference("distributions");
        let rows: Vec<_> = json["univariate"].as_array().unwrap().iter().filter(|r| r["family"] == "Normal").collect();
        assert!(!rows.is_empty(), "no reference rows");
        for row in rows {
            let x = numbers(&row["x"]);
            let d = normal(&numbers(&row["params"]["loc"]), &numbers(&row["params"]["scale"]));
            // PyTorch computes ½(1 + erf), whose rounding error near zero is ε/2.
            assert_close(
                &values(d.cdf(tensor(&x, [x.len()], &f64_device()))),
                &numbers(&row["cdf"]),
                1e-12,
                2e-16,
                "cdf",
            );
        }
    }

    #[test]
    fn the_derivative_of_the_cdf_is_the_density() {
        let d = normal(&[0.3], &[1.7]);
        let x = tensor::<1>(&[-4.0, 0.3, 2.5], [3], &f64_device().autodiff()).require_grad();
        let derivative = values(x.grad(&d.cdf(x.clone()).sum().backward()).unwrap());
        let density = values(d.log_prob(x).exp());
        assert_close(&derivative, &density, 1e-12, 0.0, "dΦ/dx");
        check_gradient(
            |x| {
                let part = |i| x.clone().narrow(0, i, 1);
                Normal::new(part(0), part(1)).unwrap().cdf(part(2)).sum()
            },
            &[0.3, 1.7, -1.1],
            1e-8,
            "cdf in loc, scale, value",
        );
    }

    #[test]
    fn a_value_broadcasts_against_the_batch() {
        let d =
            Normal::<2>::new(tensor(&[0.0, 1.0], [1, 2], &f64_device()), tensor(&[1.0, 2.0], [1, 2], &f64_device()));
        let log_prob = d.unwrap().log_prob(tensor(&[0.0, 1.0, 2.0], [3, 1], &f64_device()));
        assert_eq!(log_prob.dims(), [3, 2]);
        let expected = values(normal(&[1.0], &[2.0]).log_prob(tensor(&[2.0], [1], &f64_device())));
        assert_close(&values(log_prob)[5..], &expected, 0.0, 0.0, "row 2, column 1");
    }

    #[test]
    fn a_log_scale_beyond_the_range_of_its_exponential_stays_exact_where_it_is_used_alone() {
        let device = f64_device();
        let log_scale = tensor::<1>(&[-1000.0, 1000.0], [2], &device);
        let d = Normal::from_log_scale(Tensor::zeros([2], &device), log_scale).unwrap();
        let half_ln_2_pi_e = 1.4189385332046727;
        assert_close(&values(d.entropy()), &[-1000.0 + half_ln_2_pi_e, 1000.0 + half_ln_2_pi_e], 1e-15, 0.0, "entropy");
        // The ratio of two such scales is representable, although neither scale is.
        let q = Normal::from_log_scale(Tensor::zeros([1], &device), tensor(&[1001.0], [1], &device)).unwrap();
        let p = Normal::from_log_scale(Tensor::zeros([1], &device), tensor(&[1000.0], [1], &device)).unwrap();
        let expected = 1.0 + 0.5 * ((-2f64).exp() - 1.0);
        assert_close(&values(p.kl_divergence(&q)), &[expected], 1e-15, 0.0, "KL");
    }

    #[test]
    fn many_draws_are_single_draws_one_after_the_other() {
        // 16 numbers are a block of the stream, at which the next draw begins.
        let d = normal(&[5.0; 16], &[2.0; 16]);
        let many = values(d.rsample_many(3, &mut Stream::new(3, "noise", 0, 0)));
        let mut stream = Stream::new(3, "noise", 0, 0);
        let single: Vec<f64> = (0..3).flat_map(|_| values(d.rsample(&mut stream))).collect();
        assert_eq!(many, single);
    }

    #[test]
    fn draws_have_the_type_of_the_parameters_and_plain_draws_no_tape() {
        let device = f64_device().autodiff();
        let loc = Tensor::<1>::zeros([4], &device).cast(DType::F32).require_grad();
        let d = Normal::new(loc.clone(), loc.ones_like()).unwrap();
        let stream = || Stream::new(3, "noise", 0, 0);
        let (plain, tracked) = (d.sample(&mut stream()), d.rsample(&mut stream()));
        assert_eq!((plain.dtype(), tracked.dtype()), (DType::F32, DType::F32));
        assert!(!plain.is_autodiff(), "sample() is plain");
        assert_eq!(values(plain), values(tracked), "sample() and rsample() draw the same numbers");
        // Noise of another float type is cast.
        assert_eq!(d.rsample_from_noise(Tensor::ones([4], &device)).dtype(), DType::F32);
    }
}
