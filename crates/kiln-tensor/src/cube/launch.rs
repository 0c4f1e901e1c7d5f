//! The buffers and the launches of a step.

use burn::{backend::fusion::get_client, tensor::DType};
use burn_cubecl::{
    CubeBackend, CubeDevice,
    cubecl::{self, prelude::*, server::Handle},
    tensor::CubeTensor,
};

use super::{
    buffer::Number,
    kernels::{self, LIMITS, PARTIAL, Taken},
    layout::{Layout, UNITS},
    recording::Job,
};
use crate::{program::Program, steps::StepsConfig};

/// What stays on the device between the steps.
pub(super) struct Buffers {
    pub(super) config: StepsConfig,
    /// Steps between two readings.
    pub(super) capacity: usize,
    /// The loss and its terms.
    pub(super) scalars: usize,
    pub(super) device: CubeDevice,
    pub(super) dtype: DType,
    pub(super) client: Client,
    /// The number of steps since the last reading, and why no more are taken.
    pub(super) control: Handle,
    pub(super) log: Handle,
    factor: Handle,
    limits: Handle,
    /// What [`summarise`](kernels::summarise) leaves, of this many cubes.
    pub(super) partials: Option<(usize, Handle)>,
    /// The coefficients of each step since the last reading, of this many a step.
    coefficients: Option<(usize, Handle)>,
    /// The cubes at which each gradient begins in `partials`.
    pub(super) begins: Vec<usize>,
}

/// The words of `control`.
pub(super) const CONTROL: usize = 2;

impl Buffers {
    /// Buffers on the device of `like`, in its float type.
    pub(super) fn new(config: StepsConfig, capacity: usize, scalars: usize, like: CubeTensor) -> Self {
        let CubeTensor { client, device, dtype, .. } = like;
        let made = client.clone();
        let limits = [config.clip_norm, config.clip_value, config.gtol].map(|limit| limit.unwrap_or(0.0));
        let [control, factor, limits, log] = get_client::<CubeBackend>(&device).sync(move || {
            [
                made.create_from_slice(bytemuck::bytes_of(&[0u32; CONTROL])),
                made.create_from_slice(&in_bytes(&[1.0], dtype)),
                made.create_from_slice(&in_bytes(&limits, dtype)),
                made.empty(capacity * (scalars + 2) * dtype.size()),
            ]
        });
        let (partials, coefficients, begins) = (None, None, Vec::new());
        Self {
            config,
            capacity,
            scalars,
            device,
            dtype,
            client,
            control,
            log,
            factor,
            limits,
            partials,
            coefficients,
            begins,
        }
    }

    /// The launches of a step's updates.
    pub(super) fn groups(&self, jobs: Vec<Job>) -> Vec<Group> {
        Group::all(jobs, self.client.properties().hardware.max_bindings as usize)
    }

    /// Writes the coefficients of the step in this row.
    pub(super) fn write_coefficients(&mut self, row: usize, groups: &[Group]) {
        let coefficients: Vec<f64> = groups.iter().flat_map(|group| &group.coefficients).copied().collect();
        let (count, size) = (coefficients.len().max(1), self.dtype.size());
        let client = self.client.clone();
        let there = self.coefficients.take().filter(|(there, _)| *there == count);
        let bytes = in_bytes(&coefficients, self.dtype);
        let capacity = self.capacity;
        let handle = get_client::<CubeBackend>(&self.device).sync(move || {
            let handle = there.map_or_else(|| client.empty(capacity * count * size), |(_, handle)| handle);
            if !bytes.is_empty() {
                let from = handle.clone().offset_start((row * count * size) as u64);
                client.write(&from, cubecl::bytes::Bytes::from_bytes_vec(bytes));
            }
            handle
        });
        self.coefficients = Some((count, handle));
    }

    /// Whether the table of the coefficients has room for those of these launches.
    pub(super) fn has_room_for(&self, groups: &[Group]) -> bool {
        let count = groups.iter().map(|group| group.coefficients.len()).sum::<usize>().max(1);
        self.coefficients.as_ref().is_some_and(|(there, _)| *there == count)
    }

    /// Launches a step: nothing of it comes from the host.
    pub(super) fn launch(&mut self, scalars: Vec<CubeTensor>, gradients: &[CubeTensor], groups: &[Group]) {
        match self.dtype {
            DType::F64 => self.launch_as::<f64>(scalars, gradients, groups),
            _ => self.launch_as::<f32>(scalars, gradients, groups),
        }
    }

