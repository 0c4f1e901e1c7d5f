//! All processes as a communicator of Kiln, with waits that end.

use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use kiln_tensor::world::{Communicator, WorldError};

use super::calls::{self, Memory, Number, Pending};

/// `MPI_COMM_WORLD`.
pub(super) struct Everyone {
    rank: usize,
    size: usize,
    longest_wait: Duration,
    /// What collective calls share, which also keeps them apart: MPI allows one at a time.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of calls so far.
    calls: u64,
    memory: Memory,
}

/// The time between two looks that counts at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

impl Everyone {
    pub(super) fn new(longest_wait: Duration) -> Self {
        let (rank, size) = calls::rank_and_size();
        Self { rank, size, longest_wait, state: Mutex::default() }
    }

    /// Runs one collective call to its end.
    fn complete<S, R>(&self, begin: impl FnOnce(&mut Memory) -> Pending<S, R>) -> Result<Pending<S, R>, WorldError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        let (mut said, mut pending) = (false, begin(&mut state.memory));
        let (mut waited, mut looked) = (Duration::ZERO, Instant::now());
        loop {
            if pending.is_complete() {
                return Ok(pending);
            }
            // A process that was stopped for a while has not waited for the others.
            waited += looked.elapsed().min(LONGEST_PAUSE);
            looked = Instant::now();
            if waited < calls::SPIN {
                // The other ranks may need this processor.
                thread::yield_now();
                continue;
            }
            if !said && waited > self.longest_wait / 2 {
                calls::say_that_i_wait(state.calls, self.rank, self.size);
                said = true;
            }
            if waited > self.longest_wait {
                let waiting = calls::who_waits(state.calls);
                pending.give_up();
                let ranks = (0..self.size).filter(|rank| *rank != self.rank && !waiting.contains(rank)).collect();
                return Err(WorldError::Silent { ranks, waited });
            }
            thread::sleep(Duration::from_micros(50));
        }
    }

    fn sum_of<T: Number>(&self, values: &mut [T]) -> Result<(), WorldError> {
        // MPI counts in `c_int`.
        for part in values.chunks_mut(1 << 24) {
            let own: &[T] = part;
            let begin = |memory: &mut Memory| calls::sum(own, T::of(memory));
            // The sums replace the values once no call reads them.
            let pending = self.complete(begin)?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            pending.sums_into(part, T::of(&mut state.memory));
        }
        Ok(())
    }
}

/// Says that this rank gives up, and waits until all others have said so.
pub(super) fn all_give_up(patience: Duration) -> bool {
    let ((rank, size), start) = (calls::rank_and_size(), Instant::now());
    calls::say_that_i_wait(u64::MAX, rank, size);
    let mut others = 0;
    loop {
        others += calls::who_waits(u64::MAX).len();
        if others + 1 >= size {
            return true;
        }
        if start.elapsed() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

impl Communicator for Everyone {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&self, values: &mut [f64]) -> Result<(), WorldError> {
        self.sum_of(values)
    }

    fn sum_f32(&self, values: &mut [f32]) -> Result<(), WorldError> {
        self.sum_of(values)
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, WorldError> {
        let lengths = self.complete(|_| calls::gather_numbers(bytes.len() as u64, self.size))?.received();
        let total: u64 = lengths.iter().sum();
        if total > i32::MAX as u64 {
            return Err(WorldError::Engine(format!("the ranks exchange {total} bytes at once, more than MPI's 2 GiB")));
        }
        // Open MPI calls a gathering of nothing an error.
        let all =
            if total == 0 { Vec::new() } else { self.complete(|_| calls::gather_bytes(bytes, &lengths))?.received() };
        let mut rest = all.as_slice();
        let take = |length: &u64| {
            let (own, after) = rest.split_at(*length as usize);
            rest = after;
            own.to_vec()
        };
        Ok(lengths.iter().map(take).collect())
    }
}
