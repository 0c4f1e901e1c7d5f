//! ln Σ eˣ along one axis, and the backward pass.

use burn::{
    backend::{
        Flex,
        autodiff::{
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops},
        },
        flex::FlexTensor,
    },
    tensor::Shape,
};

use crate::{
    elementary::Float,
    flex::{numbers, numbers_mut, on_float, tensor, vectorised, whole},
};

/// The sums, in the shape of `x` with length 1 along `axis`, and the derivatives softmax(x) in the shape of `x`.
pub(super) fn forward(x: FlexTensor, axis: usize) -> (FlexTensor, FlexTensor) {
    let mut x = whole(x);
    on_float!(x.dtype(), E => {
        let (shape, extent) = (x.layout().shape().clone(), Extent::of(x.layout().shape(), axis));
        let sums = vectorised(
            #[inline(always)]
            || run(numbers_mut::<E>(&mut x), extent),
        );
        let mut reduced = shape;
        reduced[axis] = 1;
        (tensor(sums, reduced), x)
    })
}

/// The number of elements before, along and after an axis.
#[derive(Clone, Copy, Debug)]
struct Extent {
    before: usize,
    along: usize,
    behind: usize,
}

impl Extent {
    fn of(shape: &Shape, axis: usize) -> Self {
        Self { before: shape[..axis].iter().product(), along: shape[axis], behind: shape[axis + 1..].iter().product() }
    }

    fn block(self) -> usize {
        (self.along * self.behind).max(1)
    }
}

/// Replaces `x` by its softmax, and returns the logarithms of the sums.
#[inline(always)]
fn run<E: Float>(x: &mut [E], extent: Extent) -> Vec<E> {
    let behind = extent.behind.max(1);
    if extent.along == 0 {
        return vec![E::NEG_INFINITY; extent.before * extent.behind];
    }
    let mut all = Vec::with_capacity(x.len() / extent.along);
    for block in x.chunks_exact_mut(extent.block()) {
        let mut largest = vec![E::NEG_INFINITY; behind];
        for row in block.chunks_exact(behind) {
            largest.iter_mut().zip(row).for_each(|(largest, &x)| *largest = x.or_more(*largest));
        }
        // An infinite maximum must not be subtracted: ∞ − ∞ would be NaN.
        let shift: Vec<E> = largest.iter().map(|&m| if m.is_finite() { m } else { E::ZERO }).collect();
        for row in block.chunks_exact_mut(behind) {
            row.iter_mut().zip(&shift).for_each(|(x, &shift)| *x = *x - shift);
        }
        block.iter_mut().for_each(|x| *x = x.exp());
        let mut sums = vec![E::ZERO; behind];
        for row in block.chunks_exact(behind) {
            sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += weight);
        }
        for row in block.chunks_exact_mut(behind) {
            row.iter_mut().zip(&sums).for_each(|(weight, &sum)| *weight = *weight / sum);
        }
        all.extend(sums.iter().zip(&shift).map(|(sum, &shift)| shift + sum.ln()));
    }
    all
}

/// The backward pass. Its state is the softmax and the axis.
#[derive(Debug)]
pub(super) struct LogSumExp;

impl Backward<Flex, 1> for LogSumExp {
    type State = (FlexTensor, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = whole(grads.consume::<Flex>(&ops.node));
        let ((mut weights, axis), [parent]) = (ops.state, ops.parents);
        let Some(node) = parent else { return };
        let extent = Extent::of(weights.layout().shape(), axis);
        on_float!(grad.dtype(), E => {
            let behind = extent.behind.max(1);
            let grads = numbers::<E>(&grad).chunks_exact(behind);
            for (block, grad) in numbers_mut::<E>(&mut weights).chunks_exact_mut(extent.block()).zip(grads) {
                for row in block.chunks_exact_mut(behind) {
                    row.iter_mut().zip(grad).for_each(|(weight, &g)| *weight *= g);
                }
            }
        });
        grads.register::<Flex>(node.id, weights);
    }
}
