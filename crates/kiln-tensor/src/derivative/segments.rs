//! Backward passes in segments: between the segments only the tensors are kept that later operations read, and each segment runs once
//! more when the backward pass comes to it (Griewank and Walther, *Evaluating Derivatives*, 2008, ch. 12).

use std::{collections::HashMap, ops::Range};

use burn::{
    backend::ir::TensorId,
    tensor::{Gradients, Tensor},
};

use super::{DerivativeError, Inputs, capture::Graph, dual::Dual, num::Num, run::Machine};

/// What is differentiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The function's value.
    Value,
    /// Its derivative in the direction of the parameters' tangents.
    Derivative,
}

/// The value of a function, and the gradient by each parameter, flat; none means 0.
pub(super) struct Pulled {
    pub(super) value: Tensor<1>,
    pub(super) gradients: Vec<Option<Tensor<1>>>,
}

/// A tensor and its derivative as leaves of a tape.
struct Leaves {
    x: Tensor<1>,
    dx: Option<Tensor<1>>,
}

/// The derivatives by a tensor and by its own derivative.
struct Cotangent {
    x: Option<Tensor<1>>,
    dx: Option<Tensor<1>>,
}

impl Graph {
    /// Runs the function, whose output must be one number, and differentiates it by its parameters in segments.
    pub(super) fn pulled<I: Inputs>(
        &self,
        parameters: Vec<Dual>,
        inputs: &I,
        of: Of,
        segments: usize,
    ) -> Result<Pulled, DerivativeError> {
        let mut machine = self.machine(parameters, inputs);
        let mut segments = self.segments(segments);
        let last = segments.pop().unwrap_or(0..0);
        let mut starts = Vec::new();
        for segment in segments {
            starts.push((segment.clone(), machine.copy()));
            self.advance(&mut machine, segment)?;
        }
        let leaves = self.track(&mut machine, !starts.is_empty());
        self.advance(&mut machine, last)?;
        let output = self.output_of(&mut machine);
        if output.x.shape().num_elements() != 1 {
            return Err(DerivativeError::NotScalar { got: output.x.shape().to_vec() });
        }
        let value = flat(&output.x).without_autodiff();
        let total = match of {
            Of::Value => Some(flat(&output.x)),
            Of::Derivative => output.dx.as_ref().map(flat),
        };
        drop((machine, output));
        let mut cotangents = pulled_back(total, leaves);
        while let Some((segment, mut machine)) = starts.pop() {
            let leaves = self.track(&mut machine, !starts.is_empty());
            self.advance(&mut machine, segment)?;
            let products = cotangents.iter().filter_map(|(id, cotangent)| product(&machine, *id, cotangent));
            let total = products.reduce(|a, b| a + b);
            drop(machine);
            cotangents = pulled_back(total, leaves);
        }
        let gradients = self.parameters().iter().map(|id| cotangents.remove(id).and_then(|of| of.x)).collect();
        Ok(Pulled { value, gradients })
    }

    /// The operations in segments of about the same number.
    fn segments(&self, count: usize) -> Vec<Range<usize>> {
        let operations = self.operations().len();
        let each = operations.div_ceil(count.max(1)).max(1);
        (0..operations).step_by(each).map(|start| start..(start + each).min(operations)).collect()
    }

    /// Puts leaves of a tape in the place of the tensors that depend on the parameters, and of their derivatives.
    fn track(&self, machine: &mut Machine<'_>, derivatives: bool) -> Vec<(TensorId, Leaves)> {
        let leaf = |num: &Num| flat(num).autodiff().require_grad();
        let mut all = Vec::new();
        for (id, dual) in machine.known().filter(|(id, _)| self.depends(**id)) {
            let shape = dual.x.shape();
            let leaves = Leaves { x: leaf(&dual.x), dx: dual.dx.as_ref().filter(|_| derivatives).map(leaf) };
            let shaped = |leaf: &Tensor<1>| Num(leaf.clone().into_dispatch()).reshape(shape.clone());
            dual.x = shaped(&leaves.x);
            if let Some(dx) = &leaves.dx {
                dual.dx = Some(shaped(dx));
            }
            all.push((*id, leaves));
        }
        all
    }
}

/// ⟨x, derivative by x⟩ + ⟨ẋ, derivative by ẋ⟩ of a tensor at the end of a segment.
fn product(machine: &Machine<'_>, id: TensorId, cotangent: &Cotangent) -> Option<Tensor<1>> {
    let Dual { x, dx } = machine.get(id)?;
    let of = |num: &Num, cotangent: &Tensor<1>| (flat(num) * cotangent.clone()).sum();
    let value = cotangent.x.as_ref().map(|cotangent| of(x, cotangent));
    let derivative = dx.as_ref().zip(cotangent.dx.as_ref()).map(|(dx, cotangent)| of(dx, cotangent));
    match (value, derivative) {
        (Some(value), Some(derivative)) => Some(value + derivative),
        (one, None) | (None, one) => one,
    }
}

/// The derivatives of `total` by the leaves.
fn pulled_back(total: Option<Tensor<1>>, leaves: Vec<(TensorId, Leaves)>) -> HashMap<TensorId, Cotangent> {
    // It may depend on none of them.
    let Some(total) = total.filter(Tensor::is_tracked) else { return HashMap::new() };
    let gradients = total.backward();
    leaves.into_iter().map(|(id, leaves)| (id, leaves.cotangent(&gradients))).collect()
}

impl Leaves {
    fn cotangent(self, gradients: &Gradients) -> Cotangent {
        Cotangent { x: self.x.grad(gradients), dx: self.dx.and_then(|dx| dx.grad(gradients)) }
    }
}

fn flat(num: &Num) -> Tensor<1> {
    Tensor::from_dispatch(num.reshape([num.shape().num_elements()]).0)
}
