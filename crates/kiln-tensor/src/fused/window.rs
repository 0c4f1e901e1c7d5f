//! Where the kernel of a convolution lies.

/// Where a kernel lies on images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    /// Height and width of the kernel.
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    /// At the top and at the left.
    pub(crate) padding: [usize; 2],
    /// Rows and columns of positions.
    pub(crate) out: [usize; 2],
}

impl Window {
    /// Number of values of an image.
    pub(crate) fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Number of values of a patch.
    pub(crate) fn patch_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels
    }

    /// Number of patches of an image.
    pub(crate) fn patches(&self) -> usize {
        self.out[0] * self.out[1]
    }
}
