//! Ranks that are threads of one process.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{Communicator, World, WorldError};

/// Runs `work` once for each of `size` ranks (at least 1), each on a thread of its own, and returns their results in order.
///
/// It is meant for tests: threads of one process share its processors anyway. Each rank has a pool of one thread, because a rank that waits for
/// another must not hold a thread that the other needs.
///
/// # Panics
/// If `work` panics on a rank, after the other ranks have ended.
pub fn threads<R: Send>(size: usize, work: impl Fn(World) -> R + Sync) -> Vec<R> {
    let meeting = Arc::new(Meeting { size: size.max(1), state: Mutex::default(), changed: Condvar::new() });
    let work = &work;
    thread::scope(|scope| {
        let start = |rank| {
            let member = Member { rank, meeting: Arc::clone(&meeting) };
            scope.spawn(move || {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be started");
                pool.install(|| work(World::new(member)))
            })
        };
        let ranks: Vec<_> = (0..meeting.size).map(start).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// The place where the threads exchange bytes.
struct Meeting {
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    given: Vec<(usize, Vec<u8>)>,
    /// All ranks' bytes, until each of them has taken them.
    complete: Option<Arc<Vec<Vec<u8>>>>,
    taken: usize,
    /// Ranks that have ended.
    gone: Vec<usize>,
}

struct Member {
    rank: usize,
    meeting: Arc<Meeting>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.meeting.lock().gone.push(self.rank);
        self.meeting.changed.notify_all();
    }
}

/// A test that waits longer has a rank that does not come.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Meeting {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` returns a value.
    fn wait<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> Result<T, WorldError> {
        let (start, mut state) = (Instant::now(), self.lock());
        loop {
            if let Some(value) = ready(&mut state) {
                self.changed.notify_all();
                return Ok(value);
            }
            let waited = start.elapsed();
            if waited >= LONGEST_WAIT || !state.gone.is_empty() {
                let ranks = state.gone.clone();
                return Err(WorldError::Silent { ranks, waited });
            }
            let rest = LONGEST_WAIT - waited;
            state = self.changed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Communicator for Member {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.meeting.size
    }

    fn sum(&self, values: &mut [f64]) -> Result<(), WorldError> {
        let all = self.gather(bytemuck::cast_slice(values))?;
        add(values, &all)
    }

    fn sum_f32(&self, values: &mut [f32]) -> Result<(), WorldError> {
        let all = self.gather(bytemuck::cast_slice(values))?;
        add(values, &all)
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, WorldError> {
        let size = self.size();
        // The meeting before this one must be over.
        self.meeting.wait(|state| {
            (state.complete.is_none()).then(|| {
                state.given.push((self.rank, bytes.to_vec()));
                if state.given.len() == size {
                    let mut given = std::mem::take(&mut state.given);
                    given.sort_by_key(|(rank, _)| *rank);
                    state.complete = Some(Arc::new(given.into_iter().map(|(_, bytes)| bytes).collect()));
                }
            })
        })?;
        let all = self.meeting.wait(|state| {
            let all = state.complete.clone()?;
            state.taken += 1;
            if state.taken == size {
                (state.complete, state.taken) = (None, 0);
            }
            Some(all)
        })?;
        Ok(Arc::unwrap_or_clone(all))
    }
}

/// Adds in the order of the ranks.
fn add<T: bytemuck::Pod + std::ops::AddAssign>(values: &mut [T], all: &[Vec<u8>]) -> Result<(), WorldError> {
    if let Some(rank) = all.iter().position(|bytes| bytes.len() != all[0].len()) {
        let [expected, got] = [&all[0], &all[rank]].map(|bytes| bytes.len() / size_of::<T>());
        return Err(WorldError::Lengths { rank, expected, got });
    }
    for (rank, bytes) in all.iter().enumerate() {
        let part: Vec<T> = bytemuck::pod_collect_to_vec(bytes);
        if rank == 0 {
            values.copy_from_slice(&part);
        } else {
            values.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_add_up_their_values_again_and_again() {
        for size in [1, 2, 5] {
            let sums = threads(size, |world| {
                let (mut all, mut single) = (Vec::new(), vec![1.5f32]);
                for round in 0..50 {
                    let mut values = [world.rank() as f64, f64::from(round)];
                    world.sum(&mut values).unwrap();
                    all.push(values);
                }
                world.sum_f32(&mut single).unwrap();
                (all, single)
            });
            let n = size as f64;
            let expected: Vec<[f64; 2]> = (0..50).map(|round| [n * (n - 1.0) / 2.0, n * f64::from(round)]).collect();
            for sum in sums {
                assert_eq!(sum, (expected.clone(), vec![1.5 * size as f32]), "{size}");
            }
        }
    }

    #[test]
    fn bytes_come_in_the_order_of_the_ranks_and_from_rank_0() {
        let gathered = threads(3, |world| {
            let own = vec![world.rank() as u8; world.rank()];
            (world.gather(&own).unwrap(), world.broadcast(vec![7 + world.rank() as u8]).unwrap())
        });
        for (all, first) in gathered {
            assert_eq!((all, first), (vec![vec![], vec![1], vec![2, 2]], vec![7]));
        }
    }

    #[test]
    fn a_rank_that_ends_is_missed() {
        let ends = threads(2, |world| if world.rank() == 1 { Ok(()) } else { world.sum(&mut [0.0]) });
        let error = ends[0].clone().unwrap_err();
        assert!(matches!(&error, WorldError::Silent { ranks, .. } if ranks == &[1]), "{error:?}");
        assert_eq!(error.to_string(), "rank 1 has not answered for 0 s");
    }

    #[test]
    fn ranks_at_different_places_are_told() {
        let ends = threads(2, |world| world.sum(&mut vec![0.0; 1 + world.rank()]));
        assert_eq!(ends, vec![Err(WorldError::Lengths { rank: 1, expected: 1, got: 2 }); 2]);
    }

    #[test]
    fn parts_are_consecutive_and_of_about_one_size() {
        for (size, n) in [(3, 10), (4, 3), (2, 0), (7, 1000)] {
            let parts = threads(size, |world| world.share_of(n));
            assert_eq!(parts.iter().cloned().flatten().collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
            let lengths: Vec<usize> = parts.iter().map(ExactSizeIterator::len).collect();
            assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1, "{lengths:?}");
        }
    }
}
