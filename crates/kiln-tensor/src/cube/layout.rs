//! Which cubes of a launch do which tensor.

use burn_cubecl::cubecl::prelude::CubeCount;

/// Threads of a cube.
pub(crate) const UNITS: usize = 256;

/// At least this many cubes, as a rectangle if a device does not allow them in a row.
pub(crate) fn spread(cubes: usize) -> CubeCount {
    let along = cubes.clamp(1, MOST_CUBES);
    CubeCount::Static(along as u32, cubes.div_ceil(along).max(1) as u32, 1)
}

/// The tensors of a launch, one after another, each on cubes of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    lengths: Vec<usize>,
    /// Elements of a thread.
    pub(super) per_unit: usize,
}

/// Cubes of a launch that every device allows along one axis.
const MOST_CUBES: usize = 65_535;

impl Layout {
    pub(super) fn new(lengths: Vec<usize>) -> Self {
        let mut layout = Self { lengths, per_unit: 4 };
        while layout.cubes() > MOST_CUBES {
            layout.per_unit *= 2;
        }
        layout
    }

    pub(super) fn slots(&self) -> usize {
        self.lengths.len()
    }

    pub(super) fn length(&self, slot: usize) -> usize {
        self.lengths[slot]
    }

    /// The first cube of a slot.
    pub(super) fn begin(&self, slot: usize) -> usize {
        self.lengths[..slot].iter().map(|length| length.div_ceil(self.per_unit * UNITS)).sum()
    }

    pub(super) fn cubes(&self) -> usize {
        self.begin(self.slots())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_has_cubes_for_all_of_its_elements() {
        let layout = Layout::new(vec![1, 1024, 1025, 0, 3000]);
        let begins: Vec<usize> = (0..=5).map(|slot| layout.begin(slot)).collect();
        assert_eq!(begins, [0, 1, 2, 4, 4, 7]);
        let large = Layout::new(vec![1 << 30, 7]);
        assert!(large.cubes() <= MOST_CUBES && large.begin(1) * large.per_unit * UNITS >= 1 << 30);
    }
}
