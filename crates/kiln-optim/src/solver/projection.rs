//! Projections on convex sets.

use burn::tensor::{Int, Tensor};

use kiln_tensor::device::machine_epsilon;

use super::{Bounds, SolverError};

/// A closed convex set with a projection: the nearest point in the Euclidean norm.
pub trait Projection {
    /// Checks that the set suits vectors of `n` numbers.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`] or [`SolverError::Length`].
    fn validate(&self, n: usize) -> Result<(), SolverError>;

    /// Returns the point of the set nearest to x `[n]`, without a read from the device.
    fn project(&self, x: Tensor<1>) -> Tensor<1>;

    /// Returns how far a point x of the set is from a minimum where the gradient is g: the vector (x − P(x − t·g))/t, which is 0 at a
    /// minimum.
    ///
    /// t is 1, or more where the difference for t = 1 would be lost in the rounding of x. It is then so large that the step is √ε times
    /// as long as x.
    fn residual(&self, x: &Tensor<1>, g: &Tensor<1>) -> Tensor<1> {
        let largest = |vector: &Tensor<1>| vector.clone().abs().max();
        let smallest = if machine_epsilon(x.dtype()) > 1e-12 { 1e-30 } else { 1e-300 };
        let t = (largest(x) * machine_epsilon(x.dtype()).sqrt() / largest(g).clamp_min(smallest)).clamp_min(1.0);
        (x.clone() - self.project(x.clone() - g.clone() * t.clone())) / t
    }
}

/// The simplex {x ≥ 0, Σ x = radius}. With radius 1 it holds the probabilities of a categorical distribution.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Projection, Simplex};
///
/// let x = Tensor::<1>::from_data([0.5, 1.2, -3.0], &Device::default());
/// let p: Vec<f32> = Simplex { radius: 1.0 }.project(x).into_data().try_into_vec()?;
/// assert!(p.iter().zip([0.15, 0.85, 0.0]).all(|(p, expected)| (p - expected).abs() < 1e-6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simplex {
    /// The sum of the entries, above 0.
    pub radius: f64,
}

/// The ℓ1 ball {Σ |x| ≤ radius}, the set of the lasso.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{L1Ball, Projection};
///
/// let x = Tensor::<1>::from_data([3.0, -1.0], &Device::default());
/// assert_eq!(L1Ball { radius: 1.0 }.project(x).try_into_vec_as::<f64>().unwrap(), [1.0, 0.0]);
/// ```
///
/// # References
/// Duchi, Shalev-Shwartz, Singer and Chandra, *Efficient projections onto the ℓ1-ball* (2008).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L1Ball {
    /// The radius, above 0.
    pub radius: f64,
}

/// The Euclidean ball {‖x‖₂ ≤ radius}.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{L2Ball, Projection};
///
/// let x = Tensor::<1>::from_data([3.0, -4.0], &Device::default());
/// assert_eq!(L2Ball { radius: 2.5 }.project(x).try_into_vec_as::<f64>().unwrap(), [1.5, -2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L2Ball {
    /// The radius, above 0.
    pub radius: f64,
}

/// The hyperplane {aᵀx = b}.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Hyperplane, Projection};
///
/// let device = Device::default();
/// let plane = Hyperplane { normal: Tensor::ones([2], &device), offset: 1.0 };
/// assert_eq!(plane.project(Tensor::zeros([2], &device)).try_into_vec_as::<f64>().unwrap(), [0.5, 0.5]);
/// ```
#[derive(Clone, Debug)]
pub struct Hyperplane {
    /// The normal vector a `[n]`, not 0.
    pub normal: Tensor<1>,
    /// The offset b.
    pub offset: f64,
}

/// The half-space {aᵀx ≤ b}.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Halfspace, Projection};
///
/// let device = Device::default();
/// let below = Halfspace { normal: Tensor::ones([2], &device), offset: 1.0 };
/// assert_eq!(below.project(Tensor::ones([2], &device)).try_into_vec_as::<f64>().unwrap(), [0.5, 0.5]);
/// assert_eq!(below.project(Tensor::zeros([2], &device)).try_into_vec_as::<f64>().unwrap(), [0.0, 0.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Halfspace {
    /// The normal vector a `[n]`, not 0.
    pub normal: Tensor<1>,
    /// The offset b.
    pub offset: f64,
}

