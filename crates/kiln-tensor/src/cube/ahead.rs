//! The steps that are known ahead, and their table on the device.

use burn::backend::fusion::get_client;
use burn_cubecl::{
    CubeBackend,
    cubecl::{self, server::Handle},
};

use super::{
    launch::{Buffers, CONTROL},
    plan::{self, Current, Table},
};
use crate::steps::Planned;

/// Steps that are planned. Numbers of steps count from the last reading.
#[derive(Default)]
pub(super) struct Ahead {
    steps: Vec<Planned>,
    /// The number of the first of them.
    from: usize,
    /// The table: its words a step, and its buffer.
    table: Option<(usize, Handle)>,
}

impl Ahead {
    /// Plans `steps`, the first of which is number `from`. Returns whether the table is a new one.
    pub(super) fn write(&mut self, buffers: &Buffers, steps: Vec<Planned>, from: usize) -> bool {
        (self.steps, self.from) = (steps, from);
        let Some(first) = self.steps.first() else { return false };
        let width = plan::HEAD + first.rows.len();
        let words: Vec<u32> =
            self.steps.iter().flat_map(|step| plan::words(step.epoch, step.place, &step.rows)).collect();
        assert_eq!(words.len(), width * self.steps.len(), "the steps have the same number of rows");
        let there = self.table.take().filter(|(there, _)| *there == width);
        let is_new = there.is_none();
        let (client, capacity) = (buffers.client.clone(), buffers.capacity);
        let handle = get_client::<CubeBackend>(&buffers.device).sync(move || {
            let handle = there.map_or_else(|| client.empty(4 * capacity * width), |(_, handle)| handle);
            let rows = handle.clone().offset_start((4 * from * width) as u64);
            client.write(&rows, cubecl::bytes::Bytes::from_elems(words));
            handle
        });
        self.table = Some((width, handle));
        is_new
    }

    /// The step of this number, if it is planned.
    pub(super) fn next(&self, number: usize) -> Option<&Planned> {
        self.steps.get(number - self.from)
    }

    /// How many steps are planned from this number on.
    pub(super) fn left(&self, number: usize) -> usize {
        self.steps.len().saturating_sub(number - self.from)
    }

    /// The step of this number with its table, if it is planned.
    pub(super) fn current(&self, buffers: &Buffers, number: usize) -> Option<Current> {
        let (step, (width, words)) = (self.next(number)?, self.table.clone()?);
        let (control, len) = (buffers.control.clone(), buffers.capacity * width);
        let table = Table { control, control_len: CONTROL, words, len, width };
        Some(Current { table, epoch: step.epoch, place: step.place, rows: step.rows.clone() })
    }

    /// Forgets the steps, and keeps the table for the next ones.
    pub(super) fn clear(&mut self) {
        (self.steps, self.from) = (Vec::new(), 0);
    }
}
