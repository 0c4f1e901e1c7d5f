//! The errors of a VAE.

/// Why a [`Vae`](super::Vae) cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaeConfigError {
    /// A size is zero.
    #[error("{0} must be at least 1, got 0")]
    Size(&'static str),
    /// The image size does not match the number of pixels, or the images are too small for the convolutions.
    #[error(
        "images of {height}×{width}×{image_channels} cannot be halved {layers} times, or do not have {data_dim} values"
    )]
    Images {
        /// Image height in pixels.
        height: usize,
        /// Image width in pixels.
        width: usize,
        /// Number of channels of a pixel.
        image_channels: usize,
        /// Number of values of an image.
        data_dim: usize,
        /// Number of convolutions.
        layers: usize,
    },
    /// There are fewer than two grey levels.
    #[error("a categorical likelihood needs at least 2 grey levels, got {0}")]
    Levels(usize),
    /// The standard deviation of the images is negative or not finite.
    #[error("data_stddev must be finite and not negative")]
    DataStddev,
    /// The mean image has a different size than the images.
    #[error("data_mean must have one value for each of the {expected} pixels, got {got}")]
    DataMean {
        /// Number of pixels of an image.
        expected: usize,
        /// Number of values given.
        got: usize,
    },
}
