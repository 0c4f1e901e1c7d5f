//! Probabilities of classes.

use super::{Family, Link};

/// Returns the probability of each class, from the linear predictors of a family with classes.
pub(super) fn class_probabilities(family: Family, link: Link, classes: usize, eta: &[f64]) -> Vec<f64> {
    if family == Family::Multinomial {
        let largest = eta.iter().copied().fold(0.0, f64::max);
        let mut powers = vec![(-largest).exp()];
        powers.extend(eta.iter().map(|eta| (eta - largest).exp()));
        let total: f64 = powers.iter().sum();
        return powers.into_iter().map(|power| power / total).collect();
    }
    let end = |threshold: usize| eta[threshold + 1] - eta[0];
    let between = |lower: f64, upper: f64| match link {
        // From the smaller tail.
        Link::Cloglog => (-lower.exp()).exp() - (-upper.exp()).exp(),
        _ if lower > 0.0 => link.mean(-lower) - link.mean(-upper),
        _ => link.mean(upper) - link.mean(lower),
    };
    let of = |k: usize| match (k > 0, k + 1 < classes) {
        (false, true) => link.mean(end(k)),
        (true, true) => between(end(k - 1), end(k)),
        (true, false) => link.complement(end(k - 1)),
        (false, false) => 1.0,
    };
    (0..classes).map(of).collect()
}
