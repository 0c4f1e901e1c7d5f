//! Processes that compute together: each is a rank of one world.
//!
//! A loss over rows is a sum. So each rank evaluates its part of the rows, the ranks add up values and gradients, and all of them take the
//! same step. This module has what that needs of an engine such as MPI, as the trait [`Communicator`], and a [`World`] that the rest of
//! Kiln works with. The crate `kiln-mpi` has the engine for clusters. [`threads`] runs ranks as threads of this process, for tests.
//!
//! All ranks must make the same calls in the same order.
//!
//! # Example
//! ```
//! use kiln_tensor::world::{WorldError, threads};
//!
//! // The mean of 0, 1, …, 9, on three ranks.
//! let means = threads(3, |world| {
//!     let part: f64 = world.share_of(10).map(|row| row as f64).sum();
//!     let mut sum = [part];
//!     world.sum(&mut sum)?;
//!     Ok::<f64, WorldError>(sum[0] / 10.0)
//! });
//! for mean in means {
//!     assert_eq!(mean?, 4.5);
//! }
//! # Ok::<(), WorldError>(())
//! ```

mod local;

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use local::threads;

/// Why ranks could not compute together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Some ranks did not take part in time.
    #[error("{} not answered for {} s", ranks_have(ranks), waited.as_secs())]
    Silent {
        /// The ranks that did not answer; empty if they are not known.
        ranks: Vec<usize>,
        /// How long this rank has waited.
        waited: Duration,
    },
    /// Another rank has failed.
    #[error("rank {rank} failed: {message}")]
    Failed {
        /// The rank.
        rank: usize,
        /// Its error.
        message: String,
    },
    /// Ranks gave different numbers of values: they are not at the same place of the program.
    #[error("rank {rank} gave {got} values, but rank 0 gave {expected}")]
    Lengths {
        /// The rank.
        rank: usize,
        /// The number that rank 0 gave.
        expected: usize,
        /// The number that this rank gave.
        got: usize,
    },
    /// Ranks do not have the same problem.
    #[error("{what}: rank {rank} has another than rank 0; all ranks need the same settings, data and program")]
    Different {
        /// The rank.
        rank: usize,
        /// What is different.
        what: String,
    },
    /// The engine reports an error.
    #[error("{0}")]
    Engine(String),
}

fn ranks_have(ranks: &[usize]) -> String {
    match ranks {
        [] => "another rank has".to_owned(),
        [rank] => format!("rank {rank} has"),
        ranks => {
            let names: Vec<String> = ranks.iter().map(ToString::to_string).collect();
            format!("ranks {} have", names.join(", "))
        }
    }
}

/// What an engine must be able to do.
///
/// Every method is a collective one: all ranks call it, and it returns when all of them have. An implementation must not wait for ever: if a
/// rank does not take part, it returns [`WorldError::Silent`].
pub trait Communicator: Send + Sync {
    /// Returns the number of this process, from 0.
    fn rank(&self) -> usize;

    /// Returns the number of processes.
    fn size(&self) -> usize;

    /// Adds up the ranks' values, entry by entry. Every rank gets the same bits, and so does every later call with the same values and the
    /// same number of ranks.
    ///
    /// # Errors
    /// [`WorldError`].
    fn sum(&self, values: &mut [f64]) -> Result<(), WorldError>;

    /// [`sum`](Self::sum) in f32.
    ///
    /// # Errors
    /// [`WorldError`].
    fn sum_f32(&self, values: &mut [f32]) -> Result<(), WorldError>;

    /// Returns the bytes of each rank, in the order of the ranks. They may have different lengths.
    ///
    /// # Errors
    /// [`WorldError`].
    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, WorldError>;
}

/// The ranks that compute together, seen from one of them. A clone is the same world.
///
/// # Example
/// ```
/// use kiln_tensor::world::World;
///
/// let world = World::alone();
/// assert_eq!((world.rank(), world.size(), world.share_of(10)), (0, 1, 0..10));
/// ```
#[derive(Clone, Default)]
pub struct World(Option<Arc<Shared>>);

