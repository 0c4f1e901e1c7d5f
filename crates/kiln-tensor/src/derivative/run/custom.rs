//! Custom operations, by the compositions that the user has registered.

use burn::{
    backend::{
        Dispatch,
        ir::{CustomOpIr, TensorIr},
        ops::FloatTensorOps,
    },
    tensor::Tensor,
};

use super::{
    super::{
        custom::{self, CustomTensor, Others},
        num::Raw,
    },
    Machine, NoRule, Step,
};

impl Machine<'_> {
    pub(super) fn custom(&mut self, op: &CustomOpIr) -> Step {
        let (number, rule) = custom::rule(&op.id).ok_or(NoRule)?;
        let scalars: Vec<f64> = op.scalars.iter().map(|scalar| scalar.elem::<f64>()).collect();
        let is_float = |tensor: &TensorIr| tensor.dtype.is_float();
        let others =
            Others(op.inputs.iter().filter(|tensor| !is_float(tensor)).map(|tensor| self.other(tensor)).collect());
        let floats: Vec<&TensorIr> = op.inputs.iter().filter(|tensor| is_float(tensor)).collect();
        // The inputs in their order, from flat floats and the others.
        let inputs = |flat: &[Tensor<1>], others: &Others| -> Vec<CustomTensor> {
            let (mut flat, mut others) = (flat.iter(), others.0.iter());
            let input = |tensor: &TensorIr| {
                CustomTensor(if is_float(tensor) {
                    let raw = flat.next().expect("one per float input").clone().into_dispatch();
                    Dispatch::float_reshape(raw, tensor.shape.clone())
                } else {
                    others.next().expect("one per other input").clone()
                })
            };
            op.inputs.iter().map(input).collect()
        };
        let values: Vec<_> = floats.iter().map(|tensor| self.float(tensor)).collect();
        for (index, out) in op.outputs.iter().enumerate() {
            if is_float(out) {
                let name = format!("custom {} {number} {index} {scalars:?} {:?}", op.id, shapes(&op.inputs));
                let (rule, scalars) = (&rule, &scalars);
                let flat = values.iter().map(|value| value.clone().reshape([value.x.shape().num_elements()])).collect();
                let y = self.composed(&name, flat, others.clone(), out.dtype, |flat: &[Tensor<1>], others| {
                    let raw = rule.compose(&inputs(flat, &others), scalars)[index].0.clone();
                    let size = out.shape.num_elements();
                    Tensor::<1>::from_dispatch(Dispatch::float_reshape(raw, [size].into()))
                })?;
                self.put_float(out, y.reshape(out.shape.clone()));
            } else {
                let flat: Vec<Tensor<1>> = values
                    .iter()
                    .map(|value| Tensor::from_dispatch(value.x.reshape([value.x.shape().num_elements()]).0))
                    .collect();
                let outputs = rule.compose(&inputs(&flat, &others), &scalars);
                let raw: Raw = outputs.get(index).ok_or(NoRule)?.0.clone();
                self.put_other(out, raw);
            }
        }
        Ok(())
    }
}

fn shapes(tensors: &[TensorIr]) -> Vec<Vec<usize>> {
    tensors.iter().map(|tensor| tensor.shape.to_vec()).collect()
}
