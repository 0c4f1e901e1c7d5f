//! [`Steps`] on CubeCL.

use burn::{
    backend::fusion::get_client,
    tensor::{DType, Device, Tensor},
};
use burn_cubecl::{
    CubeBackend, CubeDevice,
    cubecl::{self, prelude::*, server::Handle},
    tensor::CubeTensor,
};

use super::{
    buffer::{Number, computed, lazy},
    kernels::{self, LIMITS, PARTIAL, Taken, halt},
    layout::{Layout, UNITS},
    recording::{Job, Known, record},
};
use crate::steps::{Halt, Read, Row, StepsConfig};

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
    config: StepsConfig,
    capacity: usize,
    scalars: usize,
    like: Tensor<1>,
    device: CubeDevice,
    dtype: DType,
    client: Client,
    control: Handle,
    factor: Handle,
    limits: Handle,
    log: Handle,
    partials: Option<(usize, Handle)>,
    /// The cubes at which each gradient begins in `partials`.
    begins: Vec<usize>,
    known: Known,
    taken: usize,
}

impl Steps {
    /// Returns whether steps on this device can be taken without waiting.
    pub fn supports(device: &Device) -> bool {
        crate::device::is_cube(device)
    }

    /// Makes room for `capacity` ≥ 1 steps between two readings, whose losses have `scalars` − 1 terms.
    ///
    /// `like` is any tensor of the parameters' device and float type. Returns none if that is not f32 or f64 on a GPU.
    pub fn new(config: StepsConfig, capacity: usize, scalars: usize, like: Tensor<1>) -> Option<Self> {
        let buffer = computed(lazy(like.clone())?);
        let (client, device, dtype) = (buffer.client, buffer.device, buffer.dtype);
        let capacity = capacity.max(1);
        let (size, made) = (dtype.size(), client.clone());
        let numbers = move |numbers: &[f64]| -> Vec<u8> {
            match size {
                8 => bytemuck::cast_slice(numbers).to_vec(),
                _ => numbers.iter().flat_map(|x| (*x as f32).to_ne_bytes()).collect(),
            }
        };
        let limits = [config.clip_norm, config.clip_value, config.gtol].map(|limit| limit.unwrap_or(0.0));
        let [control, factor, limits, log] = get_client::<CubeBackend>(&device).sync(move || {
            [
                made.create_from_slice(bytemuck::bytes_of(&[0u32; 2])),
                made.create_from_slice(&numbers(&[1.0])),
                made.create_from_slice(&numbers(&limits)),
                made.empty(capacity * (scalars + 2) * size),
            ]
        });
        Some(Self {
            config,
            capacity,
            scalars,
            like,
            device,
            dtype,
            client,
            control,
            factor,
            limits,
            log,
            partials: None,
            begins: Vec::new(),
            known: Known::new(),
            taken: 0,
        })
    }

    /// Returns whether a tensor can be the loss or a gradient of these steps: it is on a GPU, in their float type.
    pub fn accepts<const D: usize>(&self, tensor: &Tensor<D>) -> bool {
        tensor.dtype() == self.dtype && crate::device::is_cube(&tensor.device())
    }

    /// Returns whether there is no room for another step before a reading.
    pub fn is_full(&self) -> bool {
        self.taken == self.capacity
    }

    /// Takes a step: `update` applies the gradients with an optimiser whose updates are [passes](crate::pass).
    ///
    /// `scalars` are the loss and its terms, each `[1]`. What `update` returns has its new values when the device is done, and its old
    /// values if it has halted.
    ///
    /// # Panics
    /// If [`is_full`](Self::is_full), the number of scalars is another one than at first, or nothing is updated.
    pub fn step<R>(&mut self, scalars: Vec<Tensor<1>>, update: impl FnOnce() -> R) -> R {
        assert!(!self.is_full(), "the steps must be read first");
        assert_eq!(scalars.len(), self.scalars, "a loss and its terms");
        let scalars: Vec<CubeTensor> =
            scalars.into_iter().map(|s| computed(lazy(s).expect("losses are on the device"))).collect();
        let (result, recorder) = record(self.like.clone(), std::mem::take(&mut self.known), update);
        self.known = recorder.known;
        assert!(recorder.jobs.iter().any(|job| job.stage == 0), "an update of nothing");
        self.taken += 1;
        match self.dtype {
            DType::F64 => self.launch::<f64>(scalars, recorder.jobs),
            _ => self.launch::<f32>(scalars, recorder.jobs),
        }
        result
    }

    /// Says that someone else may have kept a part of the parameters or of the state since the last step: they are then not written in
    /// place, but copied first.
    pub fn distrust(&mut self) {
        self.known.clear();
    }

