//! Least squares within bounds: random linear problems, whose conditions can be checked by hand.

use kiln_optim::least_squares::{LeastSquares, SliceResiduals, Step, least_squares};

/// Numbers in (−1, 1), the same in every run.
fn scatter(seed: u64) -> f64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Each of 300 problems ends where the gradient is 0, or presses an unknown against its bound.
#[test]
#[allow(clippy::float_cmp, reason = "a bound is met exactly")]
fn the_conditions_hold_at_the_end() {
    kiln_testkit::f64_device();
    for seed in 0..300_u64 {
        let (m, n) = (8 + (seed % 5) as usize, 2 + (seed % 6) as usize);
        // Columns of very different sizes.
        let a = |i: usize, j: usize| scatter(1000 * seed + (i * n + j) as u64) * 10f64.powi(3 * (j as i32 % 3));
        let b = |i: usize| 4.0 * scatter(1000 * seed + 500 + i as u64);
        let (lower, upper): (Vec<f64>, Vec<f64>) = (0..n)
            .map(|j| (-0.3 - 0.2 * scatter(77 * seed + j as u64), 0.4 + 0.3 * scatter(78 * seed + j as u64)))
            .unzip();
        let problem = SliceResiduals::new(m, |x: &[f64], r: &mut [f64]| {
            for (i, r) in r.iter_mut().enumerate() {
                *r = (0..n).map(|j| a(i, j) * x[j]).sum::<f64>() - b(i);
            }
        })
        .with_jacobian(|_: &[f64], entries: &mut [f64]| {
            entries.iter_mut().enumerate().for_each(|(place, entry)| *entry = a(place / n, place % n));
        });
        for step in [Step::LevenbergMarquardt, Step::Dogleg] {
            let options = LeastSquares {
                step,
                lower: Some(lower.clone()),
                upper: Some(upper.clone()),
                ..LeastSquares::default()
            };
            let fit = least_squares(&problem, vec![0.0; n], &options).unwrap();
            assert!(fit.outcome.success, "{seed} {step:?}: {}", fit.outcome.message);
            assert!(fit.outcome.evaluations.values < 60, "{seed} {step:?}: {:?}", fit.outcome.evaluations);
            let r: Vec<f64> = (0..m).map(|i| (0..n).map(|j| a(i, j) * fit.x[j]).sum::<f64>() - b(i)).collect();
            for j in 0..n {
                let gradient: f64 = (0..m).map(|i| a(i, j) * r[i]).sum();
                let size: f64 = (0..m).map(|i| (a(i, j) * r[i]).abs()).sum::<f64>();
                let (x, low, high) = (fit.x[j], lower[j], upper[j]);
                assert!((low..=high).contains(&x), "{seed} {step:?}: x[{j}] = {x}");
                // The tolerance of the angle, 1e-11, and rounding of the sum.
                let small = gradient.abs() <= 1e-8 * size;
                let is_held = (x == low && gradient >= 0.0) || (x == high && gradient <= 0.0);
                assert!(
                    small || is_held,
                    "{seed} {step:?}: x[{j}] = {x} in [{low}, {high}], gradient {gradient:e} of {size:e}"
                );
                assert_eq!(is_held && !small, fit.held.contains(&j) && !small, "{seed}: {:?}", fit.held);
            }
        }
    }
}

/// An unknown whose bounds are equal is fixed.
#[test]
#[allow(clippy::float_cmp, reason = "a bound is met exactly")]
fn equal_bounds_fix_an_unknown() {
    kiln_testkit::f64_device();
    let valley = SliceResiduals::new(2, |x: &[f64], r: &mut [f64]| {
        r[0] = 10.0 * (x[1] - x[0] * x[0]);
        r[1] = 1.0 - x[0];
    });
    let options = LeastSquares { lower: Some(vec![0.5, -9.0]), upper: Some(vec![0.5, 9.0]), ..LeastSquares::default() };
    let fit = least_squares(&valley, [7.0, 3.0], &options).unwrap();
    assert!(fit.outcome.success && fit.x[0] == 0.5 && (fit.x[1] - 0.25).abs() < 1e-10, "{:?}", fit.x);
}
