//! Fits of many rows, which start at the estimates from a part of them.

use std::ops::ControlFlow;

use kiln::models::{
    GlmConfig,
    glm::{Family, Link, Part, Term},
};

const ROWS: usize = 200_000;

/// Numbers in [0, 1) from a linear congruential generator.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Fits a binomial model with two features, and returns it with its number of iterations and its coefficients, the intercept last.
fn fit(x: &[f64], y: &[f64], link: Link) -> (usize, Vec<f64>) {
    let mut steps = 0;
    let count = |_: &_| {
        steps += 1;
        ControlFlow::Continue(())
    };
    let fit = GlmConfig::new(Family::Binomial, 2).link(link).fit_with(x.to_vec(), y.to_vec(), count).unwrap();
    let mut estimates = fit.coefficients();
    estimates.extend(fit.parameter(Part::Mean, Term::Intercept));
    (steps, estimates)
}

/// The mean of (y − p)·(x₀, x₁, 1), which vanishes at the maximum of a logistic likelihood and nowhere else.
fn scores(x: &[f64], y: &[f64], b: &[f64]) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for (x, y) in x.chunks_exact(2).zip(y) {
        let eta = b[0] * x[0] + b[1] * x[1] + b[2];
        let residual = y - 1.0 / (1.0 + (-eta).exp());
        sums[0] += residual * x[0];
        sums[1] += residual * x[1];
        sums[2] += residual;
    }
    sums.map(|sum| sum / ROWS as f64)
}

#[test]
fn the_likelihood_equations_hold_after_few_iterations() {
    let mut state = 7;
    let x: Vec<f64> = (0..2 * ROWS).map(|_| 4.0 * uniform(&mut state) - 1.0).collect();
    let eta = |row: &[f64]| 1.5 * row[0] - 2.0 * row[1] + 0.3;
    let y: Vec<f64> =
        x.chunks_exact(2).map(|row| f64::from(uniform(&mut state) < 1.0 / (1.0 + (-eta(row)).exp()))).collect();
    let (steps, estimates) = fit(&x, &y, Link::Logit);
    // From a constant mean it takes 6 or more.
    assert!(steps <= 4, "{steps} iterations");
    for score in scores(&x, &y, &estimates) {
        // The mean of 200,000 numbers of about 1 has a rounding error of about 1e-14.
        assert!(score.abs() < 1e-13, "{score:e}");
    }
}

/// The rows of the parts are separable, but all rows are not: the start is not taken from them.
#[test]
fn parts_that_are_separable_do_no_harm() {
    let mut state = 8;
    let x: Vec<f64> = (0..2 * ROWS).map(|_| 2.0 * uniform(&mut state) - 1.0).collect();
    let of_row = |row: usize| {
        let (of_a_part, positive, other) =
            ((row / 1024).is_multiple_of(8), x[2 * row] > 0.0, uniform(&mut state) < 0.5);
        f64::from(if of_a_part { positive } else { other })
    };
    let y: Vec<f64> = (0..ROWS).map(of_row).collect();
    for link in [Link::Logit, Link::Probit] {
        let (_, estimates) = fit(&x, &y, link);
        assert!(estimates.iter().all(|b| b.abs() < 1.0), "{estimates:?}");
        if link == Link::Logit {
            for score in scores(&x, &y, &estimates) {
                assert!(score.abs() < 1e-13, "{score:e}");
            }
        }
    }
}
