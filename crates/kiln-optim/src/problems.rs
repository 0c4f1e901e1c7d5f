//! The classic functions that solvers are tried on, each from its usual start.
//!
//! Numbers of those without constraints are those of Moré, Garbow and Hillstrom, Testing Unconstrained Optimization Software (1981).

mod constrained;
mod hock_schittkowski;
mod variable;

use burn::{
    module::Param,
    tensor::{Device, Int, Tensor, TensorData},
};
use kiln_tensor::derivative::Function;

pub use self::constrained::{ConstrainedProblem, constrained};

/// A function to minimise.
#[derive(Clone, Debug)]
pub struct Problem {
    /// As in `kiln solve rosenbrock`.
    pub name: &'static str,
    /// A line on what makes it hard.
    pub about: &'static str,
    /// Where solvers start.
    pub start: Vec<f64>,
    /// The smallest value near there, where it is known in closed form.
    pub minimum: Option<f64>,
    /// Whether it is of any number of unknowns, from 2 on.
    pub any_length: bool,
    function: fn(Tensor<1>) -> Tensor<1>,
}

impl Problem {
    /// f of a vector `[n]`, as `[1]`.
    pub fn value(&self, x: Tensor<1>) -> Tensor<1> {
        (self.function)(x)
    }

    /// The start as a vector of the device's float type.
    pub fn start(&self, device: &Device) -> Tensor<1> {
        Tensor::from_data(TensorData::new(self.start.clone(), [self.start.len()]), device)
    }

    /// The function with its derivatives.
    pub fn function(&self, device: &Device) -> Function<'static, Param<Tensor<1>>, (), 1> {
        Function::of_vector(self.start(device), self.function)
    }
}

/// All of them; those that come in any size in the size that is usual.
pub fn all() -> Vec<Problem> {
    vec![
        rosenbrock(vec![-1.2, 1.0]),
        Problem { name: "rosenbrock-50", ..rosenbrock([-1.2, 1.0].repeat(25)) },
        Problem {
            name: "beale",
            about: "flat valleys, and a narrow one",
            start: vec![1.0, 1.0],
            minimum: Some(0.0),
            any_length: false,
            function: beale,
        },
        Problem {
            name: "powell-singular",
            about: "the Hessian at the minimum is singular",
            start: vec![3.0, -1.0, 0.0, 1.0],
            minimum: Some(0.0),
            any_length: false,
            function: powell,
        },
        Problem {
            name: "wood",
            about: "a saddle near the way, with a value of 7.88",
            start: vec![-3.0, -1.0, -3.0, -1.0],
            minimum: Some(0.0),
            any_length: false,
            function: wood,
        },
        Problem {
            name: "helical-valley",
            about: "a valley along a helix; not defined on an axis",
            start: vec![-1.0, 0.0, 0.0],
            minimum: Some(0.0),
            any_length: false,
            function: helical,
        },
        Problem {
            name: "trigonometric-10",
            about: "many minima; the nearest has a value of 2.8e-5",
            start: vec![0.1; 10],
            minimum: None,
            any_length: false,
            function: trigonometric,
        },
        Problem {
            name: "broyden-tridiagonal-30",
            about: "a system of equations as a sum of squares",
            start: vec![-1.0; 30],
            minimum: Some(0.0),
            any_length: false,
            function: broyden,
        },
    ]
}

/// Σ 100·(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², a curved valley, from `start`, which has at least two entries.
pub fn rosenbrock(start: Vec<f64>) -> Problem {
    let about = "a curved valley";
    Problem { name: "rosenbrock", about, start, minimum: Some(0.0), any_length: true, function: valley }
}

fn valley(x: Tensor<1>) -> Tensor<1> {
    let [n] = x.dims();
    let (low, high) = (x.clone().narrow(0, 0, n - 1), x.narrow(0, 1, n - 1));
    ((high - low.clone().square()).square() * 100.0 + (low - 1.0).square()).sum()
}

/// The entries, each `[1]`.
fn entries<const N: usize>(x: &Tensor<1>) -> [Tensor<1>; N] {
    std::array::from_fn(|i| x.clone().slice(i..=i))
}

fn beale(x: Tensor<1>) -> Tensor<1> {
    let [x, y] = entries(&x);
    let term = |c: f64, power: i32| (x.clone() * y.clone().powi_scalar(power) - x.clone() + c).square();
    term(1.5, 1) + term(2.25, 2) + term(2.625, 3)
}

fn powell(x: Tensor<1>) -> Tensor<1> {
    let [a, b, c, d] = entries(&x);
    (a.clone() + b.clone() * 10.0).square()
        + (c.clone() - d.clone()).square() * 5.0
        + (b - c * 2.0).square().square()
        + (a - d).square().square() * 10.0
}

fn wood(x: Tensor<1>) -> Tensor<1> {
    let [a, b, c, d] = entries(&x);
    (b.clone() - a.clone().square()).square() * 100.0
        + (a - 1.0).square()
        + (d.clone() - c.clone().square()).square() * 90.0
        + (c - 1.0).square()
        + ((b.clone() - 1.0).square() + (d.clone() - 1.0).square()) * 10.1
        + (b - 1.0) * (d - 1.0) * 19.8
}

fn helical(x: Tensor<1>) -> Tensor<1> {
    let [x, y, z] = entries(&x);
    let turns = y.clone().atan2(x.clone()) * (0.5 / std::f64::consts::PI);
    let radius = (x.square() + y.square()).sqrt();
    ((z.clone() - turns * 10.0).square() + (radius - 1.0).square()) * 100.0 + z.square()
}

fn trigonometric(x: Tensor<1>) -> Tensor<1> {
    let [n] = x.dims();
    let end = i64::try_from(n).expect("a vector's length");
    let i = Tensor::<1, Int>::arange(1..end + 1, &x.device()).float().cast(x.dtype());
    let cos = x.clone().cos();
    #[allow(clippy::cast_precision_loss, reason = "a vector's length")]
    let rest = cos.clone().sum().neg() + n as f64;
    (rest - (cos - 1.0) * i - x.sin()).square().sum()
}

fn broyden(x: Tensor<1>) -> Tensor<1> {
    let [n] = x.dims();
    let zero = x.clone().slice(0..1).zeros_like();
    let after = Tensor::cat(vec![x.clone().narrow(0, 1, n - 1), zero.clone()], 0);
    let before = Tensor::cat(vec![zero, x.clone().narrow(0, 0, n - 1)], 0);
    (x.clone() * 3.0 - x.square() * 2.0 - before - after * 2.0 + 1.0).square().sum()
}
