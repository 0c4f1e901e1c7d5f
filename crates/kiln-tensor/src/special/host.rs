//! Special functions of plain numbers, with derivatives by dual numbers. [`gamma_p`](super::gamma_p) and similar functions apply
//! them elementwise.
//!
//! Incomplete functions are a power times a series or a continued fraction (Abramowitz and Stegun, 6.5.29, 6.5.31 and 26.5.8;
//! Lentz, 1976). The power is computed from its distance from the peak (Loader, 2000), which loses no digits for large arguments.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number, with or without derivatives.
trait Number:
    Copy
    + From<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn value(self) -> f64;
    /// f(self), given f and f′ at its value.
    fn chain(self, f: f64, derivative: f64) -> Self;
    /// Whether this term no longer changes a sum.
    fn is_lost_in(self, sum: Self) -> bool;

    fn exp(self) -> Self {
        let exp = self.value().exp();
        self.chain(exp, exp)
    }
    fn ln(self) -> Self {
        self.chain(self.value().ln(), self.value().recip())
    }
    fn sqrt(self) -> Self {
        let root = self.value().sqrt();
        self.chain(root, 0.5 / root)
    }
    fn ln_gamma(self) -> Self {
        self.chain(ln_gamma(self.value()), digamma(self.value()))
    }
}

impl Number for f64 {
    fn value(self) -> f64 {
        self
    }
    fn chain(self, f: f64, _: f64) -> f64 {
        f
    }
    fn is_lost_in(self, sum: f64) -> bool {
        self.abs() <= 1e-17 * sum.abs()
    }
}

/// A number and its derivatives in `N` directions.
#[derive(Clone, Copy)]
struct Dual<const N: usize> {
    value: f64,
    d: [f64; N],
}

impl<const N: usize> Dual<N> {
    /// The variable of a direction.
    fn variable(value: f64, direction: usize) -> Self {
        let mut d = [0.0; N];
        d[direction] = 1.0;
        Self { value, d }
    }

    fn combine(self, other: Self, value: f64, left: f64, right: f64) -> Self {
        Self { value, d: std::array::from_fn(|i| left * self.d[i] + right * other.d[i]) }
    }
}

impl<const N: usize> From<f64> for Dual<N> {
    fn from(value: f64) -> Self {
        Self { value, d: [0.0; N] }
    }
}

impl<const N: usize> Add for Dual<N> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.combine(other, self.value + other.value, 1.0, 1.0)
    }
}

impl<const N: usize> Sub for Dual<N> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.combine(other, self.value - other.value, 1.0, -1.0)
    }
}

impl<const N: usize> Mul for Dual<N> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.combine(other, self.value * other.value, other.value, self.value)
    }
}

impl<const N: usize> Div for Dual<N> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        self.combine(other, quotient, other.value.recip(), -quotient / other.value)
    }
}

impl<const N: usize> Neg for Dual<N> {
    type Output = Self;
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

impl<const N: usize> Number for Dual<N> {
    fn value(self) -> f64 {
        self.value
    }
    fn chain(self, f: f64, derivative: f64) -> Self {
        Self { value: f, d: self.d.map(|d| derivative * d) }
    }
    fn is_lost_in(self, sum: Self) -> bool {
        // Derivatives are at most of the size of the value, and may cancel.
        let size = |d: f64| d.abs() + sum.value.abs();
        self.value.is_lost_in(sum.value) && self.d.iter().zip(sum.d).all(|(d, sum)| d.is_lost_in(size(sum)))
    }
}

/// B₂ₖ/(2k·(2k − 1)).
const STIRLING: [f64; 8] = super::gamma::STIRLING;
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;
/// The argument from which Stirling's series has full accuracy.
const LARGE: f64 = 10.0;

/// Returns ln Γ(x) for x > 0.
pub fn ln_gamma(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let (mut z, mut product) = (x, 1.0);
    while z < LARGE {
        product *= z;
        z += 1.0;
    }
    (z - 0.5) * z.ln() - z + LN_SQRT_2PI + stirling(z) - product.ln()
}

/// Returns ψ(x) for x > 0.
pub fn digamma(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let (mut z, mut sum) = (x, 0.0);
    while z < LARGE {
        sum += z.recip();
        z += 1.0;
    }
    let square = (z * z).recip();
    let odd = STIRLING.iter().zip([1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]).rev();
    let series = odd.fold(0.0, |sum, (c, k)| sum * square + c * k);
    z.ln() - 0.5 / z - series * square - sum
}

/// Returns ψ′(x) for x > 0.
pub fn trigamma(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let (mut z, mut sum) = (x, 0.0);
    while z < LARGE {
        sum += (z * z).recip();
        z += 1.0;
    }
    let square = (z * z).recip();
    let factors = STIRLING.iter().zip([2.0, 12.0, 30.0, 56.0, 90.0, 132.0, 182.0, 240.0]).rev();
    let series = factors.fold(0.0, |sum, (c, k)| sum * square + c * k);
    sum + z.recip() + 0.5 * square + series * square / z
}

/// Returns ln B(a, b) for a, b > 0.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_beta_of(a, b)
}

