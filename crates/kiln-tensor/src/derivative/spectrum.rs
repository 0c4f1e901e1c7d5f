//! The trace and the extreme eigenvalues of a Hessian, from products with it.

use burn::{module::Module, tensor::Tensor};

use super::{DerivativeError, Function, Inputs};
use crate::{Stream, device::machine_epsilon, linalg::Symmetric};

/// An estimate of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trace {
    /// The mean over the probes.
    pub value: f64,
    /// The standard error of the mean; NaN with one probe.
    pub standard_error: f64,
}

/// The extreme eigenvalues of a Hessian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// The smallest eigenvalue.
    pub smallest: f64,
    /// The largest eigenvalue.
    pub largest: f64,
    /// A bound on the error of both: the larger residual ‖H·y − θ·y‖ of their vectors.
    pub residual: f64,
    /// Number of products.
    pub products: usize,
}

impl<M: Module, I: Inputs> Function<'_, M, I, 1> {
    /// Estimates the trace of the Hessian at w as the mean of vᵀ·H·v over `probes` vectors of random signs with the key `seed`
    /// (Hutchinson, 1990).
    ///
    /// # Errors
    /// Those of [`hvp`](Function::hvp).
    pub fn hessian_trace(&self, w: &Tensor<1>, probes: usize, seed: u64) -> Result<Trace, DerivativeError> {
        let mut stream = Stream::new(seed, "trace", 0, 0);
        let one = |_| {
            let signs = stream.normal(w.dims(), &w.device()).cast(w.dtype()).sign();
            Ok((self.hvp(w, &signs)? * signs).sum().into_scalar::<f64>())
        };
        let samples = (0..probes).map(one).collect::<Result<Vec<f64>, DerivativeError>>()?;
        #[allow(clippy::cast_precision_loss, reason = "a number of probes")]
        let n = samples.len() as f64;
        let value = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
        Ok(Trace { value, standard_error: (variance / n).sqrt() })
    }

    /// Estimates the smallest and the largest eigenvalue of the Hessian at w by at most `steps` steps of the Lanczos method with
    /// full reorthogonalisation, from a random vector with the key `seed` (Golub and Van Loan, *Matrix Computations*, 4th ed.,
    /// §10.1). It ends early if both residuals are below the rounding error of the largest eigenvalue.
    ///
    /// # Errors
    /// Those of [`hvp`](Function::hvp).
    pub fn hessian_extremes(&self, w: &Tensor<1>, steps: usize, seed: u64) -> Result<Extremes, DerivativeError> {
        let dot = |a: &Tensor<1>, b: &Tensor<1>| (a.clone() * b.clone()).sum().into_scalar::<f64>();
        let normal = Stream::new(seed, "lanczos", 0, 0).normal(w.dims(), &w.device()).cast(w.dtype());
        let length = dot(&normal, &normal).sqrt();
        let mut basis: Vec<Tensor<1>> = vec![normal / length];
        let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        loop {
            let last = &basis[basis.len() - 1];
            let mut next = self.hvp(w, last)?;
            diagonal.push(dot(&next, last));
            // Twice is enough (Parlett): the second pass removes what rounding left after the first.
            for _ in 0..2 {
                for vector in &basis {
                    let along = dot(&next, vector);
                    next = next - vector.clone() * along;
                }
            }
            let length = dot(&next, &next).sqrt();
            let ends = ends_of(&diagonal, &beside, length);
            let small = ends.residual <= 4.0 * machine_epsilon(w.dtype()) * ends.largest.abs().max(ends.smallest.abs());
            if basis.len() >= steps.min(self.layout().len()) || small || ends.residual.is_nan() {
                return Ok(ends);
            }
            beside.push(length);
            basis.push(next / length);
        }
    }
}

/// The extreme eigenvalues of a tridiagonal matrix. The residual of an eigenvector y is `next`·|its last entry|.
fn ends_of(diagonal: &[f64], beside: &[f64], next: f64) -> Extremes {
    let n = diagonal.len();
    let matrix = Symmetric::from_fn(n, |i, j| match i - j {
        0 => diagonal[i],
        1 => beside[j],
        _ => 0.0,
    });
    let Some(eigen) = matrix.eigen() else {
        return Extremes { smallest: f64::NAN, largest: f64::NAN, residual: f64::NAN, products: n };
    };
    let (values, last) = (&eigen.values, |index: usize| eigen.vector(index)[n - 1].abs());
    Extremes {
        smallest: values[0],
        largest: values[n - 1],
        residual: next.abs() * last(0).max(last(n - 1)),
        products: n,
    }
}
