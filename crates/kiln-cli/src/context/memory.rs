//! An estimate of the memory that a command will need, made before anything large is allocated.

use sysinfo::System;

use crate::base::{Failure, Result};

/// Parts of a run's memory, in bytes. Sums and products saturate: an absurd size stays absurd.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    parts: Vec<(&'static str, u64)>,
}

impl Memory {
    /// Adds `count` numbers of `size` bytes, where the count is a product.
    #[must_use]
    pub(crate) fn with(mut self, what: &'static str, factors: &[usize], size: u64) -> Self {
        let count = factors.iter().fold(1u64, |product, &factor| product.saturating_mul(factor as u64));
        self.parts.push((what, count.saturating_mul(size)));
        self
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Refuses what does not fit into the machine's memory, with the numbers.
    pub(crate) fn check(&self) -> Result<()> {
        let (needed, available) = (self.bytes(), available());
        if available.is_none_or(|available| needed <= available) {
            return Ok(());
        }
        let mut parts = self.parts.clone();
        parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let largest: Vec<String> =
            parts.iter().take(3).map(|(what, bytes)| format!("{what} {}", size(*bytes))).collect();
        Err(Failure::usage(format!(
            "this needs about {} of memory ({}), and {} are available: reduce the sizes",
            size(needed),
            largest.join(", "),
            size(available.unwrap_or(0))
        )))
    }
}

/// Bytes that this process may use at most: the machine's memory, or the limit of its container or of `ulimit -v`.
fn available() -> Option<u64> {
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

fn size(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let gib = bytes as f64 / f64::from(1 << 30);
    match bytes {
        u64::MAX => "more than 16 EiB".to_owned(),
        _ if gib >= 1e6 => format!("{gib:.1e} GiB"),
        _ if gib >= 0.1 => format!("{gib:.1} GiB"),
        _ => format!("{:.1} MiB", gib * 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_sizes_are_refused_with_the_numbers() {
        let small = Memory::default().with("weights", &[1000, 10], 8);
        assert_eq!(small.bytes(), 80_000);
        small.check().unwrap();
        let absurd = small.with("activations", &[usize::MAX, usize::MAX], 4).check().unwrap_err();
        assert!(absurd.message.contains("16 EiB") && absurd.message.contains("activations"), "{}", absurd.message);
        let large = Memory::default().with("weights", &[1_000_000_000_000, 784], 4).check().unwrap_err();
        assert!(large.message.contains("GiB"), "{}", large.message);
    }
}
