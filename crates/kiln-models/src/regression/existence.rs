//! A proof that a likelihood has a maximum near a point.

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{Hessian, Objective},
    device::machine_epsilon,
    linalg::Symmetric,
};

use super::loss::RegressionLoss;

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

    /// Returns √(gᵀH⁻¹g)·R, if the Hessian has an inverse.
    fn concordance(&self, x: &Tensor<1>) -> Option<f64> {
        let Curvature { inverse, decrement, free } = self.curvature(x)?;
        let [n, d] = self.inputs.dims();
        let inputs: Vec<f64> = self.inputs.to_data().try_into_vec_as().ok()?;
        let shares: Vec<f64> = self.shares.to_data().try_into_vec_as().ok()?;
        let size = d + 1;
        // aᵀ·B·a for the block B of classes a and b.
        let form = |row: &[f64], a: usize, b: usize| {
            let at = |i: usize| row.get(i).copied().unwrap_or(1.0);
            let product = |i: usize| (0..size).map(|j| inverse.at(a * size + i, b * size + j) * at(j)).sum::<f64>();
            (0..size).map(|i| at(i) * product(i)).sum::<f64>()
        };
        let largest = |row: &[f64]| {
            let mut largest: f64 = 0.0;
            for a in 0..free {
                // Against the reference, and against each other class.
                let own = form(row, a, a);
                largest = largest.max(own);
                for b in 0..a {
                    largest = largest.max(own + form(row, b, b) - 2.0 * form(row, a, b));
                }
            }
            largest
        };
        let rows = (0..n).filter(|row| shares[*row] > 0.0).map(|row| &inputs[row * d..(row + 1) * d]);
        let largest = rows.map(largest).fold(0.0, f64::max);
        let product = (decrement.max(0.0) * largest).sqrt();
        product.is_finite().then_some(product)
    }

    /// Returns the inverse Hessian at `x`, if it has one.
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
        Some(Curvature { inverse, decrement, free })
    }
}

/// The inverse Hessian of the parameters, class by class.
struct Curvature {
    inverse: Symmetric,
    /// gᵀH⁻¹g.
    decrement: f64,
    /// The number of classes with parameters.
    free: usize,
}
