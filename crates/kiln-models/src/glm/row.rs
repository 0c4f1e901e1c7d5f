//! The log-density of one response as a function of its linear predictors, with derivatives.

mod binomial;
mod classes;
mod counts;
mod exponential;

pub(super) use self::{
    binomial::BinomialRow,
    classes::{MultinomialRow, OrdinalRow},
    counts::{NegativeBinomialRow, ZeroInflatedPoissonRow},
    exponential::{ExponentialRow, Variance},
};

/// The second derivatives: those of this response, or their expectation under the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    Observed,
    Expected,
}

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Value,
    Gradient,
    Matrix(Second),
}

/// One row at some parameters: its index, response, weight, linear predictors, and the derivatives of its log-density.
pub(super) struct Evaluated<'a> {
    pub(super) row: usize,
    pub(super) response: f64,
    pub(super) weight: f64,
    pub(super) eta: &'a [f64],
    pub(super) gradient: &'a [f64],
    pub(super) hessian: &'a [f64],
}

/// ln p(y | η₁, …, η_m), without terms that do not depend on η.
pub(super) trait Row: Sync {
    /// Returns the log-density for m linear predictors, and writes its gradient `[m]` and the lower half of its Hessian `[m(m + 1)/2]`, row by row.
    ///
    /// The density is NaN where the predictors are not those of a distribution.
    fn at(&self, y: f64, eta: &[f64], second: Second, gradient: &mut [f64], hessian: &mut [f64]) -> f64;

    /// Adds w·ln p of each row of a block to `value`, and writes the weighted derivatives that are wanted.
    ///
    /// It is here so that [`at`](Self::at) is called directly: all that is done with a block is compiled once, and not for each density.
    fn sum(&self, block: &Block<'_>, want: Want, value: &mut f64, derivatives: &mut Derivatives) {
        let (n, m) = (block.response.len(), block.predictors);
        let pairs = m * (m + 1) / 2;
        derivatives.gradient.resize(n * m, 0.0);
        derivatives.hessian.resize(n * pairs, 0.0);
        let second = if let Want::Matrix(second) = want { second } else { Second::Observed };
        let (mut eta, mut gradient) = (vec![0.0; m], vec![0.0; m]);
        let (mut hessian, mut factors) = (vec![0.0; pairs], vec![0.0; pairs]);
        for r in 0..n {
            let (response, weight) = (block.response[r], block.weights.map_or(1.0, |weights| weights[r]));
            (0..m).for_each(|a| eta[a] = block.eta[a * n + r]);
            if weight > 0.0 {
                *value += weight * self.at(response, &eta, second, &mut gradient, &mut hessian);
                if want != Want::Value {
                    (0..m).for_each(|a| derivatives.gradient[a * n + r] = weight * gradient[a]);
                }
                if matches!(want, Want::Matrix(_)) {
                    factors.copy_from_slice(&hessian);
                    if let Some(replace) = block.replace {
                        let (row, eta, gradient, hessian) = (block.start + r, &eta[..], &gradient[..], &hessian[..]);
                        replace(&Evaluated { row, response, weight, eta, gradient, hessian }, &mut factors);
                    }
                    (0..pairs).for_each(|k| derivatives.hessian[k * n + r] = weight * factors[k]);
                }
            } else {
                (0..m).for_each(|a| derivatives.gradient[a * n + r] = 0.0);
                (0..pairs).for_each(|k| derivatives.hessian[k * n + r] = 0.0);
            }
        }
    }
}

/// A block of rows whose linear predictors are known.
pub(super) struct Block<'a> {
    /// The index of its first row.
    pub(super) start: usize,
    /// The number of predictors m.
    pub(super) predictors: usize,
    pub(super) response: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
    /// One predictor after the other.
    pub(super) eta: &'a [f64],
    /// Puts other numbers in the place of a row's second derivatives.
    pub(super) replace: Option<Replace<'a>>,
}

