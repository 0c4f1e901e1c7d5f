//! The LKJ distribution over correlation matrices.

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::{Stream, special::ln_gamma};

use crate::{
    Batch, Beta, DistError, Distribution, Reparameterized,
    error::check_values,
    family::{POSITIVE, on_support},
};

/// An LKJ distribution over Cholesky factors L of k×k correlation matrices, with density proportional to det(L·Lᵀ)^{η − 1} in L·Lᵀ.
///
/// η = 1 is uniform over correlation matrices; large η concentrates near the identity. Values have shape `[n, k·k]` in row-major
/// order, as [`CorrelationCholesky`](crate::CorrelationCholesky) returns them. Log-densities have shape `[n, 1]` and refer to the
/// entries below the diagonal.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Distribution, LkjCholesky};
///
/// let device = Device::default();
/// let d = LkjCholesky::new(2, Tensor::from_data([[1.0]], &device))?;
/// // With k = 2 the correlation is uniform in (−1, 1), with density ½.
/// let independent = Tensor::<2>::from_data([[1.0, 0.0, 0.0, 1.0]], &device);
/// assert!((d.log_prob(independent).into_scalar::<f32>() + 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
///
/// # References
/// Lewandowski, Kurowicka and Joe (2009), *Generating random correlation matrices based on vines and extended onion method*.
#[derive(Clone, Debug)]
pub struct LkjCholesky {
    dims: usize,
    concentration: Tensor<2>,
}

impl LkjCholesky {
    /// Builds the distribution of matrices with `dims` ≥ 1 rows from the concentration η `[n, 1]`, each positive.
    ///
    /// The values are not checked; [`validated`](Self::validated) checks them.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if `dims` is 0 or the concentration is not `[n, 1]`.
    pub fn new(dims: usize, concentration: Tensor<2>) -> Result<Self, DistError> {
        if dims == 0 || concentration.dims()[1] != 1 {
            let (first_shape, second_shape) = (concentration.dims().to_vec(), vec![dims, dims]);
            return Err(DistError::Shape { first: "concentration", first_shape, second: "matrix", second_shape });
        }
        Ok(Self { dims, concentration })
    }

    /// Checks the values and returns the distribution. Waits for the device.
    ///
    /// # Errors
    /// Returns [`DistError::Value`] if a concentration is not positive and finite.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("concentration", POSITIVE.words, &self.concentration, |x| POSITIVE.holds(x))?;
        Ok(self)
    }

    /// Returns the concentration η, `[n, 1]`.
    pub fn concentration(&self) -> Tensor<2> {
        self.concentration.clone()
    }

    /// Returns the number of rows of a matrix.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Returns the log of the normalising constant in the entries of L, `[n, 1]` (theorem 5).
    #[allow(clippy::cast_precision_loss, reason = "numbers of rows")]
    fn log_normalizer(&self) -> Tensor<2> {
        let rest = (self.dims - 1) as f64;
        let of_row = |i: usize| {
            let i = i as f64;
            ln_gamma(self.concentration.clone() + 0.5 * (rest - i)) + 0.5 * i * std::f64::consts::PI.ln()
        };
        let last = ln_gamma(self.concentration.clone() + 0.5 * rest) * rest;
        (1..self.dims).map(of_row).fold(-last, |sum, row| sum + row)
    }

    fn row(&self, entries: Vec<f64>) -> Tensor<2> {
        let like = (&self.concentration.device().without_autodiff(), self.concentration.dtype());
        let width = entries.len();
        Tensor::from_data(TensorData::new(entries, [1, width]), like)
    }
}

impl Distribution<2> for LkjCholesky {
    type Value = Tensor<2>;

    /// Returns the log-density, `[n, 1]`.
    ///
    /// It is −∞ if the norm of a row differs from 1 by more than 1e-3, if the diagonal is not positive, or if an entry above it is
    /// not zero.
    ///
    /// # Panics
    /// If the value does not have k·k columns. [`check_value`](Distribution::check_value) returns an error instead.
    #[allow(clippy::cast_precision_loss, reason = "numbers of rows")]
    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        let (k, [n, width]) = (self.dims, value.dims());
        assert_eq!(width, k * k, "a value of this distribution has k·k = {} columns, not {width}", k * k);
        let rows: Tensor<3> = value.clone().reshape([n, k, k]);
        let off = (rows.clone().square().sum_dim(2).squeeze_dim::<2>(2) - 1.0).abs().max_dim(1);
        let above = rows.triu(1).abs().sum_dim(2).sum_dim(1).squeeze_dim::<2>(2);
        let diagonal = Tensor::cat((0..k).map(|i| value.clone().narrow(1, i * k + i, 1)).collect(), 1);
        let inside = off.lower_scalar(1e-3).bool_and(above.lower_equal_scalar(0.0));
        let inside = inside.bool_and(diagonal.clone().min_dim(1).greater_scalar(0.0));
        // The powers of the diagonal come from η and from the Jacobian of L·Lᵀ in L.
        let jacobian = self.row((1..=k).map(|i| (k - i) as f64 - 2.0).collect());
        let power = self.concentration.clone() * 2.0 + jacobian;
        // The first diagonal entry is 1 for any power.
        let first = self.row((0..k).map(|i| f64::from(u8::from(i > 0))).collect());
        let per_entry = inside.clone().expand([n, k]);
        let log_prob = on_support(diagonal, per_entry, 1.0, 0.0, |x| x.log() * power * first).sum_dim(1);
        (log_prob - self.log_normalizer()).mask_fill(inside.bool_not(), f64::NEG_INFINITY)
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        self.detached().rsample(stream)
    }

    fn check_value(&self, value: &Tensor<2>) -> Result<(), DistError> {
        let (expected, [_, got]) = (self.dims * self.dims, value.dims());
        if got == expected { Ok(()) } else { Err(DistError::Columns { expected, got }) }
    }
}

impl Batch for LkjCholesky {
    fn detached(&self) -> Self {
        Self { concentration: self.concentration.clone().without_autodiff(), ..*self }
    }

    fn repeated(&self, count: usize) -> Self {
        Self { concentration: self.concentration.clone().repeat_dim(0, count.max(1)), ..*self }
    }
}

impl Reparameterized<2> for LkjCholesky {
    /// Draws row by row with the onion method (section 3.2).
    ///
    /// The part of a row beside the diagonal has a uniform direction and a beta distributed squared norm.
    #[allow(clippy::cast_precision_loss, reason = "numbers of rows")]
    fn rsample(&self, stream: &mut Stream) -> Tensor<2> {
        let (k, [n, _]) = (self.dims, self.concentration.dims());
        let like = (&self.concentration.device().without_autodiff(), self.concentration.dtype());
        let zeros = |width: usize| Tensor::<2>::zeros([n, width], like);
        let mut rows = vec![zeros(1) + 1.0];
        for i in 1..k {
            // The zeros above the diagonal of the row before.
            rows.push(zeros(k - i));
            let beside = self.concentration.clone() + 0.5 * (k - 1 - i) as f64;
            let of_length = Beta::new(beside.full_like(0.5 * i as f64).without_autodiff(), beside)
                .expect("both parameters have one shape");
            let squared = of_length.rsample(stream);
            let noise = stream.normal::<2>([n, i], like);
            let direction = noise.clone() / noise.square().sum_dim(1).sqrt();
            rows.push(direction * squared.clone().sqrt());
            rows.push((-squared + 1.0).sqrt());
        }
        Tensor::cat(rows, 1)
    }
}
