//! What differs from step to step and is known ahead: a table on the device, a row for each step.
//!
//! A step that reads its rows of the data, its epoch and its place in the epoch from this table is the same list of launches every time,
//! so that it can be recorded once and repeated.

use std::cell::{Cell, RefCell};

use burn_cubecl::cubecl::{self, prelude::*, server::Handle};

/// Words of a row before the rows of the data: a zero, the epoch and the place in it.
pub(super) const HEAD: usize = 5;

/// The words of a row.
pub(super) fn words(epoch: u64, place: u64, rows: &[usize]) -> Vec<u32> {
    // The zero lets a table of one row be its own control, whose first word is the number of the row.
    let head = [0, epoch as u32, (epoch >> 32) as u32, place as u32, (place >> 32) as u32];
    head.into_iter().chain(rows.iter().map(|row| *row as u32)).collect()
}

/// A table, and the word that says which row of it is next.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) control: Handle,
    pub(super) control_len: usize,
    pub(super) words: Handle,
    pub(super) len: usize,
    pub(super) width: usize,
}

impl Table {
    /// A table of one row, for an operation outside of a plan.
    pub(super) fn once(client: &Client, epoch: u64, place: u64, rows: &[usize]) -> Self {
        let words = words(epoch, place, rows);
        let len = words.len();
        let handle = client.create_from_slice(bytemuck::cast_slice(&words));
        Self { control: handle.clone(), control_len: len, words: handle, len, width: len }
    }

    #[allow(unsafe_code, reason = "the lengths are those of the buffers")]
    pub(super) fn args(&self) -> [BufferArg; 2] {
        unsafe {
            [
                BufferArg::from_raw_parts(self.control.clone(), self.control_len),
                BufferArg::from_raw_parts(self.words.clone(), self.len),
            ]
        }
    }
}

/// The step that is being computed: its row of the table.
pub(super) struct Current {
    pub(super) table: Table,
    pub(super) epoch: u64,
    pub(super) place: u64,
    pub(super) rows: Vec<usize>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
    /// Whether something came from the host that the table does not have.
    static FROM_HOST: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, in which the rows and the noise of this step come from the table. Returns also whether everything did.
pub(super) fn within<R>(current: Current, work: impl FnOnce() -> R) -> (R, bool) {
    /// Ends the plan if `work` panics, too.
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            CURRENT.set(None);
        }
    }
    CURRENT.set(Some(current));
    FROM_HOST.set(false);
    let guard = Guard;
    let result = work();
    drop(guard);
    (result, !FROM_HOST.get())
}

/// Says that a step needs something of the host that may differ in the next step.
pub(crate) fn needs_the_host() {
    FROM_HOST.set(true);
}

/// The table, if these are the rows and this is the epoch of the current step.
pub(super) fn of_rows(rows: &[usize], epoch: Option<u64>) -> Option<Table> {
    let matches = |current: &Current| current.rows == rows && epoch.is_none_or(|epoch| epoch == current.epoch);
    lookup(matches)
}

/// The table, if this is the current step.
pub(super) fn of_step(epoch: u64, place: u64) -> Option<Table> {
    lookup(|current| (current.epoch, current.place) == (epoch, place))
}

fn lookup(matches: impl FnOnce(&Current) -> bool) -> Option<Table> {
    CURRENT.with_borrow(|current| {
        let current = current.as_ref()?;
        let found = matches(current);
        FROM_HOST.set(FROM_HOST.get() || !found);
        found.then(|| current.table.clone())
    })
}

/// Where the row of the current step begins.
#[cube]
pub(super) fn row(control: &[u32], width: u32) -> usize {
    control[0] as usize * width as usize
}