/// Gets what is known of a row, and its second derivatives, which it may overwrite.
pub(super) type Replace<'a> = &'a (dyn Fn(&Evaluated<'_>, &mut [f64]) + Sync);

/// The weighted derivatives of a block: all rows of the first predictor (or pair of predictors), then all of the next.
#[derive(Default)]
pub(super) struct Derivatives {
    pub(super) gradient: Vec<f64>,
    pub(super) hessian: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glm::Link;
    use kiln_testkit::assert_close;

    /// Gradient and Hessian by central differences: an error of h²/6 times the third derivative, and of ε/h.
    fn check(row: &impl Row, y: f64, eta: &[f64]) {
        const H: f64 = 1e-5;
        let m = eta.len();
        let at = |eta: &[f64]| {
            let (mut gradient, mut hessian) = (vec![0.0; m], vec![0.0; m * (m + 1) / 2]);
            let value = row.at(y, eta, Second::Observed, &mut gradient, &mut hessian);
            (value, gradient, hessian)
        };
        let (_, gradient, hessian) = at(eta);
        for i in 0..m {
            let moved = |by: f64| {
                let mut moved = eta.to_vec();
                moved[i] += by;
                at(&moved)
            };
            let ((above, up, _), (below, down, _)) = (moved(H), moved(-H));
            let what = format!("y = {y}, predictor {i}");
            assert_close(&[gradient[i]], &[(above - below) / (2.0 * H)], 1e-7, 1e-8, &what);
            for j in 0..=i {
                let difference = (up[j] - down[j]) / (2.0 * H);
                assert_close(&[hessian[i * (i + 1) / 2 + j]], &[difference], 1e-7, 1e-8, &what);
            }
        }
    }

    #[test]
    fn derivatives_agree_with_differences() {
        for link in [Link::Logit, Link::Probit, Link::Cloglog] {
            for y in [0.0, 0.3, 1.0] {
                for eta in [-2.5, -0.4, 0.7, 1.3] {
                    check(&BinomialRow(link), y, &[eta]);
                }
            }
        }
        for variance in [Variance::Constant, Variance::Linear, Variance::Square, Variance::Cube] {
            for link in [Link::Identity, Link::Log, Link::Inverse, Link::InverseSquared, Link::Sqrt] {
                for (y, eta) in [(0.4, 1.2), (3.0, 0.6)] {
                    check(&ExponentialRow { variance, link }, y, &[eta]);
                }
            }
        }
        for y in [0.0, 1.0, 7.0, 150.0] {
            for eta in [[0.3, -0.7], [1.4, 2.0], [4.0, 5.0]] {
                check(&NegativeBinomialRow { theta: None }, y, &eta);
                check(&ZeroInflatedPoissonRow, y, &eta);
            }
            check(&NegativeBinomialRow { theta: Some(2.5) }, y, &[1.1]);
        }
        for y in [0.0, 1.0, 3.0] {
            check(&MultinomialRow, y, &[0.4, -1.0, 2.0]);
            for link in [Link::Logit, Link::Probit, Link::Cloglog] {
                check(&OrdinalRow { classes: 4, link }, y, &[0.4, -1.0, 0.2, 0.9]);
                check(&OrdinalRow { classes: 4, link }, y, &[-1.9, -1.0, 0.2, 0.9]);
            }
        }
    }

    /// The expectation of the Hessian over the responses, and of the gradient, which is 0.
    #[test]
    fn expected_derivatives_are_expectations() {
        let poisson = |y: f64, mean: f64| (y * mean.ln() - mean - kiln_tensor::special::host::ln_gamma(y + 1.0)).exp();
        for link in [Link::Log, Link::Sqrt, Link::Identity] {
            let row = ExponentialRow { variance: Variance::Linear, link };
            let (eta, mut sums) = (1.3, [0.0; 2]);
            let (mut gradient, mut hessian) = ([0.0], [0.0]);
            for y in (0..60).map(f64::from) {
                row.at(y, &[eta], Second::Observed, &mut gradient, &mut hessian);
                let p = poisson(y, link.mean(eta));
                sums = [sums[0] + p * gradient[0], sums[1] + p * hessian[0]];
            }
            row.at(2.0, &[eta], Second::Expected, &mut gradient, &mut hessian);
            assert_close(&sums, &[0.0, hessian[0]], 1e-12, 1e-12, link.name());
        }
        for link in [Link::Probit, Link::Cloglog] {
            let (eta, p) = (0.6, link.mean(0.6));
            let at = |y: f64, second| {
                let (mut gradient, mut hessian) = ([0.0], [0.0]);
                BinomialRow(link).at(y, &[eta], second, &mut gradient, &mut hessian);
                hessian[0]
            };
            let mean = p * at(1.0, Second::Observed) + (1.0 - p) * at(0.0, Second::Observed);
            assert_close(&[at(1.0, Second::Expected)], &[mean], 1e-13, 0.0, link.name());
        }
    }
}
