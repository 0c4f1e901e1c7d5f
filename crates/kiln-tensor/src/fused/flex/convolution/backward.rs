//! The backward pass of both layers.

use std::mem::MaybeUninit;

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

use super::{
    super::{
        linear::{add_to_rows, derive, sum_of_rows},
        product::{Matrix, add_product, multiply_alone},
    },
    Layer, Scratch,
};
use crate::{
    elementary::Float,
    flex::{numbers, numbers_mut, on_float, rows_at_a_time, tensor, vectorised, whole, written},
    fused::{epilogue::Epilogue, window::Window},
};

/// Groups of blocks. Each has its own gradient of the weights, which are added up at the end.
const GROUPS: usize = 16;

/// What a layer keeps.
#[derive(Clone, Debug)]
pub(in super::super) struct Kept {
    pub(in super::super) x: FlexTensor,
    pub(in super::super) weight: FlexTensor,
    /// The output, unless the derivative of the activation is 1.
    pub(in super::super) y: Option<FlexTensor>,
    pub(in super::super) window: Window,
    pub(in super::super) act: Epilogue,
}

#[derive(Debug)]
pub(in super::super) struct Convolve;

impl Backward<Flex, 3> for Convolve {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        on_float!(ops.state.x.dtype(), E => {
            let weight = whole(ops.state.weight.clone());
            let layer = Layer::<E>::new(&weight, ops.state.window);
            let window = layer.window;
            let across = layer.across();
            let across = Matrix::rows_of(&across, window.patch_len());
            let zeros = vec![E::ZERO; window.channels];
            let lengths = Lengths { x: window.image_len(), y: layer.row_len(), bias: layer.rows };
            run(ops, grads, &layer, lengths, |scratch, part, sum| {
                let rows = Matrix::rows_of(part.grad, layer.rows);
                if let Some(sum) = sum {
                    let patches = Matrix::rows_of(scratch.patches(part.x, &window), window.patch_len());
                    add_product(sum, patches.transposed(), rows);
                }
                if let Some(grad_x) = part.grad_x {
                    scratch.fold(rows, across, &zeros, grad_x, &window);
                }
            });
        });
    }
}

#[derive(Debug)]
pub(in super::super) struct ConvolveTransposed;

impl Backward<Flex, 3> for ConvolveTransposed {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        on_float!(ops.state.x.dtype(), E => {
            let weight = whole(ops.state.weight.clone());
            let layer = Layer::<E>::new(&weight, ops.state.window);
            let window = layer.window;
            let down = layer.down();
            let down = Matrix::rows_of(&down, layer.rows);
            let lengths = Lengths { x: layer.row_len(), y: window.image_len(), bias: window.channels };
            run(ops, grads, &layer, lengths, |scratch, part, sum| {
                let patches = Matrix::rows_of(scratch.patches(part.grad, &window), window.patch_len());
                if let Some(sum) = sum {
                    add_product(sum, patches.transposed(), Matrix::rows_of(part.x, layer.rows));
                }
                if let Some(grad_x) = part.grad_x {
                    multiply_alone(grad_x, patches, down);
                }
            });
        });
    }
}

/// Numbers of an image in the layer's input and output, and of the bias.
struct Lengths {
    x: usize,
    y: usize,
    bias: usize,
}

/// Some images in the backward pass.
struct Part<'a, E> {
    /// The gradient of the output, and before the activation once [`Part::derive`] was called.
    grad: &'a mut [E],
    x: &'a [E],
    y: Option<&'a [E]>,
    grad_x: Option<&'a mut [MaybeUninit<E>]>,
}

impl<'a, E: Float> Part<'a, E> {
    /// Parts of this many images each.
    fn split(self, images: usize, lengths: &Lengths) -> Vec<Part<'a, E>> {
        let (x, y) = ((images * lengths.x).max(1), (images * lengths.y).max(1));
        let mut outputs = self.y.map(|all| all.chunks(y));
        let mut places = self.grad_x.map(|all| all.chunks_mut(x));
        let pairs = self.grad.chunks_mut(y).zip(self.x.chunks(x));
        let part = |(grad, x)| Part {
            grad,
            x,
            y: outputs.as_mut().and_then(Iterator::next),
            grad_x: places.as_mut().and_then(Iterator::next),
        };
        pairs.map(part).collect()
    }

    fn derive(&mut self, act: Epilogue) {
        if let Some(y) = self.y {
            vectorised(
                #[inline(always)]
                || derive(self.grad, y, act),
            );
        }
    }
}

