//! x·F(x) with a distribution function F, and its derivative F(x) + x·F′(x) from the same exponentials.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

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

use crate::{
    elementary::Float,
    flex::{numbers, numbers_mut, on_float, rows_at_a_time, tensor, vectorised, whole, written},
    fused::epilogue::Gate,
    special::LN_ERFCX,
};

/// The activations, and with `derive` their derivatives, both in the shape of `x`.
pub(super) fn forward(x: FlexTensor, gate: Gate, derive: bool) -> (FlexTensor, Option<FlexTensor>) {
    let x = whole(x);
    // Each gate has a loop of its own: a loop that chooses between them has no vector instructions.
    on_float!(x.dtype(), E => match gate {
        Gate::Normal => by::<E>(x, derive, normal),
        Gate::Logistic => by::<E>(x, derive, logistic),
    })
}

/// The activations by a function that returns F(x) and F′(x).
#[inline(always)]
fn by<E: Float>(
    mut x: FlexTensor,
    derive: bool,
    gate: impl Fn(E) -> (E, E) + Copy + Sync,
) -> (FlexTensor, Option<FlexTensor>) {
    let (shape, size) = (x.layout().shape().clone(), rows_at_a_time(1));
    let all = numbers_mut::<E>(&mut x);
    let n = all.len();
    let blocks = all.par_chunks_mut(size);
    if !derive {
        blocks.for_each(|x| {
            vectorised(
                #[inline(always)]
                || x.iter_mut().for_each(|x| *x *= gate(*x).0),
            );
        });
        return (x, None);
    }
    // SAFETY: each block writes each number of its part, and the parts cover all numbers.
    #[allow(unsafe_code, reason = "memory that is written whole")]
    let derivatives = unsafe {
        written(n, |derivatives| {
            blocks.zip(derivatives.par_chunks_mut(size)).for_each(|(x, derivatives)| {
                vectorised(
                    #[inline(always)]
                    || {
                        let n = x.len();
                        let derivatives = &mut derivatives[..n];
                        for i in 0..n {
                            let at = x[i];
                            let (below, density) = gate(at);
                            x[i] = at * below;
                            derivatives[i].write(below + at * density);
                        }
                    },
                );
            });
        })
    };
    (x, Some(tensor::<E>(derivatives, shape)))
}

/// Φ(x) = erfc(−x/√2)/2 from the tail on the left, by the series in Chebyshev polynomials of `special::erfc`, and its density.
#[inline(always)]
fn normal<E: Float>(x: E) -> (E, E) {
    let z = x.abs() * E::of(FRAC_1_SQRT_2);
    let t = E::of(2.0) / (E::of(2.0) + z);
    let twice_y = t * E::of(4.0) - E::of(2.0);
    // The terms after the first sixteen are below 1e-10, which f32 does not see.
    let terms = if size_of::<E>() == 4 { 16 } else { LN_ERFCX.len() };
    let (mut d, mut dd) = (E::ZERO, E::ZERO);
    let mut k = terms;
    while k > 1 {
        k -= 1;
        (d, dd) = (twice_y * d - dd + E::of(LN_ERFCX[k]), d);
    }
    let ln_erfcx_over_t = E::of(0.5) * (E::of(LN_ERFCX[0]) + twice_y * d) - dd;
    let square = z * z;
    let tail = E::of(0.5) * t * (ln_erfcx_over_t - square).exp();
    let below = if x < E::ZERO { tail } else { E::ONE - tail };
    (below, (-square).exp() * E::of(1.0 / (2.0 * PI).sqrt()))
}

/// σ(x) and its density.
#[inline(always)]
fn logistic<E: Float>(x: E) -> (E, E) {
    let t = (-x.abs()).exp();
    let above = E::ONE / (E::ONE + t);
    let below = if x < E::ZERO { t * above } else { above };
    (below, t * above * above)
}

/// The backward pass. Its state is the derivative.
#[derive(Debug)]
pub(super) struct Gated;

impl Backward<Flex, 1> for Gated {
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = whole(grads.consume::<Flex>(&ops.node));
        let (mut derivative, [parent]) = (ops.state, ops.parents);
        let Some(node) = parent else { return };
        on_float!(grad.dtype(), E => {
            let size = rows_at_a_time(1);
            let blocks = numbers_mut::<E>(&mut derivative).par_chunks_mut(size).zip(numbers::<E>(&grad).par_chunks(size));
            blocks.for_each(|(derivative, grad)| {
                vectorised(
                    #[inline(always)]
                    || derivative.iter_mut().zip(grad).for_each(|(d, &g)| *d *= g),
                );
            });
        });
        grads.register::<Flex>(node.id, derivative);
    }
}
