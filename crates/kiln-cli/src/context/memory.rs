//! An estimate of the memory that a command will need, made before anything large is allocated.

use kiln::tensor::memory::{Size, limit};

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
        let (needed, available) = (self.bytes(), limit());
        if available.is_none_or(|available| needed <= available) {
            return Ok(());
        }
        let mut parts = self.parts.clone();
        parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let largest: Vec<String> =
            parts.iter().take(3).map(|(what, bytes)| format!("{what} {}", Size(*bytes))).collect();
        Err(Failure::usage(format!(
            "this needs about {} of memory ({}), and {} are available: reduce the sizes",
            Size(needed),
            largest.join(", "),
            Size(available.unwrap_or(0))
        )))
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
