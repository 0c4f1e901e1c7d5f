//! A step as a graph of the device: its launches recorded once, to be repeated without the host.

use burn::backend::{Backend, BackendTypes, fusion::get_client};
use burn_cubecl::{
    CubeBackend, CubeDevice,
    cubecl::{self, prelude::*, server::Handle},
    tensor::CubeTensor,
};

use super::{
    launch::{Buffers, Group, Identity, Recorded},
    layout::{UNITS, spread},
};

/// A recorded step, and all that it uses, which must live as long.
pub(super) struct Graph {
    graph: <CubeBackend as BackendTypes>::GraphPrimitive,
    /// The updates. The states belong to the caller, who would otherwise have to copy them before he writes.
    updates: Vec<Identity>,
    _scalars: Vec<CubeTensor>,
    _gradients: Vec<CubeTensor>,
}

/// Has the device keep all memory that the next steps use: they are computed as always, and leave what the recording needs.
pub(super) fn prepare(device: &CubeDevice) -> bool {
    let there = device.clone();
    get_client::<CubeBackend>(device).sync(move || CubeBackend::graph_prepare(&there)).is_ok()
}

/// Launches are recorded from here on, and not made.
pub(super) fn start(device: &CubeDevice) -> bool {
    let there = device.clone();
    get_client::<CubeBackend>(device).sync(move || CubeBackend::graph_start_capture(&there)).is_ok()
}

/// Ends a preparation or a recording of which nothing is kept.
pub(super) fn abandon(device: &CubeDevice) {
    let there = device.clone();
    let _ = get_client::<CubeBackend>(device).sync(move || CubeBackend::graph_stop_capture(&there));
}

impl Graph {
    /// Ends the recording. None if something cannot be repeated.
    pub(super) fn finish(device: &CubeDevice, step: &Recorded) -> Option<Self> {
        let there = device.clone();
        let graph = get_client::<CubeBackend>(device).sync(move || CubeBackend::graph_stop_capture(&there)).ok()?;
        let updates = step.groups.iter().map(Group::identity).collect();
        Some(Self { graph, updates, _scalars: step.scalars.clone(), _gradients: step.gradients.clone() })
    }

    /// Repeats the step on the same buffers.
    pub(super) fn replay(&self, device: &CubeDevice) {
        let client = get_client::<CubeBackend>(device);
        client.sync(|| ());
        #[allow(unsafe_code, reason = "the graph owns all that it uses, and one thread at a time has it")]
        let done = client.run(|| unsafe { CubeBackend::graph_replay(device, &self.graph) });
        done.expect("the device answers").expect("the device has the graph");
    }

    /// Whether these updates are the recorded ones, but for the values of their coefficients.
    pub(super) fn is_like(&self, groups: &[Group]) -> bool {
        self.updates.iter().eq(groups.iter().map(Group::identity).collect::<Vec<_>>().iter())
    }
}

/// Copies of everything that a step overwrites. If a recording fails, the device calls its results lost, although nothing was computed.
pub(super) struct Backup {
    /// The buffer, its copy, and their length in words.
    copies: Vec<(Handle, Handle, usize)>,
}

#[cube(launch_unchecked)]
fn copy_words(from: &[u32], to: &mut [u32], count: u32) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        to[at] = from[at];
    }
}

#[allow(unsafe_code, reason = "the lengths are those of the buffers")]
fn copy(client: &Client, from: &Handle, to: &Handle, words: usize) {
    if words == 0 {
        return;
    }
    unsafe {
        copy_words::launch_unchecked(
            client,
            spread(words.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            BufferArg::from_raw_parts(from.clone(), words),
            BufferArg::from_raw_parts(to.clone(), words),
            words as u32,
        );
    }
}

impl Backup {
    /// Copies the buffers and these states.
    pub(super) fn new(buffers: &Buffers, states: &[CubeTensor]) -> Self {
        let words = buffers.dtype.size() / 4;
        let states = states.iter().map(|state| (state.handle.clone(), state.meta.num_elements() * words));
        let all: Vec<(Handle, usize)> = buffers.written().into_iter().chain(states).collect();
        let client = buffers.client.clone();
        let copies = get_client::<CubeBackend>(&buffers.device).sync(move || {
            let copied = |(handle, words): (Handle, usize)| {
                let to = client.empty(4 * words.max(1));
                copy(&client, &handle, &to, words);
                (handle, to, words)
            };
            all.into_iter().map(copied).collect()
        });
        Self { copies }
    }

    /// Writes everything back, and makes these copies of states, which were only recorded.
    pub(super) fn restore(self, buffers: &Buffers, copies: &[(CubeTensor, CubeTensor)]) {
        let client = buffers.client.clone();
        let words = |t: &CubeTensor| t.meta.num_elements() * t.dtype.size() / 4;
        let copies: Vec<(Handle, Handle, usize)> =
            copies.iter().map(|(from, to)| (to.handle.clone(), from.handle.clone(), words(from))).collect();
        get_client::<CubeBackend>(&buffers.device).sync(move || {
            for (to, from, words) in self.copies.into_iter().chain(copies) {
                copy(&client, &from, &to, words);
            }
        });
    }
}
