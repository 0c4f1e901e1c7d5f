//! Derivatives of functions of a module's parameters, first and second, exact, on every device.
//!
//! Burn differentiates once. Here a function's operations are recorded, run forward on dual numbers (the derivative in
//! one direction, ∇f·v), and that is differentiated by Burn's own backward pass: the exact product H·v of the Hessian and
//! a vector (Pearlmutter, 1994), at the cost of a few gradients and without the Hessian.
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
//! It computes with the module and the data that it is given, on their device, in evaluation mode: no dropout, and a batch
//! normalisation uses its running averages. For second derivatives and those in one direction it must not read a value
//! back from the device, and must not draw random numbers: draw them outside, and pass them with the data. It is recorded
//! once for each set of shapes of its data.

mod capture;
mod check;
mod dual;
mod gauss_newton;
mod inputs;
mod num;
mod objective;
mod run;
mod spectrum;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

use self::{capture::Graph, dual::Dual, num::Num};
pub use self::{
    check::{Estimate, GradientCheck},
    gauss_newton::GaussNewton,
    inputs::Inputs,
    objective::{EvaluationError, Hessian, HessianProduct, Objective},
    spectrum::{Extremes, Trace},
};
use crate::flat::{Layout, LengthError};

/// How [`Function::hvp`] finds H·v.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HvpMethod {
    /// Exactly, or an error that names what has no rule. The default.
    #[default]
    Exact,
    /// By central differences of gradients with one step of Richardson's extrapolation, which takes four gradients.
    Differences,
    /// Exactly where that can be done, by differences otherwise.
    Auto,
}

/// Why a derivative cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DerivativeError {
    /// The function uses an operation that Kiln cannot differentiate forward.
    #[error(
        "there is no forward-mode rule for the operation '{operation}'; \
         HvpMethod::Differences needs none"
    )]
    NoRule {
        /// Burn's name of the operation.
        operation: String,
    },
    /// The function's operations could not be recorded.
    #[error("the function could not be recorded: {reason}")]
    Capture {
        /// What Burn said.
        reason: String,
    },
    /// A vector that does not fit the module.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The function gives more than one number where one is needed.
    #[error("the function gives {got:?}, and only a function that gives one number has a gradient and a Hessian")]
    NotScalar {
        /// The shape of its value.
        got: Vec<usize>,
    },
    /// A vector on the outputs' side that does not fit them.
    #[error("the vector has the shape {got:?}, the function's value {expected:?}")]
    OutputShape {
        /// The shape of the function's value.
        expected: Vec<usize>,
        /// The shape that came.
        got: Vec<usize>,
    },
}

type Forward<'a, M, I, const D: usize> = Arc<dyn Fn(&M, I) -> Tensor<D> + Send + Sync + 'a>;

/// A differentiable function of a module's trainable parameters, with the data that it is given. See the
/// [module](self).
pub struct Function<'a, M, I, const D: usize> {
    /// Without autodiff, in evaluation mode.
    module: M,
    layout: Arc<Layout>,
    inputs: I,
    forward: Forward<'a, M, I, D>,
    method: HvpMethod,
    graphs: Arc<Mutex<HashMap<String, Arc<Graph>>>>,
}

impl<M: Clone, I: Clone, const D: usize> Clone for Function<'_, M, I, D> {
    fn clone(&self) -> Self {
        Self {
            module: self.module.clone(),
            layout: self.layout.clone(),
            inputs: self.inputs.clone(),
            forward: self.forward.clone(),
            method: self.method,
            graphs: self.graphs.clone(),
        }
    }
}

impl<'a, const D: usize> Function<'a, Param<Tensor<1>>, (), D> {
    /// A function of a vector itself, [`parameters`](Self::parameters) being `start`.
    pub fn of_vector(start: Tensor<1>, forward: impl Fn(Tensor<1>) -> Tensor<D> + Send + Sync + 'a) -> Self {
        Self::new(&Param::from_tensor(start.without_autodiff()), (), move |x: &Param<Tensor<1>>, ()| forward(x.val()))
    }
}

impl<'a, M: Module, I: Inputs, const D: usize> Function<'a, M, I, D> {
    /// The function `forward` of the trainable parameters of `module`, given `inputs`.
    pub fn new(module: &M, inputs: I, forward: impl Fn(&M, I) -> Tensor<D> + Send + Sync + 'a) -> Self {
        Self {
            layout: Arc::new(Layout::of(module)),
            module: module.valid(),
            inputs,
            forward: Arc::new(forward),
            method: HvpMethod::default(),
            graphs: Arc::default(),
        }
    }

