//! The best iteration so far.

use super::outcome::Iteration;

/// The smallest value and gradient so far, and the iteration of the last new minimum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Best {
    value: f64,
    grad_norm: f64,
    pub(super) iteration: usize,
}

impl Best {
    pub(super) fn of(history: &[Iteration]) -> Self {
        let mut best = Self { value: f64::INFINITY, grad_norm: f64::INFINITY, iteration: 0 };
        history.iter().for_each(|iteration| best.look_at(iteration));
        best
    }

    pub(super) fn look_at(&mut self, iteration: &Iteration) {
        if iteration.value < self.value || iteration.grad_norm < self.grad_norm {
            self.iteration = iteration.iteration;
        }
        self.value = self.value.min(iteration.value);
        self.grad_norm = self.grad_norm.min(iteration.grad_norm);
    }
}
