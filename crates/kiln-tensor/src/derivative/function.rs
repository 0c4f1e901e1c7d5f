//! A differentiable function of a module's parameters.

mod scalar;

use std::sync::Arc;

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

use super::{DerivativeError, Inputs, capture::Graph, dual::Dual, num::Num, recordings::Recordings};
use crate::flat::Layout;

/// How [`Function::hvp`] computes H·v.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::derivative::{Function, HvpMethod};
///
/// let x = Tensor::<1>::ones([2], &Device::default());
/// let noisy = |x: Tensor<1>| (x.random_like(burn::tensor::Distribution::Default) * 0.0 + x).square().sum();
/// let noisy = Function::of_vector(x.clone(), noisy).with_hvp_method(HvpMethod::Auto);
/// assert!(noisy.hvp(&x, &x).is_ok()); // random numbers have no rule
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HvpMethod {
    /// Exactly; an operation without a rule is an error. The default.
    #[default]
    Exact,
    /// By central differences of gradients with one step of Richardson extrapolation, which takes four gradients.
    Differences,
    /// Exactly if possible, otherwise by differences.
    Auto,
}

/// Maximum number of recordings of a function.
const KEPT: usize = 16;

type Forward<'a, M, I, const D: usize> = Arc<dyn Fn(&M, I) -> Tensor<D> + Send + Sync + 'a>;

/// A differentiable function of a module's trainable parameters and of data. See the [module](super).
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::from_data([1.0, 2.0], &Device::default());
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x.clone() * x.square()).sum());
/// let (value, gradient) = f.value_and_grad(&start)?;
/// assert_eq!(value.into_scalar::<f64>(), 9.0);
/// assert_eq!(gradient.try_into_vec_as::<f64>().unwrap(), [3.0, 12.0]);
/// let v = Tensor::ones([2], &Device::default());
/// assert_eq!(f.hvp(&start, &v)?.try_into_vec_as::<f64>().unwrap(), [6.0, 12.0]);
/// # Ok::<(), kiln_tensor::derivative::DerivativeError>(())
/// ```
pub struct Function<'a, M, I, const D: usize> {
    /// Without autodiff, in evaluation mode.
    module: M,
    layout: Arc<Layout>,
    inputs: I,
    forward: Forward<'a, M, I, D>,
    method: HvpMethod,
    segments: usize,
    pub(super) scale: f64,
    recordings: Arc<Recordings>,
}

impl<M: Clone, I: Clone, const D: usize> Clone for Function<'_, M, I, D> {
    fn clone(&self) -> Self {
        Self {
            module: self.module.clone(),
            layout: self.layout.clone(),
            inputs: self.inputs.clone(),
            forward: self.forward.clone(),
            method: self.method,
            segments: self.segments,
            scale: self.scale,
            recordings: self.recordings.clone(),
        }
    }
}

impl<'a, const D: usize> Function<'a, Param<Tensor<1>>, (), D> {
    /// Returns a function of a vector. Its [`parameters`](Self::parameters) are `start`.
    ///
    /// To use tensors in the function, pass them as data with [`of_vector_with`](Function::of_vector_with).
    pub fn of_vector(start: Tensor<1>, forward: impl Fn(Tensor<1>) -> Tensor<D> + Send + Sync + 'a) -> Self {
        Self::new(&Param::from_tensor(start.without_autodiff()), (), move |x: &Param<Tensor<1>>, ()| forward(x.val()))
    }
}

impl<'a, I: Inputs + 'a, const D: usize> Function<'a, Param<Tensor<1>>, I, D> {
    /// Returns a function of a vector and of data. Its [`parameters`](Self::parameters) are `start`.
    ///
    /// Second derivatives need every tensor that the function uses in `data`.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_tensor::derivative::Function;
    ///
    /// let device = Device::default();
    /// let target = Tensor::<1>::from_data([3.0, 4.0], &device);
    /// let f = Function::of_vector_with(Tensor::zeros([2], &device), target, |x, target: Tensor<1>| {
    ///     (x - target).square().sum()
    /// });
    /// let hessian = f.hessian(&f.parameters())?;
    /// assert_eq!(hessian.try_into_vec_as::<f32>().unwrap(), [2.0, 0.0, 0.0, 2.0]);
    /// # Ok::<(), kiln_tensor::derivative::DerivativeError>(())
    /// ```
    pub fn of_vector_with(
        start: Tensor<1>,
        data: I,
        forward: impl Fn(Tensor<1>, I) -> Tensor<D> + Send + Sync + 'a,
    ) -> Self {
        Self::new(&Param::from_tensor(start.without_autodiff()), data, move |x: &Param<Tensor<1>>, data| {
            forward(x.val(), data)
        })
    }
}

