//! Steps on a GPU that the host has not looked at.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Tensor},
};
use kiln_optim::FirstOrder;
use kiln_tensor::steps::{Planned, Row, Steps, StepsConfig};

use crate::{Metrics, objective::Loss};

/// Whether the steps of a run wait for the host, and those that have not been read.
pub(super) struct Deferral {
    /// None if every step waits.
    config: Option<StepsConfig>,
    /// The next step waits, because the device left it to the host.
    pub(super) not_now: bool,
    steps: Option<Steps>,
    /// Whether a step may be captured.
    pub(super) captures: bool,
    names: Vec<&'static str>,
    waiting: Vec<Waiting>,
    /// The parameters that had a gradient in the steps that wait, in the order of the module.
    parameters: Vec<u64>,
}

/// A step that has not been read, and where the run was before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) step: u64,
    pub(super) batch: u64,
    pub(super) row: usize,
    pub(super) gradients: u64,
    pub(super) examples: usize,
    pub(super) lr: f64,
}

impl Deferral {
    pub(super) fn new(optimizer: &FirstOrder, gtol: Option<f64>, device: &Device, everyone_may_wait: bool) -> Self {
        let possible = everyone_may_wait && Steps::supports(device);
        let config = optimizer.deferred().filter(|_| possible).map(|config| StepsConfig { gtol, ..config });
        let (names, waiting, parameters) = (Vec::new(), Vec::new(), Vec::new());
        Self { config, not_now: false, steps: None, captures: false, names, waiting, parameters }
    }

    /// Returns whether the device takes the next step, whose loss is `loss`, without the host. At most `capacity` steps wait.
    pub(super) fn takes<M: Module>(
        &mut self,
        capacity: u64,
        loss: &Loss,
        model: &M,
        gradients: &GradientsParams,
    ) -> bool {
        let Some(config) = self.config.filter(|_| !std::mem::take(&mut self.not_now)) else { return false };
        if self.steps.is_none() {
            self.names = loss.terms.iter().map(|(name, _)| *name).collect();
            let like = loss.value.clone().without_autodiff();
            let capacity = usize::try_from(capacity).unwrap_or(usize::MAX).min(MOST_WAITING);
            self.steps = Steps::new(config, capacity, 1 + self.names.len(), like);
            if let Some(steps) = self.steps.as_mut().filter(|_| self.captures) {
                steps.allow_recording();
            }
        }
        let Some(steps) = &self.steps else {
            self.config = None;
            return false;
        };
        let same_terms = loss.terms.iter().map(|(name, _)| *name).eq(self.names.iter().copied());
        let scalars = std::iter::once(&loss.value).chain(loss.terms.iter().map(|(_, term)| term));
        let acceptable = same_terms && scalars.into_iter().all(|scalar| scalar.dims() == [1] && steps.accepts(scalar));
        let Some(parameters) = acceptable.then(|| with_gradient(model, gradients, steps)).flatten() else {
            return false;
        };
        // A halt names a parameter by its place, so all steps that wait have the same.
        if !self.waiting.is_empty() && parameters != self.parameters {
            return false;
        }
        self.parameters = parameters;
        true
    }

    /// What takes the steps, after [`takes`](Self::takes) has said so.
    pub(super) fn steps(&mut self) -> &mut Steps {
        self.steps.as_mut().expect("`takes` has made them")
    }

    /// Notes a step that the device takes.
    pub(super) fn push(&mut self, step: Waiting) {
        self.waiting.push(step);
    }

    /// Whether a step may be taken without the host.
    pub(super) fn is_possible(&self) -> bool {
        self.config.is_some()
    }

    /// Whether the next steps are to be planned: the device takes the next one, and they are not yet.
    pub(super) fn wants_plan(&self) -> bool {
        self.config.is_some() && !self.not_now && self.steps.as_ref().is_some_and(Steps::wants_plan)
    }

    /// What takes the next step if it is planned, on these rows.
    pub(super) fn planned(&mut self, rows: &[usize]) -> Option<&mut Steps> {
        self.steps.as_mut().filter(|steps| steps.is_planned(rows))
    }

    /// Says what the next steps are.
    pub(super) fn plan(&mut self, steps: Vec<Planned>) {
        if let Some(all) = &mut self.steps {
            all.plan(steps);
        }
    }

    /// Gives up a capture that has begun. Returns whether the last step was to be captured, and was not computed.
    pub(super) fn abandon(&mut self) -> bool {
        self.steps.as_mut().is_some_and(Steps::abandon)
    }

    /// Whether there is nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Waits for the device. Returns the steps, what they measured, and why the last of these was not taken.
    pub(super) fn read(&mut self) -> (Vec<Waiting>, kiln_tensor::steps::Read) {
        let steps = self.steps.as_mut().expect("steps are waiting");
        (std::mem::take(&mut self.waiting), steps.read())
    }

    pub(super) fn is_full(&self) -> bool {
        self.steps.as_ref().is_some_and(Steps::is_full)
    }

    /// Takes steps again after the device has halted.
    pub(super) fn resume(&mut self) {
        if let Some(steps) = &mut self.steps {
            steps.resume();
        }
    }

    /// Says that others have seen the parameters and may have kept them.
    pub(super) fn distrust(&mut self) {
        if let Some(steps) = &mut self.steps {
            steps.distrust();
        }
    }

    pub(super) fn metrics(&self, row: &Row) -> Metrics {
        let terms = self.terms(row).map(|(name, value)| (name.to_owned(), value)).collect();
        Metrics { loss: row.scalars[0], terms }
    }

    pub(super) fn terms<'s>(&'s self, row: &'s Row) -> impl Iterator<Item = (&'static str, f64)> + 's {
        self.names.iter().copied().zip(row.scalars[1..].iter().copied())
    }

    /// The name of the parameter that was updated at `place`, from 0.
    pub(super) fn name<M: Module>(&self, model: &M, place: usize) -> String {
        let id = self.parameters.get(place).copied();
        let named = kiln_tensor::params::names(model).into_iter().find(|(_, found)| Some(*found) == id);
        named.map_or_else(|| "a parameter".to_owned(), |(name, _)| name)
    }
}

/// Steps that wait at most, whatever the interval of the log: the host must not run ahead of the device without end.
const MOST_WAITING: usize = 1000;

/// The ids of the parameters that have a gradient, in the order of the module. None if the steps do not accept one of the gradients.
fn with_gradient<M: Module>(model: &M, gradients: &GradientsParams, steps: &Steps) -> Option<Vec<u64>> {
    struct Finder<'a> {
        gradients: &'a GradientsParams,
        steps: &'a Steps,
        found: Option<Vec<u64>>,
    }
    impl ModuleVisitor for Finder<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = self.gradients.get::<D>(param.id) else { return };
            match &mut self.found {
                Some(found) if self.steps.accepts(&gradient) => found.push(param.id.val()),
                _ => self.found = None,
            }
        }
    }
    let mut finder = Finder { gradients, steps, found: Some(Vec::new()) };
    model.visit(&mut finder);
    finder.found.filter(|found| !found.is_empty())
}