/// The sums of a group.
struct Sums<E> {
    /// `[patch_len, rows]`.
    weight: Vec<E>,
    bias: Vec<E>,
}

/// Registers the gradients. `step` writes a part's gradient of the input, and adds to the one of the weights, if they are asked for.
fn run<E: Float>(
    ops: Ops<Kept, 3>,
    grads: &mut Gradients,
    layer: &Layer<'_, E>,
    lengths: Lengths,
    step: impl Fn(&mut Scratch<E>, Part<'_, E>, Option<&mut [E]>) + Sync,
) {
    let Kept { x, y, act, .. } = ops.state;
    let (mut grad, x, y) = (whole(grads.consume::<Flex>(&ops.node)), whole(x), y.map(whole));
    let [of_x, of_weight, of_bias] = ops.parents;
    let n = x.layout().shape()[0];
    let block = layer.block();
    let group = block * n.div_ceil(block).div_ceil(GROUPS).max(1);
    let (weight_len, bias_len) = (of_weight.as_ref().map_or(0, |_| layer.weight.len()), lengths.bias);

    let of_group = |scratch: &mut Scratch<E>, part: Part<'_, E>| {
        let mut sums = Sums { weight: vec![E::ZERO; weight_len], bias: vec![E::ZERO; bias_len] };
        for mut part in part.split(block, &lengths) {
            part.derive(act);
            add_to_rows(&mut sums.bias, &sum_of_rows(part.grad, bias_len));
            step(scratch, part, (weight_len > 0).then_some(&mut sums.weight[..]));
        }
        sums
    };
    let mut sums = Vec::new();
    let mut all = |grad_x: Option<&mut [MaybeUninit<E>]>| {
        let part = Part { grad: numbers_mut(&mut grad), x: numbers(&x), y: y.as_ref().map(numbers), grad_x };
        let groups = part.split(group, &lengths);
        let groups = groups.into_par_iter().with_min_len(layer.at_a_time(n, group));
        sums = groups.map_init(Scratch::new, of_group).collect();
    };
    if let Some(node) = of_x {
        // SAFETY: each part is written by its step, and the parts are all of it.
        #[allow(unsafe_code, reason = "memory that is written whole")]
        let grad_x = unsafe { written(n * lengths.x, |out| all(Some(out))) };
        grads.register::<Flex>(node.id, tensor(grad_x, [n, lengths.x]));
    } else {
        all(None);
    }
    if let Some(node) = of_weight {
        let down = total(&sums, weight_len, |sums| &sums.weight);
        let mut weight = vec![E::ZERO; weight_len];
        layer.each_weight(|at, of_patch, row| weight[at] = down[of_patch * layer.rows + row]);
        let [height, width] = layer.window.kernel;
        grads.register::<Flex>(node.id, tensor(weight, [layer.rows, layer.window.channels, height, width]));
    }
    if let Some(node) = of_bias {
        grads.register::<Flex>(node.id, tensor(total(&sums, bias_len, |sums| &sums.bias), [bias_len]));
    }
}

/// The sum over the groups, in their order.
fn total<E: Float>(sums: &[Sums<E>], len: usize, of: impl Fn(&Sums<E>) -> &Vec<E> + Sync) -> Vec<E> {
    let mut total = vec![E::ZERO; len];
    let chunk = rows_at_a_time(sums.len());
    total.par_chunks_mut(chunk).enumerate().for_each(|(k, total)| {
        vectorised(
            #[inline(always)]
            || {
                for group in sums {
                    let part = &of(group)[k * chunk..k * chunk + total.len()];
                    total.iter_mut().zip(part).for_each(|(sum, &x)| *sum += x);
                }
            },
        );
    });
    total
}