struct Shared {
    communicator: Box<dyn Communicator>,
    calls: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

/// What communication has cost one rank.
///
/// # Example
/// ```
/// use kiln_tensor::world::{Traffic, threads};
///
/// let traffic = threads(2, |world| {
///     world.sum(&mut [1.0, 2.0]).unwrap();
///     world.traffic()
/// });
/// let Traffic { calls, bytes, .. } = traffic[0];
/// assert_eq!((calls, bytes), (1, 16));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Collective calls.
    pub calls: u64,
    /// Bytes that this rank gave.
    pub bytes: u64,
    /// Seconds in these calls, which includes the waiting for ranks that are slower.
    pub seconds: f64,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("rank", &self.rank()).field("size", &self.size()).finish_non_exhaustive()
    }
}

/// Two worlds are equal if one is a clone of the other.
impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl World {
    /// A world of one rank. Every operation on it does nothing, and costs nothing.
    pub fn alone() -> Self {
        Self(None)
    }

    /// The world of an engine.
    pub fn new(communicator: impl Communicator + 'static) -> Self {
        let communicator: Box<dyn Communicator> = Box::new(communicator);
        let zero = || AtomicU64::new(0);
        Self(Some(Arc::new(Shared { communicator, calls: zero(), bytes: zero(), nanoseconds: zero() })))
    }

    /// Returns the number of this rank, from 0.
    pub fn rank(&self) -> usize {
        self.0.as_ref().map_or(0, |shared| shared.communicator.rank())
    }

    /// Returns the number of ranks.
    pub fn size(&self) -> usize {
        self.0.as_ref().map_or(1, |shared| shared.communicator.size())
    }

    /// Returns whether there is one rank only.
    pub fn is_alone(&self) -> bool {
        self.size() == 1
    }

    /// Returns whether this is rank 0, which prints and writes for all.
    pub fn is_root(&self) -> bool {
        self.rank() == 0
    }

    /// Returns this rank's part of `0..n`: consecutive, and as long as the other parts, or one longer.
    pub fn share_of(&self, n: usize) -> Range<usize> {
        let end = |rank: usize| (n as u128 * rank as u128 / self.size() as u128) as usize;
        end(self.rank())..end(self.rank() + 1)
    }

    /// Adds up the ranks' values, entry by entry. Every rank gets the same bits.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn sum(&self, values: &mut [f64]) -> Result<(), WorldError> {
        let bytes = size_of_val(values);
        self.timed(bytes, (), |communicator| communicator.sum(values))
    }

    /// [`sum`](Self::sum) in f32.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn sum_f32(&self, values: &mut [f32]) -> Result<(), WorldError> {
        let bytes = size_of_val(values);
        self.timed(bytes, (), |communicator| communicator.sum_f32(values))
    }

    /// Returns the bytes of each rank, in the order of the ranks.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, WorldError> {
        if self.is_alone() {
            return Ok(vec![bytes.to_vec()]);
        }
        self.timed(bytes.len(), Vec::new(), |communicator| communicator.gather(bytes))
    }

    /// Returns the numbers of each rank, in the order of the ranks. They may be of different lengths.
    ///
    /// # Errors
    /// [`WorldError`].
    ///
    /// # Example
    /// ```
    /// use kiln_tensor::world::threads;
    ///
    /// let all = threads(3, |world| world.gather_numbers(&vec![0.5; world.rank()]).unwrap());
    /// assert_eq!(all[0], [vec![], vec![0.5], vec![0.5, 0.5]]);
    /// ```
    pub fn gather_numbers(&self, numbers: &[f64]) -> Result<Vec<Vec<f64>>, WorldError> {
        if self.is_alone() {
            return Ok(vec![numbers.to_vec()]);
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let read = |bytes: Vec<u8>| {
            bytes.chunks_exact(8).map(|number| f64::from_le_bytes(number.try_into().expect("8 bytes"))).collect()
        };
        Ok(self.gather(&bytes)?.into_iter().map(read).collect())
    }

    /// Returns the bytes of rank 0. The other ranks' bytes are not looked at.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn broadcast(&self, bytes: Vec<u8>) -> Result<Vec<u8>, WorldError> {
        if self.is_alone() {
            return Ok(bytes);
        }
        let own: &[u8] = if self.is_root() { &bytes } else { &[] };
        Ok(self.gather(own)?.swap_remove(0))
    }

    /// Tells the ranks of each other's errors, so that all of them stop where one has failed. Returns `result` if no other rank failed.
    ///
    /// # Errors
    /// The error of `result`, or else [`WorldError::Failed`] with the error of the first rank that failed.
    ///
    /// # Example
    /// ```
    /// use kiln_tensor::world::{WorldError, threads};
    ///
    /// let ends = threads(2, |world| {
    ///     let read = if world.rank() == 1 { Err(WorldError::Engine("no such file".into())) } else { Ok(5) };
    ///     world.agree(read)
    /// });
    /// assert_eq!(ends[0].clone().unwrap_err().to_string(), "rank 1 failed: no such file");
    /// assert_eq!(ends[1].clone().unwrap_err().to_string(), "no such file");
    /// ```
    pub fn agree<T, E: fmt::Display + From<WorldError>>(&self, result: Result<T, E>) -> Result<T, E> {
        if self.is_alone() {
            return result;
        }
        let message = match &result {
            Ok(_) => Vec::new(),
            Err(error) => format!("!{error}").into_bytes(),
        };
        let all = self.gather(&message);
        let value = result?;
        let failed = all?.into_iter().enumerate().find(|(_, message)| !message.is_empty());
        match failed {
            None => Ok(value),
            Some((rank, message)) => {
                let message = String::from_utf8_lossy(&message[1..]).into_owned();
                Err(WorldError::Failed { rank, message }.into())
            }
        }
    }

    /// Compares named numbers, such as the number of rows, which must be the same on all ranks.
    ///
    /// # Errors
    /// [`WorldError::Different`] for the first number that differs from that of rank 0.
    pub fn compare(&self, numbers: &[(&str, u64)]) -> Result<(), WorldError> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|(_, number)| number.to_le_bytes()).collect();
        let all = self.gather(&bytes)?;
        for (i, (what, _)) in numbers.iter().enumerate() {
            let of = |bytes: &Vec<u8>| bytes.get(8 * i..8 * i + 8).map(<[u8]>::to_vec);
            if let Some(rank) = all.iter().position(|bytes| of(bytes) != of(&all[0])) {
                return Err(WorldError::Different { rank, what: (*what).to_owned() });
            }
        }
        Ok(())
    }

    /// Returns what communication has cost this rank so far.
    pub fn traffic(&self) -> Traffic {
        let Some(shared) = &self.0 else { return Traffic::default() };
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let seconds = Duration::from_nanos(of(&shared.nanoseconds)).as_secs_f64();
        Traffic { calls: of(&shared.calls), bytes: of(&shared.bytes), seconds }
    }

    fn timed<T>(
        &self,
        bytes: usize,
        alone: T,
        call: impl FnOnce(&dyn Communicator) -> Result<T, WorldError>,
    ) -> Result<T, WorldError> {
        let Some(shared) = self.0.as_ref().filter(|shared| shared.communicator.size() > 1) else { return Ok(alone) };
        let tick = Instant::now();
        let result = call(shared.communicator.as_ref());
        let spent = u64::try_from(tick.elapsed().as_nanos()).unwrap_or(u64::MAX);
        for (number, by) in [(&shared.calls, 1), (&shared.bytes, bytes as u64), (&shared.nanoseconds, spent)] {
            number.fetch_add(by, Ordering::Relaxed);
        }
        result
    }
}