/// Returns ln Σ e^x; −∞ without numbers.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_finite() { largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln() } else { largest }
}

/// ln Γ(z) − (z − ½)·ln z + z − ln √(2π), for z of at least [`LARGE`].
fn stirling<T: Number>(z: T) -> T {
    let square = T::from(1.0) / (z * z);
    STIRLING.iter().rev().fold(T::from(0.0), |sum, c| sum * square + T::from(*c)) / z
}

/// x − a − a·ln(x/a), which is 0 at x = a.
fn deviance<T: Number>(x: T, a: T) -> T {
    let mu = (x - a) / a;
    if mu.value().abs() > 0.15 {
        return x - a - a * (x / a).ln();
    }
    // a·(μ − ln(1 + μ)) = a·Σ (−μ)ᵏ/k from k = 2 on.
    let (mut power, mut sum) = (mu, T::from(0.0));
    for k in 2..25u32 {
        power = -power * mu;
        sum = sum - power / T::from(f64::from(k));
    }
    a * sum
}

/// xᵃ·e⁻ˣ/Γ(a).
fn gamma_power<T: Number>(a: T, x: T) -> T {
    if a.value() < LARGE {
        return (a * x.ln() - x - a.ln_gamma()).exp();
    }
    let scale = (a / T::from(2.0 * std::f64::consts::PI)).sqrt();
    scale * (-deviance(x, a) - stirling(a)).exp()
}

/// xᵃ·yᵇ/B(a, b), for x + y = 1.
fn beta_power<T: Number>(a: T, b: T, x: T, y: T) -> T {
    if a.value() < LARGE || b.value() < LARGE {
        return (a * x.ln() + b * y.ln() - ln_beta_of(a, b)).exp();
    }
    let n = a + b;
    let scale = (a * b / (n * T::from(2.0 * std::f64::consts::PI))).sqrt();
    let away = deviance(n * x, a) + deviance(n * y, b);
    scale * (stirling(n) - stirling(a) - stirling(b) - away).exp()
}

fn ln_beta_of<T: Number>(a: T, b: T) -> T {
    let (smaller, larger) = if a.value() < b.value() { (a, b) } else { (b, a) };
    smaller.ln_gamma() + ln_gamma_quotient(larger, smaller)
}

/// ln Γ(b) − ln Γ(a + b), for a ≤ b.
fn ln_gamma_quotient<T: Number>(b: T, a: T) -> T {
    let n = a + b;
    if b.value() < LARGE {
        return b.ln_gamma() - n.ln_gamma();
    }
    // (b − ½)·ln(b/n) − a·ln n + a, in which no large terms cancel.
    let ratio = a / b;
    let ln_ratio = ratio.chain(ratio.value().ln_1p(), (1.0 + ratio.value()).recip());
    -((b - T::from(0.5)) * ln_ratio) - a * n.ln() + a + stirling(b) - stirling(n)
}

/// Which of a function and its complement was computed; the other is 1 minus it.
enum Half<T> {
    Lower(T),
    Upper(T),
}

impl<T: Number> Half<T> {
    fn lower(self) -> T {
        match self {
            Self::Lower(p) => p,
            Self::Upper(q) => T::from(1.0) - q,
        }
    }

    fn upper(self) -> T {
        match self {
            Self::Lower(p) => T::from(1.0) - p,
            Self::Upper(q) => q,
        }
    }
}

/// Maximum number of terms of a series, or levels of a fraction; both need about √a.
const MOST_TERMS: u32 = 200_000;

