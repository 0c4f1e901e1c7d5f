//! The MPI library.

mod calls;
mod communicator;

use std::time::Duration;

use kiln_tensor::World;
use mpi::{Threading, environment::Universe};

use self::communicator::Everyone;

/// MPI in this process, from [`start`](Self::start) until it is dropped.
///
/// Dropping it waits for the other ranks. A process that cannot go on calls [`abort`](Self::abort), which ends all ranks.
///
/// # Example
/// ```no_run
/// use kiln_mpi::Mpi;
/// use std::time::Duration;
///
/// let mpi = Mpi::start()?.longest_wait(Duration::from_secs(60));
/// println!("rank {} of {}", mpi.world().rank(), mpi.world().size());
/// # Ok::<(), kiln_mpi::MpiError>(())
/// ```
pub struct Mpi {
    /// Ends MPI when it is dropped.
    _universe: Universe,
    longest_wait: Duration,
}

/// Why MPI could not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MpiError {
    /// It runs already, or has ended: it can start once in a process.
    #[error("MPI has already been started in this process")]
    Started,
    /// The library cannot be called from a thread of a pool.
    #[error("this MPI library supports calls from the main thread only; Kiln needs MPI_THREAD_SERIALIZED")]
    Threads,
}

impl Mpi {
    /// The time that a rank waits for the others by default.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(600);

    /// Starts MPI.
    ///
    /// # Errors
    /// [`MpiError`].
    pub fn start() -> Result<Self, MpiError> {
        // The training loop calls from a thread of its pool, one call at a time.
        let (universe, threading) = mpi::initialize_with_threading(Threading::Serialized).ok_or(MpiError::Started)?;
        if threading < Threading::Serialized {
            return Err(MpiError::Threads);
        }
        Ok(Self { _universe: universe, longest_wait: Self::LONGEST_WAIT })
    }

    /// Sets how long a rank waits for the others. Longer is an error, so that a rank that hangs ends the job. Default: 600 s.
    pub fn longest_wait(self, longest_wait: Duration) -> Self {
        Self { longest_wait, ..self }
    }

    /// Returns all processes that were started together.
    pub fn world(&self) -> World {
        World::new(Everyone::new(self.longest_wait))
    }

    /// Says to the other ranks that this one cannot go on, and waits until all of them have said so. Returns whether they have: then every rank
    /// has failed, and can end as usual. Otherwise some rank still waits for this one, and [`abort`](Self::abort) ends it.
    pub fn all_give_up(&self, patience: Duration) -> bool {
        communicator::all_give_up(patience)
    }

    /// Ends all ranks at once, with this exit code.
    pub fn abort(code: i32) -> ! {
        calls::abort(code)
    }
}
