//! [`Steps`] on CubeCL.

use burn::tensor::{Device, Tensor};
use burn_cubecl::tensor::CubeTensor;

use super::{
    ahead::Ahead,
    buffer::{computed, lazy},
    graph::{self, Backup, Graph},
    launch::{Buffers, Group, Recorded},
    plan,
    reading::{read, resume},
    recording::{Known, Recorder, record},
};
use crate::steps::{Planned, Read, StepsConfig};

/// Takes the steps of an optimiser on a GPU.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::{
///     pass::{Pass, Real, pass},
///     steps::{Steps, StepsConfig},
/// };
///
/// /// θ ← θ − εg.
/// #[derive(Clone, Copy)]
/// struct Step(f64);
///
/// impl Pass<1> for Step {
///     fn element<E: Real>(&self, [theta]: [E; 1], gradient: E) -> [E; 1] {
///         [theta - gradient * E::of(self.0)]
///     }
///     fn tensors<const D: usize>(&self, [theta]: [Tensor<D>; 1], gradient: Tensor<D>) -> [Tensor<D>; 1] {
///         [theta - gradient * self.0]
///     }
/// }
///
/// let device = Device::default();
/// let config = StepsConfig { gtol: Some(0.01), ..StepsConfig::default() };
/// // None without a GPU.
/// if let Some(mut steps) = Steps::new(config, 100, 1, Tensor::zeros([1], &device)) {
///     // The minimum of ½x².
///     let mut x = Tensor::<1>::ones([3], &device);
///     while !steps.is_full() {
///         let (loss, gradient) = (x.clone().square().sum() * 0.5, x.clone());
///         [x] = steps.step(vec![loss], || pass(&Step(0.5), [x], gradient));
///     }
///     let read = steps.read();
///     println!("{} steps, then {:?}", read.rows.len(), read.halt);
/// }
/// ```
pub struct Steps {
    buffers: Buffers,
    like: Tensor<1>,
    known: Known,
    /// Steps since the last reading.
    taken: usize,
    ahead: Ahead,
    phase: Phase,
    /// Graphs that are not replayed any more. The device may not have begun their last replay, which needs their memory.
    retired: Vec<Graph>,
}

/// How far the recording of a step is.
enum Phase {
    /// Every step is computed.
    Computed,
    /// Every step is computed, because a recording has failed.
    Refused,
    /// A step will be recorded when enough of them are planned.
    Allowed,
    /// The memory of the device is prepared; so many steps are computed before the recording. The last one wrote these states.
    Prepared { left: usize, states: Vec<CubeTensor> },
    /// Launches are recorded, and what they would overwrite has a copy. `whole` as long as nothing came from the host.
    Recording { backup: Backup, whole: bool },
    /// Steps are repeated.
    Ready(Graph),
}

/// Steps that are computed on prepared memory before one is recorded: fusion chooses its kernels in the first and measures them in the
/// second, so that the third is like all later ones.
const WARM_UP: usize = 3;

impl Steps {
    /// Returns whether steps on this device can be taken without waiting.
    pub fn supports(device: &Device) -> bool {
        crate::device::is_cube(device)
    }

    /// Makes room for `capacity` ≥ 1 steps between two readings, whose losses have `scalars` − 1 terms.
    ///
    /// `like` is any tensor of the parameters' device and float type. Returns none if that is not f32 or f64 on a GPU.
    pub fn new(config: StepsConfig, capacity: usize, scalars: usize, like: Tensor<1>) -> Option<Self> {
        let buffers = Buffers::new(config, capacity.max(1), scalars, computed(lazy(like.clone())?));
        let (known, ahead, retired) = (Known::new(), Ahead::default(), Vec::new());
        Some(Self { buffers, like, known, taken: 0, ahead, phase: Phase::Computed, retired })
    }

    /// Returns whether a tensor can be the loss or a gradient of these steps: it is on a GPU, in their float type.
    pub fn accepts<const D: usize>(&self, tensor: &Tensor<D>) -> bool {
        tensor.dtype() == self.buffers.dtype && crate::device::is_cube(&tensor.device())
    }

    /// Returns whether there is no room for another step before a reading.
    pub fn is_full(&self) -> bool {
        self.taken == self.buffers.capacity
    }

    /// Takes a step: `update` applies the gradients with an optimiser whose updates are [passes](crate::pass).
    ///
    /// `scalars` are the loss and its terms, each `[1]`. What `update` returns has its new values when the device is done, and its old
    /// values if it has halted.
    ///
    /// # Panics
    /// If [`is_full`](Self::is_full), the number of scalars is another one than at first, or nothing is updated.
    pub fn step<R>(&mut self, scalars: Vec<Tensor<1>>, update: impl FnOnce() -> R) -> R {
        self.abandon();
        let (result, step) = self.recorded(scalars, update);
        self.launch(&step);
        result
    }