impl<'a, M: Module, I: Inputs, const D: usize> Function<'a, M, I, D> {
    /// Returns the function `forward` of the trainable parameters of `module`, given `inputs`.
    pub fn new(module: &M, inputs: I, forward: impl Fn(&M, I) -> Tensor<D> + Send + Sync + 'a) -> Self {
        Self {
            layout: Arc::new(Layout::of(module)),
            module: module.valid(),
            inputs,
            forward: Arc::new(forward),
            method: HvpMethod::default(),
            segments: 1,
            scale: 0.0,
            recordings: Arc::new(Recordings::new(KEPT)),
        }
    }

    /// Returns the same function of other data. A recording for data of the same shapes is reused.
    #[must_use]
    pub fn with_inputs(mut self, inputs: I) -> Self {
        self.inputs = inputs;
        self
    }

    /// Forgets all recordings, also those of the function's clones. Call it when a number from outside of the function, which a recording
    /// keeps, has changed. Without it, a function keeps its last sixteen recordings.
    ///
    /// # Example
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_tensor::derivative::Function;
    ///
    /// let weight = Arc::new(AtomicU32::new(1));
    /// let read = weight.clone();
    /// let x = Tensor::<1>::ones([1], &Device::default());
    /// let f = Function::of_vector(x.clone(), move |x: Tensor<1>| (x.square() * read.load(Ordering::Relaxed)).sum());
    /// assert_eq!(f.hvp(&x, &x)?.into_scalar::<f64>(), 2.0);
    /// weight.store(3, Ordering::Relaxed);
    /// assert_eq!(f.hvp(&x, &x)?.into_scalar::<f64>(), 2.0); // as recorded
    /// f.invalidate();
    /// assert_eq!(f.hvp(&x, &x)?.into_scalar::<f64>(), 6.0);
    /// # Ok::<(), kiln_tensor::derivative::DerivativeError>(())
    /// ```
    pub fn invalidate(&self) {
        self.recordings.clear();
    }

    /// States the size of the terms whose sum the function is, if they may cancel. A solver then knows the rounding error of small values; see
    /// [`Objective::scale`](super::Objective::scale).
    #[must_use]
    pub fn with_scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// Sets how products with the Hessian are computed.
    #[must_use]
    pub fn with_hvp_method(mut self, method: HvpMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets in how many segments gradients and exact products H·v are computed. Default 1.
    ///
    /// A backward pass keeps the intermediate tensors of all operations. In segments it keeps those between the segments and those of one
    /// segment, and runs each segment once more. For a chain of layers, the square root of the number of layers needs the least memory. With
    /// more than one segment, gradients too are computed from a recording; see [What a function may do](super).
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_tensor::derivative::Function;
    ///
    /// let x = Tensor::<1>::ones([1], &Device::default());
    /// let deep = |mut x: Tensor<1>| {
    ///     (0..100).for_each(|_| x = x.clone().sin() + x.clone());
    ///     x.sum()
    /// };
    /// let (plain, frugal) = (Function::of_vector(x.clone(), deep), Function::of_vector(x.clone(), deep).with_segments(10));
    /// assert_eq!(plain.hvp(&x, &x)?.into_scalar::<f64>(), frugal.hvp(&x, &x)?.into_scalar::<f64>());
    /// # Ok::<(), kiln_tensor::derivative::DerivativeError>(())
    /// ```
    #[must_use]
    pub fn with_segments(mut self, segments: usize) -> Self {
        self.segments = segments;
        self
    }

    /// Returns the names, shapes and order of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the parameters of the module that the function was made with, `[n]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.layout.flatten(&self.module)
    }

