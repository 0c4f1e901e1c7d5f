//! MPI for Kiln: the ranks of `mpirun` and `srun` as a [`World`](kiln_tensor::World).
//!
//! With the feature `engine` the crate links the MPI library of this machine (Open MPI, MPICH, or one of their relatives), through the crate
//! `mpi`. Building it needs that library's headers and libclang; on Debian: `apt-get install libopenmpi-dev openmpi-bin libclang-dev`.
//! Without the feature there is only [`Launch`], which says whether a program was started by a launcher of MPI.
//!
//! # Example
//!
//! Started by `mpirun -n 4`, this program prints one line. Started by itself, it is a world of one rank.
//!
//! ```
//! # #[cfg(feature = "engine")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use kiln_mpi::Mpi;
//!
//! let mpi = Mpi::start()?;
//! let world = mpi.world();
//! let mut ranks = [1.0];
//! world.sum(&mut ranks)?;
//! if world.is_root() {
//!     println!("{} ranks", ranks[0]);
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "engine"))]
//! # fn main() {}
//! ```

#[cfg(feature = "engine")]
mod engine;
mod launch;

#[cfg(feature = "engine")]
pub use engine::{Mpi, MpiError};
pub use launch::Launch;
