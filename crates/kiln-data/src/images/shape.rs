//! The shape of an image.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Height, width and number of channels of an image.
///
/// # Example
///
/// ```
/// use kiln_data::ImageShape;
///
/// let shape = ImageShape::rgb(32, 48);
/// assert_eq!((shape.dims(), shape.to_string()), (4608, "32×48 pixels in colour".to_string()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageShape {
    /// The height in pixels.
    pub height: usize,
    /// The width in pixels.
    pub width: usize,
    /// The number of channels: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
}

impl ImageShape {
    /// A grey image.
    pub fn grey(height: usize, width: usize) -> Self {
        Self { height, width, channels: 1 }
    }

    /// An image with the channels red, green and blue.
    pub fn rgb(height: usize, width: usize) -> Self {
        Self { height, width, channels: 3 }
    }

    /// Returns the number of values of an image, height × width × channels.
    pub fn dims(&self) -> usize {
        self.height * self.width * self.channels
    }
}

/// For example `28×28 pixels` or `32×48 pixels in colour`, height first.
impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{} pixels", self.height, self.width)?;
        match self.channels {
            1 => Ok(()),
            3 => write!(f, " in colour"),
            channels => write!(f, " with {channels} channels"),
        }
    }
}