    /// Returns the module with the parameters `w`.
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`].
    pub fn module(&self, w: &Tensor<1>) -> Result<M, DerivativeError> {
        self.layout.check(w)?;
        Ok(self.layout.place(self.module.clone(), w, Some(false)))
    }

    /// Computes f(w).
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`].
    pub fn value(&self, w: &Tensor<1>) -> Result<Tensor<D>, DerivativeError> {
        Ok((self.forward)(&self.module(w)?, self.inputs.clone()))
    }

    /// Computes f(w) and the directional derivative J·v for v `[n]`, both of the value's shape.
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`], [`NoRule`](DerivativeError::NoRule), [`Capture`](DerivativeError::Capture) or
    /// [`CapturedTensor`](DerivativeError::CapturedTensor).
    pub fn jvp(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<(Tensor<D>, Tensor<D>), DerivativeError> {
        let dual = self.run(self.duals(w, v)?)?;
        let value: Tensor<D> = Tensor::from_dispatch(dual.x.0);
        let derivative = dual.dx.map_or_else(|| value.zeros_like(), |dx| Tensor::from_dispatch(dx.0));
        Ok((value, derivative))
    }

    /// Computes Jᵀ·u `[n]` for u of the value's shape.
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`] or [`OutputShape`](DerivativeError::OutputShape).
    pub fn vjp(&self, w: &Tensor<1>, u: &Tensor<D>) -> Result<Tensor<1>, DerivativeError> {
        let (module, value) = self.tracked(w)?;
        if value.dims() != u.dims() {
            return Err(DerivativeError::OutputShape { expected: value.dims().to_vec(), got: u.dims().to_vec() });
        }
        Ok(self.gradient_of((value * u.clone().without_autodiff()).sum(), &module, w))
    }

    /// Computes J, with one row per entry of the value and one column per parameter.
    ///
    /// It takes one forward derivative per column if there are fewer columns than rows, and one backward pass per row otherwise, or if
    /// an operation has no rule.
    ///
    /// # Errors
    /// Returns [`DerivativeError::Length`].
    pub fn jacobian(&self, w: &Tensor<1>) -> Result<Tensor<2>, DerivativeError> {
        let [columns] = w.dims();
        let shape = self.value(w)?.shape();
        let rows = shape.num_elements();
        if columns < rows {
            let units = Tensor::<2>::eye(columns, &w.device()).cast(w.dtype());
            let column = |j| Ok(self.jvp(w, &units.clone().slice(j..=j).reshape([columns]))?.1.reshape([rows]));
            match (0..columns).map(column).collect::<Result<Vec<Tensor<1>>, DerivativeError>>() {
                Ok(columns) => return Ok(Tensor::stack(columns, 1)),
                Err(error) if error.is_of_recording() => {}
                Err(error) => return Err(error),
            }
        }
        let units = Tensor::<2>::eye(rows, &w.device()).cast(w.dtype());
        let row = |i| self.vjp(w, &units.clone().slice(i..=i).reshape(shape.clone()));
        Ok(Tensor::stack((0..rows).map(row).collect::<Result<_, _>>()?, 0))
    }

    pub(super) fn tracked(&self, w: &Tensor<1>) -> Result<(M, Tensor<D>), DerivativeError> {
        self.layout.check(w)?;
        let module = self.layout.place(self.module.clone(), w, Some(true));
        let value = (self.forward)(&module, self.inputs.clone());
        Ok((module, value))
    }

    pub(super) fn gradient_of(&self, value: Tensor<1>, module: &M, w: &Tensor<1>) -> Tensor<1> {
        // The function does not depend on the parameters.
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
        // While it is recorded, other threads can use existing recordings.
        if let Some(graph) = self.recordings.get(&key) {
            return Ok(graph);
        }
        let device: Device = self.parameters().device();
        let graph = Graph::record(&self.module, &self.layout, &self.inputs, &device, |m, i| (self.forward)(m, i))?;
        let graph = Arc::new(graph);
        self.recordings.put(key, graph.clone());
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

    /// Splits a vector into the parameters, each still flat.
    fn parts(&self, vector: &Tensor<1>) -> Result<Vec<Tensor<1>>, DerivativeError> {
        self.layout.check(vector)?;
        let vector = vector.clone().without_autodiff();
        Ok(self.layout.slots().iter().map(|slot| vector.clone().slice(slot.range())).collect())
    }
}
