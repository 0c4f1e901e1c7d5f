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
    /// The prior needs another model.
    #[error("this prior needs {0}")]
    Prior(&'static str),
    /// The likelihood is not Gaussian, so that its scale has no closed form.
    #[error("optimal_scale is for a Gaussian likelihood")]
    OptimalScale,
    /// There are fewer than two grey levels.
    #[error("a likelihood over levels needs at least 2 levels, got {0}")]
    Levels(usize),
    /// The shape of the scale does not fit that of the location.
    #[error("log_scale has shape {log_scale:?}, which does not fit loc's {loc:?}")]
    Scale {
        /// The shape of the location.
        loc: [usize; 2],
        /// The shape of the logarithm of the scale.
        log_scale: [usize; 2],
    },
    /// The values of an image, or the standard deviations of its channels, do not match the number of channels.
    #[error(
        "there must be one of channel_stddevs for each of the {channels} channels, and data_dim ({data_dim}) must be a multiple of {channels}"
    )]
    Channels {
        /// Number of channels of a pixel.
        channels: usize,
        /// Number of values of an image.
        data_dim: usize,
    },
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
