//! l_y − ln Σ_k e^l_k of each row, and its gradient one-hot(y) − softmax(l), from the same exponentials.

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::{
    elementary::Float,
    flex::{numbers, on_float, rows_at_a_time, sum, tensor, vectorised, whole},
};

/// The log-probabilities of the rows, `[n]`, and their gradients with respect to the logits, `[n, k]`.
pub(super) fn forward(logits: FlexTensor, classes: FlexTensor) -> (FlexTensor, FlexTensor) {
    let classes: Vec<i64> = classes.into_data().iter::<i64>().collect();
    on_float!(logits.dtype(), E => of_rows::<E>(&whole(logits), &classes))
}

fn of_rows<E: Float>(logits: &FlexTensor, classes: &[i64]) -> (FlexTensor, FlexTensor) {
    let shape = logits.layout().shape().clone();
    let [n, k] = shape[..] else { panic!("rows have two axes") };
    assert!(n == 0 || k > 0, "a class below 0, counted from 0");
    let (mut log_probs, mut gradient) = (vec![E::ZERO; n], vec![E::ZERO; n * k]);
    let rows = rows_at_a_time(k);
    let size = rows * k.max(1);
    let blocks = numbers::<E>(logits).par_chunks(size).zip(gradient.par_chunks_mut(size));
    let blocks = blocks.zip(log_probs.par_chunks_mut(rows).zip(classes.par_chunks(rows)));
    blocks.for_each(|((logits, gradient), (log_probs, classes))| {
        vectorised(
            #[inline(always)]
            || block(k, logits, classes, log_probs, gradient),
        );
    });
    (tensor(log_probs, [n]), tensor(gradient, shape))
}

#[inline(always)]
fn block<E: Float>(k: usize, logits: &[E], classes: &[i64], log_probs: &mut [E], gradient: &mut [E]) {
    // First shift the logits by their maximum, for all rows; then take all exponentials at once, even if rows are short.
    for (((logits, shifted), &class), log_prob) in
        logits.chunks_exact(k).zip(gradient.chunks_exact_mut(k)).zip(classes).zip(log_probs.iter_mut())
    {
        let largest = logits.iter().fold(E::NEG_INFINITY, |largest, &l| l.or_more(largest));
        shifted.iter_mut().zip(logits).for_each(|(shifted, &l)| *shifted = l - largest);
        let class = usize::try_from(class).ok().filter(|class| *class < k);
        *log_prob = shifted[class.unwrap_or_else(|| panic!("a class below {k}, counted from 0"))];
    }
    gradient.iter_mut().for_each(|x| *x = x.exp());
    for ((weights, &class), log_prob) in gradient.chunks_exact_mut(k).zip(classes).zip(log_probs) {
        let total = sum(weights);
        *log_prob = *log_prob - total.ln();
        weights.iter_mut().for_each(|weight| *weight = -(*weight / total));
        weights[class as usize] = E::ONE + weights[class as usize];
    }
}
