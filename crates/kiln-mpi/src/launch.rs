//! Whether a launcher of MPI has started this process.

use std::env;

/// How this process was started, if a launcher of MPI has started several.
///
/// It is read from the environment, so that a program without MPI can tell as well.
///
/// # Example
/// ```
/// use kiln_mpi::Launch;
///
/// // Nobody started several of this test.
/// assert_eq!(Launch::detect(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The launcher, such as `mpirun`.
    pub by: &'static str,
    /// The number of processes, at least 2.
    pub size: usize,
}

/// The variables with the number of processes.
const SIZES: [(&str, &str); 3] = [
    // Open MPI.
    ("OMPI_COMM_WORLD_SIZE", "mpirun"),
    // MPICH, Intel MPI, and Slurm's PMI-1 and PMI-2.
    ("PMI_SIZE", "mpirun"),
    // A step of Slurm, but not the script that starts it.
    ("SLURM_STEP_NUM_TASKS", "srun"),
];

impl Launch {
    /// Returns how this process was started, or none if it is the only one.
    pub fn detect() -> Option<Self> {
        Self::from(|name| env::var(name).ok())
    }

    fn from(value: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let size = |name| value(name)?.trim().parse::<usize>().ok().filter(|size| *size > 1);
        SIZES.iter().find_map(|(name, by)| size(name).map(|size| Self { by, size }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_is_known_by_its_variables() {
        let found = |name: &'static str, text: &'static str| {
            Launch::from(move |asked| (asked == name).then(|| text.to_owned())).map(|launch| (launch.by, launch.size))
        };
        assert_eq!(found("OMPI_COMM_WORLD_SIZE", "4"), Some(("mpirun", 4)));
        assert_eq!(found("PMI_SIZE", "2"), Some(("mpirun", 2)));
        assert_eq!(found("SLURM_STEP_NUM_TASKS", "64"), Some(("srun", 64)));
        // One process is no company, and a script of Slurm is one process.
        assert_eq!(found("OMPI_COMM_WORLD_SIZE", "1"), None);
        assert_eq!(found("SLURM_NTASKS", "8"), None);
        assert_eq!(found("PMI_SIZE", "many"), None);
    }
}
