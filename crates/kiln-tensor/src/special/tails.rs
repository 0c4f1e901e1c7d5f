//! Tail probabilities and quantiles of plain numbers: of the distributions that tests and intervals use.
//!
//! # Example
//! ```
//! use kiln_tensor::special::tails;
//!
//! assert!((tails::normal_quantile(0.975) - 1.959963984540054).abs() < 1e-14);
//! assert!((tails::student_t_quantile(0.975, 10.0) - 2.228138851986274).abs() < 1e-13);
//! assert!((tails::chi_squared_sf(3.841458820694124, 1.0) - 0.05).abs() < 1e-14);
//! ```

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

use super::host::{beta_i, gamma_q, ln_beta};

/// Below it, erfc(−x/√2) loses digits and then vanishes.
const FAR: f64 = -36.0;

/// Returns the density of the standard normal distribution.
pub fn normal_pdf(x: f64) -> f64 {
    (-0.5 * x * x).exp() / TAU.sqrt()
}

/// Returns Φ(x), the distribution function of the standard normal distribution, with its relative precision in the lower tail.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Returns ln Φ(x).
pub fn normal_ln_cdf(x: f64) -> f64 {
    if x < FAR {
        -0.5 * x * x - (-x).ln() - 0.5 * TAU.ln() + far_tail(x).ln()
    } else if x < 0.0 {
        normal_cdf(x).ln()
    } else {
        (-normal_cdf(-x)).ln_1p()
    }
}

/// Returns φ(x)/Φ(x), the derivative of ln Φ: the inverse of Mills' ratio.
pub fn inverse_mills(x: f64) -> f64 {
    if x < FAR { -x / far_tail(x) } else { normal_pdf(x) / normal_cdf(x) }
}

/// Φ(x)·(−x)/φ(x) by its asymptotic series (Abramowitz and Stegun, 26.2.12), far in the lower tail.
fn far_tail(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    1.0 - y * (1.0 - 3.0 * y * (1.0 - 5.0 * y * (1.0 - 7.0 * y)))
}

/// Returns the quantile of the standard normal distribution for a probability in (0, 1). It is ∓∞ at 0 and 1, and NaN outside.
///
/// # References
/// Acklam's rational approximation, then two steps of Halley's method.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    let mut x = acklam(p);
    for _ in 0..2 {
        // (Φ(x) − p)/φ(x), from logarithms where both are tiny.
        let error = if x < -5.0 {
            (normal_ln_cdf(x) - p.ln()).exp_m1() * p / normal_pdf(x)
        } else {
            (normal_cdf(x) - p) / normal_pdf(x)
        };
        x -= error / (1.0 + 0.5 * x * error);
    }
    x
}

/// The quantile for p in (0, ½], to a relative error of 1.2e-9.
fn acklam(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p < 0.02425 {
        let q = (-2.0 * p.ln()).sqrt();
        return polynomial(&C, q) / polynomial(&D, q);
    }
    let q = p - 0.5;
    let r = q * q;
    q * polynomial(&A, r) / polynomial(&B, r)
}

/// Returns P(X > x) of a χ² distribution with `df` > 0 degrees of freedom.
pub fn chi_squared_sf(x: f64, df: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { gamma_q(0.5 * df, 0.5 * x).0 }
}

/// Returns P(X > x) of an F distribution with `df1` and `df2` > 0 degrees of freedom.
pub fn f_sf(x: f64, df1: f64, df2: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { beta_i(0.5 * df2, 0.5 * df1, df2 / (df2 + df1 * x)).0 }
}

/// Returns P(|X| > |x|) of the standard normal distribution.
pub fn normal_two_sided(x: f64) -> f64 {
    libm::erfc(x.abs() * FRAC_1_SQRT_2)
}

/// Returns P(|X| > |x|) of Student's t distribution with `df` > 0 degrees of freedom.
pub fn student_t_two_sided(x: f64, df: f64) -> f64 {
    beta_i(0.5 * df, 0.5, df / (df + x * x)).0
}

