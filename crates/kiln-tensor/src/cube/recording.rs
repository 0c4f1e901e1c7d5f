//! Records the updates of an optimiser's step, so that all parameters can be updated by one launch.

use std::{cell::RefCell, collections::HashMap};

use burn::{
    backend::{TensorMetadata, ir::TensorId},
    tensor::Tensor,
};
use burn_cubecl::tensor::CubeTensor;

use super::buffer::{Lazy, adopted, computed, computed_for_writing, lazy, tensor};
use crate::program::Program;

/// An update of the states of one parameter.
pub(super) struct Job {
    pub(super) program: Program,
    pub(super) coefficients: Vec<f64>,
    pub(super) gradient: CubeTensor,
    /// 0 if `gradient` is a gradient, and otherwise one more than that of the job whose result it is.
    pub(super) stage: usize,
    pub(super) states: Vec<CubeTensor>,
}

/// The buffers of tensors that earlier steps left, by which they are written again without a search.
pub(super) type Known = HashMap<TensorId, CubeTensor>;

/// The updates of a step, in the order of the parameters.
pub(super) struct Recorder {
    like: Tensor<1>,
    before: Known,
    pub(super) known: Known,
    /// The stage of the job that writes a tensor.
    stages: HashMap<TensorId, usize>,
    /// What is added to a gradient: this multiple of the parameter.
    decays: HashMap<TensorId, f64>,
    pub(super) jobs: Vec<Job>,
    /// States that had to be copied, and their copies.
    pub(super) copies: Vec<(CubeTensor, CubeTensor)>,
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Runs `work`, whose passes on this thread are recorded and not made. The tensors that they return have their new values only after
/// the caller has made them.
pub(super) fn record<R>(like: Tensor<1>, before: Known, work: impl FnOnce() -> R) -> (R, Recorder) {
    /// Ends the recording if `work` panics, too.
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            RECORDER.set(None);
        }
    }
    let recorder = Recorder {
        like,
        before,
        known: Known::new(),
        stages: HashMap::new(),
        decays: HashMap::new(),
        jobs: Vec::new(),
        copies: Vec::new(),
    };
    RECORDER.set(Some(recorder));
    let guard = Guard;
    let result = work();
    let recorder = RECORDER.take().expect("nothing else ends the recording");
    drop(guard);
    (result, recorder)
}

/// Whether this thread records.
pub(crate) fn is_on() -> bool {
    RECORDER.with_borrow(Option::is_some)
}

/// Records an update. This thread must record. `program` returns its operations and coefficients for a decay of the first state.
pub(crate) fn take<const N: usize, const D: usize>(
    program: impl FnOnce(Option<f64>) -> (Program, Vec<f64>),
    states: [Tensor<D>; N],
    gradient: Tensor<D>,
) -> [Tensor<D>; N] {
    with_recorder(|recorder| recorder.take(program, states, gradient))
}

/// Records that `decay` times the parameter is added to its gradient. This thread must record.
pub(crate) fn decay<const D: usize>(gradient: Tensor<D>, decay: f64) -> Tensor<D> {
    with_recorder(|recorder| {
        let gradient = lazy(gradient).expect(CHECKED);
        recorder.decays.insert(gradient.id, decay);
        tensor(gradient)
    })
}

fn with_recorder<R>(work: impl FnOnce(&mut Recorder) -> R) -> R {
    RECORDER.with_borrow_mut(|recorder| work(recorder.as_mut().expect("this thread records")))
}

const CHECKED: &str = "the caller has checked devices and types";

impl Recorder {
    fn take<const N: usize, const D: usize>(
        &mut self,
        program: impl FnOnce(Option<f64>) -> (Program, Vec<f64>),
        states: [Tensor<D>; N],
        gradient: Tensor<D>,
    ) -> [Tensor<D>; N] {
        let gradient = lazy(gradient).expect(CHECKED);
        let stage = self.stages.get(&gradient.id).map_or(0, |stage| stage + 1);
        let decay = self.decays.remove(&gradient.id);
        let gradient = computed(gradient);
        let (program, coefficients) = program(decay);
        let mut buffers = Vec::with_capacity(N);
        let states = states.map(|state| {
            let (state, buffer) = self.writable(lazy(state).expect(CHECKED));
            self.stages.insert(state.id, stage);
            self.known.insert(state.id, buffer.clone());
            buffers.push(buffer);
            tensor(state)
        });
        self.jobs.push(Job { program, coefficients, gradient, stage, states: buffers });
        states
    }

    /// The tensor and its buffer, which nothing else uses.
    fn writable(&mut self, state: Lazy) -> (Lazy, CubeTensor) {
        if state.can_mut()
            && let Some(buffer) = self.before.remove(&state.id)
        {
            return (state, buffer);
        }
        self.before.remove(&state.id);
        let (buffer, original) = computed_for_writing(state);
        self.copies.extend(original.map(|original| (original, buffer.clone())));
        (adopted(self.like.clone(), buffer.clone()), buffer)
    }
}
