//! Steps of the linear model within a trust region.

use kiln_tensor::linalg::Matrix;

use crate::norms::norm;

/// The linear model A·q + r of the residuals, in scaled unknowns q, by the factorisation A·P = Q·R.
pub(super) struct Model {
    /// R `[n, n]`, row by row, with rows of zeros if there are fewer residuals than unknowns.
    r: Vec<f64>,
    /// Qᵀ·r.
    along: Vec<f64>,
    /// The unknown of each column of R.
    order: Vec<usize>,
    /// Whether a column of R determines its unknown, up to rounding.
    counts: Vec<bool>,
    n: usize,
}

/// A step in scaled unknowns, and the parameter α of Levenberg and Marquardt.
pub(super) struct Scaled {
    pub(super) q: Vec<f64>,
    pub(super) parameter: f64,
}

impl Model {
    /// There is none if an entry is not finite.
    pub(super) fn new(a: &Matrix, residuals: &[f64]) -> Option<Self> {
        let n = a.columns();
        let qr = a.pivoted_qr()?;
        let along = qr.along(residuals);
        let rows = along.len();
        let r: Vec<f64> = (0..n * n).map(|at| if at / n < rows { qr.r(at / n, at % n) } else { 0.0 }).collect();
        let along: Vec<f64> = along.into_iter().chain(std::iter::repeat(0.0)).take(n).collect();
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        let rounding = n as f64 * f64::EPSILON;
        let noise = [r.first().map_or(0.0, |first| rounding * first.abs()), rounding * norm(&along)];
        // A column counts unless what it adds and its part of the residuals are both rounding.
        let counts =
            (0..n).map(|k| r[k * n + k] != 0.0 && (r[k * n + k].abs() > noise[0] || along[k].abs() > noise[1]));
        Some(Self { counts: counts.collect(), r, along, order: qr.order(), n })
    }

    /// Solves R·z = b for the columns that count, and brings z into the order of the unknowns.
    fn back(&self, r: &[f64], b: &[f64], counts: impl Fn(usize) -> bool) -> Vec<f64> {
        let n = self.n;
        let mut z = vec![0.0; n];
        for k in (0..n).rev() {
            if counts(k) {
                let known: f64 = (k + 1..n).map(|j| r[k * n + j] * z[j]).sum();
                z[k] = (b[k] - known) / r[k * n + k];
            }
        }
        let mut q = vec![0.0; n];
        self.order.iter().zip(z).for_each(|(&j, z)| q[j] = z);
        q
    }

    /// ‖R⁻ᵀ·Pᵀ·q‖² for a matrix R of full rank.
    fn forward(&self, r: &[f64], q: &[f64]) -> f64 {
        let n = self.n;
        let mut w = vec![0.0; n];
        for k in 0..n {
            let known: f64 = (0..k).map(|i| r[i * n + k] * w[i]).sum();
            w[k] = (q[self.order[k]] - known) / r[k * n + k];
        }
        w.iter().map(|w| w * w).sum()
    }

    /// The Gauss–Newton step. An unknown that is not determined does not move.
    fn gauss_newton(&self) -> Vec<f64> {
        let b: Vec<f64> = self.along.iter().map(|along| -along).collect();
        self.back(&self.r, &b, |k| self.counts[k])
    }

    /// The triangle S with SᵀS = RᵀR + α·I, and S⁻ᵀ·Rᵀ·b, by rotations (MINPACK's `qrsolv`).
    fn damped(&self, alpha: f64) -> (Vec<f64>, Vec<f64>) {
        let n = self.n;
        let (mut s, mut b) = (self.r.clone(), self.along.clone());
        for k in 0..n {
            let mut row = vec![0.0; n];
            row[k] = alpha.sqrt();
            let mut rest = 0.0;
            for i in k..n {
                if row[i] == 0.0 {
                    continue;
                }
                let (top, length) = (s[i * n + i], s[i * n + i].hypot(row[i]));
                let (cosine, sine) = (top / length, row[i] / length);
                for j in i..n {
                    let (above, below) = (s[i * n + j], row[j]);
                    s[i * n + j] = cosine * above + sine * below;
                    row[j] = cosine * below - sine * above;
                }
                (b[i], rest) = (cosine * b[i] + sine * rest, cosine * rest - sine * b[i]);
            }
        }
        (s, b.into_iter().map(|b| -b).collect())
    }

    /// Aᵀ·r.
    fn gradient(&self) -> Vec<f64> {
        let mut gradient = vec![0.0; self.n];
        for k in 0..self.n {
            gradient[self.order[k]] = (0..=k).map(|i| self.r[i * self.n + k] * self.along[i]).sum();
        }
        gradient
    }

