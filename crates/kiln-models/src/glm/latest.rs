//! What was computed at the last vector, because solver and inference ask for one thing after the other there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sums::Sums;

/// Value, gradient and Hessian at the last vector where they were computed together.
#[derive(Debug, Default)]
pub(super) struct Latest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    at: Vec<f64>,
    sums: Option<Sums>,
    /// Whether the Hessian there was asked for.
    was_hessian_used: bool,
}

impl Latest {
    /// Calls `take` with the sums at `x`, if they are known.
    pub(super) fn at<T>(&self, x: &[f64], take: impl FnOnce(&Sums) -> T) -> Option<T> {
        let state = self.lock();
        state.sums.as_ref().filter(|_| state.at == x).map(take)
    }

    /// Calls `take` with the sums at `x`, which are computed if they are not known. `with_hessian`: the Hessian is of use now.
    pub(super) fn get<T>(
        &self,
        x: &[f64],
        with_hessian: bool,
        compute: impl FnOnce() -> Sums,
        take: impl FnOnce(&Sums) -> T,
    ) -> T {
        let mut state = self.lock();
        if state.at != x || state.sums.is_none() {
            *state = State { at: x.to_vec(), sums: Some(compute()), was_hessian_used: false };
        }
        state.was_hessian_used |= with_hessian;
        take(state.sums.as_ref().expect("they were computed"))
    }

    /// Returns whether the last Hessian was of use, so that the next will probably be.
    pub(super) fn was_hessian_used(&self) -> bool {
        self.lock().was_hessian_used
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The linear predictors of all rows at the last vector.
#[derive(Debug, Default)]
pub(super) struct LatestPredictors(Mutex<(Vec<f64>, Arc<Vec<f64>>)>);

impl LatestPredictors {
    /// Returns those at `x`, which are computed if they are not known.
    pub(super) fn get(&self, x: &[f64], compute: impl FnOnce() -> Vec<f64>) -> Arc<Vec<f64>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 != x || state.1.is_empty() {
            *state = (x.to_vec(), compute().into());
        }
        state.1.clone()
    }
}