/// Returns the quantile of Student's t distribution with `df` > 0 degrees of freedom, for a probability in (0, 1).
pub fn student_t_quantile(p: f64, df: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && df > 0.0) {
        return f64::NAN;
    }
    if p < 0.5 {
        return -student_t_quantile(1.0 - p, df);
    }
    let tail = 2.0 * (1.0 - p);
    let ln_density_at_zero = -ln_beta(0.5, 0.5 * df) - 0.5 * df.ln();
    let density = |x: f64| (ln_density_at_zero - 0.5 * (df + 1.0) * (x * x / df).ln_1p()).exp();
    // The tail falls along x and is convex there, so Newton's method from the left does not overshoot.
    let mut x = normal_quantile(p).min(1.0 / (PI * (1.0 - p)));
    for _ in 0..200 {
        let step = (student_t_two_sided(x, df) - tail) / (2.0 * density(x));
        x += step;
        if step.abs() <= 2.0 * f64::EPSILON * x.abs() {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    /// Values by mpmath with 40 digits.
    #[test]
    fn the_normal_distribution_holds_far_in_its_tails() {
        let cases = [
            (-40.0, -804.608_442_013_753_8, 40.024_968_847_207_26),
            (-36.5, -670.642_000_000_313_7, 36.527_356_284_475_01),
            (-35.5, -634.614_263_155_088_4, 35.528_124_486_560_97),
            (-10.0, -53.231_285_150_512_47, 10.098_093_233_962_512),
            (-1.0, -1.841_021_645_009_263_7, 1.525_135_276_160_981),
            (0.5, -0.368_946_415_288_656_4, 0.509_160_433_837_033_5),
            (9.0, -1.128_588_405_953_840_6e-19, 1.027_977_357_166_891_7e-18),
        ];
        for (x, ln_cdf, ratio) in cases {
            assert_close(&[normal_ln_cdf(x), inverse_mills(x)], &[ln_cdf, ratio], 4e-13, 0.0, "normal tails");
        }
        // Both formulas hold where they meet.
        assert_close(&[normal_ln_cdf(FAR - 1e-9)], &[normal_ln_cdf(FAR + 1e-9)], 1e-9, 0.0, "the seam");
    }

    #[test]
    fn quantiles_undo_their_functions() {
        for p in [1e-300, 1e-20, 1e-5, 0.02, 0.3, 0.5, 0.9, 0.975, 1.0 - 1e-12] {
            let x = normal_quantile(p);
            // Φ magnifies an error of x by x².
            assert_close(&[normal_cdf(x)], &[p], 4e-16 * (2.0 + x * x), 0.0, "normal");
        }
        for df in [1.0, 2.0, 4.5, 30.0, 1e4] {
            for p in [0.6, 0.95, 0.975, 0.9999] {
                let x = student_t_quantile(p, df);
                assert_close(&[student_t_two_sided(x, df)], &[2.0 * (1.0 - p)], 1e-11, 0.0, "Student");
                assert_close(&[student_t_quantile(1.0 - p, df)], &[-x], 1e-11, 0.0, "Student, lower");
            }
        }
        // Cauchy's distribution has a closed form.
        assert_close(&[student_t_quantile(0.75, 1.0)], &[1.0], 1e-14, 0.0, "Cauchy");
        assert!(normal_quantile(0.0).is_infinite() && normal_quantile(1.5).is_nan());
    }

    /// scipy.stats.f.sf, chi2.sf and t.sf.
    #[test]
    fn tails_equal_scipys() {
        let found =
            [f_sf(3.2, 2.0, 17.0), chi_squared_sf(7.5, 3.0), student_t_two_sided(2.5, 8.0), f_sf(0.4, 5.0, 9.0)];
        let expected =
            [0.066_142_566_666_421_3, 0.057_558_451_972_636_4, 0.036_942_037_713_624_12, 0.837_236_233_724_980_5];
        assert_close(&found, &expected, 1e-12, 0.0, "tails");
    }
}
