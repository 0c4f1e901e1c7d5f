//! The progress of a run, and its result.

use std::ops::ControlFlow;

use burn::module::Module;
use kiln_tensor::derivative::Inputs;

use super::{
    Solution,
    end::End,
    evaluated::Pulled,
    host::Host,
    kkt::{Multipliers, residuals_of, with_bounds},
};
use crate::solver::{Iteration, Status};

/// The history and the callback of a run.
pub(super) struct Progress<'c> {
    history: Vec<Iteration>,
    callback: &'c mut dyn FnMut(&Iteration) -> ControlFlow<()>,
}

impl<'c> Progress<'c> {
    pub(super) fn new(callback: &'c mut dyn FnMut(&Iteration) -> ControlFlow<()>) -> Self {
        Self { history: Vec::new(), callback }
    }

    /// Adds an iteration to the history. Returns what the callback returns.
    pub(super) fn record(&mut self, iteration: Iteration) -> ControlFlow<()> {
        self.history.push(iteration);
        (self.callback)(&iteration)
    }
}

pub(super) fn finish<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    at: &Pulled,
    multipliers: Multipliers,
    status: Status,
    progress: Progress<'_>,
    iterations: usize,
) -> Solution {
    let problem = host.problem;
    let residuals = residuals_of(&at.x, (problem.lower(), problem.upper()), &at.values, &at.pull, &multipliers);
    let end = End {
        x: at.x.clone(),
        value: at.values.objective,
        gradient: with_bounds(&at.pull, &multipliers),
        multipliers,
        residuals,
        status,
        iterations,
        evaluations: host.counts(),
        history: progress.history,
    };
    end.solution(&|values| host.tensor(values))
}