fn incomplete_gamma<T: Number>(a: T, x: T) -> Half<T> {
    let one = T::from(1.0);
    if x.value() < a.value() + 1.0 {
        // Σ xⁿ/((a + 1)⋯(a + n)).
        let (mut term, mut sum) = (one, one);
        for n in 1..MOST_TERMS {
            term = term * x / (a + T::from(f64::from(n)));
            sum = sum + term;
            if term.is_lost_in(sum) {
                break;
            }
        }
        return Half::Lower(gamma_power(a, x) * sum / a);
    }
    let fraction = continued_fraction(x + one - a, |n| {
        let n = T::from(f64::from(n));
        (-(n * (n - a)), x + n + n + one - a)
    });
    Half::Upper(gamma_power(a, x) / fraction)
}

fn incomplete_beta<T: Number>(a: T, b: T, x: T, y: T) -> T {
    let one = T::from(1.0);
    let fraction = continued_fraction(one, |level| {
        let m = T::from(f64::from(level / 2));
        let (even, two_m) = (level % 2 == 0, m + m);
        let coefficient = if even {
            m * (b - m) * x / ((a + two_m - one) * (a + two_m))
        } else {
            -((a + m) * (a + b + m) * x / ((a + two_m) * (a + two_m + one)))
        };
        (coefficient, one)
    });
    beta_power(a, b, x, y) / (a * fraction)
}

/// b₀ + a₁/(b₁ + a₂/(b₂ + …)), where `level(n)` returns aₙ and bₙ.
fn continued_fraction<T: Number>(start: T, level: impl Fn(u32) -> (T, T)) -> T {
    // Replaces a denominator of 0.
    let not_zero = |x: T| if x.value().abs() < 1e-300 { T::from(1e-300) } else { x };
    let one = T::from(1.0);
    let (mut f, mut d) = (not_zero(start), T::from(0.0));
    let mut c = f;
    for n in 1..MOST_TERMS {
        let (above, below) = level(n);
        d = one / not_zero(below + above * d);
        c = not_zero(below + above / c);
        let factor = c * d;
        let next = f * factor;
        let change = next - f;
        f = next;
        // The last digits may oscillate without end.
        if (change / T::from(64.0)).is_lost_in(f) {
            break;
        }
    }
    f
}

fn in_domain_of_gamma(a: f64, x: f64) -> bool {
    a > 0.0 && a.is_finite() && x >= 0.0
}

/// Returns P(a, x) = γ(a, x)/Γ(a), the regularised lower incomplete gamma function, and its derivatives in a and x.
pub fn gamma_p(a: f64, x: f64) -> (f64, [f64; 2]) {
    gamma_half(a, x, Half::lower, [0.0, 1.0])
}

/// Returns Q(a, x) = 1 − P(a, x), and its derivatives in a and x.
pub fn gamma_q(a: f64, x: f64) -> (f64, [f64; 2]) {
    gamma_half(a, x, Half::upper, [1.0, 0.0])
}

fn gamma_half(a: f64, x: f64, half: impl Fn(Half<Dual<2>>) -> Dual<2>, ends: [f64; 2]) -> (f64, [f64; 2]) {
    if !in_domain_of_gamma(a, x) {
        return (f64::NAN, [f64::NAN; 2]);
    }
    if x == 0.0 || x == f64::INFINITY {
        return (ends[usize::from(x > 0.0)], [0.0, 0.0]);
    }
    let Dual { value, d } = half(incomplete_gamma(Dual::variable(a, 0), Dual::variable(x, 1)));
    (value.clamp(0.0, 1.0), d)
}

/// Returns Iₓ(a, b), the regularised incomplete beta function, and its derivatives in a, b and x.
pub fn beta_i(a: f64, b: f64, x: f64) -> (f64, [f64; 3]) {
    let fits = a > 0.0 && a.is_finite() && b > 0.0 && b.is_finite() && (0.0..=1.0).contains(&x);
    if !fits {
        return (f64::NAN, [f64::NAN; 3]);
    }
    if x <= 0.0 || x >= 1.0 {
        return (x, [0.0; 3]);
    }
    let [a, b, x] = [Dual::<3>::variable(a, 0), Dual::variable(b, 1), Dual::variable(x, 2)];
    let y = Dual::from(1.0) - x;
    let Dual { value, d } = if x.value < (a.value + 1.0) / (a.value + b.value + 2.0) {
        incomplete_beta(a, b, x, y)
    } else {
        Dual::from(1.0) - incomplete_beta(b, a, y, x)
    };
    (value.clamp(0.0, 1.0), d)
}
