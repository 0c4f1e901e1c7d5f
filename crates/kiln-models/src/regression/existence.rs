//! A proof that a likelihood has a maximum near a point.

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{Hessian, Objective},
    device::machine_epsilon,
    linalg::Symmetric,
};

use super::{host, loss::RegressionLoss};

impl RegressionLoss {
    /// Returns whether the loss provably has its minimum near `x`, so that the classes are not separable.
    ///
    /// The loss is self-concordant in the generalised sense: its third derivative along v is at most R·‖v‖ times its second. With
    /// g the gradient and H the Hessian at x, a minimum exists if √(gᵀH⁻¹g)·R ≤ ½, with R the largest ‖a‖ in the norm of H⁻¹ over
    /// the directions a in which the data differ (Bach, 2010, proposition 2). The method asks for ¼, and takes the first of more
    /// than two classes as the reference. Linearly dependent columns have no proof.
    ///
    /// # References
    /// Bach (2010), *Self-concordant analysis for logistic regression*.
    pub fn has_maximum_near(&self, x: &Tensor<1>) -> bool {
        if self.l2 > 0.0 {
            return true;
        }
        self.concordance(x).is_some_and(|product| product <= 0.25)
    }

    /// Returns whether no step from `x` can lower the loss by more than the rounding errors of its value, so that a solver that
    /// stops there for want of a lower point has converged.
    ///
    /// A Newton step lowers the loss by about gᵀH⁻¹g/2, which is compared with the rounding error of the loss.
    pub fn is_converged_to_rounding(&self, x: &Tensor<1>) -> bool {
        let Some(Curvature { decrement, .. }) = self.curvature(x) else { return false };
        let Ok(value) = self.value(x) else { return false };
        let value = value.into_scalar::<f64>();
        decrement / 2.0 <= self.rounding_units() * machine_epsilon(x.dtype()) * value.abs().max(f64::MIN_POSITIVE)
    }

    /// Returns a bound of √(gᵀH⁻¹g)·R, if the Hessian has an inverse: R² is at most twice the largest square of a row with a one,
    /// times the trace of H⁻¹.
    fn concordance(&self, x: &Tensor<1>) -> Option<f64> {
        let Curvature { trace, decrement } = self.curvature(x)?;
        // Rows of weight 0 are 0.
        let largest = match self.is_on_host() {
            true => host::largest_square(&self.inputs),
            false => self.inputs.clone().square().sum_dim(1).max().into_scalar::<f64>(),
        };
        let largest = 1.0 + largest;
        let product = (decrement.max(0.0) * 2.0 * largest * trace).sqrt();
        product.is_finite().then_some(product)
    }

    /// Returns the curvature at `x`, if the Hessian has an inverse.
    fn curvature(&self, x: &Tensor<1>) -> Option<Curvature> {
        let ([_, d], k) = (self.inputs.dims(), self.columns());
        // With more than two classes the first is the reference. With a penalty only its intercept is.
        let free = if k == 1 || self.l2 > 0.0 { k } else { k - 1 };
        let first = k - free;
        let place = |feature: usize, class: usize| {
            let class = class + first;
            if feature < d { feature * k + class } else { d * k + class }
        };
        // Class by class, each with its features and the intercept.
        let mut places: Vec<usize> = (0..free).flat_map(|class| (0..=d).map(move |f| place(f, class))).collect();
        if self.l2 > 0.0 && k > 1 {
            places.retain(|at| *at != d * k);
        }
        let hessian = self.hessian(x).ok()?;
        let reduced = Symmetric::from_fn(places.len(), |i, j| hessian.at(places[i], places[j]));
        let factor = reduced.cholesky()?;
        let inverse = factor.inverse();
        // Rounding can give a singular matrix a Cholesky factor.
        let spread = |i: usize| (reduced.at(i, i) * inverse.at(i, i)).sqrt();
        if (0..places.len()).any(|i| spread(i).is_nan() || spread(i) > 1e7) {
            return None;
        }
        let (_, gradient) = self.value_and_grad(x).ok()?;
        let gradient: Vec<f64> = gradient.into_data().try_into_vec_as().ok()?;
        let gradient: Vec<f64> = places.iter().map(|place| gradient[*place]).collect();
        let decrement = factor.solve(&gradient).iter().zip(&gradient).map(|(a, b)| a * b).sum();
        let trace = (0..places.len()).map(|i| inverse.at(i, i)).sum();
        Some(Curvature { trace, decrement })
    }
}

/// What the Hessian H and the gradient g say of a point.
struct Curvature {
    /// The trace of H⁻¹.
    trace: f64,
    /// gᵀH⁻¹g.
    decrement: f64,
}
