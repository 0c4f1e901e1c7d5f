//! The minimum of a quadratic function within a ball.

use kiln_tensor::linalg::{Eigen, Symmetric};

use crate::norms::norm;

/// The minimum of a quadratic function within a ball.
pub(super) struct Minimum {
    pub(super) p: Vec<f64>,
    /// Whether it is on the sphere.
    pub(super) at_rim: bool,
}

/// How near ‖p‖ must be to the radius, relative to it.
const NEAR: f64 = 1e-8;
/// Maximum number of steps on the secular equation 1/‖p(λ)‖ = 1/Δ.
const MAX_STEPS: usize = 100;

/// Minimises g·p + ½·pᵀ·H·p within ‖p‖ ≤ Δ. None if H or g is not finite.
pub(super) fn minimum(hessian: &Symmetric, gradient: &[f64], radius: f64) -> Option<Minimum> {
    if !gradient.iter().all(|g| g.is_finite()) {
        return None;
    }
    convex(hessian, gradient, radius).or_else(|| any(&hessian.eigen()?, gradient, radius))
}

/// By Newton's method on the secular equation, from λ = 0 with a Cholesky factor for each λ. It converges from below. None if H is not
/// positive definite.
fn convex(hessian: &Symmetric, gradient: &[f64], radius: f64) -> Option<Minimum> {
    let mut lambda = 0.0;
    for _ in 0..MAX_STEPS {
        let factor = hessian.shifted(lambda).cholesky()?;
        let p: Vec<f64> = factor.solve(gradient).iter().map(|p| -p).collect();
        let length = norm(&p);
        if !length.is_finite() {
            return None;
        }
        if length <= radius * (1.0 + NEAR) {
            return Some(Minimum { p, at_rim: lambda > 0.0 });
        }
        // ‖p‖² / pᵀ·(H + λI)⁻¹·p is the slope of ‖p‖.
        let slope: f64 = factor.solve(&p).iter().zip(&p).map(|(q, p)| q * p).sum();
        lambda += (length / radius - 1.0) * length * length / slope;
    }
    None
}

