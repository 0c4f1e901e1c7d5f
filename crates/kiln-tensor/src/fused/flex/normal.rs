//! μ + σε, and KL(N(μ, σ²) ‖ N(0, 1)) summed over each row, with ln σ as input.

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::base::Checkpointer,
        grads::Gradients,
        ops::{Backward, Ops},
    },
    flex::FlexTensor,
};

use crate::{
    elementary::{Float, Real as _},
    flex::{numbers, numbers_mut, on_float, scale_rows, sum, tensor, vectorised, whole},
};

/// μ + σε, and its derivative σε with respect to ln σ.
pub(super) fn sample(loc: FlexTensor, log_scale: FlexTensor, noise: FlexTensor) -> (FlexTensor, FlexTensor) {
    let shape = loc.layout().shape().clone();
    let (loc, log_scale, mut noise) = (whole(loc), whole(log_scale), whole(noise));
    on_float!(loc.dtype(), E => {
        let deviation = numbers_mut::<E>(&mut noise);
        let sample = vectorised(
            #[inline(always)]
            || {
                deviation.iter_mut().zip(numbers::<E>(&log_scale)).for_each(|(e, &s)| *e *= s.exp());
                numbers::<E>(&loc).iter().zip(deviation).map(|(&mean, e)| mean + *e).collect()
            },
        );
        (tensor::<E>(sample, shape), noise)
    })
}

/// ½(σ² + μ² − 1) − ln σ summed over each row, `[n]`, and its derivative σ² − 1 with respect to ln σ.
pub(super) fn divergence(loc: &FlexTensor, log_scale: FlexTensor) -> (FlexTensor, FlexTensor) {
    let [n, d] = loc.layout().shape()[..] else { panic!("rows have two axes") };
    let mut log_scale = whole(log_scale);
    on_float!(loc.dtype(), E => {
        let (means, scales) = (numbers::<E>(loc), numbers_mut::<E>(&mut log_scale));
        let sums = vectorised(
            #[inline(always)]
            || {
                let mut terms = vec![E::ZERO; n * d];
                for ((term, &mean), scale) in terms.iter_mut().zip(means).zip(scales) {
                    let excess = (*scale + *scale).exp() - E::ONE;
                    *term = (excess + mean * mean) * E::of(0.5) - *scale;
                    *scale = excess;
                }
                (0..n).map(|i| sum(&terms[i * d..(i + 1) * d])).collect()
            },
        );
        (tensor::<E>(sums, [n]), log_scale)
    })
}

/// The backward pass of a sample. Its state is σε.
#[derive(Debug)]
pub(super) struct Sample;

impl Backward<Flex, 2> for Sample {
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = whole(grads.consume::<Flex>(&ops.node));
        let [loc, log_scale] = ops.parents;
        if let Some(node) = log_scale {
            let mut by_log_scale = ops.state;
            on_float!(grad.dtype(), E => {
                numbers_mut::<E>(&mut by_log_scale).iter_mut().zip(numbers::<E>(&grad)).for_each(|(e, &g)| *e *= g);
            });
            grads.register::<Flex>(node.id, by_log_scale);
        }
        if let Some(node) = loc {
            grads.register::<Flex>(node.id, grad);
        }
    }
}

/// The backward pass of the divergence. Its state is μ and σ² − 1.
#[derive(Debug)]
pub(super) struct Divergence;

impl Backward<Flex, 2> for Divergence {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let ((loc, excess), [of_loc, of_log_scale]) = (ops.state, ops.parents);
        if let Some(node) = of_loc {
            grads.register::<Flex>(node.id, scale_rows(loc, grad.clone()));
        }
        if let Some(node) = of_log_scale {
            grads.register::<Flex>(node.id, scale_rows(excess, grad));
        }
    }
}