    fn launch<F: Number>(&mut self, scalars: Vec<CubeTensor>, jobs: Vec<Job>) {
        let first: Vec<&Job> = jobs.iter().filter(|job| job.stage == 0).collect();
        let most = self.client.properties().hardware.max_bindings as usize;
        // The other bindings of a launch, and the one of its numbers.
        let summaries: Vec<(usize, Vec<CubeTensor>, Layout)> = {
            let (mut at, mut all) = (0, Vec::new());
            for jobs in first.chunks(most.saturating_sub(3).max(1)) {
                let gradients: Vec<CubeTensor> = jobs.iter().map(|job| job.gradient.clone()).collect();
                let layout = Layout::new(gradients.iter().map(|g| g.meta.num_elements()).collect());
                let cubes = layout.cubes();
                all.push((at, gradients, layout));
                at += cubes;
            }
            all
        };
        self.begins = summaries
            .iter()
            .flat_map(|(at, _, layout)| (0..layout.slots()).map(move |slot| at + layout.begin(slot)))
            .collect();
        let cubes = summaries.last().map_or(0, |(at, _, layout)| at + layout.cubes());
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
        let groups = Group::all(jobs, most);
        let coefficients: Vec<F> = groups.iter().flat_map(|group| &group.coefficients).map(|c| F::of(*c)).collect();
        let (client, config) = (self.client.clone(), self.config);
        let (control, factor, log) = (self.control.clone(), self.factor.clone(), self.log.clone());
        let limits = self.limits.clone();
        let row = self.scalars + 2;
        let capacity = self.capacity;
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
                    buffer(&control, 2),
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
                buffer(&control, 2),
                buffer(&factor, 1),
                buffer(&log, capacity * row),
                buffer(&limits, LIMITS),
                cubes as u32,
                scalars.len(),
                config.clip_norm.is_some(),
                config.gtol.is_some(),
            );
            let length = coefficients.len().max(1);
            let table = client.create_from_slice(bytemuck::cast_slice(&coefficients));
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
                    buffer(&table, length),
                    buffer(&control, 2),
                    buffer(&factor, 1),
                    buffer(&limits, LIMITS),
                    from,
                    layout,
                    group.program,
                    taken,
                );
                from += group.coefficients.len() as u32;
            }
        });
    }

    /// Waits for the device, and returns what the steps since the last reading measured.
    ///
    /// After a halt every later step is without effect, until [`resume`](Self::resume).
    pub fn read(&mut self) -> Read {
        match self.dtype {
            DType::F64 => self.read_as::<f64>(),
            _ => self.read_as::<f32>(),
        }
    }

    fn read_as<F: Number>(&mut self) -> Read {
        self.taken = 0;
        let (client, control, log) = (self.client.clone(), self.control.clone(), self.log.clone());
        let partials = self.partials.as_ref().map(|(_, handle)| handle.clone());
        let (bytes, partials) = get_client::<CubeBackend>(&self.device).sync(move || {
            let mut bytes = client.read(vec![control.clone(), log]).expect("the device answers");
            let reason = bytemuck::pod_read_unaligned::<[u32; 2]>(&bytes[0][..8])[1];
            client.write(&control, cubecl::bytes::Bytes::from_elems(vec![0u32, reason]));
            let partials = (reason == halt::NOT_FINITE)
                .then(|| partials.map(|handle| client.read_one(handle).expect("the device answers")))
                .flatten();
            bytes.truncate(2);
            (bytes, partials)
        });
        let [rows, reason] = bytemuck::pod_read_unaligned::<[u32; 2]>(&bytes[0][..8]);
        let numbers = |bytes: &[u8]| -> Vec<f64> {
            bytes.chunks_exact(std::mem::size_of::<F>()).map(|x| bytemuck::pod_read_unaligned::<F>(x).wide()).collect()
        };
        let log = numbers(&bytes[1]);
        let rows: Vec<Row> = log
            .chunks_exact(self.scalars + 2)
            .take(rows as usize)
            .map(|row| {
                let (scalars, size) = row.split_at(self.scalars);
                Row { scalars: scalars.to_vec(), norm: size[0].sqrt(), largest: size[1] }
            })
            .collect();
        let halt = match reason {
            halt::CONVERGED => Some(Halt::Converged),
            halt::OVERFLOW => Some(Halt::Overflow),
            halt::NOT_FINITE => {
                let partials = numbers(&partials.expect("they were read"));
                let cube = partials.chunks_exact(PARTIAL).position(|partial| partial[2] > 0.0);
                let of_cube =
                    |cube| self.begins.iter().rposition(|&begin| begin <= cube).expect("the first begins at 0");
                let finite = rows.last().is_none_or(|row| row.scalars[0].is_finite());
                Some(cube.filter(|_| finite).map_or(Halt::Loss, |cube| Halt::Gradient(of_cube(cube))))
            }
            _ => None,
        };
        Read { rows, halt }
    }

    /// Takes steps again after a halt.
    pub fn resume(&mut self) {
        let (client, control) = (self.client.clone(), self.control.clone());
        get_client::<CubeBackend>(&self.device)
            .sync(move || client.write(&control, cubecl::bytes::Bytes::from_elems(vec![0u32, 0u32])));
    }
}

/// Jobs that one launch does: they have one program and the same coefficients.
struct Group {
    stage: usize,
    program: crate::program::Program,
    coefficients: Vec<f64>,
    gradients: Vec<CubeTensor>,
    states: Vec<CubeTensor>,
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
}
