//! The nearest point of a set.

use burn::tensor::{Int, Tensor};

use super::{Bounds, SolverError};

/// A closed convex set onto which one can project: the nearest point of it, in the Euclidean norm.
pub trait Projection {
    /// Refuses vectors of `n` numbers that it is not made for.
    ///
    /// # Errors
    /// [`SolverError::Option`].
    fn validate(&self, n: usize) -> Result<(), SolverError>;

    /// The nearest point of the set to x `[n]`, without a read from the device.
    fn project(&self, x: Tensor<1>) -> Tensor<1>;
}

/// {x ≥ 0, Σ x = radius}: with radius 1 the probabilities of a categorical (Duchi, Shalev-Shwartz, Singer and Chandra, 2008).
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
    /// Above 0.
    pub radius: f64,
}

/// {Σ |x| ≤ radius}, the set of the lasso (Duchi et al., 2008).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L1Ball {
    /// Above 0.
    pub radius: f64,
}

/// {‖x‖₂ ≤ radius}.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L2Ball {
    /// Above 0.
    pub radius: f64,
}

/// {aᵀx = b}.
#[derive(Clone, Debug)]
pub struct Hyperplane {
    /// a, not 0.
    pub normal: Tensor<1>,
    /// b.
    pub offset: f64,
}

/// {aᵀx ≤ b}.
#[derive(Clone, Debug)]
pub struct Halfspace {
    /// a, not 0.
    pub normal: Tensor<1>,
    /// b.
    pub offset: f64,
}

/// What is taken from each entry so that what is left above 0 adds up to the radius, of entries that add up to more:
/// the largest of (x₍₁₎ + … + x₍ₖ₎ − radius)/k, x₍₁₎ being the largest entry.
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
        // From the largest entry on, so that large numbers do not drown the radius.
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
        // At most 0 within the ball.
        let least = threshold(&size, self.radius).clamp_min(0.0);
        (size - least).clamp_min(0.0) * x.sign()
    }
}

impl Projection for L2Ball {
    fn validate(&self, _: usize) -> Result<(), SolverError> {
        above_zero(self.radius)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        // In units of the largest entry, whose square could overflow.
        let largest = x.clone().abs().max();
        let unit = largest.clone().mask_fill(largest.equal_scalar(0.0), 1.0);
        let length = (x.clone() / unit.clone()).square().sum().sqrt() * unit;
        x * (length.clamp_min(self.radius).recip() * self.radius)
    }
}

impl Hyperplane {
    /// x − (aᵀx − b)·a/‖a‖², with the excess first changed by `change`.
    fn moved(normal: &Tensor<1>, offset: f64, x: Tensor<1>, change: impl Fn(Tensor<1>) -> Tensor<1>) -> Tensor<1> {
        let excess = change((normal.clone() * x.clone()).sum() - offset);
        let square = normal.clone().square().sum();
        x - normal.clone() * (excess / square)
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