    fn launch_as<F: Number>(&mut self, scalars: Vec<CubeTensor>, gradients: &[CubeTensor], groups: &[Group]) {
        let most = self.client.properties().hardware.max_bindings as usize;
        // The other bindings of a launch, and the one of its numbers.
        let (mut cubes, mut summaries) = (0, Vec::new());
        for gradients in gradients.chunks(most.saturating_sub(3).max(1)) {
            let layout = Layout::new(gradients.iter().map(|g| g.meta.num_elements()).collect());
            let first = cubes;
            cubes += layout.cubes();
            summaries.push((first, gradients.to_vec(), layout));
        }
        let begins = |(at, _, layout): &(usize, Vec<CubeTensor>, Layout)| -> Vec<usize> {
            (0..layout.slots()).map(|slot| at + layout.begin(slot)).collect()
        };
        self.begins = summaries.iter().flat_map(begins).collect();
        self.begins.push(cubes);
        let partials = match &self.partials {
            Some((there, handle)) if *there == cubes => handle.clone(),
            _ => {
                let client = self.client.clone();
                let handle = get_client::<CubeBackend>(&self.device)
                    .sync(move || client.empty(cubes * PARTIAL * std::mem::size_of::<F>()));
                self.partials = Some((cubes, handle.clone()));
                handle
            }
        };
        let (per_step, table) = self.coefficients.clone().expect("they are written first");
        let (client, config) = (self.client.clone(), self.config);
        let (control, factor, log) = (self.control.clone(), self.factor.clone(), self.log.clone());
        let limits = self.limits.clone();
        let (row, capacity) = (self.scalars + 2, self.capacity);
        let groups = groups.to_vec();
        #[allow(unsafe_code, reason = "the lengths are those of the buffers")]
        get_client::<CubeBackend>(&self.device).sync(move || unsafe {
            let buffer = |handle: &Handle, length: usize| BufferArg::from_raw_parts(handle.clone(), length);
            let whole = |t: &CubeTensor| BufferArg::from_raw_parts(t.handle.clone(), t.meta.num_elements());
            let dim = CubeDim::new_1d(UNITS as u32);
            let count = |cubes: usize| CubeCount::Static(cubes as u32, 1, 1);
            for (at, gradients, layout) in summaries {
                kernels::summarise::launch_unchecked::<F>(
                    &client,
                    count(layout.cubes()),
                    dim,
                    gradients.iter().map(whole).collect(),
                    buffer(&partials, cubes * PARTIAL),
                    buffer(&control, CONTROL),
                    at,
                    layout,
                );
            }
            kernels::decide::launch_unchecked::<F>(
                &client,
                count(1),
                dim,
                scalars.iter().map(whole).collect(),
                buffer(&partials, cubes * PARTIAL),
                buffer(&control, CONTROL),
                buffer(&factor, 1),
                buffer(&log, capacity * row),
                buffer(&limits, LIMITS),
                cubes as u32,
                scalars.len(),
                config.clip_norm.is_some(),
                config.gtol.is_some(),
            );
            let mut from = 0;
            for group in groups {
                let taken = Taken {
                    scaled: group.stage == 0 && config.clip_norm.is_some(),
                    clamped: group.stage == 0 && config.clip_value.is_some(),
                };
                let layout = Layout::new(group.gradients.iter().map(|g| g.meta.num_elements()).collect());
                kernels::update::launch_unchecked::<F>(
                    &client,
                    count(layout.cubes()),
                    dim,
                    group.gradients.iter().map(whole).collect(),
                    group.states.iter().map(whole).collect(),
                    buffer(&table, capacity * per_step),
                    buffer(&control, CONTROL),
                    buffer(&factor, 1),
                    buffer(&limits, LIMITS),
                    from,
                    per_step as u32,
                    layout,
                    group.program,
                    taken,
                );
                from += group.coefficients.len() as u32;
            }
        });
    }

    /// Everything that a step writes besides the states, with its length in words of 32 bits.
    pub(super) fn written(&self) -> Vec<(Handle, usize)> {
        let words = self.dtype.size() / 4;
        let log = (self.log.clone(), self.capacity * (self.scalars + 2) * words);
        let partials = self.partials.iter().map(|(cubes, handle)| (handle.clone(), cubes * PARTIAL * words));
        [(self.control.clone(), CONTROL), (self.factor.clone(), words), log].into_iter().chain(partials).collect()
    }
}

fn in_bytes(numbers: &[f64], dtype: DType) -> Vec<u8> {
    match dtype {
        DType::F64 => bytemuck::cast_slice(numbers).to_vec(),
        _ => numbers.iter().flat_map(|x| (*x as f32).to_ne_bytes()).collect(),
    }
}

/// What is launched for a step.
pub(super) struct Recorded {
    pub(super) groups: Vec<Group>,
    pub(super) scalars: Vec<CubeTensor>,
    pub(super) gradients: Vec<CubeTensor>,
    /// States that were copied for it, and their copies.
    pub(super) copies: Vec<(CubeTensor, CubeTensor)>,
}

/// Jobs that one launch does: they have one program and the same coefficients.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) stage: usize,
    program: Program,
    coefficients: Vec<f64>,
    gradients: Vec<CubeTensor>,
    pub(super) states: Vec<CubeTensor>,
}

impl Group {
    /// All jobs in an order in which they can be done, with at most `most` bindings a launch.
    fn all(jobs: Vec<Job>, most: usize) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for job in jobs {
            let bits = |c: &[f64]| c.iter().map(|c| c.to_bits()).collect::<Vec<u64>>();
            let group = groups.iter_mut().find(|group| {
                group.stage == job.stage
                    && group.program == job.program
                    && bits(&group.coefficients) == bits(&job.coefficients)
                    && group.gradients.len() + group.states.len() + 1 + job.states.len() + 4 <= most
            });
            match group {
                Some(group) => {
                    group.gradients.push(job.gradient);
                    group.states.extend(job.states);
                }
                None => groups.push(Self {
                    stage: job.stage,
                    program: job.program,
                    coefficients: job.coefficients,
                    gradients: vec![job.gradient],
                    states: job.states,
                }),
            }
        }
        groups.sort_by_key(|group| group.stage);
        groups
    }

    /// What is the same whenever the launch is, but for the values of its coefficients. It holds no memory.
    pub(super) fn identity(&self) -> Identity {
        let key = |t: &CubeTensor| {
            let (memory, start, end) = t.handle.clone().binding().claim_key();
            (memory.value, start, end)
        };
        Identity {
            stage: self.stage,
            program: self.program.clone(),
            coefficients: self.coefficients.len(),
            gradients: self.gradients.iter().map(key).collect(),
            states: self.states.iter().map(key).collect(),
        }
    }
}

/// A place in the memory of the device.
type Key = (usize, u64, u64);

/// What tells launches apart.
#[derive(PartialEq, Eq)]
pub(super) struct Identity {
    stage: usize,
    program: Program,
    coefficients: usize,
    gradients: Vec<Key>,
    states: Vec<Key>,
}
