//! How far a guide is from a maximum of the evidence lower bound.

use burn::tensor::{Tensor, TensorData};
use kiln_dist::LogJoint;
use kiln_tensor::{
    derivative::{DerivativeError, Function, HvpMethod},
    fused::in_pool,
    linalg::Symmetric,
};
use serde::Serialize;

use super::{ViError, check};

/// How far a normal guide is from a maximum of the evidence lower bound (ELBO). Made by [`optimality`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Optimality {
    /// The Newton step of the ELBO in each mean, in standard deviations of the posterior, `[d]`. Infinite for a point that is not
    /// near a mode.
    pub location: Vec<f64>,
    /// The step of the logarithm of each standard deviation, `[d]`. Empty for a guide without a density.
    pub scale: Vec<f64>,
}

impl Optimality {
    /// Returns the index and the size of the largest step in a mean.
    pub fn worst_location(&self) -> (usize, f64) {
        worst(&self.location)
    }

    /// Returns the index and the size of the largest step in the logarithm of a standard deviation; none without a density.
    pub fn worst_scale(&self) -> Option<(usize, f64)> {
        (!self.scale.is_empty()).then(|| worst(&self.scale))
    }
}

/// The largest absolute entry. NaN is larger than all.
fn worst(steps: &[f64]) -> (usize, f64) {
    let sizes = steps.iter().map(|step| if step.is_nan() { f64::INFINITY } else { step.abs() });
    sizes.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

/// Draws that estimate the gradient, at most, and how many of them are evaluated at a time. Each is mirrored at the mean.
const PAIRS: usize = 4000;
const AT_A_TIME: usize = 250;
/// Draws that estimate the mean Hessian, times dimensions.
const HESSIANS: usize = 2048;

/// Measures how far a guide is from a maximum of the ELBO, whatever the units of z and the learning rate of the fit.
///
/// `draws` `[n, d]` come from the guide, which is symmetric about its `mean` `[d]`: [`Importance::draws`](super::Importance::draws).
/// At most 4000 are used.
///
/// The gradient of the ELBO in the means is g = E ∇ln p, and its Hessian is −H with H = E[−∇² ln p], both over draws from the guide.
/// The step of a mean is (H⁻¹g)ⱼ in units of √(H⁻¹)ⱼⱼ, which is the posterior's standard deviation if the posterior is normal. A
/// small gradient along a direction of small curvature is therefore a long way. For the scales, g is the derivative in a factor
/// that stretches the guide along one axis. Each draw μ + δ is
/// paired with μ − δ, which removes most of the noise.
///
/// It takes d products with the Hessian. If H is not positive definite, the guide's own variances stand in for H⁻¹.
///
/// # Errors
/// Returns [`ViError`] if draws, mean and model do not have the same dimensions, or if the model cannot be evaluated.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJointOf;
/// use kiln_tensor::Stream;
/// use kiln_train::vi::{Guide, MeanField, optimality};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The posterior is N(1, 1), and the guide N(0, 0.1²).
/// let model = LogJointOf::new(1, |z: Tensor<2>| (z - 1.0).square().squeeze_dim::<1>(1) * -0.5);
/// let guide = MeanField::new(1, &Device::default());
/// let draws = guide.rsample(1000, &mut Stream::new(0, "draws", 0, 0));
/// let found = optimality(&model, guide.mean(), draws)?;
/// assert!((found.location[0] - 1.0).abs() < 1e-4, "the mean is one standard deviation away");
/// assert!(found.scale[0] > 0.4, "the scale is too small");
/// # Ok(())
/// # }
/// ```
///
/// # References
/// Dhaka et al. (2020), *Robust, accurate stochastic optimization for variational inference*, on why a small change of the ELBO is
/// no sign of convergence; Opper and Archambeau (2009) for the derivatives.
pub fn optimality(model: &impl LogJoint, mean: Tensor<1>, draws: Tensor<2>) -> Result<Optimality, ViError> {
    let [n, d] = draws.dims();
    for got in [d, mean.dims()[0]] {
        check::dims(model, got)?;
    }
    if n == 0 {
        return Err(ViError::Setting { name: "draws", expected: "at least 1" });
    }
    check::log_joint(model, mean.clone().without_autodiff().unsqueeze::<2>().repeat_dim(0, 2))?;
    in_pool(move || measure(model, &mean.without_autodiff(), draws.without_autodiff()))
}

fn measure(model: &impl LogJoint, mean: &Tensor<1>, draws: Tensor<2>) -> Result<Optimality, ViError> {
    let [n, d] = draws.dims();
    let pairs = n.min(PAIRS);
    let drawn = draws.slice(0..pairs);
    let mirrored = |z: Tensor<2>| Tensor::cat(vec![z.clone(), mean.clone().unsqueeze::<2>() * 2.0 - z], 0);
    let (mut apart, mut gradients) = (Vec::new(), Vec::new());
    for from in (0..pairs).step_by(AT_A_TIME) {
        let z = mirrored(drawn.clone().slice(from..pairs.min(from + AT_A_TIME)));
        let (_, gradient) = total(model, z.clone(), |f, z| f.value_and_grad(z).map_err(evaluation))?;
        gradients.extend(rows(gradient, d));
        apart.extend(rows((z - mean.clone().unsqueeze()).flatten(0, 1), d));
    }
    let variance = average(&apart, |row, j| row[j].powi(2));
    // A point is the same draw again and again.
    let has_density = variance.iter().any(|variance| *variance > 0.0);

    let few = pairs.min((HESSIANS / d).max(4));
    let curvature = total(model, mirrored(drawn.slice(0..few)), |f, z| {
        let column = |j: usize| {
            let unit: Vec<f64> = (0..2 * few * d).map(|i| f64::from(u8::from(i % d == j))).collect();
            let unit = Tensor::from_data(TensorData::new(unit, [2 * few * d]), (&z.device(), z.dtype()));
            Ok(average(&rows(f.hvp(z, &unit).map_err(evaluation)?, d), |row, i| -row[i]))
        };
        (0..d).map(column).collect::<Result<Vec<_>, ViError>>()
    })?;
    let curvature = Symmetric::from_fn(d, |i, j| 0.5 * (curvature[i][j] + curvature[j][i]));

    let gradient = average(&gradients, |row, j| row[j]);
    let location = match curvature.cholesky().filter(|_| curvature.is_finite()) {
        Some(factor) => {
            let (step, covariance) = (factor.solve(&gradient), factor.inverse());
            (0..d).map(|j| step[j] / covariance.at(j, j).sqrt()).collect()
        }
        None if has_density => (0..d).map(|j| gradient[j] * variance[j].sqrt()).collect(),
        None => vec![f64::INFINITY; d],
    };
    let stretch = |j: usize| {
        let products = apart.iter().zip(&gradients).map(|(apart, gradient)| apart[j] * gradient[j]);
        let slope = 1.0 + products.sum::<f64>() / count(apart.len());
        slope / (1.0 + (variance[j] * curvature.at(j, j)).max(1.0))
    };
    let scale = if has_density { (0..d).map(stretch).collect() } else { Vec::new() };
    Ok(Optimality { location, scale })
}

type Total<'a> = Function<'a, burn::module::Param<Tensor<1>>, (), 1>;

/// Does something with the sum of the log-densities of all rows of z `[s, d]`, as a function of the vector of all entries.
fn total<T>(
    model: &impl LogJoint,
    z: Tensor<2>,
    of: impl FnOnce(&Total<'_>, &Tensor<1>) -> Result<T, ViError>,
) -> Result<T, ViError> {
    let shape = z.dims();
    let flat = z.reshape([shape[0] * shape[1]]);
    let sum = Function::of_vector(flat.clone(), move |flat: Tensor<1>| model.log_joint(flat.reshape(shape)).sum())
        .with_hvp_method(HvpMethod::Auto);
    of(&sum, &flat)
}

fn evaluation(error: DerivativeError) -> ViError {
    ViError::Evaluation(error.into())
}

/// Splits a vector into rows of d.
fn rows(flat: Tensor<1>, d: usize) -> Vec<Vec<f64>> {
    let flat: Vec<f64> = flat.into_data().try_into_vec_as().expect("a float tensor converts to f64");
    flat.chunks_exact(d).map(<[f64]>::to_vec).collect()
}

/// The mean over all rows, entry by entry.
fn average(rows: &[Vec<f64>], of: impl Fn(&[f64], usize) -> f64) -> Vec<f64> {
    let d = rows.first().map_or(0, Vec::len);
    (0..d).map(|j| rows.iter().map(|row| of(row, j)).sum::<f64>() / count(rows.len())).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a number of draws")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vi::{Delta, Guide, MeanField};
    use burn::tensor::Device;
    use kiln_dist::LogJointOf;
    use kiln_tensor::Stream;
    use kiln_testkit::assert_close;

    /// Λ = [[2, 1.9], [1.9, 2]], with the mean (1, −1).
    fn correlated() -> impl LogJoint {
        LogJointOf::new(2, |z: Tensor<2>| {
            let [a, b] = [0, 1].map(|j| z.clone().slice_dim(1, j..j + 1));
            let (a, b) = (a - 1.0, b + 1.0);
            ((a.clone().square() + b.clone().square()) * -1.0 - a * b * 1.9).squeeze_dim(1)
        })
    }

    fn of(guide: &impl Guide) -> Optimality {
        let draws = guide.rsample(4000, &mut Stream::new(0, "draws", 0, 0));
        optimality(&correlated(), guide.mean(), draws).unwrap()
    }

    /// Along (1, −1) the curvature is 0.1: the gradient at the origin is small, and the maximum far away.
    #[test]
    fn steps_are_those_of_a_normal_posterior() {
        let device = Device::default();
        let vector = |values: [f64; 2]| Tensor::<1>::from_data(values, &device);
        // Λ⁻¹ has 2/(4 − 1.9²) on its diagonal.
        let sd = (2.0 / 0.39f64).sqrt();
        let conditional = 0.5f64.sqrt();
        let far = of(&MeanField::from_parts(vector([0.0, 0.0]), vector([conditional; 2])).unwrap());
        // Pairs of draws leave rounding errors of f32, magnified by the condition number of 39.
        assert_close(&far.location, &[1.0 / sd, -1.0 / sd], 0.0, 1e-3, "means");
        // The standard error of a scale is √((2 + 0.95²)/8000)/2 or less: 0.01.
        assert_close(&far.scale, &[0.0; 2], 0.0, 0.04, "scales at the maximum");
        assert!((far.worst_location().1 - 1.0 / sd).abs() < 1e-3);
        let narrow = of(&MeanField::from_parts(vector([1.0, -1.0]), vector([0.1 * conditional; 2])).unwrap());
        assert!(narrow.worst_location().1 < 1e-3 && narrow.scale.iter().all(|step| *step > 0.4), "{narrow:?}");
        let point = of(&Delta::at(vector([0.0, 0.0])));
        assert_close(&point.location, &[1.0 / sd, -1.0 / sd], 0.0, 1e-3, "a point");
        assert!(point.worst_scale().is_none());
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let device = Device::default();
        let zeros = |d| Tensor::<1>::zeros([d], &device);
        let refused = |mean, draws| optimality(&correlated(), mean, draws).is_err();
        assert!(refused(zeros(3), Tensor::zeros([5, 2], &device)) && refused(zeros(2), Tensor::zeros([5, 3], &device)));
        assert!(refused(zeros(2), Tensor::zeros([0, 2], &device)));
        let saddle = LogJointOf::new(1, |z: Tensor<2>| z.square().squeeze_dim::<1>(1));
        let found = optimality(&saddle, zeros(1), Tensor::zeros([1, 1], &device)).unwrap();
        assert_eq!(found.location, [f64::INFINITY], "a minimum is no mode");
    }
}