    fn launch(&mut self, step: &Recorded) {
        self.buffers.write_coefficients(self.taken, &step.groups);
        self.buffers.launch(step.scalars.clone(), &step.gradients, &step.groups);
        self.taken += 1;
    }

    /// Runs the update of a step that was computed, and returns what is to be launched for it.
    fn recorded<R>(&mut self, scalars: Vec<Tensor<1>>, update: impl FnOnce() -> R) -> (R, Recorded) {
        assert_eq!(scalars.len(), self.buffers.scalars, "a loss and its terms");
        let scalars = scalars.into_iter().map(|s| computed(lazy(s).expect("losses are on the device"))).collect();
        let (result, Recorder { jobs, copies, .. }) = self.update(update);
        let first = jobs.iter().filter(|job| job.stage == 0);
        let gradients = first.map(|job| job.gradient.clone()).collect();
        (result, Recorded { groups: self.buffers.groups(jobs), scalars, gradients, copies })
    }

    fn update<R>(&mut self, update: impl FnOnce() -> R) -> (R, Recorder) {
        assert!(!self.is_full(), "the steps must be read first");
        let (result, mut recorder) = record(self.like.clone(), std::mem::take(&mut self.known), update);
        self.known = std::mem::take(&mut recorder.known);
        assert!(recorder.jobs.iter().any(|job| job.stage == 0), "an update of nothing");
        (result, recorder)
    }

    /// Says that someone else may have kept a part of the parameters or of the state since the last step: they are then not written in
    /// place, but copied first.
    pub fn distrust(&mut self) {
        self.known.clear();
    }

    /// Has a step recorded as one graph when enough steps are [planned](Self::plan), and repeated from then on.
    ///
    /// Every planned step must be the same computation on other rows and other noise: whatever else comes from the host, such as a
    /// number that changes from step to step, keeps the value that it had in the recorded step.
    pub fn allow_recording(&mut self) {
        if matches!(self.phase, Phase::Computed) {
            self.phase = Phase::Allowed;
        }
    }

    /// Returns whether a [plan](Self::plan) of the next steps would be of use: there is none, and a step may be recorded.
    pub fn wants_plan(&self) -> bool {
        !matches!(self.phase, Phase::Computed | Phase::Refused)
            && self.ahead.next(self.taken).is_none()
            && !self.is_full()
    }

    /// Says what the next steps are, up to a reading at most. They have the same number of rows.
    pub fn plan(&mut self, mut steps: Vec<Planned>) {
        steps.truncate(self.buffers.capacity - self.taken);
        if self.ahead.write(&self.buffers, steps, self.taken) {
            // The recorded step reads the old table.
            self.abandon();
            self.retire();
        }
    }

    /// Returns whether the next step is planned, on these rows.
    pub fn is_planned(&self, rows: &[usize]) -> bool {
        self.ahead.next(self.taken).is_some_and(|step| step.rows == rows)
    }

    /// Returns whether the next step, which is planned, can be a [repetition](Self::replay).
    pub fn replays(&self) -> bool {
        matches!(self.phase, Phase::Ready(_))
    }