/// The soft threshold that leaves a sum equal to the radius, for entries whose sum is larger: the maximum over k of (x₍₁₎ + … +
/// x₍ₖ₎ − radius)/k, with the entries in decreasing order.
fn threshold(x: &Tensor<1>, radius: f64) -> Tensor<1> {
    let [n] = x.dims();
    let end = i64::try_from(n).expect("a vector's length");
    let k = Tensor::<1, Int>::arange(1..end + 1, &x.device()).float().cast(x.dtype());
    let sums = x.clone().sort_descending(0).cumsum(0);
    ((sums - radius) / k).max()
}

impl Projection for Simplex {
    fn validate(&self, _: usize) -> Result<(), SolverError> {
        above_zero(self.radius)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        // Subtract the largest entry, so that large numbers do not hide the radius.
        let x = x.clone() - x.max();
        let least = threshold(&x, self.radius);
        (x - least).clamp_min(0.0)
    }
}

impl Projection for L1Ball {
    fn validate(&self, _: usize) -> Result<(), SolverError> {
        above_zero(self.radius)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        let size = x.clone().abs();
        // At most 0 if x is inside the ball.
        let least = threshold(&size, self.radius).clamp_min(0.0);
        (size - least).clamp_min(0.0) * x.sign()
    }
}

impl Projection for L2Ball {
    fn validate(&self, _: usize) -> Result<(), SolverError> {
        above_zero(self.radius)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        // Scale by the largest entry, whose square could overflow.
        let largest = x.clone().abs().max();
        let unit = largest.clone().mask_fill(largest.equal_scalar(0.0), 1.0);
        let length = (x.clone() / unit.clone()).square().sum().sqrt() * unit;
        // Inside of the ball the factor is exactly 1.
        x / (length.clamp_min(self.radius) / self.radius)
    }
}

impl Hyperplane {
    /// x − (aᵀx − b)·a/‖a‖², with `change` applied to the excess aᵀx − b.
    fn moved(normal: &Tensor<1>, offset: f64, x: Tensor<1>, change: impl Fn(Tensor<1>) -> Tensor<1>) -> Tensor<1> {
        let normal = normal.clone().to_device(&x.device()).cast(x.dtype());
        let excess = change((normal.clone() * x.clone()).sum() - offset);
        let square = normal.clone().square().sum();
        x - normal * (excess / square)
    }
}

impl Projection for Hyperplane {
    fn validate(&self, n: usize) -> Result<(), SolverError> {
        plane(&self.normal, self.offset, n)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        Self::moved(&self.normal, self.offset, x, |excess| excess)
    }
}

impl Projection for Halfspace {
    fn validate(&self, n: usize) -> Result<(), SolverError> {
        plane(&self.normal, self.offset, n)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        Hyperplane::moved(&self.normal, self.offset, x, |excess| excess.clamp_min(0.0))
    }
}

impl Projection for Bounds {
    fn validate(&self, n: usize) -> Result<(), SolverError> {
        super::Region::validate(self, n)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        super::Region::nearest(self, x)
    }

    /// Without rounding, for t = 1.
    fn residual(&self, x: &Tensor<1>, g: &Tensor<1>) -> Tensor<1> {
        self.projected_gradient(x, g)
    }
}

fn above_zero(radius: f64) -> Result<(), SolverError> {
    if radius > 0.0 && radius.is_finite() {
        return Ok(());
    }
    Err(SolverError::Option { name: "radius", expected: "finite and above 0", got: radius })
}

fn plane(normal: &Tensor<1>, offset: f64, n: usize) -> Result<(), SolverError> {
    let [got] = normal.dims();
    if got != n {
        return Err(SolverError::Length { name: "normal", expected: n, got });
    }
    let [square] = super::problem::read([normal.clone().square().sum()]);
    if !(square > 0.0 && square.is_finite()) {
        return Err(SolverError::Option { name: "normal", expected: "finite and not 0", got: square });
    }
    if offset.is_finite() {
        return Ok(());
    }
    Err(SolverError::Option { name: "offset", expected: "finite", got: offset })
}