    /// The same function of other data. What was recorded for data of the same shapes is used again.
    #[must_use]
    pub fn with_inputs(mut self, inputs: I) -> Self {
        self.inputs = inputs;
        self
    }

    /// How products with the Hessian are found.
    #[must_use]
    pub fn with_hvp_method(mut self, method: HvpMethod) -> Self {
        self.method = method;
        self
    }

    /// The names, shapes and order of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The parameters of the module that the function was made with, `[n]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.layout.flatten(&self.module)
    }

    /// The module with the parameters `w`.
    ///
    /// # Errors
    /// [`DerivativeError::Length`].
    pub fn module(&self, w: &Tensor<1>) -> Result<M, DerivativeError> {
        self.layout.check(w)?;
        Ok(self.layout.place(self.module.clone(), w, Some(false)))
    }

    /// f(w).
    ///
    /// # Errors
    /// [`DerivativeError::Length`].
    pub fn value(&self, w: &Tensor<1>) -> Result<Tensor<D>, DerivativeError> {
        Ok((self.forward)(&self.module(w)?, self.inputs.clone()))
    }

    /// f(w), and its derivative J·v in the direction v `[n]`: a tensor of the value's shape.
    ///
    /// # Errors
    /// [`DerivativeError::Length`], [`NoRule`](DerivativeError::NoRule), [`Capture`](DerivativeError::Capture).
    pub fn jvp(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<(Tensor<D>, Tensor<D>), DerivativeError> {
        let dual = self.run(self.duals(w, v)?)?;
        let value: Tensor<D> = Tensor::from_dispatch(dual.x.0);
        let derivative = dual.dx.map_or_else(|| value.zeros_like(), |dx| Tensor::from_dispatch(dx.0));
        Ok((value, derivative))
    }

    /// Jᵀ·u `[n]` for u of the value's shape.
    ///
    /// # Errors
    /// [`DerivativeError::Length`], [`OutputShape`](DerivativeError::OutputShape).
    pub fn vjp(&self, w: &Tensor<1>, u: &Tensor<D>) -> Result<Tensor<1>, DerivativeError> {
        let (module, value) = self.tracked(w)?;
        if value.dims() != u.dims() {
            return Err(DerivativeError::OutputShape { expected: value.dims().to_vec(), got: u.dims().to_vec() });
        }
        Ok(self.gradient_of((value * u.clone().without_autodiff()).sum(), &module, w))
    }

    /// J, one row for each entry of the value and one column for each parameter. Takes as many backward passes as there
    /// are entries.
    ///
    /// # Errors
    /// [`DerivativeError::Length`].
    pub fn jacobian(&self, w: &Tensor<1>) -> Result<Tensor<2>, DerivativeError> {
        let shape = self.value(w)?.shape();
        let entries = shape.num_elements();
        let units = Tensor::<2>::eye(entries, &w.device()).cast(w.dtype());
        let row = |i| self.vjp(w, &units.clone().slice(i..=i).reshape(shape.clone()));
        Ok(Tensor::stack((0..entries).map(row).collect::<Result<_, _>>()?, 0))
    }

    fn tracked(&self, w: &Tensor<1>) -> Result<(M, Tensor<D>), DerivativeError> {
        self.layout.check(w)?;
        let module = self.layout.place(self.module.clone(), w, Some(true));
        let value = (self.forward)(&module, self.inputs.clone());
        Ok((module, value))
    }

    fn gradient_of(&self, value: Tensor<1>, module: &M, w: &Tensor<1>) -> Tensor<1> {
        // A function that does not depend on the parameters.
        if !value.is_tracked() {
            return w.clone().without_autodiff().zeros_like();
        }
        self.layout.gradients(module, &value.backward())
    }

    fn run(&self, parameters: Vec<Dual>) -> Result<Dual, DerivativeError> {
        self.graph()?.run(parameters, &self.inputs)
    }

    fn graph(&self) -> Result<Arc<Graph>, DerivativeError> {
        let mut key = String::new();
        self.inputs.describe(&mut key);
        // Taken again after recording, so that other threads can use what is recorded already.
        if let Some(graph) = self.graphs.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(graph.clone());
        }
        let device: Device = self.parameters().device();
        let graph = Graph::record(&self.module, &self.layout, &self.inputs, &device, |m, i| (self.forward)(m, i))?;
        let graph = Arc::new(graph);
        self.graphs.lock().unwrap_or_else(PoisonError::into_inner).insert(key, graph.clone());
        Ok(graph)
    }

    fn duals(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<Vec<Dual>, DerivativeError> {
        let (w, v) = (self.parts(w)?, self.parts(v)?);
        let shapes = self.layout.slots().iter().map(|slot| slot.shape.clone());
        let num = |part: Tensor<1>, shape: Vec<usize>| Num(part.into_dispatch()).reshape(shape);
        Ok(w.into_iter()
            .zip(v)
            .zip(shapes)
            .map(|((w, v), shape)| Dual { x: num(w, shape.clone()), dx: Some(num(v, shape)) })
            .collect())
    }

    /// A vector cut into the parameters, each of them still flat.
    fn parts(&self, vector: &Tensor<1>) -> Result<Vec<Tensor<1>>, DerivativeError> {
        self.layout.check(vector)?;
        let vector = vector.clone().without_autodiff();
        Ok(self.layout.slots().iter().map(|slot| vector.clone().slice(slot.range())).collect())
    }
}

