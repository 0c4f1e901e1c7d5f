//! Rows of bytes that stay on a GPU: images, of which minibatches are made there.

#[cfg(feature = "cube")]
pub use crate::cube::rows::ByteRows;
#[cfg(not(feature = "cube"))]
pub use nowhere::ByteRows;

#[cfg(not(feature = "cube"))]
mod nowhere {
    use std::convert::Infallible;

    use burn::tensor::{Device, Tensor};

    /// Rows of bytes that stay on a GPU. This build has no GPU backend, so there is no value of this type.
    pub struct ByteRows(Infallible);

    impl ByteRows {
        /// Returns none.
        pub fn new(_: &[u8], _: usize, _: &Device) -> Option<Self> {
            None
        }

        /// Returns the given rows, each byte replaced by its number in `values`.
        pub fn values(&self, _: &[usize], _: &[f64; 256]) -> Tensor<2> {
            match self.0 {}
        }

        /// Returns the given rows, each byte replaced by a draw.
        pub fn draws(&self, _: &[usize], _: &[u64; 256], _: u64, _: &str, _: u64) -> Tensor<2> {
            match self.0 {}
        }
    }
}
