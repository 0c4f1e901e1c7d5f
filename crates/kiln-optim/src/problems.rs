//! The classic test problems for solvers, each with its usual start.
//!
//! Problems without constraints are from Moré, Garbow and Hillstrom, *Testing Unconstrained Optimization Software* (1981).
//!
//! # Example
//! ```
//! use burn::tensor::Device;
//! use kiln_optim::{problems, solver::{Stop, lbfgs, minimize}};
//!
//! let (device, problem) = (Device::default(), problems::rosenbrock(vec![-1.2, 1.0]));
//! let outcome = minimize(&problem.function(&device), problem.start(&device), &lbfgs(), &Stop { gtol: 1e-3, ..Stop::default() })?;
//! assert!(outcome.success);
//! # Ok::<(), kiln_optim::solver::SolverError>(())
//! ```

mod constrained;
mod formulas;
mod hock_schittkowski;
mod van_der_pol;
mod variable;

use burn::{
    module::Param,
    tensor::{Device, Int, Tensor, TensorData},
};
use kiln_tensor::derivative::Function;

pub use self::{constrained::constrained, formulas::ConstrainedTestProblem, van_der_pol::VanDerPol};

/// A test problem without constraints.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_optim::problems;
///
/// let beale = problems::all().into_iter().find(|problem| problem.name == "beale").unwrap();
/// assert_eq!(beale.start(&Device::default()).dims(), [2]);
/// ```
#[derive(Clone, Debug)]
pub struct TestProblem {
    /// The name, as in `kiln solve rosenbrock`.
    pub name: &'static str,
    /// What makes the problem hard, in one line.
    pub about: &'static str,
    /// The start.
    pub start: Vec<f64>,
    /// The minimum near the start, if it is known in closed form.
    pub minimum: Option<f64>,
    /// Whether the problem exists for any number of unknowns, from 2 on.
    pub any_length: bool,
    function: fn(Tensor<1>) -> Tensor<1>,
}

impl TestProblem {
    /// Returns f of a vector `[n]`, as `[1]`.
    pub fn value(&self, x: Tensor<1>) -> Tensor<1> {
        (self.function)(x)
    }

    /// Returns the start as a vector in the device's float type.
    pub fn start(&self, device: &Device) -> Tensor<1> {
        Tensor::from_data(TensorData::new(self.start.clone(), [self.start.len()]), device)
    }

    /// Returns the function with its derivatives.
    pub fn function(&self, device: &Device) -> Function<'static, Param<Tensor<1>>, (), 1> {
        Function::of_vector(self.start(device), self.function)
    }
}

/// Returns all problems. Those of any size have their usual size.
pub fn all() -> Vec<TestProblem> {
    vec![
        rosenbrock(vec![-1.2, 1.0]),
        TestProblem { name: "rosenbrock-50", ..rosenbrock([-1.2, 1.0].repeat(25)) },
        TestProblem {
            name: "beale",
            about: "flat valleys, and a narrow one",
            start: vec![1.0, 1.0],
            minimum: Some(0.0),
            any_length: false,
            function: beale,
        },
        TestProblem {
            name: "powell-singular",
            about: "the Hessian at the minimum is singular",
            start: vec![3.0, -1.0, 0.0, 1.0],
            minimum: Some(0.0),
            any_length: false,
            function: powell,
        },
        TestProblem {
            name: "wood",
            about: "a saddle near the way, with a value of 7.88",
            start: vec![-3.0, -1.0, -3.0, -1.0],
            minimum: Some(0.0),
            any_length: false,
            function: wood,
        },
        TestProblem {
            name: "helical-valley",
            about: "a valley along a helix; not defined on an axis",
            start: vec![-1.0, 0.0, 0.0],
            minimum: Some(0.0),
            any_length: false,
            function: helical,
        },
        TestProblem {
            name: "trigonometric-10",
            about: "many minima; the nearest has a value of 2.8e-5",
            start: vec![0.1; 10],
            minimum: None,
            any_length: false,
            function: trigonometric,
        },
        TestProblem {
            name: "broyden-tridiagonal-30",
            about: "a system of equations as a sum of squares",
            start: vec![-1.0; 30],
            minimum: Some(0.0),
            any_length: false,
            function: broyden,
        },
    ]
}

/// Rosenbrock's function Σ 100·(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², a curved valley, from a `start` with at least two entries.
pub fn rosenbrock(start: Vec<f64>) -> TestProblem {
    let about = "a curved valley";
    TestProblem { name: "rosenbrock", about, start, minimum: Some(0.0), any_length: true, function: valley }
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