impl<M: Module, I: Inputs> Function<'_, M, I, 1> {
    /// f(w) `[1]` and ∇f(w) `[n]`.
    ///
    /// # Errors
    /// [`DerivativeError::Length`], [`NotScalar`](DerivativeError::NotScalar).
    pub fn value_and_grad(&self, w: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), DerivativeError> {
        let (module, value) = self.tracked(w)?;
        one_number(&value)?;
        let plain = value.clone().without_autodiff();
        Ok((plain, self.gradient_of(value, &module, w)))
    }

    /// H·v `[n]` at w, by the [method](HvpMethod) of the function.
    ///
    /// # Errors
    /// [`DerivativeError::Length`], [`NotScalar`](DerivativeError::NotScalar), and for the exact method
    /// [`NoRule`](DerivativeError::NoRule), [`Capture`](DerivativeError::Capture).
    pub fn hvp(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, DerivativeError> {
        match self.method {
            HvpMethod::Exact => self.exact_hvp(w, v),
            HvpMethod::Differences => Ok(self.hvp_by_differences(w, v)?.value),
            HvpMethod::Auto => match self.exact_hvp(w, v) {
                Err(DerivativeError::NoRule { .. } | DerivativeError::Capture { .. }) => {
                    Ok(self.hvp_by_differences(w, v)?.value)
                }
                result => result,
            },
        }
    }

    /// The gradient of ∇f·v, which is forward mode, by Burn's backward pass.
    fn exact_hvp(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, DerivativeError> {
        let leaves: Vec<Tensor<1>> = self.parts(w)?.into_iter().map(|part| part.autodiff().require_grad()).collect();
        let shapes = self.layout.slots().iter().map(|slot| slot.shape.clone());
        let duals = leaves.iter().zip(self.parts(v)?).zip(shapes).map(|((leaf, v), shape)| Dual {
            x: Num(leaf.clone().into_dispatch()).reshape(shape.clone()),
            dx: Some(Num(v.into_dispatch()).reshape(shape)),
        });
        let dual = self.run(duals.collect())?;
        if dual.x.shape().num_elements() != 1 {
            return Err(DerivativeError::NotScalar { got: dual.x.shape().to_vec() });
        }
        let derivative = dual.dx.map(|dx| Tensor::<1>::from_dispatch(dx.reshape([1]).0)).filter(Tensor::is_tracked);
        // A function that is linear in the parameters has no second derivative.
        let Some(derivative) = derivative else { return Ok(w.clone().without_autodiff().zeros_like()) };
        let gradients = derivative.backward();
        let of = |leaf: &Tensor<1>| leaf.grad(&gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like());
        Ok(Tensor::cat(leaves.iter().map(of).collect(), 0))
    }

    /// The Hessian `[n, n]` at w, in n products, made exactly symmetric.
    ///
    /// # Errors
    /// As [`hvp`](Self::hvp).
    pub fn hessian(&self, w: &Tensor<1>) -> Result<Tensor<2>, DerivativeError> {
        matrix_of_products(w, |v| self.hvp(w, v))
    }
}

/// The symmetric matrix `[n, n]` whose products with vectors are given, made exactly symmetric.
fn matrix_of_products(
    like: &Tensor<1>,
    product: impl Fn(&Tensor<1>) -> Result<Tensor<1>, DerivativeError>,
) -> Result<Tensor<2>, DerivativeError> {
    let [n] = like.dims();
    let units = Tensor::<2>::eye(n, &like.device()).cast(like.dtype());
    let column = |i| product(&units.clone().slice(i..=i).reshape([n]));
    let matrix: Tensor<2> = Tensor::stack((0..n).map(column).collect::<Result<_, _>>()?, 0);
    Ok((matrix.clone() + matrix.transpose()) * 0.5)
}

fn one_number(value: &Tensor<1>) -> Result<(), DerivativeError> {
    if value.dims() == [1] { Ok(()) } else { Err(DerivativeError::NotScalar { got: value.dims().to_vec() }) }
}