/// By the eigenvalues, for any H.
fn any(eigen: &Eigen, gradient: &[f64], radius: f64) -> Option<Minimum> {
    let n = gradient.len();
    let vectors: Vec<Vec<f64>> = (0..n).map(|index| eigen.vector(index)).collect();
    let along: Vec<f64> = vectors.iter().map(|v| v.iter().zip(gradient).map(|(v, g)| v * g).sum()).collect();
    let combined = |coefficients: &[f64]| {
        let mut p = vec![0.0; n];
        for (coefficient, vector) in coefficients.iter().zip(&vectors) {
            p.iter_mut().zip(vector).for_each(|(p, v)| *p += coefficient * v);
        }
        p
    };
    let lowest = *eigen.values.first()?;
    let largest = eigen.values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let rounding = n as f64 * f64::EPSILON;
    // An eigenvalue that is 0 up to rounding counts as 0.
    let bottom = if lowest < -rounding * largest { lowest } else { lowest.min(0.0) };
    let is_flat = bottom >= -rounding * largest;
    // λ = μ − bottom with μ > 0, so that the differences do not cancel.
    let gaps: Vec<f64> = eigen.values.iter().map(|value| (value - bottom).max(0.0)).collect();
    let coefficients = |mu: f64| -> Vec<f64> { along.iter().zip(&gaps).map(|(g, gap)| -g / (gap + mu)).collect() };
    // The hard case: no gradient along the lowest eigenvectors.
    let size = norm(gradient);
    let is_low = |gap: f64| gap <= rounding * largest;
    let is_hard = along.iter().zip(&gaps).all(|(g, gap)| !is_low(*gap) || g.abs() <= rounding * size);
    if is_hard {
        let mut rest: Vec<f64> =
            along.iter().zip(&gaps).map(|(g, gap)| if is_low(*gap) { 0.0 } else { -g / gap }).collect();
        let length = norm(&rest);
        if length < radius {
            if !is_flat {
                let more = ((radius - length) * (radius + length)).sqrt();
                rest[0] = if along[0] > 0.0 { -more } else { more };
            }
            return Some(Minimum { p: combined(&rest), at_rim: !is_flat });
        }
    }
    let (mut low, mut high) = (0.0, size / radius);
    let mut mu = 0.5 * high;
    for _ in 0..MAX_STEPS {
        let p = coefficients(mu);
        let length = norm(&p);
        if (length - radius).abs() <= NEAR * radius || !(low < mu && mu < high) {
            break;
        }
        if length > radius {
            low = mu;
        } else {
            high = mu;
        }
        let slope: f64 = p.iter().zip(&gaps).map(|(p, gap)| p * p / (gap + mu)).sum();
        let newton = mu + (length / radius - 1.0) * length * length / slope;
        mu = if low < newton && newton < high { newton } else { 0.5 * (low + high) };
    }
    Some(Minimum { p: combined(&coefficients(mu)), at_rim: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between −1 and 1, by a linear congruence.
    fn numbers() -> impl FnMut() -> f64 {
        let mut state = 3_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
        }
    }

    fn value(hessian: &Symmetric, gradient: &[f64], p: &[f64]) -> f64 {
        hessian.multiply(p).iter().zip(p).zip(gradient).map(|((hp, p), g)| p * (g + 0.5 * hp)).sum()
    }

    /// The conditions that are necessary and sufficient (Moré and Sorensen, lemmas 2.1 and 2.3): (H + λI)·p = −g, λ·(Δ − ‖p‖) = 0, and
    /// H + λI positive semidefinite.
    #[track_caller]
    fn check(hessian: &Symmetric, gradient: &[f64], radius: f64, what: &str) {
        let Minimum { p, at_rim } = minimum(hessian, gradient, radius).expect("finite");
        let length = norm(&p);
        assert!(length <= radius * (1.0 + 1e-6), "{what}: {length} beyond {radius}");
        let hp = hessian.multiply(&p);
        let pull: f64 = hp.iter().zip(gradient).zip(&p).map(|((hp, g), p)| -(hp + g) * p).sum::<f64>();
        let lambda = if at_rim { pull / (length * length) } else { 0.0 };
        let size = norm(gradient) + hessian.largest() * length;
        let miss =
            hp.iter().zip(gradient).zip(&p).map(|((hp, g), p)| (hp + g + lambda * p).powi(2)).sum::<f64>().sqrt();
        assert!(miss <= 1e-9 * size, "{what}: {miss} of {size}, lambda {lambda}");
        assert!(!at_rim || (length / radius - 1.0).abs() < 1e-6, "{what}: at the boundary, {length} of {radius}");
        let lowest = hessian.shifted(lambda).eigen().unwrap().values[0];
        assert!(
            lowest >= -1e-9 * hessian.largest() && lambda >= -1e-9 * hessian.largest(),
            "{what}: {lowest}, {lambda}"
        );
    }

    #[test]
    fn the_conditions_of_a_minimum_hold_for_random_matrices() {
        let mut number = numbers();
        for case in 0..300_i32 {
            let n = usize::try_from(1 + case % 7).unwrap();
            let entries: Vec<f64> = (0..n * n).map(|_| number()).collect();
            let shift = f64::from(case % 3 - 1) * 3.0;
            let hessian = Symmetric::from_fn(n, |i, j| entries[i * n + j] + if i == j { shift } else { 0.0 });
            let gradient: Vec<f64> = (0..n).map(|_| number() * 10f64.powi(case % 9 - 4)).collect();
            for radius in [1e-4, 0.3, 10.0, 1e5] {
                check(&hessian, &gradient, radius, &format!("case {case}, radius {radius}"));
            }
        }
    }

    #[test]
    fn hard_cases() {
        let diagonal = |values: [f64; 3]| Symmetric::from_fn(3, move |i, j| if i == j { values[i] } else { 0.0 });
        for (name, hessian, gradient) in [
            ("no gradient along the lowest eigenvector", diagonal([-1.0, 2.0, 3.0]), [0.0, 1.0, 1.0]),
            ("nearly none", diagonal([-1.0, 2.0, 3.0]), [1e-13, 1.0, 1.0]),
            ("a saddle without any gradient", diagonal([-1.0, 2.0, 3.0]), [0.0; 3]),
            ("two lowest eigenvectors", diagonal([-1.0, -1.0, 3.0]), [0.0, 0.0, 1.0]),
            ("singular, consistent", diagonal([0.0, 2.0, 3.0]), [0.0, 1.0, 1.0]),
            ("singular, not consistent", diagonal([0.0, 2.0, 3.0]), [1.0, 1.0, 1.0]),
            ("a maximum", diagonal([-3.0, -2.0, -1.0]), [0.0, 0.0, 1.0]),
        ] {
            check(&hessian, &gradient, 5.0, name);
        }
        let saddle = diagonal([-1.0, 2.0, 3.0]);
        let found = minimum(&saddle, &[0.0; 3], 2.0).unwrap();
        assert!((value(&saddle, &[0.0; 3], &found.p) + 2.0).abs() < 1e-12, "{:?}", found.p);
        assert!(minimum(&diagonal([f64::NAN, 0.0, 0.0]), &[1.0; 3], 1.0).is_none());
    }
}
