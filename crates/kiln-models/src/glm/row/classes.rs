//! Classes, without and with an order. A response is the index of its class.

use super::{Row, Second};
use crate::glm::link::{Link, sigmoid, softplus};
use kiln_tensor::special::tails::{normal_cdf, normal_pdf};

/// Classes without an order: ln(p_k/p₀) = η_k, with η₀ = 0.
pub(in crate::glm) struct MultinomialRow;

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index of a class")]
fn class(y: f64) -> usize {
    y as usize
}

impl Row for MultinomialRow {
    fn at(&self, y: f64, eta: &[f64], _: Second, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let largest = eta.iter().fold(0.0, |largest: f64, eta| largest.max(*eta));
        let mut sum = (-largest).exp();
        for (p, eta) in gradient.iter_mut().zip(eta) {
            *p = (eta - largest).exp();
            sum += *p;
        }
        gradient.iter_mut().for_each(|p| *p /= sum);
        let mut packed = hessian.iter_mut();
        for a in 0..gradient.len() {
            for b in 0..=a {
                let own = if a == b { gradient[a] } else { 0.0 };
                *packed.next().expect("it has m(m + 1)/2 entries") = gradient[a] * gradient[b] - own;
            }
        }
        gradient.iter_mut().for_each(|p| *p = -*p);
        let k = class(y);
        let own = if k == 0 {
            0.0
        } else {
            gradient[k - 1] += 1.0;
            eta[k - 1]
        };
        own - largest - sum.ln()
    }
}

/// Classes with an order: P(y ≤ k) = F(α_k − η₁) with thresholds α₀ < α₁ < …, the predictors after the first.
///
/// The log-density is concave in all predictors. It is NaN if the thresholds are not in order.
///
/// # References
/// McCullagh (1980), *Regression models for ordinal data*; Pratt (1981) for the concavity.
pub(in crate::glm) struct OrdinalRow {
    pub(in crate::glm) classes: usize,
    pub(in crate::glm) link: Link,
}

/// ln(F(u) − F(l)), with its derivatives in u and l: first (u, l), then (uu, ul, ll).
struct Interval {
    value: f64,
    first: [f64; 2],
    second: [f64; 3],
}

impl OrdinalRow {
    fn interval(&self, lower: Option<f64>, upper: Option<f64>) -> Interval {
        match self.link {
            Link::Logit => logistic(lower, upper),
            Link::Probit => {
                let of = |x: f64| {
                    let density = normal_pdf(x);
                    [density, -x * density]
                };
                // Of the two tails the smaller one, where a difference keeps its digits.
                let p = match (lower, upper) {
                    (Some(l), Some(u)) if l > 0.0 => normal_cdf(-l) - normal_cdf(-u),
                    (Some(l), Some(u)) => normal_cdf(u) - normal_cdf(l),
                    (None, Some(u)) => normal_cdf(u),
                    (Some(l), None) => normal_cdf(-l),
                    (None, None) => 1.0,
                };
                by_densities(p, lower.map(of), upper.map(of))
            }
            link => {
                let of = |x: f64| {
                    let [_, first, second] = link.mean_and_derivatives(x);
                    [first, second]
                };
                let survival = |x: f64| (-x.exp()).exp();
                let p = match (lower, upper) {
                    (Some(l), Some(u)) => survival(l) - survival(u),
                    (None, Some(u)) => link.mean(u),
                    (Some(l), None) => survival(l),
                    (None, None) => 1.0,
                };
                by_densities(p, lower.map(of), upper.map(of))
            }
        }
    }
}

/// For a distribution with densities f and their derivatives f′ at both ends.
fn by_densities(p: f64, lower: Option<[f64; 2]>, upper: Option<[f64; 2]>) -> Interval {
    if p.is_nan() || p <= 0.0 {
        return Interval { value: f64::NAN, first: [0.0; 2], second: [0.0; 3] };
    }
    let [[a, a1], [b, b1]] = [upper, lower].map(|end| end.unwrap_or([0.0; 2]).map(|density| density / p));
    Interval { value: p.ln(), first: [a, -b], second: [a1 - a * a, a * b, -b1 - b * b] }
}

/// For the logistic distribution, where nothing cancels: P = (e^u − e^l)/((1 + e^u)(1 + e^l)).
fn logistic(lower: Option<f64>, upper: Option<f64>) -> Interval {
    let slope = |x: f64| sigmoid(x) * sigmoid(-x);
    match (lower, upper) {
        (None, None) => Interval { value: 0.0, first: [0.0; 2], second: [0.0; 3] },
        (None, Some(u)) => Interval { value: -softplus(-u), first: [sigmoid(-u), 0.0], second: [-slope(u), 0.0, 0.0] },
        (Some(l), None) => Interval { value: -softplus(l), first: [0.0, -sigmoid(l)], second: [0.0, 0.0, -slope(l)] },
        (Some(l), Some(u)) => {
            let width = u - l;
            if width.is_nan() || width <= 0.0 {
                return Interval { value: f64::NAN, first: [0.0; 2], second: [0.0; 3] };
            }
            let rest = -(-width).exp_m1();
            let cross = (-width).exp() / (rest * rest);
            Interval {
                value: rest.ln() - softplus(-u) - softplus(l),
                first: [rest.recip() - sigmoid(u), -(-width).exp() / rest - sigmoid(l)],
                second: [-cross - slope(u), cross, -cross - slope(l)],
            }
        }
    }
}

impl Row for OrdinalRow {
    fn at(&self, y: f64, eta: &[f64], _: Second, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let k = class(y);
        // Threshold k is predictor k + 1.
        let upper = (k + 1 < self.classes).then_some(k + 1);
        let lower = (k > 0).then_some(k);
        let end = |place: Option<usize>| place.map(|place| eta[place] - eta[0]);
        let Interval { value, first: [u, l], second: [uu, ul, ll] } = self.interval(end(lower), end(upper));
        gradient.fill(0.0);
        hessian.fill(0.0);
        let mut add = |i: usize, j: usize, x: f64| hessian[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)] += x;
        gradient[0] = -u - l;
        add(0, 0, uu + 2.0 * ul + ll);
        if let Some(place) = upper {
            gradient[place] += u;
            add(place, place, uu);
            add(place, 0, -uu - ul);
        }
        if let Some(place) = lower {
            gradient[place] += l;
            add(place, place, ll);
            add(place, 0, -ll - ul);
        }
        if let (Some(upper), Some(lower)) = (upper, lower) {
            add(upper, lower, ul);
        }
        value
    }
}
