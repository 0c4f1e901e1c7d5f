//! Σ_j [x_j·l_j − ln(1 + e^l_j)] of each row, and its gradient x − σ(l), from the same exponentials.

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

use crate::{
    elementary::Float,
    flex::{numbers, on_float, rows_at_a_time, scale_rows, sum, tensor, vectorised, whole, written},
};

/// The log-likelihoods of the rows, `[n]`, and with `derive` their gradients with respect to the logits, `[n, d]`.
pub(super) fn forward(logits: FlexTensor, values: FlexTensor, derive: bool) -> (FlexTensor, Option<FlexTensor>) {
    on_float!(logits.dtype(), E => of_rows::<E>(&whole(logits), &whole(values), derive))
}

fn of_rows<E: Float>(logits: &FlexTensor, values: &FlexTensor, derive: bool) -> (FlexTensor, Option<FlexTensor>) {
    let shape = logits.layout().shape().clone();
    let [n, d] = shape[..] else { panic!("rows have two axes") };
    let mut sums = vec![E::ZERO; n];
    if d == 0 {
        return (tensor(sums, [n]), derive.then(|| tensor::<E>(Vec::new(), shape)));
    }
    let rows = rows_at_a_time(d);
    let pairs = numbers::<E>(logits).par_chunks(rows * d).zip(numbers::<E>(values).par_chunks(rows * d));
    let blocks = pairs.zip(sums.par_chunks_mut(rows));
    let gradient = if derive {
        // SAFETY: `block` writes each number of its part, and the parts cover all numbers.
        #[allow(unsafe_code, reason = "memory that is written whole")]
        let gradient = unsafe {
            written(n * d, |gradient| {
                blocks.zip(gradient.par_chunks_mut(rows * d)).for_each(|(((logits, values), sums), gradient)| {
                    block(d, logits, values, sums, gradient);
                });
            })
        };
        Some(tensor(gradient, shape))
    } else {
        blocks.for_each(|((logits, values), sums)| block(d, logits, values, sums, &mut []));
        None
    };
    (tensor(sums, [n]), gradient)
}

/// Writes the gradient, unless it is empty.
fn block<E: Float>(d: usize, logits: &[E], values: &[E], sums: &mut [E], gradient: &mut [MaybeUninit<E>]) {
    let n = logits.len();
    let mut terms = vec![E::ZERO; n];
    vectorised(
        #[inline(always)]
        || {
            // With slices of one known length the loops have no bounds checks and stay inlined, with vector instructions.
            let (values, terms) = (&values[..n], &mut terms[..n]);
            if gradient.is_empty() {
                for i in 0..n {
                    terms[i] = log_likelihood(logits[i], values[i]).0;
                }
            } else {
                let gradient = &mut gradient[..n];
                for i in 0..n {
                    let (l, x) = (logits[i], values[i]);
                    let (likelihood, t) = log_likelihood(l, x);
                    terms[i] = likelihood;
                    let probability = (if l < E::ZERO { t } else { E::ONE }) / (E::ONE + t);
                    gradient[i].write(x - probability);
                }
            }
            for (total, row) in sums.iter_mut().zip(terms.chunks_exact(d)) {
                *total = sum(row);
            }
        },
    );
}

/// x·l − max(l, 0) − ln(1 + t), and t = e^−|l|.
#[inline(always)]
fn log_likelihood<E: Float>(l: E, x: E) -> (E, E) {
    let t = (-l.abs()).exp();
    (l * x - l.or_more(E::ZERO) - t.ln_1p(), t)
}

/// The backward pass to the logits. The gradient of the rows is its state.
#[derive(Debug)]
pub(super) struct Rows;

impl Backward<Flex, 1> for Rows {
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        if let [Some(parent)] = ops.parents {
            grads.register::<Flex>(parent.id, scale_rows(ops.state, grad));
        }
    }
}