    /// Computes the loss and the gradients of the next step, which is planned: `work` takes its rows by
    /// [`ByteRows`](crate::byte_rows::ByteRows) and its noise by a [`Stream`](crate::Stream) that is
    /// [of the current step](crate::Stream::of_current_step). [`planned_step`](Self::planned_step) takes the step.
    ///
    /// # Panics
    /// If the next step is not planned.
    pub fn compute<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let current = self.ahead.current(&self.buffers, self.taken).expect("the next step is planned");
        self.open();
        let (result, whole) = plan::within(current, work);
        if !whole {
            match &mut self.phase {
                Phase::Recording { whole, .. } => *whole = false,
                _ => {
                    self.abandon();
                    self.phase = Phase::Refused;
                }
            }
        }
        result
    }

    /// Begins a preparation or a recording, if it is time.
    fn open(&mut self) {
        let device = &self.buffers.device;
        match &self.phase {
            // A step has been taken, so that all buffers are there.
            Phase::Allowed if self.ahead.left(self.taken) > WARM_UP && self.buffers.partials.is_some() => {
                self.phase = match graph::prepare(device) {
                    true => Phase::Prepared { left: WARM_UP, states: Vec::new() },
                    false => Phase::Refused,
                };
            }
            Phase::Prepared { left: 0, states } => {
                let backup = Backup::new(&self.buffers, states);
                self.phase = match graph::start(device) {
                    true => Phase::Recording { backup, whole: true },
                    false => Phase::Refused,
                };
            }
            _ => {}
        }
    }

    /// Takes the planned step whose loss and gradients [`compute`](Self::compute) has computed, like [`step`](Self::step).
    ///
    /// # Errors
    /// What `update` returned, if the step was to be recorded and that failed. It was not taken, and is to be computed again.
    ///
    /// # Panics
    /// As [`step`](Self::step).
    pub fn planned_step<R>(&mut self, scalars: Vec<Tensor<1>>, update: impl FnOnce() -> R) -> Result<R, R> {
        let (result, step) = self.recorded(scalars, update);
        let device = &self.buffers.device;
        match std::mem::replace(&mut self.phase, Phase::Refused) {
            Phase::Recording { backup, whole } => {
                // Without a table for them, the update has become another one.
                let has_room = self.buffers.has_room_for(&step.groups);
                let graph = if has_room {
                    self.buffers.launch(step.scalars.clone(), &step.gradients, &step.groups);
                    Graph::finish(&self.buffers.device, &step).filter(|_| whole)
                } else {
                    graph::abandon(device);
                    self.phase = Phase::Allowed;
                    None
                };
                let Some(graph) = graph else {
                    backup.restore(&self.buffers, &step.copies);
                    return Err(result);
                };
                self.repeat(&graph, &step.groups);
                self.phase = Phase::Ready(graph);
                // Copies of shared states are in the graph, too, and must not be repeated.
                if !step.copies.is_empty() {
                    self.retire();
                }
            }
            phase => {
                self.launch(&step);
                self.phase = match phase {
                    Phase::Prepared { left, .. } => {
                        let states = step.groups.into_iter().flat_map(|group| group.states).collect();
                        Phase::Prepared { left: left.saturating_sub(1), states }
                    }
                    phase => phase,
                };
            }
        }
        Ok(result)
    }

    /// Takes the next step, which is planned, by repeating the recorded one. `update` is that of [`step`](Self::step), with the gradients
    /// of the recorded step in the place of new ones.
    ///
    /// # Errors
    /// What `update` returned, if it is another one than the recorded, because the parameters or the state have moved. The step was not
    /// taken, and is to be computed; another one will be recorded.
    ///
    /// # Panics
    /// If no step was recorded: see [`replays`](Self::replays).
    pub fn replay<R>(&mut self, update: impl FnOnce() -> R) -> Result<R, R> {
        let (result, recorder) = self.update(update);
        let groups = self.buffers.groups(recorder.jobs);
        let Phase::Ready(graph) = std::mem::replace(&mut self.phase, Phase::Allowed) else {
            panic!("no step was recorded");
        };
        let is_like = graph.is_like(&groups);
        if is_like {
            self.repeat(&graph, &groups);
        }
        self.phase = Phase::Ready(graph);
        if !is_like {
            self.retire();
            return Err(result);
        }
        Ok(result)
    }

    /// Has the next steps computed, until one is recorded anew.
    fn retire(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Allowed) {
            Phase::Ready(graph) => self.retired.push(graph),
            phase => self.phase = phase,
        }
    }

    fn repeat(&mut self, graph: &Graph, groups: &[Group]) {
        self.buffers.write_coefficients(self.taken, groups);
        graph.replay(&self.buffers.device);
        self.taken += 1;
    }

    /// Gives up a recording that has begun, if there is one. The step that was computed last was then not computed.
    ///
    /// Returns whether there was one.
    pub fn abandon(&mut self) -> bool {
        match std::mem::replace(&mut self.phase, Phase::Computed) {
            Phase::Prepared { .. } => {
                graph::abandon(&self.buffers.device);
                self.phase = Phase::Allowed;
                false
            }
            Phase::Recording { backup, .. } => {
                graph::abandon(&self.buffers.device);
                backup.restore(&self.buffers, &[]);
                self.phase = Phase::Refused;
                true
            }
            phase => {
                self.phase = phase;
                false
            }
        }
    }

    /// Waits for the device, and returns what the steps since the last reading measured.
    ///
    /// After a halt every later step is without effect, until [`resume`](Self::resume).
    pub fn read(&mut self) -> Read {
        self.abandon();
        self.ahead.clear();
        self.taken = 0;
        let read = read(&self.buffers);
        self.retired.clear();
        read
    }

    /// Takes steps again after a halt.
    pub fn resume(&mut self) {
        resume(&self.buffers);
    }
}

impl Drop for Steps {
    /// The device must not stay prepared for a recording, nor lose a graph that it has not replayed yet.
    fn drop(&mut self) {
        self.abandon();
        self.retire();
        if !self.retired.is_empty() {
            read(&self.buffers);
        }
    }
}