    /// The step of least ‖A·q + r‖ within ‖q‖ ≤ Δ, up to a tenth of Δ (Moré, 1978, algorithm 5.5). `parameter` is that of the last step.
    pub(super) fn levenberg_marquardt(&self, radius: f64, parameter: f64) -> Scaled {
        let mut q = self.gauss_newton();
        let mut length = norm(&q);
        let mut excess = length - radius;
        if excess <= 0.1 * radius {
            return Scaled { q, parameter: 0.0 };
        }
        // −φ′(α)/‖q‖ for φ(α) = ‖q(α)‖ − Δ.
        let slope = |s: &[f64], q: &[f64], length: f64| self.forward(s, q) / length / length;
        let is_full = (0..self.n).all(|k| self.r[k * self.n + k] != 0.0);
        let mut low = if is_full { excess / radius / slope(&self.r, &q, length) } else { 0.0 };
        if !low.is_finite() {
            low = 0.0;
        }
        let gradient = norm(&self.gradient());
        let mut high = gradient / radius;
        if high <= 0.0 {
            high = f64::MIN_POSITIVE / radius.min(0.1);
        }
        let mut alpha = parameter.max(low).min(high);
        if alpha <= 0.0 {
            alpha = gradient / length;
        }
        for iteration in 1..=10 {
            if alpha <= 0.0 {
                alpha = f64::MIN_POSITIVE.max(1e-3 * high);
            }
            let (s, b) = self.damped(alpha);
            q = self.back(&s, &b, |k| s[k * self.n + k] != 0.0);
            length = norm(&q);
            let before = excess;
            excess = length - radius;
            let is_bounded_below = low <= 0.0 && excess <= before && before < 0.0;
            if excess.abs() <= 0.1 * radius || is_bounded_below || iteration == 10 {
                break;
            }
            let correction = excess / radius / slope(&s, &q, length);
            if excess > 0.0 {
                low = alpha.max(low);
            } else {
                high = alpha.min(high);
            }
            alpha = (alpha + correction).max(low);
        }
        Scaled { q, parameter: alpha }
    }

    /// The step on Powell's dogleg path at the distance Δ, or its end.
    pub(super) fn dogleg(&self, radius: f64) -> Scaled {
        let newton = self.gauss_newton();
        let parameter = 0.0;
        if norm(&newton) <= radius {
            return Scaled { q: newton, parameter };
        }
        let gradient = self.gradient();
        let length = norm(&gradient);
        // A·g as R·Pᵀ·g.
        let bent: Vec<f64> =
            (0..self.n).map(|k| (k..self.n).map(|j| self.r[k * self.n + j] * gradient[self.order[j]]).sum()).collect();
        let cauchy = (length / norm(&bent)).powi(2);
        if !cauchy.is_finite() || cauchy * length >= radius {
            return Scaled { q: gradient.iter().map(|g| -g * radius / length).collect(), parameter };
        }
        let corner: Vec<f64> = gradient.iter().map(|g| -g * cauchy).collect();
        let leg: Vec<f64> = newton.iter().zip(&corner).map(|(end, start)| end - start).collect();
        // ‖corner + t·leg‖ = Δ.
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let (square, product, rest) = (dot(&leg, &leg), dot(&corner, &leg), radius * radius - dot(&corner, &corner));
        let root = (product * product + square * rest).max(0.0).sqrt();
        let t = if product > 0.0 { rest / (product + root) } else { (root - product) / square };
        Scaled { q: corner.iter().zip(&leg).map(|(corner, leg)| corner + t * leg).collect(), parameter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    fn model() -> Model {
        // Columns of norms 5 and 1.
        let a = Matrix::from_fn(3, 2, |i, j| [[3.0, 0.0], [4.0, 0.6], [0.0, 0.8]][i][j]);
        Model::new(&a, &[1.0, 2.0, -1.0]).unwrap()
    }

    #[test]
    fn a_step_is_the_minimum_within_the_region() {
        let model = model();
        // The normal equations: [25, 2.4; 2.4, 1]·q = −[11, 0.4].
        let determinant = 25.0 - 2.4 * 2.4;
        let newton = [(-11.0 + 2.4 * 0.4) / determinant, (2.4 * 11.0 - 25.0 * 0.4) / determinant];
        let whole = model.levenberg_marquardt(10.0, 0.0);
        assert_close(&whole.q, &newton, 1e-14, 0.0, "the Gauss–Newton step");
        assert_close(&model.dogleg(10.0).q, &newton, 1e-14, 0.0, "the end of the dogleg");
        let step = model.levenberg_marquardt(0.3, 0.0);
        assert!(step.parameter > 0.0 && (norm(&step.q) / 0.3 - 1.0).abs() <= 0.1);
        // (AᵀA + α)·q = −Aᵀr.
        let [q, p] = step.q[..] else { panic!() };
        let rest = [(25.0 + step.parameter) * q + 2.4 * p, 2.4 * q + (1.0 + step.parameter) * p];
        assert_close(&rest, &[-11.0, -0.4], 1e-12, 0.0, "the damped normal equations");
        for radius in [0.01, 0.3, 0.6] {
            assert_close(&[norm(&model.dogleg(radius).q)], &[radius], 1e-12, 0.0, "a point of the dogleg");
        }
    }

    #[test]
    fn of_equal_columns_one_moves() {
        let a = Matrix::from_fn(3, 2, |_, _| 1.0);
        let model = Model::new(&a, &[-2.0, -2.0, -2.0]).unwrap();
        let whole = model.levenberg_marquardt(10.0, 0.0).q;
        assert_close(&[whole[0] + whole[1], whole[0] * whole[1]], &[2.0, 0.0], 1e-14, 1e-14, "one of them");
        let short = model.levenberg_marquardt(0.5, 0.0);
        assert!((norm(&short.q) / 0.5 - 1.0).abs() <= 0.1);
    }

    #[test]
    fn there_may_be_fewer_residuals_than_unknowns() {
        let model = Model::new(&Matrix::from_fn(1, 3, |_, j| [1.0, 2.0, 0.0][j]), &[-4.0]).unwrap();
        for step in [model.levenberg_marquardt(10.0, 0.0), model.dogleg(10.0)] {
            assert_close(&[step.q[0] + 2.0 * step.q[1], step.q[2]], &[4.0, 0.0], 1e-14, 0.0, "A·q = −r");
        }
        assert!((norm(&model.levenberg_marquardt(0.5, 0.0).q) / 0.5 - 1.0).abs() <= 0.1);
    }
}
