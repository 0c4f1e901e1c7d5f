//! Exact first and second derivatives of functions of a module's parameters, on every device.
//!
//! Burn differentiates once. Kiln records the operations of a function and runs them forward on dual numbers, which gives the
//! directional derivative ∇f·v. Burn's backward pass then differentiates that. The result is the exact product H·v of the Hessian
//! with a vector (Pearlmutter, 1994). It costs a few gradients and does not build the Hessian.
//!
//! # Example
//!
//! ```
//! use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
//! use kiln_tensor::derivative::Function;
//!
//! # fn main() -> Result<(), kiln_tensor::derivative::DerivativeError> {
//! #[derive(Module, Debug)]
//! struct Net { hidden: Linear, output: Linear }
//!
//! let device = Device::default();
//! let net = Net { hidden: LinearConfig::new(2, 3).init(&device), output: LinearConfig::new(3, 1).init(&device) };
//! let x = Tensor::<2>::from_data([[0.0, 1.0], [1.0, 0.5], [2.0, -1.0]], &device);
//! let y = Tensor::<2>::from_data([[1.0], [0.0], [-1.0]], &device);
//!
//! let loss = Function::new(&net, (x, y), |net: &Net, (x, y)| {
//!     (net.output.forward(net.hidden.forward(x).tanh()) - y).square().mean()
//! });
//! let w = loss.parameters();                               // the parameters as one vector, [13]
//! let (value, gradient) = loss.value_and_grad(&w)?;        // [1] and [13]
//! let curvature = loss.hvp(&w, &gradient)?;                // H·∇f, [13]
//! let hessian = loss.hessian(&w)?;                         // [13, 13]
//! # let _ = (value, curvature, hessian);
//! # Ok(())
//! # }
//! ```
//!
//! # What a function may do
//!
//! A function computes with the module and the data that it is given, on their device. It runs in evaluation mode: without dropout,
//! and with the running averages of a batch normalisation.
//!
//! Derivatives by recording are [`hvp`](Function::hvp), [`hessian`](Function::hessian) and [`jvp`](Function::jvp). For these, more
//! rules apply:
//!
//! - The function must not use a tensor from outside. Pass the tensor as data, or make it inside of the function.
//! - It must not read a value back from the device.
//! - It must not draw random numbers. Draw them outside and pass them as data.
//! - It is recorded once per set of shapes of its data. A number from outside, such as a weight that changes during training, keeps
//!   the value that it had then. Pass such a number as a tensor in the data, or call [`invalidate`](Function::invalidate).
//!
//! For the statistics of the batch in a batch normalisation, call [`batch_norm_train`](burn::tensor::module::batch_norm_train) with the
//! layer's parameters. For dropout, pass the mask as data.
//!
//! A panic in a function that is being recorded becomes an error, without a message on standard error. To that end, the first
//! recording sets a panic hook, which passes all other panics to the program's hook.

mod capture;
mod check;
pub mod custom;
mod distributed;
mod dual;
mod error;
mod function;
mod gauss_newton;
mod inputs;
mod num;
mod objective;
mod products;
mod recordings;
mod run;
mod segments;
mod spectrum;

pub use self::{
    check::{Estimate, GradientCheck},
    distributed::Distributed,
    error::DerivativeError,
    function::{Function, HvpMethod},
    gauss_newton::GaussNewton,
    inputs::Inputs,
    objective::{EvaluationError, Hessian, HessianProduct, Objective, TwiceDifferentiable},
    spectrum::{Extremes, Trace},
};
