//! What products with the Hessian tell of it: its trace and its extreme eigenvalues.

use burn::{module::Module, tensor::Tensor};

use super::{DerivativeError, Function, Inputs};
use crate::{Stream, device::rounding_unit, linalg::Symmetric};

/// An estimate of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trace {
    /// The mean over the probes.
    pub value: f64,
    /// The standard error of that mean; not a number with one probe.
    pub standard_error: f64,
}

/// The ends of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// The smallest eigenvalue.
    pub smallest: f64,
    /// The largest eigenvalue.
    pub largest: f64,
    /// How far from an eigenvalue the two can be: the larger of the residuals ‖H·y − θ·y‖ of their vectors.
    pub residual: f64,
    /// The products that were taken.
    pub products: usize,
}

impl<M: Module, I: Inputs> Function<'_, M, I, 1> {
    /// The trace of the Hessian at w from `probes` vectors of random signs with the key `seed`: the mean of vᵀ·H·v
    /// (Hutchinson, 1990).
    ///
    /// # Errors
    /// As [`hvp`](Function::hvp).
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

    /// The smallest and the largest eigenvalue of the Hessian at w by at most `steps` steps of Lanczos's method with
    /// full reorthogonalisation (Golub and Van Loan, Matrix Computations, 4th ed., §10.1), from a vector with the key
    /// `seed`. Ends early when the residual of both is below the rounding of the largest.
    ///
    /// # Errors
    /// As [`hvp`](Function::hvp).
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
            // Twice is enough (Parlett): what rounding leaves of the basis after the first time goes in the second.
            for _ in 0..2 {
                for vector in &basis {
                    let along = dot(&next, vector);
                    next = next - vector.clone() * along;
                }
            }
            let length = dot(&next, &next).sqrt();
            let ends = ends_of(&diagonal, &beside, length);
            let small = ends.residual <= 4.0 * rounding_unit(w.dtype()) * ends.largest.abs().max(ends.smallest.abs());
            if basis.len() >= steps.min(self.layout().len()) || small || ends.residual.is_nan() {
                return Ok(ends);
            }
            beside.push(length);
            basis.push(next / length);
        }
    }
}

/// The ends of the spectrum of a tridiagonal matrix; the residual of an eigenvector y is `next`·|its last entry|.
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
