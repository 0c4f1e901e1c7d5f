//! Rows of bytes that stay on a GPU: images, of which minibatches are made there.

#[cfg(feature = "cube")]
pub use crate::cube::rows::{ByteRows, DrawRows, ValueRows};
#[cfg(not(feature = "cube"))]
pub use nowhere::{ByteRows, DrawRows, ValueRows};

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

        /// Says which number each byte stands for.
        pub fn with_values(self, _: &[f64; 256]) -> ValueRows {
            match self.0 {}
        }

        /// Says with which chance each byte is drawn as 1.
        pub fn with_draws(self, _: &[u64; 256], _: u64, _: &str, _: Option<u64>) -> DrawRows {
            match self.0 {}
        }
    }

    /// Rows whose bytes stand for numbers. There is no value of this type.
    pub struct ValueRows(Infallible);

    impl ValueRows {
        /// Returns the given rows, each byte replaced by its number.
        pub fn rows(&self, _: &[usize]) -> Tensor<2> {
            match self.0 {}
        }
    }

    /// Rows whose bytes stand for chances. There is no value of this type.
    pub struct DrawRows(Infallible);

    impl DrawRows {
        /// Returns the given rows in an epoch, each byte replaced by a draw of 0 or 1.
        pub fn rows(&self, _: &[usize], _: u64) -> Tensor<2> {
            match self.0 {}
        }
    }
}
