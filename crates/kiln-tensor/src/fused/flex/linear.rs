//! act(x·W + b): the product, with bias and activation applied while its rows are in the cache, and the backward pass.

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::base::Checkpointer,
        grads::Gradients,
        ops::{Backward, Ops},
    },
    flex::FlexTensor,
};
use rayon::prelude::*;

use super::product::{Matrix, product, product_then, readable};
use crate::fused::epilogue::Epilogue;
use crate::{
    elementary::Float,
    flex::{numbers, numbers_mut, on_float, rows_at_a_time, tensor, vectorised, whole},
};

pub(super) fn forward(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, act: Epilogue) -> FlexTensor {
    on_float!(x.dtype(), E => of_rows::<E>(&readable(x), &readable(weight), &whole(bias), act))
}

fn of_rows<E: Float>(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor, act: Epilogue) -> FlexTensor {
    let (x, weight) = (Matrix::<E>::of(x), Matrix::<E>::of(weight));
    let shape = [x.rows(), weight.columns()];
    let bias = numbers::<E>(bias);
    let out = product_then(x, weight, &|rows: &mut [E]| {
        vectorised(
            #[inline(always)]
            || {
                add_to_rows(rows, bias);
                activate(rows, act);
            },
        );
    });
    tensor(out, shape)
}

#[inline(always)]
pub(super) fn add_to_rows<E: Float>(rows: &mut [E], bias: &[E]) {
    for row in rows.chunks_exact_mut(bias.len().max(1)) {
        row.iter_mut().zip(bias).for_each(|(y, &b)| *y += b);
    }
}

#[inline(always)]
pub(super) fn activate<E: Float>(numbers: &mut [E], act: Epilogue) {
    match act {
        Epilogue::Identity => {}
        // NaN stays NaN.
        Epilogue::Relu => numbers.iter_mut().for_each(|y| *y = y.or_more(E::ZERO)),
        Epilogue::Tanh => numbers.iter_mut().for_each(|y| *y = tanh(*y)),
    }
}

/// Near zero, where 1 − e^−2x would cancel, it uses Lambert's continued fraction to nine levels, with an error below 1e-20.
#[inline(always)]
fn tanh<E: Float>(x: E) -> E {
    let t = (x.abs() * E::of(-2.0)).exp();
    let far = (E::ONE - t) / (E::ONE + t);
    let far = if x < E::ZERO { -far } else { far };
    let square = x * x;
    let mut tail = E::of(17.0);
    let mut level = 15.0;
    while level > 0.0 {
        tail = E::of(level) + square / tail;
        level -= 2.0;
    }
    let near = x / tail;
    if x.abs() < E::of(0.55) { near } else { far }
}

/// The tensors for the backward pass. Input and weight are kept only if the other's gradient needs them.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) x: Option<FlexTensor>,
    pub(super) weight: Option<FlexTensor>,
    /// The output, unless the derivative of the activation is 1.
    pub(super) y: Option<FlexTensor>,
    pub(super) act: Epilogue,
}

#[derive(Debug)]
pub(super) struct Linear;

impl Backward<Flex, 3> for Linear {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (grad, kept, [x, weight, bias]) = (grads.consume::<Flex>(&ops.node), ops.state, ops.parents);
        let (grad, of_bias) = on_float!(grad.dtype(), E => through::<E>(whole(grad), kept.y, kept.act, bias.is_some()));
        if let (Some(node), Some(grad)) = (bias, of_bias) {
            grads.register::<Flex>(node.id, grad);
        }
        if let (Some(node), Some(x)) = (weight, kept.x) {
            let x = readable(x);
            let grad = on_float!(grad.dtype(), E => multiplied::<E>(Matrix::of(&x).transposed(), Matrix::of(&grad)));
            grads.register::<Flex>(node.id, grad);
        }
        if let (Some(node), Some(weight)) = (x, kept.weight) {
            let weight = readable(weight);
            let grad =
                on_float!(grad.dtype(), E => multiplied::<E>(Matrix::of(&grad), Matrix::of(&weight).transposed()));
            grads.register::<Flex>(node.id, grad);
        }
    }
}

fn multiplied<E: Float>(left: Matrix<'_, E>, right: Matrix<'_, E>) -> FlexTensor {
    tensor(product(left, right), [left.rows(), right.columns()])
}

/// Rows per block in the sum of the bias's gradient. The number is fixed, so that the result does not depend on the threads.
const BLOCK: usize = 32;

/// The gradient before the activation, in place if it is not shared, and its sum over the rows in the same pass.
fn through<E: Float>(
    mut grad: FlexTensor,
    y: Option<FlexTensor>,
    act: Epilogue,
    wants_sum: bool,
) -> (FlexTensor, Option<FlexTensor>) {
    let columns = grad.layout().shape()[1];
    let size = BLOCK * columns.max(1);
    let summed = |rows: &[E]| if wants_sum { sum_of_rows(rows, columns) } else { Vec::new() };
    let at_least = rows_at_a_time(size);
    let sums: Vec<Vec<E>> = match y.map(whole) {
        None if wants_sum => numbers::<E>(&grad).par_chunks(size).with_min_len(at_least).map(summed).collect(),
        None => Vec::new(),
        Some(y) => {
            let blocks = numbers_mut::<E>(&mut grad).par_chunks_mut(size).zip(numbers::<E>(&y).par_chunks(size));
            let blocks = blocks.with_min_len(at_least).map(|(grad, y)| {
                vectorised(
                    #[inline(always)]
                    || derive(grad, y, act),
                );
                summed(grad)
            });
            blocks.collect()
        }
    };
    let sum = wants_sum.then(|| tensor(sum_of_rows(&sums.concat(), columns), [columns]));
    (grad, sum)
}

/// Multiplies the gradient by the activation's derivative, which follows from its output.
#[inline(always)]
pub(super) fn derive<E: Float>(grad: &mut [E], y: &[E], act: Epilogue) {
    let pairs = grad.iter_mut().zip(y);
    match act {
        Epilogue::Identity => {}
        Epilogue::Relu => pairs.for_each(|(g, &y)| *g = if y > E::ZERO { *g } else { E::ZERO }),
        Epilogue::Tanh => pairs.for_each(|(g, &y)| *g *= E::ONE - y * y),
    }
}

pub(super) fn sum_of_rows<E: Float>(rows: &[E], columns: usize) -> Vec<E> {
    vectorised(
        #[inline(always)]
        || {
            let mut sum = vec![E::ZERO; columns];
            for row in rows.chunks_exact(columns.max(1)) {
                for (sum, &x) in sum.iter_mut().zip(row) {
                    *sum += x;
                }
            }
            sum
        },
    )
}
