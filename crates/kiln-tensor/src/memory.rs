//! How much memory this process may use.
//!
//! On Linux an allocation beyond it often succeeds, and the process is killed later. So what may be large is checked before.

use std::fmt;

use sysinfo::System;

/// Something that does not fit into memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} would need about {} of memory, and {} are available", Size(*needed), Size(*available))]
pub struct MemoryError {
    /// What would be too large.
    pub what: String,
    /// The bytes that it needs.
    pub needed: u64,
    /// The bytes that this process may use.
    pub available: u64,
}

/// Returns an error if `bytes` are more than this process may use.
///
/// # Errors
/// Returns [`MemoryError`].
///
/// # Example
/// ```
/// let small = kiln_tensor::memory::check("a vector", 80);
/// assert!(small.is_ok());
/// let matrix = kiln_tensor::memory::check("a matrix of 10⁹ rows", 8_000_000_000_000_000_000).unwrap_err();
/// assert!(matrix.to_string().starts_with("a matrix of 10⁹ rows would need about 7.5e9 GiB of memory"));
/// ```
pub fn check(what: &str, bytes: u64) -> Result<(), MemoryError> {
    match limit() {
        Some(available) if bytes > available => Err(MemoryError { what: what.to_owned(), needed: bytes, available }),
        _ => Ok(()),
    }
}

/// Returns the bytes that this process may use at most: the machine's memory, or the limit of its container or of `ulimit -v`. Other
/// processes count for nothing. `None` if the system does not say.
pub fn limit() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let machine = Some(system.total_memory());
    let container = system.cgroup_limits().map(|limits| limits.total_memory);
    machine.into_iter().chain(container).filter(|bytes| *bytes > 0).chain(address_space()).min()
}

/// The limit of `ulimit -v`, where Linux tells it.
fn address_space() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A number of bytes in words, such as `1.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
        let gib = self.0 as f64 / f64::from(1 << 30);
        match self.0 {
            u64::MAX => f.write_str("more than 16 EiB"),
            _ if gib >= 1e6 => write!(f, "{gib:.1e} GiB"),
            _ if gib >= 0.1 => write!(f, "{gib:.1} GiB"),
            _ => write!(f, "{:.1} MiB", gib * 1024.0),
        }
    }
}
